"""What a shock does to a plan's tables; the kinds of shocks, and a library of them for any plan.

A shock of a kind hits `who` from `at` on:

| kind | who | what happens |
| --- | --- | --- |
| provider-fails | provider or contract | its contracts end, credit is lost; others serve at their price |
| provider-reprices | provider or contract | what its contracts cost a unit, is multiplied by `factor` |
| demand-short | driver | it is multiplied by `factor` |
| energy-price | provider, contract; all without | energy of own machines costs `factor` times as much |
| gpu-scarcity | provider, contract; all without | what is bought on demand costs `factor` times as much |
| tranche-missing | source of money | it does not come |
| customer-defaults | revenue line, service | it brings `factor` (0) of what it did; so of what was owed |
| investor-defaults | investor | nothing more comes of it |
| credit-withdrawn | loan, vendor or its investor | the loan is due at once; a vendor waits no more |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.formulas import names, read_formula
from rechenwerk.planner.numbers import number
from rechenwerk.planner.tables import ContractTable, DriverTable, FundingTable, LineTable, ShockTable, Written

_ON_DEMAND = frozenset({"on-demand"})
_LENT = frozenset({"loan", "vendor"})
CONTINUOUS = frozenset(
    {"provider-reprices", "demand-short", "energy-price", "gpu-scarcity", "customer-defaults"}
)
"""Kinds that can be milder than written; the others happen or do not."""


def driver_of(shock: ShockTable) -> str:
    """The driver that a shock multiplies; '' where it does something else."""
    return shock.who if shock.kind == "demand-short" else "" if shock.kind else shock.driver


def continuous(shock: ShockTable) -> bool:
    """Whether a shock can be milder than written."""
    return bool(driver_of(shock)) or shock.kind in CONTINUOUS


def severity_of(shock: ShockTable) -> str:
    """The driver, 1 in the tables, that says how severe a shock with a factor is; '' of one without it."""
    if shock.kind not in CONTINUOUS - {"demand-short"}:
        return ""
    return "severity." + re.sub(r"[^a-z0-9_]", "_", shock.name.lower())


def struck_by(written: Written, shock: ShockTable) -> Written:
    """A plan's tables after a shock of a kind.

    Args:
        written: tables.
        shock: of a kind.

    Raises:
        PlanError: it meets nothing in this plan.
    """
    severity = severity_of(shock)
    if severity and severity not in {one.name for one in written.drivers}:
        driver = DriverTable(name=severity, unit="1", value=1, title=shock.title or shock.name)
        written = msgspec.structs.replace(written, drivers=(*written.drivers, driver))
    match shock.kind:
        case "provider-fails":
            return end(written, shock, _met(shock, _contracts(written)))
        case "tranche-missing":
            return end(written, shock, _met(shock, {one.name: (one.name,) for one in written.funding}))
        case "investor-defaults":
            return end(written, shock, _met(shock, _investors(written)))
        case "credit-withdrawn":
            return _withdrawn(written, shock)
        case "provider-reprices":
            return _repriced(written, shock, ("price", "fee"), lambda one: bool(one.price or one.fee))
        case "energy-price":
            return _repriced(written, shock, ("energy",), lambda one: bool(one.energy))
        case "gpu-scarcity":
            return _repriced(written, shock, ("price",), lambda one: one.kind in _ON_DEMAND)
        case "customer-defaults":
            return _defaulted(written, shock)
    return written  # demand-short: `scenarios.factors`


def _contracts(written: Written) -> dict[str, tuple[str, ...]]:
    """Names of contracts by their own name and their provider's."""
    found: dict[str, tuple[str, ...]] = {}
    for one in written.contracts:
        for name in {one.name, one.provider} - {""}:
            found[name] = (*found.get(name, ()), one.name)
    return found


def _investors(written: Written) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in written.funding:
        if one.investor:
            found[one.investor] = (*found.get(one.investor, ()), one.name)
    return found


def _met(shock: ShockTable, known: dict[str, tuple[str, ...]]) -> set[str]:
    """Names of what a shock meets.

    Raises:
        PlanError: nothing.
    """
    if shock.who not in known:
        fix = did_you_mean(shock.who, known)
        raise PlanError(
            "shock {name!r} ({kind}) meets no {who!r}; {fix}",
            name=shock.name,
            kind=shock.kind,
            who=shock.who,
            fix=fix,
        )
    return set(known[shock.who])


