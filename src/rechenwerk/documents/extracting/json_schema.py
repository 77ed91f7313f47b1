"""JSON Schema in both directions: a customer's schema to ours, and ours to the shape of its values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rechenwerk.base.errors import SchemaError
from rechenwerk.documents.schemas import SHAPES, TYPES, Field, Rule, Schema

_NOTES = frozenset({"$schema", "$id", "$comment", "title", "description", "examples", "default"})
_TOP = _NOTES | {"type", "properties", "required", "additionalProperties", "x-rules", "x-words", "x-mask"}
_OWN = frozenset({"x-type", "x-labels", "x-never", "x-weak", "x-shape", "x-meanings"})
_PROPERTY = _NOTES | _OWN | {"type", "format", "enum", "items"}
_ROW = _NOTES | {"type", "properties", "required", "additionalProperties"}
_FORMATS = MappingProxyType(
    {"date": "date", "period": "period", "money": "money", "iban": "iban", "vat-id": "vat_id", "text": "text"}
)
_RULES = frozenset({"sum", "tax", "order", "known", "product", "differ", "term"})


def slug(title: str) -> str:
    """A field's name from its title: a-z, 0-9 and _.

    >>> slug("Fälligkeit (Datum)")
    'faelligkeit_datum'
    """
    lowered = title.casefold()
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        lowered = lowered.replace(umlaut, letters)
    plain = unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def from_json_schema(document: object, name: str = "form") -> Schema:
    """A schema from JSON Schema.

    Args:
        document: a JSON Schema of type object; the subset is documented in docs/extraction.md.
        name: used where it has no title.

    Raises:
        SchemaError: names the place, such as '/properties/total/minimum'.
    """
    top = _object(document, "")
    _only(top, _TOP, "")
    if top.get("type", "object") != "object" or not isinstance(top.get("properties"), dict):
        raise SchemaError("/: a schema of a document is an object with 'properties'")
    title = str(top.get("title", name))
    fields = _fields(top, "")
    return Schema(
        name=slug(title) or "form",
        fields=fields,
        title={"en": title, "de": title},
        rules=_rules(top.get("x-rules", []), fields),
        words=_strings(top.get("x-words", []), "/x-words"),
        about=str(top.get("description", "")),
        mask=_mask(top.get("x-mask", False)),
    )


def _mask(given: object) -> bool:
    if not isinstance(given, bool):
        raise SchemaError("/x-mask: true or false: whether personal data is masked before a model sees it")
    return given


def _fields(holder: Mapping[str, Any], place: str) -> tuple[Field, ...]:
    required = _strings(holder.get("required", []), f"{place}/required")
    properties = _object(holder["properties"], f"{place}/properties")
    for wanted in required:
        if wanted not in properties:
            raise SchemaError(f"{place}/required: there is no property '{wanted}'")
    if not properties:
        raise SchemaError(f"{place}/properties: name at least one field")
    return tuple(
        _field(name, given, f"{place}/properties/{name}", name in required)
        for name, given in properties.items()
    )


def _field(name: str, given: object, place: str, required: bool) -> Field:
    if slug(name) != name:
        raise SchemaError(f"{place}: a field's name has a-z, 0-9 and _ only; write '{slug(name)}'")
    described = _object(given, place)
    _only(described, _PROPERTY, place)
    kind = _type(described, place)
    options: tuple[str, ...] = ()
    columns: tuple[Field, ...] = ()
    if kind == "one_of":
        options = _strings(described.get("enum", []), f"{place}/enum")
        if not options:
            raise SchemaError(f"{place}: one of what? Give the options as 'enum'")
    if kind == "rows":
        row = _object(described.get("items"), f"{place}/items")
        _only(row, _ROW, f"{place}/items")
        if not isinstance(row.get("properties"), dict):
            raise SchemaError(f"{place}/items: a list is a list of rows: an object with 'properties'")
        columns = _fields(row, f"{place}/items")
        if any(column.type == "rows" for column in columns):
            raise SchemaError(f"{place}/items: rows within rows are not supported; make two lists")
    shape = str(described.get("x-shape", ""))
    if shape not in SHAPES:
        raise SchemaError(f"{place}/x-shape: there is no shape '{shape}'; there are {', '.join(SHAPES[1:])}")
    title = str(described.get("title", name.replace("_", " ")))
    meanings = _object(described.get("x-meanings", {}), f"{place}/x-meanings")
    return Field(
        name=name,
        type=kind,
        title={"en": title, "de": title},
        labels=_strings(described.get("x-labels", []), f"{place}/x-labels"),
        never=_strings(described.get("x-never", []), f"{place}/x-never"),
        options=options,
        required=required,
        fields=columns,
        about=str(described.get("description", "")),
        weak=_strings(described.get("x-weak", []), f"{place}/x-weak"),
        shape=shape,
        meanings={word: _strings(said, f"{place}/x-meanings/{word}") for word, said in meanings.items()},
    )


def _type(described: Mapping[str, Any], place: str) -> str:
    """Our type of a property: by x-type, else by type, format and enum."""
    own = described.get("x-type")
    if own is not None:
        if own not in TYPES:
            raise SchemaError(f"{place}/x-type: there is no type '{own}'; there are {', '.join(TYPES)}")
        return str(own)
    written = described.get("type", "string")
    if isinstance(written, list):
        kinds = [one for one in written if one != "null"]
        written = kinds[0] if len(kinds) == 1 else written
    form = described.get("format")
    if form is not None and form not in _FORMATS:
        raise SchemaError(f"{place}/format: '{form}' is not known; there are {', '.join(_FORMATS)}")
    if "enum" in described:
        return "one_of"
    match written:
        case "string":
            return _FORMATS[form] if form else "text"
        case "number" | "integer":
            return "money" if form == "money" else "number"
        case "boolean":
            return "yes_no"
        case "array":
            return "rows"
    raise SchemaError(
        f"{place}/type: '{written}' is not supported; use string, number, integer, boolean or array"
    )


def _rules(given: object, fields: tuple[Field, ...]) -> tuple[Rule, ...]:
    if not isinstance(given, list):
        raise SchemaError("/x-rules: a list of {kind, fields}")
    paths = {field.name for field in fields}
    paths |= {f"{field.name}.{column.name}" for field in fields for column in field.fields}
    rules = []
    for at, one in enumerate(given):
        rule = _object(one, f"/x-rules/{at}")
        _only(rule, frozenset({"kind", "fields"}), f"/x-rules/{at}")
        if rule.get("kind") not in _RULES:
            raise SchemaError(f"/x-rules/{at}/kind: there are {', '.join(sorted(_RULES))}")
        wanted = _strings(rule.get("fields", []), f"/x-rules/{at}/fields")
        for path in wanted:
            if path not in paths:
                raise SchemaError(f"/x-rules/{at}/fields: there is no field '{path}'")
        rules.append(Rule(str(rule["kind"]), wanted))
    return tuple(rules)


def _object(given: object, place: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise SchemaError(f"{place or '/'}: an object is expected here")
    return given


def _only(given: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    for word in given:
        if word not in known:
            raise SchemaError(f"{place}/{word}: not supported; there are {', '.join(sorted(known))}")


def _strings(given: object, place: str) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise SchemaError(f"{place}: a list of words")
    return tuple(given)


def to_json_schema(schema: Schema) -> dict[str, Any]:
    """The shape of a schema's values as JSON Schema (2020-12): what `Value.value` may be, by field."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema.name,
        "type": "object",
        "properties": {field.name: _shape(field) for field in schema.fields},
        "required": [field.name for field in schema.fields],
        "additionalProperties": False,
    }


def _shape(field: Field) -> dict[str, Any]:
    text = {"type": "string"}
    number = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
    day = {"type": "string", "format": "date"}
    shape: dict[str, Any]
    match field.type:
        case "rows":
            row = {
                "type": "object",
                "properties": {column.name: _shape(column) for column in field.fields},
                "required": [column.name for column in field.fields],
                "additionalProperties": False,
            }
            return {"type": "array", "items": row}
        case "money":
            shape = _closed({"amount": number, "currency": text, "qualifier": text, "upper": number}, "upper")
        case "number":
            shape = _closed({"number": number, "unit": text, "qualifier": text, "upper": number}, "upper")
        case "period":
            shape = _closed({"from": day, "to": day})
        case "date":
            shape = day
        case "yes_no":
            shape = {"type": "boolean"}
        case "one_of":
            shape = {"enum": list(field.options)}
        case _:
            shape = text
    if field.about:
        shape = {**shape, "description": field.about}
    return {"anyOf": [shape, {"type": "null"}]}


def _closed(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
