"""rechenwerk.toml: read and checked with line and fix. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import (
    Mistake,
    MistakesError,
    Reader,
    check_name,
    items_of,
    unique,
    written,
)
from rechenwerk.base.type_words import did_you_mean, missing_fix
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.prices import price_list
from rechenwerk.office.concentration import read_caps
from rechenwerk.office.contracts import (
    CONTRACT_KINDS,
    check_contract,
    check_sold,
    check_together,
    contract_of,
    lines_of_contracts,
)
from rechenwerk.office.differ import diff
from rechenwerk.office.ports import Configured, Cost, DataClassRow, Deployment, Provider
from rechenwerk.office.residency import ALLOWED, PLACES, place_fix
from rechenwerk.office.sites import check_site, site_of
from rechenwerk.office.tables import (
    NO_SECRETS,
    DataClassTable,
    DeploymentTable,
    ProviderTable,
    SiteTable,
)
from rechenwerk.office.tariff_file import read_tariffs, tariff_lines
from rechenwerk.providers.registry import ENDPOINTS, KINDS
from rechenwerk.routing.ports import DEFAULT_CLASSES, LEVELS, LOCAL

__all__ = ["CONTRACT_KINDS", "Mistake", "MistakesError", "diff", "parse"]

_CURRENCY = re.compile(r"[A-Z]{3}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_LARGEST = 1 << 40
_TABLES = ("provider", "site", "contract", "deployment", "tariff", "data_class", "concentration")


def parse(text: str) -> Configured:
    """Read a whole rechenwerk.toml.

    Raises:
        MistakesError: with all mistakes, each with its line and its fix.
    """
    reader = Reader(text, NO_SECRETS)
    for key in reader.raw:
        if key not in (*_TABLES, "currency"):
            reader.wrong((key,), f"unknown field {key!r}", did_you_mean(key, (*_TABLES, "currency")))
    currency = _currency(reader)
    providers = reader.tables("provider", ProviderTable)
    sites = reader.tables("site", SiteTable)
    contracts = reader.tables_of("contract", CONTRACT_KINDS)
    deployments = reader.tables("deployment", DeploymentTable)
    classes = reader.tables("data_class", DataClassTable)
    unique(reader, "provider", [(i, t.name) for i, t in providers])
    unique(reader, "site", [(i, t.name) for i, t in sites])
    unique(reader, "contract", [(i, t.name) for i, t in contracts])
    places = [(i, f"{t.model} at {t.provider} under {t.contract}") for i, t in deployments]
    unique(reader, "deployment", places)
    unique(reader, "data_class", [(i, t.name) for i, t in classes])
    for index, provider in providers:
        _check_provider(reader, index, provider)
    for index, site in sites:
        check_site(reader, index, site)
    for index, contract in contracts:
        check_contract(reader, index, contract)
    for index, deployment in deployments:
        _check_deployment(reader, index, deployment)
    tariffs = read_tariffs(reader, currency, _check_rates)
    for index, data_class in classes:
        _check_data_class(reader, ("data_class", index), data_class)
    check_together(reader, contracts, deployments)
    check_sold(reader)
    caps, cap_lines = read_caps(reader)
    if reader.mistakes:
        raise MistakesError(reader.mistakes)
    kinds = {table.name: table.kind for _, table in providers}
    where = {table.name: table.jurisdiction for _, table in sites}
    return Configured(
        currency=currency,
        providers=tuple(
            Provider(t.name, t.kind, _address(t).rstrip("/"), t.api_key_env, owner=t.owner)
            for _, t in providers
        ),
        sites=tuple(site_of(t) for _, t in sites),
        contracts=tuple(contract_of(t) for _, t in contracts),
        lines=lines_of_contracts(reader, contracts),
        deployments=tuple(
            _deployment(t, own=KINDS[kinds[t.provider]].own, site=where.get(t.site or "", ""))
            for _, t in deployments
        ),
        costs=tuple(Cost(t.model, t.provider, t.contract, currency, t.cost) for _, t in deployments),
        tariffs=tariffs,
        tariff_lines=tariff_lines(reader),
        caps=caps,
        cap_lines=cap_lines,
        data_classes=tuple(
            DataClassRow(t.name, tuple(sorted(set(t.jurisdictions))), t.level) for _, t in classes
        ),
    )


def _currency(reader: Reader) -> str:
    currency = reader.raw.get("currency", "")
    if isinstance(currency, str) and _CURRENCY.fullmatch(currency):
        return currency
    what = "the currency is not three capital letters" if currency else "the file has no currency"
    reader.wrong(("currency",), what, 'write currency = "EUR" above the first table')
    return ""


def _address(table: ProviderTable) -> str:
    return table.base_url or KINDS[table.kind].default_url


def _deployment(table: DeploymentTable, *, own: bool, site: str) -> Deployment:
    place, level = (LOCAL, "own") if own else (site, "shared")
    return Deployment(
        table.model,
        table.provider,
        table.contract,
        table.model if table.upstream is None else table.upstream,
        tuple(endpoint for endpoint in ENDPOINTS if endpoint in table.endpoints),
        table.context_tokens,
        table.max_output_tokens,
        jurisdiction=place if table.jurisdiction is None else table.jurisdiction,
        level=level if table.level is None else table.level,
        site=table.site,
        concurrency=table.concurrency,
        tokens_per_minute=table.tokens_per_minute,
        joules=table.joules,
        service_tier=table.service_tier,
    )


def _check_provider(reader: Reader, index: int, table: ProviderTable) -> None:
    at: Path = ("provider", index)
    check_name(reader, (*at, "name"), table.name)
    if table.owner:
        check_name(reader, (*at, "owner"), table.owner)
    if table.api_key_env is not None and not _VARIABLE.fullmatch(table.api_key_env):
        # It may be the secret itself: never repeated.
        reader.wrong(
            (*at, "api_key_env"),
            "api_key_env is not the name of an environment variable",
            'write the name of the variable that holds the key, such as "UPSTREAM_KEY", never the key',
        )
    if table.kind not in KINDS:
        reader.wrong((*at, "kind"), f"unknown kind {table.kind!r}", did_you_mean(table.kind, KINDS))
    elif KINDS[table.kind].own:
        if table.base_url:
            fix = "leave base_url out"
            reader.wrong((*at, "base_url"), "the installation sets the address of the embedded models", fix)
    elif problem := _address_problem(_address(table)):
        like = KINDS[table.kind].base_url or "http://127.0.0.1:9100/v1"
        fix = f'write it like base_url = "{like}"'
        reader.wrong((*at, "base_url"), f"base_url {problem}", fix)


def _address_problem(address: str) -> str:
    if not address:
        return "is missing"
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not address.isprintable() or set(" {}") & set(address):
        return "is not an http or https address"
    if parts.username or parts.password:
        return "carries a user or password; those belong into api_key_env"
    if parts.query or parts.fragment:
        return "has a ? or # part"
    return ""


def _check_deployment(reader: Reader, index: int, table: DeploymentTable) -> None:
    at: Path = ("deployment", index)
    check_name(reader, (*at, "model"), table.model)
    if table.upstream is not None:
        check_name(reader, (*at, "upstream"), table.upstream)
    for key, name in (("provider", table.provider), ("contract", table.contract)):
        known = written(reader, key, "name")
        if name not in known:
            message = f"there is no {key} {name!r} in this file"
            reader.wrong((*at, key), message, did_you_mean(name, known))
    for contract in items_of(reader, "contract"):
        if contract.get("name") == table.contract and contract.get("provider") != table.provider:
            message = f"contract {table.contract!r} is with provider {contract.get('provider')!r}"
            reader.wrong((*at, "contract"), message, f"name a contract with {table.provider!r}")
    _check_service(reader, at, table)
    _check_capacity(reader, at, table)
    _check_rates(reader, (*at, "cost"), table.cost)
    if table.model not in written(reader, "tariff", "model"):
        reader.wrong(
            at,
            f"model {table.model!r} has no tariff",
            f'add [[tariff]] model = "{table.model}" with a price; a free one says price = {{ input = "0" }}',
        )


def _check_service(reader: Reader, at: Path, table: DeploymentTable) -> None:
    for endpoint in table.endpoints:
        if endpoint not in ENDPOINTS:
            fix = did_you_mean(endpoint, ENDPOINTS)
            reader.wrong((*at, "endpoints"), f"unknown endpoint {endpoint!r}", fix)
        elif endpoint not in (serves := _serves(reader, table.provider)):
            message = f"provider {table.provider!r} has no endpoint {endpoint!r} for its kind"
            reader.wrong((*at, "endpoints"), message, f"choose from {', '.join(serves)}")
    if not table.endpoints:
        reader.wrong((*at, "endpoints"), "endpoints is empty", f"choose from {', '.join(ENDPOINTS)}")
    if not 0 < table.context_tokens < _LARGEST:
        reader.wrong((*at, "context_tokens"), "context_tokens must be above 0", "write what the model takes")
    least = 0 if set(table.endpoints) <= {"embeddings", "rerank"} else 1
    if not least <= table.max_output_tokens < _LARGEST:
        message = f"max_output_tokens must be at least {least}"
        reader.wrong((*at, "max_output_tokens"), message, "write the most that one answer may have")
    if table.jurisdiction:
        _check_place(reader, (*at, "jurisdiction"), table.jurisdiction, PLACES)
    if table.level is not None:
        _check_level(reader, (*at, "level"), table.level)
    if table.service_tier:
        _check_tier(reader, (*at, "service_tier"), table)


def _check_tier(reader: Reader, path: Path, table: DeploymentTable) -> None:
    """A service tier is asked for in chats, in words of the provider's kind."""
    kind = next((i.get("kind") for i in items_of(reader, "provider") if i.get("name") == table.provider), "")
    row = KINDS.get(str(kind))
    if row is None:
        return  # told elsewhere
    tiers = [tier for tier, _ in row.tiers]
    if not tiers:
        message = f"a provider of the kind {kind} has no service tiers"
        reader.wrong(path, message, "leave service_tier out")
    elif table.service_tier not in tiers:
        message = f"{kind} has no service tier {table.service_tier[:40]!r}"
        reader.wrong(path, message, did_you_mean(table.service_tier, tiers))
    elif set(table.endpoints) != {"chat"}:
        fix = 'write endpoints = ["chat"], and another deployment for the rest'
        reader.wrong(path, "only chats can ask for a service tier", fix)


