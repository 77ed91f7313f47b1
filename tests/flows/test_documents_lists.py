"""Lists of many documents: in pages, with counts that the database keeps, and facts that a worker reckons."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from rechenwerk.documents.clashing import MANY
from tests import postgres
from tests.flows.document_town import DocumentTown, document_town
from tests.flows.test_documents_clashes import GERMAN, told
from tests.flows.test_documents_crash import fetch

DIFFERENT = """
select d.id, d.proven, d.unproven, d.absent, d.accepted, d.corrected, d.rejected from job_document d
except
select d.id, coalesce(s.proven, 0)::int, coalesce(s.unproven, 0)::int, coalesce(s.absent, 0)::int,
    coalesce(s.accepted, 0)::int, coalesce(s.corrected, 0)::int, coalesce(s.rejected, 0)::int
from job_document d left join document_value_sums s
    on s.organisation_id = d.organisation_id and s.document_id = d.id
"""
"""Documents whose counts are not those of their values."""


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    with document_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        town.worker()
        yield town


@pytest.fixture(scope="module")
def job(town: DocumentTown) -> int:
    """Five invoices, one of them twice."""
    made = town.job(model="")
    town.invoices(made, 5)
    town.upload(made, "doppelt.txt", town.answer("GET", f"/files/{first_of(town, made)}/bytes").content)
    town.ok("POST", f"/jobs/{made}/start")
    town.wait(made, "done")
    return made


def first_of(town: DocumentTown, job: int) -> int:
    first: int = town.ok("GET", f"/jobs/{job}/files", params={"limit": 1})["documents"][0]["id"]
    return first


def pages(town: DocumentTown, path: str, rows: str, **query: Any) -> list[list[Any]]:
    """All pages of a list."""
    found, after = [], None
    while True:
        page = town.ok("GET", path, params={**query, **({} if after is None else {"after": after})})
        found.append(page[rows])
        after = page["next"]
        if after is None:
            return found


def test_files_come_in_pages_and_by_state(town: DocumentTown, job: int) -> None:
    path = f"/jobs/{job}/files"
    (whole,) = pages(town, path, "documents")
    parts = pages(town, path, "documents", limit=4)
    assert [len(part) for part in parts] == [4, 2]
    assert [one for part in parts for one in part] == whole
    (twice,) = pages(town, path, "documents", state="duplicate")
    assert [one["name"] for one in twice] == ["doppelt.txt"]
    assert [one["state"] for one in whole].count("done") == 5
    town.refused(422, "GET", path, params={"state": "lost"})
    town.refused(422, "GET", path, params={"limit": 0})


def test_values_and_what_is_to_review_come_in_pages(town: DocumentTown, job: int) -> None:
    (whole,) = pages(town, f"/jobs/{job}/values", "values")
    parts = pages(town, f"/jobs/{job}/values", "values", limit=7)
    assert [one for part in parts for one in part] == whole
    assert {len(part) for part in parts[:-1]} == {7}
    (unproven,) = pages(town, f"/jobs/{job}/values", "values", state="unproven")
    assert unproven == [one for one in whole if one["state"] == "unproven"]
    assert len(unproven) >= 5, "each invoice has two totals"
    asked = pages(town, f"/jobs/{job}/review", "values", limit=2)
    places = [[(one["document"], one["field"]) for one in part] for part in asked]
    assert [one for part in places for one in part] == [(one["document"], one["field"]) for one in unproven]
    assert {len(part) for part in places[:-1]} == {2}
    assert town.ok("GET", f"/jobs/{job}/review", params={"limit": 1})["left"] == len(unproven)
    town.refused(422, "GET", f"/jobs/{job}/values", params={"after": "17"})


def test_the_database_counts_values_as_they_change(town: DocumentTown, job: int) -> None:
    assert fetch(town, DIFFERENT) == []
    values = town.ok("GET", f"/jobs/{job}")["values"]
    (asked, *_) = town.ok("GET", f"/jobs/{job}/review")["values"]
    path = f"/files/{asked['document']}/values/{asked['field']}/decision"
    town.ok("POST", path, json={"action": "reject", "version": asked["version"]})
    now = town.ok("GET", f"/jobs/{job}")["values"]
    assert now == {**values, "unproven": values["unproven"] - 1, "rejected": values["rejected"] + 1}
    assert town.ok("GET", f"/files/{asked['document']}")["values"]["rejected"] == 1
    assert fetch(town, DIFFERENT) == []
    other = town.ok("POST", "/jobs", json={"schema": "auto", "schemas": ["invoice", "order"], "model": ""})
    document = town.upload(other["id"], "r.txt", "Rechnung\nRechnungsnummer: R-1\nGesamtbetrag: 1,00 EUR\n")
    town.ok("POST", f"/jobs/{other['id']}/start")
    town.wait(other["id"], "done")
    town.ok("POST", f"/files/{document['id']}/kind", json={"schema": "order"})
    town.wait(other["id"], "done")
    assert town.ok("GET", f"/files/{document['id']}")["schema"] == "order"
    assert fetch(town, DIFFERENT) == [], "dropped values are not counted"


def test_a_worker_reckons_the_facts_of_a_large_job(town: DocumentTown) -> None:
    job = told(town, "Talhof", (GERMAN, "1,2 Mrd. Euro"), (GERMAN, "1,6 Mrd. Euro"))
    before = town.ok("GET", f"/jobs/{job}/facts")
    assert before["fresh"]
    assert len(before["facts"]) == 1
    many = (
        "insert into job_document (organisation_id, job_id, name, state, step, ended_at)"
        f" select organisation_id, id, 'leer-' || at, 'done', 'end', now() from document_job,"
        f" generate_series(1, {MANY}) at where id = {job}"
    )
    fetch(town, many)
    looked = town.ok("GET", f"/jobs/{job}/facts")
    assert looked == {**before, "fresh": False}, "what was reckoned last, until a worker has done it anew"
    ends = time.monotonic() + 60
    while not town.ok("GET", f"/jobs/{job}/contradictions")["fresh"]:
        assert time.monotonic() < ends
    assert town.ok("GET", f"/jobs/{job}/facts") == before
    assert fetch(town, "select id from document_job where reckon_wanted") == []
