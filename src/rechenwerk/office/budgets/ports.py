"""What budgets, wallets and alerts need from storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.office.part_ports import Cut


class BudgetUse(msgspec.Struct, frozen=True):
    """A budget or wallet and what its current window has seen; nano-units.

    Attributes:
        guard: its id.
        project: None for the organisation's own.
        key_id, key: None for a project's or the organisation's.
        amount: of a wallet what was paid in and not paid back.
        granted: what gateway processes have leased of it.
        held: what calls under way may cost at most.
        posted: what ended calls were charged.
        turned_away: about what the last call needed that was turned away, if any was.
    """

    guard: int
    project: str | None
    key_id: int | None
    key: str | None
    period: str
    amount: int
    hard: bool
    wallet: bool
    granted: int
    held: int
    posted: int
    turned_away: int | None = None

    @property
    def used_up(self) -> bool:
        """Whether calls are turned away: nothing is left, or less than the last one needed."""
        return self.hard and (self.left == 0 or self.left < (self.turned_away or 0))

    @property
    def left(self) -> int:
        """What is neither spent nor held; a soft budget that is passed has nothing left."""
        return max(0, self.amount - self.held - self.posted)

    @property
    def name(self) -> str:
        """Whose it is, for people: nothing for the organisation's own, else project or project/key."""
        return "/".join(part for part in (self.project, self.key) if part)


FULL = 80
"""Percent of a budget from which on it deserves a look."""


class Which(msgspec.Struct, frozen=True):
    """Which budgets are asked for.

    Attributes:
        project: and its keys'.
        key: its id.
        shared: without those of keys.
        kind: organisation, project or key.
        look: only those used to `FULL` percent, or with more to come than there is.
        ahead: of a period that is old enough for a forecast its window's length, and how much of it is over,
            in seconds.
    """

    project: str | None = None
    key: int | None = None
    shared: bool = False
    period: str | None = None
    kind: str | None = None
    look: bool = False
    ahead: Mapping[str, tuple[int, int]] = MappingProxyType({})


class BudgetsPart(msgspec.Struct, frozen=True):
    """A part of the budgets.

    Attributes:
        total: how many fit.
        whole: how many there are of the project, of the key, or in all.
        periods: that those have.
    """

    uses: Sequence[BudgetUse]
    total: int
    whole: int
    periods: Sequence[str]


class Budgets(Protocol):
    """Budgets and wallets of an organisation as they stand."""

    async def uses(self, organisation_id: int, windows: Mapping[str, datetime]) -> list[BudgetUse]:
        """All that are in force: the organisation's, then projects', then keys'.

        Keys that are revoked or expired are left out: their budgets hold nobody back.
        """
        ...

    async def part(
        self, organisation_id: int, windows: Mapping[str, datetime], which: Which, wanted: Cut
    ) -> BudgetsPart:
        """The part of them that is asked for."""
        ...


class Movement(msgspec.Struct, frozen=True):
    """What changed a wallet's balance.

    Attributes:
        at: when; of calls the day on which they began.
        kind: topup, refund, calls or release.
        amount: nano-units, below zero when it went out.
        calls: how many.
        voucher: that booked it.
        text: why, or the bank's reference.
    """

    at: datetime
    kind: str
    amount: int
    calls: int = 0
    voucher: int | None = None
    text: str = ""


class Wallets(Protocol):
    """Prepaid wallets. `guard` is the wallet's id."""

    async def open(self, organisation_id: int, project_id: int | None) -> int:
        """The wallet of a project, or of the organisation for all projects without one; made when missing."""
        ...

    async def find(self, organisation_id: int, project_id: int | None) -> int | None:
        """The wallet of exactly that project or organisation, if it is in force."""
        ...

    async def topup(self, organisation_id: int, project_id: int | None, amount: int, note: Note) -> int:
        """Pay in: bank to wallet, which is opened if there is none. Returns the voucher.

        Raises:
            TwiceError: the reference was booked before.
        """
        ...

    async def refund(self, organisation_id: int, guard: int, amount: int | None, note: Note) -> int | None:
        """Pay out, all that is free for None. Returns the voucher; None when less than that is free now.

        Raises:
            TwiceError: the reference was booked before.
        """
        ...

    async def recall(self, guard: int) -> None:
        """Ask gateway processes to give back what lies idle in their slices."""
        ...

    async def close(self, organisation_id: int, guard: int) -> bool:
        """From now on calls need no wallet. False: something is in it, or under way."""
        ...

    async def movements(self, organisation_id: int, guard: int, since: datetime) -> list[Movement]:
        """What changed its balance since then, oldest first; calls by the day on which they began."""
        ...


