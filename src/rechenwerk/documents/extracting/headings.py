"""The heading of a table: which words of a line name which column, and what stands under them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from rechenwerk.documents.checking.labels import WEAK, FieldWords
from rechenwerk.documents.checking.layout import Piece
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.schemas import Field
from rechenwerk.documents.values import Box

LEAST = 2
"""Columns that a heading names at least."""
ASIDE = 15.0
"""Points that an amount may stand beside its heading."""
NUMERIC = frozenset({"number", "money", "date", "period"})
"""Types whose values stand under their heading rather than beginning there."""
_WORD = re.compile(r"\S+")


class Column(msgspec.Struct, frozen=True):
    """A column's heading: `text[start:end]` and where it stands; the name is '' where nobody asked for it."""

    name: str
    start: int
    end: int
    box: Box


class Heading(msgspec.Struct, frozen=True):
    """A table's heading: its columns from left to right."""

    bottom: float
    page: int
    columns: tuple[Column, ...]

    def named(self) -> dict[str, Column]:
        """The columns that were asked for."""
        return {column.name: column for column in self.columns if column.name}


def heading_of(reading: Reading, field: Field, words: Mapping[str, FieldWords]) -> Heading | None:
    """The line that names most columns, the required ones among them; of equals the first."""
    best: Heading | None = None
    required = {column.name for column in field.fields if column.required}
    for piece in reading.layout.pieces:
        row = reading.layout.row(piece)
        if row[0] is not piece:
            continue
        columns = columns_of(reading, field, words, row)
        named = {column.name for column in columns if column.name}
        if len(named) < LEAST or not required <= named:
            continue
        if best is None or len(named) > len(best.named()):
            best = Heading(max(column.box.bottom for column in columns), piece.page, tuple(columns))
    return best


def columns_of(
    reading: Reading, field: Field, words: Mapping[str, FieldWords], row: Sequence[Piece]
) -> list[Column]:
    """Which words of a line name which column."""
    columns: list[Column] = []
    for piece in row:
        if reading.marks_in(piece.start, piece.end):
            continue
        for start, end in _labels(reading, words, piece):
            box = reading.layout.box(start, end)
            if box is None:
                continue
            text = reading.text[start:end]
            taken = {column.name for column in columns}
            fitting = [
                column.name
                for column in field.fields
                if words[column.name].match(text).strength >= WEAK and column.name not in taken
            ]
            is_last = piece is row[-1] and end == piece.end
            name = (
                _wanted(field, fitting, is_last=is_last) if fitting else _again(field, words, columns, text)
            )
            columns.append(Column(name, start, end, box))
    return columns


def _again(field: Field, words: Mapping[str, FieldWords], columns: list[Column], text: str) -> str:
    """A second heading for a text, such as 'Item' and 'Description': the later is the text's."""
    for column in field.fields:
        if column.type == "text" and not column.shape and words[column.name].match(text).strength >= WEAK:
            for at, other in enumerate(columns):
                if other.name == column.name:
                    columns[at] = msgspec.structs.replace(other, name="")
            return column.name
    return ""


def _labels(reading: Reading, words: Mapping[str, FieldWords], piece: Piece) -> Iterator[tuple[int, int]]:
    """The headings in a piece, which may be several where columns stand close together."""
    tokens = [(found.start(), found.end()) for found in _WORD.finditer(reading.text, piece.start, piece.end)]
    at = 0
    while at < len(tokens):
        for last in range(min(len(tokens), at + 4), at, -1):
            text = reading.text[tokens[at][0] : tokens[last - 1][1]]
            if any(one.match(text).strength >= WEAK for one in words.values()):
                break
        else:
            last = at + 1
        yield tokens[at][0], tokens[last - 1][1]
        at = last


def _wanted(field: Field, fitting: list[str], *, is_last: bool) -> str:
    """'Gesamt' names the amount, 'Preis' in the last column as well; else the first that fits."""
    required = [column.name for column in field.fields if column.required]
    if is_last:
        for name in required:
            if name in fitting:
                return name
    return next((name for name in fitting if name not in required), fitting[0])


def over(heading: Heading, fields: Mapping[str, Field], box: Box) -> Column | None:
    """The numeric column under whose heading a box stands; None for a number within text."""
    best = max(heading.columns, key=lambda column: shared(column.box, box))
    field = fields.get(best.name)
    if field is None or field.type not in NUMERIC:
        return None
    if shared(best.box, box) > 0:
        return best
    beside = fields.get(under(heading, box).name)
    within_text = beside is not None and beside.type not in NUMERIC
    return None if within_text or shared(best.box, box) < -ASIDE else best


def under(heading: Heading, box: Box) -> Column:
    """The column of a word of text: the last that begins left of it."""
    begun = [column for column in heading.columns if column.box.left <= box.left + 3]
    return begun[-1] if begun else heading.columns[0]


def shared(one: Box, other: Box) -> float:
    """Width that two boxes share; negative: how far they are apart."""
    return min(one.right, other.right) - max(one.left, other.left)
