"""Jobs of documents from upload to values, with real workers, a gateway and its books."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.document_town import INVOICE, DocumentTown, document_town


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[DocumentTown]:
    with document_town(database_url, tmp_path) as town:
        yield town


def test_from_upload_to_values(town: DocumentTown) -> None:
    job = town.job(budget="1.00")
    town.invoices(job, 3)
    same = town.upload(job, "rechnung-0.txt", INVOICE.format(number="R-2025-0000"))
    assert same["new"] is False
    twin = town.upload(job, "copy.txt", INVOICE.format(number="R-2025-0000"))
    assert (twin["state"], twin["reason"]) == ("duplicate", "the same as rechnung-0.txt")
    town.worker()
    town.ok("POST", f"/jobs/{job}/start")
    done = town.wait(job, "done")
    assert done["documents"]["done"] == 3
    assert done["documents"]["duplicate"] == 1
    assert done["pages"] == 3


def test_the_command_of_a_clerk(town: DocumentTown, tmp_path: Path) -> None:
    folder = tmp_path / "post"
    (folder / "april").mkdir(parents=True)
    for at in range(3):
        path = folder / "april" / f"rechnung-{at}.txt"
        path.write_text(INVOICE.format(number=f"R-{at}"), encoding="utf-8")
    (folder / "leer.pdf").write_bytes(b"")
    town.worker()
    out = tmp_path / "out.xlsx"
    command = ("docs", "run", str(folder), "--schema", "invoice", "--model", "fake-model")
    done = town.cli(*command, "-o", str(out), "--language", "de")
    print(done)
    assert done.code == 0, done.err
    assert out.read_bytes().startswith(b"PK")
    again = town.cli(*command, "--json").json()
    assert again["id"] == 1
    print(town.cli("docs", "jobs").out)
    print(town.cli("docs", "show", "1").out)
    print(town.cli("docs", "show", "1", "--document", "1").out)
    print(town.cli("docs", "schemas").out)
