"""The work that waits. Fills `documents.job_ports.Queue`.

A document's row is its place in the queue: whoever sets a lease on it has it, whoever writes does so with
that
lease. A worker that dies leaves a lease that ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.documents.job_ports import Claimed, LeaseLostError, Sorted
from rechenwerk.documents.sealing_ports import Seal, seal_said
from rechenwerk.documents.values import Value
from rechenwerk.store.documents.common import COUNTS, DOCUMENT, JOBS, LIVES, document_of, job_of

Connection = asyncpg.Connection | PoolConnectionProxy

_DEAD = """
update job_document set lease = null, lease_until = null,
    state = case when tries >= $1 then 'failed' else 'waiting' end,
    step = case when tries >= $1 then 'end' else step end,
    ended_at = case when tries >= $1 then now() end,
    reason = case when tries >= $1 then 'the process that had it in hand ended ' || tries
        || ' times while it was to ' || step || ' it: it is left out' else '' end
where (organisation_id, id) in (select organisation_id, id from job_document
    where state = 'running' and lease_until < now() for update skip locked)
returning organisation_id, job_id, state
"""
_NEXT = f"""
select d.organisation_id, {DOCUMENT}, {COUNTS} from job_document d
join document_job j on j.organisation_id = d.organisation_id and j.id = d.job_id
where d.state = 'waiting' and d.next_at <= now()
    and (j.state = 'running' or (j.state = 'open' and d.step = 'read'))
order by j.served_at, d.id limit 1 for update of d skip locked
"""  # noqa: S608 - our own words
_FINISH = """
update document_job j set state = 'done', reason = '', ended_at = now(), webhook_next_at = now(),
    facts_of = '', clashes_of = '',
    webhook_state = case when webhook <> '' then 'waiting' else webhook_state end
where organisation_id = $1 and id = $2 and state = 'running' and not exists (select from job_document d
    where d.organisation_id = j.organisation_id and d.job_id = j.id and d.state in ('waiting', 'running'))
returning id
"""
_WAITS = """
select exists (select from job_document d
    join document_job j on j.organisation_id = d.organisation_id and j.id = d.job_id
    where d.state = 'running' or (d.state = 'waiting' and (j.state = 'running'
        or (j.state = 'open' and d.step = 'read'))))
    or exists (select from document_job where reckon_wanted)