def _check_capacity(reader: Reader, at: Path, table: DeploymentTable) -> None:
    for field in ("concurrency", "tokens_per_minute"):
        number = getattr(table, field)
        if number is not None and not 0 < number < _LARGEST:
            reader.wrong(
                (*at, field), f"{field} must be above 0", "leave it out where there is no such bound"
            )
    if table.joules is not None:
        _check_rates(reader, (*at, "joules"), table.joules)
    if table.site is None:
        return
    known = written(reader, "site", "name")
    if table.site not in known:
        message = f"there is no site {table.site!r} in this file"
        reader.wrong((*at, "site"), message, did_you_mean(table.site, known))
    for site in items_of(reader, "site"):
        place = site.get("jurisdiction")
        if site.get("name") == table.site and table.jurisdiction and place not in (None, table.jurisdiction):
            message = f"the deployment says {table.jurisdiction!r} and its site stands in {place!r}"
            reader.wrong((*at, "jurisdiction"), message, "leave jurisdiction out: the site says it")


def _serves(reader: Reader, provider: str) -> tuple[str, ...]:
    """What the kind of a provider can serve; everything when that is not known: told elsewhere."""
    for item in items_of(reader, "provider"):
        if item.get("name") == provider and (row := KINDS.get(str(item.get("kind")))):
            return row.serves
    return ENDPOINTS


