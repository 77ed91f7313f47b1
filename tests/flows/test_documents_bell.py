"""Webhooks and keys of jobs when something is broken: given up with a reason, no key left that opens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from rechenwerk.identity.secrets import SecretBox, alert_context
from tests import postgres
from tests.flows.document_town import DocumentTown, document_town
from tests.flows.test_documents_crash import fetch


@pytest.fixture(scope="module")
def town(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentTown]:
    with document_town(server.fresh_sync(), tmp_path_factory.mktemp("town")) as town:
        yield town


def run(town: DocumentTown, query: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(town.url)
        await connection.execute(query)
        await connection.close()

    asyncio.run(work())


def organisation(town: DocumentTown) -> int:
    found: int = fetch(town, "select organisation_id from document_job")[0][0]
    return found


def told_job(town: DocumentTown) -> int:
    """A job without files that ends at once and is to be told."""
    made = town.ok("POST", "/jobs", json={"schema": "invoice", "model": "", "webhook": town.hook.url})
    town.ok("POST", f"/jobs/{made['id']}/start")
    number: int = made["id"]
    assert town.wait(number, "done")["webhook_state"] == "waiting"
    return number


def test_a_broken_secret_is_given_up_with_its_reason(town: DocumentTown) -> None:
    broken, whole = told_job(town), told_job(town)
    sealed = SecretBox(bytes(32)).seal("whsec_abcde", alert_context(organisation(town), "documents"))
    run(town, f"update document_job set webhook_secret = '\\x{sealed.hex()}' where id = {broken}")
    town.ring()
    shown = town.ok("GET", f"/jobs/{broken}")
    assert shown["webhook_state"] == "given up"
    assert shown["webhook_answer"].startswith("it cannot be sent: Error: ")
    assert town.ok("GET", f"/jobs/{whole}")["webhook_state"] == "delivered", "the others are told"
    before = len(town.hook.received)
    town.ring()
    assert len(town.hook.received) == before


def test_a_key_that_cannot_be_kept_is_ended(town: DocumentTown) -> None:
    job = town.job()
    run(
        town,
        "create function refuse_key() returns trigger language plpgsql as"
        " 'begin raise exception ''the disk is full''; end';"
        "create trigger refuse_key before insert on document_key execute function refuse_key()",
    )
    answer = town.answer("POST", f"/jobs/{job}/start")
    assert answer.status_code == 500
    (key,) = [one for one in town.office("GET", "/keys")["keys"] if one["name"] == f"documents {job}"]
    assert key["revoked_at"], "it opens nothing"
    run(town, "drop trigger refuse_key on document_key")
    town.ok("POST", f"/jobs/{job}/start")
    assert town.wait(job, "done")