class Note(msgspec.Struct, frozen=True):
    """What a payment is booked with.

    Attributes:
        reference: the bank's; booked once.
    """

    at: datetime
    by: str
    reason: str
    reference: str | None = None


class TwiceError(RechenwerkError):
    """A bank's reference was booked before."""


class Rule(msgspec.Struct, frozen=True):
    """Whom to tell what.

    Attributes:
        watch: budgets, wallets, contracts or concentration.
        project, key_id, period: which budgets or wallet; None: all.
        thresholds: percent of a budget.
        forecast: tell when a budget will be passed before its period ends.
        below: nano-units that are left of a wallet.
        channel, target: webhook and its address, or mail and its recipient.
        language: en or de, of mails.
        secret: sealed; what webhooks are signed with.
    """

    name: str
    watch: str
    channel: str
    target: str
    language: str = "en"
    project: str | None = None
    project_id: int | None = None
    key_id: int | None = None
    period: str | None = None
    thresholds: tuple[int, ...] = ()
    forecast: bool = False
    below: int | None = None
    secret: bytes | None = None
    made_by: str = ""
    organisation_id: int = 0
    organisation: str = ""
    id: int = 0


class Cause(msgspec.Struct, frozen=True):
    """Something to tell.

    Attributes:
        name: of what happened; it is told once.
        kind: what it is for programs, such as ``budget.threshold``.
        data: what is told; money as text.
        passed_over: a later threshold was passed at the same time: kept, not sent.
    """

    name: str
    kind: str
    data: Mapping[str, Any]
    passed_over: bool = False


class Parcel(msgspec.Struct, frozen=True):
    """A notice that is to be sent now.

    Attributes:
        attempts: this one included.
    """

    id: int
    message_id: str
    kind: str
    data: Mapping[str, Any]
    made_at: datetime
    attempts: int
    rule: Rule


class Notice(msgspec.Struct, frozen=True):
    """A notice in the log.

    Attributes:
        state: waiting, delivered, given up or passed over.
        next_at: when it is sent again, while it waits.
        answer: what the last attempt came to.
    """

    id: int
    alert: str
    message_id: str
    kind: str
    data: Mapping[str, Any]
    made_at: datetime
    state: str
    attempts: int
    next_at: datetime
    answer: str | None
    delivered_at: datetime | None


class Alerts(Protocol):
    """Rules, and the notices that are to be sent: an outbox that outlives whoever sends."""

    async def add(self, organisation_id: int, rule: Rule) -> int:
        """A new rule's id; raises TakenError."""
        ...

    async def rules(self, organisation_id: int | None = None) -> list[Rule]:
        """Those in force, of one organisation or of all."""
        ...

    async def remove(self, organisation_id: int, name: str) -> bool:
        """From now on it tells nobody; what waits is given up. False: there is none of that name."""
        ...

    async def fire(self, rule: Rule, causes: Sequence[Cause], now: datetime, ids: Callable[[], str]) -> int:
        """Note what is to be told, each cause once for ever; returns how many were new."""
        ...

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Parcel]:
        """What is due. Nobody else gets it before `until`: then whoever claimed it must have died."""
        ...

    async def delivered(self, notice: int, now: datetime, answer: str) -> None:
        """It was taken."""
        ...

    async def failed(self, notice: int, again: datetime | None, answer: str) -> None:
        """It was not taken; try again then, or give up."""
        ...

    async def log(self, organisation_id: int, limit: int, before: int | None) -> list[Notice]:
        """Notices, newest first, below the id `before`."""
        ...


class BudgetDesk(msgspec.Struct, frozen=True):
    """All storage of this room's part."""

    budgets: Budgets
    wallets: Wallets
    alerts: Alerts