def _check_place(reader: Reader, path: Path, place: str, known: frozenset[str]) -> None:
    if place not in known:
        reader.wrong(path, f"{place[:40]!r} is no jurisdiction", place_fix(place, known))


def _check_level(reader: Reader, path: Path, level: str) -> None:
    if level not in LEVELS:
        reader.wrong(path, f"unknown level {level!r}", did_you_mean(level, LEVELS))


def _check_data_class(reader: Reader, at: Path, table: DataClassTable) -> None:
    if table.name not in DEFAULT_CLASSES:
        fix = did_you_mean(table.name, DEFAULT_CLASSES)
        reader.wrong((*at, "name"), f"unknown data class {table.name!r}", fix)
    for place in table.jurisdictions:
        _check_place(reader, (*at, "jurisdictions"), place, ALLOWED)
    _check_level(reader, (*at, "level"), table.level)


def _check_rates(reader: Reader, path: Path, rates: Mapping[str, str]) -> None:
    if not rates:
        reader.wrong(path, f"{path[-1]} is empty", missing_fix(str(path[-1])))
    for bucket, rate in rates.items():
        if bucket not in BUCKETS:
            reader.wrong((*path, bucket), f"unknown bucket {bucket!r}", did_you_mean(bucket, BUCKETS))
        elif rate.startswith("-"):
            fix = "write what a unit costs, 0 or more; money that comes back is a credit or a discount"
            reader.wrong((*path, bucket), f"a rate cannot be negative, as {rate[:40]!r} is", fix)
        elif not _RATE.fullmatch(rate):
            fix = 'write it like "0.15", up to nine digits before the point and twelve behind it'
            reader.wrong((*path, bucket), f"{rate[:40]!r} is not a rate", fix)
        else:
            try:
                price_list({bucket: rate})
            except RechenwerkError as error:
                reader.wrong((*path, bucket), str(error), 'write it like "0.15"')
