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
from rechenwerk.documents.checking.typed import KINDS, value_of
from rechenwerk.documents.extracting.headings import (
    ASIDE,
    LEAST,
    NUMERIC,
    Column,
    Heading,
    columns_of,
    heading_of,
    over,
    shared,
    under,
)
from rechenwerk.documents.schemas import Field, Rule
from rechenwerk.documents.values import Box, Value

_MOST = 2000
_CARRIED = re.compile(r"übertrag|uebertrag|carried|brought forward", re.IGNORECASE)
_CENTS = re.compile(r"[.,]\d{2}-?$")
_CODE = re.compile(r"(?:\d{3,}|[A-Z]{1,3}-\d+)\s+(?=[^\W\d]{2})")
_DEDUCTED = re.compile(
    r"(?:less|abz(?:ü|ue)glich|abzgl|\./\.)\b[^:]*:|[^:\d]*\b(?:rabatt|discount)\b[^:]*:", re.IGNORECASE
)
"""How a line below a table begins that takes something from its sum: 'abzüglich 3 % Rabatt:'."""
_DISCOUNT = re.compile(r"rab(?:att|\.)|nachlass|discount|disc\.|abzug", re.IGNORECASE)
PRODUCT = "product:"
"""How the reason begins that says how a row was reckoned, or that it was not right."""
_ALIGNED = 3.0
"""Left edges within so many points are one column's."""
_BLANK = 0.25
"""Width of a blank, as a share of the line's height."""


class Row(msgspec.Struct, frozen=True):
    """One row: for each column where its value stands."""

    cells: dict[str, tuple[int, int, Column]]
    marks: tuple[Mark, ...] = ()


def rows(
    reading: Reading,
    field: Field,
    words: Mapping[str, FieldWords],
    totals: Sequence[FieldWords],
    rules: Sequence[Rule],
) -> list[list[Value]]:
    """The rows of a field, every cell checked.

    Args:
        reading: the document.
        field: of type rows.
        words: labels of its columns.
        totals: labels of amounts that end a table.
        rules: of the schema; a product tells which number of a row is the quantity.
    """
    heading = heading_of(reading, field, words)
    if heading is None:
        return []
    found = []
    every = _rows(reading, field, heading, words, totals)
    rights = _rights(reading, field, every)
    begun = frozenset(cell[0] for row in every for cell in row.cells.values())
    for at, drawn in enumerate(every):
        row = _by_product(reading, field, heading, drawn, rules)
        missing = [name for name, column in heading.named().items() if name not in row.cells]
        numeric = [column.name for column in field.fields if column.type in NUMERIC]
        values = []
        for column in field.fields:
            path = f"{field.name}.{at}.{column.name}"
            cell = row.cells.get(column.name)
            if cell is None:
                values.append(Value(path, None, "absent", "rule"))
                continue
            start, end, label = cell
            if column.name in rights:
                end = _whole(reading, start, end)
            role = Role(STRONG, "column", label.start, label.end, reading.text[label.start : label.end])
            claim = Claim(path, "", "rule", None, start, end, role)
            value = prove(reading, column, words[column.name], claim).value
            if column.type == "text" and set(missing) & set(numeric):
                value = unproven(value, f"row: it has no {', '.join(missing)}")
            if column.name in rights and _goes_on(reading, (start, end), rights[column.name], begun):
                value = unproven(value, "row: the text goes on in the next line")
            values.append(value)
        found.append(_less_discount(reading, field, heading, row, rules, values))
    return found


def _less_discount(
    reading: Reading, field: Field, heading: Heading, row: Row, rules: Sequence[Rule], values: list[Value]
) -> list[Value]:
    """A row's values; where only a discount of the row explains its amount, the amount says how."""
    names = [column.name for column in field.fields]
    for first, price, whole in _products(field, rules):
        amounts = [amount_of(values[names.index(name)]) for name in (first, price, whole)]
        known = [amount for amount in amounts if amount is not None]
        if len(known) < len(amounts) or abs(known[0] * known[1] - known[2]) <= CENT:
            continue
        for discount in _discounts(reading, heading, row):
            if abs(known[0] * known[1] * (100 - discount) / 100 - known[2]) <= CENT / 2:
                said = f"{PRODUCT} {known[0]} x {known[1]} - {discount} % = {known[2]}"
                at = names.index(whole)
                values[at] = msgspec.structs.replace(values[at], reasons=(*values[at].reasons, said))
                break
    return values


