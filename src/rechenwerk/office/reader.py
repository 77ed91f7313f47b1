"""Reading rechenwerk.toml: tables with their types, and every mistake with its line and its fix."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.office.tables import ProviderTable
from rechenwerk.office.toml_lines import Path, line_at, lines_of

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


T = TypeVar("T", bound=msgspec.Struct)


class Reader:
    """Collects every mistake of one file instead of stopping at the first.

    Args:
        text: of the file.

    Raises:
        MistakesError: it is not TOML.
    """

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
        """Note a mistake at the line of a path."""
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
                self.wrong((*path, key), message, did_you_mean(key, known))
                absent = [name for name in absent if name not in difflib.get_close_matches(key, absent, 1)]
        for name in absent:
            self.wrong(path, f"[[{path[0]}]] has no {name}", missing_fix(name))
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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """How to mend a word that is not known: the one that it looks like, else all of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known) or 'none yet'}"


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
    return f"add {name} = …"


def unique(reader: Reader, table: str, names: Sequence[tuple[int, str]]) -> None:
    """No two tables have the same name; (index, name) of each."""
    seen = set()
    for index, name in names:
        if name in seen:
            reader.wrong(
                (table, index), f"{table} {name!r} stands here twice", "remove or rename one of them"
            )
        seen.add(name)


def check_name(reader: Reader, path: Path, name: str) -> None:
    """What is a name: visible, without blanks around it."""
    if not name or name != name.strip() or len(name) > 200 or not name.isprintable():
        reader.wrong(path, f"{name[:40]!r} is not a name", "use 1 to 200 visible characters")


def items_of(reader: Reader, table: str) -> list[dict[str, Any]]:
    """All ``[[table]]`` as they stand in the file, wrong ones too."""
    raw = reader.raw.get(table, [])
    return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []


def written(reader: Reader, table: str, key: str) -> list[str]:
    """All names in the file, those of tables with other mistakes too: one mistake is told once."""
    return [item[key] for item in items_of(reader, table) if isinstance(item.get(key), str)]
