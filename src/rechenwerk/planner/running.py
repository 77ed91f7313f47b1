"""Many paths of a plan at once: quantiles by period, when cash runs out, and whether the identities hold.

Paths are calculated in blocks; a block's draws depend on the seed and its number only, and blocks are put
together in their order. So the same seed gives the same bytes on any number of workers.

Quantiles are taken from a summary of each block, `POINTS` values per line and period, of equal weight: a
quantile's rank is wrong by 1 / (2 POINTS) at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec
import numpy as np

from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.drivers import BLOCK, draw
from rechenwerk.planner.engine import Values, calculate
from rechenwerk.planner.plans import Plan

POINTS = 1000
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
IDENTITIES = ("check.balance", "check.cash")
SHOWN = ("revenue", "gross_profit", "free_cash_flow", "cash")
_EXACT = 1e-9
"""Relative to the balance sheet's total: more is a violated identity."""


class Band(msgspec.Struct, frozen=True):
    """A line's distribution: (periods,) mean, (levels, periods) quantiles; in base units."""

    mean: Floats
    quantiles: Floats


class Outcome(msgspec.Struct, frozen=True):
    """What many paths give.

    Args:
        paths, seed: of the run.
        levels: of the quantiles.
        bands: by line.
        runs_out: (periods + 1,) share of paths whose cash first falls below 0 in a period; the last: never.
        gap: (levels,) quantiles of the funding gap: the most that is missing in any period.
        violations: path-periods in which an identity does not hold.
        checked: path-periods that were looked at.
    """

    paths: int
    seed: int
    levels: tuple[float, ...]
    bands: dict[str, Band]
    runs_out: Floats
    gap: Floats
    violations: int
    checked: int

    @property
    def ruined(self) -> Floats:
        """(periods,): the probability that cash has run out by then."""
        return np.cumsum(self.runs_out[:-1])


class _Part(msgspec.Struct, frozen=True):
    """What is kept of a block."""

    points: Floats
    sums: Floats
    first: Floats
    gaps: Floats
    violations: int


def base(plan: Plan, factors: Mapping[str, Floats] | None = None) -> Values:
    """All lines and inputs with every driver as expected: (periods, 1) each.

    Args:
        plan: as built.
        factors: by driver, (periods,) that it is multiplied with.
    """
    return calculate(plan.program, known(plan, factors or {}))


def known(plan: Plan, factors: Mapping[str, Floats]) -> Values:
    """Every input as expected, (periods, 1)."""
    return {
        name: np.asarray(one.path)[:, None] * (factors[name][:, None] if name in factors else 1.0)
        for name, one in plan.inputs.items()
    }


def block_values(
    plan: Plan, seed: int, block: int, paths: int, keep: Iterable[str], factors: Mapping[str, Floats]
) -> Values:
    """Lines of one block of paths: (periods, paths), or (periods, 1) where nothing is drawn."""
    inputs = known(plan, factors)
    for name, drawn in draw(list(plan.inputs.values()), plan.factor, plan.axis, seed, block, paths).items():
        inputs[name] = drawn * factors[name][:, None] if name in factors else drawn
    return calculate(plan.program, inputs, keep)


def run(
    plan: Plan,
    *,
    paths: int = 10_000,
    seed: int = 1,
    lines: Sequence[str] = SHOWN,
    levels: Sequence[float] = LEVELS,
    factors: Mapping[str, Floats] | None = None,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Calculate many paths.

    Args:
        plan: as built.
        paths: how many.
        seed: of all draws.
        lines: that quantiles are wanted of.
        levels: of the quantiles.
        factors: by driver, (periods,) that it is multiplied with: shocks.
        workers: processes; the result does not depend on it.
        progress: told the paths that are done.
    """
    todo = [
        (plan, seed, block, min(BLOCK, paths - block * BLOCK), tuple(lines), dict(factors or {}))
        for block in range(-(-paths // BLOCK))
    ]
    parts = []
    for part in _worked(todo, workers):
        parts.append(part)
        if progress is not None:
            progress(min(len(parts) * BLOCK, paths))
    return _together(plan, parts, paths, seed, tuple(lines), tuple(levels))


_Job = tuple[Plan, int, int, int, tuple[str, ...], dict[str, Floats]]


def _worked(todo: Sequence[_Job], workers: int) -> Iterator[_Part]:
    if workers <= 1 or len(todo) == 1:
        yield from map(_block, todo)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_block, todo)


def _block(job: _Job) -> _Part:
    plan, seed, block, paths, lines, factors = job
    keep = {*lines, "cash", "assets", *IDENTITIES}
    values = block_values(plan, seed, block, paths, keep, factors)
    full = {name: np.broadcast_to(values[name], (plan.axis.count, paths)) for name in keep}
    count = min(POINTS, paths)
    ranks = ((np.arange(count) + 0.5) * paths / count).astype(np.intp)
    points = np.stack([np.sort(full[name], axis=1)[:, ranks] for name in lines])
    cash = full["cash"]
    below = cash < 0
    first = np.where(below.any(axis=0), below.argmax(axis=0), plan.axis.count)
    wrong = np.zeros(cash.shape, dtype=bool)
    scale = _EXACT * np.maximum(np.abs(full["assets"]), 1.0)
    for name in IDENTITIES:
        wrong |= np.abs(full[name]) > scale
    return _Part(
        points,
        np.stack([full[name].sum(axis=1) for name in lines]),
        np.bincount(first, minlength=plan.axis.count + 1).astype(np.float64),
        np.maximum(-cash.min(axis=0), 0.0),
        int(wrong.sum()),
    )


def _together(
    plan: Plan,
    parts: Sequence[_Part],
    paths: int,
    seed: int,
    lines: tuple[str, ...],
    levels: tuple[float, ...],
) -> Outcome:
    sums = np.zeros_like(parts[0].sums)
    for part in parts:
        sums += part.sums
    weights = [min(BLOCK, paths - number * BLOCK) / part.points.shape[2] for number, part in enumerate(parts)]
    bands = {}
    for index, name in enumerate(lines):
        series = [part.points[index] for part in parts]
        bands[name] = Band(sums[index] / paths, _quantiles(series, weights, levels))
    first = sum((part.first for part in parts), np.zeros(plan.axis.count + 1))
    gaps = np.concatenate([part.gaps for part in parts])
    return Outcome(
        paths,
        seed,
        levels,
        bands,
        first / paths,
        np.quantile(gaps, levels),
        sum(part.violations for part in parts),
        paths * plan.axis.count,
    )


def _quantiles(series: Sequence[Floats], weights: Sequence[float], levels: tuple[float, ...]) -> Floats:
    """(levels, periods) of weighted points (periods, points)."""
    points = np.concatenate(series, axis=1)
    if len(set(weights)) == 1:
        found: Floats = np.quantile(points, levels, axis=1, method="hazen")
        return found
    weight = np.concatenate([np.full(one.shape[1], each) for one, each in zip(series, weights, strict=True)])
    order = np.argsort(points, axis=1, kind="stable")
    ranks = np.cumsum(weight[order], axis=1) - weight[order] / 2
    ordered = np.take_along_axis(points, order, axis=1)
    total = weight.sum()
    return np.stack(
        [
            np.asarray([np.interp(level * total, ranks[at], ordered[at]) for at in range(len(points))])
            for level in levels
        ]
    )
