"""Which driver matters: each alone from its low to its high decile (tornado).

A driver's uncertainty is one standard normal number: of 'level' and 'each' the factor itself, of 'growth' a
yearly rate, of 'walk' the rate that leads to where its spread would be at the end.
"""

from __future__ import annotations

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.drivers import Driver
from rechenwerk.planner.engine import calculate
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import known

_DECILE = 1.2815515655446004
"""Of the standard normal distribution: nine in ten lie below."""
_AT_ONCE = 2048


class Bar(msgspec.Struct, frozen=True):
    """A driver's effect: the outcome with the driver at its first and at its last decile, in base units."""

    driver: str
    low: float
    high: float

    @property
    def span(self) -> float:
        """From one to the other."""
        return abs(self.high - self.low)


class Index(msgspec.Struct, frozen=True):
    """A driver's share of the variance: alone, and with all that it does together with others.

    Args:
        first, total: indices.
        first_error, total_error: half the width of their 95 % intervals.
    """

    driver: str
    first: float
    first_error: float
    total: float
    total_error: float


def tornado(plan: Plan, line: str = "cash", at: str = "") -> tuple[Bar, ...]:
    """Each drawn driver alone, the others as expected; the greatest effect first."""
    place = place_of(plan, line, at)
    bars = []
    for driver in drawn(plan):
        ends = np.asarray([[-_DECILE], [_DECILE]])
        low, high = outcomes(plan, [driver], ends, line, place)
        bars.append(Bar(driver.name, float(low), float(high)))
    return tuple(sorted(bars, key=lambda one: -one.span))


def drawn(plan: Plan) -> list[Driver]:
    """Drivers that have a spread.

    Raises:
        PlanError: none has.
    """
    drivers = [one for one in plan.inputs.values() if one.drawn]
    if not drivers:
        raise PlanError('no driver of the plan has a spread; add noise = "growth" and spread = "10%" to some')
    return drivers


def place_of(plan: Plan, line: str, at: str) -> int:
    """Which period is meant; the last without one.

    Raises:
        PlanError: there is no such line or period.
    """
    if line not in plan.lines:
        raise PlanError("no line {line!r} in the plan; {fix}", line=line, fix=did_you_mean(line, plan.lines))
    place = plan.axis.index(at) if at else plan.axis.count - 1
    if not 0 <= place < plan.axis.count:
        raise PlanError("{at} is outside of the plan", at=at)
    return place


def outcomes(plan: Plan, drivers: list[Driver], normal: Floats, line: str, place: int) -> Floats:
    """(samples,) of a line in one period, of (samples, drivers) standard normal numbers."""
    usual = known(plan, {})
    years = np.asarray(plan.axis.length * np.arange(plan.axis.count), dtype=np.float64)[:, None]
    found = []
    for start in range(0, len(normal), _AT_ONCE):
        part = normal[start : start + _AT_ONCE]
        inputs = dict(usual)
        for index, driver in enumerate(drivers):
            inputs[driver.name] = usual[driver.name] * np.exp(_shock(driver, part[:, index][None], years))
        series = calculate(plan.program, inputs, [line])[line]
        found.append(np.broadcast_to(series, (plan.axis.count, len(part)))[place])
    return np.concatenate(found)


def _shock(driver: Driver, normal: Floats, years: Floats) -> Floats:
    if driver.noise == "growth":
        grown: Floats = driver.spread * years * normal
        return grown
    if driver.noise == "walk":
        to_end: Floats = driver.spread * years / np.sqrt(max(float(years[-1, 0]), 1e-9)) * normal
        return to_end
    same: Floats = np.broadcast_to(driver.spread * normal, (len(years), normal.shape[1]))
    return same
