"""``[[contract]]``: the terms as a file states them; read and checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from rechenwerk.contracts import terms
from rechenwerk.contracts.terms import kind_of
from rechenwerk.office.ports import Contract
from rechenwerk.office.reader import Reader, check_name, written
from rechenwerk.office.toml_lines import Path
from rechenwerk.office.type_words import did_you_mean

CONTRACT_KINDS: Mapping[str, type[terms.Contract]] = MappingProxyType(
    {str(kind.__struct_config__.tag): kind for kind in get_args(terms.Contract)}
)
"""The word for a kind -> the fields that such a contract has."""


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