def _discounts(reading: Reading, heading: Heading, row: Row) -> list[Decimal]:
    """Percentages of a row that are no value of a column that was asked for, and numbers under 'Rabatt'."""
    taken = {cell[:2] for cell in row.cells.values()}
    found = []
    for mark in row.marks:
        amount = mark.figure.amount if mark.figure is not None else None
        box = reading.layout.box(mark.start, mark.end)
        if amount is None or box is None or (mark.start, mark.end) in taken or amount.low != amount.high:
            continue
        over_it = max(heading.columns, key=lambda column: shared(column.box, box))
        named = _DISCOUNT.search(reading.text[over_it.start : over_it.end]) is not None
        if mark.kind == "percent" or (mark.kind == "number" and named and shared(over_it.box, box) > 0):
            found.append(abs(amount.low))
    return [discount for discount in found if 0 < discount < 100]


def _by_product(reading: Reading, field: Field, heading: Heading, row: Row, rules: Sequence[Rule]) -> Row:
    """The row with the quantity that gives its amount, where another number of it does not."""
    for names in _products(field, rules):
        first, price, whole = names
        if not {price, whole} <= row.cells.keys() or first not in heading.named():
            continue
        columns = {column.name: column for column in field.fields}
        known = [_number(reading, columns[name], *row.cells[name][:2]) for name in (price, whole)]
        if None in known or not known[0]:
            continue
        fitting = [
            mark
            for mark in row.marks
            if (number := _number(reading, columns[first], mark.start, mark.end)) is not None
            and abs(number * (known[0] or 0) - (known[1] or 0)) <= CENT / 2
            and all((mark.start, mark.end) != row.cells[name][:2] for name in (price, whole))
        ]
        spans = {reading.text[mark.start : mark.end] for mark in fitting}
        held = row.cells.get(first, (-1, -1))[:2]
        if len(spans) == 1 and held not in {(mark.start, mark.end) for mark in fitting}:
            mark = fitting[-1]
            cells = {**row.cells, first: (mark.start, mark.end, heading.named()[first])}
            row = Row({name: _before(reading, cell, mark) for name, cell in cells.items()}, row.marks)
    return row


def _before(reading: Reading, cell: tuple[int, int, Column], mark: Mark) -> tuple[int, int, Column]:
    """A text cell ends before the quantity that it had swallowed."""
    start, end, column = cell
    if start < mark.start < end:
        return start, start + len(reading.text[start : mark.start].rstrip()), column
    return cell


def _number(reading: Reading, field: Field, start: int, end: int) -> Decimal | None:
    return amount_of(Value("", value_of(field, reading.text[start:end], reading), "", ""))


def _products(field: Field, rules: Sequence[Rule]) -> list[list[str]]:
    """Columns of rules of the kind 'product', for a field of type rows."""
    return [
        [path.partition(".")[2] for path in rule.fields]
        for rule in rules
        if rule.kind == "product" and len(rule.fields) == 3 and rule.fields[0].partition(".")[0] == field.name
    ]


def checked(
    field: Field, table: list[list[Value]], rules: Sequence[Rule], totals: Mapping[Decimal, str]
) -> list[Value]:
    """Rows after their cross-checks.

    Args:
        field: of type rows.
        table: its rows.
        rules: of the schema.
        totals: amounts that a column may add up to, each with its currency.
    """
    products = _products(field, rules)
    money = [column.name for column in field.fields if column.type == "money" and column.required]
    adds_up = {}
    for name in money:
        total = column_sum(field, table, name)
        adds_up[name] = total is not None and total in totals
        if total is not None and totals.get(total):
            table = _in_currency(field, table, name, products, totals[total])
    summed = any(rule.kind == "sum" and rule.fields[0].startswith(f"{field.name}.") for rule in rules)
    sure_of_all = (bool(money) and all(adds_up.values())) or not (products or summed)
    result: list[Value] = []
    for row in table:
        cells = {column.name: value for column, value in zip(field.fields, row, strict=True)}
        fault = "" if sure_of_all else _fault(cells, products, money=bool(money))
        result += [
            unproven(value, fault) if fault and value.state == "proven" else value for value in cells.values()
        ]
    return result


