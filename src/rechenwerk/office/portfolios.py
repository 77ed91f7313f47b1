"""A file of contracts to be tried: rechenwerk.toml with a table ``[simulation]``. Pure.

Any rechenwerk.toml will do. A file for simulations alone may leave out what a simulation does not need:
currency, providers, tariffs, and of a deployment everything but model, provider, contract and cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import Mistake, MistakesError, Reader, unique, written
from rechenwerk.base.type_words import did_you_mean, explained
from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts.check import check
from rechenwerk.contracts.ports import STANDARD, Deployed
from rechenwerk.contracts.terms import Contract, Site
from rechenwerk.ledger.prices import price_list
from rechenwerk.office.contracts import CONTRACT_KINDS
from rechenwerk.office.sites import check_site, site_of
from rechenwerk.office.tables import NO_SECRETS, DataClassTable, SiteTable
from rechenwerk.routing.portfolios import Deployment, Outage, Penalty, Portfolio, Simulation, Sized, seconds
from rechenwerk.routing.ports import DEFAULT_CLASSES, LEVELS, DataClass

__all__ = ["Mistake", "MistakesError", "parse_portfolio"]

_TABLES = ("contract", "deployment", "data_class", "site", "simulation", "currency", "provider", "tariff")
_LARGEST = 1e15
Good = Callable[[float], bool]


class TriedTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[deployment]]`` as written: what a simulation does not need may be left out."""

    model: str
    provider: str
    contract: str
    cost: dict[str, str]
    jurisdiction: str | None = None
    level: str | None = None
    tokens_per_minute: int | None = None
    site: str | None = None
    endpoints: tuple[str, ...] = ()
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    upstream: str | None = None
    concurrency: int | None = None
    joules: dict[str, str] | None = None
    service_tier: str = ""


def parse_portfolio(text: str) -> Portfolio:
    """Read a file of contracts.

    Raises:
        MistakesError: with all mistakes, each with its line and its fix.
    """
    reader = Reader(text, NO_SECRETS)
    for key in reader.raw:
        if key not in _TABLES:
            reader.wrong((key,), f"unknown table {key!r}", did_you_mean(key, _TABLES))
    contracts = reader.tables_of("contract", CONTRACT_KINDS)
    unique(reader, "contract", [(index, one.name) for index, one in contracts])
    sites = reader.tables("site", SiteTable)
    for index, site in sites:
        check_site(reader, index, site)
    deployments = reader.tables("deployment", TriedTable)
    places = [(index, f"{one.model} at {one.provider} under {one.contract}") for index, one in deployments]
    unique(reader, "deployment", places)
    for index, deployment in deployments:
        _check_deployment(reader, ("deployment", index), deployment)
    if not reader.raw.get("deployment"):
        reader.wrong((), "the file has no deployment", "add [[deployment]]: who serves the calls")
    classes = dict(DEFAULT_CLASSES)
    for index, one in reader.tables("data_class", DataClassTable):
        if one.name not in DEFAULT_CLASSES:
            fix = did_you_mean(one.name, DEFAULT_CLASSES)
            reader.wrong(("data_class", index, "name"), f"unknown data class {one.name!r}", fix)
        classes[one.name] = DataClass(one.name, frozenset(one.jurisdictions), one.level)
    simulation = _simulation(reader)
    if reader.mistakes:
        raise MistakesError(reader.mistakes)
    assert simulation is not None
    known = {one.name: _site(one) for _, one in sites}
    where = {one.name: one.jurisdiction for _, one in sites}
    tried = tuple(_deployment(at, one, where) for at, (_, one) in enumerate(deployments, 1))
    _check_contracts(reader, contracts, [one.deployed for one in tried])
    if reader.mistakes:
        raise MistakesError(reader.mistakes)
    return Portfolio(tuple(one for _, one in contracts), tried, tuple(known.values()), classes, simulation)


def _site(table: SiteTable) -> Site:
    row = site_of(table)
    return Site(
        name=row.name,
        prices=tuple(Decimal(price) for price in row.prices),
        power_cap_kw=None if row.power_cap_kw is None else Decimal(row.power_cap_kw),
        pue=Decimal(row.pue),
        co2_grams=Decimal(row.co2_grams),
    )


def _deployment(at: int, table: TriedTable, sites: Mapping[str, str]) -> Deployment:
    place = sites.get(table.site or "", "") if table.jurisdiction is None else table.jurisdiction
    deployed = Deployed(
        id=at,
        name=f"{table.model} at {table.provider}",
        model=table.model,
        provider=table.provider,
        contract=table.contract,
        rates=price_list(table.cost),
        service_tier=table.service_tier or STANDARD,
    )
    level = "shared" if table.level is None else table.level
    return Deployment(deployed, place, level, table.tokens_per_minute)


def _check_contracts(
    reader: Reader, contracts: Sequence[tuple[int, Contract]], deployments: Sequence[Deployed]
) -> None:
    """What `contracts.check` finds, at its line."""
    place = {one.name: index for index, one in contracts}
    for problem in check([one for _, one in contracts], deployments):
        inner = [int(part) if part.isdecimal() else part for part in problem.field.split(".") if part]
        message = f"contract {problem.contract!r}: {problem.message}"
        reader.wrong(("contract", place[problem.contract], *inner), message, problem.fix)


