"""Rows of a table: its heading by the columns' labels, and the values under them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from rechenwerk.documents.checking.evidence import Claim, prove, unproven
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.labels import STRONG, WEAK, FieldWords
from rechenwerk.documents.checking.layout import Piece
from rechenwerk.documents.checking.reading import Mark, Reading
from rechenwerk.documents.checking.roles import Role
from rechenwerk.documents.checking.sums import CENT, amount_of
from rechenwerk.documents.checking.typed import KINDS
from rechenwerk.documents.schemas import Field, Rule
from rechenwerk.documents.values import Box, Value

_LEAST = 2
"""Columns that a heading names at least."""
_MOST = 2000
_CARRIED = re.compile(r"übertrag|uebertrag|carried|brought forward", re.IGNORECASE)
_WORD = re.compile(r"\S+")
_CENTS = re.compile(r"[.,]\d{2}-?$")
_ASIDE = 15.0
"""Points that an amount may stand beside its heading."""
_NUMERIC = frozenset({"number", "money", "date", "period"})


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


class Row(msgspec.Struct, frozen=True):
    """One row: for each column where its value stands."""

    cells: dict[str, tuple[int, int, Column]]


def rows(
    reading: Reading, field: Field, words: Mapping[str, FieldWords], totals: Sequence[FieldWords]
) -> list[list[Value]]:
    """The rows of a field, every cell checked.

    Args:
        reading: the document.
        field: of type rows.
        words: labels of its columns.
        totals: labels of amounts that end a table.
    """
    heading = _heading(reading, field, words)
    if heading is None:
        return []
    found = []
    for at, row in enumerate(_rows(reading, field, heading, words, totals)):
        values = []
        for column in field.fields:
            path = f"{field.name}.{at}.{column.name}"
            cell = row.cells.get(column.name)
            if cell is None:
                values.append(Value(path, None, "absent", "rule"))
                continue
            start, end, label = cell
            role = Role(STRONG, "column", label.start, label.end, reading.text[label.start : label.end])
            claim = Claim(path, "", "rule", None, start, end, role)
            values.append(prove(reading, column, words[column.name], claim).value)
        found.append(values)
    return found


def checked(
    field: Field, table: list[list[Value]], rules: Sequence[Rule], totals: set[Decimal]
) -> list[Value]:
    """Rows after their cross-checks.

    Args:
        field: of type rows.
        table: its rows.
        rules: of the schema.
        totals: amounts that a column may add up to.
    """
    products = [
        [path.partition(".")[2] for path in rule.fields]
        for rule in rules
        if rule.kind == "product" and rule.fields[0].partition(".")[0] == field.name
    ]
    money = [column.name for column in field.fields if column.type == "money" and column.required]
    adds_up = {
        name: (total := column_sum(field, table, name)) is not None and total in totals for name in money
    }
    sure_of_all = bool(money) and all(adds_up.values())
    result: list[Value] = []
    for row in table:
        cells = {column.name: value for column, value in zip(field.fields, row, strict=True)}
        fault = "" if sure_of_all else _fault(cells, products, bool(money))
        for value in cells.values():
            result.append(unproven(value, fault) if fault and value.state == "proven" else value)
    return result


def _fault(cells: Mapping[str, Value], products: Sequence[Sequence[str]], money: bool) -> str:
    """What is wrong with a row: its product, or that nothing confirms it; '' where its product is right."""
    fault = "sum: no cross-check confirms this row" if money else ""
    for names in products:
        amounts = [amount_of(cells[name]) if cells[name].value else None for name in names]
        known = [amount for amount in amounts if amount is not None]
        if len(known) < len(names):
            continue
        *factors, wanted = known
        product = Decimal(1)
        for factor in factors:
            product *= factor
        if abs(product - wanted) <= CENT:
            return ""
        fault = f"product: {' x '.join(map(str, factors))} is not {wanted}"
    return fault


def column_sum(field: Field, table: list[list[Value]], column: str) -> Decimal | None:
    """The sum of a column whose every cell has an amount."""
    at = [one.name for one in field.fields].index(column)
    amounts = [amount_of(row[at]) if row[at].value else None for row in table]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def _heading(reading: Reading, field: Field, words: Mapping[str, FieldWords]) -> Heading | None:
    """The line that names most columns, the required ones among them; of equals the first."""
    best: Heading | None = None
    required = {column.name for column in field.fields if column.required}
    for piece in reading.layout.pieces:
        row = reading.layout.row(piece)
        if row[0] is not piece:
            continue
        columns = _columns(reading, field, words, row)
        named = {column.name for column in columns if column.name}
        if len(named) < _LEAST or not required <= named:
            continue
        if best is None or len(named) > len(best.named()):
            best = Heading(max(column.box.bottom for column in columns), piece.page, tuple(columns))
    return best


def _columns(
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
            name = _wanted(field, fitting, is_last=is_last) if fitting else ""
            columns.append(Column(name, start, end, box))
    return columns


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


def _rows(
    reading: Reading,
    field: Field,
    heading: Heading,
    words: Mapping[str, FieldWords],
    totals: Sequence[FieldWords],
) -> list[Row]:
    found: list[Row] = []
    ended = False
    for line in _lines(reading, heading):
        if len(found) >= _MOST:
            break
        text = " ".join(reading.text[piece.start : piece.end] for piece in line)
        named = [column for column in _columns(reading, field, words, line) if column.name]
        if len(named) >= max(_LEAST, len(heading.named()) - 1):
            ended = False  # the heading again, on the next page
            continue
        if _CARRIED.search(text):
            continue
        if _is_total(reading, line, totals):
            ended = True
        if ended:
            continue
        cells = _cells(reading, field, heading, line)
        required = [column.name for column in field.fields if column.required]
        if all(name in cells for name in required) and len(cells) > 1:
            found.append(Row(cells))
    return found


def _lines(reading: Reading, heading: Heading) -> list[list[Piece]]:
    """Lines below the heading, on its page and the following."""
    lines: list[list[Piece]] = []
    seen: set[int] = set()
    ordered = sorted(
        (piece for piece in reading.layout.pieces if piece.page >= heading.page),
        key=lambda piece: (piece.page, piece.box.top),
    )
    for piece in ordered:
        if piece.start in seen or (piece.page == heading.page and piece.box.top < heading.bottom - 1):
            continue
        row = reading.layout.row(piece)
        seen |= {one.start for one in row}
        lines.append(row)
    return lines


def _is_total(reading: Reading, line: Sequence[Piece], totals: Sequence[FieldWords]) -> bool:
    """Whether a line begins with the label of a total."""
    for piece in line:
        if reading.is_value(piece):
            continue
        text = reading.text[piece.start : piece.end]
        marks = [mark for mark in reading.marks_in(piece.start, piece.end) if mark.kind != "percent"]
        label = text[: marks[0].start - piece.start] if marks else text
        return any(words.match(label).strength >= WEAK for words in totals) and key(label) != ""
    return False


def _cells(
    reading: Reading, field: Field, heading: Heading, line: Sequence[Piece]
) -> dict[str, tuple[int, int, Column]]:
    """What of a line stands under which heading."""
    cells: dict[str, tuple[int, int, Column]] = {}
    fields = {column.name: column for column in field.fields}
    taken: list[Mark] = []
    for piece in line:
        for mark in reading.marks_in(piece.start, piece.end):
            box = reading.layout.box(mark.start, mark.end)
            if box is None:
                continue
            over = _nearest(heading, box)
            column = fields.get(over.name)
            if column is None or column.type not in _NUMERIC or over.name in cells:
                continue
            if mark.kind in KINDS[column.type] and _fits(reading, column, mark, over, box):
                cells[over.name] = mark.start, mark.end, over
                taken.append(mark)
    spans: dict[str, tuple[int, int]] = {}
    for word in (word for piece in line for word in reading.layout.words_of(piece.start, piece.end)):
        box = reading.layout.box(word.start, word.end)
        if box is None or any(mark.start <= word.start < mark.end for mark in taken):
            continue
        over = _under(heading, box)
        if over.name in fields and fields[over.name].type not in _NUMERIC:
            start, end = spans.get(over.name, (word.start, word.end))
            if reading.text[end : word.start].strip() == "":
                spans[over.name] = start, word.end
    named = heading.named()
    return cells | {name: (*span, named[name]) for name, span in spans.items()}


def _fits(reading: Reading, column: Field, mark: Mark, over: Column, box: Box) -> bool:
    """Whether a number may be a cell: money has cents or a currency, and stands under its heading."""
    if column.type != "money":
        return True
    text = reading.text[mark.start : mark.end]
    shared = min(over.box.right, box.right) - max(over.box.left, box.left)
    return shared > -_ASIDE and (mark.kind == "money" or _CENTS.search(text) is not None)


def _nearest(heading: Heading, box: Box) -> Column:
    """The column whose heading a box stands under: it shares most width, or their edges are nearest."""

    def distance(column: Column) -> float:
        over = column.box
        shared = min(over.right, box.right) - max(over.left, box.left)
        if shared > 0:
            return -shared / max(1.0, min(over.right - over.left, box.right - box.left))
        return min(abs(over.right - box.right), abs(over.left - box.left))

    return min(heading.columns, key=distance)


def _under(heading: Heading, box: Box) -> Column:
    """The column of a word of text: the last that begins left of it."""
    begun = [column for column in heading.columns if column.box.left <= box.left + 3]
    return begun[-1] if begun else heading.columns[0]
