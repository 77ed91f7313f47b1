"""Jobs of documents. Fills `documents.job_ports.Jobs`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from rechenwerk.documents.job_ports import Asking, Job, NewJob, Progress
from rechenwerk.store.documents.common import JOBS, LIVES, as_json, job_of

# Failed attempts are calls of their own in the books; what they cost was charged to nobody's budget.
_COST = """
select count(*) as calls, coalesce(sum(c.charged), 0) as cost,
    (select coalesce(sum(h.amount), 0) from hold h where h.organisation_id = $1
        and h.key_id in (select key_id from document_key where organisation_id = $1 and job_id = $2)) as held
from call c where c.organisation_id = $1
    and c.key_id in (select key_id from document_key where organisation_id = $1 and job_id = $2)
"""

_UNUSED = """
    f.organisation_id = $1 and not exists (select from job_document d
        where d.organisation_id = f.organisation_id and d.sha256 = f.sha256)
"""

_SPENT = """
select coalesce((select sum(c.charged) from call c where c.organisation_id = $1 and c.key_id = any(k.ids)), 0)
    + coalesce((select sum(h.amount) from hold h where h.organisation_id = $1 and h.key_id = any(k.ids)), 0)
from (select array_agg(key_id) as ids from document_key where organisation_id = $1 and job_id = $2
    and ($3::bigint is null or key_id <> $3)) k
"""

_KINDS = """
select schema_name, count(*) as number from job_document
where organisation_id = $1 and job_id = $2 and schema_origin <> '' group by 1 order by 1
"""
# Answers are kept as 'document 17: what was asked' (`documents.asking`).
_ASKED = """
select d.id, d.name, d.state, coalesce(a.answers, 0) as answers from job_document d
left join (select split_part(purpose, ':', 1) as about, count(*) as answers from document_answer
    where organisation_id = $1 and job_id = $2 group by 1) a on a.about = 'document ' || d.id
where d.organisation_id = $1 and d.job_id = $2
    and (d.state = 'done' or (d.state = 'running' and d.step = 'extract'))
order by d.id
"""

# Days of a job count from its end; of one that is open or paused, from the last time that something happened.
_EXPIRED = """
select j.organisation_id, j.id from document_job j
where coalesce(j.ended_at, case when j.state in ('open', 'paused') then greatest(j.made_at, j.served_at,
        (select max(greatest(d.made_at, d.ended_at)) from job_document d
            where d.organisation_id = j.organisation_id and d.job_id = j.id),
        (select max(v.made_at) from document_decision v join job_document d
            on d.organisation_id = v.organisation_id and d.id = v.document_id
            where d.organisation_id = j.organisation_id and d.job_id = j.id),
        (select max(e.made_at) from document_export e
            where e.organisation_id = j.organisation_id and e.job_id = j.id)) end)
    < $1::timestamptz - make_interval(days => j.keep_days)
