"""What governance needs from storage. Each act is one transaction: lock, decide by a pure rule, write, audit.

Whoever fills these protocols passes what it read under the lock to `decide` and writes only when no refusal
comes back. `owner` is the organisation whose pools these are, 0 for the operator's; a tenant's own rows take
its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Protocol

import msgspec

from rechenwerk.base.errors import Refusal
from rechenwerk.contracts.capacity import Member, PoolState, Sold
from rechenwerk.contracts.emergency import Draw, Limits, Person
from rechenwerk.contracts.grants import Application, Award, Policy, Step
from rechenwerk.contracts.lots import OpenDraw, OpenGrant, PoolLot, PoolLots, PoolUse
from rechenwerk.contracts.utilisation import Drawn, PoolFacts
from rechenwerk.office.governance.use_ports import UsedPool

__all__ = [
    "Application",
    "AuditEvent",
    "Award",
    "Capacity",
    "Chain",
    "Draw",
    "DrawRow",
    "Drawn",
    "Fee",
    "Governance",
    "GrantRow",
    "GrantWish",
    "Grants",
    "Limits",
    "Member",
    "MemberName",
    "MemberRow",
    "OpenDraw",
    "OpenGrant",
    "Person",
    "Policy",
    "PoolFacts",
    "PoolLot",
    "PoolLots",
    "PoolRow",
    "PoolState",
    "PoolUse",
    "PoolWish",
    "Priced",
    "Records",
    "ReserveRow",
    "Reserves",
    "SaleRow",
    "SaleWish",
    "Sized",
    "Sold",
    "Sought",
    "Step",
    "member_name",
]


MemberName = tuple[str, str, str | None]
"""A deployment by its model, its provider, and its contract where the two stand under several."""


def member_name(name: MemberName) -> str:
    """As people write it."""
    model, provider, contract = name
    return f"{model}@{provider}" + (f" under {contract}" if contract else "")


class MemberRow(msgspec.Struct, frozen=True):
    """What a deployment gives to a pool now.

    Attributes:
        state: active; inactive: it gives nothing; out: its site is.
    """

    model: str
    provider: str
    contract: str
    tokens_per_minute: int
    state: str


class PoolRow(msgspec.Struct, frozen=True):
    """A pool as it stands; tokens per minute.

    Attributes:
        tokens_per_gpu_hour: what an hour of a GPU serves; None: nobody said.
        policy: for grants from it.
        capacity: of its active deployments.
        kept: for classes.
        sold: now.
        peak: sold at the peak from now on.
        tariffs: unit -> decimal text, see `contracts.capacity.fee`.
        grants: names of the grant contracts under which its active deployments stand.
    """

    id: int
    name: str
    tokens_per_gpu_hour: int | None
    policy: Policy
    members: tuple[MemberRow, ...]
    capacity: int
    kept: int
    sold: int
    peak: int
    tariffs: Mapping[str, str]
    grants: tuple[str, ...] = ()


class PoolWish(msgspec.Struct, frozen=True):
    """A pool to make or to change; None leaves a field as it is.

    Attributes:
        members: deployment -> tokens per minute, None: as many as it takes; one that is left out leaves the
            pool.
    """

    name: str
    members: Mapping[MemberName, int | None] | None = None
    tokens_per_gpu_hour: int | None = None
    small_grant: int | None = None
    medium_grant: int | None = None
    idle_days: int | None = None
    least_share: int | None = None
    notice_days: int | None = None


class SaleWish(msgspec.Struct, frozen=True):
    """What somebody wants to sell to an organisation."""

    organisation_id: int
    project_id: int
    unit: str
    amount: int
    lendable: int | None
    reclaim: int
    starts_at: datetime
    ends_at: datetime
    rate: str | None


class Priced(msgspec.Struct, frozen=True):
    """What a sale costs: its rate as text, its fee in nano-units."""

    rate: str
    fee: int


class SaleRow(msgspec.Struct, frozen=True):
    """A sale. Money in nano-units."""

    id: int
    organisation: str
    project: str
    pool: str
    unit: str
    amount: int
    lendable: int
    reclaim: int
    starts_at: datetime
    ends_at: datetime
    currency: str
    rate: str
    fee: int
    refunded: int
    sold_at: datetime
    cancelled_at: datetime | None


class Fee(msgspec.Struct, frozen=True):
    """Money that an organisation owes for something else than a call; below zero: paid back."""

    id: int
    project: str
    kind: str
    sale: int
    amount: int
    reason: str
    booked_at: datetime


class Capacity(Protocol):
    """Pools, their tariffs, and what was sold of them."""

    async def pools(self, owner: int, at: datetime) -> list[PoolRow]:
        """The owner's pools by name."""
        ...

    async def set_pool(
        self,
        who: Person,
        owner: int,
        wish: PoolWish,
        at: datetime,
        decide: Callable[[PoolState, int], Refusal | None],
    ) -> Refusal | None:
        """Make or change a pool. `decide` is given the pool as it stands and its capacity to be."""
        ...

    async def set_tariff(
        self, who: Person, owner: int, pool: str, unit: str, rate: str, at: datetime
    ) -> Refusal | None:
        """From now on capacity is sold at this rate."""
        ...

    async def sales(self, organisation_id: int) -> list[SaleRow]:
        """What an organisation bought, newest first."""
        ...

    async def sold(self, owner: int, pool: str | None) -> list[SaleRow]:
        """What was sold of the owner's pools, or of one, to anybody, newest first."""
        ...

    async def sell(
        self,
        who: Person,
        owner: int,
        pool: str,
        wish: SaleWish,
        at: datetime,
        decide: Callable[[PoolState, str | None], Priced | Refusal],
    ) -> SaleRow | Refusal:
        """Sell, and book the fee. `decide` is given the pool and the rate of its tariff, if it has one."""
        ...

    async def cancel(
        self, who: Person, owner: int, sale: int, at: datetime, refund: Callable[[SaleRow], int]
    ) -> SaleRow | Refusal:
        """End a sale now and pay back what `refund` says (nano-units)."""
        ...

    async def fees(self, organisation_id: int) -> list[Fee]:
        """The fees of an organisation, newest first."""
        ...


