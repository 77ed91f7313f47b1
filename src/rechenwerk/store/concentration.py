"""Concentration in PostgreSQL: caps, and what it is measured from. Fills `office.ports.Concentrations`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from rechenwerk.contracts.concentration import Cap, Served, Spending
from rechenwerk.store.terms import terms_of

CAP_COLUMNS = "name, dimension, by_what, of_name, at_most, hard, window_days, active"
WRITE_CAP = """
insert into concentration_cap (organisation_id, name, dimension, by_what, of_name, at_most, hard, window_days,
    active)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (organisation_id, name) do update set dimension = excluded.dimension,
    by_what = excluded.by_what, of_name = excluded.of_name, at_most = excluded.at_most, hard = excluded.hard,
    window_days = excluded.window_days, active = excluded.active
"""
_SERVED = """
select d.model, p.name as provider, c.name as contract, j.data_class, j.service_class,
    count(*) as calls, sum(k.cost) as spend
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
select c.organisation_id, c.name, p.name as provider, coalesce(nullif(p.owner, ''), p.name) as owner, v.terms,
    coalesce((select sum(w.amount) from draw w
        where w.contract_id = c.id and w.hour >= $1), 0) as cost
from contract c
join provider p on p.organisation_id = c.organisation_id and p.id = c.provider_id
left join lateral (select terms from contract_version v where v.organisation_id = c.organisation_id
    and v.contract_id = c.id and v.valid_from <= clock_timestamp()
    order by valid_from desc, recorded_at desc limit 1) v on true
where c.organisation_id = any($2::bigint[]) order by c.id
"""


class StoredConcentration:
    """What concentration is measured from.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def served(self, organisation_id: int, since: datetime) -> list[Served]:
        """See `office.ports.Concentrations`."""
        return [
            Served(**{**row, "spend": int(row["spend"])})
            for row in await self._pool.fetch(_SERVED, organisation_id, since)
        ]

    async def hard_caps(self) -> dict[int, tuple[Cap, ...]]:
        """Caps that the gateway must keep, by the organisation whose configuration they belong to."""
        found: dict[int, tuple[Cap, ...]] = {}
        for row in await self._pool.fetch(_HARD):
            found[row["organisation_id"]] = (*found.get(row["organisation_id"], ()), cap_of(row))
        return found

    async def spending(self, organisations: Sequence[int], since: datetime) -> dict[int, list[Spending]]:
        """What `contracts.concentration.spent_by` sums up, by the organisation that owns the contracts."""
        found: dict[int, list[Spending]] = {}
        for row in await self._pool.fetch(_SPENT, since, list(organisations)):
            terms = terms_of(row["terms"], row["name"], row["provider"])
            one = Spending(row["provider"], row["owner"], terms, int(row["cost"]))
            found.setdefault(row["organisation_id"], []).append(one)
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
