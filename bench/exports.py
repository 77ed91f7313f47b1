"""The books of a month, exported by the command and read by the programs of others; how fast, how large."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import msgspec
import psutil

from bench import procs, stack, tools
from bench.machine import BenchError
from bench.results import HERE, Metric, metric

if TYPE_CHECKING:
    from pathlib import Path

    from bench.lab import Lab
    from bench.peers import Crew

NAME = "exports"
MONTH = "2026-03"
FORMATS = ("beancount", "hledger", "calls-csv", "calls-parquet", "focus-1.2", "focus-1.4")
SUFFIXES = {"beancount": "beancount", "hledger": "journal", "calls-parquet": "parquet"}
LIMIT_S = 1800
LOOK_S = 0.02


class Judged(msgspec.Struct, frozen=True):
    """What a program makes of a journal, as `exports_run` prints it.

    Attributes:
        accepted: transactions, if it accepts the journal; else 0.
        difference: billionths between its sums per account and the trial balance, all of them together.
        seconds: that the judgement took.
        said: what it complained of.
    """

    accepted: int
    difference: int
    seconds: float
    said: str


class Watch:
    """The most memory, in 10^6 bytes, that a process and what it started used while this was open."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.before = self.now()
        self.most = self.before

    def now(self) -> float:
        return float(self._process.memory_info().rss) / 1e6

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            self.most = max(self.most, self.now())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._done.set()
        self._thread.join()


def ran(lab: Lab, *arguments: str) -> str:
    """What a step of `exports_run` prints last: a program of its own, as it needs what the tests need."""
    command = [sys.executable, "-m", "bench.exports_run", *arguments]
    program = procs.start(
        "exports", command, cores=lab.cores, folder=lab.folder, environment={"PYTHONPATH": str(HERE.parent)}
    )
    lab.passing.callback(procs.stop, program)
    try:
        program.popen.wait(LIMIT_S)
    except subprocess.TimeoutExpired as late:
        raise BenchError(f"{arguments[0]} took longer than {LIMIT_S} s") from late
    if program.popen.returncode:
        raise BenchError(program.last_words()[-500:])
    return program.out.read_text().splitlines()[-1]


def exported(served: stack.Served, form: str, file: Path) -> tuple[float, int, int]:
    """Seconds that the command took, bytes that it wrote, records where they are counted."""
    environment = {
        **procs.surroundings(),
        "RECHENWERK_OFFICE_URL": str(served.line["office_url"]),
        "RECHENWERK_KEY": str(served.line["key"]),
    }
    command = [
        str(stack.PROGRAM),
        "books",
        "export",
        form,
        "--period",
        MONTH,
        "--output",
        str(file),
        "--json",
    ]
    begun = time.perf_counter()
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode:
        raise BenchError(f"books export {form}: {done.stderr.strip()[-500:]}")
    seconds = time.perf_counter() - begun
    told = json.loads(done.stdout)
    return seconds, told["bytes"], told["records"] or 0


def written(lab: Lab, served: stack.Served, calls: int) -> tuple[dict[str, tuple[Path, int]], list[Metric]]:
    """Every format, several times: files with their records, and how fast and how large they are."""
    repeats = 1 if lab.quick else 3
    files: dict[str, tuple[Path, int]] = {}
    found: list[Metric] = []
    sizes: dict[str, int] = {}
    with Watch(served.program.pid) as watch:
        for form in FORMATS:
            file = lab.folder / f"march-{form}.{SUFFIXES.get(form, 'csv')}"
            rates = []
            for number in range(repeats):
                lab.say(f"{form}: {number + 1} of {repeats}")
                seconds, sizes[form], records = exported(served, form, file)
                rates.append(calls / seconds)
            files[form] = file, records
            found.append(metric(NAME, f"calls per second into {form}", "calls/s", rates))
    found.append(
        metric(
            NAME,
            "office memory beyond its own",
            "MB",
            [watch.most - watch.before],
            {"before": [watch.before]},
        )
    )
    csv, parquet = sizes["calls-csv"], sizes["calls-parquet"]
    found.append(
        metric(
            NAME,
            "Parquet over CSV",
            "x",
            [parquet / csv],
            {"CSV, MB": [csv / 1e6], "Parquet, MB": [parquet / 1e6]},
        )
    )
    return files, found


def judged(lab: Lab, served: stack.Served, program: str, file: Path, records: int) -> list[Metric]:
    """What bean-check or hledger says of the journal, and how far its sums are from the trial balance."""
    lab.say(f"{program} reads")
    found = msgspec.json.decode(ran(lab, program, served.database_url, str(file)), type=Judged)
    if found.said:
        lab.remark(f"{program}: {found.said[:300]}")
    return [
        metric(NAME, f"transactions accepted by {program}", "transactions", [found.accepted]),
        metric(NAME, f"transactions not accepted by {program}", "transactions", [records - found.accepted]),
        metric(NAME, f"{program} beside the trial balance", "billionths", [found.difference]),
        metric(NAME, f"{program} reads", "s", [found.seconds]),
    ]


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """A month of calls and some vouchers, exported, read, and compared with the trial balance."""
    del crew
    # What books the month is no gateway that says every second that it lives.
    patient = {"RECHENWERK_SILENCE": str(LIMIT_S)}
    served = stack.serve(lab, lab.folder / lab.fresh("data"), cores=lab.cores, environment=patient)
    file = lab.folder / "exported.toml"
    file.write_text(stack.CURRENCY + stack.offered("exported", ["http://127.0.0.1:9/v1"]))
    stack.ask("apply", str(file), "--yes", served=served, key=str(served.line["key"]))
    calls = 5_000 if lab.quick else 100_000
    lab.say(f"booking {calls:,} calls")
    ran(lab, "book", served.database_url, str(calls), str(lab.folder))
    files, found = written(lab, served, calls)
    found += judged(lab, served, "bean-check", *files["beancount"])
    if tools.found("hledger"):
        found += judged(lab, served, "hledger", *files["hledger"])
    else:
        lab.remark(f"{NAME}: hledger is missing: apt-get install hledger")
    return found
