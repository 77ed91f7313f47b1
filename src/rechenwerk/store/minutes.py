"""What gateways report minute by minute, for positions of caps: read from the router's tables."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from rechenwerk.contracts.minutes import MinuteUse

# A use stands under the first of the deployments that are one to the router; all are of one contract.
_USES = """
select extract(epoch from u.starts_at)::bigint as minute, u.deployment_id,
    array(select sum(x) from route_use i, unnest(i.usage) with ordinality v(x, at)
          where i.starts_at = u.starts_at and i.deployment_id = u.deployment_id group by at
          order by at) as usage
from route_use u join deployment d on d.id = u.deployment_id
where d.organisation_id = $1 and u.starts_at >= to_timestamp($2)
group by u.starts_at, u.deployment_id order by 1, 2
"""
# A class of calls is named organisation/ability/data class/service/grants/model: `gateway.situation`. The
# operator sees those of all organisations, any other its own.
_REFUSED = """
select regexp_replace(demand, '^([^/]*/){5}', '') as model, sum(refused)::bigint as refused from route_load
where starts_at >= to_timestamp($2) and ($1 = 0 or split_part(demand, '/', 1) = $1::text)
group by 1 having sum(refused) > 0
"""


async def read_minutes(
    pool: asyncpg.Pool, organisation_id: int, since: int
) -> tuple[list[MinuteUse], Mapping[str, int]]:
    """Use of an organisation's deployments by the minute, and calls refused for want of room by model."""
    uses = await pool.fetch(_USES, organisation_id, float(since))
    refused = await pool.fetch(_REFUSED, organisation_id, float(since))
    return (
        [MinuteUse(row["minute"], row["deployment_id"], tuple(row["usage"])) for row in uses],
        {row["model"]: row["refused"] for row in refused},
    )
