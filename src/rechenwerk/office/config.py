"""rechenwerk.toml: read, check with line and fix, compare with what stands. Pure."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.prices import price_list
from rechenwerk.office.ports import (
    Change,
    Configured,
    Contract,
    Cost,
    DataClassRow,
    Deployment,
    Provider,
    Row,
    Tariff,
)
from rechenwerk.office.residency import ALLOWED, PLACES, place_fix
from rechenwerk.office.tables import (
    ContractTable,
    DataClassTable,
    DeploymentTable,
    ProviderTable,
    TariffTable,
)
from rechenwerk.office.toml_lines import Path, line_at, lines_of
from rechenwerk.providers.registry import ENDPOINTS, KINDS
from rechenwerk.routing.ports import DEFAULT_CLASSES, LEVELS, LOCAL

CONTRACT_KINDS = ("on-demand",)
_CURRENCY = re.compile(r"[A-Z]{3}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_LARGEST = 1 << 40
_EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "str": 'write it in quotes, such as "0.15"',
        "int": "write a whole number without quotes",
        "array": 'write a list, such as ["chat"]',
        "object": 'write a table, such as { input = "0.15" }',
    }
)


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong in a file, where, and how to mend it."""

    line: int
    message: str
    fix: str


class MistakesError(RechenwerkError):
    """A configuration cannot be applied.

    Args:
        mistakes: all of them, in the order of the file.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        first = mistakes[0]
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        super().__init__(f"line {first.line}: {first.message}; {first.fix}{more}")
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))


T = TypeVar("T", ProviderTable, ContractTable, DeploymentTable, TariffTable, DataClassTable)

_TABLES = ("provider", "contract", "deployment", "tariff", "data_class")


class _Reader:
    """Collects every mistake of one file instead of stopping at the first."""

    def __init__(self, text: str) -> None:
        self.mistakes: list[Mistake] = []
        self._lines = lines_of(text)
        try:
            self.raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"line (\d+)", str(error))
            line = int(place[1]) if place else text.count("\n") + 1
            what = re.sub(r" \(at .*\)$", "", str(error))
            raise MistakesError([Mistake(line, f"this is not TOML: {what}", "mend the syntax")]) from None

    def wrong(self, path: Path, message: str, fix: str) -> None:
        self.mistakes.append(Mistake(line_at(self._lines, path), message, fix))

    def tables(self, name: str, kind: type[T]) -> list[tuple[int, T]]:
        """All ``[[name]]`` that have the right fields with the right types."""
        raw = self.raw.get(name, [])
        if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
            self.wrong((name,), f"{name} must be a list of tables", f"write [[{name}]]")
            return []
        good = []
        for index, item in enumerate(raw):
            table = self._table((name, index), item, kind)
            if table is not None:
                good.append((index, table))
        return good

    def _table(self, path: Path, item: dict[str, Any], kind: type[T]) -> T | None:
        known = {field.name: field for field in msgspec.structs.fields(kind)}
        if kind is ProviderTable and "api_key" in item:
            self.wrong(
                (*path, "api_key"),
                "a secret does not belong into this file",
                'put it into an environment variable of the server and write api_key_env = "ITS_NAME"',
            )
        absent = [name for name, field in known.items() if field.required and name not in item]
        for key in item:
            if key not in known and not (kind is ProviderTable and key == "api_key"):
                message = f"unknown field {key!r} in [[{path[0]}]]"
                self.wrong((*path, key), message, _did_you_mean(key, known))
                absent = [name for name in absent if name not in difflib.get_close_matches(key, absent, 1)]
        for name in absent:
            self.wrong(path, f"[[{path[0]}]] has no {name}", _missing(name))
        if any(field.required and name not in item for name, field in known.items()):
            return None
        try:  # without the strangers, so that all mistakes of a table are found at once
            return msgspec.convert({key: value for key, value in item.items() if key in known}, kind)
        except msgspec.ValidationError as error:
            message, _, place = str(error).partition(" - at `$")
            inner: tuple[str, ...] = tuple(re.findall(r"[^.\[\]`]+", place))
            if place.endswith("[...]`"):  # msgspec does not say which value of a mapping is wrong
                inner = (*inner, *_first_not_text(item.get(inner[0])))
            kind_of = next((word for word in _EXPECTED if f"`{word}`, got" in message), "")
            what = f"{'.'.join(inner)}: {message[:1].lower()}{message[1:]}"
            self.wrong((*path, *inner), what, _EXPECTED.get(kind_of, "write what docs/configuration.md says"))
            return None


def _first_not_text(mapping: object) -> tuple[str, ...]:
    if isinstance(mapping, dict):
        for key, value in mapping.items():
            if not isinstance(value, str):
                return (str(key),)
    return ()


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known) or 'none yet'}"


def _missing(name: str) -> str:
    if name == "cost":
        return 'add cost = { input = "0.15", output = "0.60" }; a free one says cost = { input = "0" }'
    if name == "price":
        return 'add price = { input = "0.18", output = "0.72" }; a free one says price = { input = "0" }'
    if name == "jurisdictions":
        return 'add jurisdictions = ["EU"]; any says jurisdictions = []'
    return f"add {name} = …"


def parse(text: str) -> Configured:
    """Read a whole rechenwerk.toml.

    Raises:
        MistakesError: with all mistakes, each with its line and its fix.
    """
    reader = _Reader(text)
    for key in reader.raw:
        if key not in (*_TABLES, "currency"):
            reader.wrong((key,), f"unknown field {key!r}", _did_you_mean(key, (*_TABLES, "currency")))
    currency = reader.raw.get("currency", "")
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        what = "the currency is not three capital letters" if currency else "the file has no currency"
        reader.wrong(("currency",), what, 'write currency = "EUR" above the first table')
        currency = ""
    providers = reader.tables("provider", ProviderTable)
    contracts = reader.tables("contract", ContractTable)
    deployments = reader.tables("deployment", DeploymentTable)
    tariffs = reader.tables("tariff", TariffTable)
    classes = reader.tables("data_class", DataClassTable)
    _unique(reader, "provider", [(i, t.name) for i, t in providers])
    _unique(reader, "contract", [(i, t.name) for i, t in contracts])
    _unique(reader, "deployment", [(i, f"{t.model} at {t.provider}") for i, t in deployments])
    _unique(reader, "tariff", [(i, t.model) for i, t in tariffs])
    _unique(reader, "data_class", [(i, t.name) for i, t in classes])
    for index, provider in providers:
        _check_provider(reader, index, provider)
    for index, contract in contracts:
        _check_contract(reader, index, contract)
    for index, deployment in deployments:
        _check_deployment(reader, index, deployment)
    for index, tariff in tariffs:
        _check_name(reader, ("tariff", index, "model"), tariff.model)
        _check_rates(reader, ("tariff", index, "price"), tariff.price)
    for index, data_class in classes:
        _check_data_class(reader, ("data_class", index), data_class)
    if reader.mistakes:
        raise MistakesError(reader.mistakes)
    kinds = {table.name: table.kind for _, table in providers}
    return Configured(
        currency=currency,
        providers=tuple(
            Provider(t.name, t.kind, _address(t).rstrip("/"), t.api_key_env) for _, t in providers
        ),
        contracts=tuple(Contract(t.name, t.provider, t.kind) for _, t in contracts),
        deployments=tuple(_deployment(t, own=KINDS[kinds[t.provider]].own) for _, t in deployments),
        costs=tuple(Cost(t.model, t.provider, currency, t.cost) for _, t in deployments),
        tariffs=tuple(Tariff(t.model, currency, t.price) for _, t in tariffs),
        data_classes=tuple(
            DataClassRow(t.name, tuple(sorted(set(t.jurisdictions))), t.level) for _, t in classes
        ),
    )


def _address(table: ProviderTable) -> str:
    return table.base_url or KINDS[table.kind].default_url


def _deployment(table: DeploymentTable, *, own: bool) -> Deployment:
    place, level = (LOCAL, "own") if own else ("", "shared")
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
    )


def _unique(reader: _Reader, table: str, names: Sequence[tuple[int, str]]) -> None:
    seen = set()
    for index, name in names:
        if name in seen:
            reader.wrong(
                (table, index), f"{table} {name!r} stands here twice", "remove or rename one of them"
            )
        seen.add(name)


def _check_name(reader: _Reader, path: Path, name: str) -> None:
    if not name or name != name.strip() or len(name) > 200 or not name.isprintable():
        reader.wrong(path, f"{name[:40]!r} is not a name", "use 1 to 200 visible characters")


def _check_provider(reader: _Reader, index: int, table: ProviderTable) -> None:
    at: Path = ("provider", index)
    _check_name(reader, (*at, "name"), table.name)
    if table.api_key_env is not None and not _VARIABLE.fullmatch(table.api_key_env):
        # It may be the secret itself: never repeated.
        reader.wrong(
            (*at, "api_key_env"),
            "api_key_env is not the name of an environment variable",
            'write the name of the variable that holds the key, such as "UPSTREAM_KEY", never the key',
        )
    if table.kind not in KINDS:
        reader.wrong((*at, "kind"), f"unknown kind {table.kind!r}", _did_you_mean(table.kind, KINDS))
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


def _check_contract(reader: _Reader, index: int, table: ContractTable) -> None:
    at: Path = ("contract", index)
    _check_name(reader, (*at, "name"), table.name)
    if table.kind not in CONTRACT_KINDS:
        fix = _did_you_mean(table.kind, CONTRACT_KINDS)
        reader.wrong((*at, "kind"), f"unknown kind {table.kind!r} of a contract", fix)
    known = _written(reader, "provider", "name")
    if table.provider not in known:
        message = f"there is no provider {table.provider!r} in this file"
        reader.wrong((*at, "provider"), message, _did_you_mean(table.provider, known))


def _check_deployment(reader: _Reader, index: int, table: DeploymentTable) -> None:
    at: Path = ("deployment", index)
    _check_name(reader, (*at, "model"), table.model)
    if table.upstream is not None:
        _check_name(reader, (*at, "upstream"), table.upstream)
    for key, name in (("provider", table.provider), ("contract", table.contract)):
        known = _written(reader, key, "name")
        if name not in known:
            message = f"there is no {key} {name!r} in this file"
            reader.wrong((*at, key), message, _did_you_mean(name, known))
    for contract in _items(reader, "contract"):
        if contract.get("name") == table.contract and contract.get("provider") != table.provider:
            message = f"contract {table.contract!r} is with provider {contract.get('provider')!r}"
            reader.wrong((*at, "contract"), message, f"name a contract with {table.provider!r}")
    _check_service(reader, at, table)
    _check_rates(reader, (*at, "cost"), table.cost)
    if table.model not in _written(reader, "tariff", "model"):
        reader.wrong(
            at,
            f"model {table.model!r} has no tariff",
            f'add [[tariff]] model = "{table.model}" with a price; a free one says price = {{ input = "0" }}',
        )


def _check_service(reader: _Reader, at: Path, table: DeploymentTable) -> None:
    for endpoint in table.endpoints:
        if endpoint not in ENDPOINTS:
            fix = _did_you_mean(endpoint, ENDPOINTS)
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


def _serves(reader: _Reader, provider: str) -> tuple[str, ...]:
    """What the kind of a provider can serve; everything when that is not known: told elsewhere."""
    for item in _items(reader, "provider"):
        if item.get("name") == provider and (row := KINDS.get(str(item.get("kind")))):
            return row.serves
    return ENDPOINTS


def _check_place(reader: _Reader, path: Path, place: str, known: frozenset[str]) -> None:
    if place not in known:
        reader.wrong(path, f"{place[:40]!r} is no jurisdiction", place_fix(place, known))


def _check_level(reader: _Reader, path: Path, level: str) -> None:
    if level not in LEVELS:
        reader.wrong(path, f"unknown level {level!r}", _did_you_mean(level, LEVELS))


def _check_data_class(reader: _Reader, at: Path, table: DataClassTable) -> None:
    if table.name not in DEFAULT_CLASSES:
        fix = _did_you_mean(table.name, DEFAULT_CLASSES)
        reader.wrong((*at, "name"), f"unknown data class {table.name!r}", fix)
    for place in table.jurisdictions:
        _check_place(reader, (*at, "jurisdictions"), place, ALLOWED)
    _check_level(reader, (*at, "level"), table.level)


def _items(reader: _Reader, table: str) -> list[dict[str, Any]]:
    raw = reader.raw.get(table, [])
    return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []


def _written(reader: _Reader, table: str, key: str) -> list[str]:
    """All names in the file, those of tables with other mistakes too: one mistake is told once."""
    return [item[key] for item in _items(reader, table) if isinstance(item.get(key), str)]


def _check_rates(reader: _Reader, path: Path, rates: Mapping[str, str]) -> None:
    if not rates:
        reader.wrong(path, f"{path[-1]} is empty", _missing(str(path[-1])))
    for bucket, rate in rates.items():
        if bucket not in BUCKETS:
            reader.wrong((*path, bucket), f"unknown bucket {bucket!r}", _did_you_mean(bucket, BUCKETS))
        elif not _RATE.fullmatch(rate):
            fix = 'write it like "0.15", up to nine digits before the point and twelve behind it'
            reader.wrong((*path, bucket), f"{rate[:40]!r} is not a rate", fix)
        else:
            try:
                price_list({bucket: rate})
            except RechenwerkError as error:
                reader.wrong((*path, bucket), str(error), 'write it like "0.15"')


def diff(current: Configured, wanted: Configured) -> list[Change]:
    """What to do so that `wanted` stands: in the order in which it can be written.

    What is missing from `wanted` is deactivated, never deleted; a tariff needs no such mark, it is
    harmless without a deployment. A changed rate is a new row.

    Raises:
        MistakesError: the currency cannot change any more.
    """
    changes: list[Change] = []
    if wanted.currency != current.currency:
        if current.currency_is_fixed:
            fix = f'write currency = "{current.currency}"'
            message = f"the currency cannot change to {wanted.currency}: {current.currency_is_fixed}"
            raise MistakesError([Mistake(1, message, fix)])
        changes.append(Change("currency", wanted.currency, "change", current.currency, wanted.currency))
    at = "{0.model} at {0.provider}".format
    changes += _rows("provider", current.providers, wanted.providers, lambda row: str(row.name))
    changes += _rows("contract", current.contracts, wanted.contracts, lambda row: str(row.name))
    changes += _rows("deployment", current.deployments, wanted.deployments, at)
    changes += _rates("cost", current.costs, wanted.costs, at)
    changes += _rates("tariff", current.tariffs, wanted.tariffs, lambda row: str(row.model))
    changes += _rows("data class", current.data_classes, wanted.data_classes, lambda row: str(row.name))
    return changes


def _rows(
    what: str,
    current: Sequence[Provider | Contract | Deployment | DataClassRow],
    wanted: Sequence[Provider | Contract | Deployment | DataClassRow],
    name: Callable[[Any], str],
) -> list[Change]:
    stand = {name(row): row for row in current}
    keep = {name(row) for row in wanted}
    changes = _rates(what, current, wanted, name)
    for key, row in stand.items():
        if key not in keep and row.active:
            gone = msgspec.structs.replace(row, active=False)
            changes.append(Change(what, key, "deactivate", row, gone))
    return changes


def _rates(
    what: str, current: Sequence[Row], wanted: Sequence[Row], name: Callable[[Any], str]
) -> list[Change]:
    stand = {name(row): row for row in current}
    changes = []
    for row in wanted:
        before = stand.get(name(row))
        if before != row:
            action = "change" if before is not None else "create"
            changes.append(Change(what, name(row), action, before, row))
    return changes
