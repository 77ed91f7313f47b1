"""Who serves which model at what price: the part of a snapshot that says where calls may go."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from fractions import Fraction
from types import MappingProxyType

import asyncpg

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.contracts.energy import Meter, meter
from rechenwerk.gateway.ports import DeploymentRow, Offer, ProviderRow
from rechenwerk.ledger.prices import PriceList, price_list

_log = logging.getLogger("rechenwerk.snapshot")
DEPLOYMENTS = """
    select d.organisation_id, d.id, d.model, d.upstream, d.endpoints, d.context_tokens, d.max_output_tokens,
           d.contract_id, c.name as contract_name, p.id as provider_id, p.name, p.kind,
           coalesce(nullif(p.base_url, ''), p.runtime_url) as base_url,
           p.api_key_env, p.secret, coalesce(nullif(p.owner, ''), p.name) as owner, d.jurisdiction, d.level,
           d.concurrency, d.tokens_per_minute, d.joules, k.rates, coalesce(s.name, '') as site, s.out_since,
           s.out_reason, coalesce(s.pue, 1) as pue, coalesce(s.co2_grams, 0) as co2_grams
    from deployment d
    join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id and p.active
    join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id and c.active
    left join site s on s.organisation_id = d.organisation_id and s.id = d.site_id
    join lateral (select rates from cost_price k where k.organisation_id = d.organisation_id
                  and k.deployment_id = d.id and k.valid_from <= now()
                  order by k.valid_from desc limit 1) k on true
    where d.active order by d.id
"""
TARIFFS = """
    select distinct on (organisation_id, model) organisation_id, model, rates,
           extract(epoch from valid_from)::bigint as since
    from tariff where valid_from <= now() order by organisation_id, model, valid_from desc
"""


def offers_of(
    deployments: list[asyncpg.Record], tariffs: list[asyncpg.Record]
) -> MappingProxyType[tuple[int, str], Offer]:
    """(organisation, model) -> offer; a model without a tariff is not sold."""
    rows: dict[tuple[int, str], list[DeploymentRow]] = defaultdict(list)
    for row in deployments:
        cost = _prices(row["rates"], f"the cost of {row['model']!r}")
        if cost is None:
            continue
        rows[row["organisation_id"], row["model"]].append(_deployment(row, cost))
    offers = {}
    for row in tariffs:
        key = (row["organisation_id"], row["model"])
        price = _prices(row["rates"], f"the tariff of {row['model']!r}")
        if key in rows and price is not None:
            offers[key] = Offer(row["model"], row["since"], price, tuple(rows[key]))
    return MappingProxyType(offers)


def _deployment(row: asyncpg.Record, cost: PriceList) -> DeploymentRow:
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
        _out(row),
        row["concurrency"],
        row["tokens_per_minute"],
        _meter(row),
    )


def _out(row: asyncpg.Record) -> str:
    if row["out_since"] is None:
        return ""
    why = f" ({row['out_reason']})" if row["out_reason"] else ""
    return f"its site {row['site']} is out{why}"


def _meter(row: asyncpg.Record) -> Meter | None:
    if row["joules"] is None:
        return None
    joules = {bucket: Fraction(rate) for bucket, rate in json.loads(row["joules"]).items()}
    return meter(joules, row["pue"], row["co2_grams"])


def _prices(rates: str, what: str) -> PriceList | None:
    """One row's prices; a row that cannot be read must not stop everybody else's."""
    try:
        return price_list(json.loads(rates))
    except (RechenwerkError, ValueError, TypeError, AttributeError) as error:
        _log.error("%s cannot be read and is left out: %s", what, error)
        return None
