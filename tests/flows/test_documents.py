"""Jobs of documents from upload to values, with real workers, a gateway and its books."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from tests.flows.document_town import INVOICE, DocumentTown, document_town


@pytest.fixture(scope="module")
def town(server: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    url = server.fresh_sync()  # type: ignore[attr-defined]
    with document_town(url, tmp_path_factory.mktemp("town")) as town:
        town.worker()
        yield town


def test_from_upload_to_values(town: DocumentTown) -> None:
    job = town.job(budget="1.00")
    town.invoices(job, 3)
    same = town.upload(job, "rechnung-0.txt", INVOICE.format(number="R-2025-0000"))
    assert same["new"] is False
    twin = town.upload(job, "copy.txt", INVOICE.format(number="R-2025-0000"))
    assert (twin["state"], twin["reason"]) == ("duplicate", "the same as rechnung-0.txt")
    empty = town.upload(job, "leer.pdf", b"")
    read = town.until(job, waiting=3, refused=1)
    assert read["state"] == "open"
    assert read["calls"] == 0
    assert read["estimate"] is not None
    assert town.ok("POST", f"/jobs/{job}/start")["state"] in {"running", "done"}
    done = town.wait(job, "done")
    assert done["documents"] | {"done": 3, "duplicate": 1, "refused": 1} == done["documents"]
    assert done["pages"] == 3
    assert town.ok("GET", f"/files/{empty['id']}")["reason_de"] == "Die Datei ist leer."
    values = town.ok("GET", f"/jobs/{job}/values")["values"]
    assert {one["document_name"] for one in values} == {f"rechnung-{at}.txt" for at in range(3)}
    refused = town.refused(409, "POST", f"/jobs/{job}/files", params={"name": "late.txt"}, content=b"x")
    assert "reopen" in refused["message"]


def test_the_job_costs_what_its_calls_cost(town: DocumentTown) -> None:
    job = town.job()
    town.invoices(job, 2)
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    done = town.settled(job)
    keys = town.office("GET", "/keys")["keys"]
    mine = next(one for one in keys if one["name"] == f"documents {job}")
    town.until_revoked(mine["id"])
    assert mine["scopes"] == ["inference"]
    calls = [
        one for one in town.office("GET", "/books/journal", limit=1000)["calls"] if one["key"] == mine["name"]
    ]
    assert len(calls) == done["calls"]
    assert sum(float(one["charged"]) for one in calls) == pytest.approx(float(done["cost"]), abs=1e-12)
    assert town.office("GET", "/books/verify")["ok"]


def test_an_archive_and_a_mail_become_their_members(town: DocumentTown) -> None:
    job = town.job(model="")
    town.upload(job, "post.zip", town.archive({"a.txt": "Rechnung 1", "b/leer.txt": ""}))
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    found = {one["name"]: one for one in town.ok("GET", f"/jobs/{job}/files")["documents"]}
    assert found["post.zip"]["state"] == "unpacked"
    assert found["post.zip/a.txt"]["state"] == "done"
    assert found["post.zip/a.txt"]["parent"] == found["post.zip"]["id"]
    assert found["post.zip/b/leer.txt"]["state"] == "refused"


def test_more_files_later(town: DocumentTown) -> None:
    job = town.job(model="", source="host:/post")
    town.upload(job, "a.txt", "eins")
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    again = town.ok("POST", "/jobs", json={"schema": "invoice", "source": "host:/post"})
    assert (again["id"], again["found"]) == (job, True)
    assert town.ok("POST", f"/jobs/{job}/reopen")["state"] == "open"
    town.upload(job, "b.txt", "zwei")
    town.ok("POST", f"/jobs/{job}/start")
    assert town.wait(job, "done")["documents"]["done"] == 2
    new = town.ok("POST", "/jobs", json={"schema": "invoice", "source": "host:/post", "new": True})
    assert new["id"] != job


def test_a_source_finds_no_job_of_another_project(town: DocumentTown) -> None:
    town.office("POST", "/projects", json={"name": "clinic"})
    town.office("PUT", "/projects/clinic/data-class", json={"data_class": "confidential"})
    wanted = {"project": "clinic", "name": "clinic", "scopes": ["documents"]}
    key = town.office("POST", "/keys", json=wanted)["key"]
    body = {"schema": "invoice", "model": "", "source": "host:/shared"}
    theirs = town.ok("POST", "/jobs", json=body)
    mine = town.ok("POST", "/jobs", key=key, json=body)
    assert (mine["found"], mine["project"], mine["data_class"]) == (False, "clinic", "confidential")
    assert town.ok("POST", "/jobs", key=key, json=body)["id"] == mine["id"]
    assert town.ok("POST", "/jobs", json={**body, "project": "clinic"})["id"] == mine["id"]
    again = town.ok("POST", "/jobs", json=body)
    assert (again["id"], again["found"]) == (theirs["id"], True)


def test_the_job_tells_how_it_goes(town: DocumentTown) -> None:
    job = town.job(model="")
    town.upload(job, "a.txt", "eins")
    town.ok("POST", f"/jobs/{job}/start")
    answer = town.answer("GET", f"/jobs/{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1]["state"] == "done"
    assert events[-1]["documents"]["done"] == 1


def test_a_wish_that_cannot_be_met_is_refused_in_one_line(town: DocumentTown) -> None:
    body = {"schema": "invoice", "model": "fake-model"}
    assert "there are" in town.refused(404, "POST", "/jobs", json={"schema": "nothing"})["message"]
    missing = town.refused(404, "POST", "/jobs", json={**body, "model": "nobody"})
    assert missing["code"] == "model_not_found"
    refused = town.refused(409, "POST", "/jobs", json={**body, "data_class": "restricted"})
    assert refused["code"] == "no_deployment_allowed"
    assert "restricted" in refused["message"]
    town.office("PUT", "/projects/default/data-class", json={"data_class": "confidential"})
    freer = town.refused(422, "POST", "/jobs", json={**body, "data_class": "public"})
    assert "stricter" in freer["message"]
    assert town.refused(409, "POST", "/jobs", json={"schema": "invoice"})["code"] == "no_deployment_allowed"
    town.office("PUT", "/projects/default/data-class", json={"data_class": "internal"})


def test_a_job_found_again_is_as_strict_as_it_is_asked_to_be(town: DocumentTown) -> None:
    body = {"schema": "invoice", "model": "", "source": "/post", "data_class": "internal"}
    job = town.ok("POST", "/jobs", json=body)["id"]
    again = town.ok("POST", "/jobs", json=body)
    assert (again["id"], again["found"]) == (job, True)
    stricter = town.refused(409, "POST", "/jobs", json={**body, "data_class": "confidential"})
    assert stricter["code"] == "job_less_strict"
    assert "--new" in stricter["message"]
    town.office("PUT", "/projects/default/data-class", json={"data_class": "confidential"})
    del body["data_class"]
    assert town.refused(409, "POST", "/jobs", json=body)["code"] == "job_less_strict"
    town.office("PUT", "/projects/default/data-class", json={"data_class": "internal"})
    strict = town.ok("POST", "/jobs", json={**body, "data_class": "confidential", "new": True})["id"]
    freer = town.ok("POST", "/jobs", json=body)
    assert (freer["id"], freer["data_class"]) == (strict, "confidential"), "the stricter one stays as it is"


def test_formulas_stay_text(town: DocumentTown) -> None:
    job = town.job(model="")
    town.upload(job, "=cmd|' /C calc'!A1.txt", "Rechnungsnummer: 5\nGesamtbetrag: 10,00 EUR")
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    data = town.answer("GET", f"/jobs/{job}/export/csv", params={"language": "de"}).content
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0][:4] == ["Dokument-Nr.", "Dokument", "Feld", "Bezeichnung"]
    assert all(row[1].startswith("'=cmd") for row in rows[1:])
    assert len(rows) > 1
    book = load_workbook(io.BytesIO(town.answer("GET", f"/jobs/{job}/export/xlsx").content))
    assert book.sheetnames[0] == "Invoice"
    assert {"Items", "To review", "Values", "Files"} <= set(book.sheetnames)
    cell = book["Files"]["A2"]
    assert (cell.data_type, cell.value) == ("s", "=cmd|' /C calc'!A1.txt")
    table = pq.read_table(io.BytesIO(town.answer("GET", f"/jobs/{job}/export/parquet").content))
    assert table.num_rows == len(rows) - 1
    assert str(table.schema.field("number").type) == "decimal128(38, 9)"
    document = town.ok("GET", f"/jobs/{job}/export/json")
    assert len(document["documents"][0]["values"]) == len(rows) - 1


def test_the_command_of_a_clerk(town: DocumentTown, tmp_path: Path) -> None:
    folder = tmp_path / "post"
    (folder / "april").mkdir(parents=True)
    for at in range(3):
        path = folder / "april" / f"rechnung-{at}.txt"
        path.write_text(INVOICE.format(number=f"R-{at}"), encoding="utf-8")
    (folder / "leer.pdf").write_bytes(b"")
    out = tmp_path / "out.xlsx"
    command = ("docs", "run", str(folder), "--schema", "invoice", "--model", "fake-model")
    done = town.cli(*command, "-o", str(out), "--language", "de")
    assert done.code == 0, done.err
    for part in ("Dateien fertig", "Kosten", "leer.pdf", "Die Datei ist leer."):
        assert part in done.out
    assert load_workbook(out).sheetnames[-1] == "Dateien"
    again = town.cli(*command, "--json").json()
    assert again["documents"]["done"] == 3
    job = str(again["id"])
    assert "post" in town.cli("docs", "jobs", "--language", "en").out
    assert "april/rechnung-1.txt" in town.cli("docs", "show", job, "--language", "en").out
    assert "there is no folder" in town.cli("docs", "run", str(tmp_path / "nowhere")).one_line()
    (tmp_path / "empty").mkdir()
    assert "has no files" in town.cli("docs", "run", str(tmp_path / "empty")).one_line()
    town.cli("docs", "delete", job, "--yes", "--json").json()
    assert town.refused(404, "GET", f"/jobs/{job}")["code"] == "job_not_found"


def test_an_own_form_in_plain_words(town: DocumentTown, tmp_path: Path) -> None:
    put = town.cli("docs", "schemas", "dogs", "--put", "breed, colour, born (date)", "--json").json()
    assert put["version"] == 1
    assert [one["type"] for one in put["fields"]] == ["text", "text", "date"]
    same = town.cli("docs", "schemas", "dogs", "--put", "breed, colour, born (date)", "--json").json()
    assert same["version"] == 1
    path = tmp_path / "dogs.json"
    path.write_text(json.dumps({"type": "object", "properties": {"breed": {"type": "string"}}}))
    assert town.cli("docs", "schemas", "dogs", "--put", str(path), "--json").json()["version"] == 2
    assert len(town.ok("GET", "/schemas/dogs")["schemas"]) == 2
    assert "dogs" in town.cli("docs", "schemas", "--language", "en").out


def test_the_examples_and_the_image_of_a_page(town: DocumentTown, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    folder = Path(__file__).parents[2] / "examples" / "documents"
    command = ("docs", "run", str(folder / "invoices"), "--without-model", "--language", "en")
    done = town.cli(*command, "-o", str(out))
    assert done.code == 0, done.err
    documents = {one["name"]: one for one in json.loads(out.read_text())["documents"]}
    assert documents["older.zip/empty.pdf"]["state"] == "refused"
    found = {one["field"]: one for one in documents["lindenau.pdf"]["values"]}
    assert (found["invoice_number"]["value"], found["invoice_number"]["state"]) == ("2026-0417", "proven")
    page = town.answer("GET", f"/files/{documents['lindenau.pdf']['id']}/pages/1.png")
    assert page.content.startswith(b"\x89PNG")
    beyond = town.answer("GET", f"/files/{documents['lindenau.pdf']['id']}/pages/2.png")
    assert beyond.status_code == 404
    news = town.cli("docs", "run", str(folder / "news"), "--schema", "article", "--without-model", "--json")
    job = str(news.json()["id"])
    (clash,) = town.cli("docs", "contradictions", job, "--json").json()["contradictions"]
    assert {clash["left"]["document_name"], clash["right"]["document_name"]} == {
        "nordlicht-de.txt",
        "nordlicht-en.txt",
    }
    assert "revenue" in town.cli("docs", "facts", job, "--language", "en").out
    values = town.ok("GET", f"/files/{documents['lindenau.pdf']['id']}/values")["values"]
    assert all(one["evidence"]["boxes"] for one in values if one["evidence"])
