"""Jobs of several kinds: each document's kind is told, stored and shown; who cannot be told asks a person."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq

from tests.flows.document_town import INVOICE, document_town

PLAIN = "Der Hund schläft. Morgen regnet es vielleicht.\n"


def test_kinds_are_told_by_rules_and_by_a_person(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        town.worker()
        job = town.ok("POST", "/jobs", json={"schema": "auto", "model": ""})["id"]
        invoice = town.upload(job, "rechnung.txt", INVOICE.format(number="R-1"))["id"]
        other = town.upload(job, "hund.txt", PLAIN)["id"]
        town.ok("POST", f"/jobs/{job}/start")
        assert town.wait(job, "done")["kinds"] == {"": 1, "invoice": 1}
        told = town.ok("GET", f"/files/{invoice}")
        assert (told["schema"], told["schema_origin"]) == ("invoice", "rule")
        (asked,) = town.ok("GET", f"/jobs/{job}/review")["kinds"]
        assert (asked["id"], asked["schema"]) == (other, "")
        assert "cannot be told" in asked["reason"]
        assert "nicht zu erkennen" in asked["reason_de"]
        assert "Wörter" in told["schema_reason_de"]
        assert "docs kind" in town.type("q", "docs", "review", str(job))
        town.refused(422, "POST", f"/files/{other}/kind", json={"schema": "dogs"})
        assert town.cli("docs", "kind", str(job), str(other), "article").code == 0
        assert town.wait(job, "done")["kinds"] == {"article": 1, "invoice": 1}
        said = town.ok("GET", f"/files/{other}")
        assert (said["schema_origin"], said["schema_reason_de"]) == ("person", "angegeben von admin")
        assert "angegeben von admin" in "".join(
            town.cli("docs", "show", str(job), "--language", "de").out.split("\n")
        )
        assert town.ok("GET", f"/files/{other}/values")["values"]
        table = pq.read_table(io.BytesIO(town.answer("GET", f"/jobs/{job}/export/parquet").content))
        assert set(table.column("schema").to_pylist()) == {"article", "invoice"}
        assert town.answer("GET", f"/jobs/{job}/export/xlsx").is_success


def test_a_kind_that_cannot_change_is_refused(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        job = town.ok("POST", "/jobs", json={"schema": "auto", "model": ""})["id"]
        invoice = town.upload(job, "rechnung.txt", INVOICE.format(number="R-1"))["id"]
        kind = {"json": {"schema": "article"}}
        waits = town.refused(409, "POST", f"/files/{invoice}/kind", **kind)
        assert waits["message"] == f"the kind of document {invoice} cannot change: it is waiting"
        town.worker()
        town.ok("POST", f"/jobs/{job}/start")
        town.wait(job, "done")
        values = {one["field"]: one for one in town.ok("GET", f"/files/{invoice}/values")["values"]}
        number = values["invoice_number"]
        town.ok(
            "POST",
            f"/files/{invoice}/values/invoice_number/decision",
            json={"action": "accept", "version": number["version"]},
        )
        decided = town.refused(409, "POST", f"/files/{invoice}/kind", **kind)
        assert decided["message"].endswith("cannot change: people decided about its values")
        assert town.ok("GET", f"/files/{invoice}")["schema"] == "invoice"
        one = town.job(model="")
        plain = town.upload(one, "hund.txt", PLAIN)["id"]
        single = town.refused(422, "POST", f"/files/{plain}/kind", **kind)
        assert "the job has one schema for all documents" in single["message"]
        town.ok("POST", f"/jobs/{job}/reopen")
        town.ok("POST", f"/jobs/{job}/cancel")
        gone = town.refused(409, "POST", f"/files/{invoice}/kind", **kind)
        assert gone["message"] == f"job {job} was cancelled; make a new one"
        assert town.cli("docs", "kind", str(one), str(invoice), "article").code == 1


def test_schemas_are_listed_with_ones_own_in_the_place_of_ready_ones(
    database_url: str, tmp_path: Path
) -> None:
    with document_town(database_url, tmp_path) as town:
        before = {one["name"]: one["version"] for one in town.ok("GET", "/schemas")["schemas"]}
        assert before == dict.fromkeys(("invoice", "contract", "article", "order", "application"), 0)
        town.ok("PUT", "/schemas/dogs", json={"words": "breed"})
        town.ok("PUT", "/schemas/invoice", json={"words": "invoice number"})
        town.ok("PUT", "/schemas/invoice", json={"words": "invoice number, total"})
        after = {one["name"]: one["version"] for one in town.ok("GET", "/schemas")["schemas"]}
        assert after == {**before, "dogs": 1, "invoice": 2}
        shown = town.ok("GET", "/schemas/invoice")["schemas"]
        assert [one["version"] for one in shown] == [0, 1, 2]
        assert "dogs" in town.cli("docs", "schemas").out
        town.office("POST", "/organisations", json={"name": "neighbour"})
        town.office("POST", "/projects", json={"name": "default", "organisation": "neighbour"})
        scopes = {"scopes": ["documents"], "organisation": "neighbour"}
        key = town.office("POST", "/keys", json={"project": "default", "name": "spy", **scopes})["key"]
        theirs = town.answer("GET", "/schemas", key=key).json()["schemas"]
        assert {one["name"]: one["version"] for one in theirs} == before


def test_a_watched_folder_tells_kinds_too(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        town.worker()
        folder = tmp_path / "in"
        folder.mkdir()
        (folder / "rechnung.txt").write_text(INVOICE.format(number="R-1"))
        out = tmp_path / "out.json"
        done = town.cli("docs", "watch", str(folder), "-o", str(out), "--once")
        assert done.code == 0, done.err
        (job,) = town.ok("GET", "/jobs")["jobs"]
        assert (job["schema"], job["kinds"]) == ("auto", {"invoice": 1})
        again = town.cli("docs", "run", str(folder), "--json")
        assert again.code == 0
        assert [one["id"] for one in town.ok("GET", "/jobs")["jobs"]] == [job["id"]], "the same job goes on"
