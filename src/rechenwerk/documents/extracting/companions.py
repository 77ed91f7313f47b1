"""Fields that nobody asked for, but that prove what was asked for.

A form "invoice number, supplier, total, due date" has no net and no tax; the document has, and "Total" is
only a weak label without them. So the fields of a ready schema's cross-checks are looked for besides, and
left out of the result.
"""

from __future__ import annotations

import msgspec

from rechenwerk.documents.extracting.schemas import READY, ready
from rechenwerk.documents.schemas import Field, Rule, Schema

_KINDS = frozenset({"sum", "tax", "order", "term", "differ"})
HIDDEN = "_"


def with_companions(schema: Schema) -> Schema:
    """The schema with hidden fields and the cross-checks that they allow; their names begin with '_'."""
    fields = {field.name: field for field in schema.fields}
    rules = list(schema.rules)
    for name in READY:
        other = ready(name)
        if other.name == schema.name:
            continue
        names = _names(schema, other)
        for rule in other.rules:
            if rule.kind not in _KINDS or any("." in path for path in rule.fields):
                continue
            if not any(path in names for path in rule.fields):
                continue
            paths = tuple(names.get(path, f"{HIDDEN}{path}") for path in rule.fields)
            if Rule(rule.kind, paths) in rules:
                continue
            rules.append(Rule(rule.kind, paths))
            for path, hidden in zip(rule.fields, paths, strict=True):
                if hidden not in fields:
                    found = next(field for field in other.fields if field.name == path)
                    fields[hidden] = msgspec.structs.replace(found, name=hidden, required=False)
    return msgspec.structs.replace(schema, fields=tuple(fields.values()), rules=tuple(rules))


def _names(schema: Schema, other: Schema) -> dict[str, str]:
    """Fields of a ready schema that the schema asks for, by what it calls them."""
    return {
        known.name: field.name
        for known in other.fields
        for field in schema.fields
        if field.type == known.type and _same_words(field, known)
    }


def _same_words(field: Field, known: Field) -> bool:
    return field.type != "rows" and len(known.labels) > 1 and set(known.labels) <= set(field.labels)
