"""What contracts cost the gateway: CPU of a call, a decision, a solve, and how late its loop is."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from bench import client, stack, wrk
from bench.decision import decisions
from bench.machine import BenchError
from bench.results import Metric, metric
from bench.unary import DISTURBED
from rechenwerk.gateway.lag import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.lab import Lab, Target
    from bench.peers import Crew

NAME = "contracts"
WARM_S = 1
PLAIN, BOUGHT, SLOW = "contracts-off", "contracts-on", "contracts-on-slow"
PLANNED_S = 20
FROM, TO = "2026-01-01", "2027-12-31"
TERMS = (
    f'kind = "take-or-pay"\nstarts = {FROM}\nends = {TO}\nminimum = "1000000"\nperiod = "year"\n',
    f'kind = "prepaid-credit"\nstarts = {FROM}\nends = {TO}\nbalance = "1000000"\n',
    (
        f'kind = "provisioned"\nstarts = {FROM}\nends = {TO}\n'
        'blocks = [{ name = "unit", units = "1", hold_fee = "1", per = "hour", throughput = "1000000000" }]\n'
    ),
    'kind = "on-demand"\n',
)


def bought(model: str, base: str) -> str:
    """The same four deployments, each under terms that the router has to weigh."""
    text = stack.offered(model, [base] * len(TERMS))
    for terms in TERMS:
        text = text.replace('kind = "on-demand"\n[[deployment]]', f"{terms}[[deployment]]", 1)
    return text


def planned(target: Target) -> None:
    """Wait until the router's plan decides for a model."""
    until = time.monotonic() + PLANNED_S
    request = urllib.request.Request(
        target.url,
        target.body(64),
        {"content-type": "application/json", "authorization": f"Bearer {target.key}"},
    )
    while time.monotonic() < until:
        with urllib.request.urlopen(request, timeout=10) as answer:
            if 'plan="' in answer.headers.get("x-rechenwerk-decision", ""):
                return
        time.sleep(0.25)
    raise BenchError(f"no plan for {target.model} within {PLANNED_S} s")


def compared(lab: Lab, pair: Sequence[Target]) -> list[Metric]:
    """Contracts off and on at 32 connections, in turn: which goes first changes every time."""
    for target in pair:
        client.probe(target)
        wrk.press(lab, target, WARM_S)
    loads: defaultdict[str, list[wrk.Load]] = defaultdict(list)
    rounds, seconds = (4, 2) if lab.quick else (12, 3)
    for number in range(rounds):
        for target in pair if number % 2 else pair[::-1]:
            lab.say(f"{target.model}: round {number + 1} of {rounds}")
            loads[target.model].append(wrk.press(lab, target, seconds, settle=1.0))
    off, on = ([load.cpu_us for load in loads[target.model]] for target in pair)
    others = [load.others for series in loads.values() for load in series]
    if max(others) > DISTURBED:
        lab.remark(f"{NAME} was disturbed: other programs used {max(others):.0%} of the gateway's core")
    return [
        metric(NAME, "gateway CPU per call, contracts on", "us", on, {"contracts off": off}),
        metric(
            NAME,
            "gateway CPU per call, contracts on over off",
            "x",
            [one / other for one, other in zip(on, off, strict=True)],
        ),
    ]


def lateness(port: int) -> list[int]:
    """How often the gateway's loop was how late so far, by the bounds of its histogram."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "rechenwerk_loop_lag_seconds_bucket"
    ]
    return [int(more - less) for more, less in zip(found, [0.0, *found], strict=False)]


def quantile_ms(counts: Sequence[int], share: float) -> float:
    """The bound that at least this share of looks did not exceed, in ms."""
    wanted, seen = share * sum(counts), 0
    for bound, count in zip((*BOUNDS, BOUNDS[-1] * 2), counts, strict=True):
        seen += count
        if seen >= wanted:
            return bound * 1000
    return float("inf")


def lag(lab: Lab, target: Target, port: int) -> list[Metric]:
    """How late the loop is under load while plans are made, beside an idle loop on the same core."""
    rounds, seconds = (2, 5) if lab.quick else (5, 15)
    own: list[float] = []
    idle: list[float] = []
    for number in range(rounds):
        lab.say(f"loop lag: round {number + 1} of {rounds}")
        command = ["taskset", "-c", str(lab.gateway_core), sys.executable, "-m", "bench.idle", str(seconds)]
        control = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        before = lateness(port)
        wrk.press(lab, target, seconds)
        after = lateness(port)
        own.append(quantile_ms([more - less for more, less in zip(after, before, strict=True)], 0.999))
        printed, _ = control.communicate(timeout=60)
        idle.append(quantile_ms(json.loads(printed), 0.999))
    beyond = [one - other for one, other in zip(own, idle, strict=True)]
    return [
        metric(NAME, "loop lag p99.9 under load", "ms", own, {"idle loop": idle}),
        metric(NAME, "loop lag p99.9 beyond an idle loop's", "ms", beyond),
    ]


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """CPU with contracts off and on, loop lag, decisions and solves, and the books' count."""
    del crew
    instant, slow = lab.roads()[:2]
    before = lab.provided()
    more = stack.offered(PLAIN, [instant.base(counted=True)] * len(TERMS))
    more += bought(BOUGHT, instant.base(counted=True)) + bought(SLOW, slow.base(counted=True))
    gateway = stack.configured(lab, more=more)
    own = gateway.target(instant)
    pair = [replace(own, model=model) for model in (PLAIN, BOUGHT)]
    late = replace(gateway.target(slow), model=SLOW)
    for target in (pair[1], late):
        planned(target)
    found = compared(lab, pair)
    found += lag(lab, late, gateway.served.port)
    lab.say("comparing the books with the provider's count")
    found += stack.agreement(lab, gateway, NAME, before)
    lab.say("decisions and solves")
    return found + asyncio.run(decisions(lab))
