"""Scenarios and shocks: the same plan with statuses left out, drivers replaced, things that end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.figures import picked
from rechenwerk.planner.numbers import number
from rechenwerk.planner.tables import ContractTable, FundingTable, ScenarioTable, ShockTable, Written

T = TypeVar("T")


def scenario(written: Written, name: str) -> Written:
    """A plan's tables as one of its scenarios has them, with the shocks that happen in it.

    Raises:
        PlanError: there is no such scenario, driver, figure or shock.
    """
    if not name:
        return written
    one = _named(written.scenarios, name, "scenario")
    changed = picked(written, one.figure)
    changed = without(changed, one.without)
    changed = drop(changed, one.drop)
    changed = _replaced(changed, one)
    shocks = tuple(_named(written.shocks, shock, "shock") for shock in one.shocks)
    return msgspec.structs.replace(ended(changed, shocks), happening=shocks)


def without(written: Written, statuses: Iterable[str]) -> Written:
    """Contracts and funding of some statuses left out."""
    gone = set(statuses)

    contracts = tuple(one for one in written.contracts if one.status not in gone)
    funding = tuple(one for one in written.funding if one.status not in gone)
    return msgspec.structs.replace(written, contracts=contracts, funding=_attached(funding, contracts))


def _attached(
    funding: Iterable[FundingTable], contracts: Iterable[ContractTable]
) -> tuple[FundingTable, ...]:
    """Funding that hangs on a contract goes with it."""
    names = {one.name for one in contracts} | {""}
    return tuple(one for one in funding if one.contract in names)


def drop(written: Written, names: Iterable[str]) -> Written:
    """Single contracts and sources of money left out.

    Raises:
        PlanError: there is none of this name.
    """
    gone = set(names)
    known = {one.name for one in written.contracts} | {one.name for one in written.funding}
    for name in gone - known:
        raise PlanError(f"nothing is called {name!r} that could be left out; {did_you_mean(name, known)}")
    contracts = tuple(one for one in written.contracts if one.name not in gone)
    funding = tuple(one for one in written.funding if one.name not in gone)
    return msgspec.structs.replace(written, contracts=contracts, funding=_attached(funding, contracts))


def _replaced(written: Written, one: ScenarioTable) -> Written:
    names = [driver.name for driver in written.drivers]
    for name in one.driver:
        if name not in names:
            raise PlanError(f"scenario {one.name!r} changes no driver {name!r}; {did_you_mean(name, names)}")
    drivers = []
    for driver in written.drivers:
        changes = dict(one.driver.get(driver.name, {}))
        fields = {field.name for field in msgspec.structs.fields(type(driver))}
        for key in changes:
            if key not in fields:
                fix = did_you_mean(key, fields)
                raise PlanError(f"scenario {one.name!r}: driver {driver.name!r} has no {key!r}; {fix}")
        if "path" in changes:
            changes.setdefault("value", None)  # type: ignore[arg-type]
        elif "value" in changes:
            changes["path"] = {}
        drivers.append(msgspec.structs.replace(driver, **changes) if changes else driver)
    return msgspec.structs.replace(written, drivers=tuple(drivers))


def ended(written: Written, shocks: Iterable[ShockTable]) -> Written:
    """Contracts that a shock ends, and money that then does not come.

    Raises:
        PlanError: a shock ends nothing of this plan.
    """
    for shock in shocks:
        if shock.ends:
            written = _ended(written, shock)
    return written


def _ended(written: Written, shock: ShockTable) -> Written:
    axis = Axis.of(written.head.starts, written.head.periods)
    at = axis.index(shock.at) if shock.at else 0
    hit = False
    contracts, funding = [], []
    for contract in written.contracts:
        if shock.ends not in {contract.name, contract.provider}:
            contracts.append(contract)
            continue
        hit = True
        if at > 0 and (not contract.first or axis.index(contract.first) < at):
            contracts.append(_cut(contract, axis, at))
    for one in written.funding:
        if shock.ends not in {one.name, one.investor}:
            funding.append(one)
            continue
        hit = True
        if one.when and axis.index(one.when) < at:
            funding.append(one)
    if not hit:
        known = {one.name for one in written.contracts} | {one.name for one in written.funding}
        fix = did_you_mean(shock.ends, known)
        raise PlanError(f"shock {shock.name!r} ends {shock.ends!r}, which is nowhere; {fix}")
    return msgspec.structs.replace(
        written, contracts=tuple(contracts), funding=_attached(tuple(funding), tuple(contracts))
    )


def _cut(contract: ContractTable, axis: Axis, at: int) -> ContractTable:
    """A contract until the period before; what was due later is due no more."""
    if contract.last and axis.index(contract.last) < at:
        return contract
    last = axis.name(at - 1)
    return msgspec.structs.replace(
        contract, **({"stops": last} if contract.total is not None else {"last": last})
    )


def factors(written: Written, shocks: Iterable[ShockTable], severity: float = 1.0) -> dict[str, Floats]:
    """What drivers are multiplied with, (periods,) each; several shocks of one driver multiply.

    Args:
        written: tables.
        shocks: that happen.
        severity: 0 leaves everything, 1 is as written; between them the factor lies between.

    Raises:
        PlanError: a shock names no driver of this plan.
    """
    axis = Axis.of(written.head.starts, written.head.periods)
    names = [one.name for one in written.drivers]
    found: dict[str, Floats] = {}
    for shock in shocks:
        if not shock.driver:
            continue
        if shock.driver not in names:
            fix = did_you_mean(shock.driver, names)
            raise PlanError(f"shock {shock.name!r} changes no driver {shock.driver!r}; {fix}")
        within = axis.since(shock.at) if shock.at else np.ones(axis.count)
        if shock.until:
            within = within * (1 - axis.since(shock.until))
        factor = 1 + severity * (number(shock.factor) - 1) * within
        found[shock.driver] = found.get(shock.driver, np.ones(axis.count)) * factor
    return found


def _named(rows: tuple[T, ...], name: str, what: str) -> T:
    names = [getattr(one, "name", "") for one in rows]
    if name not in names:
        raise PlanError(f"no {what} {name!r} in the file; {did_you_mean(name, names)}")
    return rows[names.index(name)]
