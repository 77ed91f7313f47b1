"""Calls as CSV and Parquet; the command; whose books may be exported, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rechenwerk.base.ids import encode_call
from rechenwerk.ledger.exports.ports import Span
from rechenwerk.store.exports import StoredExports
from tests import verifiers
from tests.flows.exporting import PROJECTS, Books, march
from tests.flows.served import Served

MONEY = ("price", "cost", "listed", "charged")
FORMS = (
    "beancount",
    "hledger",
    "focus-1.2",
    "focus-1.4",
    "focus-1.4-contracts",
    "calls-csv",
    "calls-parquet",
)


def table(content: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


def test_every_call_is_a_line_with_what_was_booked(full: Books) -> None:
    rows = list(csv.DictReader(io.StringIO(full.export("calls-csv", "2026-03").decode())))
    booked = full.office.sql(
        "select * from call where organisation_id = $1 and started_at >= $2 and started_at < $3"
        " order by started_at, id",
        full.organisation,
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    )
    assert [row["id"] for row in rows] == [encode_call(row["id"]) for row in booked]
    assert [Decimal(row["price"]) * 10**9 for row in rows] == [row["price"] for row in booked]
    assert [Decimal(row["cost"]) * 10**9 for row in rows] == [row["cost"] for row in booked]
    assert [row["project"] for row in rows[: len(PROJECTS)]] == list(PROJECTS)
    (lost,) = [row for row in rows if row["outcome"] == "unresolved"]
    assert lost["reason"] == 'it broke: "half; way", | so\nto say'
    assert lost["started_at"] == "2026-03-13T12:30:00.123456Z"


def test_parquet_says_the_same_in_types_of_its_own(full: Books) -> None:
    content = full.export("calls-parquet", "2026-03")
    schema = pq.read_schema(io.BytesIO(content))
    assert {schema.field(name).type for name in MONEY} == {pa.decimal128(38, 9)}
    assert schema.field("started_at").type == pa.timestamp("us", "UTC")
    assert schema.metadata[b"currency"] == b"EUR"
    lines = list(csv.DictReader(io.StringIO(full.export("calls-csv", "2026-03").decode())))
    rows = table(content)
    assert [row["id"] for row in rows] == [line["id"] for line in lines]
    for row, line in zip(rows, lines, strict=True):
        assert all(row[name] == Decimal(line[name]) for name in MONEY)
        assert row["started_at"] == datetime.fromisoformat(line["started_at"])
        assert (row["reason"] or "", row["attempt_of"] or "") == (line["reason"], line["attempt_of"])
        assert (row["input"], row["output"], row["streamed"]) == (10, 20, False)


def test_a_month_of_nothing_is_a_file_of_nothing(full: Books) -> None:
    assert table(full.export("calls-parquet", "2020-01")) == []
    assert full.export("calls-csv", "2020-01").count(b"\n") == 1
    assert full.export("focus-1.4", "2020-01").count(b"\n") == 1


def test_a_neighbour_exports_its_own_books_only(full: Books) -> None:
    office = full.office
    office.ok("POST", "/organisations", json={"name": "neighbour"})
    office.ok("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
    neighbour = office.key("default", "books", organisation="neighbour")
    for form in FORMS:
        content = full.export(form, key=neighbour)
        if form == "calls-parquet":
            assert table(content) == []
            continue
        for mine in ("Wölkchen", "modell-ä", "Rahmen", *PROJECTS):
            assert mine not in content.decode()
        path = f"/books/export/{form}"
        asked = {"organisation": office.first.organisation}
        assert office.refused(404, "GET", path, neighbour, params=asked)["code"] == "organisation_not_found"
        assert (
            full.export(form) == office.answer("GET", path, params=asked).content or form == "calls-parquet"
        )
    keys_only = office.key("default", "inference", "keys")
    assert office.refused(403, "GET", "/books/export/beancount", keys_only)["code"] == "missing_scope"


def test_what_cannot_be_exported_is_refused_in_one_line(full: Books) -> None:
    refused = full.office.refused
    error = refused(422, "GET", "/books/export/beancount", params={"period": "2026-13"})
    assert "write a month such as 2026-03" in error["message"]
    assert error["param"] == "period"
    assert "calls-csv" in refused(422, "GET", "/books/export/excel")["message"]


def test_exports_leave_the_office_its_connections(full: Books) -> None:
    exports = StoredExports(full.office.pool, most=1)
    span = Span(None, march(31))

    async def two() -> tuple[bool, bool, bool]:
        async with (
            exports.open(full.organisation, span) as first,
            exports.open(full.organisation, span) as second,
        ):
            pass
        async with exports.open(full.organisation, span) as third:
            pass
        return first is not None, second is not None, third is not None

    assert full.office.runner.run(two()) == (True, False, True)


def test_books_of_one_moment(full: Books, tmp_path: Path) -> None:
    """What is booked while an export runs is in none of its parts."""
    span = Span(None, march(31))

    async def counted() -> tuple[int, int]:
        async with full.office.desk.exports.open(full.organisation, span) as books:
            assert books is not None
            before = sum(account.closing for account in await books.accounts() if account.closing > 0)
            number = await books.count("transactions")
            await full.office.pool.execute(
                "select book_voucher($1, 'adjustment', $2, 'late', 'x', null, null, '{}',"
                " array[('bank', 0, 0, 'wallet', 0, 0, 5)::voucher_line])",
                full.organisation,
                march(1),
            )
            after = sum(account.closing for account in await books.accounts() if account.closing > 0)
            seen = sum([len(some) async for some in books.transactions()])
            assert before == after
            return number, seen

    number, seen = full.office.runner.run(counted())
    assert number == seen
    verdict = verifiers.bean_check(full.write(tmp_path, "beancount", "2026-03"))
    assert verdict.accepted, verdict.said


def test_the_command_writes_a_whole_file_or_none(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "march.beancount"
    told = served.cli("books", "export", "beancount", "--period", "2026-03", "--output", str(file), "--json")
    said = told.json()
    content = file.read_bytes()
    assert said["sha256"] == hashlib.sha256(content).hexdigest()
    assert (said["records"], said["bytes"], said["period"]) == (0, len(content), "2026-03")
    verdict = verifiers.bean_check(file)
    assert verdict.accepted, verdict.said
    shown = served.cli("books", "export", "calls-parquet", "-o", str(tmp_path / "all.parquet"))
    assert shown.code == 0, shown.err
    assert "all.parquet: 0 records" in shown.out
    assert pq.read_table(tmp_path / "all.parquet").num_rows == 0
    nowhere = served.cli("books", "export", "hledger", "--output", str(tmp_path / "no" / "where")).one_line()
    assert "cannot write" in nowhere
    wrong = served.cli("books", "export", "hledger", "--period", "March", "--output", str(file)).one_line()
    assert "write a month such as 2026-03" in wrong
    assert "--output" in served.cli("books", "export", "hledger", "--json").one_line()
    assert file.read_bytes() == content, "a refusal leaves what was there"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.parquet", "march.beancount"]


def test_nobody_loads_pyarrow_but_the_process_that_writes_parquet() -> None:
    program = (
        "import sys, rechenwerk.main, rechenwerk.main_gateway, rechenwerk.office.app, rechenwerk.cli.app;"
        "sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
