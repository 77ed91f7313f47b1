"""Unit economics of services, the price that covers a cost, and how far a contract must be used.

The units of a service are what its file counts: lines of the service that are no money (``gpu_need``), and
drivers without a rate that its lines name (``users``). What a line counts by the period (its formula says
``length()``) is added up; of everything else the average counts, by the month.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from scipy.optimize import brentq

from rechenwerk.planner.engine import Values
from rechenwerk.planner.formulas import Apply, Formula, names
from rechenwerk.planner.measure_lines import contracts_of, service_line, service_names
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import base
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.tables import ContractTable
from rechenwerk.planner.units import Unit

_CENT = 0.01
_MOST = 1e6
"""Times as much as it is: a price beyond covers nothing that anybody would pay."""


class PerUnit(msgspec.Struct, frozen=True):
    """What a unit of a service brings and costs.

    Args:
        name: of the line or driver that counts the units.
        unit: such as ``USD/user/month``; whole currency, not the plan's millions.
        amount: units over all periods; of a level, months of them.
        revenue, cost: of one.
    """

    name: str
    unit: str
    amount: float
    revenue: float
    cost: float


class Price(msgspec.Struct, frozen=True):
    """A price of a service, and the one that covers its cost.

    Args:
        driver: whose price it is.
        unit: of both.
        now: as expected in the first period.
        covering: at which the service's revenue is its cost over all periods; None: no price does.
    """

    driver: str
    unit: str
    now: float
    covering: float | None


class Service(msgspec.Struct, frozen=True):
    """What a service brings and costs over all periods, in the plan's money."""

    name: str
    revenue: float
    cost: float
    per_unit: tuple[PerUnit, ...] = ()
    prices: tuple[Price, ...] = ()

    @property
    def margin(self) -> float:
        """Revenue less cost."""
        return self.revenue - self.cost


class Usage(msgspec.Struct, frozen=True):
    """How far a contract is used, and how far it must be.

    Args:
        contract: its name.
        fixed: what it costs used or not, in the plan's money.
        room: units that this buys.
        used: share of them that is used.
        against_market: share at which a unit costs what it costs on demand; None: nobody sells on demand.
        to_cover: share at which the revenue of its service covers it; None: there is none.
    """

    contract: str
    unit: str
    fixed: float
    room: float
    used: float
    against_market: float | None
    to_cover: float | None


def _sum(values: Values, name: str) -> float:
    return float(values[name][:, 0].sum())


def services(plan: Plan, values: Values) -> tuple[Service, ...]:
    """Revenue, cost and unit economics of each service."""
    return tuple(_service(plan, values, name) for name in service_names(plan.written))


def _service(plan: Plan, values: Values, name: str) -> Service:
    revenue = _sum(values, service_line(name, "revenue"))
    cost = _sum(values, service_line(name, "cost"))
    scale = plan.money.scale
    found = []
    for counted in _counted(plan, name):
        amount = _sum(values, counted)
        flows = _flows(plan, counted)
        amount *= 1 if flows else plan.axis.months
        if not amount:
            continue
        unit, each = shown_unit(plan, counted)
        if cost / amount >= _CENT or each < 1:  # else by the thousand or million, as the file counts
            unit, each = str(_unit(plan, counted)), 1.0
        label = f"{plan.written.head.currency}/{unit}" + ("" if flows else "/month")
        found.append(PerUnit(counted, label, amount / each, revenue / amount * each, cost / amount * each))
    return Service(name, revenue / scale, cost / scale, tuple(found), _prices(plan, name, revenue, cost))


def _counted(plan: Plan, service: str) -> list[str]:
    own = [one.name for one in plan.written.lines if one.service == service]
    found = [name for name in own if _counts(plan, name)]
    for name in own:
        parts = names(plan.lines[name].formula)
        found += [part for part in parts if part in plan.inputs and _counts(plan, part)]
    return list(dict.fromkeys(found))


def _unit(plan: Plan, name: str) -> Unit:
    return plan.lines[name].unit if name in plan.lines else plan.inputs[name].unit


def _counts(plan: Plan, name: str) -> bool:
    """Whether it is a number of things: no money, no rate, no plain number."""
    unit = _unit(plan, name)
    money = {one for one, _ in plan.money.powers}
    return bool(unit.powers) and all(power > 0 and one not in money for one, power in unit.powers)


def _flows(plan: Plan, name: str) -> bool:
    """Whether a line counts by the period, because it, or what it is made of, says ``length()``."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        line = plan.lines.get(waiting.pop())
        if line is None or line.name in seen:
            continue
        seen.add(line.name)
        if _has_length(line.formula):
            return True
        waiting += names(line.formula)
    return False


def _has_length(formula: Formula) -> bool:
    return isinstance(formula, Apply) and (
        formula.what == "length" or any(_has_length(one) for one in formula.arguments)
    )


def _named(plan: Plan, start: list[str]) -> Iterator[str]:
    """Inputs that lines are made of, however deep."""
    seen: set[str] = set()
    waiting = list(reversed(start))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in plan.inputs:
            yield name
        else:
            waiting += reversed(list(names(plan.lines[name].formula)))


def price_drivers(plan: Plan, service: str) -> list[str]:
    """Drivers that are money for something, which the service's revenue is made of."""
    sold = [one.name for one in plan.written.lines if one.service == service and one.group == "revenue"]
    money = plan.money.powers[0]
    found = []
    for name in _named(plan, sold):
        powers = plan.inputs[name].unit.powers
        if money in powers and any(power < 0 for _, power in powers):
            found.append(name)
    return found


