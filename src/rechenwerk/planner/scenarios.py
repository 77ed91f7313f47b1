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
from rechenwerk.planner.shocks import attached, driver_of, end, severity_of, struck_by
from rechenwerk.planner.tables import ScenarioTable, ShockTable, Written

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
    return msgspec.structs.replace(written, contracts=contracts, funding=attached(funding, contracts))


def drop(written: Written, names: Iterable[str]) -> Written:
    """Single contracts and sources of money left out.

    Raises:
        PlanError: there is none of this name.
    """
    gone = set(names)
    known = {one.name for one in written.contracts} | {one.name for one in written.funding}
    for name in gone - known:
        raise PlanError(
            "nothing is called {name!r} that could be left out; {fix}",
            name=name,
            fix=did_you_mean(name, known),
        )
    contracts = tuple(one for one in written.contracts if one.name not in gone)
    funding = tuple(one for one in written.funding if one.name not in gone)
    return msgspec.structs.replace(written, contracts=contracts, funding=attached(funding, contracts))


def _replaced(written: Written, one: ScenarioTable) -> Written:
    names = [driver.name for driver in written.drivers]
    for name in one.driver:
        if name not in names:
            raise PlanError(
                "scenario {name!r} changes no driver {name2!r}; {fix}",
                name=one.name,
                name2=name,
                fix=did_you_mean(name, names),
            )
    drivers = []
    for driver in written.drivers:
        changes = dict(one.driver.get(driver.name, {}))
        fields = {field.name for field in msgspec.structs.fields(type(driver))}
        for key in changes:
            if key not in fields:
                fix = did_you_mean(key, fields)
                raise PlanError(
                    "scenario {name!r}: driver {name2!r} has no {key!r}; {fix}",
                    name=one.name,
                    name2=driver.name,
                    key=key,
                    fix=fix,
                )
        if "path" in changes:
            changes.setdefault("value", None)  # type: ignore[arg-type]
        elif "value" in changes:
            changes["path"] = {}
        drivers.append(msgspec.structs.replace(driver, **changes) if changes else driver)
    return msgspec.structs.replace(written, drivers=tuple(drivers))


def ended(written: Written, shocks: Iterable[ShockTable]) -> Written:
    """A plan's tables with what shocks change in them: contracts that end, money that does not come, prices.

    Args:
        written: tables.
        shocks: that happen; those that multiply a driver change nothing here, see `factors`.

    Raises:
        PlanError: a shock meets nothing in this plan.
    """
    for shock in shocks:
        if shock.kind:
            written = struck_by(written, shock)
        elif shock.ends:
            written = end(written, shock, {shock.ends})
    return written


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
        driver = driver_of(shock)
        if severity_of(shock):
            found[severity_of(shock)] = np.full(axis.count, severity)
        if not driver:
            continue
        if driver not in names:
            fix = did_you_mean(driver, names)
            raise PlanError(
                "shock {name!r} changes no driver {driver!r}; {fix}", name=shock.name, driver=driver, fix=fix
            )
        within = axis.since(shock.at) if shock.at else np.ones(axis.count)
        if shock.until:
            within = within * (1 - axis.since(shock.until))
        factor = 1 + severity * (number(shock.factor) - 1) * within
        found[driver] = found.get(driver, np.ones(axis.count)) * factor
    return found


def _named(rows: tuple[T, ...], name: str, what: str) -> T:
    names = [getattr(one, "name", "") for one in rows]
    if name not in names:
        raise PlanError(
            "no {what} {name!r} in the file; {fix}", what=what, name=name, fix=did_you_mean(name, names)
        )
    return rows[names.index(name)]
