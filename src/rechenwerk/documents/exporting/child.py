"""A process that turns tables (standard input, JSON) into a workbook or a Parquet file (standard output).

Run as ``python -m rechenwerk.documents.exporting.child xlsx|parquet``. It is a process of its own because its
libraries cost whoever loads them up to 60 MB; the office needs them for a second at a time.

    number    decimal128(38, 9) in Parquet, as exact as a workbook can be (15 digits) there
    date      a day
    text      text, never a formula
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from rechenwerk.documents.office_ports import Table

_WIDEST = 60
_ODD = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
"""What the name of a sheet may not contain."""


def workbook(tables: Sequence[Table]) -> bytes:
    """A workbook with a sheet per table, headings fixed and filtered."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        taken: set[str] = set()
        for table in tables:
            sheet = book.add_worksheet(_name(table.title, taken))
            sheet.freeze_panes(1, 1)
            for column, title in enumerate(table.columns):
                sheet.write_string(0, column, title, head)
                longest = max([len(str(row[column] or "")) for row in table.rows[:200]], default=0)
                sheet.set_column(column, column, min(_WIDEST, max(9, longest + 1, len(title) // 2 + 2)))
            for at, row in enumerate(table.rows, 1):
                for column, cell in enumerate(row):
                    _write(sheet, at, column, cell, table.kinds[column], day)
            if table.rows:
                sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
    return out.getvalue()


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


def parquet(table: Table) -> bytes:
    """A table as Parquet: numbers and days are typed; what does not fit is left empty there."""
    arrays, fields = [], []
    types = {"number": pa.decimal128(38, 9), "date": pa.date32(), "text": pa.string()}
    for column, (title, kind) in enumerate(zip(table.columns, table.kinds, strict=True)):
        cells = [row[column] for row in table.rows]
        found: list[Any] = [read(cell, kind) for cell in cells]
        if kind == "text":
            found = [None if cell is None else str(cell) for cell in cells]
        if kind == "number":
            found = [None if one is None else one.quantize(Decimal("1e-9")) for one in found]
        arrays.append(pa.array(found, types[kind]))
        fields.append(pa.field(title, types[kind]))
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), out, compression="zstd")
    return out.getvalue()


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Table])
    sys.stdout.buffer.write(parquet(given[0]) if sys.argv[1] == "parquet" else workbook(given))
