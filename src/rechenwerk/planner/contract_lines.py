"""What contracts for compute add to a plan: what they serve, what they cost, what is owed under them.

Every need is a line in units (GPU hours, tokens, or money at list prices). Its contracts serve it in the
order of the file; each leaves what `remaining` says for the next. What a contract costs is its `cost` (as it
is used up), what is paid is its `cash`.
"""

from __future__ import annotations

import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.axis import Axis, month_number
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.numbers import number
from rechenwerk.planner.sheet import Sheet
from rechenwerk.planner.tables import ContractTable
from rechenwerk.planner.units import Unit, read_unit


def spread(
    axis: Axis, first: str, last: str, total: float, ramp: tuple[float, ...] = ()
) -> tuple[Floats, float]:
    """A total over time: (periods,) what falls into each period, and what falls behind the last one.

    A ramp of n weights divides the time from the first to the last month into n equal parts.

    Raises:
        PlanError: it ends before it begins, or a ramp has no weight.
    """
    begin, end = month_number(first), month_number(last) + (2 if "Q" in last else 0)
    if end < begin:
        raise PlanError(
            "it ends ({last}) before it begins ({first}); turn them round", last=last, first=first
        )
    weights = np.asarray(ramp or (1.0,))
    if (weights < 0).any() or not weights.sum():
        raise PlanError("a ramp has weights that are not negative and not all 0; write ramp = [1, 2, 4]")
    months = end - begin + 1
    each = weights[np.arange(months) * len(weights) // months]
    each = total * each / each.sum()
    found = np.zeros(axis.count)
    behind = 0.0
    for offset, amount in enumerate(each):
        index = (begin + offset - axis.first) // axis.months
        if 0 <= index < axis.count:
            found[index] += amount
        elif index >= axis.count:
            behind += float(amount)
    return found, behind


def add_contract(sheet: Sheet, one: ContractTable, before: str) -> str:
    """The lines of a contract.

    Args:
        sheet: that they are added to.
        one: as written.
        before: the line of what is still to be served.

    Returns:
        the line of what is still to be served behind it.

    Raises:
        PlanError: something that its kind needs is missing or in the wrong unit.
    """
    unit = _unit_of(sheet, before)
    each = sheet.money.times(unit, -1)
    price = Unit(1.0, each.powers)
    match one.kind:
        case "take-or-pay":
            _take_or_pay(sheet, one, before, price)
        case "prepaid":
            _prepaid(sheet, one, before, price)
        case "provisioned":
            _provisioned(sheet, one, before, unit)
        case "owned":
            _owned(sheet, one, before, unit)
        case _:
            _needs(one, "price")
            _figure(sheet, one, "price", price)
            sheet.line(
                f"{one.name}.drawn", f"{before} * {sheet.within(one.first, one.stops or one.last)}", unit
            )
            sheet.line(f"{one.name}.cost", f"{one.name}.drawn * {one.name}.price")
            sheet.line(f"{one.name}.cash", f"{one.name}.cost")
    return sheet.line(
        f"{one.name}.remaining", f"{before} - {one.name}.drawn", unit, title=f"{one.need} behind {one.name}"
    )


def _figure(sheet: Sheet, one: ContractTable, field: str, unit: Unit) -> str:
    """An input or a line from a field that is a number with its unit, or a formula."""
    return sheet.number(("contract", one.name, field), getattr(one, field), unit)


def _unit_of(sheet: Sheet, name: str) -> Unit:
    found = sheet.lines.get(name) or sheet.inputs.get(name)
    if found is None:
        raise PlanError(
            "no line {name!r}; add a [[line]] with this name, which says what is needed", name=name
        )
    return found.unit


def _needs(one: ContractTable, *keys: str) -> None:
    for key in keys:
        if getattr(one, key) in {None, ""}:
            raise PlanError("a {kind} contract needs {key}; add {key} = …", kind=one.kind, key=key)


def _take_or_pay(sheet: Sheet, one: ContractTable, before: str, price: Unit) -> None:
    _needs(one, "total", "unit", "first", "last", "price")
    assert one.total is not None
    money = read_unit(one.unit)
    if money.powers != sheet.money.powers:
        raise PlanError(
            "the total of {name} is in {unit!r}; it must be in {money}",
            name=one.name,
            unit=one.unit,
            money=sheet.money,
        )
    name, total, at = one.name, number(one.total), ("contract", one.name, "total")
    ramp = tuple(number(part) for part in one.ramp)
    minimum, behind = spread(sheet.axis, one.first, one.last, money.scale, ramp)
    if one.stops:
        minimum, behind = minimum * (1 - sheet.axis.since(_behind(sheet.axis, one.stops))), 0.0
    due = f"{name}: minimum due"
    sheet.scaled(f"{name}.minimum", at, total, minimum, sheet.money, title=due, source=one.source)
    future = behind + minimum.sum() - np.cumsum(minimum)
    left = f"{name}: still to be paid at the least"
    sheet.scaled(f"{name}.obligation", at, total, future, sheet.money, title=left)
    _figure(sheet, one, "price", price)
    unit = _unit_of(sheet, before)
    most = f"{name}.minimum / {name}.price"
    if one.most:
        _figure(sheet, one, "most", unit)
        most = f"{name}.most"
    sheet.line(
        f"{name}.drawn", f"min({before}, {most}) * {sheet.within(one.first, one.stops or one.last)}", unit
    )
    sheet.line(f"{name}.value", f"{name}.drawn * {name}.price")
    short = f"max({name}.minimum - {name}.value, 0)"
    if one.settled == "year":
        ends = sheet.put(f"{name}.year_ends", _year_ends(sheet.axis, one.stops or one.last), Unit())
        short = f"{ends} * max(year({name}.minimum) - year({name}.value), 0)"
    sheet.line(f"{name}.shortfall", short, title=f"{name}: paid and not used")
    sheet.line(f"{name}.cost", f"{name}.value + {name}.shortfall")
    sheet.line(f"{name}.cash", f"{name}.cost")


def _behind(axis: Axis, period: str) -> str:
    """The period after another."""
    return axis.name(axis.index(period) + 1)


def _year_ends(axis: Axis, last: str) -> Floats:
    ends = np.append(axis.new_year[1:], (axis.first + axis.count * axis.months) % 12 == 0).astype(np.float64)
    index = axis.index(last)
    if 0 <= index < axis.count:
        # With the contract its last year ends, once.
        ends[index:] = 0.0
        ends[index] = 1.0
    return ends


def _prepaid(sheet: Sheet, one: ContractTable, before: str, price: Unit) -> None:
    _needs(one, "total", "unit", "first", "last", "price")
    assert one.total is not None
    name, unit = one.name, _unit_of(sheet, before)
    paid = spread(sheet.axis, one.first, one.first, read_unit(one.unit).scale)[0]
    at, title = ("contract", name, "total"), f"{name}: paid in advance"
    sheet.scaled(f"{name}.paid", at, number(one.total), paid, sheet.money, title=title, source=one.source)
    _figure(sheet, one, "price", price)
    within = sheet.within(one.first, one.stops or one.last)
    # What was paid before the plan begins is left to it, and costs no cash any more.
    left = read_unit(one.unit).scale if sheet.axis.index(one.first) < 0 else 0.0
    title = f"{name}: left at the start"
    sheet.scaled(f"{name}.before", at, number(one.total), left, sheet.money, title=title, source=one.source)
    sheet.line(f"{name}.open", f"(prev({name}.balance, {name}.before) + {name}.paid) * {within}")
    sheet.line(f"{name}.value", f"min({before} * {name}.price, {name}.open)")
    sheet.line(f"{name}.drawn", f"{name}.value / {name}.price", unit)
    ends = sheet.at(one.stops or one.last)
    sheet.line(f"{name}.shortfall", f"({name}.open - {name}.value) * {ends}", title=f"{name}: expires unused")
    sheet.line(
        f"{name}.balance",
        f"prev({name}.balance, {name}.before) + {name}.paid - {name}.value - {name}.shortfall",
        title=f"{name}: credit left",
    )
    sheet.line(f"{name}.cost", f"{name}.value + {name}.shortfall")
    sheet.line(f"{name}.cash", f"{name}.paid")


def _provisioned(sheet: Sheet, one: ContractTable, before: str, unit: Unit) -> None:
    _needs(one, "units", "fee", "capacity", "first", "last")
    name, within = one.name, sheet.within(one.first, one.stops or one.last)
    _figure(sheet, one, "units", Unit())
    fee = Unit(1.0, sheet.money.times(Unit(1.0, (("year", 1),)), -1).powers)
    _figure(sheet, one, "fee", fee)
    _figure(sheet, one, "capacity", Unit(1.0, unit.times(Unit(1.0, (("year", 1),)), -1).powers))
    sheet.line(f"{name}.room", f"{name}.units * {name}.capacity * length() * {within}", unit)
    sheet.line(f"{name}.drawn", f"min({before}, {name}.room)", unit)
    sheet.line(f"{name}.cost", f"{name}.units * {name}.fee * length() * {within}")
    sheet.line(
        f"{name}.idle", f"{name}.cost * (1 - {name}.drawn / {name}.room)", title=f"{name}: paid and idle"
    )
    sheet.line(f"{name}.cash", f"{name}.cost")


def _owned(sheet: Sheet, one: ContractTable, before: str, unit: Unit) -> None:
    _needs(one, "total", "unit", "first", "last", "capacity")
    assert one.total is not None
    name, axis = one.name, sheet.axis
    ramp = tuple(number(part) for part in one.ramp)
    bought = spread(axis, one.first, one.last, read_unit(one.unit).scale, ramp)[0]
    total, at, title = number(one.total), ("contract", name, "total"), f"{name}: invested"
    sheet.scaled(f"{name}.invested", at, total, bought, sheet.money, title=title, source=one.source)
    if one.stops:
        bought = bought * (1 - axis.since(_behind(axis, one.stops)))
    life = max(1, round(number(one.life) / axis.length))
    worn = np.convolve(bought, np.full(life, 1 / life))[: axis.count]
    title = f"{name}: depreciation"
    sheet.scaled(f"{name}.depreciation", at, total, worn, sheet.money, title=title)
    alive = np.convolve(bought, np.ones(life))[: axis.count] / max(bought.sum(), 1e-300)
    sheet.put(f"{name}.built", alive, Unit(), title=f"{name}: part that runs")
    _figure(sheet, one, "capacity", Unit(1.0, unit.times(Unit(1.0, (("year", 1),)), -1).powers))
    sheet.line(f"{name}.room", f"{name}.built * {name}.capacity * length()", unit)
    sheet.line(f"{name}.drawn", f"min({before}, {name}.room)", unit)
    energy = "0"
    if one.energy:
        price = Unit(1.0, sheet.money.times(unit, -1).powers)
        _figure(sheet, one, "energy", price)
        energy = f"{name}.drawn * {name}.energy"
    sheet.line(f"{name}.running", energy, title=f"{name}: energy")
    sheet.line(f"{name}.cost", f"{name}.depreciation + {name}.running")
    sheet.line(
        f"{name}.idle", f"{name}.depreciation * (1 - {name}.drawn / {name}.room)", title=f"{name}: idle"
    )
    sheet.line(f"{name}.cash", f"{name}.running")
