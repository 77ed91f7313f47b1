"""The units in which figures of a plan are shown to people."""

from __future__ import annotations

from rechenwerk.planner.plans import Plan


def shown_unit(plan: Plan, name: str) -> tuple[str, float]:
    """The unit in which a figure is shown, and what a value in base units is divided by for it.

    Money stands in the plan's unit, what the file has in the unit that the file says.
    """
    unit = plan.lines[name].unit if name in plan.lines else plan.inputs[name].unit
    if unit.powers == plan.money.powers:
        return plan.written.head.shown_in, plan.money.scale
    said = {one.name: one.unit for one in plan.written.drivers}
    said |= {one.name: one.unit for one in plan.written.lines}
    if name in said:
        return said[name], unit.scale
    return str(unit), 1.0
