"""Bytes of documents, sealed, and the documents that they are. Fills `documents.job_ports.Files`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.cursors import Order, Place
from rechenwerk.documents.choice_ports import Chosen
from rechenwerk.documents.job_ports import ENDED, Document, NewDocument, Sorted
from rechenwerk.store.documents import orders
from rechenwerk.store.documents.common import COUNTS, DOCUMENT, document_of

Connection = asyncpg.Connection | PoolConnectionProxy

_SELECT = f"select {DOCUMENT}, {COUNTS} from job_document d where organisation_id = $1"  # noqa: S608
_ADD = f"""
insert into job_document as d (organisation_id, job_id, parent_id, name, sha256, size, kind, state, step,
    reason, german, ended_at)
select $1, $2, $3, $4, $5, $6, $7,
    case when $8 <> '' then 'refused' when twin.name is not null then 'duplicate' else 'waiting' end,
    case when $8 <> '' or twin.name is not null then 'end' else 'read' end,
    case when $8 <> '' then $8 when twin.name is not null then 'the same as ' || twin.name else '' end,
    case when $8 <> '' then $9 when twin.name is not null then 'dasselbe wie ' || twin.name else '' end,
    case when $8 <> '' or twin.name is not null then now() end
from (select 1) one left join lateral (select o.name from job_document o where o.organisation_id = $1
    and o.job_id = $2 and o.sha256 = $5 and o.state <> 'duplicate' order by o.id limit 1) twin on true
on conflict (organisation_id, job_id, parent_id, name, sha256) do nothing
returning {DOCUMENT}, {COUNTS}
"""  # noqa: S608 - our own words

_SET_KIND = """
update job_document d set state = 'waiting', step = 'extract', reason = '', german = '', tries = 0,
    next_at = now(),
    ended_at = null, schema_name = $3, schema_origin = $4, schema_reason = $5, schema_german = $6
where organisation_id = $1 and id = $2 and state = 'done'
    and exists (select from document_text t where t.organisation_id = $1 and t.document_id = d.id)
    and not exists (select from document_decision x where x.organisation_id = $1 and x.document_id = d.id)
returning id
"""


class StoredFiles:
    """Files in PostgreSQL.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def parts(self, organisation_id: int, sha256: bytes) -> AsyncIterator[bytes]:
        """See `documents.job_ports.Files`."""
        number = 0
        while True:
            part: bytes | None = await self._pool.fetchval(
                "select data from document_part where organisation_id = $1 and sha256 = $2 and number = $3",
                organisation_id,
                sha256,
                number,
            )
            if part is None:
                return
            yield part
            number += 1

    async def add(
        self,
        organisation_id: int,
        job_id: int,
        document: NewDocument,
        parts: AsyncIterator[bytes] | None = None,
    ) -> tuple[Document, bool] | None:
        """See `documents.job_ports.Files`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # One after the other within a job: two twins at once would both be the first.
            state = await connection.fetchval(
                "select state from document_job where organisation_id = $1 and id = $2 for no key update",
                organisation_id,
                job_id,
            )
            if state is None or (state in ENDED and document.parent_id is None):
                return None
            if document.sha256 is not None and parts is not None:
                await _keep(connection, organisation_id, document.sha256, document.size, parts)
            row = await connection.fetchrow(
                _ADD,
                organisation_id,
                job_id,
                document.parent_id,
                document.name,
                document.sha256,
                document.size,
                document.kind,
                document.reason,
                document.german,
            )
            if row is not None:
                return document_of(row), True
            row = await connection.fetchrow(
                f"{_SELECT} and job_id = $2 and parent_id is not distinct from $3 and name = $4"
                " and sha256 is not distinct from $5",
                organisation_id,
                job_id,
                document.parent_id,
                document.name,
                document.sha256,
            )
        return document_of(row), False

    async def document(self, organisation_id: int, document_id: int) -> Document | None:
        """See `documents.job_ports.Files`."""
        row = await self._pool.fetchrow(
            f"{_SELECT} and id = $2",
            organisation_id,
            document_id,
        )
        return None if row is None else document_of(row)

    async def documents(
        self,
        organisation_id: int,
        job_id: int,
        *,
        states: Sequence[str] = (),
        untold: bool = False,
        named: str = "",
        after: int = 0,
        limit: int | None = None,
    ) -> list[Document]:
        """See `documents.job_ports.Files`."""
        rows = await self._pool.fetch(
            f"{_SELECT} and job_id = $2 and id > $3 and ($4::text[] = '{{}}' or state = any($4))"
            " and (not $5 or schema_origin = 'nobody')"
            " and ($7 = '' or strpos(lower(name), lower($7)) > 0) order by id limit $6",
            organisation_id,
            job_id,
            after,
            list(states),
            untold,
            limit,
            named,
        )
        return [document_of(row) for row in rows]

    async def ordered(
        self, organisation_id: int, job_id: int, chosen: Chosen, order: Order
    ) -> tuple[list[Document], Place]:
        """See `documents.job_ports.Files`."""
        rows, place = await orders.files(self._pool, organisation_id, job_id, chosen, order)
        return [document_of(row) for row in rows], place

    async def text(self, organisation_id: int, document_id: int) -> bytes | None:
        """See `documents.job_ports.Files`."""
        found: bytes | None = await self._pool.fetchval(
            "select parsed from document_text where organisation_id = $1 and document_id = $2",
            organisation_id,
            document_id,
        )
        return found

    async def retry(self, organisation_id: int, job_id: int) -> int:
        """See `documents.job_ports.Files`."""
        rows = await self._pool.fetch(
            "update job_document d set state = 'waiting', reason = '', tries = 0, next_at = now(), ended_at"
            " = null,"
            " step = case when exists (select from document_text t where t.organisation_id = $1"
            " and t.document_id = d.id) then 'extract' else 'read' end"
            " where organisation_id = $1 and job_id = $2 and state = 'failed' returning id",
            organisation_id,
            job_id,
        )
        return len(rows)

    async def set_kind(self, organisation_id: int, document_id: int, kind: Sorted) -> bool:
        """See `documents.job_ports.Files`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # Who decides about a value locks its document: a decision comes before or after, not between.
            await connection.execute(
                "select from job_document where organisation_id = $1 and id = $2 for no key update",
                organisation_id,
                document_id,
            )
            changed = await connection.fetchval(
                _SET_KIND,
                organisation_id,
                document_id,
                kind.schema,
                kind.origin,
                kind.reason,
                kind.german,
            )
            if changed is None:
                return False
            await connection.execute(
                "delete from document_value where organisation_id = $1 and document_id = $2",
                organisation_id,
                document_id,
            )
        return True


async def _keep(
    connection: Connection, organisation_id: int, sha256: bytes, size: int, parts: AsyncIterator[bytes]
) -> None:
    """The parts of a file, unless the organisation has it already."""
    while not await connection.fetchval(
        "insert into document_file (organisation_id, sha256, size) values ($1, $2, $3)"
        " on conflict do nothing returning true",
        organisation_id,
        sha256,
        size,
    ):
        there = await connection.fetchval(
            "select true from document_file where organisation_id = $1 and sha256 = $2 for key share",
            organisation_id,
            sha256,
        )
        if there:
            return  # and stays: nobody can delete it before we are done
        # It was deleted between the two questions: it is new after all.
    number = 0
    async for part in parts:
        await connection.execute(
            "insert into document_part (organisation_id, sha256, number, data) values ($1, $2, $3, $4)",
            organisation_id,
            sha256,
            number,
            part,
        )
        number += 1
