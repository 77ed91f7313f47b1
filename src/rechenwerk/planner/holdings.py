"""Who holds how much of whom while the periods pass, what firms are worth by it, and what falls with a stake.

A firm is worth what it has and is owed, less what it owes, and its stakes in others: what the firms that it
holds are worth, times its parts of them, never less than nothing (Elsinger 2009; the values of all firms are
found together). Where the file says what a firm is worth as a going concern, its stakes count at that while
it lives. Equity that buys a part takes it from all who held shares before, in proportion.
"""

from __future__ import annotations

import msgspec
import numpy as np

from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.contagion import Course
from rechenwerk.planner.deals import Deals

_ROUNDS = 10_000
_EXACT = 1e-12


class StakeLoss(msgspec.Struct, frozen=True):
    """What a holder loses with a firm that fails: its part of what the firm was worth the period before."""

    firm: str
    period: str
    holder: str
    part: float
    amount: float


class Holdings(msgspec.Struct, frozen=True):
    """Stakes over time.

    Args:
        parts: (periods, firms, holders) of each firm's shares.
        worth: (periods, firms): with stakes; 0 once a firm has failed.
        stakes: (periods, firms): of it, what stakes in others are worth.
        losses: by the failures.
    """

    parts: Floats
    worth: Floats
    stakes: Floats
    losses: tuple[StakeLoss, ...]


def holdings(course: Course) -> Holdings:
    """Stakes of the firms of a course, period by period."""
    deals = course.deals
    names = [firm.name for firm in deals.firms]
    parts = _parts(deals, course.bought)
    said = np.asarray([np.nan if firm.worth is None else float(firm.worth) for firm in deals.firms])
    fell = {one.firm: deals.periods.index(one.period) for one in course.failures}
    worth, stakes = np.zeros_like(course.cash), np.zeros_like(course.cash)
    for period in range(deals.axis.count):
        alive = np.asarray([fell.get(name, deals.axis.count) > period for name in names])
        own = np.where(alive, course.cash[period] + course.claims[period], 0.0)
        worth[period], stakes[period] = _worth(own, parts[period], said, alive)
    losses = []
    for name, period in fell.items():
        firm = names.index(name)
        before = max(period - 1, 0)
        value = said[firm] if not np.isnan(said[firm]) else max(worth[before, firm], 0.0)
        for holder in np.flatnonzero(parts[before, firm]):
            part = float(parts[before, firm, holder])
            if value > 0:
                losses.append(
                    StakeLoss(name, deals.periods[period], names[holder], part, part * float(value))
                )
    return Holdings(parts, worth, stakes, tuple(losses))


def _parts(deals: Deals, bought: tuple[tuple[int, int, int, float], ...]) -> Floats:
    """(periods, firms, holders)."""
    index = {firm.name: at for at, firm in enumerate(deals.firms)}
    count = len(index)
    found = np.zeros((deals.axis.count, count, count))
    for one in deals.shares:
        first = deals.axis.index(one.first) if one.first else 0
        last = deals.axis.index(one.last) if one.last else deals.axis.count - 1
        found[max(first, 0) : last + 1, index[one.of], index[one.holder]] += float(one.part)
    for period, investor, firm, part in bought:
        found[period:, firm] *= 1 - part
        found[period:, firm, investor] += part
    return found


def _worth(own: Floats, parts: Floats, said: Floats, alive: np.ndarray) -> tuple[Floats, Floats]:
    """(firms,) worth of each, and of it what stakes in others are worth.

    Worth grows from stakes without stakes on, so that the values found are the least that fit together.
    """
    known = ~np.isnan(said)
    worth = own.copy()
    for _ in range(_ROUNDS):
        counted = np.where(known, said, np.maximum(worth, 0.0)) * alive
        stakes = parts.T @ counted * alive
        if np.abs(own + stakes - worth).max() <= _EXACT * max(float(np.abs(own).max()), 1.0):
            break
        worth = own + stakes
    return own + stakes, stakes
