"""Jobs of documents. Fills `documents.job_ports.Jobs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from rechenwerk.base.cursors import Order, Place
from rechenwerk.documents.choice_ports import Wanted
from rechenwerk.documents.job_ports import Job, NewJob
from rechenwerk.documents.progress_ports import Asking, Progress, Reading
from rechenwerk.store.documents import orders
from rechenwerk.store.documents.common import JOBS, LIVES, STATES, as_json, job_of

# Failed attempts are calls of their own in the books; what they cost was charged to nobody's budget.
_COST = """
select k.job_id, coalesce(sum(c.calls), 0)::bigint as calls, coalesce(sum(c.charged), 0) as cost,
    coalesce(sum(h.amount), 0) as held
from document_key k
left join lateral (select sum(calls) as calls, sum(charged) as charged from call_day
    where organisation_id = k.organisation_id and key_id = k.key_id) c on true
left join lateral (select sum(amount) as amount from hold
    where organisation_id = k.organisation_id and key_id = k.key_id) h on true
where k.organisation_id = $1 and k.job_id = any($2::bigint[]) group by 1
"""
_COUNTS = f"""
select job_id, state, case when schema_origin <> '' then schema_name end as kind, count(*) as number,
    count(*) filter (where step <> 'read') as read, sum(pages_read) as pages,
    sum(characters) as characters, sum(answers) as answers,
    {", ".join(f"sum({one}) as {one}" for one in STATES)}
from job_document where organisation_id = $1 and job_id = any($2::bigint[]) group by 1, 2, 3
"""  # noqa: S608 - our own words
# The documents in hand, and of those that wait for something the one that is next.
_IN_HAND = """
select job_id, id, name, step, reason, answers, pages_read, pages, state from job_document
where organisation_id = $1 and job_id = any($2::bigint[]) and state = 'running'
union all
select w.job_id, w.id, w.name, w.step, w.reason, w.answers, w.pages_read, w.pages, w.state
from unnest($2::bigint[]) j(id) cross join lateral (select * from job_document
    where organisation_id = $1 and job_id = j.id and state = 'waiting' and reason <> ''
    order by next_at, id limit 1) w
order by 2
"""

_UNUSED = """
    f.organisation_id = $1 and not exists (select from job_document d
        where d.organisation_id = f.organisation_id and d.sha256 = f.sha256)
"""

_SPENT = """
select coalesce((select sum(c.charged) from call_day c
        where c.organisation_id = $1 and c.key_id = any(k.ids)), 0)
    + coalesce((select sum(h.amount) from hold h where h.organisation_id = $1 and h.key_id = any(k.ids)), 0)
from (select array_agg(key_id) as ids from document_key where organisation_id = $1 and job_id = $2
    and ($3::bigint is null or key_id <> $3)) k
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

    async def find(self, organisation_id: int, project_id: int, source: str, schema: str) -> Job | None:
        """See `documents.job_ports.Jobs`."""
        row = await self._pool.fetchrow(
            f"{JOBS} where j.organisation_id = $1 and j.project_id = $2 and j.source = $3"
            " and j.schema_name = $4 and j.state <> 'cancelled' order by j.id desc limit 1",
            organisation_id,
            project_id,
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

    async def jobs(self, organisation_id: int, wanted: Wanted) -> list[Job]:
        """See `documents.job_ports.Jobs`."""
        rows = await self._pool.fetch(
            f"{JOBS} where j.organisation_id = $1 and ($3::bigint is null or j.id < $3)"
            " and ($4::text is null or j.state = $4) and ($5 = '' or strpos(lower(j.name), lower($5)) > 0)"
            " order by j.id desc limit $2",
            organisation_id,
            wanted.limit,
            wanted.before,
            wanted.state,
            wanted.named,
        )
        return [job_of(row) for row in rows]

    async def ordered(self, organisation_id: int, wanted: Wanted, order: Order) -> tuple[list[Job], Place]:
        """See `documents.job_ports.Jobs`."""
        rows, place = await orders.jobs(self._pool, organisation_id, wanted, order)
        return [job_of(row) for row in rows], place

    async def up_to(self, organisation_id: int, wanted: Wanted, most: int) -> int:
        """See `documents.job_ports.Jobs`."""
        return await orders.jobs_up_to(self._pool, organisation_id, wanted, most)

    async def progress(self, organisation_id: int, job_ids: Sequence[int]) -> dict[int, Progress]:
        """See `documents.job_ports.Jobs`."""
        asked = (organisation_id, list(job_ids))
        counts = await self._pool.fetch(_COUNTS, *asked)
        in_hand = await self._pool.fetch(_IN_HAND, *asked)
        costs = {row["job_id"]: row for row in await self._pool.fetch(_COST, *asked)}
        return {
            job: _progress(
                [row for row in counts if row["job_id"] == job],
                [row for row in in_hand if row["job_id"] == job],
                costs.get(job),
            )
            for job in job_ids
        }

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


def _progress(
    counts: Sequence[asyncpg.Record], in_hand: Sequence[asyncpg.Record], cost: asyncpg.Record | None
) -> Progress:
    """A job's rows of `_COUNTS`, `_IN_HAND` and `_COST` as one value."""
    documents: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for row in counts:
        documents[row["state"]] += row["number"]
        if row["kind"] is not None:
            kinds[row["kind"]] += row["number"]
    running = [row for row in in_hand if row["state"] == "running"]
    values = {state: sum(int(row[state]) for row in counts) for state in STATES}
    return Progress(
        documents=documents,
        read=sum(row["read"] for row in counts),
        pages=sum(int(row["pages"]) for row in counts),
        characters=sum(int(row["characters"]) for row in counts),
        values={state: number for state, number in values.items() if number},
        calls=0 if cost is None else cost["calls"],
        cost=0 if cost is None else int(cost["cost"]),
        held=0 if cost is None else int(cost["held"]),
        waits_for=next((row["reason"] for row in in_hand if row["state"] == "waiting"), ""),
        kinds=dict(sorted(kinds.items())),
        answers=sum(int(row["answers"]) for row in counts if row["state"] == "done"),
        asking=tuple(
            Asking(row["id"], row["name"], row["answers"]) for row in running if row["step"] == "extract"
        ),
        reading=tuple(
            Reading(row["id"], row["name"], row["pages_read"], row["pages"])
            for row in running
            if row["step"] == "read" and row["pages"]
        ),
    )
