"""Budgets that run out, providers that are away, data that may not leave."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.provider import Knobs
from tests.flows.document_town import document_town
from tests.flows.test_documents_crash import TEXT, fetch, job_about_dogs


def test_a_budget_runs_out_and_the_job_goes_on(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path, Knobs(answer_tokens=200)) as town:
        job = job_about_dogs(town, 12, budget="0.0018")
        town.worker(RECHENWERK_DOCUMENTS_AT_ONCE="1")
        town.ok("POST", f"/jobs/{job}/start")
        paused = town.wait(job, "paused")
        assert "budget" in paused["reason"], paused
        assert "\n" not in paused["reason"]
        counts = paused["documents"]
        assert 0 < counts["done"] < 12
        assert counts["done"] + counts["waiting"] == 12
        assert float(paused["cost"]) <= 0.0018
        asked = paused["calls"]
        resumed = town.cli("docs", "resume", str(job), "--budget", "1.00", "--language", "en")
        assert resumed.code == 0, resumed.err
        town.wait(job, "done")
        done = town.settled(job)
        assert done["documents"]["done"] == 12
        assert done["calls"] == len(fetch(town, "select from document_answer")) > asked
        assert done["budget"] == "1.00"


def test_the_command_says_why_it_pauses(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        town.ok("PUT", "/schemas/dogs", json={"words": "Lieblingsfarbe"})
        (tmp_path / "post").mkdir()
        (tmp_path / "post" / "a.txt").write_text(TEXT.format(at=1), encoding="utf-8")
        town.worker()
        command = ("docs", "run", str(tmp_path / "post"), "--schema", "dogs", "--model", "fake-model")
        ended = town.cli(*command, "--budget", "0.000001", "--language", "de")
        assert ended.code == 1
        assert "ist angehalten" in ended.err
        assert "docs resume 1 --budget" in ended.err
        done = town.cli(*command, "--budget", "1", "--language", "de")
        assert done.code == 0, done.err
        assert "weiter mit Auftrag 1" in done.err


def test_a_key_that_somebody_revoked_gets_a_successor(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        job = job_about_dogs(town, 1)
        town.ok("POST", f"/jobs/{job}/start")
        town.ok("POST", f"/jobs/{job}/pause")
        fetch(town, "update api_key set revoked_at = now() where name like 'documents %'")
        town.ok("POST", f"/jobs/{job}/resume", json={})
        assert len(fetch(town, "select from document_key")) == 2
        town.worker()
        assert town.wait(job, "done")["documents"]["done"] == 1


def test_a_provider_that_is_away_holds_documents_up(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path, Knobs(status=503)) as town:
        job = job_about_dogs(town, 2)
        town.worker()
        town.ok("POST", f"/jobs/{job}/start")
        held = town.until_reason(job)
        assert held["state"] == "running"
        assert held["documents"]["failed"] == 0
        town.fake.knobs.status = None
        assert town.wait(job, "done", seconds=90)["documents"]["done"] == 2


def test_the_jobs_class_goes_with_its_calls(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        job = job_about_dogs(town, 1)
        town.ok("POST", f"/jobs/{job}/start")
        rows = fetch(town, "select data_class, hash from api_key where name like 'documents %'")
        assert [row["data_class"] for row in rows] == ["internal"]
        town.office("PUT", "/projects/default/data-class", json={"data_class": "restricted"})
        town.worker()
        paused = town.wait(job, "paused")
        assert "restricted" in paused["reason"]
        assert fetch(town, "select from call") == []
