"""Forecasts of monthly series of an installation's books, and how well they would have done.

Four ways: the same month of the year before (seasonal naive; the last value where there is no such month),
the same with the year's growth, a damped trend, and a level. Each gives a mean path and a spread around it,
as a plan's drivers have them: ``level`` is drawn once, ``walk`` widens with the root of time.

A back-test forecasts from every month of the second half with what was known then (a rolling origin), and
weighs quantiles of forecasts by pinball loss: what a forecaster loses who says a quantile and is wrong. A way
is used where it would have lost less than the seasonal naive one, else that is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from types import MappingProxyType
from typing import Literal

import msgspec
import numpy as np

from rechenwerk.planner.clearing import Floats

YEAR = 12
LEVELS = (0.1, 0.5, 0.9)
_AHEAD = 6
"""Months that a back-test looks ahead."""
_KNOWN = 6
"""Months that a forecast needs at the least to be tested."""
_DAMPED = 0.9
_SMOOTH = 0.5
_LEAST = 1e-3
"""Of a series' mean: a month with less counts as so much, because growth is a ratio."""
_SPREAD = 0.02
"""Nobody knows a month better than so."""

Noise = Literal["level", "walk"]


class Forecast(msgspec.Struct, frozen=True):
    """What is expected.

    Args:
        way: that it was made in.
        path: (months,) means.
        noise: how its uncertainty grows.
        spread: standard deviation of the logarithm; of ``walk`` that of a year.
    """

    way: str
    path: tuple[float, ...]
    noise: Noise
    spread: float

    def quantiles(self, levels: Sequence[float] = LEVELS) -> Floats:
        """(levels, months)."""
        months = np.arange(len(self.path))
        variance = self.spread**2 * ((months + 1) / YEAR if self.noise == "walk" else np.ones(len(months)))
        scores = np.asarray([NormalDist().inv_cdf(level) for level in levels])[:, None]
        found: Floats = np.asarray(self.path) * np.exp(scores * np.sqrt(variance) - variance / 2)
        return found


class Tested(msgspec.Struct, frozen=True):
    """How well a series would have been forecast.

    Args:
        way: that is used.
        origins: months that were forecast from; 0 where the series is too short.
        loss, naive: mean pinball loss of the way and of the seasonal naive one, in the unit of the series.
        losses: of every way.
    """

    way: str
    origins: int
    loss: float
    naive: float
    losses: Mapping[str, float]

    @property
    def naive_wins(self) -> bool:
        """Whether nothing was better than the year before."""
        return self.way == NAIVE


NAIVE = "seasonal naive"


def _logs(series: Floats) -> Floats:
    least = max(float(series.mean()) * _LEAST, 1e-12)
    found: Floats = np.log(np.maximum(series, least))
    return found


def _deviation(values: Floats) -> float:
    return max(float(np.sqrt(np.mean(values**2))) if len(values) else 0.0, _SPREAD)


def _naive(series: Floats, months: int) -> Forecast:
    logs = _logs(series)
    if len(logs) < YEAR:
        steps = np.diff(logs)
        return Forecast(NAIVE, (float(series[-1]),) * months, "walk", _deviation(steps) * YEAR**0.5)
    path = [float(series[len(series) - YEAR + at % YEAR]) for at in range(months)]
    return Forecast(NAIVE, tuple(path), "level", _deviation(logs[YEAR:] - logs[:-YEAR]))


def _grown(series: Floats, months: int) -> Forecast:
    """The year before, with the growth that there was from year to year; damped from year to year."""
    logs = _logs(series)
    yearly = logs[YEAR:] - logs[:-YEAR]
    growth = float(np.median(yearly[-YEAR:]))
    path = []
    for at in range(months):
        years = at // YEAR + 1
        damped = sum(_DAMPED**each for each in range(years))
        path.append(float(np.exp(logs[len(logs) - YEAR + at % YEAR] + growth * damped)))
    return Forecast("seasonal growth", tuple(path), "level", _deviation(yearly - growth))


