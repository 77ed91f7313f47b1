"""``[[contract]]``: the terms as a file states them; read and checked. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import get_args

from rechenwerk.base.toml_lines import Path
from rechenwerk.base.toml_reader import Reader, check_name, items_of, written
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.contracts import terms
from rechenwerk.contracts.check import check
from rechenwerk.contracts.ports import STANDARD, Deployed
from rechenwerk.contracts.terms import kind_of
from rechenwerk.ledger.prices import FREE
from rechenwerk.office.ports import Contract
from rechenwerk.office.tables import DeploymentTable

CONTRACT_KINDS: Mapping[str, type[terms.Contract]] = MappingProxyType(
    {str(kind.__struct_config__.tag): kind for kind in get_args(terms.Contract)}
)
"""The word for a kind -> the fields that such a contract has."""

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_VALUE = re.compile(r"[!-~]([ -~]{0,198}[!-~])?")
_SAID = """
accept accept-encoding anthropic-version api-key authorization connection content-encoding content-length
content-type cookie expect host keep-alive proxy-authorization te trailer transfer-encoding upgrade x-api-key
x-goog-api-key x-request-id
"""
_OURS = frozenset(_SAID.split())
"""Headers that the gateway says itself."""


def contract_of(table: terms.Contract) -> Contract:
    """The row of a table that was checked."""
    return Contract(table.name, table.provider, kind_of(table), table)


def check_contract(reader: Reader, index: int, table: terms.Contract) -> None:
    """Note what is wrong with a ``[[contract]]`` seen alone."""
    at: Path = ("contract", index)
    check_name(reader, (*at, "name"), table.name)
    known = written(reader, "provider", "name")
    if table.provider not in known:
        message = f"there is no provider {table.provider!r} in this file"
        reader.wrong((*at, "provider"), message, did_you_mean(table.provider, known))
    if table.header is not None:
        _check_header(reader, (*at, "header"), table.header)
    if isinstance(table, terms.OwnHardware) and table.site:
        sites = written(reader, "site", "name")
        if table.site not in sites:
            message = f"there is no site {table.site!r} in this file"
            reader.wrong((*at, "site"), message, did_you_mean(table.site, sites))


def _check_header(reader: Reader, at: Path, header: terms.Header) -> None:
    """It travels with every request: nothing in it may end the line, or say what the gateway says itself."""
    if not _HEADER.fullmatch(header.name) or header.name.lower() in _OURS:
        fix = "write the name of the provider's header for its capacity, such as x-capacity"
        reader.wrong((*at, "name"), f"{header.name[:40]!r} cannot be such a header", fix)
    for field in ("dedicated", "shared", "spillover"):
        value = getattr(header, field)
        if value is not None and not _VALUE.fullmatch(value):
            fix = "write 1 to 200 visible characters of ASCII"
            reader.wrong((*at, field), f"header.{field} cannot be a header's value", fix)


def check_together(
    reader: Reader,
    contracts: Sequence[tuple[int, terms.Contract]],
    deployments: Sequence[tuple[int, DeploymentTable]],
) -> None:
    """Note what is wrong with the terms of contracts, and between them.

    Tables that cannot be read count with their names, so that one mistake is told once and hides no other.
    """
    places = {table.name: index for index, table in contracts}
    read = {index for index, _ in deployments}
    deployed = [_deployed(table) for _, table in deployments]
    deployed += [_unread(item) for at, item in enumerate(items_of(reader, "deployment")) if at not in read]
    names = written(reader, "contract", "name")
    for problem in check([table for _, table in contracts], deployed, names):
        inner = tuple(int(part) if part.isdecimal() else part for part in problem.field.split(".") if part)
        at: Path = ("contract", places[problem.contract], *inner)
        reader.wrong(at, f"contract {problem.contract!r}: {problem.message}", problem.fix)


def _deployed(table: DeploymentTable) -> Deployed:
    """As far as the checks look at it; wrong rates are told elsewhere."""
    return Deployed(
        name=f"{table.model} at {table.provider} under {table.contract}",
        model=table.model,
        provider=table.provider,
        contract=table.contract,
        rates=FREE,
        service_tier=table.service_tier or STANDARD,
    )


def _unread(item: Mapping[str, object]) -> Deployed:
    """A table with mistakes, as far as it says what it is."""
    model, provider, contract = (str(item.get(key, "")) for key in ("model", "provider", "contract"))
    return Deployed(
        name=f"{model} at {provider} under {contract}",
        model=model,
        provider=provider,
        contract=contract,
        rates=FREE,
    )


def check_sold(reader: Reader) -> None:
    """A tariff whose model nobody serves is a slip of the pen, unless it says when it ended.

    A file without any deployment is one of tariffs only: of an organisation that is served by others'
    deployments, or of a dry run.
    """
    models = written(reader, "deployment", "model")
    if not items_of(reader, "deployment"):
        return
    for index, item in enumerate(items_of(reader, "tariff")):
        model = item.get("model")
        if isinstance(model, str) and model not in models and "valid_to" not in item:
            near = difflib.get_close_matches(model, models, 1)
            fix = (
                f"did you mean {near[0]!r}?" if near else "add a [[deployment]] of it, or take the tariff out"
            )
            reader.wrong(("tariff", index, "model"), f"no deployment serves the model {model!r}", fix)


def lines_of_contracts(
    reader: Reader, contracts: Sequence[tuple[int, terms.Contract]]
) -> dict[tuple[str, str], int]:
    """Where contracts and their fields stand, for what is found later."""
    return {
        (table.name, field): reader.line(("contract", index, field) if field else ("contract", index))
        for index, table in contracts
        for field in ("", *table.__struct_fields__, "kind")
    }
