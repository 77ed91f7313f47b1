"""How long jobs are kept, and that deleting one disturbs no other."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from rechenwerk.base.clock import SystemClock
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.job_ports import Document, DocumentDesk, NewDocument, NewJob
from rechenwerk.documents.office_ports import Setup
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.sealing import RowSeal
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.main_documents_keeper import expire
from rechenwerk.main_documents_office import mount_documents
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.office.app import create_app
from rechenwerk.store.control import open_desk
from rechenwerk.store.documents.desk import open_documents

DATA = b"Gesamtbetrag: 119,00 EUR"
ROUNDS = 40


class House:
    """An organisation with jobs, in a database."""

    def __init__(self, pool: asyncpg.Pool, organisation: int, project: int) -> None:
        self.pool = pool
        self.organisation = organisation
        self._project = project
        self.desk: DocumentDesk = open_documents(pool, RowSeal(SecretBox(bytes(32))))

    async def job(self, name: str, days: int = 30) -> int:
        """A job that is open."""
        schema = Schema("invoice", fields=())
        new = NewJob(self._project, name, "", schema, 0, "", "internal", None, "clerk", days)
        return await self.desk.jobs.add(self.organisation, new)

    async def add(self, job: int, name: str = "a.txt") -> tuple[Document, bool] | None:
        """The same bytes, in a job."""

        async def parts() -> AsyncIterator[bytes]:
            yield DATA

        document = NewDocument(name, hashlib.sha256(DATA).digest(), len(DATA))
        return await self.desk.files.add(self.organisation, job, document, parts())

    async def expired(self, days: float) -> list[str]:
        """Names of the jobs whose days are over in so many days."""
        found = await self.desk.jobs.expired(datetime.now(UTC) + timedelta(days=days))
        return [
            await self.pool.fetchval("select name from document_job where id = $1", job) for _, job in found
        ]

    async def expire(self, days: float) -> int:
        """What `serve` does in so many days."""
        app = create_app(open_desk(self.pool), SystemClock(), secrets.token_bytes, box=SecretBox(bytes(32)))
        office = mount_documents(app, self.pool, "", LazyViewer(), WriterProcess(), Setup())
        return await expire(office, datetime.now(UTC) + timedelta(days=days))


def in_a_house(url: str, work: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    """Do something in a house over a fresh database."""

    async def run() -> None:
        async with asyncpg.create_pool(url, min_size=4, max_size=8) as pool:
            organisation = await pool.fetchval(
                "insert into organisation (name) values ('house') returning id"
            )
            project = await pool.fetchval(
                "insert into project (organisation_id, name) values ($1, 'default') returning id",
                organisation,
            )
            await work(House(pool, organisation, project))

    asyncio.run(run())


def test_jobs_that_rest_expire_as_those_that_ended_do(database_url: str) -> None:
    async def work(house: House) -> None:
        jobs = house.desk.jobs
        names = ("open", "paused", "running", "done", "reopened", "fed")
        made = {name: await house.job(name) for name in names}
        for name in names[1:5]:
            await jobs.move(house.organisation, made[name], ["open"], "running")
        await jobs.pause(house.organisation, made["paused"], "the budget is used up")
        await jobs.move(house.organisation, made["done"], ["running"], "done")
        await jobs.move(house.organisation, made["reopened"], ["running"], "done")
        # Everything above happened twenty days ago.
        ago = timedelta(days=20)
        await house.pool.execute(
            "update document_job set made_at = made_at - $1::interval, served_at = served_at - $1::interval,"
            " started_at = started_at - $1::interval, ended_at = ended_at - $1::interval",
            ago,
        )
        await jobs.move(house.organisation, made["reopened"], ["done"], "open")
        assert await house.add(made["fed"]) is not None
        assert await house.expired(9) == []
        assert sorted(await house.expired(11)) == ["done", "open", "paused"]
        assert sorted(await house.expired(31)) == ["done", "fed", "open", "paused", "reopened"]

    in_a_house(database_url, work)


def test_a_job_that_cannot_be_deleted_stops_no_other(database_url: str) -> None:
    async def work(house: House) -> None:
        for name in ("first", "stuck", "last"):
            await house.job(name)
        await house.pool.execute(
            "create function stuck() returns trigger language plpgsql as $$ begin"
            " if old.name = 'stuck' then raise exception 'disk full' using errcode = 'disk_full'; end if;"
            " return old; end $$"
        )
        await house.pool.execute(
            "create trigger stuck before delete on document_job for each row execute function stuck()"
        )
        assert await house.expire(31) == 2
        assert await house.expired(31) == ["stuck"]

    in_a_house(database_url, work)


def test_the_same_bytes_are_added_while_they_are_deleted(database_url: str) -> None:
    async def work(house: House) -> None:
        for _ in range(ROUNDS):
            old, new = await house.job("old"), await house.job("new")
            await house.add(old)
            added, deleted = await asyncio.gather(
                house.add(new), house.desk.jobs.delete(house.organisation, old, "clerk")
            )
            assert added is not None
            assert deleted == 1
            parts = [
                part async for part in house.desk.files.parts(house.organisation, added[0].sha256 or b"")
            ]
            assert parts == [DATA]
            await house.desk.jobs.delete(house.organisation, new, "clerk")

    in_a_house(database_url, work)
