"""Many paths of a plan at once: quantiles by period, when cash runs out, and whether the identities hold.

Paths are calculated in blocks; a block's draws depend on the seed and its number only, and blocks are put
together in their order. So the same seed gives the same bytes on any number of workers. Quantiles are taken
from a summary of blocks (`quantiles`): their rank is wrong by a thousandth at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec
import numpy as np

from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.drivers import BLOCK, draw
from rechenwerk.planner.engine import Machine, Values, calculate
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.quantiles import Summary, thinned

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
IDENTITIES = ("check.balance", "check.cash")
SHOWN = ("revenue", "gross_profit", "free_cash_flow", "cash")
_EXACT = 1e-9
"""Relative to the largest total that the balance sheet has had so far: more is a violated identity."""
_BATCH = 4
"""Blocks that a worker calculates one after the other; what is the same for all is then done once.

One worker alone does it once for the whole run.
"""


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

    paths: int
    points: tuple[Floats, ...]
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


class Blocks:
    """Blocks of a plan's paths, one after the other.

    Args:
        plan: as built.
        seed: of all draws.
        keep: lines that are wanted.
        factors: by driver, (periods,) that it is multiplied with.
    """

    def __init__(self, plan: Plan, seed: int, keep: Iterable[str], factors: Mapping[str, Floats]) -> None:
        self._plan = plan
        self._seed = seed
        self._keep = tuple(keep)
        self._factors = dict(factors)
        self._known = known(plan, self._factors)
        self._drawn = [one.name for one in plan.inputs.values() if one.drawn]
        self._machines: dict[int, Machine] = {}

    def values(self, block: int, paths: int) -> Values:
        """Lines of a block: (periods, paths), or (periods, 1) where nothing is drawn.

        The next block is written over them.
        """
        plan = self._plan
        if paths not in self._machines:
            inputs = {name: one for name, one in self._known.items() if name not in self._drawn}
            self._machines[paths] = Machine(plan.program, inputs, self._drawn, paths, self._keep)
        machine = self._machines[paths]
        drivers = list(plan.inputs.values())
        drawn = draw(drivers, plan.factor, plan.axis, self._seed, block, paths, machine.room)
        for name, factor in self._factors.items():
            if name in drawn:
                drawn[name] *= factor[:, None]
        return machine.calculate(drawn)


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
    blocks = -(-paths // BLOCK)
    size = blocks if workers <= 1 else _BATCH
    todo = [
        _Batch(plan, seed, range(start, min(start + size, blocks)), paths, tuple(lines), dict(factors or {}))
        for start in range(0, blocks, size)
    ]
    gathered = _Gathered(plan, tuple(lines))
    for part in _worked(todo, workers):
        gathered.add(part)
        if progress is not None:
            progress(gathered.paths)
    return gathered.outcome(seed, tuple(levels))


class _Batch(msgspec.Struct, frozen=True):
    """What a worker is asked for."""

    plan: Plan
    seed: int
    blocks: range
    paths: int
    lines: tuple[str, ...]
    factors: dict[str, Floats]


def _worked(todo: Sequence[_Batch], workers: int) -> Iterator[_Part]:
    if workers <= 1 or len(todo) == 1:
        for batch in todo:
            yield from _parts(batch)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for parts in pool.map(_all_parts, todo):
            yield from parts


def _all_parts(batch: _Batch) -> list[_Part]:
    return list(_parts(batch))


def _parts(batch: _Batch) -> Iterator[_Part]:
    keep = {*batch.lines, "cash", "assets", *IDENTITIES}
    blocks = Blocks(batch.plan, batch.seed, keep, batch.factors)
    for block in batch.blocks:
        paths = min(BLOCK, batch.paths - block * BLOCK)
        yield _part(batch.plan, batch.lines, blocks.values(block, paths), paths)


def _part(plan: Plan, lines: tuple[str, ...], values: Values, paths: int) -> _Part:
    full = {name: np.broadcast_to(one, (plan.axis.count, paths)) for name, one in values.items()}
    cash = full["cash"]
    below = cash < 0
    first = np.where(below.any(axis=0), below.argmax(axis=0), plan.axis.count)
    return _Part(
        paths,
        tuple(thinned(full[name]) for name in lines),
        np.stack([full[name].sum(axis=1) for name in lines]),
        np.bincount(first, minlength=plan.axis.count + 1).astype(np.float64),
        np.maximum(-cash.min(axis=0), 0.0),
        _violations(full),
    )


def _violations(full: Values) -> int:
    """Path-periods in which an identity does not hold."""
    found = 0
    largest = np.ones(full["assets"].shape[1])
    for assets, *rests in zip(full["assets"], *(full[name] for name in IDENTITIES), strict=True):
        np.maximum(largest, np.abs(assets), out=largest)
        wrong = np.max(np.abs(rests), axis=0) > _EXACT * largest
        found += int(wrong.sum())
    return found


class _Gathered:
    """Blocks put together, in their order."""

    def __init__(self, plan: Plan, lines: tuple[str, ...]) -> None:
        self.paths = 0
        self._axis = plan.axis
        self._summaries = {name: Summary() for name in lines}
        self._sums = np.zeros((len(lines), plan.axis.count))
        self._first = np.zeros(plan.axis.count + 1)
        self._gaps: list[Floats] = []
        self._violations = 0

    def add(self, part: _Part) -> None:
        """The next block."""
        self.paths += part.paths
        for summary, points in zip(self._summaries.values(), part.points, strict=True):
            summary.add(points, part.paths)
        self._sums += part.sums
        self._first += part.first
        self._gaps.append(part.gaps)
        self._violations += part.violations

    def outcome(self, seed: int, levels: tuple[float, ...]) -> Outcome:
        """What all paths give."""
        means = self._sums / self.paths
        return Outcome(
            self.paths,
            seed,
            levels,
            {
                name: Band(mean, summary.quantiles(levels))
                for (name, summary), mean in zip(self._summaries.items(), means, strict=True)
            },
            self._first / self.paths,
            np.quantile(np.concatenate(self._gaps), levels),
            self._violations,
            self.paths * self._axis.count,
        )
