"""Promise 4: CPU per streamed event, 50 streams with an event every 20 ms."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import uvloop

from bench import client, disk, stack
from bench.machine import BenchError
from bench.peers import direct
from bench.results import Metric, metric

if TYPE_CHECKING:
    from bench.lab import Lab, Target
    from bench.peers import Crew

NAME = "stream"
STREAMS = 50
PACE = 0.02
OWN = "rechenwerk"
# The opening, the finish reason, the usage and [DONE] beside the words.
FRAMES_MORE = 4


async def played(
    target: Target, events: int, apart: float, limit: float, kind: type[client.Stream]
) -> list[client.Stream]:
    """All streams, the beginning of each one `apart` seconds after the one before."""
    streams = await client.open_streams(target, STREAMS, events, apart, kind)
    await client.finished(streams, limit)
    return streams


class Series:
    """What every target needed per event, and when the first event came."""

    def __init__(self) -> None:
        self.cpu_us: defaultdict[str, list[float]] = defaultdict(list)
        self.first_ms: defaultdict[str, list[float]] = defaultdict(list)

    def turn(
        self, target: Target, events: int, apart: float, kind: type[client.Stream] = client.Stream
    ) -> None:
        cpu = target.cpu() if target.root else 0.0
        streams = uvloop.run(played(target, events, apart, events * PACE * 10 + 30, kind))
        time.sleep(0.5)
        wrong = client.faults(streams, events)
        if wrong:
            raise BenchError(f"{len(wrong)} of {STREAMS} streams of {target.name} are wrong: {wrong[0]}")
        sent = STREAMS * (events + FRAMES_MORE)
        if target.root:
            self.cpu_us[target.name].append((target.cpu() - cpu) / sent * 1e6)
        waited = [(stream.first - stream.begun) * 1000 for stream in streams]
        self.first_ms[target.name].append(disk.quantile(waited, 0.5))


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Turns of gateway, nginx and LiteLLM; begun together and spread evenly."""
    road = lab.roads()[1]
    nginx, litellm = crew.nginx(), crew.litellm()
    before = lab.provided()
    gateway = stack.configured(lab)
    own = gateway.target(road)
    client.probe(own)
    together, spread = Series(), Series()
    rounds, events, fewer = (2, 150, 50) if lab.quick else (4, 300, 100)
    for number in range(rounds):
        for target in (direct(road), own, nginx.target(road)):
            lab.say(f"round {number + 1} of {rounds}: {target.name}")
            together.turn(target, events, 0)
            spread.turn(target, events, PACE / STREAMS)
        if litellm:
            lab.say(f"round {number + 1} of {rounds}: {litellm.name}")
            with litellm.awake():
                together.turn(litellm.target(road), fewer, 0)
                spread.turn(litellm.target(road), fewer, PACE / STREAMS)
    found = []
    for label, series in (("begun together", together), ("spread evenly", spread)):
        cpu, first = series.cpu_us, series.first_ms
        found += [
            metric(NAME, f"gateway CPU per event, {label}", "us", cpu.pop(OWN), cpu),
            metric(NAME, f"first event p50, {label}", "ms", first.pop(OWN), first),
        ]
    return [*found, *stack.agreement(lab, gateway, NAME, before)]
