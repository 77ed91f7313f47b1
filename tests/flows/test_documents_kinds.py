"""Jobs of several kinds: each document's kind is told, stored and shown; who cannot be told asks a person."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq

from tests.fakes.provider import Knobs
from tests.flows.document_town import INVOICE, DocumentTown, document_town

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


BARKS = (
    "Der Hund bellt im Garten.",
    "Unser Hund ist ein junger Dackel.",
    "Der Dackel bellt den Hund an.",
    "Ein Hund braucht Futter und Leine.",
    "Der alte Hund liegt neben der Leine.",
    "Die Leine des Hundes riss.",
)
RUSTLES = (
    "Die Eiche steht im Wald.",
    "Der Baum im Wald hat Blätter.",
    "Alte Eichen haben dicke Stämme.",
    "Die Buche ist ein Baum mit glatten Blättern.",
    "Im Wald fallen Blätter vom Baum.",
    "Ein Stamm der Buche lag im Wald.",
)
KINDS = ["barks", "rustles", "contract"]


def kinds_of(town: DocumentTown, job: int) -> list[tuple[str, str, str]]:
    return [
        (one["name"], one["schema"], one["schema_origin"])
        for one in town.ok("GET", f"/jobs/{job}/files")["documents"]
    ]


def read(town: DocumentTown, texts: dict[str, str], **fields: object) -> int:
    """A job of several kinds with these files, done."""
    for name in KINDS[:2]:
        town.ok("PUT", f"/schemas/{name}", json={"words": "Lieblingsfarbe"})
    job: int = town.ok("POST", "/jobs", json={"schema": "auto", "schemas": KINDS, "new": True, **fields})[
        "id"
    ]
    for name, text in texts.items():
        town.upload(job, name, text)
    town.ok("POST", f"/jobs/{job}/start")
    town.wait(job, "done")
    return job


def test_a_classifier_learns_what_people_say_and_tells_the_next_kinds(
    database_url: str, tmp_path: Path
) -> None:
    with document_town(database_url, tmp_path) as town:
        town.worker()
        texts = {
            f"{kind}-{at}.txt": text
            for kind, group in (("barks", BARKS), ("rustles", RUSTLES))
            for at, text in enumerate(group)
        }
        first = read(town, texts, model="")
        assert {origin for _, _, origin in kinds_of(town, first)} == {"nobody"}
        body = {"kinds": True, "vectors": "none"}
        nothing = town.refused(422, "POST", "/trained/own/train", json=body)
        assert nothing["message"].startswith("there are no examples")
        for one in town.ok("GET", f"/jobs/{first}/files")["documents"]:
            town.ok("POST", f"/files/{one['id']}/kind", json={"schema": one["name"].partition("-")[0]})
        town.wait(first, "done")
        made = town.ok("POST", "/trained/own/train", json=body)
        assert [(one["name"], one["examples"]) for one in made["scores"]] == [("barks", 6), ("rustles", 6)]
        dog = "Mein Hund, ein Dackel, bellt an der Leine.\nEin Hund bellt. Der Dackel bellt.\n"
        second = read(town, {"neu.txt": dog}, model="")
        assert kinds_of(town, second) == [("neu.txt", "barks", "trained")]
        # Said otherwise, it is an example of the other kind: the next version has learnt it.
        neu = town.ok("GET", f"/jobs/{second}/files")["documents"][0]["id"]
        town.ok("POST", f"/files/{neu}/kind", json={"schema": "rustles"})
        town.wait(second, "done")
        again = town.ok("POST", "/trained/own/train", json=body)
        assert [(one["name"], one["examples"]) for one in again["scores"]] == [("barks", 6), ("rustles", 7)]


def test_a_model_tells_a_kind_where_it_says_the_same_twice(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path, Knobs(answer_text='{"kind": 2}')) as town:
        town.worker()
        job = read(town, {"hund.txt": PLAIN}, model="fake-model")
        # The second of three is the second in both orders.
        assert kinds_of(town, job) == [("hund.txt", "rustles", "model")]
        assert town.settled(job)["calls"] >= 2
        town.fake.knobs.answer_text = '{"kind": 1}'
        job = read(town, {"hund.txt": PLAIN + "Auch übermorgen.\n"}, model="fake-model")
        assert kinds_of(town, job) == [("hund.txt", "", "nobody")]
        assert town.settled(job)["calls"] == 2, "asked in both orders, booked on the job"
        assert town.office("GET", "/books/verify")["ok"]
