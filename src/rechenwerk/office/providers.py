"""Routes of providers and their keys, which go in and never come out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

from rechenwerk.identity.secrets import provider_context, usable
from rechenwerk.office import bodies
from rechenwerk.office.access import OperatorRealm, Realm, Whose
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.ports import ShownProvider
from rechenwerk.office.switch_ports import Out

ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _view(shown: ShownProvider, out: Out) -> bodies.ProviderView:
    row = shown.provider
    return bodies.ProviderView(
        name=row.name,
        kind=row.kind,
        base_url=row.base_url,
        api_key_env=row.api_key_env,
        has_secret=shown.has_secret,
        active=row.active,
        out_since=out.since,
        out_reason=out.reason,
    )


async def list_providers(realm: OperatorRealm, organisation: Whose = None) -> bodies.ProvidersView:
    """The providers of a configuration, and whether their keys are stored."""
    realm = await realm.enter_configuration(organisation)
    found = await realm.desk.configuration.providers(realm.organisation_id)
    out = await realm.desk.switches.providers(realm.organisation_id)
    views = [_view(one, out.get(one.provider.name, Out(None, ""))) for one in found]
    return bodies.ProvidersView(organisation=realm.organisation, providers=views)


async def store_secret(
    realm: OperatorRealm, name: ProviderName, body: bodies.SecretBody, organisation: Whose = None
) -> bodies.ProviderView:
    """Store a provider's key, sealed, in the place of the one before."""
    realm = await realm.enter_configuration(body.organisation or organisation)
    secret = body.secret.get_secret_value().strip()
    if not usable(secret):
        raise refuse(
            422, "secret: send one line of visible ASCII, at most 8192 characters", "invalid_value", "secret"
        )
    if realm.office.box is None:
        raise refuse(
            409,
            "this office has no key to seal secrets with; start it with RECHENWERK_SECRET_KEY_FILE",
            "no_secret_key",
        )
    sealed = realm.office.box.seal(secret, provider_context(realm.organisation_id, name))
    return await _keep(realm, name, sealed)


async def remove_secret(
    realm: OperatorRealm, name: ProviderName, organisation: Whose = None
) -> bodies.ProviderView:
    """Forget a provider's key; a second time changes nothing."""
    realm = await realm.enter_configuration(organisation)
    return await _keep(realm, name, None)


async def _keep(realm: Realm, name: str, sealed: bytes | None) -> bodies.ProviderView:
    configuration = realm.desk.configuration
    if not await configuration.keep_secret(realm.organisation_id, name, sealed):
        raise missing("provider", name)
    return await provider_view(realm, name)


async def provider_view(realm: Realm, name: str) -> bodies.ProviderView:
    """A provider that is known to be there."""
    found = await realm.desk.configuration.providers(realm.organisation_id)
    out = await realm.desk.switches.providers(realm.organisation_id)
    return _view(next(one for one in found if one.provider.name == name), out[name])


def add_provider_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/providers", list_providers, methods=["GET"], tags=["configuration"])
    add("/providers/{name:path}/secret", store_secret, methods=["PUT"], tags=["configuration"])
    add("/providers/{name:path}/secret", remove_secret, methods=["DELETE"], tags=["configuration"])