def attached(funding: Iterable[FundingTable], contracts: Iterable[ContractTable]) -> tuple[FundingTable, ...]:
    """Funding that hangs on a contract goes with it."""
    names = {one.name for one in contracts} | {""}
    return tuple(one for one in funding if one.contract in names)


def end(written: Written, shock: ShockTable, gone: set[str]) -> Written:
    """Contracts that a shock ends, and money that then does not come.

    Args:
        written: tables.
        shock: says when.
        gone: names of contracts, providers, sources of money or investors.

    Raises:
        PlanError: there is none of them.
    """
    axis = Axis.of(written.head.starts, written.head.periods)
    at = axis.index(shock.at) if shock.at else 0
    hit = False
    contracts, funding = [], []
    for contract in written.contracts:
        if gone.isdisjoint({contract.name, contract.provider} - {""}):
            contracts.append(contract)
            continue
        hit = True
        if at > 0 and (not contract.first or axis.index(contract.first) < at):
            contracts.append(_cut(contract, axis, at))
    for one in written.funding:
        if gone.isdisjoint({one.name, one.investor} - {""}):
            funding.append(one)
            continue
        hit = True
        if one.when and axis.index(one.when) < at:
            funding.append(one)
    if not hit:
        known = {one.name for one in written.contracts} | {one.name for one in written.funding}
        ends = ", ".join(sorted(gone))
        raise PlanError(
            "shock {name!r} ends {ends!r}, which is nowhere; {fix}",
            name=shock.name,
            ends=ends,
            fix=did_you_mean(ends, known),
        )
    return msgspec.structs.replace(
        written, contracts=tuple(contracts), funding=attached(tuple(funding), tuple(contracts))
    )


def _cut(contract: ContractTable, axis: Axis, at: int) -> ContractTable:
    """A contract until the period before; what was due later is due no more."""
    if contract.last and axis.index(contract.last) < at:
        return contract
    last = axis.name(at - 1)
    return msgspec.structs.replace(
        contract, **({"stops": last} if contract.total is not None else {"last": last})
    )


def _step(written: Written, shock: ShockTable, factor: float) -> str:
    """A formula that is the factor while a shock lasts, and 1 before and after."""
    within = f'{severity_of(shock)} * since("{shock.at or written.head.starts}")'
    if shock.until:
        within += f' * until("{shock.until}")'
    return f"(1 + {factor - 1!r} * {within})"


def _repriced(
    written: Written,
    shock: ShockTable,
    fields: tuple[str, ...],
    fits: Callable[[ContractTable], bool],
) -> Written:
    fitting = tuple(
        one for one in written.contracts if fits(one) and any(getattr(one, key) for key in fields)
    )
    known = _contracts(msgspec.structs.replace(written, contracts=fitting))
    met = _met(shock, known) if shock.who else {one.name for one in fitting}
    if not met:
        raise PlanError(
            "shock {name!r} ({kind}) meets no contract of this plan; leave it out",
            name=shock.name,
            kind=shock.kind,
        )
    drivers = list(written.drivers)
    contracts = []
    for one in written.contracts:
        changes = {}
        for key in fields if one.name in met else ():
            if getattr(one, key):
                before, driver = _formula(getattr(one, key), f"{one.name}.{key}_before")
                drivers += [driver] if driver is not None else []
                changes[key] = f"({before}) * {_step(written, shock, number(shock.factor))}"
        contracts.append(msgspec.structs.replace(one, **changes))
    return msgspec.structs.replace(written, contracts=tuple(contracts), drivers=tuple(drivers))


def _formula(text: str, name: str) -> tuple[str, DriverTable | None]:
    """A price as a formula: a number with its unit becomes a driver of its own."""
    amount, _, unit = text.strip().partition(" ")
    try:
        value = float(amount.replace("_", ""))
    except ValueError:
        return text, None
    return name, DriverTable(name=name, unit=unit or "1", value=value)


