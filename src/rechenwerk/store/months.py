"""Partitions by month of calls and transfers."""

from __future__ import annotations

from datetime import datetime

import asyncpg

AHEAD = 2
"""Months that are made before the first call needs them."""


async def make_months(pool: asyncpg.Pool, now: datetime) -> int:
    """Make the partitions of this month, of those ahead, and of what had to go to the rest; returns how many.

    It waits for no long reader: who cannot have the tables within seconds tries again later.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local lock_timeout = '3s'")
        made: int = await connection.fetchval("select make_months($1, $2)", now, AHEAD)
        return made
