"""The reserve of classes, and emergency draws on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import asyncpg
import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.office.governance.ports import (
    Draw,
    DrawRow,
    Limits,
    Person,
    PoolState,
    ReserveRow,
)
from rechenwerk.office.governance.use_ports import UsedPool
from rechenwerk.store.governance.common import Connection, audit, lock_pool

_RESERVES = """
select p.name as pool, r.class as service, r.nominal, r.lendable, r.reclaim, r.draw_most, r.draw_seconds
from reserve r join pool p on p.id = r.pool_id
where p.organisation_id = $1 order by p.name,
    case r.class when 'critical' then 0 when 'standard' then 1 else 2 end
"""
_SET = """
insert into reserve (pool_id, class, nominal, lendable, reclaim, draw_most, draw_seconds, changed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (pool_id, class) do update set nominal = excluded.nominal, lendable = excluded.lendable,
    reclaim = excluded.reclaim, draw_most = excluded.draw_most, draw_seconds = excluded.draw_seconds,
    changed_at = excluded.changed_at
"""
_USED = """
select p.name as pool, o.name as organisation, j.name as project, j.service_class as service, d.day,
    sum(d.tokens)::bigint as tokens
from pool p join pool_draw d on d.pool_id = p.id and d.day >= $2
join project j on j.id = d.project_id join organisation o on o.id = j.organisation_id
where p.organisation_id = $1 and exists (select from reserve r where r.pool_id = p.id)
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 5
"""
_DRAWS = """
select d.*, p.name as pool, o.name as only_for, extract(epoch from d.requested_at)::bigint as requested,
    extract(epoch from d.approved_at)::bigint as approved, extract(epoch from d.ended_at)::bigint as ended
from emergency_draw d join pool p on p.id = d.pool_id left join organisation o on o.id = d.for_organisation
"""
_REQUEST = """
insert into emergency_draw (pool_id, taken_from, given_to, amount, seconds, reason, requested_organisation,
    requested_key, requested_by, requested_at, for_organisation)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10), nullif($11::bigint, 0)) returning id
"""
_OTHERS = """
select coalesce(sum(amount), 0)::bigint from emergency_draw
where pool_id = $1 and taken_from = $2 and id <> $3 and approved_at is not null
    and least(approved_at + make_interval(secs => seconds), coalesce(ended_at, 'infinity')) > $4
"""


class StoredReserves:
    """Reserve and emergency draws.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def reserves(self, owner: int) -> list[ReserveRow]:
        """See `office.governance.ports.Reserves`."""
        return [ReserveRow(**row) for row in await self._pool.fetch(_RESERVES, owner)]

    async def used(self, owner: int, since: date) -> list[UsedPool]:
        """See `office.governance.ports.Reserves`."""
        return [UsedPool(**row) for row in await self._pool.fetch(_USED, owner, since)]

    async def set_reserve(
        self,
        who: Person,
        owner: int,
        row: ReserveRow,
        at: datetime,
        decide: Callable[[PoolState, int], Refusal | None],
    ) -> Refusal | None:
        """See `office.governance.ports.Reserves`."""
        async with self._pool.acquire() as connection, connection.transaction():
            locked = await lock_pool(connection, owner, row.pool)
            if isinstance(locked, Refusal):
                return locked
            stands = [one for one in await connection.fetch(_RESERVES, owner) if one["pool"] == row.pool]
            before = next((one for one in stands if one["service"] == row.service), None)
            kept = locked.state.kept - (before["nominal"] if before else 0) + row.nominal
            refusal = decide(locked.state, kept)
            if refusal is not None:
                return refusal
            await connection.execute(
                _SET,
                locked.id,
                row.service,
                row.nominal,
                row.lendable,
                row.reclaim,
                row.draw_most,
                row.draw_seconds,
                at,
            )
            await audit(
                connection,
                who,
                at,
                owner,
                "reserve set",
                f"{row.service} of pool {row.pool}",
                dict(before) if before else None,
                msgspec.structs.asdict(row),
            )
        return None

    async def draws(self, owner: int) -> list[DrawRow]:
        """See `office.governance.ports.Reserves`."""
        query = f"{_DRAWS} where p.organisation_id = $1 order by d.id desc"
        return [_draw(row) for row in await self._pool.fetch(query, owner)]

    async def request(
        self, who: Person, owner: int, pool: str, wanted: Draw, decide: Callable[[Limits], Refusal | None]
    ) -> DrawRow | Refusal:
        """See `office.governance.ports.Reserves`."""
        async with self._pool.acquire() as connection, connection.transaction():
            locked = await lock_pool(connection, owner, pool)
            if isinstance(locked, Refusal):
                return locked
            refusal = decide(await _limits(connection, locked.id, wanted.taken_from))
            if refusal is not None:
                return refusal
            made = await connection.fetchval(
                _REQUEST,
                locked.id,
                wanted.taken_from,
                wanted.given_to,
                wanted.amount,
                wanted.seconds,
                wanted.reason,
                who.organisation,
                who.key,
                who.name,
                float(wanted.requested_at),
                wanted.organisation,
            )
            return await _audited(connection, who, owner, made, "emergency draw requested", None)

    async def approve(
        self,
        who: Person,
        owner: int,
        draw: int,
        at: datetime,
        decide: Callable[[Draw, Limits, int], Refusal | None],
    ) -> DrawRow | Refusal:
        """See `office.governance.ports.Reserves`."""
        async with self._pool.acquire() as connection, connection.transaction():
            before = await _locked(connection, owner, draw)
            if isinstance(before, Refusal):
                return before
            pool = await connection.fetchval("select pool_id from emergency_draw where id = $1", draw)
            others = await connection.fetchval(_OTHERS, pool, before.draw.taken_from, draw, at)
            limits = await _limits(connection, pool, before.draw.taken_from)
            refusal = decide(before.draw, limits, others)
            if refusal is not None:
                return refusal
            await connection.execute(
                "update emergency_draw set approved_organisation = $2, approved_key = $3, approved_by = $4,"
                " approved_at = $5 where id = $1",
                draw,
                who.organisation,
                who.key,
                who.name,
                at,
            )
            return await _audited(connection, who, owner, draw, "emergency draw approved", before, at)

    async def end(
        self, who: Person, owner: int, draw: int, at: datetime, decide: Callable[[Draw], Refusal | None]
    ) -> DrawRow | Refusal:
        """See `office.governance.ports.Reserves`."""
        async with self._pool.acquire() as connection, connection.transaction():
            before = await _locked(connection, owner, draw)
            if isinstance(before, Refusal):
                return before
            refusal = decide(before.draw)
            if refusal is not None:
                return refusal
            await connection.execute("update emergency_draw set ended_at = $2 where id = $1", draw, at)
            return await _audited(connection, who, owner, draw, "emergency draw ended", before, at)