def _prices(plan: Plan, service: str, revenue: float, cost: float) -> tuple[Price, ...]:
    drivers = price_drivers(plan, service)
    if not drivers:
        return ()
    scale = _covering(plan, service, drivers, revenue, cost)
    found = []
    for name in drivers:
        unit, each = shown_unit(plan, name)
        now = plan.inputs[name].path[0] / each
        found.append(Price(name, unit, now, None if scale is None else now * scale))
    return tuple(found)


def _covering(plan: Plan, service: str, drivers: list[str], revenue: float, cost: float) -> float | None:
    """What all prices of a service are multiplied with so that they cover its cost."""
    margin = service_line(service, "margin")

    def at(scale: float) -> float:
        factors = {name: np.full(plan.axis.count, scale) for name in drivers}
        return _sum(base(plan, factors), margin)

    # Nearly always revenue is price times volume: then this is exact.
    guess = cost / revenue if revenue else 1.0
    if revenue and abs(at(guess)) <= 1e-9 * max(abs(cost), 1.0):
        return guess
    low, high = at(0.0), at(_MOST)
    if np.sign(low) == np.sign(high):
        return None
    found: float = brentq(at, 0.0, _MOST, xtol=1e-9, rtol=1e-12)
    return found


def usage(plan: Plan, values: Values) -> tuple[Usage, ...]:
    """Contracts that are paid whether used or not: how far they are used, and how far they must be."""
    found = []
    for one in plan.written.contracts:
        paid, room, each = _bought(plan, values, one)
        if not room or not paid:
            continue
        need, scale = shown_unit(plan, one.need)
        drawn = _sum(values, f"{one.name}.drawn")
        market = _market(plan, values, one)
        brought = _brought(plan, values, one)
        found.append(
            Usage(
                one.name,
                need,
                paid / plan.money.scale,
                room / scale,
                drawn / room,
                _share(paid, room, None if market is None else market - each),
                _share(paid, room, None if brought is None else brought - each),
            )
        )
    return tuple(found)


def _share(paid: float, room: float, each: float | None) -> float | None:
    return paid / (room * each) if each is not None and each > 0 else None


def _bought(plan: Plan, values: Values, one: ContractTable) -> tuple[float, float, float]:
    """What a contract costs used or not, the units that this buys, and what a unit costs besides."""
    name = one.name
    match one.kind:
        case "take-or-pay" | "prepaid":
            what = "minimum" if one.kind == "take-or-pay" else "paid"
            paid = values[f"{name}.{what}"][:, 0]
            price = values[f"{name}.price"][:, 0]
            units = np.divide(paid, price, out=np.zeros(plan.axis.count), where=price > 0)
            return float(paid.sum()), float(units.sum()), 0.0
        case "provisioned":
            return _sum(values, f"{name}.cost"), _sum(values, f"{name}.room"), 0.0
        case "owned":
            drawn = _sum(values, f"{name}.drawn")
            running = _sum(values, f"{name}.running")
            each = running / drawn if drawn else 0.0
            return _sum(values, f"{name}.depreciation"), _sum(values, f"{name}.room"), each
        case _:
            return 0.0, 0.0, 0.0


def _market(plan: Plan, values: Values, one: ContractTable) -> float | None:
    """What a unit of a contract's need costs on demand, on average over all periods."""
    for other in plan.written.contracts:
        if other.need == one.need and other.kind == "on-demand":
            return float(values[f"{other.name}.price"][:, 0].mean())
    return None


def _brought(plan: Plan, values: Values, one: ContractTable) -> float | None:
    """What a unit of a contract's need brings its service, less the service's cost that is no contract's."""
    service = next((line.service for line in plan.written.lines if line.name == one.need), "")
    needed = _sum(values, one.need)
    if not service or not needed:
        return None
    bought = sum(_sum(values, f"{each.name}.cost") for each in contracts_of(plan.written, service))
    revenue = _sum(values, service_line(service, "revenue"))
    other = _sum(values, service_line(service, "cost")) - bought
    return (revenue - other) / needed if revenue else None


def break_even(plan: Plan, values: Values) -> tuple[float, float] | None:
    """Share of what is paid anyway at which it is covered, and at which operating cost and research are too.

    None: nothing is paid anyway, or no unit brings more than it costs.
    """
    fixed = worth = 0.0
    for one in plan.written.contracts:
        paid, room, each = _bought(plan, values, one)
        brought = _brought(plan, values, one)
        if room and paid:
            fixed += paid
            worth += room * (brought - each) if brought is not None else 0.0
    if worth <= 0:
        return None
    owed = sum(_sum(values, name) for name in ("operating_cost", "research_cost", "depreciation"))
    return fixed / worth, (fixed + owed) / worth
