"""Routes of switches: a provider or one model of it off and on, and the limits of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from rechenwerk.office import bodies
from rechenwerk.office.access import OperatorRealm, Realm, Whose
from rechenwerk.office.errors import missing
from rechenwerk.office.noting import note_done
from rechenwerk.office.ports import Change, Configured, Deployment
from rechenwerk.office.providers import ProviderName, provider_view
from rechenwerk.office.switch_ports import Breaker, Out, ShownDeployment, Switched
from rechenwerk.office.views import SiteOutBody

DeploymentId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_LARGEST = 1 << 40


class LimitsBody(bodies.InOrganisation):
    """The most that a deployment is given; null: no such bound."""

    concurrency: int | None = Field(default=None, gt=0, lt=1 << 31, description="calls at once")
    tokens_per_minute: int | None = Field(default=None, gt=0, lt=_LARGEST)


class BreakerView(BaseModel):
    """How many gateways leave a deployment alone for a while, as each reported last."""

    state: Literal["closed", "open", "partly"] = Field(
        description="closed: calls go there; open: no gateway sends any; partly: some do"
    )
    open: int = Field(description="gateway processes whose breaker is open")
    gateways: int = Field(description="gateway processes that live")
    since: datetime | None = Field(description="when the first of them reported it; null: none is open")


class DeploymentView(BaseModel):
    """A model at a provider: what it costs, what it takes at most, and whether it serves."""

    id: int
    model: str
    provider: str
    contract: str
    upstream: str
    endpoints: list[str]
    concurrency: int | None
    tokens_per_minute: int | None
    service_tier: str
    site: str
    out_since: datetime | None = Field(description="since when it is switched off; null: it is not")
    out_reason: str
    rates: Mapping[str, str] = Field(description="what a million units cost, by bucket")
    breaker: BreakerView


class DeploymentsView(BaseModel):
    """The deployments of a configuration."""

    organisation: str
    deployments: list[DeploymentView]


def _view(shown: ShownDeployment) -> DeploymentView:
    return DeploymentView(
        id=shown.id,
        model=shown.model,
        provider=shown.provider,
        contract=shown.contract,
        upstream=shown.upstream,
        endpoints=list(shown.endpoints),
        concurrency=shown.concurrency,
        tokens_per_minute=shown.tokens_per_minute,
        service_tier=shown.service_tier,
        site=shown.site,
        out_since=shown.out.since,
        out_reason=shown.out.reason,
        rates=dict(shown.rates),
        breaker=_breaker(shown.breaker),
    )


def _breaker(found: Breaker) -> BreakerView:
    state: Literal["closed", "open", "partly"] = "partly" if found.open else "closed"
    if found.open >= found.gateways > 0:
        state = "open"
    return BreakerView(state=state, open=found.open, gateways=found.gateways, since=found.since)


async def list_deployments(realm: OperatorRealm, organisation: Whose = None) -> DeploymentsView:
    """The deployments of a configuration: where each model is served, and its limits."""
    realm = await realm.enter_configuration(organisation)
    found = await realm.desk.switches.deployments(realm.organisation_id)
    return DeploymentsView(organisation=realm.organisation, deployments=[_view(one) for one in found])


async def switch_provider_off(
    realm: OperatorRealm, name: ProviderName, body: SiteOutBody, organisation: Whose = None
) -> bodies.ProviderView:
    """Switch a provider off: within a second no gateway sends anything there; calls under way finish."""
    realm = await realm.enter_configuration(body.organisation or organisation)
    return await _switch_provider(realm, name, Out(realm.office.now(), body.reason))


async def switch_provider_on(
    realm: OperatorRealm, name: ProviderName, organisation: Whose = None
) -> bodies.ProviderView:
    """Switch a provider on again; a second time changes nothing."""
    realm = await realm.enter_configuration(organisation)
    return await _switch_provider(realm, name, Out(None, ""))


async def _switch_provider(realm: Realm, name: str, out: Out) -> bodies.ProviderView:
    done = await realm.desk.switches.switch_provider(realm.organisation_id, name, out)
    if done is None:
        raise missing("provider", name)
    await _note(realm, "provider", f"provider {name}", done)
    return await provider_view(realm, name)


async def switch_deployment_off(
    realm: OperatorRealm, deployment: DeploymentId, body: SiteOutBody, organisation: Whose = None
) -> DeploymentView:
    """Switch one model at a provider off; others there serve on."""
    realm = await realm.enter_configuration(body.organisation or organisation)
    return await _switch_deployment(realm, deployment, Out(realm.office.now(), body.reason))


async def switch_deployment_on(
    realm: OperatorRealm, deployment: DeploymentId, organisation: Whose = None
) -> DeploymentView:
    """Switch one model at a provider on again; a second time changes nothing."""
    realm = await realm.enter_configuration(organisation)
    return await _switch_deployment(realm, deployment, Out(None, ""))


async def _switch_deployment(realm: Realm, deployment: int, out: Out) -> DeploymentView:
    shown = await _shown(realm, deployment)
    done = await realm.desk.switches.switch_deployment(realm.organisation_id, deployment, out)
    if done is None:
        raise missing("deployment", str(deployment))
    await _note(realm, "deployment", f"deployment {shown.model} at {shown.provider}", done)
    return _view(msgspec.structs.replace(shown, out=done.after))


async def set_limits(
    realm: OperatorRealm, deployment: DeploymentId, body: LimitsBody, organisation: Whose = None
) -> DeploymentView:
    """Set the most that a deployment is given; a configuration that is applied later says it anew."""
    realm = await realm.enter_configuration(body.organisation or organisation)
    shown = await _shown(realm, deployment)

    def plan(current: Configured) -> list[Change]:
        row = _row(current, shown)
        if row is None:
            return []
        wanted = msgspec.structs.replace(
            row, concurrency=body.concurrency, tokens_per_minute=body.tokens_per_minute
        )
        name = f"{row.model} at {row.provider} under {row.contract}"
        return [] if wanted == row else [Change("deployment", name, "change", row, wanted)]

    changes = await realm.desk.configuration.apply(realm.organisation_id, plan)
    if not changes:
        note_done(changed=False)
    for one in changes:
        assert isinstance(one.before, Deployment)
        await realm.changed(
            "limits changed", f"deployment {one.name}", _limits(one.before), _limits(one.after)
        )
    return _view(await _shown(realm, deployment))


def _limits(row: object) -> dict[str, object]:
    assert isinstance(row, Deployment)
    return {"concurrency": row.concurrency, "tokens_per_minute": row.tokens_per_minute}


def _row(current: Configured, shown: ShownDeployment) -> Deployment | None:
    at = (shown.model, shown.provider, shown.contract)
    return next((row for row in current.deployments if (row.model, row.provider, row.contract) == at), None)


async def _shown(realm: Realm, deployment: int) -> ShownDeployment:
    found = await realm.desk.switches.deployments(realm.organisation_id)
    for one in found:
        if one.id == deployment:
            return one
    raise missing("deployment", str(deployment))


async def _note(realm: Realm, what: str, subject: str, done: Switched) -> None:
    if done.before == done.after:
        note_done(changed=False)
        return
    verb = "switched on" if done.after.since is None else "switched off"
    before, after = ({"out_since": one.since, "out_reason": one.reason} for one in (done.before, done.after))
    await realm.changed(f"{what} {verb}", subject, before, after)


def add_switch_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/deployments", list_deployments, methods=["GET"], tags=["configuration"])
    add("/providers/{name:path}/out", switch_provider_off, methods=["PUT"], tags=["configuration"])
    add("/providers/{name:path}/out", switch_provider_on, methods=["DELETE"], tags=["configuration"])
    add("/deployments/{deployment}/out", switch_deployment_off, methods=["PUT"], tags=["configuration"])
    add("/deployments/{deployment}/out", switch_deployment_on, methods=["DELETE"], tags=["configuration"])
    add("/deployments/{deployment}/limits", set_limits, methods=["PUT"], tags=["configuration"])
