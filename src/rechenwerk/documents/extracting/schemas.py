"""Schemas as people give them: a ready one by name, a JSON Schema, or a form in plain words.

The subset of JSON Schema and the plain words are documented in docs/extraction.md.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.base.errors import SchemaError
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.extracting.json_schema import from_json_schema, slug
from rechenwerk.documents.schemas import Field, Rule, Schema

READY = ("invoice", "contract", "article", "order", "application")
"""Names of the ready schemas, in the order in which a plain word is looked up."""

_SPLIT = re.compile(r"[,;\n]")
_AND = re.compile(r"\s+(?:und|and|sowie|&)\s+")
_PLAIN = MappingProxyType(
    {
        **dict.fromkeys(("text",), "text"),
        **dict.fromkeys(("number", "zahl"), "number"),
        **dict.fromkeys(("money", "geld", "betrag", "amount"), "money"),
        **dict.fromkeys(("date", "datum"), "date"),
        **dict.fromkeys(("period", "zeitraum"), "period"),
        **dict.fromkeys(("vatid", "ustid", "ustidnr"), "vat_id"),
        **dict.fromkeys(("yesno", "janein"), "yes_no"),
        "iban": "iban",
    }
)
_ENTRY = re.compile(r"^\s*(?:[-*•]\s*|\d+[.)]\s*)?(?P<name>[^(:]+?)\s*(?:[(:]\s*(?P<type>[^)]*)\)?)?\s*$")


class _Words(msgspec.Struct, frozen=True):
    fields: dict[str, str]
    types: dict[str, tuple[str, ...]]


def _data(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath("ready", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@functools.cache
def ready(name: str) -> Schema:
    """A ready schema.

    Raises:
        SchemaError: there is none of that name.
    """
    if name not in READY:
        raise SchemaError(f"there is no ready schema '{name}'; there are {', '.join(READY)}")
    return msgspec.convert(_data(name), Schema)


@functools.cache
def _words() -> _Words:
    return msgspec.convert(_data("words"), _Words)


@functools.cache
def _vocabulary() -> dict[str, tuple[str, Field]]:
    """What a plain word means: key -> the ready schema and its field."""
    known: dict[str, tuple[str, Field]] = {}
    for name in READY:
        for field in ready(name).fields:
            for word in (field.name, *field.title.values(), *field.labels):
                known.setdefault(key(word), (name, field))
    for word, path in _words().fields.items():
        name, _, wanted = path.partition(".")
        known[key(word)] = name, next(field for field in ready(name).fields if field.name == wanted)
    return known


def read_schema(given: str | dict[str, Any], name: str = "form") -> Schema:
    """A schema in whichever way it is given: a ready name, JSON Schema (text or read), or plain words.

    Args:
        given: what was given.
        name: of a schema that brings none.

    Raises:
        SchemaError: says what is wrong and where.
    """
    if isinstance(given, dict):
        return with_known_labels(from_json_schema(given, name))
    text = given.strip()
    if text in READY:
        return ready(text)
    if text.startswith("{"):
        try:
            read = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise SchemaError(f"the schema is no JSON: {error}") from None
        return with_known_labels(from_json_schema(read, name))
    return from_words(text, name)


def from_words(text: str, name: str = "form") -> Schema:
    """A schema from a form in plain words: 'invoice number, supplier, total, due date'.

    Args:
        text: names with commas, semicolons or lines between them; a type in brackets where it cannot be
            told from the name: 'colour (one of: red, blue)', 'approved (yes/no)',
            'parts (rows: name; price)'.
        name: of the schema.

    Raises:
        SchemaError: nothing is named, twice the same, or a type that there is none of.
    """
    fields: list[Field] = []
    origins: dict[str, str] = {}
    for entry in _entries(text):
        field, path = _field(entry)
        if field.name in {other.name for other in fields}:
            raise SchemaError(f"'{field.name}' is named twice; give each field once")
        fields.append(field)
        origins.setdefault(path, field.name)
    if not fields:
        raise SchemaError("no field is named; write what is to be found: invoice number, total, due date")
    return Schema(
        name=slug(name), fields=tuple(fields), rules=_rules(origins), title={"en": name, "de": name}
    )


def _entries(text: str) -> list[str]:
    """Entries of a form; commas inside brackets do not part them."""
    depth, kept = 0, []
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        kept.append({",": "\x00", ";": "\x01", "\n": " "}.get(letter, letter) if depth > 0 else letter)
    entries: list[str] = []
    for entry in _SPLIT.split("".join(kept).strip().rstrip(".")):
        known = key(entry) in _vocabulary() or "(" in entry
        entries.extend([entry] if known else _AND.split(entry))
    return [entry.replace("\x00", ",").replace("\x01", ";").strip() for entry in entries if entry.strip()]


def _field(entry: str) -> tuple[Field, str]:
    found = _ENTRY.match(entry)
    if found is None or not slug(found["name"]):
        raise SchemaError(f"'{entry}' is no field; write a name, and its type in brackets if it needs one")
    title, typed = found["name"].strip().rstrip("?"), (found["type"] or "").strip()
    name = slug(title)
    given = _typed(name, title, typed) if typed else None
    if given is not None and given.type in {"rows", "one_of"}:
        return given, ""
    known = _vocabulary().get(key(title))
    if known is not None and (given is None or known[1].type == given.type):
        return msgspec.structs.replace(
            known[1], name=name, title=_titles(title)
        ), f"{known[0]}.{known[1].name}"
    if given is not None:
        return given, ""
    kind, shape = _guess(title)
    return Field(name=name, type=kind, title=_titles(title), labels=(title,), shape=shape), ""


def _titles(title: str) -> dict[str, str]:
    return {"de": title, "en": title}


def _typed(name: str, title: str, typed: str) -> Field:
    """A field whose type is written in brackets."""
    head, _, rest = typed.partition(":")
    word = key(head)
    base = Field(name=name, type="text", title=_titles(title), labels=(title,))
    if word in _PLAIN:
        return msgspec.structs.replace(base, type=_PLAIN[word])
    if word in {"oneof", "einesvon", "einervon", "auswahl", "choice"} and rest.strip():
        options = tuple(option.strip() for option in re.split(r"[,;/|]", rest) if option.strip())
        return msgspec.structs.replace(base, type="one_of", options=options)
    if word in {"rows", "listofrows", "zeilen", "liste", "list", "tabelle", "table"} and rest.strip():
        columns = tuple(_field(column)[0] for column in re.split(r"[,;]", rest) if column.strip())
        return msgspec.structs.replace(base, type="rows", fields=columns)
    raise SchemaError(
        f"'{title}': there is no type '{typed}'; there are text, number, money, date, period, iban, vat id, "
        "yes/no, one of: a, b and rows: a, b"
    )


def _guess(title: str) -> tuple[str, str]:
    """Type and shape by the words of a name that nobody knows."""
    lowered = title.casefold()
    if lowered.startswith(("ob ", "whether ", "is ", "has ", "ist ", "hat ")):
        return "yes_no", ""
    last = re.split(r"[\s\-/_]+", lowered.strip())[-1]
    found: tuple[int, str] = 0, "text"
    for kind, words in _words().types.items():
        for word in words:
            same = key(lowered) == key(word) or last == word
            if (same or (len(word) > 4 and last.endswith(word))) and len(word) > found[0]:
                found = len(word), kind
    kind = found[1]
    return ("text", kind) if kind in {"identifier", "sender", "recipient"} else (kind, "")


def _rules(origins: dict[str, str]) -> tuple[Rule, ...]:
    """Cross-checks of a ready schema whose every field was asked for, under the names asked for."""
    rules: list[Rule] = []
    for name in READY:
        for rule in ready(name).rules:
            paths = []
            for field in rule.fields:
                head, dot, column = field.partition(".")
                paths.append(
                    f"{origins[f'{name}.{head}']}{dot}{column}" if f"{name}.{head}" in origins else ""
                )
            if all(paths):
                rules.append(msgspec.structs.replace(rule, fields=tuple(paths)))
    return tuple(rules)


def with_known_labels(schema: Schema) -> Schema:
    """Fields that bring no labels of their own get those of the ready field that their name means."""
    return msgspec.structs.replace(schema, fields=tuple(_labelled(field) for field in schema.fields))


def _labelled(field: Field) -> Field:
    if field.type == "rows":
        return msgspec.structs.replace(field, fields=tuple(_labelled(column) for column in field.fields))
    own = (*field.title.values(), field.name.replace("_", " "))
    if field.labels:
        return field
    for word in own:
        known = _vocabulary().get(key(word))
        if known is not None and known[1].type == field.type:
            other = known[1]
            return msgspec.structs.replace(
                field,
                labels=(*own, *other.labels),
                never=(*field.never, *other.never),
                weak=(*field.weak, *other.weak),
                shape=field.shape or other.shape,
                meanings=field.meanings or other.meanings,
            )
    shape = field.shape or (_guess(own[0])[1] if field.type == "text" else "")
    return msgspec.structs.replace(field, labels=tuple(dict.fromkeys(own)), shape=shape)
