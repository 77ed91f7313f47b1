"""Signing in: passwords, attempts, and the session that comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from fastapi import Request, Response

from rechenwerk.base.errors import Refusal
from rechenwerk.identity.keys import hash_key, hint, new_key
from rechenwerk.identity.people import ROLE_SCOPES, password_fits
from rechenwerk.office.access import Office, Realm
from rechenwerk.office.errors import RefusedError, refuse
from rechenwerk.office.people.bodies import MeView, OrganisationRole
from rechenwerk.office.people.ports import Membership, Person, SessionKey
from rechenwerk.office.people.sessions import COOKIE
from rechenwerk.office.ports import Caller

SESSION = timedelta(hours=12)
_WINDOW = timedelta(minutes=15)
_TRIES_OF_ONE = 10
_TRIES_OF_HOST = 100


def over_tls(request: Request) -> bool:
    """Whether the browser comes over HTTPS, as a trusted proxy or the installation's own address says."""
    public: str = getattr(request.app.state, "public_url", "")
    return request.url.scheme == "https" or public.startswith("https://")


async def check_tries(office: Office, request: Request, email: str) -> None:
    """Note an attempt; refuse when there were too many, for this address or from this host."""
    host = _host(request)
    now = office.now()
    by_email, by_host = await office.desk.people.count_try(email, host, now, now - _WINDOW)
    if by_email > _TRIES_OF_ONE or by_host > _TRIES_OF_HOST:
        wait = int(_WINDOW.total_seconds())
        message = f"too many attempts; try again in {wait // 60} minutes"
        raise RefusedError(Refusal(429, "rate_limit_error", "too_many_attempts", message, None, wait))


async def recognise(office: Office, request: Request, email: str, password: str) -> Person:
    """Who this is; one answer for a wrong password and for somebody who is not known."""
    await check_tries(office, request, email)
    person = await office.desk.people.by_email(email)
    kept = None if person is None else person.password
    if not await asyncio.to_thread(password_fits, kept, password) or person is None:
        raise refuse(401, "the address or the password is wrong", "wrong_password")
    await office.desk.people.forget_tries(email)
    return person


def _picked(person: Person, memberships: Sequence[Membership], organisation: str | None) -> Membership:
    """The membership that a session is for."""
    for one in memberships:
        if organisation in (None, one.organisation):
            return one
    if not memberships:
        raise refuse(403, f"{person.email} is in no organisation; ask for an invitation", "no_membership")
    raise refuse(403, f"{person.email} is not in {organisation!r}", "no_membership", "organisation")


async def end_session(office: Office, request: Request, *, noted: bool = False) -> None:
    """End the session whose key came with a request, if one did: a program's key is none."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key:
        return
    tenants = office.desk.tenants
    caller = await tenants.caller(hash_key(key.encode()), office.now())
    if caller is not None and await office.desk.people.of_session(caller.key_id) is not None:
        await tenants.revoke_key(caller.organisation_id, caller.key_id, office.now())
        if noted:
            await note(office, request, caller, "signed out")


async def note(
    office: Office, request: Request, caller: Caller, what: str, after: Mapping[str, object] | None = None
) -> None:
    """Who comes and goes is part of the audit."""
    here = Realm(office, caller, caller.organisation_id, caller.organisation, _host(request))
    await here.changed(what, f"person {caller.key_name}", None, after)


def _host(request: Request) -> str:
    return "" if request.client is None else request.client.host


def me_view(person: Person | None, memberships: Sequence[Membership], caller: Caller, project: str) -> MeView:
    """Who asks, as everybody sees himself."""
    here = next((one for one in memberships if one.organisation_id == caller.organisation_id), None)
    return MeView(
        email=None if person is None else person.email,
        name=caller.key_name if person is None else person.name,
        language="" if person is None else person.language,
        organisation=caller.organisation,
        role=None if here is None else here.role,
        project=project,
        scopes=sorted(caller.scopes),
        organisations=[OrganisationRole(organisation=one.organisation, role=one.role) for one in memberships],
        expires_at=caller.expires_at,
        has_password=person is not None and person.password is not None,
    )


async def enter(
    office: Office, request: Request, response: Response, person: Person, organisation: str | None
) -> MeView:
    """Begin a session with a new key, whatever cookie the browser had; the answer's cookie holds it.

    Args:
        office: with its storage.
        request: whose session ends.
        response: gets the cookie.
        person: who was recognised.
        organisation: to work in; None: the one that the person joined first.
    """
    memberships = await office.desk.people.memberships(person.id)
    chosen = _picked(person, memberships, organisation)
    await end_session(office, request)
    text, now = new_key(office.random_bytes), office.now()
    scopes = ROLE_SCOPES[chosen.role]
    key = SessionKey(person.email, hash_key(text.encode()), hint(text), tuple(sorted(scopes)), now + SESSION)
    made = await office.desk.people.begin_session(
        person.id, chosen.organisation_id, chosen.project_id, key, now
    )
    response.set_cookie(
        COOKIE,
        text,
        max_age=int(SESSION.total_seconds()),
        httponly=True,
        secure=over_tls(request),
        samesite="lax",
    )
    caller = Caller(chosen.organisation_id, chosen.organisation, made, scopes, person.email, key.expires_at)
    await note(office, request, caller, "signed in")
    return me_view(person, memberships, caller, chosen.project)
