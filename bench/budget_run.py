"""One process that reserves: ``python -m bench.budget_run URL KIND COUNT NEED SECONDS``.

KIND is `leases` (a gateway's own leases, till and book, without the HTTP around them) or `naive` (a counter
in the database that every call locks). The reservations come evenly within SECONDS, 0: in one instant; each
is timed from when it was due, not from when there was time for it, and all of them stay open. The process
prints a line when it is ready, waits for a line, reserves, prints what it found, waits for another line,
settles every reservation at half of what it held, and ends.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import uvloop

from rechenwerk.base.clock import SystemClock
from rechenwerk.base.ids import CallIds
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import Draw, Guard, GuardRow, Unit, settle
from rechenwerk.ledger.ports import Hold, Post
from rechenwerk.ledger.postings import transfers
from rechenwerk.store.book import PostgresBook

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

CONNECTIONS = 16
_SILENCE = 60.0
_CASE = """
select g.id as guard, g.amount, p.organisation_id, p.id as project, k.id as key, d.id as deployment,
    d.contract_id from guard g join project p on p.id = g.project_id join api_key k on k.project_id = p.id,
    deployment d where g.period = 'total' and g.active order by g.id desc, d.id limit 1
"""


class Found(msgspec.Struct, frozen=True):
    """What one process saw: milliseconds until each decision, and until each hold was durable."""

    admitted: int
    decisions: list[float]
    durable: list[float]


def heard() -> None:
    """Wait for the next line of whoever started us."""
    sys.stdin.readline()


class Reserving:
    """A gateway's way to a budget: leases in memory, holds in group commits."""

    def __init__(
        self, book: PostgresBook, till: Till, leases: Leases, case: asyncpg.Record, number: int
    ) -> None:
        self.book, self.till, self.leases, self.case = book, till, leases, case
        row = GuardRow(case["guard"], "money", "total", int(case["amount"]), True)
        self.guards: tuple[Guard, ...] = (leases.guard(row),)
        self.ids = CallIds(SystemClock(), number)
        self.kept: list[tuple[Hold, list[Draw]]] = []
        self.decisions: list[float] = []
        self.durable: list[float] = []

    async def warm(self) -> None:
        """What a gateway has behind it when it has run for a minute: connections, plans, a first lease."""
        other = await self.book.pool.fetchval(
            "select min(id) from guard where unit = 'money' and id <> $1", self.case["guard"]
        )
        starts = int(time.time()) // 60 * 60
        for _ in range(20):
            grant = await self.book.lease(other, starts, 1)
            assert grant is not None
            await self.book.give_back(grant.slice_id, grant.got, 0)

    async def one(self, need: int, begun: float) -> None:
        needs: dict[Unit, int] = {"money": need, "tokens": 1, "requests": 1, "calls": 1}
        draws = await self.leases.take(self.guards, needs)
        self.decisions.append((time.perf_counter() - begun) * 1e3)
        if isinstance(draws, Guard):
            return
        hold = self.hold(need, draws)
        await self.till.hold(hold)
        if self.till.refused(hold.id) is not None:
            raise AssertionError("the books refused a hold that was admitted")
        self.durable.append((time.perf_counter() - begun) * 1e3)
        self.kept.append((hold, draws))

    def hold(self, need: int, draws: list[Draw]) -> Hold:
        case = self.case
        return Hold(
            id=self.ids.next(),
            organisation=case["organisation_id"],
            project=case["project"],
            key=case["key"],
            deployment=case["deployment"],
            contract=case["contract_id"],
            endpoint="chat",
            model="bench",
            streamed=False,
            amount=need,
            cost_bound=need,
            slices="{" + ",".join(str(window.slice_id) for window, _ in draws) + "}",
            started_us=int(time.time() * 1e6),
            expires_s=600,
        )

    async def settle(self) -> None:
        case = self.case
        key = (case["organisation_id"], case["project"], case["contract_id"])
        accounts = await self.till.accounts(*key)
        for hold, draws in self.kept:
            price = hold.amount // 2
            post = Post(
                hold=hold,
                deployment=hold.deployment,
                contract=hold.contract,
                outcome="posted",
                reason=None,
                source="reported",
                usage=Usage(input=10, output=20),
                raw_usage=None,
                price=price,
                cost=price,
                status=200,
                first_byte_us=0,
                total_us=0,
                decision="",
                transfers=transfers("posted", accounts, price, price, hold.amount),
            )
            settle(draws, 30)
            self.till.post(post, draws)
        await self.till.posted()


async def everybody(one: Callable[[float], Coroutine[None, None, None]], count: int, seconds: float) -> None:
    """So many reservations, all open at the same time; each is told when it was due."""
    tasks = []
    begun = time.perf_counter()
    for number in range(count):
        due = begun + seconds * number / count
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        tasks.append(asyncio.create_task(one(due)))
        if seconds and number % 8 == 0:
            await asyncio.sleep(0)  # who is late does not keep the others from their turn
    await asyncio.gather(*tasks)


async def leasing(url: str, count: int, need: int, seconds: float) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as spool:
        book = PostgresBook(url, "bench", Path(spool))
        till = Till(book, asyncio.Event())
        leases = Leases(book, till, clock)
        number = await book.open(leases.on_recall)
        till.start()
        case = await book.pool.fetchrow(_CASE)
        assert case is not None
        work = Reserving(book, till, leases, case, number)
        await work.warm()
        print("ready", flush=True)
        await asyncio.to_thread(heard)
        await everybody(lambda due: work.one(need, due), count, seconds)
        found = Found(len(work.kept), work.decisions, work.durable)
        print(msgspec.json.encode(found).decode(), flush=True)
        alive = asyncio.create_task(beating(book))
        await asyncio.to_thread(heard)
        alive.cancel()
        await work.settle()
        await till.close()
        await leases.close()
        await book.close()


async def beating(book: PostgresBook) -> None:
    """The heartbeat of a gateway, while it only waits."""
    while True:
        await book.beat(_SILENCE)
        await asyncio.sleep(0.5)


async def counting(url: str, count: int, need: int, seconds: float) -> None:
    """Every reservation locks one row, looks at it and lowers it."""
    decisions: list[float] = []
    admitted = 0
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:

        async def one(begun: float) -> None:
            nonlocal admitted
            async with pool.acquire() as connection, connection.transaction():
                left = await connection.fetchval("select amount from bench_counter where id = 1 for update")
                good = left >= need
                if good:
                    await connection.execute(
                        "update bench_counter set amount = amount - $1 where id = 1", need
                    )
            decisions.append((time.perf_counter() - begun) * 1e3)
            admitted += good

        print("ready", flush=True)
        await asyncio.to_thread(heard)
        await everybody(one, count, seconds)
        print(msgspec.json.encode(Found(admitted, decisions, decisions)).decode(), flush=True)
        await asyncio.to_thread(heard)


if __name__ == "__main__":
    work = leasing if sys.argv[2] == "leases" else counting
    uvloop.run(work(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
