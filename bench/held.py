"""Promise 5: 2,000 slow streams at once on one process, and its memory while they are all open."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvloop

from bench import client, stack
from bench.machine import BenchError
from bench.results import Metric, metric

if TYPE_CHECKING:
    from bench.lab import Lab, Target
    from bench.peers import Crew

NAME = "held"
STREAMS = 2000
APART = 1 / 400
SAMPLE_S = 0.2


@dataclass
class Held:
    """The streams, and the highest memory seen while every one of them was open and had its first event."""

    streams: list[client.Stream]
    peak_mb: float = 0.0
    samples: int = 0


async def hold(target: Target, events: int) -> Held:
    """Opens all streams, looks at the memory while all are open, and waits for their ends."""
    held = Held(await client.open_streams(target, STREAMS, events, APART))
    ending = asyncio.create_task(client.finished(held.streams, events * 3 + 60))
    while not ending.done():
        if any(stream.over.is_set() for stream in held.streams):
            break
        if all(stream.first for stream in held.streams):
            held.peak_mb = max(held.peak_mb, target.rss())
            held.samples += 1
        await asyncio.sleep(SAMPLE_S)
    await ending
    return held


def turn(target: Target, events: int) -> Held:
    """One turn, refused where it did not show what it should."""
    held = uvloop.run(hold(target, events))
    wrong = client.faults(held.streams, events)
    if wrong:
        raise BenchError(f"{len(wrong)} of {STREAMS} streams of {target.name} are wrong: {wrong[0]}")
    if not held.samples:
        raise BenchError(f"{target.name} never held all {STREAMS} streams at one time")
    return held


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """The gateway from a fresh start in each repeat, and nginx beside it."""
    road = lab.roads()[2]
    events, repeats = (12, 1) if lab.quick else (20, 2)
    lab.say(f"{STREAMS} streams through nginx")
    peer = turn(crew.nginx().target(road), events)
    memory, finished, found = [], [], []
    for number in range(repeats):
        before = lab.provided()
        gateway = stack.configured(lab)
        target = gateway.target(road)
        lab.say(f"{STREAMS} streams, {number + 1} of {repeats}")
        asyncio.run(ready(target))
        held = turn(target, events)
        memory.append(held.peak_mb)
        finished.append(float(len(held.streams)))
        found = stack.agreement(lab, gateway, NAME, before)
        stack.end(lab, gateway.served)
    return [
        metric(NAME, "gateway memory with 2,000 open streams", "MB", memory, {"nginx": [peer.peak_mb]}),
        metric(NAME, "streams finished correctly", "streams", finished),
        *found,
    ]


async def ready(target: Target) -> None:
    """One stream of one event, asked again until the configuration has arrived at the gateway."""
    for _ in range(30):
        stream = (await client.open_streams(target, 1, 1, 0))[0]
        await client.finished([stream], 10)
        if not stream.fault(1):
            return
        await asyncio.sleep(0.2)
    raise BenchError(f"{target.name} does not stream: {stream.fault(1)}")
