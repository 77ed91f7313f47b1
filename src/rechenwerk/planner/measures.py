"""The answers of a plan in the field's terms, each with its formula and the lines that it comes from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.economics import Service, Usage, break_even, services, usage
from rechenwerk.planner.engine import Values
from rechenwerk.planner.measure_lines import service_line
from rechenwerk.planner.numbers import number
from rechenwerk.planner.outputs import ByYear, Figure, obligations, provisions
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.tables import ContractTable

_SHARE = "share"


def key_figures(plan: Plan, values: Values) -> tuple[Figure, ...]:
    """What people ask first; money in the plan's unit."""
    return (
        *_liquidity(plan, values),
        *_payback(plan, values),
        *_commitments(plan, values),
        *_unused(plan, values),
        *_covered(plan, values),
    )


def measures(plan: Plan, values: Values) -> tuple[Figure, ...]:
    """All answers: the key figures, and those of each service and contract."""
    found = list(key_figures(plan, values))
    for service in services(plan, values):
        found += _of_service(plan, service)
    for used in usage(plan, values):
        found += _of_contract(used)
    for contract in plan.written.contracts:
        found += _saved(plan, values, contract)
    for row in (obligations(plan, values), provisions(plan, values)):
        found += _by_year(plan, row, "obligations" if row.formula.startswith("minimum") else "provisions")
    return tuple(found)


def _series(values: Values, name: str) -> Floats:
    found: Floats = values[name][:, 0]
    return found


def _liquidity(plan: Plan, values: Values) -> Iterator[Figure]:
    scale, money, axis = plan.money.scale, plan.written.head.shown_in, plan.axis
    cash, flow = _series(values, "cash"), _series(values, "free_cash_flow")
    below = np.flatnonzero(cash < 0)
    out = int(below[0]) if len(below) else None
    at = "" if out is None else axis.name(out)
    lowest = axis.name(int(cash.argmin()))
    yield Figure(
        "runway",
        "runway",
        None if out is None else float(out * axis.months),
        "months",
        "first period with cash < 0",
        at,
        (("cash", at or lowest), ("free_cash_flow", at or lowest)),
    )
    yield Figure(
        "funding_gap",
        "funding gap",
        float(max(-cash.min(), 0)) / scale,
        money,
        "max(0 - cash, 0), the largest",
        lowest if cash.min() < 0 else "",
        (("figure.funding_gap", lowest), ("cash", lowest)),
    )
    yield Figure(
        "lowest_cash",
        "lowest cash",
        float(cash.min()) / scale,
        money,
        "min(cash)",
        lowest,
        (("cash", lowest),),
    )
    burn = np.flatnonzero(flow <= 0)
    even = int(burn[-1]) + 1 if len(burn) else 0
    never = even >= axis.count
    yield Figure(
        "cash_positive",
        "free cash flow positive",
        None if never else float(even * axis.months),
        "months",
        "first period from which free_cash_flow stays > 0",
        "" if never else axis.name(even),
        (("free_cash_flow", axis.name(min(even, axis.count - 1))),),
    )
    revenue = float(_series(values, "revenue").sum())
    profit = float(_series(values, "gross_profit").sum())
    yield Figure(
        "gross_margin",
        "gross margin",
        profit / revenue if revenue else None,
        _SHARE,
        "gross_profit / revenue over all periods",
        "",
        (("gross_profit", ""), ("revenue", "")),
    )


def _payback(plan: Plan, values: Values) -> Iterator[Figure]:
    axis, flow = plan.axis, _series(values, "free_cash_flow")
    rate = number(plan.written.policy.discount)
    years = axis.length * (np.arange(axis.count) + 1)
    present = flow / (1 + rate) ** years
    for key, name, series, how in (
        ("payback", "investment amortised", flow, "free_cash_flow"),
        ("payback_discounted", "amortised, discounted", present, f"free_cash_flow / (1 + {rate:g})^years"),
    ):
        back = amortised(np.cumsum(series))
        yield Figure(
            key,
            name,
            None if back is None else float((back + 1) * axis.months),
            "months",
            f"total({how}) >= 0",
            "" if back is None else axis.name(back),
            (("free_cash_flow", ""), ("investing_cash", "")),
        )
    yield Figure(
        "present_value",
        "present value of free cash flow",
        float(present.sum()) / plan.money.scale,
        plan.written.head.shown_in,
        f"total(free_cash_flow / (1 + {rate:g})^years)",
        "",
        (("free_cash_flow", ""),),
    )


