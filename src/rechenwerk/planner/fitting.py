"""Calibration: which points of drivers' paths bring a plan nearest to what is published.

The sum that is made small has one square for each published figure, (plan - published) / within, and one for
each point, log(point / first guess) / log(1 + within): what is published decides where it says something, the
guess where it does not. The search is SciPy's (trust region reflective), on the logarithms of the points; it
draws nothing by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from scipy.optimize import least_squares

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.case_tables import FitTable
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.numbers import number
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.reading import points
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.tables import DriverTable, Written
from rechenwerk.planner.units import read_unit

_YEAR = re.compile(r"\d{4}")
_FAR = np.log(100.0)
STOCKS = frozenset(
    {"cash", "debt", "equity", "assets", "liabilities", "receivables", "payables", "fixed_assets", "losses"}
)
"""Lines of which a span has the last value, not the sum."""


class Fitted(msgspec.Struct, frozen=True):
    """A published figure beside the plan's own.

    Args:
        title, span, unit: what and when.
        published, model: in the unit.
        within: how near it should be.
        source: of what is published.
    """

    title: str
    span: str
    unit: str
    published: float
    model: float
    within: float
    source: str

    @property
    def difference(self) -> float:
        """The plan's less the published."""
        return self.model - self.published

    @property
    def held(self) -> bool:
        """Whether it is as near as it should be."""
        return abs(self.difference) <= self.within


class Point(msgspec.Struct, frozen=True):
    """A point of a driver's path: the first guess, what the file has, and what fits best."""

    driver: str
    period: str
    guess: float
    written: float
    found: float


class Calibration(msgspec.Struct, frozen=True):
    """What a search found.

    Args:
        points: of the varied paths.
        fit: with them.
        evaluations: of the plan.
    """

    points: tuple[Point, ...]
    fit: tuple[Fitted, ...]
    evaluations: int


def months_of(span: str) -> tuple[int, int]:
    """First and last month of "2027", "2027-Q1", "2027-03" or "2026..2030", counted from year 0.

    Raises:
        PlanError: it is none of them.
    """
    first, _, last = span.partition("..")
    begin, end = _edge(first, first=True), _edge(last or first, first=False)
    if end < begin:
        raise PlanError("{span!r} ends before it begins; turn it round", span=span)
    return begin, end


def _edge(text: str, *, first: bool) -> int:
    if _YEAR.fullmatch(text):
        return int(text) * 12 + (0 if first else 11)
    month = Axis.of(text, 1).first
    return month + (2 if "Q" in text and not first else 0)


def within_span(axis: Axis, span: str) -> np.ndarray:
    """(periods,) whether a period lies in a span.

    Raises:
        PlanError: it is no span, or not all of it lies in the plan.
    """
    begin, end = months_of(span)
    starts = axis.first + axis.months * np.arange(axis.count)
    if begin < starts[0] or end > starts[-1] + axis.months - 1:
        raise PlanError(
            "{span} is not in the plan, {period} to {period2}",
            span=span,
            period=axis.name(0),
            period2=axis.name(axis.count - 1),
        )
    inside: np.ndarray = (starts >= begin) & (starts + axis.months - 1 <= end)
    if not inside.any():
        raise PlanError("{span} is shorter than a period of the plan", span=span)
    return inside


def amount(plan: Plan, values: Values, line: str, span: str) -> float:
    """What a line comes to over a span, in base units; of a stock what it is at the end.

    Raises:
        PlanError: there is no such line or span.
    """
    if line not in values:
        raise PlanError("no line {line!r} in the plan; {fix}", line=line, fix=did_you_mean(line, values))
    series = values[line][:, 0]
    inside = within_span(plan.axis, span)
    return float(series[inside][-1] if line in STOCKS else series[inside].sum())


def fit(written: Written, name: str) -> tuple[FitTable, tuple[Fitted, ...]]:
    """How near the file is to what a fit names, as it stands.

    Raises:
        PlanError: there is no such fit, line or span.
    """
    one = _fit(written, name)
    plan = build(scenario(written, one.scenario))
    return one, _compared(one, plan, base(plan))


def _fit(written: Written, name: str) -> FitTable:
    known = {one.name: one for one in written.fits}
    if name not in known:
        raise PlanError("no [[fit]] {name!r} in the file; {fix}", name=name, fix=did_you_mean(name, known))
    return known[name]


