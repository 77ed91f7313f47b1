"""The routing bench: fresh seeds x three portfolios x every policy, against the bound.

    python -m bench --only routing                     # as promised, into results.jsonl
    python -m bench.routing.report --seeds 10          # the same table alone; see --help
    python -m bench.routing.report --seeds 10 --keep FILE   # goes on where it was stopped

Demand is sampled from real clients' statistics where `RECHENWERK_BENCH_DATA` (or --data) names the folder
with ServeGen's files, else from clients that the project generates. Prices are built from public terms.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.lab import Lab
from bench.peers import Crew
from bench.results import Metric, metric
from bench.routing.clients import Clients, from_files, generated
from bench.routing.scenario import BUCKET, PORTFOLIOS, WEEK, A, B, C, D, E, F, G, Scenario, scenarios, vector
from rechenwerk.base.usage import BUCKETS
from rechenwerk.routing.contest import Figures, Summary, half_width, paired, play, policies, summary
from rechenwerk.routing.entrants import ENTRANTS
from rechenwerk.routing.hindsight import bound
from rechenwerk.routing.worlds import Case

NAME = "routing"
OURS, PERFECT = "rechenwerk", "foreseen"
BASELINES = tuple(name for name, one in ENTRANTS.items() if one.usual and name != OURS)
SLOW = "prices-alone"
STATIC = tuple(name for name, one in ENTRANTS.items() if one.static)
ABLATIONS = tuple(name for name, one in ENTRANTS.items() if not one.usual and name != PERFECT)
FIRST = 1000
"""The first seed of a report: nothing was tuned on seeds from here on."""
SEEDS, ABLATED = 10, 2
"""Seeds of a full run, and how many of them the ablations take part in."""
KINDS = MappingProxyType(
    {
        A: "on-demand",
        B: "on-demand",
        C: "take-or-pay",
        D: "prepaid-credit",
        E: "provisioned",
        F: "grant",
        G: "own-hardware",
    }
)


class Job(msgspec.Struct, frozen=True):
    """A seed and a portfolio, for some policies."""

    seed: int
    portfolio: str
    names: tuple[str, ...]
    data: str | None


def clients(data: str | None) -> Clients:
    """Real clients' statistics, or generated ones."""
    return from_files(Path(data)) if data else generated()


def case_of(scenario: Scenario) -> Case:
    """A scenario as policies are given it; the list price of e is p, as of a and d."""
    weight = vector(*scenario.weights)
    lists = {one.id: one.rates for one in scenario.world.supplies} | {E: weight}
    history = np.zeros((WEEK, len(scenario.world.demands), len(BUCKETS)))
    history[:, :, [0, 3]] = scenario.tokens[:WEEK]
    return Case(
        seed=scenario.seed,
        world=scenario.world,
        arrivals=scenario.arrivals,
        kinds=dict(KINDS),
        lists=lists,
        reference=weight,
        history=history,
        window=float(BUCKET),
    )


def played(job: Job) -> list[Figures]:
    """Everybody on a seed's portfolio."""
    known = {one.portfolio: one for one in scenarios(clients(job.data), job.seed)}
    case = case_of(known[job.portfolio])
    best = bound(case.world, case.arrivals)
    return [play(case, job.portfolio, name, ENTRANTS[name].make(case), best)[0] for name in job.names]


def simulated(
    jobs: Sequence[Job],
    processes: int,
    say: Callable[[str], None] = lambda _: None,
    keep: Callable[[list[Figures]], None] = lambda _: None,
) -> list[Figures]:
    """All jobs, so many at a time; `keep` is given each one's figures when they are there."""
    began = time.monotonic()
    found: dict[int, list[Figures]] = {}
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(played, job): at for at, job in enumerate(jobs)}
        for done in as_completed(running):
            found[running[done]] = done.result()
            keep(found[running[done]])
            say(f"{len(found)} of {len(jobs)} parts after {time.monotonic() - began:.0f} s")
    return [one for at in range(len(jobs)) for one in found[at]]