class ReserveRow(msgspec.Struct, frozen=True):
    """What is kept for a class of a pool; tokens per minute and seconds."""

    pool: str
    service: str
    nominal: int
    lendable: int
    reclaim: int
    draw_most: int
    draw_seconds: int


class DrawRow(msgspec.Struct, frozen=True):
    """An emergency draw, the pool that it is on, and the organisation that it is for, if not for all."""

    pool: str
    only_for: str | None
    draw: Draw


class Reserves(Protocol):
    """The reserve of classes, and emergency draws on it."""

    async def reserves(self, owner: int) -> list[ReserveRow]:
        """Of all pools, by pool and class."""
        ...

    async def used(self, owner: int, since: date) -> list[UsedPool]:
        """What calls used of the pools that have a reserve, by project and day."""
        ...

    async def set_reserve(
        self,
        who: Person,
        owner: int,
        row: ReserveRow,
        at: datetime,
        decide: Callable[[PoolState, int], Refusal | None],
    ) -> Refusal | None:
        """Keep so much for a class. `decide` is given the pool and what would be kept for all classes."""
        ...

    async def draws(self, owner: int) -> list[DrawRow]:
        """Emergency draws, newest first."""
        ...

    async def request(
        self, who: Person, owner: int, pool: str, wanted: Draw, decide: Callable[[Limits], Refusal | None]
    ) -> DrawRow | Refusal:
        """Ask for a draw."""
        ...

    async def approve(
        self,
        who: Person,
        owner: int,
        draw: int,
        at: datetime,
        decide: Callable[[Draw, Limits, int], Refusal | None],
    ) -> DrawRow | Refusal:
        """Approve a draw. `decide` is also given what other draws take from the same reserve now."""
        ...

    async def end(
        self, who: Person, owner: int, draw: int, at: datetime, decide: Callable[[Draw], Refusal | None]
    ) -> DrawRow | Refusal:
        """End a draw before its time, or withdraw a request."""
        ...


class GrantWish(msgspec.Struct, frozen=True):
    """An application."""

    organisation_id: int
    project_id: int
    unit: str
    amount: int
    purpose: str
    starts_on: date
    ends_on: date
    use_by: date


