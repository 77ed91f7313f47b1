"""Who asks, what the key permits, and in which organisation: the wall as seen from a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from rechenwerk.base.clock import Clock
from rechenwerk.contracts.emergency import Person
from rechenwerk.identity.keys import hash_key
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.ledger.guards import BUDGET_PERIODS, window_bounds
from rechenwerk.ledger.ports import PeriodStep
from rechenwerk.office.bodies import Name
from rechenwerk.office.budgets.webhooks import Network
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.noting import asked_from, note_done, note_realm
from rechenwerk.office.planning.running import Planning
from rechenwerk.office.ports import OPERATOR, Caller, Desk
from rechenwerk.office.seal_ports import Signing
from rechenwerk.office.verify_ports import ProofRun

_AUDITED = frozenset({"books", "keys"})
_BEARER = HTTPBearer(auto_error=False, description="a key such as rw-…; the scopes decide what it opens")


class Office(msgspec.Struct, frozen=True):
    """What every route works with."""

    desk: Desk
    clock: Clock
    random_bytes: Callable[[int], bytes]
    box: SecretBox | None = None
    steps: tuple[PeriodStep, ...] = ()
    signing: Signing | None = None
    webhook_networks: tuple[Network, ...] = ()
    """That webhooks may reach although they are not public."""
    gateway_url: str = ""
    """Where models are called; empty: this office does not know."""
    proofs: dict[str, ProofRun] = msgspec.field(default_factory=dict)
    """Proofs of the books that run or ran, by their id."""
    planning: Planning = msgspec.field(default_factory=Planning)

    def now(self) -> datetime:
        """Wall time in UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def windows(self) -> dict[str, datetime]:
        """Where the current window of each budget period began."""
        now = self.clock.now()
        return {
            period: datetime.fromtimestamp(window_bounds(period, now)[0], UTC) for period in BUDGET_PERIODS
        }


class Realm(msgspec.Struct, frozen=True):
    """The organisation that a request works in, and who works."""

    office: Office
    caller: Caller
    organisation_id: int
    organisation: str
    address: str = ""
    """That the request came from."""

    @property
    def desk(self) -> Desk:
        """The office's storage."""
        return self.office.desk

    async def enter(self, organisation: str | None) -> Realm:
        """Another organisation's realm, for the operator; for anyone else there is no other."""
        if organisation in (None, self.organisation):
            return self
        if organisation == self.caller.organisation:
            return self._in(self.caller.organisation_id, organisation)
        found = await self.desk.tenants.organisation(organisation) if self.is_operator else None
        if found is None:
            raise missing("organisation", organisation)
        return self._in(found.id, found.name)

    def _in(self, organisation_id: int, organisation: str) -> Realm:
        there = msgspec.structs.replace(self, organisation_id=organisation_id, organisation=organisation)
        note_realm(there)
        return there

    async def enter_configuration(self, organisation: str | None) -> Realm:
        """The realm of an organisation's configuration; without a name the operator's, shared with all."""
        if organisation is None:
            return self._in(OPERATOR, "operator")
        return await self.enter(organisation)

    @property
    def is_operator(self) -> bool:
        """Whether the key opens every organisation."""
        return "operator" in self.caller.scopes

    async def changed(
        self,
        what: str,
        subject: str,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        """Write down who changed what in this organisation: for the audit, for ever."""
        records = self.desk.governance.records
        await records.note(self.person, self.organisation_id, self.office.now(), what, subject, before, after)
        note_done()

    @property
    def person(self) -> Person:
        """Who acts, for signatures and the audit."""
        caller = self.caller
        return Person(caller.organisation_id, caller.key_id, caller.key_name, self.address)

    def actor(self) -> Person:
        """Who acts, for storage that writes the note itself, in the transaction of the deed."""
        note_done()
        return self.person

    async def owner(self, organisation: str | None) -> int:
        """Whose pools are meant: the operator's for the operator, else the caller's own."""
        if not self.is_operator:
            return self.organisation_id
        return (await self.enter_configuration(organisation)).organisation_id

    async def project(self, name: str) -> int:
        """The id of a project of this organisation."""
        found = await self.desk.tenants.project_id(self.organisation_id, name)
        if found is None:
            raise missing("project", name)
        return found


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


async def admit(
    office: Office,
    key: str | None,
    organisation: str | None,
    scopes: Collection[str],
    *,
    role: bool,
    reads: bool,
) -> Realm:
    """Who comes in with a key, and into which organisation.

    Args:
        office: with its storage.
        key: that was sent; None: none was.
        organisation: another one than the key's; only for the operator.
        scopes: any of them will do, and operator too; with none, any living key.
        role: whether the scopes are roles, which nothing else includes, not even operator.
        reads: whether nothing is changed; then audit will do wherever books or keys would.
    """
    if key is None:
        raise refuse(401, "send a key as 'Authorization: Bearer rw-…'", "missing_api_key")
    caller = await office.desk.tenants.caller(hash_key(key.encode()), office.now())
    if caller is None:
        raise refuse(401, "this key is unknown, revoked or expired", "invalid_api_key")
    audits = reads and "audit" in caller.scopes and not _AUDITED.isdisjoint(scopes)
    permitted = audits or not scopes or not caller.scopes.isdisjoint(scopes)
    if not permitted and (role or "operator" not in caller.scopes):
        has = ", ".join(sorted(caller.scopes)) or "none"
        wanted = " or ".join(repr(scope) for scope in scopes)
        raise refuse(403, f"this needs a key with the scope {wanted}; this one has {has}", "missing_scope")
    own = Realm(office, caller, caller.organisation_id, caller.organisation, asked_from())
    note_realm(own)
    return await own.enter(organisation)


def permit(*scopes: str, role: bool = False, reads: bool = False) -> Callable[..., Awaitable[Realm]]:
    """A route's realm, for who has any of these scopes.

    Args:
        scopes: any of them.
        role: see `admit`.
        reads: whether nothing is changed, whatever the method.
    """

    async def realm(
        request: Request,
        office: Annotated[Office, Depends(_office)],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        organisation: Annotated[
            Name | None, Query(description="another organisation; only for the scope operator")
        ] = None,
    ) -> Realm:
        key = None if credentials is None else credentials.credentials
        return await admit(
            office, key, organisation, scopes, role=role, reads=reads or request.method == "GET"
        )

    return realm


Entrance = Annotated[Office, Depends(_office)]
"""Nobody has to be known here."""
AnyRealm = Annotated[Realm, Depends(permit())]
DOCUMENTS = ("documents", "keys")
"""For rooms that are mounted on the office: who may work with documents."""

Whose = Annotated[
    Name | None, Query(description="an organisation's configuration; else what is shared with all")
]
KeysRealm = Annotated[Realm, Depends(permit("keys"))]
MoneyRealm = Annotated[Realm, Depends(permit("books", "keys"))]
BooksRealm = Annotated[Realm, Depends(permit("books"))]
ReckonRealm = Annotated[Realm, Depends(permit("books", reads=True))]
"""For routes that calculate from a body and change nothing."""
OperatorRealm = Annotated[Realm, Depends(permit("operator"))]
MemberRealm = Annotated[Realm, Depends(permit("books", "keys", "emergency", "approve"))]
EmergencyRealm = Annotated[Realm, Depends(permit("emergency", role=True))]
SecondRealm = Annotated[Realm, Depends(permit("emergency", "approve", role=True))]
ApproveRealm = Annotated[Realm, Depends(permit("approve", role=True))]