def amortised(flow: Floats) -> int | None:
    """The period in which a running total is back at 0 after its lowest point; None where it never is."""
    lowest = int(flow.argmin())
    if flow[lowest] >= 0:
        return None
    back = np.flatnonzero(flow[lowest:] >= 0)
    return lowest + int(back[0]) if len(back) else None


def _commitments(plan: Plan, values: Values) -> Iterator[Figure]:
    scale, money = plan.money.scale, plan.written.head.shown_in
    year = max(1, round(1 / plan.axis.length))
    revenue = float(_series(values, "revenue")[:year].sum()) / scale
    owed = obligations(plan, values)
    total = sum(sum(cells) for _, cells in owed.rows)
    first = plan.axis.name(0)
    kinds = {one.name: one.kind for one in plan.written.contracts}
    parts = [
        part
        for name, _ in owed.rows
        for part in (
            ((f"{name}.minimum", first), (f"{name}.obligation", first))
            if kinds[name] == "take-or-pay"
            else ((f"{name}.cost", ""),)
        )
    ]
    yield Figure(
        "commitments",
        "commitments",
        total,
        money,
        "sum of minimum and obligation of take-or-pay and of all fees of provisioned contracts",
        "",
        tuple(parts),
    )
    yield Figure(
        "commitments_to_revenue",
        "commitments to revenue",
        total / revenue if revenue else None,
        "years of revenue",
        "commitments / revenue of the first year",
        "",
        (("figure.commitments", first), ("revenue", first)),
    )


def _unused(plan: Plan, values: Values) -> Iterator[Figure]:
    """What is paid and not used."""
    scale, money = plan.money.scale, plan.written.head.shown_in
    for key, name, line, formula in (
        ("shortfall", "take-or-pay shortfall", "figure.shortfall", "sum of shortfall: paid and not used"),
        ("idle", "paid and idle", "figure.idle", "sum of idle: capacity that nobody used"),
    ):
        amount = float(_series(values, line).sum()) / scale
        yield Figure(key, name, amount, money, formula, "", ((line, ""),))
    later = sum(
        float(_series(values, f"{one.name}.{'idle' if one.kind == 'provisioned' else 'shortfall'}").sum())
        for one in plan.written.contracts
        if one.kind in {"take-or-pay", "prepaid", "provisioned"}
    )
    yield Figure(
        "provision",
        "provision for onerous contracts",
        later / scale,
        money,
        "shortfall and idle of all periods (IAS 37.66, HGB 249)",
        "",
        (("figure.shortfall", ""), ("figure.idle", "")),
    )


def _covered(plan: Plan, values: Values) -> Iterator[Figure]:
    """How far what is paid anyway must be used."""
    even = break_even(plan, values)
    parts = [(line, "") for line in ("revenue", "cost_of_revenue")]
    yield Figure(
        "break_even",
        "utilisation to break even",
        None if even is None else even[0],
        _SHARE,
        "paid anyway / (units * what a unit brings)",
        "",
        tuple(parts),
    )
    yield Figure(
        "break_even_all",
        "the same with operating cost and research",
        None if even is None else even[1],
        _SHARE,
        "(paid anyway + operating_cost + research_cost + depreciation) / (units * what a unit brings)",
        "",
        (*parts, ("operating_cost", ""), ("research_cost", ""), ("depreciation", "")),
    )


