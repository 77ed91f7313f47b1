"""What the plan bench measures, in a process of its own on one core: prints one JSON object.

python -m bench.planning.child 100000 3      # paths, repeats
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from bench.planning.model import model
from bench.planning.plain import drawn, path_function
from rechenwerk.planner.clearing import Default, clear, network
from rechenwerk.planner.drivers import BLOCK
from rechenwerk.planner.engine import Values, calculate
from rechenwerk.planner.plans import Plan, load_plan
from rechenwerk.planner.running import IDENTITIES, SHOWN, Blocks, Outcome, run

SEED = 1
PLAIN = 60
"""Paths of plain Python in each repeat."""
LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of CPU: another process on the core does not count."""
    gc.collect()
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def alone(plan: Plan, paths: int) -> float:
    """The same correlated series with NumPy alone, written down as directly as one would."""
    drivers = [one for one in plan.inputs.values() if one.drawn]
    count, length = plan.axis.count, plan.axis.length
    stream = np.random.Generator(np.random.SFC64(SEED))
    years = (length * np.arange(count))[:, None]
    mean = 0.0
    for _ in range(paths // BLOCK):
        normal = stream.standard_normal((len(drivers), count, BLOCK))
        mixed = (plan.factor @ normal.reshape(len(drivers), -1)).reshape(normal.shape)
        for one, series in zip(drivers, mixed, strict=True):
            path = np.asarray(one.path)[:, None]
            if one.noise == "walk":
                step = one.spread * np.sqrt(length)
                shock = step * np.cumsum(series, axis=0) - step**2 * (years / length + 1) / 2
            elif one.noise == "growth":
                shock = one.spread * years * series[:1] - (one.spread * years) ** 2 / 2
            else:
                shock = one.spread * (series if one.noise == "each" else series[:1]) - one.spread**2 / 2
            mean += float((path * np.exp(shock))[-1].mean())
    return mean


def inaccuracy(plan: Plan, outcome: Outcome, paths: int) -> float:
    """How far a quantile's rank is off, at the most, over all periods: against all paths, kept and sorted."""
    cash = np.empty((plan.axis.count, paths))
    blocks = Blocks(plan, SEED, ["cash"], {})
    for block, start in enumerate(range(0, paths, BLOCK)):
        cash[:, start : start + BLOCK] = blocks.values(block, min(BLOCK, paths - start))["cash"]
    cash.sort(axis=1)
    worst = 0.0
    for level, row in zip(outcome.levels, outcome.bands["cash"].quantiles, strict=True):
        for series, value in zip(cash, row, strict=True):
            below = np.searchsorted(series, value, side="left") / paths
            up_to = np.searchsorted(series, value, side="right") / paths
            worst = max(worst, below - level, level - up_to)
    return worst


def plainly(plan: Plan) -> tuple[float, float]:
    """CPU seconds of a path in plain Python, and the largest relative difference to the engine's figures."""
    keep = [*SHOWN, "assets", *IDENTITIES]
    function, chance = path_function(plan, keep), random.Random(SEED)
    seconds, _ = timed(lambda: [function(drawn(plan, chance)) for _ in range(PLAIN)])
    inputs = [drawn(plan, chance) for _ in range(4)]
    found = [function(one) for one in inputs]
    given: Values = {
        name: np.asarray([one[name] for one in inputs]).T
        if driver.drawn
        else np.asarray(driver.path)[:, None]
        for name, driver in plan.inputs.items()
    }
    engine = calculate(plan.program, given, keep)
    apart = 0.0
    for name in SHOWN:
        series = np.asarray([one[name] for one in found]).T
        apart = max(apart, float((np.abs(series - engine[name]) / np.abs(series).max()).max()))
    return seconds / PLAIN, apart


def cleared(firms: int, edges: int) -> float:
    """Seconds of one clearing of a large network in which many fail."""
    chance = np.random.default_rng(SEED)
    owes, owed = chance.integers(firms, size=(2, edges))
    keep = owes != owed
    amounts = chance.exponential(1.0, int(keep.sum()))
    debts = csr_array((amounts, (owes[keep], owed[keep])), shape=(firms, firms))
    net = network([debts])
    assets = chance.exponential(1.0, firms)
    seconds, found = timed(lambda: clear(net, assets, Default(0.7, 0.8)))
    assert 0.05 < found.failed.mean() < 0.95
    return seconds


def many_cleared(firms: int, draws: int) -> float:
    """Seconds of many draws of what the firms of a small network own."""
    chance = np.random.default_rng(SEED)
    debts = np.where(chance.random((firms, firms)) < 0.2, chance.exponential(1.0, (firms, firms)), 0.0)
    np.fill_diagonal(debts, 0.0)
    net = network([debts])
    assets = chance.lognormal(0.0, 1.0, (draws, firms))
    seconds, found = timed(lambda: clear(net, assets, Default(0.7, 0.8)))
    assert 0.01 < found.failed.mean() < 0.99
    return seconds


def main(paths: int, repeats: int) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    plan = load_plan(model())
    rows: list[dict[str, float]] = []
    outcome: Outcome | None = None
    for _ in range(repeats):
        wall = time.perf_counter()
        seconds, outcome = timed(lambda: run(plan, paths=paths, seed=SEED, levels=LEVELS))
        wall = time.perf_counter() - wall
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        numpy_alone, _ = timed(lambda: alone(plan, paths))
        python, apart = plainly(plan)
        rows.append(
            {
                "seconds": seconds,
                "wall": wall,
                "memory": memory,
                "numpy": numpy_alone,
                "python": python,
                "apart": apart,
                "clearing": cleared(10_000, 100_000),
                "draws": many_cleared(30, 100_000),
            }
        )
    assert outcome is not None
    found = {key: [row[key] for row in rows] for key in rows[0]}
    checked = {"checked": outcome.checked, "violations": outcome.violations}
    rank = inaccuracy(plan, outcome, paths)
    sys.stdout.write(
        json.dumps({**found, **checked, "rank": rank, "median": statistics.median(found["seconds"])})
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
