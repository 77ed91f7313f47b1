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
