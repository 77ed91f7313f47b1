"""Configuration in PostgreSQL: providers and their secrets, contracts, deployments, dated prices, classes.

Fills `office.ports`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.contracts.concentration import Cap
from rechenwerk.office.ports import (
    OPERATOR,
    Change,
    Configured,
    Contract,
    Cost,
    DataClassRow,
    Deployment,
    Provider,
    ShownProvider,
)
from rechenwerk.office.standing import Site
from rechenwerk.office.tariff_ports import Tariff
from rechenwerk.store.concentration import CAP_COLUMNS, WRITE_CAP, cap_of
from rechenwerk.store.moments import moment
from rechenwerk.store.sites import SITE_COLUMNS, site_of
from rechenwerk.store.terms import tariff_terms, terms_of

_LOCK = 0x5EC4E6  # any number; all installations use the same

Connection = asyncpg.Connection | PoolConnectionProxy
Written = Provider | Site | Contract | Deployment | Cost | Tariff | DataClassRow | Cap

_PROVIDERS = (
    "select name, kind, base_url, api_key_env, active, owner from provider where organisation_id = $1"
)
_SITES = f"select {SITE_COLUMNS} from site where organisation_id = $1"  # noqa: S608 - our own words
_CONTRACTS = """
select c.name, p.name as provider, c.kind, c.active, v.terms from contract c
join provider p on p.organisation_id = c.organisation_id and p.id = c.provider_id
left join lateral (select terms from contract_version v where v.organisation_id = c.organisation_id
    and v.contract_id = c.id order by valid_from desc, recorded_at desc limit 1) v on true
where c.organisation_id = $1
"""
# Calls under way count as well: they will be booked under the contract that they left under.
_USED = """
select c.name, min(x.at) as first, max(x.at) as last from contract c
join (select contract_id, hour as at from position_draw union all select contract_id, started_at from hold) x
    on x.contract_id = c.id
where c.organisation_id = $1 group by c.name
"""
_DEPLOYMENTS = """
select d.model, p.name as provider, c.name as contract, d.upstream, d.endpoints, d.context_tokens,
    d.max_output_tokens, d.active, d.jurisdiction, d.level, s.name as site, d.concurrency,
    d.tokens_per_minute, d.joules, d.service_tier
from deployment d
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
left join site s on s.organisation_id = d.organisation_id and s.id = d.site_id
where d.organisation_id = $1
"""
_COSTS = """
select distinct on (x.deployment_id) d.model, p.name as provider, c.name as contract, x.currency,
    x.rates
from cost_price x
join deployment d on d.organisation_id = x.organisation_id and d.id = x.deployment_id
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
where x.organisation_id = $1 and x.valid_from <= clock_timestamp()
order by x.deployment_id, x.valid_from desc
"""
_TARIFFS = """
select model, currency, terms, valid_from from tariff where organisation_id = $1 order by valid_from, id
"""
_CAPS = f"select {CAP_COLUMNS} from concentration_cap where organisation_id = $1"  # noqa: S608 - our own
_CLASSES = "select name, jurisdictions, level, active from data_class where organisation_id = $1"
_SHOWN = """
select name, kind, base_url, api_key_env, active, owner, secret is not null as has_secret from provider
where organisation_id = $1 order by name
"""
# Two questions about the whole installation, because its currency is one: no row of a tenant is shown.
_BOOKED = "select exists (select from call) or exists (select from hold)"
_FOREIGN = """
select exists (select from cost_price where organisation_id <> $1)
    or exists (select from tariff where organisation_id <> $1)
"""

_WRITE_PROVIDER = """
insert into provider (organisation_id, name, kind, base_url, api_key_env, active, owner)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (organisation_id, name) do update set kind = excluded.kind, base_url = excluded.base_url,
    api_key_env = excluded.api_key_env, active = excluded.active, owner = excluded.owner
"""
_WRITE_SITE = """
insert into site (organisation_id, name, jurisdiction, power_cap_kw, pue, co2_grams, prices,
    active)
values ($1, $2, $3, $4::text::numeric, $5::text::numeric, $6::text::numeric, $7::text[]::numeric[], $8)
on conflict (organisation_id, name) do update set jurisdiction = excluded.jurisdiction,
    power_cap_kw = excluded.power_cap_kw, pue = excluded.pue, co2_grams = excluded.co2_grams,
    prices = excluded.prices, active = excluded.active
