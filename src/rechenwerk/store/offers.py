"""Who serves which model at what price: the part of a snapshot that says where calls may go."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import asyncpg
import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.reasons import reason
from rechenwerk.contracts.charged import by_tier, charged
from rechenwerk.contracts.energy import Meter, joules_at_full_load, meter
from rechenwerk.contracts.ports import Contract, Site, Version
from rechenwerk.contracts.terms import OwnHardware
from rechenwerk.gateway.ports import ContractRow, DeploymentRow, Offer, ProviderRow, SiteRow
from rechenwerk.ledger.prices import PriceList, price_list
from rechenwerk.store.terms import header_lines, not_running, terms_of

_log = logging.getLogger("rechenwerk.snapshot")
DEPLOYMENTS = """
    select d.organisation_id, d.id, d.model, d.upstream, d.endpoints, d.context_tokens, d.max_output_tokens,
           d.contract_id, c.name as contract_name, p.id as provider_id, p.name, p.kind,
           coalesce(nullif(p.base_url, ''), p.runtime_url) as base_url,
           p.api_key_env, p.secret, coalesce(nullif(p.owner, ''), p.name) as owner, d.jurisdiction, d.level,
           d.concurrency, d.tokens_per_minute, d.joules, d.service_tier, k.rates, v.terms,
           coalesce(s.name, '') as site, s.out_since, s.out_reason, s.pue,
           d.out_since as off_since, d.out_reason as off_reason,
           p.out_since as provider_off_since, p.out_reason as provider_off_reason,
           coalesce(s.co2_grams, 0) as co2_grams,
           (now() at time zone 'UTC')::date as today
    from deployment d
    join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id and p.active
    join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id and c.active
    left join lateral (select terms from contract_version v where v.organisation_id = c.organisation_id
        and v.contract_id = c.id and v.valid_from <= now()
        order by valid_from desc, recorded_at desc limit 1) v on true
    left join site s on s.organisation_id = d.organisation_id and s.id = d.site_id
    join lateral (select rates from cost_price k where k.organisation_id = d.organisation_id
                  and k.deployment_id = d.id and k.valid_from <= now()
                  order by k.valid_from desc limit 1) k on true
    where d.active order by d.id
"""
CONTRACTS = """
    select c.id, c.organisation_id, c.name, p.name as provider
    from contract c join provider p on p.organisation_id = c.organisation_id and p.id = c.provider_id
    where c.active order by c.id
"""
VERSIONS = """
    select contract_id, terms, extract(epoch from nullif(valid_from, '-infinity'))::float8 as since
    from contract_version where valid_from <= now() order by contract_id, valid_from, recorded_at
"""
SITES = """
    select organisation_id, name, jurisdiction, power_cap_kw, pue, co2_grams, prices, out_since, out_reason
    from site where active order by id
