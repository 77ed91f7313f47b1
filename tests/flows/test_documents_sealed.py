"""What documents say rests sealed, and what an older version left in clear is sealed, too."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg

from rechenwerk.documents.sealing import RowSeal
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.store.documents.desk import open_documents
from tests.flows.document_town import DocumentTown, document_town
from tests.flows.test_documents_crash import TEXT

BEFORE_0024 = """
alter table document_value drop constraint document_value_is_sealed;
alter table document_decision drop constraint document_decision_is_sealed;
alter table document_decision disable trigger decision_stays;
"""
SINCE = """
alter table document_decision enable trigger decision_stays;
alter table document_value add constraint document_value_is_sealed
    check (value is null and evidence is null and reasons = '{}') not valid;
alter table document_decision add constraint document_decision_is_sealed
    check (sealed is not null and before is null and after is null and note = '') not valid;
"""


def at_rest(url: str) -> bytes:
    """Everything that the rows of values and decisions hold, as text."""

    async def look() -> bytes:
        connection = await asyncpg.connect(url)
        try:
            tables = ("document_value", "document_decision")
            rows = [await connection.fetch(f"select x::text from {table} x") for table in tables]
        finally:
            await connection.close()
        hexed = "\n".join(row[0] for table in rows for row in table)
        assert rows[0], "there are values"
        assert rows[1], "and decisions"
        return hexed.encode()

    return asyncio.run(look())


def make_clear(url: str, town: DocumentTown, job: int) -> None:
    """Rows as they were before values were sealed."""
    values = town.ok("GET", f"/jobs/{job}/values")["values"]
    decided = town.ok("GET", f"/jobs/{job}/decisions")["decisions"]

    async def unseal() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(BEFORE_0024)
        for one in values:
            evidence = one["evidence"]
            if evidence is not None:
                evidence = {name: evidence[name] for name in ("page", "start", "end", "quote", "boxes")}
            await connection.execute(
                "update document_value set sealed = null, value = $3::jsonb, evidence = $4::jsonb,"
                " reasons = $5 where document_id = $1 and field = $2",
                one["document"],
                one["field"],
                None if one["value"] is None else json.dumps(one["value"]),
                None if evidence is None else json.dumps(evidence),
                one["reasons"],
            )
        for one in decided:
            await connection.execute(
                "update document_decision set sealed = null, before = $2::jsonb, after = $3::jsonb, note = $4"
                " where document_id = $1",
                one["document"],
                json.dumps(one["before"]),
                json.dumps(one["after"]),
                one["note"],
            )
        await connection.execute(SINCE)
        await connection.close()

    asyncio.run(unseal())


def seal(url: str) -> int:
    """What the office does when it starts, a row at a time."""

    async def work() -> int:
        async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
            reviews = open_documents(pool, RowSeal(SecretBox(bytes(32)))).reviews
            rounds = 0
            while await reviews.seal_clear(1):
                rounds += 1
        return rounds

    return asyncio.run(work())


def test_values_and_decisions_rest_sealed(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        town.worker()
        town.ok("PUT", "/schemas/dogs", json={"words": "Lieblingsfarbe, geboren (date)"})
        job = town.job(schema="dogs", model="")
        document = town.upload(job, "hund.txt", TEXT.format(at=1))["id"]
        town.ok("POST", f"/jobs/{job}/start")
        town.wait(job, "done")
        path = f"/files/{document}/values/lieblingsfarbe/decision"
        body = {"action": "correct", "version": 1, "value": "blau 1", "note": "geheime Notiz"}
        town.ok("POST", path, json=body)
        values, decisions = (town.ok("GET", f"/jobs/{job}/{what}") for what in ("values", "decisions"))
        assert "blau 1" in {one["text"] for one in values["values"]}
        secrets = (b"blau", b"braun", b"Notiz", b"geheime")
        assert not [one for one in secrets if one in at_rest(database_url)]
        make_clear(database_url, town, job)
        assert [one for one in secrets if one in at_rest(database_url)] == list(secrets)
        shown = town.ok("GET", f"/jobs/{job}/values")
        assert shown == values, "rows in clear are read until they are sealed"
        assert seal(database_url) >= 1
        assert not [one for one in secrets if one in at_rest(database_url)]
        assert town.ok("GET", f"/jobs/{job}/values") == values
        assert town.ok("GET", f"/jobs/{job}/decisions") == decisions
        left = town.ok("GET", f"/jobs/{job}/values", params={"state": "corrected"})["values"]
        assert [one["field"] for one in left] == ["lieblingsfarbe"], (
            "lists are filtered by what is not sealed"
        )
        assert seal(database_url) == 0
