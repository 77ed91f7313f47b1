"""Rows of a table: its heading by the columns' labels, and the values under them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
_NUMERIC = frozenset({"number", "money", "date", "period"})


class Heading(msgspec.Struct, frozen=True):
    """A table's heading: for each column the piece that names it."""

    top: float
    bottom: float
    page: int
    columns: dict[str, Piece]


class Row(msgspec.Struct, frozen=True):
    """One row: for each column where its value stands."""

    cells: dict[str, tuple[int, int, Piece]]
    percent: Decimal = Decimal(0)


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
    result: list[Value] = []
    for row in table:
        cells = {column.name: value for column, value in zip(field.fields, row, strict=True)}
        sure = False
        for names in products:
            amounts = [amount_of(cells[name]) if cells[name].value else None for name in names]
            if any(amount is None for amount in amounts):
                continue
            *factors, wanted = (amount for amount in amounts if amount is not None)
            product = Decimal(1)
            for factor in factors:
                product *= factor
            sure = abs(product - wanted) <= CENT
            if not sure and not all(adds_up.values()):
                fault = f"product: {' x '.join(map(str, factors))} is not {wanted}"
                cells |= {name: unproven(cells[name], fault) for name in names}
        if not sure and money and not all(adds_up.values()):
            for name in money:
                if cells[name].state == "proven":
                    cells[name] = unproven(cells[name], "sum: no cross-check confirms this row")
        result += cells.values()
    return result


def column_sum(field: Field, table: list[list[Value]], column: str) -> Decimal | None:
    """The sum of a column whose every cell has an amount."""
    at = [one.name for one in field.fields].index(column)
    amounts = [amount_of(row[at]) if row[at].value else None for row in table]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def _heading(reading: Reading, field: Field, words: Mapping[str, FieldWords]) -> Heading | None:
    """The line that names most columns, the required ones among them."""
    best: Heading | None = None
    required = {column.name for column in field.fields if column.required}
    for piece in reading.layout.pieces:
        row = reading.layout.row(piece)
        if row[0] is not piece:
            continue
        columns = _columns(reading, field, words, row)
        if len(columns) < _LEAST or not required <= columns.keys():
            continue
        if best is None or len(columns) > len(best.columns):
            boxes = [one.box for one in columns.values()]
            best = Heading(
                min(box.top for box in boxes), max(box.bottom for box in boxes), piece.page, columns
            )
    return best


def _columns(
    reading: Reading, field: Field, words: Mapping[str, FieldWords], row: Sequence[Piece]
) -> dict[str, Piece]:
    """Which piece of a line names which column; the last that fits is the amount's."""
    columns: dict[str, Piece] = {}
    for piece in row:
        text = reading.text[piece.start : piece.end]
        if reading.marks_in(piece.start, piece.end):
            continue
        fitting = [
            column.name
            for column in field.fields
            if words[column.name].match(text).strength >= WEAK and column.name not in columns
        ]
        if fitting:
            columns[_wanted(field, fitting, is_last=piece is row[-1])] = piece
    return columns


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
        if len(_columns(reading, field, words, line)) >= max(_LEAST, len(heading.columns) - 1):
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
) -> dict[str, tuple[int, int, Piece]]:
    """What of a line stands under which heading."""
    cells: dict[str, tuple[int, int, Piece]] = {}
    numeric = {column.name: column for column in field.fields if column.type in _NUMERIC}
    taken: list[Mark] = []
    for piece in line:
        for mark in reading.marks_in(piece.start, piece.end):
            box = reading.layout.box(mark.start, mark.end)
            if box is None:
                continue
            name = _nearest(heading, box)
            if name in numeric and name not in cells and mark.kind in KINDS[numeric[name].type]:
                cells[name] = mark.start, mark.end, heading.columns[name]
                taken.append(mark)
    for piece in line:
        name = _nearest(heading, piece.box)
        column = next((one for one in field.fields if one.name == name), None)
        if column is None or name in numeric or name in cells:
            continue
        end = min((mark.start for mark in taken if piece.start < mark.start < piece.end), default=piece.end)
        start = max(
            (mark.end for mark in taken if piece.start <= mark.start and mark.end < end), default=piece.start
        )
        text = reading.text[start:end].strip()
        if text and not (column.shape != "identifier" and not any(letter.isalpha() for letter in text)):
            begin = start + reading.text[start:end].index(text)
            cells[name] = begin, begin + len(text), heading.columns[name]
    return cells


def _nearest(heading: Heading, box: Box) -> str:
    """The column whose heading a box stands under: it shares most width, or their edges are nearest."""

    def distance(name: str) -> float:
        over = heading.columns[name].box
        shared = min(over.right, box.right) - max(over.left, box.left)
        if shared > 0:
            return -shared / max(1.0, min(over.right - over.left, box.right - box.left))
        return min(abs(over.right - box.right), abs(over.left - box.left))

    return min(heading.columns, key=distance)
