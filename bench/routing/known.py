"""Forecasts for comparison: one that knows the true volumes of future blocks, one that is wrong, or none."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.forecast import Manner, Outlook, Period, Present, Seasonal, kinds
from rechenwerk.routing.supply import Vector

Array = NDArray[np.float64]


class Known(Seasonal):
    """The true volumes of blocks to come; how they are spread inside is not known.

    Args:
        truth: volumes by window x class, from time 0 on.
        block: windows per block; 1 knows every window.
    """

    def __init__(
        self,
        measure: Vector,
        classes: int,
        window: float,
        truth: Array,
        block: int = 12,
        manner: Manner | None = None,
    ) -> None:
        super().__init__(measure, classes, window, manner)
        self.block = block
        blocks = truth[: len(truth) // block * block].reshape(-1, block, classes).mean(axis=1)
        self.smooth = np.repeat(blocks, block, axis=0)

    def outlook(self, now: float, edges: Sequence[float]) -> Outlook:
        """See `Forecast`."""
        periods = []
        for begins, ends in itertools.pairwise(edges):
            first = min(int(max(begins, now) / self.window), len(self.smooth) - 1)
            last = max(first + 1, round(ends / self.window))
            some = [(float(self.block), one) for one in self.smooth[first : last : self.block]]
            if self.block > 1:
                some = self._spread(some)
            total = self.smooth[first:last].sum(axis=0)
            count = sum(one for one, _ in some)
            scale = len(self.smooth[first:last]) / count
            drawn = sum((one * volumes for one, volumes in some), np.zeros(self.classes)) * scale
            fix = total / np.maximum(drawn, 1e-12)
            found = [(one * scale, volumes * fix) for one, volumes in some]
            periods.append(Period(begins, ends, kinds(found, 4 * self.manner.kinds)))
        return Outlook(tuple(periods), (tuple((1.0,) * self.classes for _ in periods),))

    def present(self, now: float) -> Present:
        """See `Forecast`: the level of now, drawn to the block's mean."""
        seen = super().present(now)
        true = self.smooth[min(round(now // self.window), len(self.smooth) - 1)]
        if self.block == 1:
            return Present(tuple(true.tolist()), (0.02,) * self.classes, seen.usage)
        mixed = 0.5 * (np.array(seen.mean) + true)
        return Present(tuple(mixed.tolist()), tuple((0.8 * np.array(seen.doubt)).tolist()), seen.usage)
