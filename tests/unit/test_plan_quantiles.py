"""Quantiles of paths that are not kept: their rank is right to what the summary says."""

from __future__ import annotations

import numpy as np
import pytest

from rechenwerk.planner.drivers import BLOCK
from rechenwerk.planner.quantiles import BRANCH, MERGED, POINTS, Summary, thinned

LEVELS = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)


def summed(values: np.ndarray) -> Summary:
    """(periods, paths) in blocks."""
    summary = Summary()
    for start in range(0, values.shape[1], BLOCK):
        block = values[:, start : start + BLOCK]
        summary.add(thinned(block), block.shape[1])
    return summary


@pytest.mark.parametrize("paths", [1, 7, 999, 2000, 2001, 5500, BRANCH * BLOCK, (BRANCH + 3) * BLOCK + 500])
@pytest.mark.parametrize("shape", ["normal", "heavy", "steps"])
def test_a_rank_is_wrong_by_a_thousandth_at_most(paths: int, shape: str) -> None:
    chance = np.random.default_rng(paths)
    values = {
        "normal": chance.standard_normal((2, paths)),
        "heavy": chance.standard_cauchy((2, paths)),
        "steps": np.floor(chance.standard_normal((2, paths)) * 2),
    }[shape]
    values[1] = np.sort(values[1])  # blocks that differ as much as they can
    found = summed(values).quantiles(LEVELS)
    ordered = np.sort(values, axis=1)
    allowed = 1 / (2 * POINTS) + 1 / (2 * MERGED) + 1 / paths
    for level, row in zip(LEVELS, found, strict=True):
        for series, value in zip(ordered, row, strict=True):
            below = np.searchsorted(series, value, side="left") / paths
            up_to = np.searchsorted(series, value, side="right") / paths
            assert below - allowed <= level <= up_to + allowed


def test_memory_stays_bounded() -> None:
    """As many points after 2000 blocks as after 200, but for those of the merged ones."""
    summary = Summary()
    points = np.arange(POINTS, dtype=np.float64)[None, :]
    for _ in range(30 * BRANCH + 5):
        summary.add(points, BLOCK)
    kept = sum(one.size for level in summary._levels for one in level)
    assert kept <= BRANCH * POINTS + 30 * MERGED + POINTS
    assert summary.quantiles([0.5])[0, 0] == pytest.approx(POINTS / 2, abs=POINTS / 1000)
