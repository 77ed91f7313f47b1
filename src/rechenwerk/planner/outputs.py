"""What people ask of a plan, in the field's terms; every figure with its formula.

Unconditional purchase obligations are shown by year as ASC 440-10-50 asks for: what must be paid under
non-cancellable contracts, used or not. An onerous contract is one whose unavoidable payments exceed its use
(IAS 37.66, in German *Drohverlust*); here, undiscounted, what will be paid and not used.
"""

from __future__ import annotations

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.formulas import names, show
from rechenwerk.planner.plans import Plan


class Figure(msgspec.Struct, frozen=True):
    """A figure with what it is.

    Args:
        name: what people read.
        value: None where there is none, as there is no day on which the cash of a rich firm runs out.
        unit: of the value.
        formula: how it comes about.
        note: a date or a name that says it shorter.
    """

    name: str
    value: float | None
    unit: str
    formula: str
    note: str = ""


class ByYear(msgspec.Struct, frozen=True):
    """A table by calendar year: rows of (name, values), the last value for all later years."""

    years: tuple[int, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    formula: str


class Service(msgspec.Struct, frozen=True):
    """What a service brings and costs over all periods."""

    name: str
    revenue: float
    cost: float

    @property
    def margin(self) -> float:
        """Revenue less cost."""
        return self.revenue - self.cost


def key_figures(plan: Plan, values: Values) -> tuple[Figure, ...]:
    """The answers of the base case; money in the plan's unit."""
    scale, money = plan.money.scale, plan.written.head.shown_in
    cash, axis = values["cash"][:, 0], plan.axis
    below = np.flatnonzero(cash < 0)
    out = int(below[0]) if len(below) else None
    runway = None if out is None else float(out * axis.months)
    flow = np.cumsum(values["free_cash_flow"][:, 0])
    positive = values["free_cash_flow"][:, 0] > 0
    last_burn = np.flatnonzero(~positive)
    even = int(last_burn[-1]) + 1 if len(last_burn) else 0
    back = _amortised(flow)
    year = max(1, round(1 / axis.length))
    revenue = float(values["revenue"][:year, 0].sum())
    owed = sum(float(values[f"{name}.obligation"][0, 0]) for name in _bound(plan))
    owed += sum(float(values[f"{name}.minimum"][0, 0]) for name in _bound(plan))
    short = sum(
        float(values[f"{one.name}.shortfall"].sum()) for one in plan.written.contracts if _falls(one.kind)
    )
    return (
        Figure(
            "runway", runway, "months", "first period with cash < 0", "" if out is None else axis.name(out)
        ),
        Figure("funding gap", float(max(-cash.min(), 0)) / scale, money, "max(0 - cash, 0), the largest"),
        Figure("lowest cash", float(cash.min()) / scale, money, "min(cash)", axis.name(int(cash.argmin()))),
        Figure(
            "free cash flow positive",
            None if even >= axis.count else float(even * axis.months),
            "months",
            "first period from which free_cash_flow stays > 0",
            "" if even >= axis.count else axis.name(even),
        ),
        Figure(
            "investment amortised",
            None if back is None else float(back * axis.months),
            "months",
            "total(free_cash_flow) back at 0 after its lowest point",
            "" if back is None else axis.name(back),
        ),
        Figure("commitments", owed / scale, money, "sum of minimum and obligation of take-or-pay contracts"),
        Figure(
            "commitments to revenue",
            owed / revenue if revenue else None,
            "years of revenue",
            "commitments / revenue of the first year",
        ),
        Figure("paid and not used", short / scale, money, "sum of shortfall of all contracts"),
    )


def _amortised(flow: Floats) -> int | None:
    lowest = int(flow.argmin())
    if flow[lowest] >= 0:
        return None
    back = np.flatnonzero(flow[lowest:] >= 0)
    return lowest + int(back[0]) if len(back) else None


def _bound(plan: Plan) -> list[str]:
    return [one.name for one in plan.written.contracts if one.kind == "take-or-pay"]


def _falls(kind: str) -> bool:
    return kind in {"take-or-pay", "prepaid"}


def _yearly(plan: Plan, series: Floats) -> dict[int, float]:
    found: dict[int, float] = {}
    for year, value in zip(plan.axis.years, series, strict=True):
        found[year] = found.get(year, 0.0) + float(value)
    return found


def obligations(plan: Plan, values: Values) -> ByYear:
    """Unconditional purchase obligations by year; the last column is behind the plan's end."""
    years = tuple(dict.fromkeys(plan.axis.years))
    rows = []
    for one in plan.written.contracts:
        if one.kind == "take-or-pay":
            series, later = (
                values[f"{one.name}.minimum"][:, 0],
                float(values[f"{one.name}.obligation"][-1, 0]),
            )
        elif one.kind == "provisioned":
            series, later = values[f"{one.name}.cost"][:, 0], 0.0
        else:
            continue
        by = _yearly(plan, series)
        rows.append((one.name, (*(by[year] / plan.money.scale for year in years), later / plan.money.scale)))
    return ByYear(years, tuple(rows), "minimum of take-or-pay, fees of provisioned contracts, used or not")


def onerous(plan: Plan, values: Values) -> ByYear:
    """What will be paid and not used, by contract and year."""
    years = tuple(dict.fromkeys(plan.axis.years))
    rows = []
    for one in plan.written.contracts:
        name = f"{one.name}.shortfall" if _falls(one.kind) else f"{one.name}.idle"
        if name in values:
            by = _yearly(plan, np.broadcast_to(values[name][:, 0], plan.axis.count))
            if any(by.values()):
                rows.append((one.name, (*(by[year] / plan.money.scale for year in years), 0.0)))
    return ByYear(
        years, tuple(rows), "shortfall of take-or-pay and prepaid, idle part of provisioned and owned"
    )


def services(plan: Plan, values: Values) -> tuple[Service, ...]:
    """Revenue and cost of each service: its own lines, and its needs' contracts at what they cost.

    A contract's cost is its need's; a need belongs to the service that its line names.
    """
    revenue: dict[str, float] = {}
    cost: dict[str, float] = {}
    needs = {one.name: one.service for one in plan.written.lines}
    for line in plan.written.lines:
        amount = float(values[line.name].sum()) / plan.money.scale
        if line.service and line.group == "revenue":
            revenue[line.service] = revenue.get(line.service, 0.0) + amount
        elif line.service and line.group in {"cost", "operating", "research"}:
            cost[line.service] = cost.get(line.service, 0.0) + amount
    for contract in plan.written.contracts:
        service = needs.get(contract.need, "")
        if service:
            amount = float(values[f"{contract.name}.cost"].sum()) / plan.money.scale
            cost[service] = cost.get(service, 0.0) + amount
    names_ = dict.fromkeys([*revenue, *cost])
    return tuple(Service(name, revenue.get(name, 0.0), cost.get(name, 0.0)) for name in names_)


class Explained(msgspec.Struct, frozen=True):
    """A line, its formula and what it is made of, in one period.

    Args:
        name, formula, unit, source: of the line; a figure that is put in has no formula.
        period: that the values are of.
        value: in the unit.
        inputs: (name, value in its own unit, unit) of what the formula names, in the same period.
    """

    name: str
    title: str
    formula: str
    unit: str
    source: str
    period: str
    value: float
    inputs: tuple[tuple[str, float, str], ...]


def explain(plan: Plan, values: Values, name: str, at: str = "") -> Explained:
    """Where a figure comes from.

    Raises:
        PlanError: there is no such line or period.
    """
    if name not in values:
        raise PlanError(f"no line {name!r} in the plan; {did_you_mean(name, values)}")
    index = plan.axis.index(at) if at else plan.axis.count - 1
    if not 0 <= index < plan.axis.count:
        raise PlanError(
            f"{at} is outside of the plan, {plan.axis.name(0)} to {plan.axis.name(plan.axis.count - 1)}"
        )
    line = plan.lines.get(name)
    parts = dict.fromkeys(names(line.formula)) if line is not None else {}
    return Explained(
        name,
        line.title if line is not None else plan.titles.get(name, ""),
        show(line.formula) if line is not None else "",
        _unit(plan, name),
        line.source if line is not None else plan.sources.get(name, ""),
        plan.axis.name(index),
        _shown(plan, values, name, index),
        tuple((part, _shown(plan, values, part, index), _unit(plan, part)) for part in parts),
    )


def _unit(plan: Plan, name: str) -> str:
    unit = plan.lines[name].unit if name in plan.lines else plan.inputs[name].unit
    return plan.written.head.shown_in if unit == plan.money else str(unit)


def _shown(plan: Plan, values: Values, name: str, index: int) -> float:
    unit = plan.lines[name].unit if name in plan.lines else plan.inputs[name].unit
    return float(np.broadcast_to(values[name][:, 0], plan.axis.count)[index]) / unit.scale