"""


def contracts_of(
    rows: list[asyncpg.Record], versions: list[asyncpg.Record]
) -> MappingProxyType[int, ContractRow]:
    """Id -> contract, with all its terms so far."""
    known: dict[int, list[Version]] = defaultdict(list)
    broken: set[int] = set()
    for row in versions:
        terms = _terms(row["terms"], "", "")
        if terms is None:
            broken.add(row["contract_id"])
        else:
            known[row["contract_id"]].append(Version(row["since"] or 0.0, terms))
    found = {}
    for row in rows:
        if row["id"] in broken:
            continue
        mine = known.get(row["id"]) or [Version(0.0, terms_of(None, row["name"], row["provider"]))]
        found[row["id"]] = ContractRow(
            row["id"], row["organisation_id"], mine[-1].terms, mine[-1].since or None, tuple(mine)
        )
    return MappingProxyType(found)


def sites_of(rows: list[asyncpg.Record]) -> MappingProxyType[tuple[int, str], SiteRow]:
    """(organisation, name) -> site."""
    return MappingProxyType(
        {
            (row["organisation_id"], row["name"]): SiteRow(
                Site(
                    name=row["name"],
                    prices=tuple(row["prices"]),
                    power_cap_kw=row["power_cap_kw"],
                    co2_grams=row["co2_grams"],
                    pue=row["pue"],
                ),
                row["jurisdiction"],
                _out(row, row["name"]),
            )
            for row in rows
        }
    )


def offers_of(
    deployments: list[asyncpg.Record], sold: Mapping[tuple[int, str], int]
) -> MappingProxyType[tuple[int, str], Offer]:
    """(organisation, model) -> offer; a model without a tariff is not sold.

    Args:
        deployments: that are active.
        sold: what has a tariff, and since when.
    """
    rows: dict[tuple[int, str], list[DeploymentRow]] = defaultdict(list)
    for row in deployments:
        cost = _prices(row["rates"], f"the cost of {row['model']!r}")
        terms = _terms(row["terms"], row["contract_name"], row["name"])
        if cost is None or terms is None:
            continue
        rows[row["organisation_id"], row["model"]].append(_deployment(row, cost, terms))
    return MappingProxyType(
        {key: Offer(key[1], sold[key], tuple(mine)) for key, mine in rows.items() if key in sold}
    )


def _deployment(row: asyncpg.Record, listed: PriceList, terms: Contract) -> DeploymentRow:
    provider = ProviderRow(
        row["provider_id"],
        row["name"],
        row["kind"],
        row["base_url"],
        row["api_key_env"],
        row["organisation_id"],
        row["secret"],
        row["owner"],
    )
    tier = row["service_tier"]
    cost = charged(terms, listed, tier)
    return DeploymentRow(
        row["id"],
        provider,
        row["contract_id"],
        row["contract_name"],
        row["upstream"],
        frozenset(row["endpoints"]),
        row["context_tokens"],
        row["max_output_tokens"],
        cost,
        row["jurisdiction"],
        row["level"],
        row["site"],
        _off(row) or _out(row, row["site"]) or not_running(terms, row["today"]),
        row["concurrency"],
        row["tokens_per_minute"],
        _meter(row, terms),
        None if cost == listed else listed,
        row["model"],
        header_lines(terms),
        tier,
        by_tier(terms, listed, tier),
    )


def _terms(kept: str | None, name: str, provider: str) -> Contract | None:
    """Terms as they are kept; those that cannot be read must not stop everybody else's."""
    try:
        return terms_of(kept, name, provider)
    except msgspec.MsgspecError as error:
        _log.error("terms of contract %r cannot be read; it is left out: %s", name or kept, error)
        return None


def _off(row: asyncpg.Record) -> str:
    """Why nothing is sent there, where somebody switched it off."""
    for since, said, code in (
        ("provider_off_since", "provider_off_reason", "provider_off"),
        ("off_since", "off_reason", "off"),
    ):
        if row[since] is not None:
            return reason(code, why=f" ({row[said]})" if row[said] else "")
    return ""


def _out(row: asyncpg.Record, site: str) -> str:
    if row["out_since"] is None:
        return ""
    return reason("site_out", site=site, why=f" ({row['out_reason']})" if row["out_reason"] else "")


def _meter(row: asyncpg.Record, terms: Contract) -> Meter | None:
    if row["joules"] is not None:
        joules = {bucket: Fraction(rate) for bucket, rate in json.loads(row["joules"]).items()}
    elif isinstance(terms, OwnHardware) and terms.load_kw and terms.throughput:
        joules = joules_at_full_load(terms.load_kw, terms.throughput, terms.weights)
    else:
        return None
    pue = row["pue"]
    if pue is None:
        pue = terms.pue if isinstance(terms, OwnHardware) else Decimal(1)
    return meter(joules, pue, row["co2_grams"])


def _prices(rates: str, what: str) -> PriceList | None:
    """One row's prices; a row that cannot be read must not stop everybody else's."""
    try:
        return price_list(json.loads(rates))
    except (RechenwerkError, ValueError, TypeError, AttributeError) as error:
        _log.error("%s cannot be read and is left out: %s", what, error)
        return None