"""


class StoredJobs:
    """Jobs in PostgreSQL.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, organisation_id: int, job: NewJob) -> int:
        """See `documents.job_ports.Jobs`."""
        made: int = await self._pool.fetchval(
            "insert into document_job (organisation_id, project_id, name, source, schema_name,"
            " schema_version,"
            " schema_body, model, data_class, budget, made_by, keep_days, webhook, webhook_secret,"
            " webhook_id, kinds, mask)"
            " values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12, $13, $14, $15, $16::jsonb,"
            " $17)"
            " returning id",
            organisation_id,
            job.project_id,
            job.name,
            job.source,
            job.schema.name,
            job.schema_version,
            as_json(job.schema),
            job.model,
            job.data_class,
            job.budget,
            job.made_by,
            job.keep_days,
            job.webhook,
            job.webhook_secret,
            job.webhook_id,
            as_json(job.kinds or None),
            job.mask,
        )
        return made

    async def find(self, organisation_id: int, source: str, schema: str) -> Job | None:
        """See `documents.job_ports.Jobs`."""
        row = await self._pool.fetchrow(
            f"{JOBS} where j.organisation_id = $1 and j.source = $2 and j.schema_name = $3"
            " and j.state <> 'cancelled' order by j.id desc limit 1",
            organisation_id,
            source,
            schema,
        )
        return None if row is None else job_of(row)

    async def job(self, organisation_id: int, job_id: int) -> Job | None:
        """See `documents.job_ports.Jobs`."""
        row = await self._pool.fetchrow(
            f"{JOBS} where j.organisation_id = $1 and j.id = $2", organisation_id, job_id
        )
        return None if row is None else job_of(row)

    async def jobs(self, organisation_id: int, limit: int) -> list[Job]:
        """See `documents.job_ports.Jobs`."""
        rows = await self._pool.fetch(
            f"{JOBS} where j.organisation_id = $1 order by j.id desc limit $2", organisation_id, limit
        )
        return [job_of(row) for row in rows]

    async def progress(self, organisation_id: int, job_id: int) -> Progress:
        """See `documents.job_ports.Jobs`."""
        documents = await self._pool.fetch(
            "select d.state, count(*) as number, sum(d.pages) as pages, count(*) filter (where d.step <>"
            " 'read') as read, coalesce(sum(t.characters), 0)"
            " as chars"
            " from job_document d left join document_text t"
            " on t.organisation_id = d.organisation_id and t.document_id = d.id"
            " where d.organisation_id = $1 and d.job_id = $2 group by 1",
            organisation_id,
            job_id,
        )
        values = await self._pool.fetch(
            "select v.state, count(*) as number from document_value v"
            " join job_document d on d.organisation_id = v.organisation_id and d.id = v.document_id"
            " where d.organisation_id = $1 and d.job_id = $2 group by 1",
            organisation_id,
            job_id,
        )
        waits_for = await self._pool.fetchval(
            "select reason from job_document where organisation_id = $1 and job_id = $2"
            " and state = 'waiting' and reason <> '' order by next_at limit 1",
            organisation_id,
            job_id,
        )
        kinds = await self._pool.fetch(_KINDS, organisation_id, job_id)
        asked = await self._pool.fetch(_ASKED, organisation_id, job_id)
        cost = await self._pool.fetchrow(_COST, organisation_id, job_id)
        assert cost is not None
        return Progress(
            documents={row["state"]: row["number"] for row in documents},
            read=sum(row["read"] for row in documents),
            pages=sum(int(row["pages"]) for row in documents),
            characters=sum(int(row["chars"]) for row in documents),
            values={row["state"]: row["number"] for row in values},
            calls=cost["calls"],
            cost=int(cost["cost"]),
            held=int(cost["held"]),
            waits_for=waits_for or "",
            kinds={row["schema_name"]: row["number"] for row in kinds},
            answers=sum(row["answers"] for row in asked if row["state"] == "done"),
            asking=tuple(
                Asking(row["id"], row["name"], row["answers"]) for row in asked if row["state"] == "running"
            ),
        )

    async def spent(self, organisation_id: int, job_id: int, but: int | None) -> int:
        """See `documents.job_ports.Jobs`."""
        return int(await self._pool.fetchval(_SPENT, organisation_id, job_id, but))

    async def move(self, organisation_id: int, job_id: int, states: Sequence[str], to: str) -> bool:
        """See `documents.job_ports.Jobs`."""
        moved = await self._pool.fetchval(
            "update document_job set state = $4, reason = '', served_at = clock_timestamp(),"
            " started_at = case when $4 = 'running' then coalesce(started_at, now()) else started_at end,"
            " ended_at = case when $4 in ('done', 'cancelled') then now() end,"
            " webhook_state = case when $4 in ('done', 'cancelled') and webhook <> '' then 'waiting'"
            " else webhook_state end, webhook_next_at = now()"
            " where organisation_id = $1 and id = $2 and state = any($3::text[]) returning id",
            organisation_id,
            job_id,
            list(states),
            to,
        )
        return moved is not None

    async def pause(self, organisation_id: int, job_id: int, reason: str) -> None:
        """See `documents.job_ports.Jobs`."""
        await self._pool.execute(
            "update document_job set state = 'paused', reason = $3, served_at = clock_timestamp()"
            " where organisation_id = $1 and id = $2 and state = 'running'",
            organisation_id,
            job_id,
            reason,
        )

    async def set_budget(self, organisation_id: int, job_id: int, budget: int | None) -> None:
        """See `documents.job_ports.Jobs`."""
        await self._pool.execute(
            "update document_job set budget = $3 where organisation_id = $1 and id = $2",
            organisation_id,
            job_id,
            budget,
        )

    async def keep_key(self, organisation_id: int, job_id: int, key_id: int, sealed: bytes) -> None:
        """See `documents.job_ports.Jobs`."""
        await self._pool.execute(
            "insert into document_key (organisation_id, job_id, key_id, sealed) values ($1, $2, $3, $4)",
            organisation_id,
            job_id,
            key_id,
            sealed,
        )

    async def living_keys(self, organisation_id: int, job_id: int) -> list[int]:
        """See `documents.job_ports.Jobs`."""
        rows = await self._pool.fetch(
            f"select key_id from document_key k where organisation_id = $1 and job_id = $2 and {LIVES}"  # noqa: S608
            " order by key_id",
            organisation_id,
            job_id,
        )
        return [row["key_id"] for row in rows]

    async def forget_keys(self, organisation_id: int, job_id: int) -> None:
        """See `documents.job_ports.Jobs`."""
        await self._pool.execute(
            "update document_key set sealed = null where organisation_id = $1 and job_id = $2",
            organisation_id,
            job_id,
        )

    async def left_keys(self) -> list[tuple[int, int]]:
        """See `documents.job_ports.Jobs`."""
        rows = await self._pool.fetch(
            "select distinct j.organisation_id, j.id from document_job j join document_key k"
            " on k.organisation_id = j.organisation_id and k.job_id = j.id and k.sealed is not null"
            " where j.state in ('done', 'cancelled')"
        )
        return [(row["organisation_id"], row["id"]) for row in rows]

    async def delete(self, organisation_id: int, job_id: int, by: str) -> int | None:
        """See `documents.job_ports.Jobs`."""
        async with self._pool.acquire() as connection, connection.transaction():
            name = await connection.fetchval(
                "select name from document_job where organisation_id = $1 and id = $2 for update",
                organisation_id,
                job_id,
            )
            if name is None:
                return None
            count: int = await connection.fetchval(
                "select count(*) from job_document where organisation_id = $1 and job_id = $2",
                organisation_id,
                job_id,
            )
            await connection.execute(
                "delete from document_job where organisation_id = $1 and id = $2", organisation_id, job_id
            )
            # Somebody may add the same bytes now: first wait for them, then see whether they have.
            await connection.execute(
                f"select from document_file f where {_UNUSED} order by sha256 for update",
                organisation_id,
            )
            await connection.execute(f"delete from document_file f where {_UNUSED}", organisation_id)  # noqa: S608
            await connection.execute(
                "insert into document_deletion (organisation_id, job_id, name, documents, by_name)"
                " values ($1, $2, $3, $4, $5)",
                organisation_id,
                job_id,
                name,
                count,
                by,
            )
        return count

    async def expired(self, now: datetime) -> list[tuple[int, int]]:
        """See `documents.job_ports.Jobs`."""
        rows = await self._pool.fetch(_EXPIRED, now)
        return [(row["organisation_id"], row["id"]) for row in rows]

    async def note_export(
        self, organisation_id: int, job_id: int, form: str, size: int, sha256: bytes, by: str
    ) -> None:
        """See `documents.job_ports.Jobs`."""
        await self._pool.execute(
            "insert into document_export (organisation_id, job_id, format, bytes, sha256, by_name)"
            " values ($1, $2, $3, $4, $5, $6)",
            organisation_id,
            job_id,
            form,
            size,
            sha256,
            by,
        )
