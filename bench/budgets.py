"""10,000 reservations at once against one budget, from three processes: who is admitted, and how soon."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import msgspec

from bench import procs, stack
from bench.budget_run import Found
from bench.disk import quantile
from bench.machine import BenchError
from bench.results import HERE, Metric, metric

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "budgets"
PROCESSES = 3
NEED = 1_000_003
"""Nano-units of a reservation: nothing is a round share of anything."""
SETTLED_S = 60
_BUDGET = """
with mine as (
    insert into project (organisation_id, name)
    select organisation_id, 'bench ' || count(*) over () || ' ' || gen_random_uuid() from project
    where name = 'default' and organisation_id > 0 limit 1 returning organisation_id, id),
keyed as (
    insert into api_key (organisation_id, project_id, name, hash, hint, scopes)
    select organisation_id, id, 'bench', sha256(id::text::bytea), 'rw-', '{inference}' from mine)
insert into guard (organisation_id, project_id, unit, period, amount)
select organisation_id, id, 'money', 'total', $1 from mine returning id
"""
_SEEN = """
with mine as (select * from slice where guard_id = $1), ids as (select array_agg(id) as all from mine)
select (select coalesce(sum(h.amount), 0) from hold h, ids where h.slices && ids.all) as held,
    (select count(*) from hold h, ids where h.slices && ids.all) as holds,
    (select coalesce(sum(c.charged), 0) from call c, ids where c.slices && ids.all) as charged,
    (select coalesce(sum(held), 0) from mine) as slices,
    (select coalesce(sum(granted), 0) from mine) as granted,
    (select granted from guard_window where guard_id = $1) as window
"""


@dataclass(frozen=True)
class Round:
    """One rush: what every process saw, and what the database says.

    Attributes:
        fit: how many reservations the budget holds.
        overshoot: nano-units promised beyond it.
        leaked: holds, and slices that hold or grant something, when all has ended.
    """

    count: int
    fit: int
    admitted: int
    decisions: list[float]
    durable: list[float]
    overshoot: int
    leaked: int

    @property
    def blocked(self) -> int:
        """Reservations that were refused though they fitted."""
        return max(0, min(self.count, self.fit) - self.admitted)


class Rushers:
    """Processes that begin on a word."""

    def __init__(self, lab: Lab, url: str, kind: str, count: int, seconds: float) -> None:
        share, rest = divmod(count, PROCESSES)
        self._all: list[subprocess.Popen[bytes]] = []
        for number in range(PROCESSES):
            command = [
                sys.executable,
                "-m",
                "bench.budget_run",
                url,
                kind,
                str(share + (number < rest)),
                str(NEED),
                str(seconds),
            ]
            program = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**procs.surroundings(), "PYTHONPATH": str(HERE.parent)},
            )
            lab.passing.callback(program.kill)
            self._all.append(program)
        for program in self._all:
            self._line(program)

    def _line(self, program: subprocess.Popen[bytes]) -> bytes:
        assert program.stdout is not None
        line = program.stdout.readline()
        if not line:
            raise BenchError("a process that reserves has ended before its time")
        return line

    def say(self) -> None:
        for program in self._all:
            assert program.stdin is not None
            program.stdin.write(b"go\n")
            program.stdin.flush()

    def found(self) -> list[Found]:
        return [msgspec.json.decode(self._line(program), type=Found) for program in self._all]

    def end(self) -> None:
        self.say()
        for program in self._all:
            if program.wait(SETTLED_S):
                raise BenchError("a process that reserves did not end well")


async def rush(lab: Lab, url: str, count: int, fit: int, seconds: float) -> Round:
    """Everybody at once against a budget that holds `fit` reservations, and a little that is of no use."""
    amount = fit * NEED + NEED - 1
    connection = await asyncpg.connect(url)
    try:
        guard = await connection.fetchval(_BUDGET, amount)
        rushers = Rushers(lab, url, "leases", count, seconds)
        rushers.say()
        found = await asyncio.to_thread(rushers.found)
        full = await connection.fetchrow(_SEEN, guard)
        assert full is not None
        await asyncio.to_thread(rushers.end)
        after = await connection.fetchrow(_SEEN, guard)
        assert after is not None
    finally:
        await connection.close()
    admitted = sum(one.admitted for one in found)
    promised = max(int(full["held"]), int(full["slices"]), int(full["granted"]), int(full["window"]))
    kept = int(after["granted"]) - int(after["charged"]) + abs(int(after["window"]) - int(after["granted"]))
    if int(full["held"]) != admitted * NEED or int(full["holds"]) != admitted:
        raise BenchError(f"{admitted} were admitted, the database holds {full['holds']}")
    return Round(
        count,
        fit,
        admitted,
        [one for each in found for one in each.decisions],
        [one for each in found for one in each.durable],
        max(0, promised - amount),
        int(after["holds"]) + (int(after["slices"]) > 0) + (kept != 0),
    )


async def naive(lab: Lab, url: str, count: int, fit: int, seconds: float) -> list[float]:
    """The same rush against one locked row; milliseconds until each decision."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "drop table if exists bench_counter;"
            " create table bench_counter (id integer primary key, amount numeric(38, 0) not null)"
        )
        await connection.execute("insert into bench_counter values (1, $1)", fit * NEED + NEED - 1)
        rushers = Rushers(lab, url, "naive", count, seconds)
        rushers.say()
        found = await asyncio.to_thread(rushers.found)
        await asyncio.to_thread(rushers.end)
        await connection.execute("drop table bench_counter")
    finally:
        await connection.close()
    if sum(one.admitted for one in found) != min(count, fit):
        raise BenchError("the naive counter admitted a wrong number")
    return [one for each in found for one in each.decisions]


CASES = (
    ("all fit", 10, 2.0),
    ("six of ten fit", 6, 2.0),
    ("six of ten fit, in one instant", 6, 0.0),
)
"""What it is called, how many of ten fit, and the seconds in which they come."""


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Rounds of every case, the first beside the naive counter; nothing is pinned."""
    del crew
    url = stack.serve(lab, lab.folder / lab.fresh("data"), cores=lab.cores).database_url
    count, rounds = (2_000, 1) if lab.quick else (10_000, 5)
    done: dict[str, list[Round]] = {name: [] for name, _, _ in CASES}
    peers: dict[str, list[float]] = {name: [] for name, _, _ in CASES}
    for number in range(rounds):
        for name, tenths, seconds in CASES:
            lab.say(f"{name}: round {number + 1} of {rounds}")
            fit = count * tenths // 10
            done[name].append(asyncio.run(rush(lab, url, count, fit, seconds)))
            if number == 0:
                peers[name].append(quantile(asyncio.run(naive(lab, url, count, fit, seconds)), 0.99))
    everything = [one for rows in done.values() for one in rows]
    found = [
        metric(NAME, "reservations open at once", "calls", [count], {"processes": [PROCESSES]}),
        metric(NAME, "promised beyond the budget", "nano-units", [sum(one.overshoot for one in everything)]),
        metric(NAME, "holds leaked", "holds", [sum(one.leaked for one in everything)]),
        metric(NAME, "refused though they fitted", "calls", [sum(one.blocked for one in everything)]),
    ]
    for name, rows in done.items():
        decided = [quantile(one.decisions, 0.99) for one in rows]
        durable = [quantile(one.durable, 0.99) for one in rows]
        found.append(metric(NAME, f"decision p99, {name}", "ms", decided, {"one locked row": peers[name]}))
        found.append(metric(NAME, f"hold durable p99, {name}", "ms", durable))
    return found
