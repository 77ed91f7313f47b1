"""The commands of the close against a real office on a real port."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import openpyxl
import pypdf
import pytest

from rechenwerk.ledger.periods import Period, month_of
from tests.flows.served import Served

_BOOK = """
with made as (insert into project (organisation_id, name, created_at)
    select id, 'bürger', $1 from organisation where name = 'default' returning organisation_id, id)
select book_voucher(organisation_id, 'adjustment', $1, 'minimum fee', 'the test', null, null, '{}',
    array[('receivable', id, 0, 'revenue', id, 0, 12345678901)::voucher_line]) from made
"""


@pytest.fixture
def served(served: Served, database_url: str) -> Served:
    """An office in which something was booked for the month before this one."""

    async def book() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.fetchval(_BOOK, _last_month().starts)
        await connection.close()

    asyncio.run(book())
    return served


def _last_month() -> Period:
    return month_of(month_of(datetime.now(UTC)).starts - timedelta(days=1))


def test_from_settings_to_a_correction(served: Served, tmp_path: Path) -> None:
    month = _last_month().name
    shown = served.cli("books", "statement-settings", "--json").json()
    assert (shown["prefix"], shown["vat_rate"], shown["allocation"]) == ("RW", "0", "none")
    changed = served.cli(
        *("books", "statement-settings", "--prefix", "AB", "--vat", "19", "--recipient", "Bürgeramt"),
        *("--recipient", "Gürtelweg 7", "--allocation", "fixed", "--share", "bürger=100", "--json"),
    ).json()
    assert changed["recipient"] == ["Bürgeramt", "Gürtelweg 7"]
    assert changed["shares"] == {"bürger": "100"}
    served.cli("books", "cost-centre", "bürger", "4711")
    assert "4711" in served.cli("books", "statement-settings").out

    assert "open" in served.cli("books", "periods").out
    closed = served.cli("books", "close", month)
    assert closed.code == 0, closed.err
    first, summary = (line.strip() for line in closed.out.splitlines()[1:3])
    assert first.startswith("AB-")
    assert served.cli("books", "periods", "--json").json()["periods"][0]["documents"] == [first, summary]
    assert f"{month} was closed on" in served.cli("books", "close", month).one_line()

    pdf = tmp_path / "statement.pdf"
    assert served.cli("books", "document", first, "--output", str(pdf)).code == 0
    text = pypdf.PdfReader(pdf).pages[0].extract_text()
    assert "Gürtelweg 7" in text
    assert "Gesamtbetrag 14,70 EUR" in text
    xlsx = tmp_path / "statement.xlsx"
    served.cli("books", "document", first, "--format", "xlsx", "--language", "en", "--output", str(xlsx))
    assert openpyxl.load_workbook(io.BytesIO(xlsx.read_bytes())).worksheets[0].title == "Statement"
    data = tmp_path / "statement.json"
    served.cli("books", "document", first, "--format", "json", "--output", str(data))
    assert json.loads(data.read_bytes())["totals"]["net"] == "12.35"

    made = served.cli("books", "reverse", first, "--reason", "wrong tax", "--json").json()
    assert made["reverses"] == first
    listed = served.cli("books", "documents", "--json").json()["documents"]
    assert [one["number"] for one in listed] == [first, summary, made["credit_note"], made["correction"]]
    table = served.cli("books", "documents").out
    assert "statement, taken back" in table
    assert served.cli("books", "verify").code == 0


def test_what_is_refused_is_one_line(served: Served, tmp_path: Path) -> None:
    now = month_of(datetime.now(UTC)).name
    for arguments, said in (
        (("close", now), f"{now} is not over"),
        (("close", "march"), "'march' is not a period; write a month such as 2026-03"),
        (("document", "RW-2026-000001"), "there is no document 'RW-2026-000001'"),
        (("document", "x", "--format", "docx"), "--format: one of html, pdf, xlsx, json, not 'docx'"),
        (("reverse", "RW-2026-000001", "--reason", "x"), "there is no document 'RW-2026-000001'"),
        (("statement-settings", "--share", "60"), "--share: write PROJECT=PERCENT, not '60'"),
        (("cost-centre", "nobody", "1"), "there is no project 'nobody'"),
    ):
        assert said in served.cli("books", *arguments).one_line(), arguments
    month = _last_month().name
    served.cli("books", "close", month)
    number = served.cli("books", "documents", "--json").json()["documents"][0]["number"]
    nowhere = str(tmp_path / "no" / "x.pdf")
    assert (
        f"cannot write {nowhere}" in served.cli("books", "document", number, "--output", nowhere).one_line()
    )
