"""Plans, their versions and runs in PostgreSQL. Fills `office.planning.ports.Plans`."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import msgspec

from rechenwerk.office.planning.ports import KeptPlan, KeptRun, KeptVersion, NewRun, NewVersion, Work

_TRIES = 3
"""Processes that may be lost over a run."""
_PLANS = """
select p.id, p.name, p.main, p.made_at, v.number as versions, v.facts, v.made_by as changed_by,
    v.made_at as changed_at, r.id as run, r.scenario as run_scenario, r.headline as run_headline,
    r.ended_at as run_at
from plan p join lateral (
    select number, facts, made_by, made_at from plan_version where plan_id = p.id order by number desc limit 1
) v on true left join lateral (
    select id, scenario, headline, ended_at from plan_run where plan_id = p.id and state = 'done'
    order by id desc limit 1
) r on true
where p.organisation_id = $1
"""
_MAKE = """
insert into plan (organisation_id, name, main, made_at)
values ($1, $2, not exists (select from plan where organisation_id = $1 and main), $3)
on conflict (organisation_id, name) do nothing returning id
"""
_ADD = """
insert into plan_version (plan_id, number, format, text, deals, facts, made_by, made_at)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning number
"""
_RUN_FIELDS = """
id, version, scenario, without, paths, seed, state, done, failed, headline, made_by, made_at, ended_at
"""
_RUN = f"select {_RUN_FIELDS} from plan_run"  # noqa: S608 - our own words
_BEGIN = f"""
insert into plan_run (organisation_id, plan_id, version, scenario, without, paths, seed, made_by, made_at)
select $1, $2, $3, $4, $5, $6, $7, $8, $9
where (select count(*) from plan_run where organisation_id = $1 and state in ('waiting', 'running')) < $10
returning {_RUN_FIELDS}
"""  # noqa: S608 - our own words
_TAKE = """
update plan_run r set state = 'running', seen_at = now(), tries = tries + 1
from plan_version v
where v.plan_id = r.plan_id and v.number = r.version and r.id = (
    select w.id from plan_run w
    where w.state = 'waiting'
        or (w.state = 'running' and w.seen_at < now() - $1::float8 * interval '1 second')
    order by (select count(*) from plan_run o
        where o.organisation_id = w.organisation_id and o.state = 'running'), w.id
    limit 1 for update skip locked
)
returning r.id, r.tries, v.text, v.format, r.scenario, r.without, r.paths, r.seed
"""
_END = """
update plan_run set result = $3, failed = $4, headline = $5, ended_at = now(), seen_at = null,
    state = case when $3::text is null then 'failed' else 'done' end,
    done = case when $3::text is null then done else paths end
where id = $1 and tries = $2 and state = 'running'
"""


class StoredPlans:
    """Plans of all organisations.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def plans(self, organisation_id: int) -> list[KeptPlan]:
        """See `Plans`."""
        rows = await self._pool.fetch(f"{_PLANS} order by p.name", organisation_id)
        return [KeptPlan(**row) for row in rows]

    async def plan(self, organisation_id: int, name: str) -> KeptPlan | None:
        """See `Plans`."""
        row = await self._pool.fetchrow(f"{_PLANS} and p.name = $2", organisation_id, name)
        return None if row is None else KeptPlan(**row)

    async def make(self, organisation_id: int, name: str, first: NewVersion) -> bool:
        """See `Plans`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # Two first plans at once must not both become the main one.
            await connection.execute("select from organisation where id = $1 for update", organisation_id)
            made = await connection.fetchval(_MAKE, organisation_id, name, first.made_at)
            if made is None:
                return False
            await connection.execute(_ADD, made, 1, *msgspec.structs.astuple(first))
        return True

    async def add(self, plan: KeptPlan, version: NewVersion, after: int) -> bool:
        """See `Plans`."""
        if after != plan.versions:
            return False
        return (
            await self._pool.fetchval(_ADD, plan.id, after + 1, *msgspec.structs.astuple(version)) is not None
        )

    async def choose(self, organisation_id: int, plan_id: int) -> None:
        """See `Plans`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select from organisation where id = $1 for update", organisation_id)
            await connection.execute(
                "update plan set main = false where organisation_id = $1 and main", organisation_id
            )
            await connection.execute(
                "update plan set main = true where organisation_id = $1 and id = $2", organisation_id, plan_id
            )

    async def version(self, plan_id: int, number: int | None) -> KeptVersion | None:
        """See `Plans`."""
        row = await self._pool.fetchrow(
            "select number, format, text, deals, facts, made_by, made_at from plan_version"
            " where plan_id = $1 and ($2::integer is null or number = $2) order by number desc limit 1",
            plan_id,
            number,
        )
        return None if row is None else KeptVersion(**row)

    async def versions(self, plan_id: int, most: int) -> list[KeptVersion]:
        """See `Plans`."""
        rows = await self._pool.fetch(
            "select number, format, '' as text, '' as deals, facts, made_by, made_at from plan_version"
            " where plan_id = $1 order by number desc limit $2",
            plan_id,
            most,
        )
        return [KeptVersion(**row) for row in rows]

    async def begin(self, organisation_id: int, plan_id: int, run: NewRun, most: int) -> KeptRun | None:
        """See `Plans`."""
        row = await self._pool.fetchrow(
            _BEGIN,
            organisation_id,
            plan_id,
            run.version,
            run.scenario,
            list(run.without),
            run.paths,
            run.seed,
            run.made_by,
            run.made_at,
            most,
        )
        return None if row is None else KeptRun(**row)

    async def runs(self, plan_id: int, most: int) -> list[KeptRun]:
        """See `Plans`."""
        rows = await self._pool.fetch(f"{_RUN} where plan_id = $1 order by id desc limit $2", plan_id, most)
        return [KeptRun(**row) for row in rows]

    async def run(self, plan_id: int, run_id: int) -> KeptRun | None:
        """See `Plans`."""
        row = await self._pool.fetchrow(f"{_RUN} where plan_id = $1 and id = $2", plan_id, run_id)
        return None if row is None else KeptRun(**row)

    async def result(self, run_id: int) -> str | None:
        """See `Plans`."""
        found: str | None = await self._pool.fetchval("select result from plan_run where id = $1", run_id)
        return found

    async def cancel(self, run_id: int, now: datetime) -> bool:
        """See `Plans`."""
        done = await self._pool.fetchval(
            "update plan_run set state = 'cancelled', ended_at = $2, seen_at = null"
            " where id = $1 and state in ('waiting', 'running') returning id",
            run_id,
            now,
        )
        return done is not None

    async def take(self, lost_after: float) -> Work | None:
        """See `Plans`."""
        while (row := await self._pool.fetchrow(_TAKE, lost_after)) is not None:
            work = Work(row["id"], row["tries"], *tuple(row)[2:])
            if work.turn <= _TRIES:
                return work
            await self.end(
                work, None, None, f"its process was lost {_TRIES} times; start it with fewer paths"
            )
        return None

    async def seen(self, work: Work, done: int) -> bool:
        """See `Plans`."""
        found = await self._pool.fetchval(
            "update plan_run set seen_at = now(), done = $3 where id = $1 and tries = $2"
            " and state = 'running' returning id",
            work.id,
            work.turn,
            done,
        )
        return found is not None

    async def end(self, work: Work, result: str | None, headline: str | None, failed: str | None) -> None:
        """See `Plans`."""
        await self._pool.execute(_END, work.id, work.turn, result, failed, headline)
