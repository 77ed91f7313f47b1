"""From a published funding gap to the plan's own, step by step, every difference with its name.

A published gap is what its publisher says plus and minus parts of it. The parts that are published need not
add up to it: that is the first difference. Then each part is exchanged for the plan's own line, which gives a
difference each. What the parts come to is what the cash lacks at the end; the plan's gap is the lowest point
of its cash: the last difference. Nothing else may remain, and `rest` shows that nothing does.
"""

from __future__ import annotations

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.case_tables import BridgeTable, StepTable
from rechenwerk.planner.engine import Values
from rechenwerk.planner.fitting import amount
from rechenwerk.planner.numbers import number
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.tables import Written
from rechenwerk.planner.units import read_unit


class Step(msgspec.Struct, frozen=True):
    """A difference between the two gaps.

    Args:
        title, note: what it is.
        published, ours: the two sides, where there are two.
        adds: what it adds to the gap.
        gap: the gap after it.
    """

    title: str
    published: float | None
    ours: float | None
    adds: float
    gap: float
    note: str = ""


class Bridge(msgspec.Struct, frozen=True):
    """A published gap and ours.

    Args:
        title, source, unit: of it.
        starts: the published gap.
        steps: the differences.
        ends: the plan's gap.
        rest: what no step names; 0 but for rounding.
    """

    title: str
    source: str
    unit: str
    starts: float
    steps: tuple[Step, ...]
    ends: float
    rest: float


def bridge(written: Written, name: str) -> Bridge:
    """Walk from a published gap to the plan's own.

    Raises:
        PlanError: there is no such bridge, line or scenario.
    """
    known = {one.name: one for one in written.bridges}
    if name not in known:
        raise PlanError("no [[bridge]] {name!r} in the file; {fix}", name=name, fix=did_you_mean(name, known))
    one = known[name]
    plan = build(scenario(written, one.scenario))
    return _walked(one, plan, base(plan))


def _walked(one: BridgeTable, plan: Plan, values: Values) -> Bridge:
    scale = read_unit(one.unit).scale
    starts = number(one.starts)
    parts = sum(step.sign * number(step.published) for step in one.step)
    gap = parts
    steps = [Step("not explained by the parts that are published", starts, parts, parts - starts, parts)]
    for step in one.step:
        published, ours = number(step.published), _ours(step, plan, values) / scale
        adds = step.sign * (ours - published)
        gap += adds
        steps.append(Step(step.title, published, ours, adds, gap, step.note))
    cash = values["cash"][:, 0] / scale
    lowest, last = float(cash.min()), float(cash[-1])
    ends = max(-lowest, 0.0)
    title, when = "the gap is the lowest cash, not that of the end", plan.axis.name(int(cash.argmin()))
    steps.append(Step(title, None, None, ends + last, gap + ends + last, when))
    return Bridge(
        one.title or one.name, one.source, one.unit, starts, tuple(steps), ends, ends - steps[-1].gap
    )


def _ours(step: StepTable, plan: Plan, values: Values) -> float:
    if not step.line:
        return 0.0
    first = step.first or plan.axis.name(0)
    last = step.last or plan.axis.name(plan.axis.count - 1)
    return amount(plan, values, step.line, f"{first}..{last}")
