"""Concentration in PostgreSQL: caps, and what it is measured from. Fills `office.ports.Concentrations`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import asyncpg

from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts.concentration import Cap
from rechenwerk.office.standing import DrawnHere, ServedHere

CAP_COLUMNS = "name, dimension, by_what, of_name, at_most, hard, window_days, active"
WRITE_CAP = """
insert into concentration_cap (organisation_id, name, dimension, by_what, of_name, at_most, hard, window_days,
    active)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (organisation_id, name) do update set dimension = excluded.dimension,
    by_what = excluded.by_what, of_name = excluded.of_name, at_most = excluded.at_most, hard = excluded.hard,
    window_days = excluded.window_days, active = excluded.active
"""
# Contracts of a configuration are drawn on by every organisation that may use them: whose configuration it is
# decides, not who drew.
_DRAWN = """
select c.name as contract, w.hour, sum(w.amount) as cost, sum(w.input)::bigint as input,
    sum(w.cached_input)::bigint as cached_input, sum(w.cache_write)::bigint as cache_write,
    sum(w.output)::bigint as output, sum(w.reasoning)::bigint as reasoning, sum(w.images)::bigint as images,
    sum(w.seconds)::bigint as seconds, sum(w.requests)::bigint as requests
from position_draw w join contract c on c.id = w.contract_id
where c.organisation_id = $1 group by 1, 2 order by 2, 1
"""
_SERVED = """
select d.model, p.name as provider, c.name as contract, j.data_class, j.service_class,
    count(*) as calls, sum(k.cost) as cost
from call k
join deployment d on d.organisation_id = $1 and d.id = k.deployment_id
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = k.contract_id
join project j on j.organisation_id = k.organisation_id and j.id = k.project_id
where k.started_at >= $2 and k.outcome <> 'void' and k.attempt_of is null
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""
_HARD = f"""
select organisation_id, {CAP_COLUMNS} from concentration_cap
where active and hard and dimension = 'spend' order by organisation_id, name
"""  # noqa: S608 - our own words
_SPENT = """
select c.organisation_id, p.name as provider, coalesce(nullif(p.owner, ''), p.name) as owner,
    sum(w.amount) as amount
from position_draw w
join contract c on c.id = w.contract_id and c.kind not in ('provisioned', 'own-hardware')
join provider p on p.organisation_id = c.organisation_id and p.id = c.provider_id
where w.hour >= $1 and c.organisation_id = any($2::bigint[]) group by 1, 2, 3
"""


class StoredConcentration:
    """What concentration is measured from.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def drawn(self, organisation_id: int) -> list[DrawnHere]:
        """See `office.ports.Concentrations`."""
        return [
            DrawnHere(row["contract"], row["hour"], {name: row[name] for name in BUCKETS}, int(row["cost"]))
            for row in await self._pool.fetch(_DRAWN, organisation_id)
        ]

    async def served(self, organisation_id: int, since: datetime) -> list[ServedHere]:
        """See `office.ports.Concentrations`."""
        return [
            ServedHere(**{**row, "cost": int(row["cost"])})
            for row in await self._pool.fetch(_SERVED, organisation_id, since)
        ]

    async def hard_caps(self) -> dict[int, tuple[Cap, ...]]:
        """Caps that the gateway must keep, by the organisation whose configuration they belong to."""
        found: dict[int, tuple[Cap, ...]] = {}
        for row in await self._pool.fetch(_HARD):
            found[row["organisation_id"]] = (*found.get(row["organisation_id"], ()), cap_of(row))
        return found

    async def spent(
        self, caps: Mapping[int, Iterable[Cap]], now: datetime
    ) -> dict[int, dict[tuple[str, int], dict[str, int]]]:
        """What `contracts.concentration.over_cap` compares with caps, by organisation.

        Of capacity that was bought only what calls would have cost is known here, so it does not count.
        """
        found: dict[int, dict[tuple[str, int], dict[str, int]]] = {}
        for days in sorted({cap.window_days for own in caps.values() for cap in own}):
            for row in await self._pool.fetch(_SPENT, now - timedelta(days=days), list(caps)):
                sums = found.setdefault(row["organisation_id"], {})
                for by in ("provider", "owner"):
                    names = sums.setdefault((by, days), defaultdict(int))
                    names[row[by]] += int(row["amount"])
        return found


def cap_of(row: asyncpg.Record) -> Cap:
    """A row with `CAP_COLUMNS`."""
    return Cap(
        row["name"],
        row["dimension"],
        row["by_what"],
        row["at_most"],
        of=row["of_name"],
        hard=row["hard"],
        window_days=row["window_days"],
        active=row["active"],
    )
