"""What people ask of a plan, in the field's terms; every figure with its formula.

Unconditional purchase obligations are shown by year as ASC 440-10-50 asks for: what must be paid under
non-cancellable contracts, used or not. An onerous contract is one whose unavoidable payments exceed its use
(IAS 37.66, in German *Drohverlust*); here, undiscounted, what will be paid and not used.
"""

from __future__ import annotations

import msgspec

from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.plans import Plan


class Figure(msgspec.Struct, frozen=True):
    """A figure with what it is.

    Args:
        key: what it is asked for by.
        name: what people read.
        value: None where there is none, as there is no day on which the cash of a rich firm runs out.
        unit: of the value.
        formula: how it comes about.
        note: a date or a name that says it shorter.
        parts: (line, period) that it comes from; without a period all of them.
    """

    key: str
    name: str
    value: float | None
    unit: str
    formula: str
    note: str = ""
    parts: tuple[tuple[str, str], ...] = ()


class ByYear(msgspec.Struct, frozen=True):
    """A table by calendar year: rows of (name, values), the last value for all later years."""

    years: tuple[int, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    formula: str


def falls(kind: str) -> bool:
    """Whether what is not used of a contract of this kind is lost."""
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
            series = values[f"{one.name}.cost"][:, 0]
            later = float(series[-1]) * max(plan.axis.index(one.stops or one.last) - plan.axis.count + 1, 0)
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
        name = f"{one.name}.shortfall" if falls(one.kind) else f"{one.name}.idle"
        if name in values:
            by = _yearly(plan, values[name][:, 0])
            if any(by.values()):
                rows.append((one.name, (*(by[year] / plan.money.scale for year in years), 0.0)))
    return ByYear(
        years, tuple(rows), "shortfall of take-or-pay and prepaid, idle part of provisioned and owned"
    )


def provisions(plan: Plan, values: Values) -> ByYear:
    """Provisions for onerous contracts at the end of each year: what will be paid later and not used.

    Take-or-pay, prepaid and provisioned contracts; own machines are written down, no liability.
    """
    years = tuple(dict.fromkeys(plan.axis.years))
    rows = []
    for one in plan.written.contracts:
        name = f"{one.name}.shortfall" if falls(one.kind) else f"{one.name}.idle"
        if name not in values or one.kind == "owned":
            continue
        by = _yearly(plan, values[name][:, 0])
        later = [sum(by[after] for after in years if after > year) / plan.money.scale for year in years]
        if any(by.values()):
            rows.append((one.name, (*later, 0.0)))
    return ByYear(years, tuple(rows), "shortfall and idle part of all later periods, undiscounted")
