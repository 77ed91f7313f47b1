"""Reading a TOML file: tables with their types, and every mistake with its line and its fix."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_lines import Path, line_at, lines_of
from rechenwerk.base.type_words import did_you_mean, explained, missing_fix


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong in a file, where, and how to mend it.

    Args:
        line: of the text.
        message: what is wrong.
        fix: how to mend it.
        place: where, if that is no line of a text, such as a workbook's "Model!A7".
        message_de, fix_de: both in German, where somebody said them.
    """

    line: int
    message: str
    fix: str
    place: str = ""
    message_de: str = ""
    fix_de: str = ""


class MistakesError(RechenwerkError):
    """A file cannot be used.

    Args:
        mistakes: all of them, in the order of the file.
        german: what is said of the first, in German.
    """

    def __init__(self, mistakes: Sequence[Mistake], german: str = "") -> None:
        first = mistakes[0]
        more = sentence(" (and {count} more)", count=len(mistakes) - 1) if len(mistakes) > 1 else ""
        place = first.place or sentence("line {line}", line=first.line)
        values = {"place": place, "message": first.message, "fix": first.fix, "more": more}
        self.said = sentence("{place}: {message}; {fix}{more}", **values)
        super().__init__(self.said)
        self.german = german
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))


T = TypeVar("T", bound=msgspec.Struct)


class Reader:
    """Collects every mistake of one file instead of stopping at the first.

    Args:
        text: of the file.
        numbers: what a number with a point becomes; money must never be a binary fraction.
        parsed: tables and lines of a text that is not TOML.
        banned: (table, key) that must not stand there, with what is wrong about it and the fix.

    Raises:
        MistakesError: it is not TOML.
    """

    def __init__(
        self,
        text: str,
        banned: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType({}),
        numbers: Callable[[str], Any] = Decimal,
        parsed: tuple[dict[str, Any], Mapping[Path, int]] | None = None,
    ) -> None:
        self.mistakes: list[Mistake] = []
        self._banned = banned
        if parsed is not None:
            self.raw, self._lines = parsed
            return
        self._lines = lines_of(text)
        try:
            self.raw = tomllib.loads(text, parse_float=numbers)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"line (\d+)", str(error))
            line = int(place[1]) if place else text.count("\n") + 1
            what = re.sub(r" \(at .*\)$", "", str(error))
            raise MistakesError(
                [Mistake(line, sentence("this is not TOML: {what}", what=what), "mend the syntax")]
            ) from None

    def wrong(self, path: Path, message: str, fix: str) -> None:
        """Note a mistake at the line of a path."""
        self.mistakes.append(Mistake(self.line(path), message, fix))

    def line(self, path: Path) -> int:
        """Where something stands; 0 when that is not known."""
        return line_at(self._lines, path)

    def tables(self, name: str, kind: type[T]) -> list[tuple[int, T]]:
        """All ``[[name]]`` that have the right fields with the right types."""
        good = []
        for index, item in enumerate(self._items(name)):
            table = self._table((name, index), item, kind)
            if table is not None:
                good.append((index, table))
        return good

    def tables_of(self, name: str, kinds: Mapping[str, type[T]]) -> list[tuple[int, T]]:
        """The same where the field ``kind`` says which fields a table has.

        A table whose kind is not known is read as the kind that it looks like: its other mistakes are told as
        well, and those between it and others.
        """
        good = []
        for index, item in enumerate(self._items(name)):
            kind = item.get("kind")
            if "kind" not in item:
                self.wrong(
                    (name, index),
                    sentence("[[{name}]] has no kind", name=name),
                    sentence("choose from {list}", list=", ".join(kinds)),
                )
            elif not isinstance(kind, str) or kind not in kinds:
                fix = did_you_mean(str(kind), kinds)
                self.wrong(
                    (name, index, "kind"),
                    sentence("unknown kind {kind!r} of a {name}", kind=kind, name=name),
                    fix,
                )
            seen = kind if isinstance(kind, str) and kind in kinds else _looks_like(item, kinds)
            if seen is not None:
                table = self._table((name, index), {**item, "kind": seen}, kinds[seen])
                if table is not None:
                    good.append((index, table))
        return good

    def _items(self, name: str) -> list[dict[str, Any]]:
        raw = self.raw.get(name, [])
        if isinstance(raw, list) and all(isinstance(item, dict) for item in raw):
            return raw
        self.wrong(
            (name,),
            sentence("{name} must be a list of tables", name=name),
            sentence("write [[{name}]]", name=name),
        )
        return []

    def _table(self, path: Path, item: dict[str, Any], kind: type[T]) -> T | None:
        known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag = {kind.__struct_config__.tag_field} - {None}
        banned = {
            key: said for (table, key), said in self._banned.items() if table == path[0] and key in item
        }
        for key, (message, fix) in banned.items():
            self.wrong((*path, key), message, fix)
        absent = [name for name, field in known.items() if field.required and name not in item]
        for key in item:
            if key not in {*known, *tag, *banned}:
                message = sentence("unknown field {key!r} in [[{item}]]", key=key, item=path[0])
                self.wrong((*path, key), message, did_you_mean(key, known))
                absent = [name for name in absent if name not in difflib.get_close_matches(key, absent, 1)]
        for name in absent:
            self.wrong(path, sentence("[[{item}]] has no {name}", item=path[0], name=name), missing_fix(name))
        if any(field.required and name not in item for name, field in known.items()):
            return None
        try:  # without the strangers, so that all mistakes of a table are found at once
            good = {key: value for key, value in item.items() if key in known or key in tag}
            return msgspec.convert(good, kind)
        except msgspec.ValidationError as error:
            inner, what, fix = explained(error, kind, item)
            self.wrong((*path, *inner), what, fix)
            return None


def _looks_like(item: Mapping[str, Any], kinds: Mapping[str, type[msgspec.Struct]]) -> str | None:
    """The kind whose name is nearly what a table says, else one whose fields are just those that it has."""
    near = difflib.get_close_matches(str(item.get("kind", "")), kinds, 1)
    if near:
        return near[0]
    keys = item.keys() - {"kind"}
    for name, kind in kinds.items():
        fields = msgspec.structs.fields(kind)
        if {one.encode_name for one in fields if one.required} <= keys <= {one.encode_name for one in fields}:
            return name
    return None


def unique(reader: Reader, table: str, names: Sequence[tuple[int, str]]) -> None:
    """No two tables have the same name; (index, name) of each."""
    seen = set()
    for index, name in names:
        if name in seen:
            reader.wrong(
                (table, index),
                sentence("{table} {name!r} stands here twice", table=table, name=name),
                "remove or rename one of them",
            )
        seen.add(name)


def check_name(reader: Reader, path: Path, name: str) -> None:
    """What is a name: visible, without blanks around it."""
    if not name or name != name.strip() or len(name) > 200 or not name.isprintable():
        reader.wrong(
            path, sentence("{item!r} is not a name", item=name[:40]), "use 1 to 200 visible characters"
        )


def items_of(reader: Reader, table: str) -> list[dict[str, Any]]:
    """All ``[[table]]`` as they stand in the file, wrong ones too."""
    raw = reader.raw.get(table, [])
    return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []


def written(reader: Reader, table: str, key: str) -> list[str]:
    """All names in the file, those of tables with other mistakes too: one mistake is told once."""
    return [item[key] for item in items_of(reader, table) if isinstance(item.get(key), str)]
