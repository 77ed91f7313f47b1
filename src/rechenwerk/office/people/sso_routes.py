"""Routes of single sign-on: the way to the identity provider, and back."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

import httpx2
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse

from rechenwerk.identity.keys import hash_key
from rechenwerk.office.access import Entrance, Office
from rechenwerk.office.errors import RefusedError, refuse
from rechenwerk.office.people.entering import enter, over_tls
from rechenwerk.office.people.ports import Newcomer, NewInvitation, Person, Trip
from rechenwerk.office.people.single_sign_on import Identity, Relying, SingleSignOn, secret_word

_TRIP = timedelta(minutes=10)
_COOKIE = "rw_trip"
_BACK = "/api/v1/sign-in/back"
_SIGN_IN = "/console/sign-in"
_START = "/console/"


def _relying(request: Request) -> Relying:
    relying: Relying | None = request.app.state.relying
    if relying is None:
        raise refuse(
            404, "this installation has no single sign-on; set RECHENWERK_OIDC_ISSUER", "no_single_sign_on"
        )
    return relying


def _redirect(request: Request) -> str:
    base = request.app.state.public_url or str(request.base_url)
    return base.rstrip("/") + _BACK


def local(path: str) -> str:
    """A page of the console; anything else becomes the first one: nobody is sent to another site."""
    plain = path.startswith(_START) and "//" not in path and "\\" not in path and path.isprintable()
    return path if plain else _START


async def set_out(
    office: Entrance,
    request: Request,
    to: Annotated[str, Query(max_length=500, description="the page of the console to go to then")] = _START,
    token: Annotated[str, Query(max_length=200, description="of an invitation")] = "",
) -> Response:
    """Send the browser to the identity provider."""
    relying = _relying(request)
    state, nonce, verifier = (secret_word(office.random_bytes) for _ in range(3))
    address = await relying.address(_redirect(request), state, nonce, verifier)
    trip = Trip(nonce, verifier, hash_key(token.encode()) if token else None, local(to))
    now = office.now()
    await office.desk.people.set_out(hash_key(state.encode()), trip, now + _TRIP, now)
    response = RedirectResponse(address, 303)
    # The answer must come back to the browser that asked: else a link could sign somebody in as another.
    response.set_cookie(
        _COOKIE,
        state,
        max_age=int(_TRIP.total_seconds()),
        httponly=True,
        secure=over_tls(request),
        samesite="lax",
        path=_BACK,
    )
    return response


async def come_back(
    office: Entrance,
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What the identity provider says; begins a session, or goes back to the sign-in page with the reason."""
    relying = _relying(request)
    try:
        if not hmac.compare_digest(state.encode(), request.cookies.get(_COOKIE, "").encode()) or not state:
            raise refuse(403, "this sign-in began elsewhere or took too long; try again", "sign_in_lost")
        trip = await office.desk.people.return_from(hash_key(state.encode()), office.now())
        if trip is None:
            raise refuse(403, "this sign-in began elsewhere or took too long; try again", "sign_in_lost")
        if error or not code:
            raise refuse(403, "the identity provider refused", "single_sign_on_refused")
        identity = await relying.identify(code, _redirect(request), trip.nonce, trip.verifier)
        person, organisation = await _person(office, relying, trip, identity)
        response: Response = RedirectResponse(trip.goes_to, 303)
        await enter(office, request, response, person, organisation)
    except RefusedError as refused:
        response = RedirectResponse(f"{_SIGN_IN}?{urlencode({'problem': refused.refusal.code or ''})}", 303)
    response.delete_cookie(_COOKIE, path=_BACK, httponly=True, samesite="lax")
    return response


async def _person(
    office: Office, relying: Relying, trip: Trip, identity: Identity
) -> tuple[Person, str | None]:
    """Who it is here, and the organisation that an invitation was for."""
    people, now = office.desk.people, office.now()
    person = await people.by_subject(identity.issuer, identity.subject)
    if person is None and identity.email:
        person = await people.by_email(identity.email)
        if person is not None and not identity.trusted:
            raise refuse(403, "the identity provider does not vouch for this address", "address_not_verified")
        if person is not None and not await people.link(person.id, identity.issuer, identity.subject, now):
            raise refuse(403, "this address belongs to another sign-in", "address_taken")
    newcomer = Newcomer(
        identity.email if person is None else person.email,
        identity.name if person is None else person.name,
        None,
        identity.issuer,
        identity.subject,
    )
    if trip.invitation is not None:
        invitation = await people.invitation(trip.invitation, now)
        joined = await people.accept(trip.invitation, newcomer, now) if newcomer.email else None
        if joined is None or invitation is None:
            raise refuse(403, "this invitation cannot be used", "invitation_not_found")
        return joined, invitation.organisation
    join = relying.provider.join
    if person is None and join is not None and identity.trusted:
        person = await people.join(newcomer, await _joining(office, join.organisation, join.role))
    if person is None:
        raise refuse(403, "nobody here knows this address; ask for an invitation", "not_invited")
    return person, None


async def _joining(office: Office, organisation: str, role: str) -> NewInvitation:
    found = await office.desk.tenants.organisation(organisation)
    project = None if found is None else await office.desk.tenants.project_id(found.id, "default")
    if found is None or project is None:
        raise refuse(
            403, "RECHENWERK_OIDC_JOIN names an organisation without a default project", "not_invited"
        )
    now = office.now()
    return NewInvitation(found.id, b"", role, project, None, "single sign-on", now, now)


def add_single_sign_on(app: FastAPI, provider: SingleSignOn | None, public_url: str) -> None:
    """Tell the app who else may say who somebody is, and where browsers find it."""
    app.state.public_url = public_url
    app.state.relying = None if provider is None else Relying(provider, httpx2.AsyncClient(trust_env=False))


def add_sign_on_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API, whether there is a provider or not."""
    router.add_api_route("/sign-in/single", set_out, methods=["GET"], tags=["sessions"], status_code=303)
    router.add_api_route("/sign-in/back", come_back, methods=["GET"], tags=["sessions"], status_code=303)
