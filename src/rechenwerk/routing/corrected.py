"""A forecast whose steady error is taken out: whoever forecasts may be wrong by a factor for days."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from rechenwerk.routing.forecast import Forecast, Outlook, Period, Present
from rechenwerk.routing.supply import Vector

LASTS = 12 * 3600.0
"""Half-life of what is remembered of forecasts and of what came, seconds."""
PATIENCE = 6 * 3600.0
"""Seconds of volume, as forecast, that speak for the forecast before anything came; forgotten too."""
USUAL = 1.25
"""Less than this factor is chance, bursts or a level that moves: the forecast's own business."""


class Corrected:
    """Scales a forecast by what came over what it had said, all classes together, where that is far from 1.

    Args:
        inner: the forecast; what it observed before is not held against it.
        measure: weights that make a volume of usage.
    """

    def __init__(self, inner: Forecast, measure: Vector) -> None:
        self.inner = inner
        self._measure = np.array(measure)
        self._last: float | None = None
        self._came = self._said = 0.0

    def observe(self, begins_at: float, usages: Sequence[Vector]) -> None:
        """See `Forecast`."""
        said = sum(self.inner.present(begins_at).mean)
        came = float((np.array(usages, dtype=float).reshape(-1, len(self._measure)) @ self._measure).sum())
        if self._last is not None and said > 0:
            length = max(begins_at - self._last, 1e-9)
            if self._said <= 0:
                self._came = self._said = said / length * PATIENCE
            keep = 0.5 ** (length / LASTS)
            self._came = keep * self._came + came
            self._said = keep * self._said + said
        self._last = begins_at
        self.inner.observe(begins_at, usages)

    @property
    def factor(self) -> float:
        """What forecasts are multiplied by: 1, unless they were far off for hours."""
        if self._said <= 0:
            return 1.0
        found = self._came / self._said
        return found if found > USUAL or found < 1 / USUAL else 1.0

    def present(self, now: float) -> Present:
        """See `Forecast`."""
        found, factor = self.inner.present(now), self.factor
        if factor == 1.0:
            return found
        return msgspec.structs.replace(found, mean=tuple(factor * one for one in found.mean))

    def outlook(self, now: float, edges: Sequence[float]) -> Outlook:
        """See `Forecast`."""
        found, factor = self.inner.outlook(now, edges), self.factor
        return found if factor == 1.0 else scaled(found, factor)


def scaled(outlook: Outlook, factor: float) -> Outlook:
    """All volumes times a factor."""
    periods = tuple(
        Period(
            one.begins_at,
            one.ends_at,
            tuple((count, tuple(factor * each for each in volumes)) for count, volumes in one.kinds),
        )
        for one in outlook.periods
    )
    return msgspec.structs.replace(outlook, periods=periods)
