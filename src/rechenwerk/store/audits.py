"""What audits and reports read, in PostgreSQL. Fills `office.standing.Audits`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg

from rechenwerk.office.standing import AuditedCall, ClassVersion, EnergyUse, Histories, PlaceVersion
from rechenwerk.store.moments import moment

_BATCH = 5_000
_EVER = 0.0
_PROJECTS = """
select project_id, data_class, extract(epoch from nullif(valid_from, '-infinity'))::float8 as since
from project_version where $1::bigint is null or organisation_id = $1 order by project_id, valid_from
"""
# Deployments and classes of the operator are everybody's.
_DEPLOYMENTS = """
select deployment_id, jurisdiction, level,
    extract(epoch from nullif(valid_from, '-infinity'))::float8 as since
from deployment_version where $1::bigint is null or organisation_id in (0, $1)
order by deployment_id, valid_from
"""
_CLASSES = """
select organisation_id, name, jurisdictions, level, active,
    extract(epoch from nullif(valid_from, '-infinity'))::float8 as since
from data_class_version where $1::bigint is null or organisation_id in (0, $1)
order by organisation_id, name, valid_from
"""
_NAMES = """
select v.deployment_id as id, p.name || '/' || v.upstream as name from deployment_version v
join deployment d on d.organisation_id = v.organisation_id and d.id = v.deployment_id
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
where $1::bigint is null or v.organisation_id in (0, $1) order by v.deployment_id, v.valid_from
"""
_PROJECT_NAMES = "select id, name from project where $1::bigint is null or organisation_id = $1"
_ORGANISATIONS = "select id, name from organisation where $1::bigint is null or id = $1"
# An attempt's way was chosen when its call began.
_CALLS = """
select c.id, c.attempt_of, c.organisation_id, c.project_id, c.deployment_id, c.decision,
    extract(epoch from coalesce(a.started_at, c.started_at))::float8 as left_at
from call c left join call a on a.organisation_id = c.organisation_id and a.id = c.attempt_of
where ($1::bigint is null or c.organisation_id = $1) and c.started_at >= $2 and c.started_at < $3
order by c.organisation_id, c.id
"""
_OPEN = """
select count(*) from hold
where ($1::bigint is null or organisation_id = $1) and started_at >= $2 and started_at < $3
"""
_ENERGY = """
select (c.started_at at time zone 'UTC')::date::text as day, coalesce(p.name, '') as project, c.model,
    coalesce(s.name, '') as site, count(*) as calls, sum(c.energy_uwh) as energy, sum(c.co2_ug) as co2
from call c
left join project p on p.organisation_id = c.organisation_id and p.id = c.project_id
left join lateral (select site_id from deployment_version v where v.organisation_id in (0, c.organisation_id)
    and v.deployment_id = c.deployment_id and v.valid_from <= c.started_at
    order by v.valid_from desc limit 1) v on true
left join site s on s.id = v.site_id
where c.organisation_id = $1 and c.started_at >= $2 and c.started_at < $3 and c.outcome <> 'void'
group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


class StoredAudits:
    """Calls and what held when they left.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def histories(self, organisation_id: int | None) -> Histories:
        """See `office.standing.Audits`."""
        projects: dict[int, list[tuple[float, str]]] = defaultdict(list)
        for row in await self._pool.fetch(_PROJECTS, organisation_id):
            projects[row["project_id"]].append((row["since"] or _EVER, row["data_class"]))
        places: dict[int, list[PlaceVersion]] = defaultdict(list)
        for row in await self._pool.fetch(_DEPLOYMENTS, organisation_id):
            places[row["deployment_id"]].append(
                PlaceVersion(row["since"] or _EVER, row["jurisdiction"], row["level"])
            )
        classes: dict[tuple[int, str], list[ClassVersion]] = defaultdict(list)
        for row in await self._pool.fetch(_CLASSES, organisation_id):
            version = ClassVersion(
                row["since"] or _EVER, frozenset(row["jurisdictions"]), row["level"], row["active"]
            )
            classes[row["organisation_id"], row["name"]].append(version)
        names: dict[int, str] = {}
        named: dict[str, list[int]] = defaultdict(list)
        for row in await self._pool.fetch(_NAMES, organisation_id):
            names[row["id"]] = row["name"]
            named[row["name"]].append(row["id"])
        return Histories(
            {key: tuple(found) for key, found in projects.items()},
            {key: tuple(found) for key, found in places.items()},
            {key: tuple(found) for key, found in classes.items()},
            {key: tuple(found) for key, found in named.items()},
            names,
            await self._names(_PROJECT_NAMES, organisation_id),
            await self._names(_ORGANISATIONS, organisation_id),
        )

    async def _names(self, query: str, organisation_id: int | None) -> dict[int, str]:
        return {row["id"]: row["name"] for row in await self._pool.fetch(query, organisation_id)}

    async def calls(
        self, organisation_id: int | None, since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[AuditedCall]]:
        """See `office.standing.Audits`. All rows come from one moment."""
        async with moment(self._pool) as connection:
            batch: list[AuditedCall] = []
            rows = connection.cursor(_CALLS, organisation_id, since, until, prefetch=_BATCH)
            async for row in rows:
                batch.append(
                    AuditedCall(
                        row["id"],
                        row["attempt_of"],
                        row["organisation_id"],
                        row["project_id"],
                        row["deployment_id"],
                        row["left_at"],
                        row["decision"],
                    )
                )
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
            yield batch

    async def under_way(self, organisation_id: int | None, since: datetime, until: datetime) -> int:
        """See `office.standing.Audits`."""
        return int(await self._pool.fetchval(_OPEN, organisation_id, since, until))

    async def energy(self, organisation_id: int, since: datetime, until: datetime) -> list[EnergyUse]:
        """See `office.standing.Audits`."""
        return [
            EnergyUse(
                row["day"],
                row["project"],
                row["model"],
                row["site"],
                row["calls"],
                int(row["energy"]),
                int(row["co2"]),
            )
            for row in await self._pool.fetch(_ENERGY, organisation_id, since, until)
        ]
