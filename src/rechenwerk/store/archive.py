"""What an archive is made from: the rows of sealed days, as they were sealed, in the order of their trees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta

import asyncpg

from rechenwerk.office.seal_ports import Seal
from rechenwerk.store.moments import proving
from rechenwerk.store.seal_check import first_id

AT_ONCE = 20_000
"""Rows that are read at a time."""

# Days are sealed up to the border; a voucher or a late call waits for the day after it was booked.
_WAITING = """
select (select before_id from seal_border) < first_id(month_start($2)) or exists (select from seal_other o
    left join voucher v on v.organisation_id = o.organisation_id and v.id = o.id
    left join fee f on f.organisation_id = o.organisation_id and f.id = o.id
    left join call c on c.organisation_id = o.organisation_id and c.id = o.id
    where o.organisation_id = $1 and o.number is null
        and coalesce(v.booked_at, f.booked_at, c.booked_at) < month_start($2))
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


async def sealed_days(pool: asyncpg.Pool, organisation: int, first: date, end: date) -> list[Seal] | None:
    """The seals of days from the first until before the end; None: some of these days wait to be sealed."""
    if await pool.fetchval(_WAITING, organisation, end):
        return None
    return [Seal(**row) for row in await pool.fetch(_SEALS, organisation, first, end)]


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