"""
_WRITE_CONTRACT = """
insert into contract (organisation_id, name, provider_id, kind, active)
select $1, $2, p.id, $4, $5 from provider p where p.organisation_id = $1 and p.name = $3
on conflict (organisation_id, name) do update set provider_id = excluded.provider_id,
    kind = excluded.kind, active = excluded.active
"""
# The first terms hold for ever back. Later ones hold from now on, or from the day that they say themselves:
# what that may be, office/differ.py has checked.
_WRITE_TERMS = """
insert into contract_version (organisation_id, contract_id, valid_from, terms)
select c.organisation_id, c.id, case
        when not exists (select from contract_version v where v.organisation_id = c.organisation_id
            and v.contract_id = c.id) and not exists (select from position_draw d where d.contract_id = c.id)
            then '-infinity'
        else coalesce($3::date::timestamp at time zone 'UTC', clock_timestamp()) end, $4
from contract c where c.organisation_id = $1 and c.name = $2
"""
_WRITE_DEPLOYMENT = """
insert into deployment (organisation_id, model, provider_id, contract_id, upstream, endpoints,
    context_tokens, max_output_tokens, active, jurisdiction, level, site_id, concurrency, tokens_per_minute,
    joules, service_tier)
select $1, $2, p.id, c.id, $5, $6, $7, $8, $9, $10, $11, s.id, $13, $14, $15, $16 from provider p
join contract c on c.organisation_id = p.organisation_id and c.name = $4
left join site s on s.organisation_id = p.organisation_id and s.name = $12
where p.organisation_id = $1 and p.name = $3
on conflict (organisation_id, model, provider_id, contract_id) do update set
    upstream = excluded.upstream, endpoints = excluded.endpoints,
    context_tokens = excluded.context_tokens, max_output_tokens = excluded.max_output_tokens,
    active = excluded.active, jurisdiction = excluded.jurisdiction, level = excluded.level,
    site_id = excluded.site_id, concurrency = excluded.concurrency,
    tokens_per_minute = excluded.tokens_per_minute, joules = excluded.joules,
    service_tier = excluded.service_tier
"""
_WRITE_CLASS = """
insert into data_class (organisation_id, name, jurisdictions, level, active) values ($1, $2, $3, $4, $5)
on conflict (organisation_id, name) do update set jurisdictions = excluded.jurisdictions,
    level = excluded.level, active = excluded.active
"""
_WRITE_COST = """
insert into cost_price (organisation_id, deployment_id, valid_from, currency, rates)
select $1, d.id, clock_timestamp(), $5, $6 from deployment d
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
where d.organisation_id = $1 and d.model = $2 and p.name = $3 and c.name = $4
"""
_WRITE_TARIFF = """
insert into tariff (organisation_id, model, valid_from, currency, terms)
values ($1, $2, coalesce($3, clock_timestamp()), $4, $5)
"""


class StoredConfiguration:
    """Providers with their secrets, contracts, deployments, dated prices, data classes.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, organisation_id: int) -> Configured:
        """What stands now."""
        async with moment(self._pool) as connection:
            return await _read(connection, organisation_id)

    async def apply(
        self, organisation_id: int, plan: Callable[[Configured], Sequence[Change]]
    ) -> Sequence[Change]:
        """Read, plan and write in one transaction that no other apply can enter."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            changes = plan(await _read(connection, organisation_id))
            for change in changes:
                await _write(connection, organisation_id, change)
        return changes

    async def providers(self, organisation_id: int) -> list[ShownProvider]:
        """Those that the organisation owns, by name."""
        rows = [dict(row) for row in await self._pool.fetch(_SHOWN, organisation_id)]
        return [ShownProvider(has_secret=row.pop("has_secret"), provider=Provider(**row)) for row in rows]

    async def keep_secret(self, organisation_id: int, provider: str, sealed: bytes | None) -> bool:
        """Store a provider's sealed key, or remove it; False when there is no such provider."""
        done: str = await self._pool.execute(
            "update provider set secret = $3 where organisation_id = $1 and name = $2",
            organisation_id,
            provider,
            sealed,
        )
        return done != "UPDATE 0"


