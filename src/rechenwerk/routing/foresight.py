"""Forecasts that no gateway has: the truth, and ones that stay wrong. To see what a forecast is worth."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.corrected import scaled
from rechenwerk.routing.forecast import Forecast, Outlook, Period, Present, kinds
from rechenwerk.routing.supply import Vector

Array = NDArray[np.float64]


class Foreseen:
    """The true volumes of the periods to come; of the window of now it knows no more than others do.

    Args:
        usual: the forecast whose other answers are given.
        begins_at: epoch seconds of the first window of `volumes`.
        window: seconds.
        volumes: window x class, of all of the future.
        count: kinds of windows per period.
    """

    def __init__(
        self, usual: Forecast, begins_at: float, window: float, volumes: Array, count: int = 18
    ) -> None:
        self.usual, self.window, self.volumes, self.count = usual, window, volumes, count
        self.starts = (begins_at + window * np.arange(len(volumes))).tolist()

    def observe(self, begins_at: float, usages: Sequence[Vector]) -> None:
        """See `Forecast`."""
        self.usual.observe(begins_at, usages)

    def present(self, now: float) -> Present:
        """See `Forecast`."""
        return self.usual.present(now)

    def outlook(self, now: float, edges: Sequence[float]) -> Outlook:
        """See `Forecast`; past the end of what is known nothing comes."""
        found = []
        for begins, ends in itertools.pairwise(edges):
            first = bisect.bisect_left(self.starts, max(begins, now) - 0.5 * self.window)
            last = bisect.bisect_left(self.starts, ends - 0.5 * self.window)
            windows = [(1.0, volume) for volume in self.volumes[first:last]]
            rest = (ends - max(begins, now)) / self.window - len(windows)
            if rest > 0.5:
                windows.append((rest, np.zeros(self.volumes.shape[1])))
            found.append(Period(begins, ends, kinds(windows, self.count)))
        return Outlook(tuple(found), ())


class Biased:
    """A forecast that is wrong by a factor, and never learns that it is."""

    def __init__(self, usual: Forecast, factor: float) -> None:
        self.usual, self.factor = usual, factor

    def observe(self, begins_at: float, usages: Sequence[Vector]) -> None:
        """See `Forecast`."""
        self.usual.observe(begins_at, usages)

    def present(self, now: float) -> Present:
        """See `Forecast`."""
        found = self.usual.present(now)
        return msgspec.structs.replace(found, mean=tuple(self.factor * one for one in found.mean))

    def outlook(self, now: float, edges: Sequence[float]) -> Outlook:
        """See `Forecast`."""
        return scaled(self.usual.outlook(now, edges), self.factor)
