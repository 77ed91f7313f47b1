"""Reviews by people: every decision kept, none overwritten; who may see what; what is told and deleted."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fpdf import FPDF
from rich.console import Console
from standardwebhooks import Webhook

from rechenwerk.cli.docs_review import show_value
from rechenwerk.cli.docs_words import DocumentWords, language_of
from tests import postgres
from tests.flows.document_town import DocumentTown, document_town
from tests.flows.test_documents_crash import TEXT, fetch


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    with document_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        town.worker()
        town.ok("PUT", "/schemas/dogs", json={"words": "Lieblingsfarbe, geboren (date)"})
        yield town


def doubtful(town: DocumentTown, **fields: object) -> tuple[int, int]:
    """A job with one document whose colour is in doubt; their numbers."""
    job = town.job(schema="dogs", model="", **fields)
    document = town.upload(job, "hund.txt", TEXT.format(at=1))["id"]
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    return job, document


def unpacked(data: bytes) -> bytes:
    """What anybody can unpack of some bytes, wherever it begins; nothing: b''."""
    for at in range(64):
        with contextlib.suppress(zlib.error):
            return zlib.decompress(data[at:])
    return b""


def test_a_decision_is_kept_with_who_and_when(town: DocumentTown) -> None:
    job, document = doubtful(town)
    found = town.ok("GET", f"/jobs/{job}/review", params={"language": "de"})
    assert found["left"] == 1
    (value,) = found["values"]
    assert value["evidence"]["quote"] == "braun 1"
    assert "blau 1" in value["after"]
    assert value["reasons"]
    path = f"/files/{document}/values/lieblingsfarbe/decision"
    made = town.ok("POST", path, json={"action": "correct", "version": 1, "value": "blau 1", "note": "sic"})
    assert (made["state"], made["text"], made["origin"]) == ("corrected", "blau 1", "person")
    assert made["evidence"]["quote"] == "blau 1"
    assert town.ok("GET", f"/jobs/{job}/review")["left"] == 0
    again = town.ok("POST", path, json={"action": "reject", "version": 2})
    assert again["state"] == "rejected"
    first, second = town.ok("GET", f"/jobs/{job}/decisions")["decisions"]
    assert (first["by"], first["action"], first["note"]) == ("admin", "correct", "sic")
    assert (first["before"]["value"], first["after"]["value"]) == ("braun 1", "blau 1")
    assert (second["action"], second["version"]) == ("reject", 3)
    path = f"/jobs/{job}/decisions"
    page = town.ok("GET", path, params={"limit": 1})
    assert page["decisions"] == [first]
    page = town.ok("GET", path, params={"limit": 1, "after": page["next"]})
    assert page["decisions"] == [second]
    page = town.ok("GET", path, params={"limit": 1, "after": page["next"]})
    assert page == {"decisions": [], "contradictions": [], "next": None}
    assert town.ok("GET", path)["next"] is None, "who gives no limit gets all"
    town.refused(422, "GET", path, params={"after": "17"})


def test_two_reviewers_do_not_overwrite_each_other(town: DocumentTown) -> None:
    job, document = doubtful(town)
    path = f"/files/{document}/values/lieblingsfarbe/decision"
    town.ok("POST", path, json={"action": "accept", "version": 1})
    late = town.refused(409, "POST", path, json={"action": "reject", "version": 1})
    assert late["code"] == "version_conflict"
    (only,) = town.ok("GET", f"/jobs/{job}/decisions")["decisions"]
    assert only["action"] == "accept"


def test_a_correction_fits_its_field(town: DocumentTown) -> None:
    _, document = doubtful(town)
    path = f"/files/{document}/values/geboren/decision"
    wrong = town.refused(422, "POST", path, json={"action": "correct", "version": 1, "value": "neulich"})
    assert "2025-04-03" in wrong["message"]
    made = town.ok("POST", path, json={"action": "correct", "version": 1, "value": "03.04.2025"})
    assert made["value"] == "2025-04-03"
    assert town.refused(404, "POST", path.replace("geboren", "name"), json={"action": "accept", "version": 1})


def test_another_organisation_finds_nothing(town: DocumentTown) -> None:
    job, document = doubtful(town)
    town.office("POST", "/organisations", json={"name": "neighbour"})
    town.office("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
    key = town.office(
        "POST",
        "/keys",
        json={
            "project": "default",
            "name": "spy",
            "scopes": ["documents", "inference"],
            "organisation": "neighbour",
        },
    )["key"]
    facts = (f"/jobs/{job}/facts", f"/jobs/{job}/contradictions")
    for path in (
        *facts,
        f"/jobs/{job}",
        f"/jobs/{job}/values",
        f"/files/{document}",
        f"/files/{document}/bytes",
    ):
        answer = town.answer("GET", path, key=key)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"].startswith("there is no ")
    body = {"action": "accept", "version": 1}
    decided = town.answer("POST", f"/files/{document}/values/lieblingsfarbe/decision", key=key, json=body)
    assert decided.status_code == 404
    assert town.answer("GET", "/jobs", key=key).json()["jobs"] == []
    assert town.answer("GET", "/schemas/dogs", key=key).status_code == 404
    other = town.answer("POST", "/jobs", key=key, json={"schema": "invoice", "project": "other", "model": ""})
    assert other.status_code == 403


def test_numbers_that_the_database_does_not_have_are_refused(town: DocumentTown) -> None:
    job, document = doubtful(town)
    decision = {"action": "both", "version": 1}
    for number in (2**63, 10**30, -(2**63) - 1):
        town.refused(422, "GET", f"/jobs/{number}")
        town.refused(422, "GET", f"/files/{number}/values/lieblingsfarbe")
        town.refused(422, "POST", f"/contradictions/{number}/decision", json=decision)
        town.refused(422, "DELETE", f"/known/{number}")
    town.refused(422, "GET", "/jobs", params={"before": 2**63})
    town.refused(422, "GET", f"/jobs/{job}/files", params={"after": 2**63})
    town.refused(422, "GET", f"/jobs/{job}/values", params={"q": "\0"})
    town.refused(422, "GET", f"/files/{document}/values/%00")


def test_what_rests_is_sealed_and_what_is_deleted_is_gone(town: DocumentTown) -> None:
    _, document = doubtful(town)
    twin, _ = doubtful(town)
    parts = fetch(town, "select data from document_part")
    texts = fetch(town, "select parsed from document_text")
    assert len(parts) == 1, "the same bytes once per organisation"
    assert all(b"Lieblingsfarbe" not in row[0] for row in parts)
    # What was read is packed before it is sealed: nobody without the key can so much as unpack it.
    assert len(texts) >= 2
    packed = zlib.compress(b"Lieblingsfarbe")
    assert unpacked(b"\x01" + bytes(12) + packed) == b"Lieblingsfarbe", "unsealed it would be found"
    assert {unpacked(row[0]) for row in texts} == {b""}
    town.ok(
        "POST", f"/files/{document}/values/lieblingsfarbe/decision", json={"action": "accept", "version": 1}
    )
    for one in town.ok("GET", "/jobs")["jobs"]:
        if one["id"] != twin:
            town.ok("DELETE", f"/jobs/{one['id']}")
    assert len(fetch(town, "select from document_part")) == 1
    assert fetch(town, "select from document_decision") == []
    assert town.ok("DELETE", f"/jobs/{twin}")["documents"] == 1
    for table in ("document_part", "document_file", "job_document", "document_value", "document_text"):
        assert fetch(town, f"select from {table}") == [], table
    gone = fetch(town, "select job_id, by_name from document_deletion order by job_id")
    assert gone[-1]["by_name"] == "admin"


def test_a_clerk_reviews_in_german(town: DocumentTown) -> None:
    job, _ = doubtful(town)
    (value,) = town.ok("GET", f"/jobs/{job}/review", params={"language": "de"})["values"]
    out = io.StringIO()
    show_value(Console(file=out, width=100), value, DocumentWords("de"), 1, 1)
    for part in ("1 von 1", "hund.txt", "braun 1", "Seite 1", "!"):
        assert part in out.getvalue()
    typed = town.type("x", "c", "blau 1", "docs", "review", str(job), "--language", "de")
    assert "entschieden: 1, offen: 0" in typed
    assert town.ok("GET", f"/jobs/{job}/decisions")["decisions"][0]["after"]["value"] == "blau 1"
    assert "nichts mehr zu prüfen" in town.cli("docs", "review", str(job), "--language", "de").out
    assert [language_of(text) for text in ("de_DE.UTF-8", "C", "")] == ["de", "en", "en"]


def test_the_image_of_a_page_does_not_outlive_the_review(town: DocumentTown, tmp_path: Path) -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_font("Helvetica", size=11)
    sheet.multi_cell(0, 6, TEXT.format(at=7))
    job = town.job(schema="dogs", model="")
    town.upload(job, "hund.pdf", bytes(sheet.output()))
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\nstat -c "%a %s %n" "${{1#file://}}" >> {seen}\n')
    browser.chmod(0o700)
    town.type("p", "p", "q", "docs", "review", str(job), BROWSER=f"{browser} %s")
    shown = [line.split() for line in seen.read_text().splitlines()]
    assert len(shown) == 2
    for mode, size, name in shown:
        assert mode == "600"
        assert int(size) > 1000
        assert not Path(name).exists()
        assert not Path(name).parent.exists()


def test_the_end_of_a_job_is_told(town: DocumentTown) -> None:
    made = town.ok("POST", "/jobs", json={"schema": "dogs", "model": "", "webhook": town.hook.url})
    town.ok("POST", f"/jobs/{made['id']}/start")
    town.wait(made["id"], "done")
    town.ring()
    headers, body = town.hook.received[-1]
    told = Webhook(made["webhook_secret"]).verify(body, headers)
    assert told["type"] == "documents.job.done"
    assert told["data"]["job"] == made["id"]
    assert town.ok("GET", f"/jobs/{made['id']}")["webhook_state"] == "delivered"
    town.ring()
    assert len(town.hook.received) == 1
    wrong = town.refused(422, "POST", "/jobs", json={"schema": "dogs", "webhook": "ftp://x"})
    assert "not an address" in wrong["message"]