def _level(logs: Floats) -> Floats:
    """(months,) exponentially smoothed."""
    found = np.empty_like(logs)
    found[0] = logs[0]
    for at in range(1, len(logs)):
        found[at] = _SMOOTH * logs[at] + (1 - _SMOOTH) * found[at - 1]
    return found


def _trend(series: Floats, months: int) -> Forecast:
    """The last level with the median growth of the last year, which dies away (Gardner, McKenzie 1985)."""
    logs = _logs(series)
    recent = logs[-YEAR - 1 :]
    slopes = [
        (recent[after] - recent[before]) / (after - before)
        for before in range(len(recent))
        for after in range(before + 1, len(recent))
    ]
    slope = float(np.median(slopes))
    # A smoothed level lags behind a trend by what it has not yet taken over.
    level = float(_level(logs)[-1]) + slope * (1 - _SMOOTH) / _SMOOTH
    damped = np.cumsum(_DAMPED ** (np.arange(months) / YEAR))
    path = np.exp(level + slope * damped)
    return Forecast("trend", tuple(path.tolist()), "walk", _deviation(np.diff(logs) - slope) * YEAR**0.5)


def _flat(series: Floats, months: int) -> Forecast:
    logs = _logs(series)
    smooth = _level(logs)
    spread = _deviation(logs[1:] - smooth[:-1])
    return Forecast("level", (float(np.exp(smooth[-1])),) * months, "level", spread)


_WAYS: Mapping[str, tuple[int, Callable[[Floats, int], Forecast]]] = MappingProxyType(
    {
        NAIVE: (2, _naive),
        "seasonal growth": (YEAR + 3, _grown),
        "trend": (4, _trend),
        "level": (3, _flat),
    }
)
"""Way -> months that it needs, and how it is made."""


def pinball(forecast: Floats, actual: float, levels: Sequence[float] = LEVELS) -> float:
    """Mean loss of quantiles of one value (Koenker and Bassett 1978)."""
    wrong = actual - np.asarray(forecast)
    weights = np.asarray(levels)
    return float(np.mean(np.where(wrong >= 0, weights * wrong, (weights - 1) * wrong)))


def back_test(series: Sequence[float]) -> Tested:
    """Which way would have forecast a series best, from every month of its second half.

    Args:
        series: monthly values, the oldest first, none below 0.
    """
    values = np.asarray(series, dtype=np.float64)
    first = max(_KNOWN, min(len(values) // 2, YEAR + 3))
    losses: dict[str, list[float]] = {way: [] for way in _WAYS}
    origins = 0
    for origin in range(first, len(values)):
        origins += 1
        ahead = min(_AHEAD, len(values) - origin)
        for way, (least, make) in _WAYS.items():
            if origin >= least:
                said = make(values[:origin], ahead).quantiles()
                losses[way] += [pinball(said[:, at], float(values[origin + at])) for at in range(ahead)]
    # Only ways that were tried from every origin can be compared.
    most = len(losses[NAIVE])
    means = {way: float(np.mean(found)) for way, found in losses.items() if most and len(found) == most}
    if not means:
        return Tested(NAIVE, 0, 0.0, 0.0, {})
    best = min(means, key=lambda way: (means[way], way != NAIVE))
    return Tested(best, origins, means[best], means[NAIVE], means)


def forecast(series: Sequence[float], months: int, way: str) -> Forecast:
    """What comes after a series.

    Args:
        series: monthly values, the oldest first.
        months: ahead.
        way: as `back_test` says; a series that is too short for it is forecast naively.
    """
    values = np.asarray(series, dtype=np.float64)
    least, make = _WAYS[way]
    if len(values) < least:
        if len(values) < _WAYS[NAIVE][0]:
            return Forecast(NAIVE, (float(values[-1]) if len(values) else 0.0,) * months, "walk", 0.3)
        make = _naive
    return make(values, months)
