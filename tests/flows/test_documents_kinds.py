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
        assert "docs kind" in town.type("q", "docs", "review", str(job))
        town.refused(422, "POST", f"/files/{other}/kind", json={"schema": "dogs"})
        assert town.cli("docs", "kind", str(job), str(other), "article").code == 0
        assert town.wait(job, "done")["kinds"] == {"article": 1, "invoice": 1}
        assert town.ok("GET", f"/files/{other}")["schema_origin"] == "person"
        assert town.ok("GET", f"/files/{other}/values")["values"]
        table = pq.read_table(io.BytesIO(town.answer("GET", f"/jobs/{job}/export/parquet").content))
        assert set(table.column("schema").to_pylist()) == {"article", "invoice"}
        assert town.answer("GET", f"/jobs/{job}/export/xlsx").is_success


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
    with document_town(database_url, tmp_path, Knobs(answer_text='{"choice": 2}')) as town:
        town.worker()
        job = read(town, {"hund.txt": PLAIN}, model="fake-model")
        # The second of three is the second in both orders.
        assert kinds_of(town, job) == [("hund.txt", "rustles", "model")]
        assert town.settled(job)["calls"] >= 2
        town.fake.knobs.answer_text = '{"choice": 1}'
        job = read(town, {"hund.txt": PLAIN + "Auch übermorgen.\n"}, model="fake-model")
        assert kinds_of(town, job) == [("hund.txt", "", "nobody")]
        assert town.settled(job)["calls"] == 2, "asked in both orders, booked on the job"
        assert town.office("GET", "/books/verify")["ok"]
