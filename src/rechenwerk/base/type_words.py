"""What msgspec says about a wrong table, in our words: the place, what is wrong, how to mend it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec
from msgspec import inspect

from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path

_EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "str": 'write it in quotes, such as "0.15"',
        "int": "write a whole number without quotes",
        "array": 'write a list, such as ["chat"]',
        "object": 'write a table, such as { input = "0.15" }',
        "decimal": 'write a number in quotes, such as "12.50"',
        "bool": "write true or false",
        "date": "write a day without quotes, such as 2027-12-31",
    }
)
_ELSE = "write what docs/configuration.md says"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """How to mend a word that is not known: the one that it looks like, else all of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, 1)
    return (
        sentence("did you mean {item!r}?", item=near[0])
        if near
        else sentence("choose from {known}", known=", ".join(known) or "none yet")
    )


def missing_fix(name: str) -> str:
    """How to add a field that is missing."""
    if name == "cost":
        return 'add cost = { input = "0.15", output = "0.60" }; a free one says cost = { input = "0" }'
    if name == "price":
        return 'add price = { input = "0.18", output = "0.72" }; a free one says price = { input = "0" }'
    if name == "joules":
        return 'add joules = { input = "0.05", output = "1.5" }, or leave joules out'
    if name == "jurisdictions":
        return 'add jurisdictions = ["EU"]; any says jurisdictions = []'
    return sentence("add {name} = …", name=name)


def explained(
    error: msgspec.ValidationError, kind: type[msgspec.Struct], item: Mapping[str, object]
) -> tuple[Path, str, str]:
    """Where in a table something is wrong, what, and the fix.

    Args:
        error: of converting the table.
        kind: what it should be.
        item: as it stands in the file.
    """
    message, _, place = str(error).partition(" - at `")
    place = place.removeprefix("key` in `")
    inner: Path = tuple(int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]`$]+", place))
    if place.endswith("[...]`") and inner:  # msgspec does not say which value of a mapping is wrong
        inner = (*inner, *_first_not_text(item.get(str(inner[0]))))
    shown = _shown(inner)
    named = re.search(r"(missing required|unknown) field `(\w+)`", message)
    if named is not None and named[1] == "unknown":
        known = _fields(inspect.type_info(kind), inner)
        return (
            (*inner, named[2]),
            sentence("unknown field {item!r} in {shown}", item=named[2], shown=shown),
            did_you_mean(named[2], known),
        )
    if named is not None:
        return inner, sentence("{shown} has no {item}", shown=shown, item=named[2]), missing_fix(named[2])
    chosen = re.fullmatch(r"Invalid enum value '(.*)'", message)
    if chosen is not None:
        words = _words(inspect.type_info(kind), inner)
        return (
            inner,
            sentence("{shown}: unknown word {item!r}", shown=shown, item=chosen[1]),
            did_you_mean(chosen[1], words),
        )
    return (
        inner,
        sentence("{shown}: {message}", shown=shown, message=message[:1].lower() + message[1:]),
        _fix(message),
    )


def _fix(message: str) -> str:
    for word, fix in _EXPECTED.items():
        if f"`{word}`, got" in message or f"`{word} | null`, got" in message:
            return fix
    if message.startswith("Invalid decimal"):
        return _EXPECTED["decimal"]
    return _EXPECTED["date"] if message.endswith("encoded date") else _ELSE


def _shown(inner: Path) -> str:
    """Such as ``blocks[0].units``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner).lstrip(".")


def _first_not_text(mapping: object) -> tuple[str, ...]:
    if isinstance(mapping, dict):
        for key, value in mapping.items():
            if not isinstance(value, str):
                return (str(key),)
    return ()


def _at(kind: inspect.Type, inner: Path) -> list[inspect.Type]:
    """The types that may stand at a place."""
    found = [kind]
    for part in (None, *inner):
        step: list[inspect.Type] = []
        for one in found:
            if isinstance(one, inspect.UnionType):
                step += one.types
            else:
                step.append(one)
        found = step if part is None else [inside for one in step for inside in _inside(one, part)]
    return [
        inside for one in found for inside in (one.types if isinstance(one, inspect.UnionType) else (one,))
    ]


def _inside(kind: inspect.Type, part: str | int) -> list[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        return [field.type for field in kind.fields if field.encode_name == part]
    if isinstance(kind, inspect.VarTupleType):
        return [kind.item_type]
    return [kind.value_type] if isinstance(kind, inspect.DictType) else []


def _fields(kind: inspect.Type, inner: Path) -> list[str]:
    found = [one for one in _at(kind, inner) if isinstance(one, inspect.StructType)]
    return [field.encode_name for one in found for field in one.fields]


def _words(kind: inspect.Type, inner: Path) -> list[str]:
    """What may stand at a place: the words of a choice, or those that a mapping may name."""
    words: list[str] = []
    for one in _at(kind, inner):
        choice = one.key_type if isinstance(one, inspect.DictType) else one
        if isinstance(choice, inspect.LiteralType):
            words += [str(value) for value in choice.values]
    return words
