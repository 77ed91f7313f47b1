"""A JSON Schema of a plan's file: what an editor needs to complete keys and mark mistakes while one types."""

from __future__ import annotations

from typing import Any

import msgspec

from rechenwerk.planner.case_tables import OwnershipTable
from rechenwerk.planner.formulas import FUNCTIONS
from rechenwerk.planner.reading import TABLES
from rechenwerk.planner.tables import FigureTable, Head, OpeningTable, PolicyTable

_ADDRESS = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{name}"
SINGLE: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("opening", OpeningTable),
    ("policy", PolicyTable),
    ("ownership", OwnershipTable),
)
"""Tables that a file has once."""
MANY: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    *((name, kind) for name, _, kind in TABLES),
    ("figure", FigureTable),
)
"""Tables that it may have several times."""


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12, of a file in TOML or YAML."""
    kinds: list[type[msgspec.Struct]] = [Head, *(kind for _, kind in SINGLE), *(kind for _, kind in MANY)]
    found, parts = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    head = parts.pop("Head")
    properties: dict[str, Any] = dict(head["properties"])
    for (name, _), part in zip(SINGLE, found[1 : 1 + len(SINGLE)], strict=True):
        properties[name] = part
    for (name, _), part in zip(MANY, found[1 + len(SINGLE) :], strict=True):
        properties[name] = {"type": "array", "items": part}
    functions = ", ".join(f"{name}: {what}" for name, (_, _, what) in FUNCTIONS.items())
    return {
        "$schema": _ADDRESS,
        "title": "A plan of Rechenwerk",
        "description": f"Functions of formulas: {functions}.",
        "type": "object",
        "properties": properties,
        "required": [*head["required"], *(name for name, kind in SINGLE if _required(kind))],
        "additionalProperties": False,
        "$defs": parts,
    }


def _required(kind: type[msgspec.Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(kind))
