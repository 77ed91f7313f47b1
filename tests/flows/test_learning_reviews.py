"""What people decide in review becomes what an extractor learns from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from rechenwerk.documents.learning.loading import OwnModels
from rechenwerk.documents.vault import Vault
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.store.documents.files import StoredFiles
from rechenwerk.store.learning import StoredLearning
from tests.flows.document_town import INVOICE, DocumentTown, document_town

NUMBERS = 6


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[DocumentTown]:
    with document_town(database_url, tmp_path) as town:
        yield town


def decide(town: DocumentTown, job: int) -> None:
    """Somebody accepts every invoice's number; what is corrected to nothing is no example of its field."""
    accepted = {"action": "accept", "version": 1}
    nothing = {"action": "correct", "version": 1, "value": None}
    for one in town.ok("GET", f"/jobs/{job}/files")["documents"]:
        town.ok("POST", f"/files/{one['id']}/values/invoice_number/decision", json=accepted)
        town.ok("POST", f"/files/{one['id']}/values/due_date/decision", json=nothing)


async def look(url: str) -> None:
    """What a worker finds with it; the neighbour's worker has none."""
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        organisation = await pool.fetchval("select organisation_id from trained_model")
        vault = Vault(SecretBox(bytes(32)), StoredFiles(pool))
        models = OwnModels(StoredLearning(pool), vault)
        own = await models.extractor(organisation, "invoice")
        assert own is not None
        text = INVOICE.format(number="R-2031-4711")
        # What the rules proved in the same documents was learnt too, and is found beside it.
        numbers = [one for one in own.find(text) if one.field == "invoice_number"]
        assert [text[one.start : one.end] for one in numbers] == ["R-2031-4711"]
        assert await models.extractor(organisation + 1, "invoice") is None
        assert await models.extractor(organisation, "contract") is None


def test_an_extractor_learns_from_decisions(town: DocumentTown) -> None:
    body = {"kind": "extractor", "schema": "invoice"}
    nothing = town.refused(422, "POST", "/trained/fields/train", json=body)
    assert nothing["message"].startswith("nobody has accepted or corrected a value of 'invoice' yet")
    job = town.job(model="")
    town.invoices(job, NUMBERS)
    town.worker()
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    decide(town, job)
    made = town.ok("POST", "/trained/fields/train", json=body)
    assert made["kind"] == "extractor"
    scores = {one["name"]: one for one in made["scores"]}
    assert scores["invoice_number"]["examples"] == NUMBERS
    assert scores["invoice_number"]["recall"] > 0.5
    assert "due_date" not in scores
    asyncio.run(look(town.url))
    again = town.refused(409, "POST", "/trained/fields/train", json={**body, "schema": "contract"})
    assert "is another model already (extractor invoice)" in again["message"]
