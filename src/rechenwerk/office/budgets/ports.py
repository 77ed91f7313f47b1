"""What budgets, wallets and alerts need from storage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from rechenwerk.base.errors import RechenwerkError


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

    @property
    def left(self) -> int:
        """What is neither spent nor held; a soft budget that is passed has nothing left."""
        return max(0, self.amount - self.held - self.posted)

    @property
    def name(self) -> str:
        """Whose it is, for people: nothing for the organisation's own, else project or project/key."""
        return "/".join(part for part in (self.project, self.key) if part)


class Budgets(Protocol):
    """Budgets and wallets of an organisation as they stand."""

    async def uses(self, organisation_id: int, windows: Mapping[str, datetime]) -> list[BudgetUse]:
        """All that are in force: the organisation's, then projects', then keys'.

        Keys that are revoked or expired are left out: their budgets hold nobody back.
        """
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


class BudgetDesk(msgspec.Struct, frozen=True):
    """All storage of this room's part."""

    budgets: Budgets
    wallets: Wallets
