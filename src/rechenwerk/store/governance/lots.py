"""What gateways know of governed capacity, and what they report back. Fills `contracts.lots.LotSource`."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime

import asyncpg

from rechenwerk.office.governance.ports import (
    Award,
    OpenDraw,
    OpenGrant,
    PoolLot,
    PoolLots,
    PoolUse,
)
from rechenwerk.store.governance.common import Connection
from rechenwerk.store.governance.grants import award_of
from rechenwerk.store.governance.use import day_number, drawings
from rechenwerk.store.moments import moment

_DAY = 86_400
_POOLS = """
select p.id, p.name, p.organisation_id, coalesce(d.capacity, 0) as capacity,
    coalesce(d.deployments, '{}') as deployments
from pool p
left join (
    select m.pool_id, array_agg(d.id order by d.id) as deployments, sum(
        case when s.out_since is null then least(m.tokens_per_minute, d.tokens_per_minute) end) as capacity
    from (select distinct on (pool_id, deployment_id) * from pool_member
          order by pool_id, deployment_id, valid_from desc) m
    join deployment d on d.id = m.deployment_id and d.active
    left join site s on s.organisation_id = d.organisation_id and s.id = d.site_id
    where m.tokens_per_minute > 0 group by m.pool_id
) d on d.pool_id = p.id
order by p.id
"""
_RESERVES = "select pool_id, class, nominal, lendable, reclaim from reserve order by pool_id, class"
_SALES = """
select pool_id, organisation_id, unit, per_minute, lendable, reclaim,
    extract(epoch from starts_at)::bigint as starts, extract(epoch from until)::bigint as ends
from capacity_sale where until > $1 and until > starts_at order by id
"""
_DRAWS = """
select id, pool_id, taken_from, given_to, coalesce(for_organisation, 0) as organisation, amount,
    extract(epoch from approved_at)::bigint as starts,
    extract(epoch from least(approved_at + make_interval(secs => seconds),
        coalesce(ended_at, 'infinity')))::bigint as ends
from emergency_draw where approved_at is not null
    and least(approved_at + make_interval(secs => seconds), coalesce(ended_at, 'infinity')) > $1 order by id
"""
_GRANTS = """
select a.*, g.tokens as granted_tokens, g.course_from, g.course_drawn, g.noticed_on,
    array(select contract_id from grant_contract x where x.application_id = a.id) as contracts
from grant_application a join granted g on g.application_id = a.id
where (a.pool_id, a.project_id) in (select pool_id, project_id from grant_application
    where stage = 'granted' and ends_on > $1) order by a.id
"""
_NOTE = """
insert into pool_use (pool_id, day, class, lent, reclaimed)
select u.pool, date '1970-01-01' + u.day, u.class, u.lent, u.reclaimed
from unnest($1::bigint[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[])
    as u(pool, day, class, lent, reclaimed)
on conflict (pool_id, day, class) do update set lent = pool_use.lent + excluded.lent,
    reclaimed = pool_use.reclaimed + excluded.reclaimed
"""


class StoredLots:
    """Governed capacity for gateways.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def lots(self, now: float) -> tuple[PoolLots, ...]:
        """See `contracts.lots.LotSource`."""
        async with moment(self._pool) as connection:
            return await read_lots(connection, datetime.fromtimestamp(now, UTC))

    async def note_use(self, uses: tuple[PoolUse, ...]) -> None:
        """See `contracts.lots.LotSource`."""
        sums: dict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0])
        for one in uses:
            row = sums[one.pool, one.day, one.service]
            for at, count in enumerate((one.lent, one.reclaimed)):
                row[at] += count
        rows = [(*key, *counts) for key, counts in sorted(sums.items())]  # in order: nobody waits in a circle
        if rows:
            await self._pool.execute(_NOTE, *(list(column) for column in zip(*rows, strict=True)))


async def read_lots(connection: Connection, now: datetime) -> tuple[PoolLots, ...]:
    """Every pool with what governs it now or later, in the caller's transaction."""
    lots: dict[int, list[PoolLot]] = defaultdict(list)
    for row in await connection.fetch(_RESERVES):
        lot = PoolLot(row["class"], 0, row["nominal"], row["lendable"], row["reclaim"])
        lots[row["pool_id"]].append(lot)
    for row in await connection.fetch(_SALES, now):
        lots[row["pool_id"]].append(
            PoolLot(
                service="batch" if row["unit"] == "tokens per day" else "",
                organisation=row["organisation_id"],
                nominal=row["per_minute"],
                lendable=row["lendable"],
                reclaim=row["reclaim"],
                starts=row["starts"],
                ends=row["ends"],
            )
        )
    draws: dict[int, list[OpenDraw]] = defaultdict(list)
    for row in await connection.fetch(_DRAWS, now):
        values = {name: value for name, value in row.items() if name != "pool_id"}
        draws[row["pool_id"]].append(OpenDraw(**values))
    grants = await _grants(connection, now)
    return tuple(
        PoolLots(
            id=row["id"],
            name=row["name"],
            organisation=row["organisation_id"],
            deployments=tuple(row["deployments"]),
            capacity=int(row["capacity"]),
            lots=tuple(lots[row["id"]]),
            draws=tuple(draws[row["id"]]),
            grants=tuple(grants[row["id"]]),
        )
        for row in await connection.fetch(_POOLS)
    )


async def _grants(connection: Connection, now: datetime) -> dict[int, list[OpenGrant]]:
    today: date = now.date()
    rows = await connection.fetch(_GRANTS, today)
    awards: dict[tuple[int, int], list[Award]] = defaultdict(list)
    for row in rows:
        awards[row["pool_id"], row["project_id"]].append(award_of(row))
    drawn = await drawings(connection, awards)
    found: dict[int, list[OpenGrant]] = defaultdict(list)
    for row in rows:
        left = int(row["granted_tokens"]) - sum(drawn.by_award.get(row["id"], {}).values())
        if left > 0 and row["ends_on"] > today:
            starts, ends = (day_number(row[name]) * _DAY for name in ("starts_on", "ends_on"))
            found[row["pool_id"]].append(
                OpenGrant(
                    row["id"],
                    row["organisation_id"],
                    row["project_id"],
                    left,
                    starts,
                    ends,
                    frozenset(row["contracts"]),
                )
            )
    return found
