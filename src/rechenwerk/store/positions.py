"""Contracts and what was drawn from them, in PostgreSQL. Fills `office.standing.Positions`."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg
import msgspec

from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.minutes import MinuteUse
from rechenwerk.contracts.ports import STANDARD, Deployed, HourDraw, Version
from rechenwerk.ledger.prices import price_list
from rechenwerk.office.standing import StoredContract
from rechenwerk.store.minutes import read_minutes
from rechenwerk.store.terms import terms_of

_CONTRACTS = """
select c.id, c.name, p.name as provider, coalesce(nullif(p.owner, ''), p.name) as owner, c.active,
    array(select d.model from deployment d where d.organisation_id = c.organisation_id
        and d.contract_id = c.id and d.active order by d.model) as models
from contract c join provider p on p.organisation_id = c.organisation_id and p.id = c.provider_id
where c.organisation_id = $1 order by c.name
"""
_VERSIONS = """
select contract_id, terms, case when valid_from = '-infinity' then 0
    else extract(epoch from valid_from) end::float8 as since
from contract_version where organisation_id = $1 order by contract_id, valid_from, recorded_at
"""
_DEPLOYED = """
select d.contract_id, d.id, d.model, p.name as provider, c.name as contract, d.service_tier, k.rates
from deployment d join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
join lateral (select rates from cost_price k where k.organisation_id = d.organisation_id
    and k.deployment_id = d.id and k.valid_from <= now() order by k.valid_from desc limit 1) k on true
where d.organisation_id = $1 order by d.id
"""
_SUMS = ", ".join(f"sum(d.{bucket})::bigint as {bucket}" for bucket in BUCKETS)
_DRAWS = f"""
select c.name, d.deployment_id, extract(epoch from d.hour)::bigint as hour,
    sum(d.amount) as amount, sum(d.listed) as listed,
    {_SUMS}
from draw d join contract c on c.id = d.contract_id
where c.organisation_id = $1 and ($2::bigint is null or d.organisation_id = $2)
group by c.name, d.deployment_id, d.hour order by d.hour
"""  # noqa: S608 - our own words, no one else's


class StoredPositions:
    """Contracts and draws.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def contracts(self, organisation_id: int) -> list[StoredContract]:
        """See `office.standing.Positions`."""
        versions: dict[int, list[Version]] = {}
        for row in await self._pool.fetch(_VERSIONS, organisation_id):
            version = Version(row["since"], terms_of(row["terms"], "", ""))
            versions.setdefault(row["contract_id"], []).append(version)
        deployed: dict[int, list[Deployed]] = {}
        for row in await self._pool.fetch(_DEPLOYED, organisation_id):
            deployed.setdefault(row["contract_id"], []).append(_deployed(row))
        return [
            StoredContract(
                row["id"],
                row["name"],
                row["provider"],
                row["owner"],
                row["active"],
                tuple(
                    versions.get(row["id"]) or [Version(0.0, terms_of(None, row["name"], row["provider"]))]
                ),
                tuple(row["models"]),
                tuple(deployed.get(row["id"], ())),
            )
            for row in await self._pool.fetch(_CONTRACTS, organisation_id)
        ]

    async def draws(self, organisation_id: int, drawn_by: int | None) -> list[HourDraw]:
        """See `office.standing.Positions`."""
        return [
            HourDraw(
                row["name"],
                row["hour"],
                Usage(*[row[bucket] for bucket in BUCKETS]),
                int(row["amount"]),
                int(row["listed"]),
                row["deployment_id"],
            )
            for row in await self._pool.fetch(_DRAWS, organisation_id, drawn_by)
        ]

    async def minutes(self, organisation_id: int, since: int) -> tuple[list[MinuteUse], Mapping[str, int]]:
        """See `office.standing.Positions`."""
        return await read_minutes(self._pool, organisation_id, since)


def _deployed(row: asyncpg.Record) -> Deployed:
    return Deployed(
        id=row["id"],
        name=f"{row['model']} at {row['provider']} under {row['contract']}",
        model=row["model"],
        provider=row["provider"],
        contract=row["contract"],
        rates=price_list(msgspec.json.decode(row["rates"], type=dict[str, str])),
        service_tier=row["service_tier"] or STANDARD,
    )
