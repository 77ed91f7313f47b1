"""What breaks a plan: shocks one by one, together and in sequence, and the smallest that empties the cash.

A reverse stress test looks for the mildest combination of shocks after which cash falls below zero in some
period: severities s of the shocks, 0 none and 1 as written, with the smallest root of the sum of s squared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import ended, factors
from rechenwerk.planner.tables import ShockTable, Written

_HALVINGS = 40
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST = 5
"""Shocks that a reverse test combines: beyond it there are too many combinations."""


class Struck(msgspec.Struct, frozen=True):
    """A plan after shocks.

    Args:
        shocks: their names.
        lowest: cash in its worst period, in base units.
        at: that period.
        out: the first period with cash below 0, '' where there is none.
        gap: what is missing then at most.
    """

    shocks: tuple[str, ...]
    lowest: float
    at: str
    out: str
    gap: float


class Reverse(msgspec.Struct, frozen=True):
    """The mildest combination that empties the cash.

    Args:
        severities: by shock, 0 to 1.
        distance: root of the sum of their squares.
        struck: the plan then; None where even all shocks as written do not empty it.
    """

    severities: dict[str, float]
    distance: float
    struck: Struck | None


def strike(written: Written, shocks: Sequence[ShockTable], severity: float = 1.0) -> tuple[Plan, Values]:
    """A plan with shocks that happen, as expected.

    Args:
        written: tables.
        shocks: that happen; what they end, ends whole.
        severity: of those that change drivers.

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
    return Struck(names, float(cash[lowest]), plan.axis.name(lowest), out, max(-float(cash[lowest]), 0.0))


def stress(written: Written, together: Sequence[Sequence[str]] = ()) -> tuple[Struck, ...]:
    """The plan as it is, each shock alone, all together, and what else is wished.

    Args:
        written: tables.
        together: names of shocks that happen together.

    Raises:
        PlanError: there is no such shock, or none at all.
    """
    known = {one.name: one for one in written.shocks}
    if not known:
        raise PlanError(
            'the file has no [[shock]]; add one, such as driver = "users", factor = 0.7, at = "2027-01"'
        )
    for name in (name for names in together for name in names):
        if name not in known:
            raise PlanError(f"no shock {name!r} in the file; choose from {', '.join(known)}")
    groups: list[tuple[str, ...]] = [(), *((name,) for name in known)]
    if len(known) > 1:
        groups.append(tuple(known))
    groups += [tuple(names) for names in together]
    return tuple(struck(*strike(written, [known[name] for name in names]), names) for names in groups)


def reverse(written: Written, names: Sequence[str] = ()) -> Reverse:
    """The mildest combination of shocks that empties the cash.

    Args:
        written: tables.
        names: of the shocks that may be combined; all that change drivers unless said otherwise.

    Raises:
        PlanError: there is no such shock, or there are too many to combine.
    """
    known = {one.name: one for one in written.shocks if one.driver}
    chosen = [known[name] for name in names if name in known] if names else list(known.values())
    if len(chosen) < max(len(names), 1):
        raise PlanError(
            f"a reverse test combines shocks that change a driver: {', '.join(known) or 'none here'}"
        )
    if len(chosen) > _MOST:
        raise PlanError(f"{len(chosen)} shocks are too many to combine; name {_MOST} of them")
    plan = build(written)

    def values(severities: Floats) -> Values:
        combined: dict[str, Floats] = {}
        for shock, severity in zip(chosen, severities, strict=True):
            for driver, factor in factors(written, [shock], float(severity)).items():
                combined[driver] = combined.get(driver, np.ones(plan.axis.count)) * factor
        return base(plan, combined)

    def empty(severities: Floats) -> bool:
        return float(values(severities)["cash"].min()) < 0

    best: Floats | None = None
    for direction in product(_STEPS, repeat=len(chosen)):
        ray = np.asarray(direction)
        if ray.max() == 1.0:  # the others are the same rays, shorter
            best = _nearer(empty, ray, best)
    if best is None:
        return Reverse({one.name: 1.0 for one in chosen}, float(np.sqrt(len(chosen))), None)
    used = {one.name: float(severity) for one, severity in zip(chosen, best, strict=True) if severity > 0}
    return Reverse(used, float(np.linalg.norm(best)), struck(plan, values(best), tuple(used)))


def _nearer(empty: Callable[[Floats], bool], ray: Floats, best: Floats | None) -> Floats | None:
    """The first point of a ray at which the cash is empty, if it is nearer than the best so far."""
    length = float(np.linalg.norm(ray))
    far = 1.0 if best is None else min(1.0, float(np.linalg.norm(best)) / length)
    if not empty(ray * far):
        return best
    near = 0.0
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if empty(ray * middle) else (middle, far)
    return ray * far