"""
# A job may be gone meanwhile; another answer to the same question counts once.
_ANSWERED = """
with kept as (
    insert into document_answer (organisation_id, job_id, purpose, digest, answer)
    select $1, $2, $3, $4, $5 where exists (select from document_job where organisation_id = $1 and id = $2)
    on conflict (organisation_id, job_id, purpose)
    do update set digest = excluded.digest, answer = excluded.answer, made_at = now()
    returning xmax = 0 as is_new
)
update job_document set answers = answers + 1
where organisation_id = $1 and id = $6 and exists (select from kept where is_new)
"""


class StoredQueue:
    """The queue in PostgreSQL.

    Args:
        pool: connections to the installation's database.
        seal: of what documents say.
    """

    def __init__(self, pool: asyncpg.Pool, seal: Seal) -> None:
        self._pool = pool
        self._seal = seal

    async def waits(self) -> bool:
        """See `documents.job_ports.Queue`."""
        found: bool = await self._pool.fetchval(_WAITS)
        return found

    async def claim(self, lease: int, seconds: float, tries: int) -> Claimed | None:
        """See `documents.job_ports.Queue`."""
        async with self._pool.acquire() as connection, connection.transaction():
            for dead in await connection.fetch(_DEAD, tries):
                if dead["state"] == "failed":
                    await connection.execute(_FINISH, dead["organisation_id"], dead["job_id"])
            row = await connection.fetchrow(_NEXT)
            if row is None:
                return None
            organisation_id = row["organisation_id"]
            await connection.execute(
                "update job_document set state = 'running', lease = $3, tries = tries + 1,"
                " lease_until = now() + make_interval(secs => $4)"
                " where organisation_id = $1 and id = $2",
                organisation_id,
                row["id"],
                lease,
                seconds,
            )
            await connection.execute(
                "update document_job set served_at = clock_timestamp() where organisation_id = $1 and id"
                " = $2",
                organisation_id,
                row["job_id"],
            )
            job = await connection.fetchrow(
                f"{JOBS} where j.organisation_id = $1 and j.id = $2", organisation_id, row["job_id"]
            )
            key = await connection.fetchval(
                f"select sealed from document_key k where organisation_id = $1 and job_id = $2 and {LIVES}"  # noqa: S608
                " order by key_id desc limit 1",
                organisation_id,
                row["job_id"],
            )
        assert job is not None
        return Claimed(organisation_id, lease, document_of(row), job_of(job), key)

    async def beat(self, leases: Sequence[int], seconds: float) -> list[int]:
        """See `documents.job_ports.Queue`."""
        rows = await self._pool.fetch(
            "update job_document set lease_until = now() + make_interval(secs => $2)"
            " where lease = any($1::bigint[]) returning lease",
            list(leases),
            seconds,
        )
        return [row["lease"] for row in rows]

    async def pages(self, organisation_id: int, document_id: int) -> list[bytes]:
        """See `documents.job_ports.Queue`."""
        rows = await self._pool.fetch(
            "select number, page from document_page where organisation_id = $1 and document_id = $2"
            " order by number",
            organisation_id,
            document_id,
        )
        return [row["page"] for at, row in enumerate(rows, 1) if row["number"] == at]

    async def keep_pages(self, claimed: Claimed, pages: Sequence[tuple[int, bytes]], of: int) -> None:
        """See `documents.job_ports.Queue`."""
        async with self._pool.acquire() as connection, connection.transaction():
            last = pages[-1][0]
            await _mine(connection, claimed, "pages_read = $4, pages = $5, tries = 1", last, of)
            await connection.execute(
                "insert into document_page (organisation_id, document_id, number, page)"
                " select $1, $2, number, page from unnest($3::integer[], $4::bytea[]) p(number, page)"
                " on conflict (organisation_id, document_id, number) do update set page = excluded.page",
                claimed.organisation_id,
                claimed.document.id,
                [number for number, _ in pages],
                [page for _, page in pages],
            )

    async def read(
        self,
        claimed: Claimed,
        sealed: bytes,
        characters: int,
        kind: str,
        language: str,
        pages: int,
        faults: Sequence[str],
    ) -> None:
        """See `documents.job_ports.Queue`."""
        organisation_id, document_id = claimed.organisation_id, claimed.document.id
        async with self._pool.acquire() as connection, connection.transaction():
            await _mine(
                connection,
                claimed,
                "state = 'waiting', step = 'extract', lease = null, lease_until = null, tries = 0, kind = $4,"
                " language = $5, pages = $6, pages_read = $6, faults = $7, characters = $8",
                kind,
                language,
                pages,
                list(faults),
                characters,
            )
            await connection.execute(
                "insert into document_text (organisation_id, document_id, parsed) values ($1, $2, $3)"
                " on conflict (organisation_id, document_id) do update set parsed = excluded.parsed",
                organisation_id,
                document_id,
                sealed,
            )
            await _drop_pages(connection, claimed)

    async def sort(self, claimed: Claimed, kind: Sorted) -> None:
        """See `documents.job_ports.Queue`."""
        await _mine(
            self._pool,
            claimed,
            "schema_name = $4, schema_origin = $5, schema_reason = $6, schema_german = $7",
            kind.schema,
            kind.origin,
            kind.reason,
            kind.german,
        )

    async def hold_back(self, claimed: Claimed, reason: str, seconds: float, *, count: bool) -> None:
        """See `documents.job_ports.Queue`."""
        await self._pool.execute(
            "update job_document set state = 'waiting', lease = null, lease_until = null, reason = $4,"
            " german = '', next_at = now() + make_interval(secs => $5), tries = tries - $6"
            " where organisation_id = $1 and id = $2 and lease = $3",
            claimed.organisation_id,
            claimed.document.id,
            claimed.lease,
            reason,
            seconds,
            0 if count else 1,
        )

    async def end(
        self, claimed: Claimed, state: str, reason: str, values: Sequence[Value] = (), german: str = ""
    ) -> bool:
        """See `documents.job_ports.Queue`."""
        organisation_id, document_id = claimed.organisation_id, claimed.document.id
        async with self._pool.acquire() as connection, connection.transaction():
            await _mine(
                connection,
                claimed,
                "state = $4, step = 'end', reason = $5, german = $6, lease = null, lease_until = null,"
                " ended_at = now()",
                state,
                reason,
                german,
            )
            if claimed.document.step == "read" and state != "failed":  # what failed may be tried again
                await _drop_pages(connection, claimed)
            await connection.executemany(
                "insert into document_value (organisation_id, document_id, place, field, state, origin,"
                " sealed) values ($1, $2, $3, $4, $5, $6, $7)"
                " on conflict (organisation_id, document_id, field) do nothing",
                [
                    (
                        organisation_id,
                        document_id,
                        place,
                        value.field,
                        value.state,
                        value.origin,
                        seal_said(self._seal, organisation_id, document_id, value),
                    )
                    for place, value in enumerate(values)
                ],
            )
            # One after the other: of two that end at once, each would see the other still at work.
            await connection.execute(
                "select from document_job where organisation_id = $1 and id = $2 for no key update",
                organisation_id,
                claimed.job.id,
            )
            return await connection.fetchval(_FINISH, organisation_id, claimed.job.id) is not None

    async def finish(self, organisation_id: int, job_id: int) -> bool:
        """See `documents.job_ports.Queue`."""
        return await self._pool.fetchval(_FINISH, organisation_id, job_id) is not None

    async def answer(self, organisation_id: int, job_id: int, purpose: str) -> tuple[bytes, bytes] | None:
        """See `documents.job_ports.Queue`."""
        row = await self._pool.fetchrow(
            "select digest, answer from document_answer"
            " where organisation_id = $1 and job_id = $2 and purpose = $3",
            organisation_id,
            job_id,
            purpose,
        )
        return None if row is None else (row["digest"], row["answer"])

    async def keep_answer(self, claimed: Claimed, purpose: str, digest: bytes, sealed: bytes) -> None:
        """See `documents.job_ports.Queue`."""
        await self._pool.execute(
            _ANSWERED,
            claimed.organisation_id,
            claimed.job.id,
            purpose,
            digest,
            sealed,
            claimed.document.id,
        )


async def _drop_pages(connection: Connection, claimed: Claimed) -> None:
    """What was kept while the document was read is needed no longer."""
    await connection.execute(
        "delete from document_page where organisation_id = $1 and document_id = $2",
        claimed.organisation_id,
        claimed.document.id,
    )


async def _mine(
    connection: Connection | asyncpg.Pool, claimed: Claimed, changes: str, *arguments: object
) -> None:
    """Change a document while its lease is ours.

    Raises:
        LeaseLostError: it is another's now, or gone.
    """
    where = "where organisation_id = $1 and id = $2 and lease = $3 returning id"
    found = await connection.fetchval(
        f"update job_document set {changes} {where}",  # noqa: S608 - our own words
        claimed.organisation_id,
        claimed.document.id,
        claimed.lease,
        *arguments,
    )
    if found is None:
        raise LeaseLostError
