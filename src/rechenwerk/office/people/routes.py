"""Routes of people: sign-in, sessions, roles, invitations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from rechenwerk.identity.keys import hash_key, new_token
from rechenwerk.identity.people import ROLE_SCOPES, hash_password, mail_address, password_fits, weakness
from rechenwerk.office.access import AnyRealm, Entrance, KeysRealm, Office, Realm
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.paging import Wanted, cut
from rechenwerk.office.people import bodies
from rechenwerk.office.people.entering import check_tries, end_session, enter, me_view, note, recognise
from rechenwerk.office.people.ports import Invitation, Member, Newcomer, NewInvitation, Person
from rechenwerk.office.people.sessions import COOKIE
from rechenwerk.office.people.single_sign_on import Relying
from rechenwerk.office.ports import Caller

WELCOME = "/console/welcome"


async def sign_in(
    office: Entrance, request: Request, response: Response, body: bodies.SignInBody
) -> bodies.MeView:
    """Begin a session; it is a key in a cookie that scripts cannot read."""
    person = await recognise(office, request, body.email, body.password.get_secret_value())
    return await enter(office, request, response, person, body.organisation)


async def sign_out(office: Entrance, request: Request, response: Response) -> bodies.DoneView:
    """End the session, here and in the database."""
    await end_session(office, request, noted=True)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return bodies.DoneView(done="signed out")


async def ways_in(request: Request) -> bodies.SignInView:
    """How people get in here. Needs no key."""
    relying: Relying | None = request.app.state.relying
    return bodies.SignInView(single_sign_on=None if relying is None else relying.provider.name)


async def show_me(realm: AnyRealm) -> bodies.MeView:
    """Who asks: a person's session, or a program's key."""
    caller, desk = realm.caller, realm.desk
    person = await desk.people.of_session(caller.key_id)
    memberships = [] if person is None else await desk.people.memberships(person.id)
    project = await desk.tenants.project_of_key(caller.organisation_id, caller.key_id) or ""
    return me_view(person, memberships, caller, project)


async def _own(realm: Realm) -> Person:
    person = await realm.desk.people.of_session(realm.caller.key_id)
    if person is None:
        raise refuse(403, "this is for people; sign in at /console", "no_person")
    return person


async def change_me(realm: AnyRealm, body: bodies.MeBody) -> bodies.MeView:
    """Another name, another language."""
    person = await _own(realm)
    name = person.name if body.name is None else body.name
    language = person.language if body.language is None else body.language
    await realm.desk.people.describe(person.id, name, language)
    await realm.changed(
        "profile changed",
        f"person {person.email}",
        {"name": person.name, "language": person.language},
        {"name": name, "language": language},
    )
    return await show_me(realm)


async def change_password(
    realm: AnyRealm, request: Request, response: Response, body: bodies.PasswordBody
) -> bodies.DoneView:
    """A new password; every session of this person ends, and a new one begins here."""
    person = await _own(realm)
    if person.password is None:
        raise refuse(409, "you sign in by single sign-on; there is no password to change", "no_password")
    await check_tries(realm.office, request, person.email)
    if not await asyncio.to_thread(password_fits, person.password, body.current.get_secret_value()):
        raise refuse(403, "the current password is wrong", "wrong_password", "current")
    await realm.desk.people.forget_tries(person.email)
    hashed = await _hashed(body.new.get_secret_value(), person.email, "new")
    await realm.desk.people.set_password(person.id, hashed, realm.caller.key_id, realm.office.now())
    await realm.changed("password changed", f"person {person.email}")
    await enter(realm.office, request, response, person, realm.caller.organisation)
    return bodies.DoneView(done="password changed")


async def switch_organisation(
    realm: AnyRealm, request: Request, response: Response, body: bodies.SwitchBody
) -> bodies.MeView:
    """Go on in another organisation of this person: with another session."""
    person = await _own(realm)
    return await enter(realm.office, request, response, person, body.organisation)


async def _hashed(password: str, email: str, field: str) -> str:
    weak = weakness(password, email)
    if weak:
        raise refuse(422, f"{field}: {weak}", "weak_password", field)
    return await asyncio.to_thread(hash_password, password)


def _person_view(realm: Realm, member: Member) -> bodies.PersonView:
    return bodies.PersonView(
        email=member.email,
        name=member.name,
        role=member.role,
        project=member.project,
        organisation=realm.organisation,
        made_at=member.made_at,
        single_sign_on=member.single_sign_on,
        seen_at=member.seen_at,
    )


async def list_people(
    realm: KeysRealm,
    wanted: Wanted,
    role: Annotated[str | None, Query(max_length=40)] = None,
    project: Annotated[str | None, Query(max_length=100)] = None,
) -> bodies.PeopleView:
    """The people of an organisation, by address; all of them where nothing else is asked for."""
    members = await realm.desk.people.members(realm.organisation_id)
    shown, total = cut(
        members,
        wanted,
        lambda one: (one.email, one.name),
        _ORDERS,
        lambda one: role in (None, one.role) and project in (None, one.project),
    )
    return bodies.PeopleView(
        people=[_person_view(realm, one) for one in shown],
        projects=sorted({one.project for one in members}),
        total=total,
        whole=len(members),
    )


_ORDERS: Mapping[str, Callable[[Member], object]] = MappingProxyType(
    {name: attrgetter(name) for name in ("email", "name", "role", "project", "seen_at", "made_at")}
)


async def _member(realm: Realm, email: str) -> Member:
    members = await realm.desk.people.members(realm.organisation_id)
    found = next((one for one in members if one.email == email.strip().lower()), None)
    if found is None:
        raise missing("person", email)
    return found


def _may_give(realm: Realm, role: str) -> None:
    """Nobody gives a role that opens more than he has himself."""
    beyond = sorted(ROLE_SCOPES[role] - realm.caller.scopes - {"inference", "audit"})
    if beyond and not realm.is_operator:
        message = f"you cannot give the role {role!r}: it has the scope {beyond[0]!r}, which you do not have"
        raise refuse(403, message, "missing_scope", "role")


_LAST = "nobody else here may invite people; give another person the role owner first"


async def set_role(realm: KeysRealm, email: str, body: bodies.RoleBody) -> bodies.PersonView:
    """Another role or another paying project; sessions with the old one end."""
    realm = await realm.enter(body.organisation)
    member = await _member(realm, email)
    role = body.role or member.role
    _may_give(realm, role)
    _may_give(realm, member.role)
    project = await realm.project(body.project or member.project)
    if not await realm.desk.people.set_role(realm.organisation_id, member.id, role, project):
        raise refuse(409, _LAST, "last_owner", "role")
    changed = msgspec.structs.replace(member, role=role, project=body.project or member.project)
    await realm.changed("role changed", f"person {member.email}", _roles(member), _roles(changed))
    return _person_view(realm, changed)


def _roles(person: Member) -> dict[str, object]:
    return {"role": person.role, "project": person.project}


async def remove_person(realm: KeysRealm, email: str) -> bodies.DoneView:
    """End a membership and its sessions."""
    member = await _member(realm, email)
    _may_give(realm, member.role)
    if not await realm.desk.people.remove(realm.organisation_id, member.id, realm.office.now()):
        raise refuse(409, _LAST, "last_owner")
    await realm.changed("person removed", f"person {member.email}", _roles(member))
    return bodies.DoneView(done="person removed")


def _invitation_view(one: Invitation) -> bodies.InvitationView:
    return bodies.InvitationView(
        id=one.id,
        organisation=one.organisation,
        role=one.role,
        project=one.project,
        email=one.email,
        made_by=one.made_by,
        made_at=one.made_at,
        expires_at=one.expires_at,
    )


async def invite(realm: KeysRealm, body: bodies.InvitationBody) -> bodies.NewInvitationView:
    """A link that makes somebody a member, once; the answer is the only place where it is shown."""
    realm = await realm.enter(body.organisation)
    _may_give(realm, body.role)
    if body.email is not None and not mail_address(body.email):
        raise refuse(422, f"email: {body.email!r} is no mail address", "invalid_value", "email")
    token, now = new_token(realm.office.random_bytes), realm.office.now()
    made = await realm.desk.people.invite(
        NewInvitation(
            realm.organisation_id,
            hash_key(token.encode()),
            body.role,
            await realm.project(body.project),
            body.email,
            realm.caller.key_name,
            now,
            now + timedelta(days=body.days),
        )
    )
    view = _invitation_view(made)
    await realm.changed(
        "person invited", f"invitation {made.id}", None, {"role": made.role, "email": made.email}
    )
    return bodies.NewInvitationView(**view.model_dump(), token=token, path=f"{WELCOME}?token={token}")


async def list_invitations(realm: KeysRealm) -> bodies.InvitationsView:
    """Invitations that can still be accepted."""
    found = await realm.desk.people.invitations(realm.organisation_id, realm.office.now())
    return bodies.InvitationsView(invitations=[_invitation_view(one) for one in found])


async def uninvite(realm: KeysRealm, invitation: int) -> bodies.DoneView:
    """Take an invitation back."""
    if not await realm.desk.people.uninvite(realm.organisation_id, invitation):
        raise missing("invitation", str(invitation))
    await realm.changed("invitation taken back", f"invitation {invitation}")
    return bodies.DoneView(done="invitation taken back")


async def show_invitation(office: Entrance, token: bodies.Token) -> bodies.InvitationView:
    """What a link invites to. Needs no key: who has the link may know."""
    found = await office.desk.people.invitation(hash_key(token.encode()), office.now())
    if found is None:
        raise _used_up()
    return _invitation_view(found)


def _used_up() -> Exception:
    message = "this invitation was used, taken back, has expired or is for another address; ask for a new one"
    return refuse(404, message, "invitation_not_found", "token")


async def _note_joined(office: Office, request: Request, person: Person, invitation: Invitation) -> None:
    joined = {"role": invitation.role, "project": invitation.project, "invitation": invitation.id}
    here = await office.desk.tenants.organisation(invitation.organisation)
    assert here is not None
    caller = Caller(here.id, here.name, 0, frozenset(), person.email)
    await note(office, request, caller, "person joined", joined)


async def accept_invitation(
    office: Entrance, request: Request, response: Response, body: bodies.AcceptBody
) -> bodies.MeView:
    """Become a member, and sign in. A person who is known here shows the password that there is."""
    people, password = office.desk.people, body.password.get_secret_value()
    email = mail_address(body.email)
    if not email:
        raise refuse(422, f"email: {body.email!r} is no mail address", "invalid_value", "email")
    found = await people.invitation(hash_key(body.token.encode()), office.now())
    if found is None:
        raise _used_up()
    known = await people.by_email(email)
    if known is None:
        await check_tries(office, request, email)
        newcomer = Newcomer(email, body.name, await _hashed(password, email, "password"))
    else:
        await recognise(office, request, email, password)
        newcomer = Newcomer(email, known.name, None)
    person = await people.accept(hash_key(body.token.encode()), newcomer, office.now())
    if person is None:
        raise _used_up()
    await people.forget_tries(email)
    await _note_joined(office, request, person, found)
    return await enter(office, request, response, person, found.organisation)


def add_people_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/sign-in", ways_in, methods=["GET"], tags=["sessions"])
    add("/sign-in", sign_in, methods=["POST"], tags=["sessions"])
    add("/sign-out", sign_out, methods=["POST"], tags=["sessions"])
    add("/me", show_me, methods=["GET"], tags=["sessions"])
    add("/me", change_me, methods=["PATCH"], tags=["sessions"])
    add("/me/password", change_password, methods=["PUT"], tags=["sessions"])
    add("/me/organisation", switch_organisation, methods=["PUT"], tags=["sessions"])
    add("/people", list_people, methods=["GET"], tags=["people"])
    add("/people/{email}", set_role, methods=["PUT"], tags=["people"])
    add("/people/{email}", remove_person, methods=["DELETE"], tags=["people"])
    add("/invitations", list_invitations, methods=["GET"], tags=["people"])
    add("/invitations", invite, methods=["POST"], status_code=201, tags=["people"])
    add("/invitations/accept", accept_invitation, methods=["POST"], tags=["people"])
    add("/invitations/{invitation}", uninvite, methods=["DELETE"], tags=["people"])
    add("/invitations/by-token/{token}", show_invitation, methods=["GET"], tags=["people"])