def _in_currency(
    field: Field, table: list[list[Value]], name: str, products: Sequence[Sequence[str]], currency: str
) -> list[list[Value]]:
    """Rows whose amounts add up to a total are in its currency, and so are the prices that make them."""
    found = []
    for row in table:
        cells = {column.name: value for column, value in zip(field.fields, row, strict=True)}
        factors = {one for names in products if names[-1] == name for one in names[:-1]}
        priced = bool(products) and not _fault(cells, products, money=True)
        found.append(
            [
                _with_currency(value, currency)
                if column.type == "money" and (column.name == name or (column.name in factors and priced))
                else value
                for column, value in zip(field.fields, row, strict=True)
            ]
        )
    return found


def _with_currency(value: Value, currency: str) -> Value:
    """An amount that lacked its currency."""
    if not isinstance(value.value, dict) or value.value.get("currency"):
        return value
    reasons = tuple(reason for reason in value.reasons if not reason.startswith("currency:"))
    faults = [reason for reason in reasons if not reason.startswith(PRODUCT)]
    said = f"sum: its column adds up to an amount in {currency}"
    return msgspec.structs.replace(
        value,
        value={**value.value, "currency": currency},
        state="unproven" if faults else "proven",
        reasons=(*reasons, said),
    )


def _fault(cells: Mapping[str, Value], products: Sequence[Sequence[str]], *, money: bool) -> str:
    """What is wrong with a row: its product, or that nothing confirms it; '' where its product is right."""
    fault = "sum: no cross-check confirms this row" if money else ""
    if any(reason.startswith(PRODUCT) for value in cells.values() for reason in value.reasons):
        return ""
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
        fault = f"{PRODUCT} {' x '.join(map(str, factors))} is not {wanted}"
    return fault


def column_sum(field: Field, table: list[list[Value]], column: str) -> Decimal | None:
    """The sum of a column whose every cell has an amount."""
    at = [one.name for one in field.fields].index(column)
    amounts = [amount_of(row[at]) if row[at].value else None for row in table]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


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
        named = [column for column in columns_of(reading, field, words, line) if column.name]
        if len(named) >= max(LEAST, len(heading.named()) - 1):
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
        if all(name in cells for name in required) and len(cells) > 1 and not _DEDUCTED.match(text):
            marks = [mark for piece in line for mark in reading.marks_in(piece.start, piece.end)]
            found.append(Row(cells, tuple(marks)))
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
    best: dict[str, float] = {}
    for piece in line:
        for mark in reading.marks_in(piece.start, piece.end):
            box = reading.layout.box(mark.start, mark.end)
            column = None if box is None else over(heading, fields, box)
            if box is None or column is None or not _fits(reading, fields[column.name], mark):
                continue
            width = shared(column.box, box)
            if width > best.get(column.name, -ASIDE):
                taken = [one for one in taken if cells.get(column.name, (-1,))[0] != one.start]
                best[column.name] = width
                cells[column.name] = mark.start, mark.end, column
                taken.append(mark)
    named = heading.named()
    spans = _texts(reading, fields, heading, line, taken)
    return cells | {name: (*span, named[name]) for name, span in spans.items()}


def _texts(
    reading: Reading,
    fields: Mapping[str, Field],
    heading: Heading,
    line: Sequence[Piece],
    taken: Sequence[Mark],
) -> dict[str, tuple[int, int]]:
    """Cells of text: a piece belongs to the column that it begins under, up to a number of another column."""
    spans: dict[str, tuple[int, int]] = {}
    for piece in line:
        free = ""
        alone = _alone_under(heading, piece)
        for word in reading.layout.words_of(piece.start, piece.end):
            box = reading.layout.box(word.start, word.end)
            if box is None or any(mark.start <= word.start < mark.end for mark in taken):
                free = "" if free in spans else free
                continue
            name = free or (alone or under(heading, box)).name
            field = fields.get(name)
            if field is None or field.type in NUMERIC:
                continue
            if name not in spans and not any(map(str.isalnum, reading.text[word.start : word.end])):
                continue  # a line of the table that was read as a sign
            free = name if not field.shape else ""
            start, end = spans.get(name, (word.start, word.end))
            if reading.text[end : word.start].strip() == "" and word.start >= start:
                spans[name] = start, word.end
    return {
        name: (_behind_code(reading, *span) if not fields[name].shape else span)
        for name, span in spans.items()
    }