def jobs(seeds: Iterable[int], data: str | None, ablated: int) -> list[Job]:
    """Each seed and portfolio in two parts, and each ablation by itself: many processes end together."""
    found = []
    for at, seed in enumerate(seeds):
        for portfolio in PORTFOLIOS:
            if at < ablated:
                found += [Job(seed, portfolio, (name,), data) for name in ABLATIONS]
            found.append(Job(seed, portfolio, (OURS, *(one for one in BASELINES if one != SLOW)), data))
            found.append(Job(seed, portfolio, (PERFECT, SLOW), data))
    return found


class Kept:
    """Figures in a file, a line of JSON each, so that a long run can be stopped and go on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_bytes().splitlines() if path.exists() else []
        self.figures = [msgspec.json.decode(line, type=Figures) for line in lines]

    def add(self, figures: Sequence[Figures]) -> None:
        """More of them, written at once."""
        self.figures += figures
        with self.path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(one) + b"\n" for one in figures))

    def missing(self, wanted: Sequence[Job]) -> list[Job]:
        """Jobs without the policies that are there already."""
        there = {(one.seed, one.portfolio, one.policy) for one in self.figures}
        rest = []
        for job in wanted:
            names = tuple(name for name in job.names if (job.seed, job.portfolio, name) not in there)
            if names:
                rest.append(msgspec.structs.replace(job, names=names))
        return rest

    def of(self, wanted: Sequence[Job]) -> list[Figures]:
        """The figures of some jobs, in their order."""
        found = {(one.seed, one.portfolio, one.policy): one for one in self.figures}
        return [found[job.seed, job.portfolio, name] for job in wanted for name in job.names]


def over_static(figures: Sequence[Figures]) -> list[float]:
    """Our cost over that of the best static order, found afterwards in each simulation, minus 1."""
    best: dict[tuple[str, int], float] = {}
    for one in figures:
        if one.policy in STATIC:
            key = one.portfolio, one.seed
            best[key] = min(best.get(key, math.inf), one.cost)
    return [one.cost / best[one.portfolio, one.seed] - 1 for one in figures if one.policy == OURS]


def best_static(figures: Sequence[Figures]) -> Summary:
    """The static order that is cheapest on average."""
    return min((summary(name, figures) for name in STATIC), key=lambda one: one.ratio)


def gap_closed(figures: Sequence[Figures]) -> float:
    """Of the way from the best static order to the perfect forecast."""
    static, ours, perfect = (
        one.ratio for one in (best_static(figures), summary(OURS, figures), summary(PERFECT, figures))
    )
    return (static - ours) / (static - perfect) if static > perfect else math.nan


STATISTICS: Mapping[str, Callable[[Summary], float]] = MappingProxyType(
    {
        "cost over the bound, mean": lambda one: one.ratio,
        "cost over the bound, median": lambda one: one.median,
        "cost over the bound, p90": lambda one: one.p90,
        "cost over the bound, worst": lambda one: one.worst,
        "cost over the bound, standard error": lambda one: one.error,
        "regret over list spend": lambda one: one.regret,
        "refused beyond the bound": lambda one: one.refused,
        "critical work refused": lambda one: one.critical,
        "critical work refused that fits the reserve": lambda one: one.broken,
        "reserve violations": lambda one: float(one.violations),
        "expired credit, in units of volume": lambda one: one.expired,
        "idle provisioned and own capacity": lambda one: one.idle,
    }
)


def metrics(figures: Sequence[Figures]) -> list[Metric]:
    """Ours, with everybody else as peers."""
    sums = {name: summary(name, figures) for name in policies(figures)}
    found = []
    for words, of in STATISTICS.items():
        unit = "x" if "over the bound" in words else "1"
        others = {name: [of(one)] for name, one in sums.items() if name != OURS}
        some = {name: values for name, values in others.items() if math.isfinite(values[0])}
        if math.isfinite(of(sums[OURS])):
            found.append(metric(NAME, words, unit, [of(sums[OURS])], some))
    found += [
        metric(NAME, "worst over the best static order", "1", [max(over_static(figures))]),
        metric(NAME, "gap from best static to perfect forecast closed", "1", [gap_closed(figures)]),
        metric(NAME, "perfect forecast: cost over the bound, mean", "x", [sums[PERFECT].ratio]),
        metric(NAME, "perfect forecast: cost over the bound, worst", "x", [sums[PERFECT].worst]),
    ]
    ours = [one.ratio for one in figures if one.policy == OURS]
    found.append(metric(NAME, "cost over the bound, each simulation", "x", ours))
    return found


def run(lab: Lab, _: Crew) -> list[Metric]:
    """As `python -m bench` runs it."""
    data = os.environ.get("RECHENWERK_BENCH_DATA")
    what = "sampled from real clients' statistics (ServeGen)" if data else "from clients that are generated"
    lab.remark(f"routing: demand is {what}; prices are built from public terms")
    count, ablated = (1, 0) if lab.quick else (SEEDS, ABLATED)
    figures = simulated(jobs(range(FIRST, FIRST + count), data, ablated), 2, lab.say)
    found = metrics(figures)
    found.append(metric(NAME, "demand from real clients' statistics", "1", [float(bool(data))]))
    return found


def rows(figures: Sequence[Figures]) -> Iterator[tuple[str, ...]]:
    """A line for each policy."""
    for name in policies(figures):
        one = summary(name, figures)
        yield (
            name,
            str(one.runs),
            f"{one.ratio:.3f}",
            f"{one.median:.3f}",
            f"{one.p90:.3f}",
            f"{one.worst:.3f}",
            f"{one.error:.3f}",
            f"{one.regret:.1%}",
            f"{one.refused:.3%}",
            f"{one.critical:.3%}",
            f"{one.broken:.3%}",
            str(one.violations),
            f"{one.expired:.0f}",
            f"{one.idle:.0%}",
        )


def show(figures: Sequence[Figures], out: Console) -> None:
    """The tables of a report."""
    table = Table(title="routing, by policy", title_justify="left")
    head = ("runs", "mean", "median", "p90", "worst", "s.e.", "regret", "refused", "critical", "fits")
    for column in ("policy", *head, "reserve", "expired", "idle"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    for row in rows(figures):
        table.add_row(*row)
    out.print(table)
    for portfolio in dict.fromkeys(one.portfolio for one in figures):
        mine = [one for one in figures if one.portfolio == portfolio]
        words = ", ".join(
            f"{name} {summary(name, mine).ratio:.3f}" for name in (OURS, PERFECT, best_static(mine).policy)
        )
        out.print(f"{portfolio}: {words}")
    for name in policies(figures):
        if name != OURS:
            one = paired(figures, name, OURS)
            interval = "" if math.isnan(one.low) else f", 95 % {one.low:+.3f} to {one.high:+.3f}"
            out.print(
                f"{name} costs {one.difference:+.3f} more{interval}; cheaper in {one.better} of {one.of}"
            )
    over = over_static(figures)
    mean = statistics.fmean(over)
    out.print(f"over the best static order of each simulation: worst {max(over):+.1%}, mean {mean:+.1%}")
    out.print(f"best static order: {best_static(figures).policy}; gap closed {gap_closed(figures):.0%}")
    ours = [one.ratio for one in figures if one.policy == OURS]
    seeds = {one.seed for one in figures}
    means = [
        statistics.fmean([one.ratio for one in figures if one.policy == OURS and one.seed == at])
        for at in seeds
    ]
    out.print(f"ours: {statistics.fmean(ours):.3f} +- {half_width(means):.3f} over {len(seeds)} seeds")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.routing.report", description=__doc__.split("\n", 1)[0]
    )
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=FIRST, help="the first seed")
    parser.add_argument("--ablated", type=int, default=ABLATED, help="seeds that the ablations take part in")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--data", default=os.environ.get("RECHENWERK_BENCH_DATA"), help="folder of ServeGen's files"
    )
    parser.add_argument("--keep", type=Path, help="a file of figures: what is in it is not run again")
    asked = parser.parse_args()
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, highlight=False)

    wanted = jobs(range(asked.first, asked.first + asked.seeds), asked.data, asked.ablated)
    if asked.keep:
        kept = Kept(asked.keep)
        simulated(kept.missing(wanted), asked.processes, say, kept.add)
        figures = kept.of(wanted)
    else:
        figures = simulated(wanted, asked.processes, say)
    show(figures, Console(width=160))


if __name__ == "__main__":
    main()
