"""Where the spending of a window leads to; pure."""

from __future__ import annotations

from fractions import Fraction

from rechenwerk.ledger.guards import BUDGET_PERIODS, NEVER, Period, window_bounds

_PARTS = 10
"""A forecast is made once a tenth of the window is over: before that a single call decides it."""


def forecast(used: int, period: Period, now: float) -> int | None:
    """What will have been spent at the window's end if it goes on as it went so far, in nano-units.

    None where the window does not end, or is too young to tell.
    """
    starts, ends = window_bounds(period, now)
    elapsed, length = int(now) - starts, ends - starts
    if ends == NEVER or elapsed * _PARTS < length:
        return None
    return round(Fraction(used * length, elapsed)) if used else 0


def stretches(now: float) -> dict[str, tuple[int, int]]:
    """Of each period that can be forecast the window's length and what of it is over, in seconds."""
    found = {}
    for period in BUDGET_PERIODS:
        starts, ends = window_bounds(period, now)
        if forecast(0, period, now) is not None:
            found[str(period)] = (ends - starts, int(now) - starts)
    return found


def percent(used: int, amount: int) -> int:
    """How much of an amount is used, in whole percent, rounded down; of nothing, nothing is left."""
    return used * 100 // amount if amount else 100
