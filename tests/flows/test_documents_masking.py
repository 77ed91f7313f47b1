"""With --mask no personal datum of a document leaves: all bytes that reached the provider are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.flows.document_town import DocumentTown, document_town

FORM = """Antrag auf einen Stellplatz

Name: Ngozi Okonkwo
Geburtsdatum: 12.03.1985
Anschrift: Heidestraße 17a, 51147 Köln
Telefon: 0221 / 98765432
E-Mail: ngozi.okonkwo@beispiel.example
IBAN: DE02 1203 0000 0000 2020 51

Lieblingsfarbe: braun für Ngozi Okonkwo
Lieblingsfarbe: blau für Frau Okonkwo, DE02 1203 0000 0000 2020 51, geboren am 12.03.1985, 0221 / 98765432
"""
SECRETS = (
    b"Ngozi",
    b"Okonkwo",
    b"okonkwo",
    b"12.03.1985",
    b"Heidestra",
    b"51147",
    b"98765432",
    b"beispiel",
    b"2020 51",
)


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    with document_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        town.worker()
        town.ok("PUT", "/schemas/dogs", json={"words": "Lieblingsfarbe"})
        yield town


def asked(town: DocumentTown, text: str = FORM, **fields: Any) -> tuple[list[bytes], Any]:
    """Everything that the provider got about a form, and its one value."""
    before = len(town.fake.requests)
    job = town.job(**{"schema": "dogs", **fields})
    document = town.upload(job, "antrag.txt", text)["id"]
    town.ok("POST", f"/jobs/{job}/start")
    shown = town.wait(job, "done")
    assert shown["mask"] is (fields.get("mask", False) or fields.get("schema") == "quiet-dogs")
    (value,) = town.ok("GET", f"/files/{document}/values")["values"]
    return [one.raw for one in town.fake.requests[before:]], value


def test_nothing_personal_reaches_the_provider(town: DocumentTown) -> None:
    plain, _ = asked(town)
    assert plain, "rules cannot tell: the model is asked"
    assert [one for one in SECRETS if any(one in raw for raw in plain)], "without --mask it would leave"
    masked, value = asked(town, FORM + "\n", mask=True)
    assert len(masked) == len(plain)
    assert [one for one in SECRETS if any(one in raw for raw in masked)] == []
    assert all(b"[NAME-" in raw for raw in masked)
    assert "Okonkwo" in value["evidence"]["quote"], "evidence is of the document as it is"


def test_a_schema_asks_for_it_by_itself(town: DocumentTown) -> None:
    body = {"json_schema": {"properties": {"lieblingsfarbe": {"type": "string"}}, "x-mask": True}}
    assert town.ok("PUT", "/schemas/quiet-dogs", json=body)["mask"] is True
    masked, _ = asked(town, FORM + "\n\n", schema="quiet-dogs")
    assert masked
    assert [one for one in SECRETS if any(one in raw for raw in masked)] == []
    done = town.cli("docs", "schemas", "quiet-cats", "--put", "Lieblingsfarbe", "--mask")
    assert done.code == 0
    assert town.ok("GET", "/schemas/quiet-cats")["schemas"][-1]["mask"] is True


def test_a_job_that_does_not_mask_is_not_gone_on_with(town: DocumentTown, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(FORM)
    words = ("docs", "run", str(tmp_path), "--schema", "dogs", "--without-model")
    assert town.cli(*words).code == 0
    again = town.cli(*words, "--mask")
    assert again.code == 1
    assert "does not mask personal data" in again.err
    assert town.cli(*words, "--mask", "--new").code == 0
    assert town.cli(*words, "--mask").code == 0


def test_a_job_whose_schema_masks_is_gone_on_with(town: DocumentTown, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(FORM)
    assert town.cli("docs", "schemas", "quiet-hares", "--put", "Lieblingsfarbe", "--mask").code == 0
    words = ("docs", "run", str(tmp_path), "--schema", "quiet-hares", "--without-model")
    assert town.cli(*words).code == 0
    assert town.cli(*words, "--mask").code == 0
    (job,) = [one for one in town.ok("GET", "/jobs")["jobs"] if one["schema"] == "quiet-hares"]
    assert job["mask"] is True