async def _locked(connection: Connection, owner: int, draw: int) -> DrawRow | Refusal:
    """A draw, read under its pool's lock: sums over draws of a pool are made by one at a time."""
    name = await connection.fetchval(
        "select p.name from emergency_draw d join pool p on p.id = d.pool_id"
        " where d.id = $1 and p.organisation_id = $2",
        draw,
        owner,
    )
    if name is None:
        return bad_request(f"there is no emergency draw {draw}", None, "emergency_draw_not_found", 404)
    locked = await lock_pool(connection, owner, name)
    if isinstance(locked, Refusal):
        return locked
    return await _one(connection, draw)


async def _one(connection: Connection, draw: int) -> DrawRow:
    row = await connection.fetchrow(f"{_DRAWS} where d.id = $1", draw)
    assert row is not None
    return _draw(row)


async def _limits(connection: Connection, pool: int, service: str) -> Limits:
    row = await connection.fetchrow(
        "select nominal, draw_most, draw_seconds from reserve where pool_id = $1 and class = $2",
        pool,
        service,
    )
    return Limits(0, 0, 0) if row is None else Limits(row["nominal"], row["draw_most"], row["draw_seconds"])


async def _audited(
    connection: Connection,
    who: Person,
    owner: int,
    draw: int,
    what: str,
    before: DrawRow | None,
    at: datetime | None = None,
) -> DrawRow:
    after = await _one(connection, draw)
    when = at or await connection.fetchval("select requested_at from emergency_draw where id = $1", draw)
    stood = None if before is None else msgspec.to_builtins(before)
    await audit(
        connection, who, when, owner, what, f"emergency draw {draw}", stood, msgspec.to_builtins(after)
    )
    return after


def _draw(row: asyncpg.Record) -> DrawRow:
    approved = (
        Person(row["approved_organisation"], row["approved_key"], row["approved_by"])
        if row["approved_key"] is not None
        else None
    )
    return DrawRow(
        row["pool"],
        row["only_for"],
        Draw(
            id=row["id"],
            taken_from=row["taken_from"],
            given_to=row["given_to"],
            amount=row["amount"],
            seconds=row["seconds"],
            reason=row["reason"],
            requested_by=Person(row["requested_organisation"], row["requested_key"], row["requested_by"]),
            requested_at=row["requested"],
            approved_by=approved,
            approved_at=row["approved"],
            ended_at=row["ended"],
            organisation=row["for_organisation"] or 0,
        ),
    )
