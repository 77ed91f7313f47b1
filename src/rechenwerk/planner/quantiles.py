"""Quantiles of many paths in bounded memory, with a bound on how wrong they can be.

Each block of paths leaves `POINTS` of its sorted values per line and period, those in the middle of as many
equal parts: a value's rank is then known to 1 / (2 POINTS). When `BRANCH` blocks have come, they are put
together and leave `MERGED` values, which costs another 1 / (2 MERGED), and so on. With 128,000 paths or
fewer nothing is put together, up to 8 million it is once, up to 524 million twice: a quantile's rank is
wrong by 0.0005, 0.00075 or 0.001 at most. What is kept depends on blocks and their order only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rechenwerk.planner.clearing import Floats

POINTS = 1000
MERGED = 2000
BRANCH = 64


def thinned(values: Floats, points: int = POINTS) -> Floats:
    """Some of a block's values, in order.

    Args:
        values: (periods, paths).
        points: how many; all of them where there are fewer.

    Returns:
        (periods, points), each for an equal part of the paths.
    """
    return _picked(np.sort(values, axis=1), points)


def _picked(ordered: Floats, points: int) -> Floats:
    paths = ordered.shape[1]
    count = min(points, paths)
    ranks = ((np.arange(count) + 0.5) * paths / count).astype(np.intp)
    found: Floats = ordered[:, ranks]
    return found


class Summary:
    """What is kept of a line: points of blocks, and of blocks that were put together."""

    def __init__(self) -> None:
        self._levels: list[list[Floats]] = []
        self._weights: list[float] = []
        self._last: list[tuple[Floats, float]] = []

    def add(self, points: Floats, paths: int) -> None:
        """The next block's points; only the last block may have fewer paths than others.

        Args:
            points: (periods, points) of `thinned`.
            paths: of the block.
        """
        weight = paths / points.shape[1]
        if self._weights and (weight != self._weights[0] or points.shape != self._levels[0][0].shape):
            self._last.append((points, weight))
        else:
            self._push(0, points, weight)

    def _push(self, level: int, points: Floats, weight: float) -> None:
        if level == len(self._levels):
            self._levels.append([])
            self._weights.append(weight)
        row = self._levels[level]
        row.append(points)
        if len(row) > BRANCH:
            together, rest = row[:BRANCH], row[BRANCH:]
            self._levels[level] = rest
            merged = thinned(np.concatenate(together, axis=1), MERGED)
            self._push(level + 1, merged, weight * BRANCH * points.shape[1] / merged.shape[1])

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """(levels, periods): linear between the middles of what points stand for (Hazen's positions)."""
        kept = [(one, weight) for row, weight in zip(self._levels, self._weights, strict=True) for one in row]
        kept += self._last
        points = np.concatenate([one for one, _ in kept], axis=1)
        if len({weight for _, weight in kept}) == 1:
            points.sort(axis=1)
            at = np.clip(np.asarray(levels) * points.shape[1] - 0.5, 0, points.shape[1] - 1)
            low = np.floor(at).astype(np.intp)
            high = np.minimum(low + 1, points.shape[1] - 1)
            found: Floats = points[:, low] + (at - low) * (points[:, high] - points[:, low])
            return found.T
        weights = np.concatenate([np.full(one.shape[1], weight) for one, weight in kept])
        order = np.argsort(points, axis=1, kind="stable")
        ordered = np.take_along_axis(points, order, axis=1)
        ranks = np.cumsum(weights[order], axis=1) - weights[order] / 2
        wanted = np.asarray(levels) * weights.sum()
        return np.stack([np.interp(wanted, ranks[at], ordered[at]) for at in range(len(points))], axis=1)