def _alone_under(heading: Heading, piece: Piece) -> Column | None:
    """The one column under whose heading a piece stands, wherever it begins: headings may be centred."""
    shares = [column for column in heading.columns if shared(column.box, piece.box) > 0]
    return shares[0] if len(shares) == 1 else None


def _whole(reading: Reading, start: int, end: int) -> int:
    """Where a text ends that goes on in the next lines of its cell."""
    layout = reading.layout
    piece, box = layout.at(end - 1), layout.box(start, end)
    if piece is None or box is None or piece.cell < 0 or piece.end != end:
        return end
    for other in layout.pieces[layout.pieces.index(piece) + 1 :]:
        if other.cell != piece.cell or abs(other.box.left - box.left) > _ALIGNED:
            break
        end = other.end
    return end


def _rights(reading: Reading, field: Field, every: Sequence[Row]) -> dict[str, float]:
    """How far to the right the lines of each column of free text reach, all lines of a row."""
    rights: dict[str, float] = {}
    for name in [column.name for column in field.fields if column.type == "text" and not column.shape]:
        places = [_place(reading, row.cells[name]) for row in every if name in row.cells]
        if not places:
            continue
        left = min(box.left for _, box in places)
        others = [
            box.left
            for row in every
            for other, cell in row.cells.items()
            if other != name and (box := _place(reading, cell)[1]).left > left + _ALIGNED
        ]
        stop = min(others, default=float("inf"))
        rights[name] = max((box.right for _, box in places if box.right <= stop), default=0.0)
        for page in {page for page, _ in places}:
            tops = [box.top for number, box in places if number == page]
            rights[name] = max(
                piece.box.right
                if piece.box.right <= stop
                and min(tops) <= piece.box.top <= max(tops)
                and abs(piece.box.left - left) <= _ALIGNED
                else rights[name]
                for piece in reading.layout.page(page)
            )
    return rights


def _place(reading: Reading, cell: tuple[int, int, Column]) -> tuple[int, Box]:
    """Page and box of a cell."""
    piece, box = reading.layout.at(cell[0]), reading.layout.box(cell[0], cell[1])
    return (piece.page if piece else 0), (box or cell[2].box)


def _goes_on(reading: Reading, span: tuple[int, int], right: float, begun: frozenset[int]) -> bool:
    """Whether a text was broken for want of width: what stands under it would not have fitted behind it.

    Args:
        reading: the document.
        span: of the text.
        right: how far texts of this column reach.
        begun: where cells of rows begin: what begins a row goes on with none.
    """
    piece, box = reading.layout.at(span[0]), reading.layout.box(*span)
    if piece is None or box is None:
        return False
    below = [
        other
        for other in reading.layout.page(piece.page)
        if 0 < other.box.top - box.top <= 1.6 * piece.height
        and other.box.top >= box.bottom - 0.4 * piece.height
        and abs(other.box.left - box.left) <= _ALIGNED
        and not any(other.start <= one < other.end for one in begun)
    ]
    if not below:
        return False
    word = reading.layout.words_of(below[0].start, below[0].end)[0]
    first = reading.layout.box(word.start, word.end)
    return first is not None and box.right + _BLANK * piece.height + first.right - first.left > right


def _behind_code(reading: Reading, start: int, end: int) -> tuple[int, int]:
    """A text without the article's number before it: '30046 Reinigung'."""
    code = _CODE.match(reading.text, start, end)
    return (code.end(), end) if code is not None else (start, end)


def _fits(reading: Reading, column: Field, mark: Mark) -> bool:
    """Whether a figure may be a cell: money has cents or a currency, a rate has neither."""
    if mark.kind not in KINDS[column.type]:
        return False
    cents = _CENTS.search(reading.text[mark.start : mark.end]) is not None
    if column.type == "money":
        return mark.kind == "money" or cents
    return column.shape != "percent" or mark.kind == "percent" or (mark.kind == "number" and not cents)
