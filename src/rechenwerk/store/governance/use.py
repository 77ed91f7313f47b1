"""What booked calls used of pools, by project and day; the time of a call is the one in its id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec

from rechenwerk.base.ids import EPOCH_MS
from rechenwerk.contracts.grants import attribute
from rechenwerk.office.governance.ports import Award
from rechenwerk.store.governance.common import Connection

EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)

# Ids sort by time, so a span of days is a range of the primary key within each organisation.
_USED = """
with used as (
    select c.deployment_id, c.project_id, ((c.id >> 22) + $1) / 86400000 as day,
        sum(c.input + c.cached_input + c.cache_write + c.output + c.reasoning) as tokens
    from organisation o cross join lateral (select * from call c where c.organisation_id = o.id
        and c.id >= $2 and c.id < $3 and c.outcome in ('posted', 'unresolved', 'failed')) c
    where c.deployment_id = any($4::bigint[]) and ($5::bigint[] is null or c.project_id = any($5))
    group by 1, 2, 3
)
select m.pool_id, u.project_id, u.day, sum(u.tokens) as tokens
from used u cross join lateral (select pool_id from pool_member m where m.deployment_id = u.deployment_id
    and m.valid_from < to_timestamp((u.day + 1) * 86400)
    and (m.tokens_per_minute > 0 or m.valid_from >= to_timestamp(u.day * 86400))
    order by m.valid_from desc limit 1) m
group by 1, 2, 3
"""

Used = dict[tuple[int, int], dict[int, int]]
"""(pool, project) -> day since 1970-01-01 -> tokens."""


class Drawings(msgspec.Struct, frozen=True):
    """What was drawn on grants: id -> day -> tokens."""

    by_award: Mapping[int, Mapping[int, int]]


async def used(
    connection: Connection, pools: list[int], first: int, until: datetime, projects: list[int] | None = None
) -> Used:
    """Tokens of booked calls on the pools' deployments.

    Args:
        connection: to the database.
        pools: their ids.
        first: the day to begin with.
        until: the end.
        projects: only theirs; None: all.
    """
    deployments = await connection.fetchval(
        "select array(select distinct deployment_id from pool_member where pool_id = any($1::bigint[]))",
        pools,
    )
    found: Used = {}
    if not deployments or projects == []:
        return found
    rows = await connection.fetch(
        _USED,
        EPOCH_MS,
        max(0, first * 86_400_000 - EPOCH_MS) << 22,
        (max(0, int(until.timestamp() * 1000) - EPOCH_MS) + 1) << 22,
        deployments,
        projects,
    )
    for row in rows:
        found.setdefault((row["pool_id"], row["project_id"]), {})[row["day"]] = int(row["tokens"])
    return found


async def drawings(
    connection: Connection, awards: Mapping[tuple[int, int], list[Award]], at: datetime
) -> Drawings:
    """What was drawn on these grants until now. `awards`: (pool, project) -> grants."""
    if not awards:
        return Drawings({})
    first = min(one.starts for some in awards.values() for one in some)
    pools = sorted({pool for pool, _ in awards})
    by_project = await used(connection, pools, first, at, sorted({project for _, project in awards}))
    return Drawings(
        {
            number: days
            for key, some in awards.items()
            for number, days in attribute(some, by_project.get(key, {})).items()
        }
    )


def today(at: datetime) -> int:
    """Days since 1970-01-01, UTC."""
    return (at.astimezone(UTC).date() - EPOCH) // _DAY
