"""Money that comes after the firm has run out of it: a tranche after default helps nobody."""

from __future__ import annotations

import msgspec
import numpy as np

from rechenwerk.planner.engine import Values
from rechenwerk.planner.plans import Plan


class Late(msgspec.Struct, frozen=True):
    """A source of money that comes too late in the expected course.

    Attributes:
        name: of the ``[[funding]]``.
        when: the period in which it comes.
        out: the period in which cash had fallen below 0 before.
        gap: what is missing at most until then, in the plan's unit.
    """

    name: str
    when: str
    out: str
    gap: float


def late(plan: Plan, values: Values) -> tuple[Late, ...]:
    """Equity and loans whose first money comes in a later period than the one in which cash runs out."""
    cash = values["cash"][:, 0]
    below = np.flatnonzero(cash < 0)
    if not len(below):
        return ()
    out, found = int(below[0]), []
    for one in plan.written.funding:
        line = {"equity": f"{one.name}.received", "loan": f"{one.name}.drawn"}.get(one.kind)
        if line is None:
            continue
        when = int(np.argmax(values[line][:, 0] > 0))  # 0 where nothing comes
        if when > out:
            gap = -float(cash[out:when].min()) / plan.money.scale
            found.append(Late(one.name, plan.axis.name(when), plan.axis.name(out), gap))
    return tuple(found)
