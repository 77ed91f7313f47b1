"""Four providers that fail by chance, one seed, 10,000 calls: how many are lost, doubled, or not booked."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from bench import procs, stack
from bench.machine import BenchError
from bench.results import HERE, Metric, metric

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "chaos"
SEED = 20261122
LIMIT_S = 1200


class Found(msgspec.Struct, frozen=True):
    """What became of the calls, as `chaos_run` prints it; `wrong` are the first things to look at."""

    calls: int
    seconds: float
    lost: int
    doubled: int
    unbooked: int
    wrong_proofs: int
    failovers: int
    whole: int
    faults: int
    wrong: list[str]


def played(lab: Lab, server: str, calls: int) -> Found:
    """The flow in a process of its own, with a gateway of its own, on a new database of the server."""
    command = [sys.executable, "-m", "bench.chaos_run", server, str(calls), str(SEED)]
    spool = lab.folder / "chaos-spool"
    spool.mkdir(mode=0o700)
    program = procs.start(
        "chaos",
        command,
        cores=lab.cores,
        folder=lab.folder,
        environment={"PYTHONPATH": str(HERE.parent), "RECHENWERK_SPOOL": str(spool)},
    )
    lab.passing.callback(procs.stop, program)
    try:
        program.popen.wait(LIMIT_S)
    except subprocess.TimeoutExpired as late:
        raise BenchError(f"{calls} calls took longer than {LIMIT_S} s") from late
    if program.popen.returncode:
        raise BenchError(program.last_words()[-500:])
    return msgspec.json.decode(program.out.read_bytes().splitlines()[-1], type=Found)


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """One run of the flow; nothing is pinned, because no time is measured."""
    del crew
    served = stack.serve(lab, lab.folder / lab.fresh("data"), cores=lab.cores)
    calls = 1_000 if lab.quick else 10_000
    lab.say(f"{calls} calls")
    found = played(lab, served.database_url, calls)
    for wrong in found.wrong:
        lab.remark(f"{NAME}: {wrong[:300]}")
    return [
        metric(
            NAME,
            "calls lost",
            "calls",
            [found.lost],
            {"made": [found.calls], "answered whole": [found.whole]},
        ),
        metric(NAME, "answers doubled", "calls", [found.doubled]),
        metric(NAME, "calls with unbooked tokens", "calls", [found.unbooked]),
        metric(NAME, "proofs of the books that failed", "proofs", [found.wrong_proofs]),
        metric(NAME, "faults met", "faults", [found.faults], {"calls served by another": [found.failovers]}),
        metric(NAME, "calls per second", "calls/s", [found.calls / found.seconds]),
    ]