def _of_service(plan: Plan, one: Service) -> Iterator[Figure]:
    money = plan.written.head.shown_in
    lines = tuple((service_line(one.name, what), "") for what in ("revenue", "cost"))
    key = service_line(one.name, "")
    yield Figure(
        f"{key}total_margin",
        f"{one.name}: margin",
        one.margin,
        money,
        "total(revenue - cost)",
        "",
        lines,
    )
    for unit in one.per_unit:
        counted = (*lines, (unit.name, ""))
        for what, value in (("revenue", unit.revenue), ("cost", unit.cost)):
            yield Figure(
                f"{key}{what}_per_{unit.name}",
                f"{one.name}: {what} per unit",
                value,
                unit.unit,
                f"total({what}) / total({unit.name})",
                unit.name,
                counted,
            )
    for price in one.prices:
        yield Figure(
            f"{key}covering_{price.driver}",
            f"{one.name}: price that covers cost",
            price.covering,
            price.unit,
            "the price scaled until revenue of all periods is cost",
            price.driver,
            (*lines, (price.driver, plan.axis.name(0))),
        )


def _of_contract(one: Usage) -> Iterator[Figure]:
    name = one.contract
    parts = ((f"{name}.drawn", ""), (f"{name}.cost", ""))
    for key, said, value, formula in (
        ("used", "used", one.used, "drawn / units bought"),
        (
            "break_even_market",
            "utilisation to be cheaper than on demand",
            one.against_market,
            "paid anyway / (units bought * (price on demand - cost of a unit besides))",
        ),
        (
            "break_even",
            "utilisation to break even",
            one.to_cover,
            "paid anyway / (units bought * (revenue - other cost of its service, by unit needed))",
        ),
    ):
        yield Figure(f"{name}.{key}", f"{name}: {said}", value, _SHARE, formula, "", parts)


def _saved(plan: Plan, values: Values, one: ContractTable) -> Iterator[Figure]:
    """When own machines have paid for themselves, against what the same would cost on demand."""
    other = next(
        (each for each in plan.written.contracts if each.need == one.need and each.kind == "on-demand"), None
    )
    if one.kind != "owned" or other is None:
        return
    drawn = _series(values, f"{one.name}.drawn") * _series(values, f"{other.name}.price")
    flow = drawn - _series(values, f"{one.name}.running") - _series(values, f"{one.name}.invested")
    rate = number(plan.written.policy.discount)
    years = plan.axis.length * (np.arange(plan.axis.count) + 1)
    formula = f"drawn * {other.name}.price - running - invested"
    for key, said, series, how in (
        ("payback", "amortised", flow, formula),
        (
            "payback_discounted",
            "amortised, discounted",
            flow / (1 + rate) ** years,
            f"({formula}) / (1 + {rate:g})^years",
        ),
    ):
        back = amortised(np.cumsum(series))
        yield Figure(
            f"{one.name}.{key}",
            f"{one.name}: {said}",
            None if back is None else float((back + 1) * plan.axis.months),
            "months",
            f"total({how}) >= 0",
            "" if back is None else plan.axis.name(back),
            tuple((f"{one.name}.{line}", "") for line in ("drawn", "running", "invested")),
        )


def _by_year(plan: Plan, found: ByYear, key: str) -> Iterator[Figure]:
    words = {"obligations": "must be paid", "provisions": "provision at the end of it"}
    for index, year in enumerate(found.years):
        yield Figure(
            f"{key}.{year}",
            f"{year}: {words[key]}",
            sum(cells[index] for _, cells in found.rows),
            plan.written.head.shown_in,
            found.formula,
            "",
            tuple(
                (_paid(plan, name, key), str(year) if key == "obligations" else "") for name, _ in found.rows
            ),
        )


def _paid(plan: Plan, contract: str, key: str) -> str:
    """The line of a contract that is owed, or that is paid and not used."""
    named = ("minimum", "cost") if key == "obligations" else ("shortfall", "idle")
    return next(
        line for line in (f"{contract}.{what}" for what in named) if line in {*plan.inputs, *plan.lines}
    )
