"""Contracts as ``[[contract]]`` tables of rechenwerk.toml."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from rechenwerk.contracts.terms import Contract


def to_toml(contracts: Iterable[Contract]) -> str:
    """Tables to put into a file: what a default says already is left out."""
    tables = []
    for contract in contracts:
        terms: dict[str, Any] = msgspec.to_builtins(contract, builtin_types=(date,))
        lines = [f"{key} = {_value(value)}" for key, value in terms.items() if value != {}]
        tables.append("\n".join(("[[contract]]", *sorted(lines, key=_order), "")))
    return "\n".join(tables)


def _order(line: str) -> int:
    """Name, provider and kind come first; the others stay as they are."""
    first = ("name = ", "provider = ", "kind = ")
    return next((at for at, head in enumerate(first) if line.startswith(head)), len(first))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_text(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return value.isoformat() if isinstance(value, date) else str(value)


def _text(key: str) -> str:
    """A key as it stands; in quotes where it is no bare word."""
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _value(key)
