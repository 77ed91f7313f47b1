"""Workers that are killed, and many of them: nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg

from tests.fakes.provider import Knobs
from tests.flows.document_town import DocumentTown, document_town

TEXT = "Lieblingsfarbe: braun {at}\nLieblingsfarbe: blau {at}\n"
"""Two answers of the same rank: rules cannot tell, a model is asked twice."""


def fetch(town: DocumentTown, query: str) -> list[Any]:
    """What the database itself says."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(town.url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    return asyncio.run(ask())


def until_tried(town: DocumentTown, tries: int, seconds: float = 30) -> None:
    """Wait until the only document was claimed so often; a dead worker's still counts as running."""
    ends = time.monotonic() + seconds
    while fetch(town, "select tries from job_document")[0]["tries"] < tries:
        assert time.monotonic() < ends


def job_about_dogs(town: DocumentTown, number: int, **fields: Any) -> int:
    town.ok("PUT", "/schemas/dogs", json={"words": "Lieblingsfarbe"})
    job = town.job(schema="dogs", **fields)
    for at in range(number):
        town.upload(job, f"dog-{at}.txt", TEXT.format(at=at))
    return job


def test_a_killed_worker_loses_and_repeats_nothing(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path, Knobs(latency_ms=400)) as town:
        job = job_about_dogs(town, 10)
        first = town.worker(RECHENWERK_DOCUMENTS_AT_ONCE="2")
        town.ok("POST", f"/jobs/{job}/start")
        town.until(job, done=3)
        first.kill()
        left = town.ok("GET", f"/jobs/{job}")
        assert left["state"] == "running"
        assert left["documents"]["done"] < 10
        town.worker(RECHENWERK_DOCUMENTS_AT_ONCE="2")
        town.wait(job, "done")
        done = town.settled(job)
        assert done["documents"]["done"] == 10
        questions = fetch(town, "select purpose from document_answer")
        assert len(questions) >= 10
        assert len(questions) <= done["calls"] <= len(questions) + 2, "at most the calls in flight again"
        rows = fetch(town, "select document_id, field from document_value")
        assert len(rows) == len(set(map(tuple, rows))) == 10
        assert town.office("GET", "/books/verify")["ok"]


def test_two_workers_share_the_work(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path, Knobs(latency_ms=100)) as town:
        jobs = [job_about_dogs(town, 6, name=name) for name in ("one", "two")]
        for _ in range(2):
            town.worker(RECHENWERK_DOCUMENTS_AT_ONCE="1")
        for job in jobs:
            town.ok("POST", f"/jobs/{job}/start")
        for job in jobs:
            assert town.wait(job, "done")["documents"]["done"] == 6
            town.settled(job)
        assert all(row["tries"] == 1 for row in fetch(town, "select tries from job_document"))
        asked = fetch(town, "select job_id, count(*) as number from document_answer group by 1")
        calls = fetch(town, "select count(*) as number from call")
        assert sum(row["number"] for row in asked) == calls[0]["number"]


def test_a_document_that_ends_its_worker_is_left_out(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path, Knobs(latency_ms=60_000)) as town:
        job = job_about_dogs(town, 1)
        town.ok("POST", f"/jobs/{job}/start")
        for tries in (1, 2, 3):
            worker = town.worker()
            until_tried(town, tries)
            worker.kill()
            town.lease_over(job)
        town.fake.knobs.latency_ms = 0
        town.worker()
        done = town.wait(job, "done")
        assert done["documents"]["failed"] == 1
        (document,) = town.ok("GET", f"/jobs/{job}/files")["documents"]
        assert "ended 3 times" in document["reason"]
        assert town.ok("POST", f"/jobs/{job}/resume", json={})["state"] == "running"
        assert town.wait(job, "done")["documents"]["done"] == 1