async def _read(connection: Connection, organisation_id: int) -> Configured:
    currency = await connection.fetchval("select currency from installation")
    fixed = ""
    if organisation_id != OPERATOR:
        fixed = "only the operator's configuration can change the installation's currency"
    elif await connection.fetchval(_BOOKED):
        fixed = f"calls are booked in {currency} already"
    elif await connection.fetchval(_FOREIGN, organisation_id):
        fixed = f"other organisations have prices in {currency}"
    return Configured(
        currency=currency,
        providers=tuple(Provider(**row) for row in await connection.fetch(_PROVIDERS, organisation_id)),
        sites=tuple([site_of(row) for row in await connection.fetch(_SITES, organisation_id)]),
        contracts=tuple(
            Contract(name, provider, kind, terms_of(terms, name, provider), active)
            for name, provider, kind, active, terms in await connection.fetch(_CONTRACTS, organisation_id)
        ),
        used={
            row["name"]: (row["first"], row["last"]) for row in await connection.fetch(_USED, organisation_id)
        },
        deployments=tuple(
            Deployment(**{**row, "endpoints": tuple(row["endpoints"]), "joules": _joules(row["joules"])})
            for row in await connection.fetch(_DEPLOYMENTS, organisation_id)
        ),
        costs=tuple(
            Cost(row["model"], row["provider"], row["contract"], row["currency"], _rates(row["rates"]))
            for row in await connection.fetch(_COSTS, organisation_id)
        ),
        tariffs=tuple(
            Tariff(model, currency, tariff_terms(terms), starts)
            for model, currency, terms, starts in await connection.fetch(_TARIFFS, organisation_id)
        ),
        data_classes=tuple(
            DataClassRow(row["name"], tuple(row["jurisdictions"]), row["level"], row["active"])
            for row in await connection.fetch(_CLASSES, organisation_id)
        ),
        caps=tuple([cap_of(row) for row in await connection.fetch(_CAPS, organisation_id)]),
        currency_is_fixed=fixed,
        at=await connection.fetchval("select clock_timestamp()"),
    )


def _rates(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])


def _joules(text: str | None) -> dict[str, str] | None:
    return None if text is None else _rates(text)


async def _write(connection: Connection, organisation_id: int, change: Change) -> None:
    if isinstance(change.after, str):
        await connection.execute("update installation set currency = $1, version = version + 1", change.after)
        await connection.execute("select pg_notify('rechenwerk_config', '')")
        return
    query, values = _statement(change.after)
    await connection.execute(query, organisation_id, *values)
    before, after = change.before, change.after
    if isinstance(after, Contract) and not (isinstance(before, Contract) and before.terms == after.terms):
        since = after.terms.since
        await connection.execute(_WRITE_TERMS, organisation_id, after.name, since, _text(after.terms))


def _statement(row: Written) -> tuple[str, Sequence[object]]:
    """The statement that writes a row, and its values after the organisation."""
    match row:
        case Provider():
            return _WRITE_PROVIDER, (
                row.name,
                row.kind,
                row.base_url,
                row.api_key_env,
                row.active,
                row.owner,
            )
        case Site():
            return _WRITE_SITE, (
                row.name,
                row.jurisdiction,
                row.power_cap_kw,
                row.pue,
                row.co2_grams,
                list(row.prices),
                row.active,
            )
        case Contract():
            return _WRITE_CONTRACT, (row.name, row.provider, row.kind, row.active)
        case Deployment():
            return _WRITE_DEPLOYMENT, (
                row.model,
                row.provider,
                row.contract,
                row.upstream,
                list(row.endpoints),
                row.context_tokens,
                row.max_output_tokens,
                row.active,
                row.jurisdiction,
                row.level,
                row.site,
                row.concurrency,
                row.tokens_per_minute,
                None if row.joules is None else _text(row.joules),
                row.service_tier,
            )
        case Cost():
            return _WRITE_COST, (row.model, row.provider, row.contract, row.currency, _text(row.rates))
        case Tariff():
            return _WRITE_TARIFF, (
                row.model,
                row.starts,
                row.currency,
                None if row.terms is None else _text(row.terms),
            )
        case DataClassRow():
            return _WRITE_CLASS, (row.name, list(row.jurisdictions), row.level, row.active)
        case Cap():
            return WRITE_CAP, (
                row.name,
                row.dimension,
                row.by,
                row.of,
                row.at_most,
                row.hard,
                row.window_days,
                row.active,
            )
        case _ as never:
            assert_never(never)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
