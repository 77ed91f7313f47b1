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
        assert "docs kind" in town.type("q", "docs", "review", str(job))
        town.refused(422, "POST", f"/files/{other}/kind", json={"schema": "dogs"})
        assert town.cli("docs", "kind", str(job), str(other), "article").code == 0
        assert town.wait(job, "done")["kinds"] == {"article": 1, "invoice": 1}
        assert town.ok("GET", f"/files/{other}")["schema_origin"] == "person"
        assert town.ok("GET", f"/files/{other}/values")["values"]
        table = pq.read_table(io.BytesIO(town.answer("GET", f"/jobs/{job}/export/parquet").content))
        assert set(table.column("schema").to_pylist()) == {"article", "invoice"}
        assert town.answer("GET", f"/jobs/{job}/export/xlsx").is_success