def _check_deployment(reader: Reader, at: Path, table: TriedTable) -> None:
    known = written(reader, "contract", "name")
    if table.contract not in known:
        message = f"there is no contract {table.contract!r} in this file"
        reader.wrong((*at, "contract"), message, did_you_mean(table.contract, known))
    if table.level is not None and table.level not in LEVELS:
        reader.wrong((*at, "level"), f"unknown level {table.level!r}", did_you_mean(table.level, LEVELS))
    if not table.cost:
        reader.wrong((*at, "cost"), "cost is empty", 'a free one says cost = { input = "0" }')
    for bucket, rate in table.cost.items():
        if bucket not in BUCKETS:
            reader.wrong((*at, "cost", bucket), f"unknown bucket {bucket!r}", did_you_mean(bucket, BUCKETS))
            continue
        try:
            price_list({bucket: rate})
        except RechenwerkError as error:
            reader.wrong((*at, "cost", bucket), str(error), 'write it like "0.15"')


def _simulation(reader: Reader) -> Simulation | None:
    raw = reader.raw.get("simulation", {})
    at: Path = ("simulation",)
    if not isinstance(raw, dict):
        reader.wrong(at, "simulation must be a table", "write [simulation]")
        return None
    item = _floats(raw)
    try:
        found = msgspec.convert(item, Simulation)
    except msgspec.ValidationError as error:
        inner, what, fix = explained(error, Simulation, item)
        place = f"[simulation]: {what}" if inner else what.replace(" has no", "[simulation] has no")
        reader.wrong((*at, *inner), place, fix)
        return None
    _check_numbers(reader, at, found)
    _check_spans(reader, at, found)
    contracts = written(reader, "contract", "name")
    named: list[tuple[str, Path]] = [(found.reference, (*at, "reference"))]
    named += [(one.contract, (*at, "outage", i, "contract")) for i, one in enumerate(found.outage)]
    named += [(one.contract, (*at, "sized", i, "contract")) for i, one in enumerate(found.sized)]
    for name, path in named:
        if name and name not in contracts:
            message = f"there is no contract {name!r} in this file"
            reader.wrong(path, message, did_you_mean(name, contracts))
    return found


def _floats(value: Any) -> Any:
    """Decimals as floats: nothing in ``[simulation]`` is booked."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(one) for key, one in value.items()}
    return [_floats(one) for one in value] if isinstance(value, list) else value


def _share(value: float) -> bool:
    return 0 <= value <= 1


def _amount(value: float) -> bool:
    return 0 <= value < _LARGEST


def _names(kind: type[msgspec.Struct]) -> Sequence[str]:
    return [field.name for field in msgspec.structs.fields(kind)]


def _check_numbers(reader: Reader, at: Path, found: Simulation) -> None:
    shares, amounts = "write a share from 0 to 1", "write a number that is not below 0"
    checks: list[tuple[Path, float | None, Good, str]] = [
        ((name,), getattr(found, name), _share, shares) for name in ("reserve", "restricted", "critical")
    ]
    checks += [
        (("keep",), found.keep, lambda value: 0 < value <= 1, "write a probability above 0, at most 1"),
        (("jitter",), found.jitter, lambda value: 0 <= value <= 5, "write a number from 0 to 5"),
        (
            ("requests_per_second",),
            found.requests_per_second,
            lambda value: 0 < value < _LARGEST,
            "write a number above 0",
        ),
    ]
    checks += [(("refused", one), getattr(found.refused, one), _amount, amounts) for one in _names(Penalty)]
    checks += [
        (("sized", index, name), getattr(one, name), _amount, amounts)
        for index, one in enumerate(found.sized)
        for name in _names(Sized)[1:]
    ]
    checks += [(("volume", bucket), weight, _amount, amounts) for bucket, weight in found.volume.items()]
    for path, value, good, fix in checks:
        if value is not None and not good(value):
            reader.wrong((*at, *path), f"{path[-1]} is {value:g}", fix)
    for bucket in found.volume:
        if bucket not in BUCKETS:
            reader.wrong((*at, "volume"), f"unknown bucket {bucket!r}", did_you_mean(bucket, BUCKETS))
    if not any(weight > 0 for weight in found.volume.values()):
        reader.wrong((*at, "volume"), "volume counts nothing", "write volume = { input = 1, output = 4 }")


def _check_spans(reader: Reader, at: Path, found: Simulation) -> None:
    _check_span(reader, (*at, "window"), found.window, least=1)
    for index, outage in enumerate(found.outage):
        path = (*at, "outage", index)
        _check_outage(reader, path, outage)


def _check_outage(reader: Reader, path: Path, outage: Outage) -> None:
    if outage.at:
        _check_span(reader, (*path, "at"), outage.at, least=0)
    _check_span(reader, (*path, "lasts"), outage.lasts, least=1)
    hours = outage.between
    if hours and not (len(hours) == 2 and 0 <= hours[0] < hours[1] <= 24):
        fix = "write two hours of a day, such as [8, 18]"
        reader.wrong((*path, "between"), "between is no stretch of hours", fix)
    if outage.hours < 1:
        reader.wrong((*path, "hours"), f"hours is {outage.hours}", "write a whole number from 1 on")


def _check_span(reader: Reader, path: Path, text: str, *, least: float) -> None:
    try:
        good = seconds(text) >= least
    except ValueError:
        good = False
    if not good:
        reader.wrong(path, f"{path[-1]} is {text[:40]!r}", 'write a length of time such as "5m" or "1d12h"')
