"""Providers and deployments in PostgreSQL: off, and on again. Fills `office.switch_ports.Switches`."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg
import msgspec

from rechenwerk.office.switch_ports import Breaker, Out, ShownDeployment, Switched

_DEPLOYMENTS = """
select d.id, d.model, p.name as provider, c.name as contract, d.upstream, d.endpoints,
    d.concurrency, d.tokens_per_minute, d.service_tier, coalesce(s.name, '') as site, d.out_since,
    d.out_reason, coalesce(k.rates::text, '{}') as rates, b.open, b.since,
    (select count(*) from process where ended_at is null) as gateways
from deployment d
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
left join site s on s.organisation_id = d.organisation_id and s.id = d.site_id
left join lateral (select rates from cost_price k where k.organisation_id = d.organisation_id
    and k.deployment_id = d.id and k.valid_from <= now() order by k.valid_from desc limit 1) k on true
cross join lateral (select count(*) as open, min(r.since) as since from route_down r
    join process g on g.id = r.process_id and g.ended_at is null where r.deployment_id = d.id) b
where d.organisation_id = $1 and d.active order by p.name, d.model, d.id
"""
_PROVIDERS = "select name, out_since, out_reason from provider where organisation_id = $1"
# What stood before comes from the same statement, under the lock of the row that it changes.
_SWITCH = """
with was as (select id, out_since, out_reason from {table}
    where organisation_id = $1 and {which} = $2 for update)
update {table} t set out_since = case when $3::timestamptz is null then null
        else coalesce(was.out_since, $3) end, out_reason = $4
from was where t.organisation_id = $1 and t.id = was.id
returning was.out_since as since_before, was.out_reason as reason_before, t.out_since, t.out_reason
"""
_PROVIDER = _SWITCH.format(table="provider", which="name")
_DEPLOYMENT = _SWITCH.format(table="deployment", which="id")


class StoredSwitches:
    """Switches.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def deployments(self, organisation_id: int) -> list[ShownDeployment]:
        """See `office.switch_ports.Switches`."""
        return [
            ShownDeployment(
                row["id"],
                row["model"],
                row["provider"],
                row["contract"],
                row["upstream"],
                tuple(row["endpoints"]),
                row["concurrency"],
                row["tokens_per_minute"],
                row["service_tier"],
                row["site"],
                Out(row["out_since"], row["out_reason"]),
                msgspec.json.decode(row["rates"], type=dict[str, str]),
                Breaker(row["open"], row["gateways"], row["since"]),
            )
            for row in await self._pool.fetch(_DEPLOYMENTS, organisation_id)
        ]

    async def providers(self, organisation_id: int) -> Mapping[str, Out]:
        """See `office.switch_ports.Switches`."""
        rows = await self._pool.fetch(_PROVIDERS, organisation_id)
        return {row["name"]: Out(row["out_since"], row["out_reason"]) for row in rows}

    async def secret(self, organisation_id: int, name: str) -> bytes | None:
        """See `office.switch_ports.Switches`."""
        found: bytes | None = await self._pool.fetchval(
            "select secret from provider where organisation_id = $1 and name = $2", organisation_id, name
        )
        return found

    async def switch_provider(self, organisation_id: int, name: str, out: Out) -> Switched | None:
        """See `office.switch_ports.Switches`."""
        row = await self._pool.fetchrow(_PROVIDER, organisation_id, name, out.since, out.reason)
        return _switched(row)

    async def switch_deployment(self, organisation_id: int, deployment: int, out: Out) -> Switched | None:
        """See `office.switch_ports.Switches`."""
        row = await self._pool.fetchrow(_DEPLOYMENT, organisation_id, deployment, out.since, out.reason)
        return _switched(row)


def _switched(row: asyncpg.Record | None) -> Switched | None:
    if row is None:
        return None
    return Switched(Out(row["since_before"], row["reason_before"]), Out(row["out_since"], row["out_reason"]))
