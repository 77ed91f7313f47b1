"""Settled calls per second, and sums over books of millions: what the database's side of a call costs."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from bench import disk
from bench.booking import Counter, Took
from bench.databases import database
from bench.filling import fill, room_for
from bench.machine import BenchError, pin
from bench.results import Metric, metric
from rechenwerk.identity.signing import SigningKey
from rechenwerk.ledger.periods import month_of
from rechenwerk.store.books import StoredBooks
from rechenwerk.store.rows import post_row, transfer_rows
from rechenwerk.store.seal_check import SealCheck
from rechenwerk.store.seals import StoredSeals
from rechenwerk.store.sums import StoredSums

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.lab import Lab
    from bench.peers import Crew
    from rechenwerk.ledger.ports import Post

NAME = "ledger"
SINGLE = 400
"""Calls of the baseline that commits each by itself."""
BARE = """
create table bare_call (like call including defaults); create table bare_transfer (like transfer);
create function bare_post(p_posts post_row[], p_transfers transfer_row[]) returns void language plpgsql as $$
begin
    insert into bare_call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id,
        endpoint, model, streamed, outcome, reason, usage_source, input, cached_input, cache_write, output,
        reasoning, images, seconds, requests, raw_usage, held, price, cost, charged, slices, status,
        started_at, first_byte_us, total_us, decision)
        select p.organisation, p.id, p.project, p.key, 1, p.deployment, p.contract, p.endpoint, p.model,
            p.streamed, p.outcome, p.reason, p.source, p.input, p.cached, p.write, p.output, p.reasoning,
            p.images, p.seconds, p.requests, p.raw, p.held, p.price, p.cost, p.price, p.slices::bigint[],
            p.status, to_timestamp(p.started::float8 / 1e6), p.first, p.total, p.decision
        from unnest(p_posts) p;
    insert into bare_transfer select t.organisation, t.call, t.line, t.debit, t.credit, t.amount
        from unnest(p_transfers) t;
end $$;
"""
BATCH = 500
WANTED = 20_000_000
"""Calls over which sums are timed."""
FILL_S = 1_080
"""Seconds after which the books are large enough."""


@dataclass(frozen=True)
class There:
    """A database of the bench's own, and who books into it."""

    counter: Counter
    pool: asyncpg.Pool


async def booked(counter: Counter, calls: int) -> tuple[Took, Took]:
    """So many calls held and then settled, through the till."""
    holds = counter.holds(calls)
    held = await counter.hold(holds)
    return held, await counter.settle(counter.posts(holds))


async def one_by_one(counter: Counter, calls: int) -> float:
    """Calls per second when each is a transaction of its own: what books without group commits reach."""
    holds = counter.holds(calls)
    await counter.hold(holds)
    posts = counter.posts(holds)
    begun = time.perf_counter()
    for post in posts:
        await counter.book.write_posts([post])
    return calls / (time.perf_counter() - begun)


async def bare(pool: asyncpg.Pool, posts: list[Post]) -> float:
    """Calls per second when the same rows are only inserted: no key, no hold, no sums, no trigger."""
    async with pool.acquire() as connection:
        statement = await connection.prepare("select bare_post($1::post_row[], $2::transfer_row[])")
        begun = time.perf_counter()
        for at in range(0, len(posts), BATCH):
            some = posts[at : at + BATCH]
            await statement.fetchval([post_row(post) for post in some], transfer_rows(some))
        return len(posts) / (time.perf_counter() - begun)


async def settled(lab: Lab, there: There) -> list[Metric]:
    """Settled calls per second, both baselines beside it, turn by turn."""
    counter = there.counter
    rounds, calls = (3, 10_000) if lab.quick else (9, 30_000)
    await booked(counter, 5_000)
    await there.pool.execute(BARE)
    found: list[Took] = []
    holds: list[Took] = []
    single: list[float] = []
    inserted: list[float] = []
    for number in range(rounds):
        lab.say(f"settled calls: round {number + 1} of {rounds}")
        held, took = await booked(counter, calls)
        holds.append(held)
        found.append(took)
        single.append(await one_by_one(counter, SINGLE))
        inserted.append(await bare(there.pool, counter.posts(counter.holds(calls))))
    peers = {"one transaction per call": single, "bare insert of the same rows": inserted}
    return [
        metric(NAME, "settled calls per second", "1/s", [one.per_second for one in found], peers),
        metric(NAME, "held calls per second", "1/s", [one.per_second for one in holds]),
        metric(
            NAME, "database CPU per settled call", "us", [one.database / one.calls * 1e6 for one in found]
        ),
        metric(NAME, "client CPU per settled call", "us", [one.client / one.calls * 1e6 for one in found]),
        metric(NAME, "calls per commit", "1", [one.calls / one.commits for one in found]),
    ]


