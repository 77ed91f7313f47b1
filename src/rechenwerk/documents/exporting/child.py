"""A process that turns tables (standard input, lines of JSON) into a workbook or Parquet (standard output).

Run as ``python -m rechenwerk.documents.exporting.child xlsx|parquet FOLDER``: the first line has the tables
without rows, each further line some rows of each. It is a process of its own because its libraries cost
whoever loads them up to 60 MB; the office needs them for a second at a time. Rows of a workbook rest in files
of the folder until all have come.

    number    decimal128(38, 9) in Parquet, as exact as a workbook can be (15 digits) there
    date      a day
    text      text, never a formula
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from rechenwerk.base.piping import Counted
from rechenwerk.documents.office_ports import Rows, Table

_WIDEST = 60
_LOOK = 200
"""Rows that tell how wide a column is."""
_GROUP = 20_000
"""Rows of Parquet that are in memory."""
_ODD = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
"""What the name of a sheet may not contain."""


class _Sheet:
    """A sheet with headings, fixed and filtered, that gets longer.

    Args:
        sheet: of the workbook, empty.
        table: what it shows; its rows come later.
        head, day: formats of headings and days.
    """

    def __init__(self, sheet: Any, table: Table, head: Any, day: Any) -> None:
        self._sheet = sheet
        self._table = table
        self._day = day
        self._rows = 0
        self._longest = [0] * len(table.columns)
        sheet.freeze_panes(1, 1)
        for column, title in enumerate(table.columns):
            sheet.write_string(0, column, title, head)

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Some more rows."""
        for row in rows:
            self._rows += 1
            for column, cell in enumerate(row):
                if self._rows <= _LOOK:
                    self._longest[column] = max(self._longest[column], len(str(cell or "")))
                _write(self._sheet, self._rows, column, cell, self._table.kinds[column], self._day)

    def end(self) -> None:
        """Nothing more comes."""
        for column, title in enumerate(self._table.columns):
            wide = max(9, self._longest[column] + 1, len(title) // 2 + 2)
            self._sheet.set_column(column, column, min(_WIDEST, wide))
        if self._rows:
            self._sheet.autofilter(0, 0, self._rows, len(self._table.columns) - 1)


def workbook(tables: Sequence[Table], parts: Iterable[Rows], out: BinaryIO, folder: str) -> None:
    """Write a workbook with a sheet per table; rows of all of them come in turn."""
    options = {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False}
    with xlsxwriter.Workbook(out, {**options, "strings_to_urls": False}) as book:
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        taken: set[str] = set()
        sheets = [_Sheet(book.add_worksheet(_name(one.title, taken)), one, head, day) for one in tables]
        for part in parts:
            for sheet, rows in zip(sheets, part, strict=True):
                sheet.add(rows)
        for sheet in sheets:
            sheet.end()


def _name(title: str, taken: set[str]) -> str:
    """A name that a sheet may have, and no other has."""
    plain = title.translate(_ODD).strip("' ")[:28] or "Sheet"
    name, number = plain, 2
    while name.casefold() in taken:
        name, number = f"{plain} {number}", number + 1
    taken.add(name.casefold())
    return name


def _write(sheet: Any, row: int, column: int, cell: object, kind: str, day: Any) -> None:
    typed = read(cell, kind)
    if typed is None:
        if cell not in (None, ""):
            sheet.write_string(row, column, str(cell)[:32_767])
    elif isinstance(typed, Decimal):
        sheet.write_number(row, column, float(typed))
    else:
        sheet.write_datetime(row, column, datetime(typed.year, typed.month, typed.day), day)  # noqa: DTZ001


def read(cell: object, kind: str) -> Decimal | date | None:
    """A cell by its column's kind; None where it is text."""
    if cell in (None, "") or kind == "text":
        return None
    try:
        if kind == "date":
            return date.fromisoformat(str(cell))
        number = Decimal(str(cell))
    except (ValueError, InvalidOperation):
        return None
    return number if number.is_finite() else None


def parquet(table: Table, parts: Iterable[Rows], out: BinaryIO) -> None:
    """Write a table as Parquet: numbers and days are typed; what does not fit is left empty there."""
    types = {"number": pa.decimal128(38, 9), "date": pa.date32(), "text": pa.string()}
    pairs = zip(table.columns, table.kinds, strict=True)
    schema = pa.schema([pa.field(title, types[kind]) for title, kind in pairs])
    with pq.ParquetWriter(Counted(out), schema, compression="zstd") as writer:
        for rows in _groups(parts):
            columns = zip(table.kinds, zip(*rows, strict=True), strict=True)
            arrays = [pa.array(_typed(cells, kind), types[kind]) for kind, cells in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _groups(parts: Iterable[Rows]) -> Iterator[list[Sequence[object]]]:
    """The rows of the first table, many together."""
    waiting: list[Sequence[object]] = []
    for part in parts:
        waiting += part[0]
        if len(waiting) >= _GROUP:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _typed(cells: Sequence[object], kind: str) -> list[Any]:
    """The cells of a column as what they are."""
    if kind == "text":
        return [None if cell is None else str(cell) for cell in cells]
    found: list[Any] = [read(cell, kind) for cell in cells]
    if kind == "number":
        return [None if one is None else one.quantize(Decimal("1e-9")) for one in found]
    return found


if __name__ == "__main__":
    heads = msgspec.json.decode(sys.stdin.buffer.readline(), type=list[Table])
    coming = (msgspec.json.decode(line) for line in sys.stdin.buffer)
    if sys.argv[1] == "parquet":
        parquet(heads[0], coming, sys.stdout.buffer)
    else:
        workbook(heads, coming, sys.stdout.buffer, sys.argv[2])
