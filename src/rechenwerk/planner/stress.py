"""What breaks a plan: shocks one by one, together and in sequence, and the smallest that empties the cash.

Shocks have times of their own, so that several together are a sequence; `demand@2027-01+bank@2027-07` moves
them. A reverse stress test looks for the mildest combination of shocks after which cash falls below zero in
some period: severities s of the shocks, 0 none and 1 as written, with the smallest root of the sum of s
squared. What only happens or does not, as that a provider fails, has a severity of 0 or 1. It also names the
smallest sets of shocks, as written, that empty the cash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import month_number
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import ended, factors
from rechenwerk.planner.shocks import continuous
from rechenwerk.planner.tables import ShockTable, Written

_HALVINGS = 40
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST, _SWITCHES, _TOGETHER = 4, 6, 3
"""Shocks with a severity, and those without, that a reverse test combines, and the size of its sets."""


class Struck(msgspec.Struct, frozen=True):
    """A plan after shocks.

    Args:
        shocks: their names.
        lowest: cash in its worst period, in base units.
        at: that period.
        out: the first period with cash below 0, '' where there is none.
        gap: what is missing then at most.
        unserved: the part of all that is needed which no contract serves any more.
    """

    shocks: tuple[str, ...]
    lowest: float
    at: str
    out: str
    gap: float
    unserved: float = 0.0


class Reverse(msgspec.Struct, frozen=True):
    """The mildest combination that empties the cash.

    Args:
        severities: by shock, 0 to 1.
        distance: root of the sum of their squares.
        struck: the plan then; None where even all shocks as written do not empty it.
        sets: the smallest sets of shocks, as written, that empty it: no shock of a set can be left out.
    """

    severities: dict[str, float]
    distance: float
    struck: Struck | None
    sets: tuple[tuple[str, ...], ...] = ()


def strike(written: Written, shocks: Sequence[ShockTable], severity: float = 1.0) -> tuple[Plan, Values]:
    """A plan with shocks that happen, as expected.

    Args:
        written: tables.
        shocks: that happen; what they end, ends whole.
        severity: of those that have one.

    Raises:
        PlanError: a shock does not fit the plan.
    """
    plan = build(ended(written, shocks))
    return plan, base(plan, factors(written, shocks, severity))


def struck(plan: Plan, values: Values, names: tuple[str, ...]) -> Struck:
    """What people want to know of it."""
    cash = values["cash"][:, 0]
    lowest = int(cash.argmin())
    below = np.flatnonzero(cash < 0)
    out = plan.axis.name(int(below[0])) if len(below) else ""
    gap = max(-float(cash[lowest]), 0.0)
    return Struck(names, float(cash[lowest]), plan.axis.name(lowest), out, gap, _unserved(plan, values))


def _unserved(plan: Plan, values: Values) -> float:
    """Of the need that is served worst; needs are in units of their own."""
    parts = [0.0]
    for need in {one.need for one in plan.written.contracts}:
        whole = float(values[need][:, 0].sum())
        left = float(values[f"unserved.{need}"][:, 0].sum())
        parts.append(left / whole if whole > 0 else 0.0)
    return max(parts)


def stress(
    written: Written, together: Sequence[Sequence[str]] = (), shocks: Sequence[ShockTable] = ()
) -> tuple[Struck, ...]:
    """The plan as it is, each shock alone, all together, and what else is wished.

    Args:
        written: tables.
        together: names of shocks that happen together, each with @ and a period where it is moved.
        shocks: instead of those of the file.

    Raises:
        PlanError: there is no such shock, or none at all.
    """
    known = {one.name: one for one in shocks or written.shocks}
    if not known:
        raise PlanError(
            'the file has no [[shock]]; add one, such as driver = "users", factor = 0.7, at = "2027-01"'
        )
    groups: list[tuple[str, ...]] = [(), *((name,) for name in known)]
    if len(known) > 1 and not shocks:  # all of a library at once says nothing
        groups.append(tuple(known))
    groups += [tuple(names) for names in together]
    moved = [tuple(_moved(known, name) for name in names) for names in groups]
    return tuple(struck(*strike(written, group), names) for group, names in zip(moved, groups, strict=True))


def _moved(known: Mapping[str, ShockTable], text: str) -> ShockTable:
    """A shock by its name; behind an @ from when on it happens instead.

    Raises:
        PlanError: there is no such shock, or it ends before it begins.
    """
    name, _, at = text.partition("@")
    if name not in known:
        raise PlanError("no shock {name!r} in the file; {fix}", name=name, fix=did_you_mean(name, known))
    shock = known[name]
    if not at:
        return shock
    if shock.until and month_number(shock.until) <= month_number(at):
        raise PlanError(
            "shock {name!r} lasts until {until}; move it to an earlier period than {at}",
            name=name,
            until=shock.until,
            at=at,
        )
    return msgspec.structs.replace(shock, at=at)


def reverse(written: Written, names: Sequence[str] = ()) -> Reverse:
    """The mildest combination of shocks that empties the cash.

    Args:
        written: tables.
        names: of the shocks that may be combined; all unless said otherwise.

    Raises:
        PlanError: there is no such shock, or there are too many to combine.
    """
    known = {one.name: one for one in written.shocks}
    chosen = [_moved(known, name) for name in names] if names else list(known.values())
    if not chosen:
        raise PlanError(
            'a reverse test combines shocks; add a [[shock]], such as driver = "users", factor = 0.7'
        )
    graded = [one for one in chosen if continuous(one)]
    switches = [one for one in chosen if not continuous(one)]
    if len(graded) > _MOST or len(switches) > _SWITCHES:
        raise PlanError(
            "{count} shocks with a factor and {count2} that end something are too many to combine;"
            " name up to {most} and {switches} of them",
            count=len(graded),
            count2=len(switches),
            most=_MOST,
            switches=_SWITCHES,
        )
    search = _Reverse(written, graded)
    plan = build(written)
    if _empty(base(plan)):
        return Reverse({}, 0.0, struck(plan, base(plan), ()))
    sets = search.smallest(chosen)
    for group in _subsets(switches):
        search.look(group)
    if search.best is None:
        return Reverse({one.name: 1.0 for one in chosen}, float(np.sqrt(len(chosen))), None)
    used, plan, values = search.best
    return Reverse(used, search.distance, struck(plan, values, tuple(used)), sets)


def _subsets(shocks: Sequence[ShockTable], most: int = _SWITCHES) -> list[tuple[ShockTable, ...]]:
    """Small ones first."""
    return [group for size in range(min(len(shocks), most) + 1) for group in combinations(shocks, size)]


class _Reverse:
    """The search: rays of severities for every set of shocks that happen whole.

    `best` is the severities by shock, the plan and its values, at `distance`.
    """

    def __init__(self, written: Written, graded: Sequence[ShockTable]) -> None:
        self.written, self.graded = written, graded
        self.best: tuple[dict[str, float], Plan, Values] | None = None
        self.distance = np.inf

    def smallest(self, shocks: Sequence[ShockTable]) -> tuple[tuple[str, ...], ...]:
        """The smallest sets that empty the cash as written; none contains another."""
        found: list[frozenset[str]] = []
        for group in _subsets(shocks, _TOGETHER):
            names = frozenset(one.name for one in group)
            if group and not any(one <= names for one in found) and _empty(strike(self.written, group)[1]):
                found.append(names)
        order = [one.name for one in shocks]
        return tuple(tuple(sorted(one, key=order.index)) for one in found)

    def look(self, group: tuple[ShockTable, ...]) -> None:
        """The nearest point with these shocks happening whole, if it is nearer than what is known."""
        if np.sqrt(len(group)) >= self.distance:
            return
        plan = build(ended(self.written, [*group, *self.graded]))
        none = np.zeros(len(self.graded))
        if _empty(self._values(plan, none)):
            self._take(group, plan, none)
            return
        for direction in product(_STEPS, repeat=len(self.graded)):
            ray = np.asarray(direction)
            if len(ray) and ray.max() == 1.0:  # the others are the same rays, shorter
                self._along(group, plan, ray)

    def _along(self, group: tuple[ShockTable, ...], plan: Plan, ray: Floats) -> None:
        """The first point of a ray at which the cash is empty, if it is nearer than the best so far."""
        room = self.distance**2 - len(group)
        far = min(1.0, float(np.sqrt(max(room, 0.0))) / float(np.linalg.norm(ray)))
        if not _empty(self._values(plan, ray * far)):
            return
        near = 0.0
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if _empty(self._values(plan, ray * middle)) else (middle, far)
        self._take(group, plan, ray * far)

    def _take(self, group: tuple[ShockTable, ...], plan: Plan, point: Floats) -> None:
        rows = zip(self.graded, point, strict=True)
        severities = {one.name: 1.0 for one in group} | {one.name: float(at) for one, at in rows if at > 0}
        self.best = severities, plan, self._values(plan, point)
        self.distance = float(np.sqrt(len(group) + (point**2).sum()))

    def _values(self, plan: Plan, point: Floats) -> Values:
        combined: dict[str, Floats] = {}
        for shock, severity in zip(self.graded, point, strict=True):
            for driver, factor in factors(self.written, [shock], float(severity)).items():
                combined[driver] = combined.get(driver, np.ones(plan.axis.count)) * factor
        return base(plan, combined)


def _empty(values: Values) -> bool:
    return float(values["cash"].min()) < 0
