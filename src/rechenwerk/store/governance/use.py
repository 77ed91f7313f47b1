"""What booked calls used of pools, by project and day; kept by the database as it books them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import msgspec

from rechenwerk.contracts.grants import attribute
from rechenwerk.office.governance.ports import Award
from rechenwerk.store.governance.common import Connection

EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)

_USED = """
select pool_id, project_id, day - date '1970-01-01' as day, sum(tokens) as tokens from pool_draw
where pool_id = any($1::bigint[]) and day >= date '1970-01-01' + $2::integer
    and ($3::bigint[] is null or project_id = any($3))
group by 1, 2, 3
"""

Used = dict[tuple[int, int], dict[int, int]]
"""(pool, project) -> day since 1970-01-01 -> tokens."""


class Drawings(msgspec.Struct, frozen=True):
    """What was drawn on grants: id -> day -> tokens."""

    by_award: Mapping[int, Mapping[int, int]]


async def used(
    connection: Connection, pools: list[int], first: int, projects: list[int] | None = None
) -> Used:
    """Tokens of booked calls on the pools' deployments.

    Args:
        connection: to the database.
        pools: their ids.
        first: the day to begin with.
        projects: only theirs; None: all.
    """
    found: Used = {}
    for row in await connection.fetch(_USED, pools, first, projects):
        found.setdefault((row["pool_id"], row["project_id"]), {})[row["day"]] = int(row["tokens"])
    return found


async def drawings(connection: Connection, awards: Mapping[tuple[int, int], list[Award]]) -> Drawings:
    """What was drawn on these grants. `awards`: (pool, project) -> grants."""
    if not awards:
        return Drawings({})
    first = min(one.starts for some in awards.values() for one in some)
    pools = sorted({pool for pool, _ in awards})
    by_project = await used(connection, pools, first, sorted({project for _, project in awards}))
    return Drawings(
        {
            number: days
            for key, some in awards.items()
            for number, days in attribute(some, by_project.get(key, {})).items()
        }
    )


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH) // _DAY