def _defaulted(written: Written, shock: ShockTable) -> Written:
    """Lines that bring less, and what they owed and never pay."""
    known: dict[str, tuple[str, ...]] = {}
    for one in written.lines:
        if one.group == "revenue":
            for name in {one.name, one.service} - {""}:
                known[name] = (*known.get(name, ()), one.name)
    met = _met(shock, known)
    at = shock.at or written.head.starts
    axis = Axis.of(written.head.starts, written.head.periods)
    index = axis.index(at)
    # A factor of 1 is what a shock has unless it says otherwise; a default is of everything then.
    left = 0.0 if number(shock.factor) == 1 else number(shock.factor)
    waits = number(written.policy.receivable_days) / (365.25 * axis.length)
    now = f'(since("{axis.name(index)}") - since("{axis.name(index + 1)}"))'
    lines: list[LineTable] = []
    for one in written.lines:
        if one.name not in met:
            lines.append(one)
            continue
        changed = f"({one.formula}) * {_step(written, shock, left)}"
        lines.append(msgspec.structs.replace(one, formula=changed))
        if waits:
            lines.append(
                LineTable(
                    name=f"{one.name}.lost",
                    formula=f"0 - prev({one.name}) * {waits * (1 - left)!r} * {severity_of(shock)} * {now}",
                    unit=one.unit,
                    group="other",
                    title=f"{one.title or one.name}: owed and never paid",
                )
            )
    return msgspec.structs.replace(written, lines=tuple(lines))


def _withdrawn(written: Written, shock: ShockTable) -> Written:
    known: dict[str, tuple[str, ...]] = {}
    for one in written.funding:
        if one.kind in _LENT:
            for name in {one.name, one.investor} - {""}:
                known[name] = (*known.get(name, ()), one.name)
    met = _met(shock, known)
    axis = Axis.of(written.head.starts, written.head.periods)
    at = axis.index(shock.at) if shock.at else 0
    funding = []
    for one in written.funding:
        if one.name not in met:
            funding.append(one)
        elif one.kind == "vendor":
            if at > 0:
                due = axis.name(at - 1)
                earlier = not one.due or axis.index(one.due) >= at
                funding.append(msgspec.structs.replace(one, due=due) if earlier else one)
        elif axis.index(one.when) < at:
            covenant = f'({one.covenant or "1"}) * until("{axis.name(at)}")'
            funding.append(msgspec.structs.replace(one, covenant=covenant))
    return msgspec.structs.replace(written, funding=tuple(funding))


def library(written: Written, at: str = "") -> tuple[ShockTable, ...]:
    """One shock of every kind for everything in a plan that it can hit.

    Args:
        written: tables.
        at: from when on; default: a third into the plan.

    Raises:
        PlanError: `at` is no period of the plan.
    """
    axis = Axis.of(written.head.starts, written.head.periods)
    index = axis.index(at) if at else axis.count // 3
    if not 0 <= index < axis.count:
        raise PlanError(
            "{at} is outside of the plan, {period} to {period2}",
            at=at,
            period=axis.name(0),
            period2=axis.name(axis.count - 1),
        )
    when = axis.name(index)
    found: list[ShockTable] = []

    def add(kind: str, who: Iterable[str], factor: float = 1, title: str = "") -> None:
        for name in dict.fromkeys(who):
            label = f"{kind}:{name}" if name else kind
            shock = {"name": label, "kind": kind, "who": name, "factor": factor, "at": when}
            found.append(msgspec.convert({**shock, "title": title.format(name)}, ShockTable))

    contracts, funding = written.contracts, written.funding
    providers = [one.provider for one in contracts if one.provider]
    add("provider-fails", providers, title="{} fails")
    add("provider-reprices", (one for one in providers if _priced(written, one)), 1.5, "{} costs half more")
    add("demand-short", _earning(written), 0.7, "{} is 30 % less")
    add("energy-price", [""] * any(one.energy for one in contracts), 2, "energy costs twice as much")
    add("gpu-scarcity", [""] * any(one.kind in _ON_DEMAND for one in contracts), 2, "on demand costs twice")
    coming = [one for one in funding if one.when and axis.index(one.when) >= index]
    add("tranche-missing", (one.name for one in coming), title="{} does not come")
    add("investor-defaults", (one.investor for one in coming if one.investor), title="{} defaults")
    revenue = [one.service or one.name for one in written.lines if one.group == "revenue"]
    add("customer-defaults", revenue, 0, "customers of {} default")
    lent = [one.name for one in funding if one.kind in _LENT]
    add("credit-withdrawn", lent, title="{} is withdrawn")
    return tuple(found)


def _priced(written: Written, who: str) -> bool:
    return any(who in {one.name, one.provider} and (one.price or one.fee) for one in written.contracts)


def _earning(written: Written) -> list[str]:
    """Drivers that stand in formulas of revenue."""
    used = {
        name for one in written.lines if one.group == "revenue" for name in names(read_formula(one.formula))
    }
    return [one.name for one in written.drivers if one.name in used]
