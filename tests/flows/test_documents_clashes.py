"""Contradictions are decided by people: all sides quoted, every decision kept and shown with results."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF
from openpyxl import load_workbook

from tests import postgres
from tests.flows.document_town import DocumentTown, document_town
from tests.flows.test_documents_crash import fetch

GERMAN = "{who} steigert Umsatz\n\nDie {who} AG hat im Jahr 2024 einen Umsatz von {amount} erzielt.\n"
ENGLISH = "{who}'s good year\n\n{who} reported revenue of {amount} for 2024. The company is pleased.\n"


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    with document_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        town.worker()
        yield town


def told(town: DocumentTown, who: str, *texts: tuple[str, str], **fields: Any) -> int:
    """A job with an article of each (template, amount) about somebody."""
    job = town.job(schema="article", model="", **fields)
    for at, (text, amount) in enumerate(texts):
        town.upload(job, f"{who}-{at}.txt", text.format(who=who, amount=amount))
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    return job


def item(town: DocumentTown, job: int) -> Any:
    """The one contradiction of a job."""
    (found,) = town.ok("GET", f"/jobs/{job}/contradictions")["items"]
    return found


def quotes(one: Any) -> list[list[str]]:
    """What each side says."""
    return [[fact["quote"] for fact in side["facts"]] for side in one["sides"]]


def decision(one: Any, **body: Any) -> tuple[str, dict[str, Any]]:
    """Path and body of a decision."""
    return f"/contradictions/{one['id']}/decision", {"json": {"version": one["version"], **body}}


def test_a_side_is_chosen_and_that_is_kept(town: DocumentTown) -> None:
    job = told(
        town,
        "Talhof",
        (GERMAN, "1,2 Mrd. Euro"),
        (ENGLISH, "1.6 billion euros"),
        (GERMAN, "1.600 Mio. Euro"),
    )
    waiting = town.ok("GET", f"/jobs/{job}/review")
    assert waiting["contradictions_left"] == 1
    (one,) = waiting["contradictions"]
    assert quotes(one) == [["1,2 Mrd. Euro"], ["1.6 billion euros", "1.600 Mio. Euro"]]
    assert (one["what_de"], one["period"]) == ("Umsatz", {"from": "2024-01-01", "to": "2024-12-31"})
    path, body = decision(one, action="side", side=1, note="im Bericht nachgesehen")
    made = town.ok("POST", path, **body)
    assert (made["state"], [side["right"] for side in made["sides"]]) == ("side", [False, True])
    late = town.refused(409, "POST", path, **body)
    assert late["code"] == "version_conflict"
    assert town.ok("GET", f"/jobs/{job}/review")["contradictions_left"] == 0
    path, body = decision(made, action="both")
    assert town.ok("POST", path, **body)["state"] == "both"
    first, second = town.ok("GET", f"/jobs/{job}/decisions")["contradictions"]
    assert (first["by"], first["action"], first["side"]) == ("admin", "side", 1)
    assert first["note"] == "im Bericht nachgesehen"
    assert quotes(first) == quotes(one)
    assert (second["action"], second["version"]) == ("both", 3)


WRONG = (
    {"action": "side"},
    {"action": "side", "side": 2},
    {"action": "both", "side": 0},
    {"action": "reject", "side": 1},
)


def test_a_side_that_is_none_is_refused(town: DocumentTown) -> None:
    job = told(town, "Bergwerk", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    one = item(town, job)
    for body in WRONG:
        path, more = decision(one, **body)
        assert "0 to 1" in town.refused(422, "POST", path, **more)["message"]
    assert item(town, job)["state"] == "open"
    town.refused(404, "POST", "/contradictions/4711/decision", json={"action": "both", "version": 1})


def test_a_neighbour_cannot_decide(town: DocumentTown) -> None:
    job = told(town, "Seebad", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    one = item(town, job)
    town.office("POST", "/organisations", json={"name": "neighbour"})
    town.office("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
    scopes = {"scopes": ["documents"], "organisation": "neighbour"}
    key = town.office("POST", "/keys", json={"project": "default", "name": "spy", **scopes})["key"]
    path, more = decision(one, action="both")
    answer = town.answer("POST", path, key=key, **more)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"there is no contradiction {one['id']}"
    assert item(town, job)["state"] == "open"


def test_decisions_outlive_documents_that_join_a_side(town: DocumentTown) -> None:
    job = told(town, "Waldheim", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    path, more = decision(item(town, job), action="side", side=0)
    town.ok("POST", path, **more)
    town.ok("POST", f"/jobs/{job}/reopen")
    town.upload(job, "third.txt", GERMAN.format(who="Waldheim", amount="1.600 Mio. Euro"))
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    one = item(town, job)
    assert (one["state"], one["side"]) == ("side", 0)
    assert quotes(one) == [["1,2 Mrd. Euro"], ["1.6 billion euros", "1.600 Mio. Euro"]]
    town.ok("POST", f"/jobs/{job}/reopen")
    town.upload(job, "fourth.txt", GERMAN.format(who="Waldheim", amount="3 Mrd. Euro"))
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    before, now = town.ok("GET", f"/jobs/{job}/contradictions")["items"]
    assert (before["state"], before["gone"]) == ("side", True)
    assert (now["state"], now["gone"], len(now["sides"])) == ("open", False, 3)


def test_earlier_jobs_of_the_project_are_compared(town: DocumentTown) -> None:
    first = told(town, "Küstenbahn", (GERMAN, "1,2 Mrd. Euro"))
    assert town.ok("GET", f"/jobs/{first}/contradictions")["items"] == []
    second = told(town, "Küstenbahn", (ENGLISH, "1.6 billion euros"))
    one = item(town, second)
    assert sorted((fact["quote"], fact["job"]) for side in one["sides"] for fact in side["facts"]) == [
        ("1,2 Mrd. Euro", first),
        ("1.6 billion euros", None),
    ]
    assert town.ok("GET", f"/jobs/{first}/contradictions")["items"] == [], "the later one asks"
    secret = told(town, "Küstenbahn", (GERMAN, "2 Mrd. Euro"), data_class="restricted")
    assert len(item(town, secret)["sides"]) == 3
    assert "Küstenbahn" not in town.answer("GET", f"/jobs/{secret}").text
    public = told(town, "Küstenbahn", (ENGLISH, "4 billion euros"))
    said = {quote for side in quotes(item(town, public)) for quote in side}
    assert "2 Mrd. Euro" not in said, "what only a stricter class may see"
    town.ok("DELETE", f"/jobs/{first}")
    rows = fetch(town, "select id from document_clash where id = " + str(one["id"]))
    assert rows == [], "its quotes went with the documents"


def test_the_same_file_in_two_jobs_says_it_once(town: DocumentTown) -> None:
    told(town, "Moorland", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    again = told(town, "Moorland", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    assert quotes(item(town, again)) == [["1,2 Mrd. Euro"], ["1.6 billion euros"]]


def test_invoices_are_not_compared(town: DocumentTown) -> None:
    job = town.job(schema="invoice", model="")
    for at, (text, amount) in enumerate(((GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))):
        town.upload(job, f"birkenau-{at}.txt", text.format(who="Birkenau", amount=amount))
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    assert town.ok("GET", f"/jobs/{job}/contradictions")["items"] == []
    assert town.ok("GET", f"/jobs/{job}/facts")["facts"]
    later = told(town, "Birkenau", (GERMAN, "2 Mrd. Euro"))
    assert town.ok("GET", f"/jobs/{later}/contradictions")["items"] == []


def test_a_clerk_decides_in_the_terminal(town: DocumentTown) -> None:
    job = told(town, "Heideblick", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    left = town.ok("GET", f"/jobs/{job}/review")["left"]
    typed = town.type(*["s"] * left, "x", "9", "2", "docs", "review", str(job), "--language", "de")
    for part in ("Widerspruch 1 von 1", "1,2 Mrd. Euro", "1.6 billion euros", "Widersprüche: 0"):
        assert part in typed
    one = item(town, job)
    assert (one["state"], one["side"], one["decided_by"]) == ("side", 1, "admin")
    shown = town.cli("docs", "contradictions", str(job), "--language", "de").out
    assert "Aussage 2 stimmt" in shown


def test_exports_show_the_decision(town: DocumentTown, tmp_path: Path) -> None:
    job = told(town, "Lindenau", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    path, more = decision(item(town, job), action="side", side=0, note="=1+1")
    town.ok("POST", path, **more)
    whole = json.loads(town.answer("GET", f"/jobs/{job}/export/json").content)
    assert [side["right"] for side in whole["contradictions"][0]["sides"]] == [True, False]
    book = load_workbook(io.BytesIO(town.answer("GET", f"/jobs/{job}/export/xlsx").content))
    rows = [[cell.value for cell in row] for row in book["Contradictions"].iter_rows()]
    at = rows[0].index("decision")
    assert [row[at] for row in rows[1:]] == ["right", "wrong"]
    out = tmp_path / "out.csv"
    done = town.cli("docs", "export", str(job), "-o", str(out), "--contradictions", "--language", "de")
    assert done.code == 0
    lines = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"))))
    assert [(one["Aussage"], one["Entscheidung"], one["Zahl"]) for one in lines] == [
        ("1", "stimmt", "1200000000"),
        ("2", "stimmt nicht", "1600000000"),
    ]
    assert lines[0]["Bemerkung"] == "'=1+1", "no formula"
    assert lines[0]["entschieden von"] == "admin"


def test_a_place_on_a_page_has_its_box(town: DocumentTown) -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_font("Helvetica", size=11)
    sheet.multi_cell(0, 6, GERMAN.format(who="Auental", amount="1,2 Mrd. Euro"))
    job = town.job(schema="article", model="")
    town.upload(job, "auental.pdf", bytes(sheet.output()))
    town.upload(job, "auental.txt", ENGLISH.format(who="Auental", amount="1.6 billion euros"))
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    page, plain = (side["facts"][0] for side in item(town, job)["sides"])
    assert (page["page"], len(page["boxes"])) == (1, 3)
    assert all(0 < left < right < 596 for left, _, right, _ in page["boxes"])
    image = town.answer("GET", page["image"])
    assert image.content.startswith(b"\x89PNG")
    assert (plain["boxes"], plain["image"]) == ([], "")


def test_contradictions_rest_sealed(town: DocumentTown) -> None:
    job = told(town, "Rosengarten", (GERMAN, "1,2 Mrd. Euro"), (ENGLISH, "1.6 billion euros"))
    path, more = decision(item(town, job), action="reject", note="beide falsch: Rosengarten")
    assert town.ok("POST", path, **more)["sides"][0]["right"] is False
    rows = [
        *fetch(town, "select sealed from document_clash"),
        *fetch(town, "select sealed from document_clash_decision"),
        *fetch(town, "select sealed from document_fact"),
    ]
    assert len(rows) > 3
    assert all(b"Rosengarten" not in row[0] and b"rosengarten" not in row[0] for row in rows)