def _compared(one: FitTable, plan: Plan, values: Values) -> tuple[Fitted, ...]:
    found = []
    for target in one.target:
        scale = read_unit(target.unit).scale
        for span, published in target.values.items():
            model = amount(plan, values, target.line, span) / scale
            line = plan.lines.get(target.line)
            title = target.title or (line.title if line is not None else "") or target.line
            found.append(
                Fitted(
                    title, span, target.unit, number(published), model, number(target.within), target.source
                )
            )
    return tuple(found)


def calibrate(written: Written, name: str, progress: Callable[[int], None] | None = None) -> Calibration:
    """Look for the points that fit best, from the first guess on.

    Args:
        written: tables, as the file has them.
        name: of the fit.
        progress: told how often the plan has been calculated.

    Raises:
        PlanError: there is no such fit or driver, or its path has other periods than the guess.
    """
    one = _fit(written, name)
    plan = build(scenario(written, one.scenario))
    search = _Search(one, plan, progress)
    start = np.zeros(len(search.guess))
    found = least_squares(
        search.misses, start, bounds=(-_FAR, _FAR), x_scale=search.spread, xtol=1e-10, ftol=1e-10
    )
    values = search.values(found.x)
    rows = zip(search.labels, search.guess, search.written, search.guess * np.exp(found.x), strict=True)
    return Calibration(
        tuple(Point(driver, period, *map(float, numbers)) for (driver, period), *numbers in rows),
        _compared(one, plan, values),
        search.evaluations,
    )


class _Search:
    """The points as one array, and what they miss."""

    def __init__(self, one: FitTable, plan: Plan, progress: Callable[[int], None] | None) -> None:
        self.one, self.plan, self.progress = one, plan, progress
        self.evaluations = 0
        self.drivers = {driver.name: driver for driver in plan.written.drivers}
        self.labels: list[tuple[str, str]] = []
        guess, written, spread = [], [], []
        for vary in one.vary:
            driver = self.drivers.get(vary.driver)
            if driver is None:
                fix = did_you_mean(vary.driver, self.drivers)
                raise PlanError(
                    "fit {name!r} varies no driver {driver!r}; {fix}",
                    name=one.name,
                    driver=vary.driver,
                    fix=fix,
                )
            for period, value in vary.path.items():
                if period not in driver.path:
                    fix = sentence(
                        "name periods of its path: {known}",
                        known=", ".join(driver.path) or "it has a value and no path",
                    )
                    raise PlanError(
                        "fit {name!r} varies {driver} in {period!r}; {fix}",
                        name=one.name,
                        driver=vary.driver,
                        period=period,
                        fix=fix,
                    )
                self.labels.append((vary.driver, period))
                guess.append(number(value))
                written.append(number(driver.path[period]))
                spread.append(np.log1p(number(vary.within)))
        if not guess or min(guess) <= 0:
            raise PlanError("fit {name!r} needs [[fit.vary]] with points above 0; add one", name=one.name)
        self.guess, self.written = np.asarray(guess), np.asarray(written)
        self.spread = np.asarray(spread)
        self.usual = {name: points(driver, plan.axis) for name, driver in self.drivers.items()}
        self.targets = [
            (target.line, span, number(value), number(target.within), read_unit(target.unit).scale)
            for target in one.target
            for span, value in target.values.items()
        ]

    def values(self, logs: Floats) -> Values:
        """The plan with other points."""
        paths: dict[str, dict[str, float]] = {}
        for (driver, period), value in zip(self.labels, self.guess * np.exp(logs), strict=True):
            paths.setdefault(driver, {})[period] = float(value)
        factors = {name: self._factor(self.drivers[name], path) for name, path in paths.items()}
        return base(self.plan, factors)

    def _factor(self, driver: DriverTable, path: Mapping[str, float]) -> Floats:
        changed = msgspec.structs.replace(driver, path={**driver.path, **path})
        return points(changed, self.plan.axis) / self.usual[driver.name]

    def misses(self, logs: Floats) -> Floats:
        """What is made small."""
        self.evaluations += 1
        if self.progress is not None:
            self.progress(self.evaluations)
        values = self.values(logs)
        away = [
            (amount(self.plan, values, line, span) / scale - published) / within
            for line, span, published, within, scale in self.targets
        ]
        return np.concatenate([np.asarray(away), logs / self.spread])


def fragments(found: Sequence[Point], digits: int = 4) -> str:
    """The points as lines of TOML, one a driver, to be put into the file."""
    paths: dict[str, list[str]] = {}
    for one in found:
        paths.setdefault(one.driver, []).append(f'"{one.period}" = {float(f"{one.found:.{digits}g}"):g}')
    return "\n".join(f"{driver}: path = {{ {', '.join(parts)} }}" for driver, parts in paths.items())
