"""Several questions to the database that are answered from one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection = asyncpg.Connection | PoolConnectionProxy

# Where every row is looked at a nested loop is never right; without fresh statistics the planner would choose
# one all the same and take hours.
_PROVING = "set local enable_nestloop = off; set local work_mem = '64MB'"


@asynccontextmanager
async def moment(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    """A connection that sees the database as it was when it was first asked; it only reads."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


@asynccontextmanager
async def proving(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    """The same, for questions that look at every row."""
    async with moment(pool) as connection:
        await connection.execute(_PROVING)
        yield connection