async def timed(times: int, what: Callable[[], Awaitable[object]]) -> list[float]:
    """Milliseconds, the first time left out."""
    await what()
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        await what()
        took.append((time.perf_counter() - begun) * 1e3)
    return took


async def sums(lab: Lab, there: There) -> list[Metric]:
    """A trial balance and month totals over millions of calls, and how fast days are sealed."""
    calls = room_for(lab.folder, 200_000 if lab.quick else WANTED)
    lab.say(f"{calls:,} calls are written")
    begun = time.perf_counter()
    month = month_of(datetime(2026, 9, 1, tzinfo=UTC))
    calls = await fill(
        there.pool, calls, month, lambda done: lab.say(f"{done:,} of {calls:,} calls written"), FILL_S
    )
    written = time.perf_counter() - begun
    if not lab.quick and calls < WANTED:
        lab.remark(f"{NAME}: {calls:,} calls only, instead of {WANTED:,}: no more disk, or no more time")
    books, totals = StoredBooks(there.pool), StoredSums(there.pool)
    starts, ends = month.starts.date(), month.ends.date()
    times = 5 if lab.quick else 11
    lab.say("trial balance and month totals")
    balance = await timed(times, lambda: books.balance(1))
    by_project = await timed(times, lambda: totals.totals(1, starts, ends, "project", "month"))
    by_key = await timed(times, lambda: totals.totals(1, starts, ends, "key", "day"))
    rows = await there.pool.fetchrow(
        "select (select count(*) from call) as calls, (select count(*) from transfer) as transfers"
    )
    assert rows is not None
    if rows["calls"] < calls:
        raise BenchError(f"{rows['calls']} calls instead of {calls}")
    return [
        metric(NAME, "trial balance", "ms", balance),
        metric(NAME, "month total per project", "ms", by_project),
        metric(NAME, "day totals per key of a month", "ms", by_key),
        metric(NAME, "calls in these books", "1", [rows["calls"]]),
        metric(NAME, "entries in these books", "1", [rows["transfers"] * 2]),
        metric(NAME, "calls written by SQL per second", "1/s", [calls / written]),
    ]


async def sealed(lab: Lab, there: There) -> list[Metric]:
    """Seal a month of a million calls, check it, and prove a call of it."""
    calls = 50_000 if lab.quick else 1_000_000
    month = month_of(datetime(2026, 7, 1, tzinfo=UTC))
    await fill(there.pool, calls, month, lambda done: lab.say(f"{done:,} of {calls:,} calls written"))
    lab.say(f"days with {calls:,} calls are sealed")
    seals = StoredSeals(there.pool)
    begun = time.perf_counter()
    done = await seals.seal(datetime(2026, 8, 1, 1, tzinfo=UTC), SigningKey(bytes(32)))
    took = time.perf_counter() - begun
    begun = time.perf_counter()
    check = SealCheck(there.pool, 1, None)
    leaves = await check.open()
    async for _ in check.days():
        pass
    wrong = await check.close()
    checked = time.perf_counter() - begun
    if wrong or leaves != done.leaves:
        raise BenchError(f"sealed {done.leaves}, checked {leaves}, wrong {wrong[:3]}")
    subject = await there.pool.fetchval("select ids[1] from seal_block order by number, block limit 1")
    proofs = await timed(11, lambda: seals.prove(1, subject))
    return [
        metric(NAME, "leaves sealed per second", "1/s", [done.leaves / took]),
        metric(NAME, "sealed leaves checked per second", "1/s", [leaves / checked]),
        metric(NAME, "leaves in these seals", "1", [leaves]),
        metric(NAME, "inclusion proof", "ms", proofs),
    ]


async def measured(lab: Lab) -> list[Metric]:
    """Everything, in a database of its own."""
    async with AsyncExitStack() as stack:
        server = await database(stack, lab.folder / "ledger")
        pid = server.get_pid()
        assert pid is not None
        pin(pid, lab.gateway_core)
        url = server.get_uri()
        if not await disk.is_safe(url):
            raise BenchError("this server does not wait for its disk")
        pool = await stack.enter_async_context(asyncpg.create_pool(url, min_size=1, max_size=3))
        spool = lab.folder / "ledger-spool"
        spool.mkdir(mode=0o700)
        counter = Counter(url, spool, pid)
        await counter.open()
        stack.push_async_callback(counter.close)
        there = There(counter, pool)
        found = await settled(lab, there)
        found += await sealed(lab, there)
        return found + await sums(lab, there)


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Settled calls, then sums over many of them."""
    del crew
    return asyncio.run(measured(lab))
