"""Tables that come in parts become one workbook or one Parquet file; nothing is left behind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.office_ports import Rows, Table

HEADS = (
    Table("Values", ("name", "amount"), ("text", "number"), ()),
    Table("Files", ("name", "day"), ("text", "date"), ()),
)
PARTS: tuple[Rows, ...] = (
    [[["a", "1.5"], ["=b", "no number"]], [["a.txt", "2025-04-03"]]],
    [[], []],
    [[["c", None]], [["c.txt", ""]]],
)


async def rows() -> AsyncIterator[Rows]:
    for part in PARTS:
        yield part


async def broken() -> AsyncIterator[Rows]:
    yield PARTS[0]
    raise RechenwerkError("the database is away")


async def written(form: str, some: AsyncIterator[Rows], folder: Path) -> bytes:
    return b"".join([piece async for piece in WriterProcess(folder).write(form, HEADS, some)])


def test_parts_of_several_tables_become_one_workbook(tmp_path: Path) -> None:
    book = load_workbook(io.BytesIO(asyncio.run(written("xlsx", rows(), tmp_path))))
    values = [[cell.value for cell in row] for row in book["Values"].rows]
    assert values == [["name", "amount"], ["a", 1.5], ["=b", "no number"], ["c", None]]
    assert book["Files"]["B2"].is_date
    assert book["Values"].auto_filter.ref == "A1:B4"
    assert list(tmp_path.iterdir()) == []


def test_parts_of_a_table_become_one_parquet_file(tmp_path: Path) -> None:
    table = pq.read_table(io.BytesIO(asyncio.run(written("parquet", rows(), tmp_path))))
    assert table.column("name").to_pylist() == ["a", "=b", "c"]
    assert [str(one) for one in table.column("amount").to_pylist()] == ["1.500000000", "None", "None"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_what_cannot_be_read_to_its_end_is_no_file(form: str, tmp_path: Path) -> None:
    with pytest.raises(RechenwerkError, match="the database is away"):
        asyncio.run(written(form, broken(), tmp_path))
    assert list(tmp_path.iterdir()) == []
