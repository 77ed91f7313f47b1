"""Which number makes it work: a driver, a contract or a round is scaled until a target is met.

The target is looked at on the same paths whatever the scale (common random numbers), so that it changes with
the scale only. The root is found by Brent's method (SciPy).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from scipy.optimize import brentq

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.numbers import number
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.running import base, run
from rechenwerk.planner.tables import Written

_NEAR, _FAR = 1e-3, 1e3
_GROWTH = ".growth"


class Target(msgspec.Struct, frozen=True):
    """What is to be reached.

    Args:
        line: a line of the plan, in the base case; '' for the probability of running out of cash.
        value: in the plan's unit; of the probability a share.
        at: the period that the line is looked at; '' for the sum over all periods, of a stock the last.
        paths: of a probability.
    """

    line: str = ""
    value: float = 0.0
    at: str = ""
    paths: int = 2000


class Solved(msgspec.Struct, frozen=True):
    """The scale that meets a target.

    Args:
        what: that was scaled.
        scale: that it is multiplied with; of a growth, 1 + the growth of a year.
        first: the scaled figure at the start, in its own unit; of a growth, the growth.
        reached: the target's value then.
    """

    what: str
    scale: float
    first: float
    unit: str
    reached: float


_STOCKS = frozenset(
    {"cash", "debt", "equity", "assets", "liabilities", "receivables", "payables", "fixed_assets"}
)


def solve(written: Written, what: str, target: Target) -> Solved:
    """Scale something until a target is met.

    Args:
        written: tables.
        what: name of a driver, a contract with a total, or a source of money with an amount;
            ``DRIVER.growth``: its growth, whatever it is as written.
        target: to be met.

    Raises:
        PlanError: there is nothing of this name, or no scale up to a thousand times meets the target.
    """
    scaled = _scaling(written, what)
    unscaled = build(written)
    goal = target.value * (unscaled.money.scale if target.line else 1.0)
    if target.line and target.line not in unscaled.lines:
        raise PlanError(
            "no line {line!r} in the plan; {fix}",
            line=target.line,
            fix=did_you_mean(target.line, unscaled.lines),
        )

    def miss(logarithm: float) -> float:
        return _reached(*scaled(float(np.exp(logarithm))), target) - goal

    low, high = np.log(_NEAR), np.log(_FAR)
    grid = np.linspace(low, high, 25)
    values = [miss(at) for at in grid]
    crossings = [at for at in range(24) if np.sign(values[at]) != np.sign(values[at + 1])]
    if not crossings:
        raise PlanError(
            "no {what} between a thousandth and a thousand times as much meets the target;"
            " as written it is {value:.4g}",
            what=what,
            value=values[12] + goal,
        )
    # The one that is nearest to what is written.
    usual = np.log1p(_growth(written, what)) if what.endswith(_GROWTH) else 0.0
    at = min(crossings, key=lambda one: abs(grid[one] - usual))
    found = float(np.exp(brentq(miss, grid[at], grid[at + 1], xtol=1e-9)))
    first, unit = (1.0, "") if what.endswith(_GROWTH) else _first(written, unscaled, what)
    reached = _reached(*scaled(found), target)
    unit_of = unscaled.money.scale if target.line else 1.0
    if what.endswith(_GROWTH):
        return Solved(what, found, found - 1, "growth a year", reached / unit_of)
    return Solved(what, found, first * found, unit, reached / unit_of)


def _growth(written: Written, what: str) -> float:
    """The growth of a driver as written."""
    name = what.removesuffix(_GROWTH)
    return next(number(one.growth) for one in written.drivers if one.name == name)


def _growing(written: Written, what: str) -> Callable[[float], tuple[Plan, dict[str, Floats]]]:
    """A function from 1 + growth to the plan."""
    name = what.removesuffix(_GROWTH)
    known = [one.name for one in written.drivers]
    if name not in known:
        raise PlanError(
            "{name!r} is no driver whose growth could vary; {fix}", name=name, fix=did_you_mean(name, known)
        )

    def grown(scale: float) -> tuple[Plan, dict[str, Floats]]:
        drivers = tuple(
            msgspec.structs.replace(one, growth=scale - 1) if one.name == name else one
            for one in written.drivers
        )
        return build(msgspec.structs.replace(written, drivers=drivers)), {}

    return grown


def _first(written: Written, plan: Plan, what: str) -> tuple[float, str]:
    for driver in written.drivers:
        if driver.name == what:
            return plan.inputs[what].path[0] / plan.inputs[what].unit.scale, driver.unit
    for contract in written.contracts:
        if contract.name == what and contract.total is not None:
            return number(contract.total), contract.unit
    one = next(one for one in written.funding if one.name == what and one.amount is not None)
    return number(one.amount or 0), one.unit


def _scaling(written: Written, what: str) -> Callable[[float], tuple[Plan, dict[str, Floats]]]:
    """A function from a scale to the plan and the factors of its drivers."""
    if what.endswith(_GROWTH):
        return _growing(written, what)
    if what in {one.name for one in written.drivers}:
        plan = build(written)
        return lambda scale: (plan, {what: np.full(plan.axis.count, scale)})
    contracts = {one.name for one in written.contracts if one.total is not None}
    funding = {one.name for one in written.funding if one.amount is not None}
    if what not in contracts | funding:
        known = [*(one.name for one in written.drivers), *contracts, *funding]
        raise PlanError(
            "{what!r} is no driver, contract or source of money; {fix}",
            what=what,
            fix=did_you_mean(what, known),
        )

    def scaled(scale: float) -> tuple[Plan, dict[str, Floats]]:
        changed = msgspec.structs.replace(
            written,
            contracts=tuple(
                msgspec.structs.replace(one, total=number(one.total or 0) * scale)
                if one.name == what
                else one
                for one in written.contracts
            ),
            funding=tuple(
                msgspec.structs.replace(one, amount=number(one.amount or 0) * scale)
                if one.name == what
                else one
                for one in written.funding
            ),
        )
        return build(changed), {}

    return scaled


def _reached(plan: Plan, scaled: dict[str, Floats], target: Target) -> float:
    if not target.line:
        outcome = run(plan, paths=target.paths, seed=plan.written.head.seed, lines=("cash",), factors=scaled)
        return float(outcome.ruined[-1])
    series = base(plan, scaled)[target.line][:, 0]
    if target.at:
        index = plan.axis.index(target.at)
        if not 0 <= index < plan.axis.count:
            raise PlanError("{at} is outside of the plan", at=target.at)
        return float(series[index])
    return float(series[-1] if target.line in _STOCKS else series.sum())
