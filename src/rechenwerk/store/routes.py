"""Where gateways and the router's process meet, on PostgreSQL: `routing.ports.Board`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.routing.deal import Deal, by_arrivals
from rechenwerk.routing.ports import Arrived, Published, Report, Use

_LOCK = 0x5EC4E8  # any number; all installations use the same

_LOADS = """
select extract(epoch from starts_at)::bigint as starts, demand, sum(calls) as calls, sum(refused) as refused,
       array(select sum(u.x) from route_load i, unnest(i.usage) with ordinality u(x, at)
             where i.starts_at = l.starts_at and i.demand = l.demand group by u.at order by u.at) as usage
from route_load l where starts_at >= to_timestamp($1) group by starts_at, demand order by 1, 2
"""
_USES = """
select extract(epoch from starts_at)::bigint as starts, deployment_id,
       array(select sum(u.x) from route_use i, unnest(i.usage) with ordinality u(x, at)
             where i.starts_at = l.starts_at and i.deployment_id = l.deployment_id
             group by u.at order by u.at) as usage,
       array(select sum(u.x) from route_use i, unnest(i.ordinary) with ordinality u(x, at)
             where i.starts_at = l.starts_at and i.deployment_id = l.deployment_id
             group by u.at order by u.at) as ordinary
from route_use l where starts_at >= to_timestamp($1) group by starts_at, deployment_id order by 1, 2
"""
_DOWN = """
select d.deployment_id from route_down d join process p on p.id = d.process_id and p.ended_at is null
group by d.deployment_id
having count(*) = (select count(*) from process where ended_at is null) order by 1
"""
# Tokens in and out of six minutes, the last two left out: a process tells them again.
_ARRIVED = """
select p.number,
    coalesce(sum(l.usage[1] + l.usage[2] + l.usage[3] + 4 * (l.usage[4] + l.usage[5])), 0)::float8 as volume
from process p left join route_load l on l.process_id = p.id
    and l.starts_at >= date_trunc('minute', now()) - interval '8 minutes'
    and l.starts_at < date_trunc('minute', now()) - interval '2 minutes'
where p.ended_at is null group by p.number
"""


class PostgresBoard:
    """Reports and plans.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._leader: PoolConnectionProxy | None = None

    @asynccontextmanager
    async def _reaching(self) -> AsyncIterator[asyncpg.Pool]:
        try:
            yield self._pool
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise OSError(str(error) or type(error).__name__) from error

    async def report(self, process: int, report: Report) -> None:
        """See `routing.ports.Board`. `process`: the number of a living gateway process."""
        async with self._reaching() as pool:
            await pool.execute(
                "select route_report(id, $2, $3, $4) from process where number = $1 and ended_at is null",
                process,
                msgspec.json.encode(report.loads).decode(),
                msgspec.json.encode(report.uses).decode(),
                list(report.down),
            )

    async def newest(self, after: int) -> Published | None:
        """See `routing.ports.Board`."""
        async with self._reaching() as pool:
            row = await pool.fetchrow(
                "select id, plan from route_plan where id > $1 order by id desc limit 1", after
            )
        return None if row is None else Published(row["id"], row["plan"])

    async def publish(self, plan: bytes) -> int:
        """See `routing.ports.Board`."""
        async with self._reaching() as pool:
            return int(await pool.fetchval("select route_publish($1)", plan))

    async def seen(self, since: int) -> Report:
        """See `routing.ports.Board`."""
        async with self._reaching() as pool:
            loads = await pool.fetch(_LOADS, float(since))
            uses = await pool.fetch(_USES, float(since))
            down = await pool.fetch(_DOWN)
        return Report(
            tuple(
                Arrived(row["starts"], row["demand"], row["calls"], row["refused"], tuple(row["usage"]))
                for row in loads
            ),
            tuple(
                Use(row["starts"], row["deployment_id"], tuple(row["usage"]), tuple(row["ordinary"]))
                for row in uses
            ),
            tuple(row["deployment_id"] for row in down),
        )

    async def lead(self) -> bool:
        """See `routing.ports.Board`. The lock belongs to a connection: it is free when its process dies."""
        async with self._reaching() as pool:
            if self.leading:
                return True
            self._leader = None  # a lost connection is back in its pool by itself
            connection = await pool.acquire()
            try:
                if await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                    self._leader = connection
            finally:
                if self._leader is None:
                    await pool.release(connection)
            return self._leader is not None

    @property
    def leading(self) -> bool:
        """Whether the connection that holds the lock is still there, as far as one can tell from here."""
        try:
            return self._leader is not None and not self._leader.is_closed()
        except asyncpg.InterfaceError:  # the pool has taken it back, because it broke
            return False

    async def deal(self, process: int) -> Deal:
        """See `routing.ports.Board`. Minutes that may still be corrected do not count."""
        async with self._reaching() as pool:
            rows = await pool.fetch(_ARRIVED)
        return by_arrivals({row["number"]: row["volume"] for row in rows}, process)

    async def forget(self, before: int) -> None:
        """See `routing.ports.Board`."""
        async with self._reaching() as pool:
            await pool.execute("delete from route_load where starts_at < to_timestamp($1)", float(before))
            await pool.execute("delete from route_use where starts_at < to_timestamp($1)", float(before))
            await pool.execute(
                "delete from route_down d using process p"
                " where p.id = d.process_id and p.ended_at is not null"
            )

    async def close(self) -> None:
        """Lead no more."""
        if self._leader is not None:
            leader, self._leader = self._leader, None
            await self._pool.release(leader)  # which gives back its locks