class Sized(msgspec.Struct, frozen=True):
    """What an application comes to: tokens, size class, and the grant contracts that it opens."""

    tokens: int
    size: str
    contracts: tuple[str, ...] = ()


class GrantRow(msgspec.Struct, frozen=True):
    """An application and the grant that it became, if it did. Amounts in tokens, but for `amount`."""

    organisation: str
    project: str
    pool: str
    unit: str
    amount: int
    tokens: int
    purpose: str
    starts_on: date
    ends_on: date
    use_by: date
    applied_at: datetime
    decided_at: datetime | None
    decision: str | None
    application: Application
    granted: int | None
    returned: int
    drawn: int
    noticed_on: date | None
    contracts: tuple[str, ...] = ()


class Grants(Protocol):
    """Applications, approvals, grants, and what returns of them."""

    async def grants(self, organisation_id: int | None, owner: int | None) -> list[GrantRow]:
        """Applications of an organisation, and those for the owner's pools, newest first."""
        ...

    async def apply(
        self,
        who: Person,
        owner: int,
        pool: str,
        wish: GrantWish,
        at: datetime,
        decide: Callable[[PoolRow, int], Sized | Refusal],
    ) -> GrantRow | Refusal:
        """Apply. `decide` is given the pool and the tokens that the project holds or applied for already."""
        ...

    async def approve(
        self,
        who: Person,
        owner: int,
        application: int,
        at: datetime,
        decide: Callable[[Application], Refusal | None],
    ) -> GrantRow | Refusal:
        """Sign; with the last signature that it needs, an application becomes a grant."""
        ...

    async def decline(
        self,
        who: Person,
        owner: int,
        application: int,
        reason: str,
        at: datetime,
        decide: Callable[[Application], Refusal | None],
    ) -> GrantRow | Refusal:
        """Turn an application down."""
        ...

    async def reclaim(
        self,
        who: Person,
        owner: int,
        at: datetime,
        plan: Callable[[Policy, tuple[tuple[Award, Mapping[int, int]], ...]], tuple[Step, ...]],
        dry_run: bool,
    ) -> list[tuple[Step, GrantRow]]:
        """Give notice of what lies idle, and return to the pool what was noticed long enough ago."""
        ...


class AuditEvent(msgspec.Struct, frozen=True):
    """Who did what, and what it changed."""

    id: int
    at: datetime
    organisation: str
    who: str
    key_id: int  # 0: the house itself
    what: str
    subject: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    address: str | None = None


class Sought(msgspec.Struct, frozen=True):
    """Which events are looked for; None of a thing: whatever it is.

    Attributes:
        organisation_id: whom they concern.
        words: all of them stand in who, what, subject, before, after or the address; casefolded.
        before: only events older than this id.
    """

    organisation_id: int | None
    words: tuple[str, ...] = ()
    who: str | None = None
    what: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


class Chain(msgspec.Struct, frozen=True):
    """What a check of an organisation's chain of events found.

    Attributes:
        broken: the first event that is not as it was written, or has lost its link; None: all are.
        head: of the chain, in hexadecimal: who keeps it can tell later that nothing before it was changed.
    """

    events: int
    head: str
    broken: int | None


class Records(Protocol):
    """The audit, and what the public report is made from."""

    async def note(
        self,
        who: Person,
        organisation_id: int,
        at: datetime,
        what: str,
        subject: str,
        before: Mapping[str, object] | None,
        after: Mapping[str, object] | None,
    ) -> None:
        """Write down what somebody did elsewhere in the office."""
        ...

    async def audit(self, sought: Sought, limit: int) -> list[AuditEvent]:
        """The newest events that fit."""
        ...

    async def kinds(self, organisation_id: int | None) -> list[str]:
        """What has happened there, each once."""
        ...

    async def chain(self, organisation_id: int) -> Chain:
        """Compute every link of an organisation's chain again."""
        ...

    async def facts(self, owner: int, first: int) -> list[PoolFacts]:
        """What is known of the owner's pools from a day (since 1970-01-01) on."""
        ...


class Governance(msgspec.Struct, frozen=True):
    """All storage of governance."""

    capacity: Capacity
    reserves: Reserves
    grants: Grants
    records: Records
