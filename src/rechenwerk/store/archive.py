"""What an archive is made from: the rows of sealed days, as they were sealed, in the order of their trees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta

import asyncpg

from rechenwerk.office.seal_ports import Archived, Seal
from rechenwerk.store.moments import proving
from rechenwerk.store.seal_check import first_id

AT_ONCE = 20_000
"""Rows that are read at a time."""

# What belongs to the month and is sealed with a day of another one: booked late, or a voucher of its close.
_LATE = """
select x.id, o.id is null and x.id < b.before_id or o.number is not null as sealed
from (select c.id from calls_of($1, month_start($2), month_start($3)) c
      where c.id < first_id(month_start($2)) or c.id >= first_id(month_start($3))
          or exists (select from seal_other o where o.organisation_id = $1 and o.id = c.id)
      union all
      select id from voucher where organisation_id = $1 and at >= month_start($2) and at < month_start($3)
      union all
      select id from fee
      where organisation_id = $1 and booked_at >= month_start($2) and booked_at < month_start($3)) x
cross join seal_border b
left join seal_other o on o.organisation_id = $1 and o.id = x.id
where o.number is null or o.number not in (
    select number from seal where organisation_id = $1 and day >= $2 and day < $3)
order by x.id
"""
_SEALS = """
select number, day, leaves, root, statement, signature, key_id, sealed_at from seal
where organisation_id = $1 and day >= $2 and day < $3 order by number
"""
_IDS = """
select i.id from seal_block b cross join lateral unnest(b.ids) with ordinality i(id, place)
where b.organisation_id = $1 and b.number = $2 order by b.block, i.place
"""
_CALLS = "select id, leaf from call_leaves($1, $2, $3)"
_OTHERS = "select id, leaf from other_leaves($1, $2)"


async def sealed(pool: asyncpg.Pool, organisation: int, first: date, end: date) -> Archived | None:
    """What a month's archive has; None: some of it waits to be sealed."""
    async with proving(pool) as connection:
        border = await connection.fetchval("select before_id from seal_border")
        late = await connection.fetch(_LATE, organisation, first, end)
        seals = await connection.fetch(_SEALS, organisation, first, end)
    if border < first_id(end) or not all(row["sealed"] for row in late):
        return None
    return Archived([Seal(**row) for row in seals], [row["id"] for row in late])


async def leaves(pool: asyncpg.Pool, organisation: int, seal: Seal) -> AsyncIterator[Sequence[str]]:
    """The rows of a sealed day as they stand now, some at a time; what was deleted is left out."""
    ids = [row["id"] for row in await pool.fetch(_IDS, organisation, seal.number)]
    begin, end = first_id(seal.day), first_id(seal.day + timedelta(days=1))
    for at in range(0, len(ids), AT_ONCE):
        part = ids[at : at + AT_ONCE]
        own = [one for one in part if begin <= one < end]
        others = [one for one in part if not begin <= one < end]
        found: dict[int, str] = {}
        async with proving(pool) as connection:
            if others:
                found |= {
                    row["id"]: row["leaf"] for row in await connection.fetch(_OTHERS, organisation, others)
                }
            if own:
                rows = await connection.fetch(_CALLS, organisation, own[0], own[-1] + 1)
                found |= {row["id"]: row["leaf"] for row in rows}
        yield [found[one] for one in part if one in found]
