"""What people decide in review becomes what an extractor learns from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.document_town import DocumentTown, document_town

NUMBERS = 6


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[DocumentTown]:
    with document_town(database_url, tmp_path) as town:
        yield town


def test_an_extractor_learns_from_decisions(town: DocumentTown) -> None:
    body = {"kind": "extractor", "schema": "invoice"}
    nothing = town.refused(422, "POST", "/trained/fields/train", json=body)
    assert nothing["message"].startswith("nobody has accepted or corrected a value of 'invoice' yet")
    job = town.job(model="")
    town.invoices(job, NUMBERS)
    town.worker()
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    for one in town.ok("GET", f"/jobs/{job}/values")["values"]:
        if one["field"] == "number" and one["evidence"] is not None:
            path = f"/files/{one['document']}/values/number/decision"
            town.ok("POST", path, json={"action": "accept", "version": one["version"]})
    made = town.ok("POST", "/trained/fields/train", json=body)
    assert made["kind"] == "extractor"
    scores = {one["name"]: one for one in made["scores"]}
    assert scores["number"]["examples"] == NUMBERS
    assert scores["number"]["f1"] > 0.5
    again = town.refused(409, "POST", "/trained/fields/train", json={**body, "schema": "contract"})
    assert "is a extractor already" in again["message"]
