"""Guards as one gateway process sees them: budgets and limits, drawn from leased slices in memory."""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

Unit = Literal["money", "requests", "tokens", "calls"]
Period = Literal["minute", "day", "week", "month", "quarter", "year", "total", "now"]
Owner = Literal["organisation", "project", "key"]

BUDGET_PERIODS: tuple[Period, ...] = ("day", "week", "month", "quarter", "year", "total")
"""What a budget of money may run for."""

_MONTHS: Mapping[Period, int] = MappingProxyType({"month": 1, "quarter": 3, "year": 12})
_WEEK = 7 * 86_400
_MONDAY = 4 * 86_400
"""The first Monday of the epoch: ISO 8601 weeks begin on Mondays."""

_SET_BACK = 120
"""Seconds by which a clock may be set back before an old window is opened again."""

NEVER = 1 << 62
"""End of a window that does not end, epoch seconds."""


def window_bounds(period: Period, now: float) -> tuple[int, int]:
    """Start and end (epoch seconds, UTC) of the period that `now` lies in."""
    at = int(now)
    if period == "minute":
        start = at - at % 60
        return start, start + 60
    if period == "day":
        start = at - at % 86_400
        return start, start + 86_400
    if period == "week":
        start = at - (at - _MONDAY) % _WEEK
        return start, start + _WEEK
    months = _MONTHS.get(period)
    if months is not None:
        day = time.gmtime(at)
        first = (day.tm_year * 12 + day.tm_mon - 1) // months * months
        return _first_of(first), _first_of(first + months)
    return 0, NEVER


def _first_of(month: int) -> int:
    """Epoch seconds at which a month begins; months are counted from year 0."""
    return calendar.timegm((month // 12, month % 12 + 1, 1, 0, 0, 0))


class GuardRow(msgspec.Struct, frozen=True, gc=False):
    """A budget, a limit or a wallet as configured.

    Attributes:
        amount: nano-units, requests, tokens or calls at once; of a wallet what was paid in and not paid back.
        owner: whose calls need it.
    """

    id: int
    unit: Unit
    period: Period
    amount: int
    hard: bool
    owner: Owner = "project"
    wallet: bool = False


class Window:
    """One period of a guard: what this process may still promise from its slice.

    Attributes:
        free: not promised to any call.
        pool: what others could still lease, as last heard.
        granted: size of the slice, as far as it is known.
        doubtful: an answer of the books was lost, so `granted` may be wrong until the next one.
        recalled_at: when somebody last asked for what lies idle here, in seconds of the event loop.
        leased_at: when something was last leased, in the same seconds.
        cushion: what was leased in advance then.
    """

    __slots__ = (
        "cushion",
        "doubtful",
        "ends",
        "free",
        "granted",
        "guard",
        "leased_at",
        "pool",
        "recalled_at",
        "slice_id",
        "starts",
        "used_at",
    )

    def __init__(self, guard: GuardRow, starts: int, ends: int) -> None:
        self.guard = guard
        self.starts = starts
        self.ends = ends
        self.slice_id = 0
        self.free = 0
        self.pool = guard.amount
        self.used_at = 0.0
        self.granted = 0
        self.doubtful = False
        self.recalled_at = 0.0
        self.leased_at = float("-inf")
        self.cushion = 0


class Guard:
    """A guard with its current window."""

    __slots__ = ("row", "window")

    def __init__(self, row: GuardRow, now: float) -> None:
        self.row = row
        self.window = Window(row, *window_bounds(row.period, now))

    def at(self, now: float) -> Window:
        """The window of `now`; a new one when the old period is over."""
        window = self.window
        if now >= window.ends or now < window.starts - _SET_BACK:
            self.window = window = Window(self.row, *window_bounds(self.row.period, now))
        return window


Draw = tuple[Window, int]
"""What a call took from a window."""


def draw(guards: tuple[Guard, ...], amounts: dict[Unit, int], now: float) -> list[Draw] | None:
    """Take from every guard what a call needs, or from none.

    Returns the draws, or None when one of the slices is too small and has to be enlarged first.
    """
    draws: list[Draw] = []
    for guard in guards:
        window = guard.at(now)
        need = amounts[guard.row.unit]
        if window.free < need:
            return None
        draws.append((window, need))
    for window, need in draws:
        window.free -= need
        window.used_at = now
    return draws


def undo(draws: list[Draw]) -> None:
    """Give back what `draw` took."""
    for window, need in draws:
        window.free += need


def settle(draws: list[Draw], tokens: int) -> None:
    """Give back what a finished call did not use of its limits; its money waits for `release`.

    Args:
        draws: from `draw`.
        tokens: tokens really used; more than drawn leaves the window in debt.
    """
    for window, need in draws:
        unit = window.guard.unit
        if unit == "tokens":
            window.free += need - tokens
        elif unit == "calls":
            window.free += need


def release(draws: list[Draw], charged: int) -> None:
    """Give back the money of a call whose post is durable.

    Args:
        draws: from `draw`.
        charged: nano-units booked within the hold.
    """
    for window, need in draws:
        if window.guard.unit == "money":
            window.free += need - charged
