"""Promises 1 and 2: CPU and calls per second at 32 connections, the peers beside it, and the books' count."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

from bench import client, stack, wrk
from bench.machine import rss_mb
from bench.peers import bare
from bench.results import Metric, metric

if TYPE_CHECKING:
    from bench.lab import Lab, Target
    from bench.peers import Crew, Peer
    from bench.stack import Gateway

NAME = "unary"
WARM_S = 1
DISTURBED = 0.05
OWN = "rechenwerk"


class Series:
    """What every target did, turn by turn."""

    def __init__(self) -> None:
        self.loads: defaultdict[str, list[wrk.Load]] = defaultdict(list)
        self.postgres_us: list[float] = []
        self.office_us: list[float] = []

    def of(self, target: str, field: str) -> list[float]:
        return [float(getattr(load, field)) for load in self.loads[target]]

    def ratios(self, peer: str) -> list[float]:
        """Our calls per second over the peer's, each pair from neighbouring turns."""
        pairs = zip(self.of(OWN, "calls_per_s"), self.of(peer, "calls_per_s"), strict=False)
        return [own / other for own, other in pairs]


def turn(lab: Lab, series: Series, gateway: Gateway, target: Target, seconds: float) -> None:
    """The gateway's turn, with what PostgreSQL and the office do for it."""
    postgres, office = gateway.postgres_cpu(), gateway.office_cpu()
    load = wrk.press(lab, target, seconds, settle=1.0)
    series.loads[OWN].append(load)
    series.postgres_us.append((gateway.postgres_cpu() - postgres) / load.calls * 1e6)
    series.office_us.append((gateway.office_cpu() - office) / load.calls * 1e6)


def others(lab: Lab, series: Series, turns: list[tuple[Peer | None, Target]], seconds: float) -> None:
    """One turn of every peer."""
    for peer, target in turns:
        with peer.awake() if peer else contextlib.nullcontext():
            lab.say(target.name)
            series.loads[target.name].append(wrk.press(lab, target, seconds))


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Turns of gateway, bare road, nginx and LiteLLM, again and again."""
    road = lab.roads()[0]
    before = lab.provided()
    peers = [peer for peer in (crew.nginx(), crew.litellm()) if peer]
    gateway = stack.configured(lab)
    own = gateway.target(road)
    turns: list[tuple[Peer | None, Target]] = [(None, bare(lab, road, gateway.served.database_url))]
    turns += [(peer, peer.target(road)) for peer in peers]
    client.probe(own)
    lab.say("warming up")
    wrk.press(lab, own, WARM_S)
    for peer, target in turns:
        with peer.awake() if peer else contextlib.nullcontext():
            client.probe(target)
            wrk.press(lab, target, WARM_S)
    series = Series()
    rounds, seconds = (2, 2) if lab.quick else (5, 5)
    for number in range(rounds):
        lab.say(f"round {number + 1} of {rounds}: {OWN}")
        turn(lab, series, gateway, own, seconds)
        others(lab, series, turns, seconds)
    share = max(series.of(OWN, "others"))
    if share > DISTURBED:
        lab.remark(f"{NAME} was disturbed: other programs used {share:.0%} of the gateway's core in one turn")
    lab.say("comparing the books with the provider's count")
    return [*figures(series, gateway), *stack.agreement(lab, gateway, NAME, before)]


def figures(series: Series, gateway: Gateway) -> list[Metric]:
    """The metrics of all turns."""
    names = [name for name in series.loads if name != OWN]

    def of(name: str, unit: str, field: str) -> Metric:
        return metric(
            NAME, name, unit, series.of(OWN, field), {peer: series.of(peer, field) for peer in names}
        )

    found = [
        of("gateway CPU per call", "us", "cpu_us"),
        of("calls per second", "calls/s", "calls_per_s"),
        of("latency p50 at 32 connections", "ms", "p50_ms"),
        of("latency p99 at 32 connections", "ms", "p99_ms"),
        metric(NAME, "PostgreSQL CPU per call", "us", series.postgres_us),
        metric(NAME, "supervisor and office CPU per call", "us", series.office_us),
        metric(NAME, "gateway memory after the load", "MB", [rss_mb(gateway.served.gateway_pid)]),
        metric(NAME, "share of the gateway's core used by others", "1", series.of(OWN, "others")),
    ]
    for peer in names:
        with contextlib.suppress(ZeroDivisionError):
            found.append(metric(NAME, f"calls per second over {peer}", "x", series.ratios(peer)))
    return found
