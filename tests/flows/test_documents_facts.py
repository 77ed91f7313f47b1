"""Facts and contradictions of a job: from two uploaded articles to the quotes side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.document_town import DocumentTown, document_town

GERMAN = """Talhof steigert Umsatz

Die Talhof AG hat im Jahr 2024 einen Umsatz von 1,2 Mrd. Euro erzielt. Talhof beschäftigt 4.500 Mitarbeiter.
"""
ENGLISH = """Talhof's good year

Talhof reported revenue of 1.6 billion euros for 2024. The company is pleased.
"""


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[DocumentTown]:
    with document_town(database_url, tmp_path) as town:
        yield town


def test_two_articles_that_contradict_each_other(town: DocumentTown) -> None:
    job = town.job(schema="article", model="")
    town.upload(job, "talhof.txt", GERMAN)
    town.upload(job, "talhof-en.txt", ENGLISH)
    town.worker()
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    facts = town.ok("GET", f"/jobs/{job}/facts")["facts"]
    assert {(one["who"], one["what"], one["sources"], one["single"]) for one in facts} >= {
        ("Talhof", "revenue", 2, False),
        ("Talhof", "employees", 1, True),
    }
    (clash,) = town.ok("GET", f"/jobs/{job}/contradictions")["contradictions"]
    sides = {clash[side]["document_name"]: clash[side]["quote"] for side in ("left", "right")}
    assert sides == {"talhof.txt": "1,2 Mrd. Euro", "talhof-en.txt": "1.6 billion euros"}
    assert clash["period"] == {"from": "2024-01-01", "to": "2024-12-31"}
    shown = town.cli("docs", "contradictions", str(job)).out
    assert "1,2 Mrd. Euro" in shown
    assert "1.6 billion euros" in shown
    assert "4.500" in town.cli("docs", "facts", str(job), "--language", "de").out


def test_a_job_of_somebody_else_is_not_there(town: DocumentTown) -> None:
    town.refused(404, "GET", "/jobs/4711/facts")
    town.refused(404, "GET", "/jobs/4711/contradictions")
