"""Promise 3: what the gateway adds to one call at one connection, beside the cost of one commit."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import defaultdict
from typing import TYPE_CHECKING

from bench import client, disk, stack
from bench.peers import bare, direct
from bench.results import Metric, metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.lab import Lab, Road, Target
    from bench.peers import Crew, Peer

NAME = "latency"
BLOCK = 25
SLOW_EVERY = 5
OWN = "rechenwerk"
Quantiles = defaultdict[str, list[float]]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection of ours while we hold the clock."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def block(caller: client.Caller, calls: int, into: list[float]) -> None:
    """Calls one after the other; the first one only wakes everything up."""
    caller.call()
    with quiet():
        into.extend(caller.call() for _ in range(calls))


def one_round(fast: list[Target], slow: Peer | None, road: Road, calls: int) -> dict[str, list[float]]:
    """Blocks of calls in turn: direct, gateway, bare road, nginx, and every few turns LiteLLM."""
    took: dict[str, list[float]] = defaultdict(list)
    with contextlib.ExitStack() as links:
        callers = [links.enter_context(client.Caller(target)) for target in fast]
        for number in range(calls // BLOCK):
            for caller in callers:
                block(caller, BLOCK, took[caller.target.name])
            if slow and number % SLOW_EVERY == 0:
                with slow.awake(), client.Caller(slow.target(road)) as caller:
                    block(caller, BLOCK, took[slow.name])
    return took


def commit_figures(lab: Lab, gateway: stack.Gateway) -> list[Metric]:
    """One commit of the same server and one flush of the same disk."""
    url, runs, count = gateway.served.database_url, 2 if lab.quick else 5, 200
    if not asyncio.run(disk.is_safe(url)):
        lab.remark("PostgreSQL runs with fsync or synchronous_commit off: the books are not durable")
    flushed = [disk.flushes(lab.folder, count) for _ in range(runs)]
    committed = [asyncio.run(disk.commits(url, count)) for _ in range(runs)]
    found = []
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        commits = [disk.quantile(series, share) for series in committed]
        flushes = [disk.quantile(series, share) for series in flushed]
        found.append(metric(NAME, f"one commit {label}", "ms", commits, {"fdatasync 8 KiB": flushes}))
    return found


def road_figures(lab: Lab, crew: Crew, gateway: stack.Gateway, road: Road, label: str) -> list[Metric]:
    """Added latency on one road: each round's quantile minus the same quantile of the direct calls."""
    slow = crew.litellm()
    plain = bare(lab, road, gateway.served.database_url)
    fast = [direct(road), gateway.target(road), plain, crew.nginx().target(road)]
    for target in fast:
        client.probe(target)
    rounds, calls = (2, 150) if lab.quick else ((5, 1000) if label == "instant" else (4, 300))
    series: dict[str, Quantiles] = {"p50": defaultdict(list), "p99": defaultdict(list)}
    for number in range(rounds):
        lab.say(f"provider {label}: round {number + 1} of {rounds}")
        for name, took in one_round(fast, slow, road, calls).items():
            series["p50"][name].append(disk.quantile(took, 0.5))
            series["p99"][name].append(disk.quantile(took, 0.99))
    found = []
    for quantile, by_name in series.items():
        base = by_name.pop("direct")
        added = {
            name: [value - zero for value, zero in zip(values, base, strict=True)]
            for name, values in by_name.items()
        }
        own = added.pop(OWN)
        found.append(metric(NAME, f"added {quantile}, provider {label}", "ms", own, added))
        whole = metric(NAME, f"whole {quantile}, provider {label}", "ms", by_name[OWN], {"direct": base})
        found.append(whole)
    return found


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Commit, instant provider, provider that takes 20 ms."""
    instant, paced, _ = lab.roads()
    crew.nginx()
    crew.litellm()
    gateway = stack.configured(lab)
    client.probe(gateway.target(instant))
    lab.say("measuring one commit")
    return [
        *commit_figures(lab, gateway),
        *road_figures(lab, crew, gateway, instant, "instant"),
        *road_figures(lab, crew, gateway, paced, "20 ms"),
    ]
