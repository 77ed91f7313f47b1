"""Closed months as files that prove themselves, against a real office on a real port."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rechenwerk.base.ids import decode_call, encode_call
from rechenwerk.ledger.periods import Period, month_of
from tests.flows.closing import ledger_of
from tests.flows.office_desk import Office
from tests.flows.served import Ended, Served

SCRIPT = Path(__file__).parents[2] / "docs/examples/verify_proof.py"


def last_month() -> Period:
    return month_of(month_of(datetime.now(UTC)).starts - timedelta(days=1))


class Archived:
    """An office whose last month is closed: calls on three days, one of them booked late, and vouchers."""

    def __init__(self, office: Office, url: str, folder: Path) -> None:
        self.office, self.folder = office, folder
        self.month = last_month()
        self.calls = []
        with ledger_of(office, url) as ledger:
            for days in (2, 2, 3, 5):
                if days == 5:  # its day is sealed by now
                    self.seal()
                at = self.month.starts + timedelta(days=days, hours=12)
                office.clock.at = at.timestamp()
                self.calls.append(encode_call(ledger.call("default", at, input=1000, output=days)))
            ledger.charge("adjustment", "default", at, "a fee", 5_000_000_000)
        office.clock.at = time.time()
        office.ok("POST", f"/books/periods/{self.month.name}/close", json={})
        self.served = Served(url, office)

    def seal(self, days: int = 0) -> None:
        """Today, or in some days."""
        self.office.clock.at = time.time() + days * 86_400
        self.office.ok("POST", "/books/seal")

    def archive(self, *more: str) -> Ended:
        return self.served.cli("books", "archive", str(self.folder), *more)

    @property
    def place(self) -> Path:
        return self.folder / "default" / self.month.name

    @property
    def rows(self) -> Path:
        return self.place / "books.jsonl.gz"

    def lines(self) -> list[str]:
        with gzip.open(self.rows, "rt", encoding="utf-8") as file:
            return file.read().splitlines()

    def write(self, lines: list[str]) -> None:
        """Other rows, and a manifest that agrees with them, as somebody would who wants to deceive."""
        with gzip.open(self.rows, "wt", encoding="utf-8") as out:
            out.write("".join(f"{line}\n" for line in lines))
        data = self.rows.read_bytes()
        file = self.place / "manifest.json"
        manifest = json.loads(file.read_text(encoding="utf-8"))
        manifest["files"][self.rows.name] = {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        file.write_text(json.dumps(manifest), encoding="utf-8")


@pytest.fixture
def archived(office: Office, database_url: str, tmp_path: Path) -> Iterator[Archived]:
    there = Archived(office, database_url, tmp_path / "archive")
    yield there
    there.served.close()


def test_a_closed_month_is_written_and_checked(archived: Archived) -> None:
    name = archived.month.name
    line = archived.archive("--period", name).one_line()
    assert f"days of {name} are not sealed yet: rechenwerk books seal" in line
    assert not list(archived.folder.rglob("*.part"))
    archived.seal(2)
    (done,) = archived.archive("--older-than", "0", "--json").json()["archives"]
    (row,) = archived.office.sql(
        "select count(*) as n from voucher where organisation_id = 1 and at >= $1 and at < $2",
        archived.month.starts,
        archived.month.ends,
    )
    assert row["n"] > 0
    assert (done["period"], done["written"], done["days"]) == (name, True, 2)
    assert (done["rows"], done["calls"]) == (4 + row["n"], 4)
    table = pq.read_table(archived.place / "calls.parquet")
    assert sorted(table["id"].to_pylist()) == sorted(archived.calls)
    manifest = json.loads((archived.place / "manifest.json").read_text(encoding="utf-8"))
    balance = archived.office.ok("GET", "/books/balance", params={"period": name})
    assert manifest["accounts"] == balance["accounts"]
    assert "checked again" in archived.archive("--older-than", "0").out


def test_a_call_is_proved_from_the_archive_without_the_office(archived: Archived, tmp_path: Path) -> None:
    archived.seal(2)
    assert archived.archive("--period", archived.month.name).code == 0
    url, archived.served.url = archived.served.url, "http://127.0.0.1:9"  # nobody
    proof = tmp_path / "proof.json"
    there = ("--archive", str(archived.folder))
    for call in archived.calls:
        shown = archived.served.cli("books", "prove", call, *there, "--out", str(proof))
        assert shown.code == 0, shown.err
        given = archived.office.ok("GET", f"/books/proof/{call}")
        assert json.loads(proof.read_text(encoding="utf-8")) == given
        command = [sys.executable, "-I", str(SCRIPT), str(proof)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
    unknown = encode_call(7)
    assert f"{unknown} is in no archive" in archived.served.cli("books", "prove", unknown, *there).one_line()
    empty = ("--archive", str(tmp_path / "nothing"))
    assert "there is no archive in" in archived.served.cli("books", "prove", unknown, *empty).one_line()
    archived.served.url = url


def test_an_archive_that_was_altered_is_found(archived: Archived) -> None:
    archived.seal(2)
    period = ("--period", archived.month.name)
    assert archived.archive(*period).code == 0
    lines = archived.lines()
    data = archived.rows.read_bytes()
    archived.rows.write_bytes(data[:-9])
    assert "books.jsonl.gz is not what manifest.json says" in archived.archive(*period).one_line()
    row = next(at for at, line in enumerate(lines) if '"type":"call"' in line)
    late = lines[-1].replace('"index":', '"index":1')
    dearer = lines[row].replace('"price":"', '"price":"1')
    for others, said in (
        ([*lines[:row], dearer, *lines[row + 1 :]], "are not those that were sealed"),
        ([*lines[:row], *lines[row + 1 :]], "are not those that were sealed"),
        ([*lines, lines[row]], "more rows than it counts"),
        ([*lines[:-1], late], "is not what was sealed on"),
        (lines[:-1], "cannot be read"),
        ([lines[0].replace("archive-1", "archive-9"), *lines[1:]], "is no archive of a month"),
    ):
        archived.write(others)
        assert said in archived.archive(*period).one_line()
    archived.write(lines)
    assert archived.archive(*period).code == 0


def test_what_the_books_altered_is_not_archived(archived: Archived) -> None:
    archived.seal(2)
    archived.office.sql("alter table call disable trigger all")
    altered = decode_call(archived.calls[0])
    archived.office.sql("update call set price = price + 1 where id = $1", altered)
    line = archived.archive("--period", archived.month.name).one_line()
    assert "are not those that were sealed; `rechenwerk books verify` says which" in line
    assert [path for path in archived.folder.rglob("*") if path.is_file()] == []


def test_only_closed_months_of_ones_own_are_archived(archived: Archived, neighbour: str) -> None:
    archived.seal(2)
    now, name = month_of(datetime.now(UTC)).name, archived.month.name
    assert f"{now} is not closed" in archived.archive("--period", now).one_line()
    assert "no closed month ended 12 months ago" in archived.archive().out
    office: Any = archived.office
    assert office.refused(409, "GET", f"/books/archive/{now}")["code"] == "not_closed"
    theirs = {"params": {"organisation": "default"}}
    office.refused(404, "GET", f"/books/archive/{name}", neighbour, **theirs)
    assert office.refused(409, "GET", f"/books/archive/{name}", neighbour)["code"] == "not_closed"
