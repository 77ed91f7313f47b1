"""What it costs that there are several providers: a first one that refuses, and four against one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg

from bench import client, disk, stack, wrk
from bench.latency import quiet
from bench.machine import BenchError
from bench.results import Metric, metric
from bench.unary import DISTURBED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.lab import Lab, Road, Target
    from bench.peers import Crew

NAME = "failover"
BLOCK = 25
WARM_S = 1
PROVIDERS = 4
ONE, SEVERAL = "providers-1", f"providers-{PROVIDERS}"
# The breaker would stop asking the provider that refuses: here it is asked first in every call.
PATIENT = {"RECHENWERK_BREAKER_FAILURES": "1000000000"}
MET = """
    select id from call where model = any($1) and outcome = 'posted'
    and decision::jsonb -> 'tried' -> 0 ->> 'reason' like 'no connection to %'
"""


class Named(client.Caller):
    """A caller that keeps the ids of its calls beside what they took."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.name = b""
        self.took: list[tuple[int, float]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id":
            self.name = value

    def block(self) -> None:
        """Calls one after the other; the first one only wakes everything up."""
        self.call()
        with quiet():
            for _ in range(BLOCK):
                took = self.call()
                self.took.append((int(self.name.removeprefix(b"call_"), 16), took))


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """An address that refuses connections, and keeps doing so: its port is taken, but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def alone(road: Road) -> str:
    return f"{road.model}-alone"


def second(road: Road) -> str:
    return f"{road.model}-second"


def models(roads: Sequence[Road], refused: str) -> str:
    """Every road with a healthy provider alone and after one that refuses; one provider and four of them."""
    entries = []
    for road in roads:
        base = road.base(counted=True)
        entries += [stack.offered(alone(road), [base]), stack.offered(second(road), [refused, base])]
    base = roads[0].base(counted=True)
    return "".join([*entries, stack.offered(ONE, [base]), stack.offered(SEVERAL, [base] * PROVIDERS)])


Round = dict[str, list[tuple[int, float]]]


def one_round(targets: Sequence[Target], calls: int) -> Round:
    """Blocks of calls in turn, by model."""
    with contextlib.ExitStack() as links:
        callers = [links.enter_context(Named(target)) for target in targets]
        for _ in range(calls // BLOCK):
            for caller in callers:
                caller.block()
        return {caller.target.model: caller.took for caller in callers}


async def refused_first(database_url: str, names: list[str]) -> set[int]:
    """The calls whose decision says that a connection was refused before they were served."""
    connection = await asyncpg.connect(database_url)
    try:
        return {int(row[0]) for row in await connection.fetch(MET, names)}
    finally:
        await connection.close()


def added(road: Road, label: str, rounds: list[Round], met: set[int]) -> list[Metric]:
    """Each round's quantile of the calls that met the refusal, minus that of the calls that could not."""
    found = []
    series: defaultdict[str, list[float]] = defaultdict(list)
    for took in rounds:
        plain = [ms for _, ms in took[alone(road)]]
        late = [ms for call, ms in took[second(road)] if call in met]
        share = len(late) / len(took[second(road)])
        series["share"].append(share)
        if share < 0.5:
            raise BenchError(f"only {share:.0%} of the calls met the provider that refuses")
        for quantile, at in (("p50", 0.5), ("p99", 0.99)):
            series[quantile].append(disk.quantile(late, at) - disk.quantile(plain, at))
            series[f"alone {quantile}"].append(disk.quantile(plain, at))
    for quantile in ("p50", "p99"):
        name = f"added {quantile} after a refusal, provider {label}"
        whole = {"healthy alone, whole call": series[f"alone {quantile}"]}
        found.append(metric(NAME, name, "ms", series[quantile], whole))
    name = f"share of calls refused first, provider {label}"
    return [*found, metric(NAME, name, "1", series["share"])]


def compared(lab: Lab, own: Target) -> list[Metric]:
    """One provider and several of them at 32 connections, in turn: which goes first changes every time."""
    pair = [replace(own, model=model) for model in (ONE, SEVERAL)]
    for target in pair:
        client.probe(target)
        wrk.press(lab, target, WARM_S)
    loads: defaultdict[str, list[wrk.Load]] = defaultdict(list)
    rounds, seconds = (4, 2) if lab.quick else (16, 3)
    for number in range(rounds):
        for target in pair if number % 2 else pair[::-1]:
            lab.say(f"{target.model}: round {number + 1} of {rounds}")
            loads[target.model].append(wrk.press(lab, target, seconds, settle=1.0))
    cpu = {model: [load.cpu_us for load in series] for model, series in loads.items()}
    ratios = [several / one for several, one in zip(cpu[SEVERAL], cpu[ONE], strict=True)]
    others = [load.others for series in loads.values() for load in series]
    if max(others) > DISTURBED:
        lab.remark(
            f"{NAME} was disturbed: other programs used {max(others):.0%} of the gateway's core in one turn"
        )
    return [
        metric(
            NAME,
            f"gateway CPU per call, {PROVIDERS} providers",
            "us",
            cpu[SEVERAL],
            {"one provider": cpu[ONE]},
        ),
        metric(NAME, f"gateway CPU per call, {PROVIDERS} providers over one", "x", ratios),
        metric(NAME, "share of the gateway's core used by others", "1", others),
    ]


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Added latency after a refusal on two roads, then four providers against one."""
    del crew
    roads = dict(zip(("instant", "20 ms"), lab.roads(), strict=False))
    before = lab.provided()
    with refusing() as refused:
        more = models(list(roads.values()), refused)
        gateway = stack.configured(lab, more=more, environment=PATIENT)
        measured: dict[str, list[Round]] = {}
        for label, road in roads.items():
            targets = [replace(gateway.target(road), model=model) for model in (alone(road), second(road))]
            for target in targets:
                client.probe(target)
            rounds, calls = (2, 150) if lab.quick else (5, 1000 if label == "instant" else 300)
            measured[label] = []
            for number in range(rounds):
                lab.say(f"provider {label}: round {number + 1} of {rounds}")
                measured[label].append(one_round(targets, calls))
        counts = compared(lab, gateway.target(roads["instant"]))
    lab.say("comparing the books with the provider's count")
    books = stack.agreement(lab, gateway, NAME, before)
    names = [second(road) for road in roads.values()]
    met = asyncio.run(refused_first(gateway.served.database_url, names))
    latencies = [
        figure for label, road in roads.items() for figure in added(road, label, measured[label], met)
    ]
    return [*latencies, *counts, *books]
