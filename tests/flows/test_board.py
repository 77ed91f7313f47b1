"""Gateways and the router's process meet on the database: reports, sums, plans, who leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from rechenwerk.routing.ports import Arrived, Report, Use
from rechenwerk.store.routes import PostgresBoard
from tests.flows.cloud import until

USAGE = (10.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 2.0)
TWICE = tuple(2 * one for one in USAGE)


@asynccontextmanager
async def board(url: str) -> AsyncIterator[tuple[PostgresBoard, asyncpg.Pool]]:
    async with asyncpg.create_pool(url, min_size=1, max_size=4) as pool:
        yield PostgresBoard(pool), pool


async def processes(pool: asyncpg.Pool, count: int) -> list[int]:
    """The numbers of so many living gateway processes."""
    rows = [await pool.fetchrow("select * from process_start('gateway')") for _ in range(count)]
    return [row["process_number"] for row in rows if row is not None]


def test_reports_of_all_processes_are_summed_and_a_repeated_one_counts_once(database_url: str) -> None:
    async def scene() -> None:
        async with board(database_url) as (there, pool):
            first, second = await processes(pool, 2)
            seen = Report((Arrived(600, "a", 2.0, 1.0, USAGE),), (Use(600, 7, USAGE, USAGE),), (7,))
            await there.report(first, seen)
            await there.report(first, seen)
            assert await there.seen(0) == Report(seen.loads, seen.uses, ())  # the second has not seen it down
            await there.report(second, seen)
            both = Report((Arrived(600, "a", 4.0, 2.0, TWICE),), (Use(600, 7, TWICE, TWICE),), (7,))
            assert await there.seen(0) == both
            await there.report(second, Report())  # what it saw before stays, and 7 is back there
            assert await there.seen(600) == Report(both.loads, both.uses, ())
            assert await there.seen(601) == Report()
            await there.forget(601)
            assert await there.seen(0) == Report()

    asyncio.run(scene())


def test_the_newest_plan_is_followed(database_url: str) -> None:
    async def scene() -> None:
        async with board(database_url) as (there, _):
            assert await there.newest(0) is None
            first = await there.publish(b"one")
            second = await there.publish(b"two")
            assert second > first
            newest = await there.newest(0)
            assert newest is not None
            assert (newest.number, newest.plan) == (second, b"two")
            assert await there.newest(second) is None

    asyncio.run(scene())


def test_one_leads_and_the_next_follows_when_it_ends(database_url: str) -> None:
    async def scene() -> None:
        async with board(database_url) as (leader, _), board(database_url) as (other, _):
            assert await leader.lead()
            assert await leader.lead()
            assert not await other.lead()
            await leader.close()
            assert await other.lead()
            await other.close()

    asyncio.run(scene())


def test_a_leader_whose_connections_break_again_and_again_leads_on(database_url: str) -> None:
    async def scene() -> None:
        async with (
            asyncpg.create_pool(database_url, min_size=1, max_size=3) as pool,
            board(database_url) as (_, other),
        ):
            leader = PostgresBoard(pool)
            for _ in range(6):  # more often than there are connections
                assert await leader.lead()
                assert leader._leader is not None
                await other.execute("select pg_terminate_backend($1)", leader._leader.get_server_pid())
                await until(lambda: not leader.leading)
            assert await leader.lead()
            await leader.close()
            assert not leader.leading

    asyncio.run(scene())
