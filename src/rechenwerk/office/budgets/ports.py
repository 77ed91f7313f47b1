"""What budgets, wallets and alerts need from storage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec


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


class BudgetDesk(msgspec.Struct, frozen=True):
    """All storage of this room's part."""

    budgets: Budgets
