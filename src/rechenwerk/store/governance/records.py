"""The audit of governance, and what the public report is made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import asyncpg
import msgspec

from rechenwerk.office.governance.ports import (
    AuditEvent,
    Award,
    Chain,
    Drawn,
    Member,
    Person,
    PoolFacts,
    PoolUse,
    Sought,
)
from rechenwerk.store.governance.common import Connection, audit
from rechenwerk.store.governance.grants import award_of
from rechenwerk.store.governance.use import used
from rechenwerk.store.moments import moment
from rechenwerk.store.parts import has_words

_AUDIT = """
select a.id, a.at, o.name as organisation, a.who, coalesce(a.key_id, 0) as key_id, a.what, a.subject,
    a.before, a.after, a.address
from audit_event a join organisation o on o.id = a.organisation_id
where ($1::bigint is null or a.organisation_id = $1) and ($3::bigint is null or a.id < $3)
    and ($4::text is null or a.who = $4) and ($5::text is null or a.what = $5)
    and ($6::text is null or a.subject = $6) and ($7::timestamptz is null or a.at >= $7)
    and ($8::timestamptz is null or a.at < $8)
    and {words}
order by a.id desc limit $2
""".format(
    words=has_words(
        "concat_ws(' ', a.who, a.what, a.subject, a.before::text, a.after::text, a.address)", "$9::text[]"
    )
)
# One step per kind of an organisation, however many events there are.
_KINDS = """
select distinct of.what collate "C" as what from organisation o cross join lateral (
    with recursive kind(what) as (
        (select what from audit_event where organisation_id = o.id order by what limit 1)
        union all
        select (select a.what from audit_event a where a.organisation_id = o.id and a.what > kind.what
            order by a.what limit 1)
        from kind where kind.what is not null
    )
    select what from kind where what is not null
) of
where $1::bigint is null or o.id = $1 order by 1
"""
_CHAIN = """
with linked as (
    select e.id, l.number, l.hash, e as event,
        lag(l.hash) over (order by l.number) as earlier, row_number() over (order by l.number) as place
    from audit_event e left join audit_link l on l.event_id = e.id and l.organisation_id = e.organisation_id
    where e.organisation_id = $1
)
select count(*) as events,
    min(id) filter (where number is null or number <> place
        or hash <> audit_hash(coalesce(earlier, ''::bytea), event)) as broken,
    (select count(*) from audit_link where organisation_id = $1) as links,
    (select encode(hash, 'hex') from audit_link where organisation_id = $1
        order by number desc limit 1) as head
from linked
"""
_MEMBERS = """
select deployment_id as deployment, extract(epoch from valid_from)::bigint as since, tokens_per_minute
from pool_member where pool_id = $1
"""
_USES = """
select pool_id as pool, day - date '1970-01-01' as day, class as service, lent, reclaimed
from pool_use where pool_id = $1 and day >= date '1970-01-01' + $2::integer
"""
_DRAWS = """
select amount, extract(epoch from approved_at)::bigint as starts, extract(epoch from least(approved_at
    + make_interval(secs => seconds), coalesce(ended_at, 'infinity')))::bigint as ends
from emergency_draw where pool_id = $1 and approved_at is not null
"""
_AWARDS = """
select a.*, g.tokens as granted_tokens, g.course_from, g.course_drawn, g.noticed_on
from grant_application a join granted g on g.application_id = a.id
where a.pool_id = $1
"""


class StoredRecords:
    """Audit and utilisation, read only.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def note(
        self,
        who: Person,
        organisation_id: int,
        at: datetime,
        what: str,
        subject: str,
        before: Mapping[str, object] | None,
        after: Mapping[str, object] | None,
    ) -> None:
        """See `office.governance.ports.Records`."""
        async with self._pool.acquire() as connection:
            await audit(connection, who, at, organisation_id, what, subject, before, after)

    async def audit(self, sought: Sought, limit: int) -> list[AuditEvent]:
        """See `office.governance.ports.Records`."""
        rows = await self._pool.fetch(
            _AUDIT,
            sought.organisation_id,
            limit,
            sought.before,
            sought.who,
            sought.what,
            sought.subject,
            sought.since,
            sought.until,
            list(sought.words),
        )
        return [
            AuditEvent(**{**row, "before": _json(row["before"]), "after": _json(row["after"])})
            for row in rows
        ]

    async def kinds(self, organisation_id: int | None) -> list[str]:
        """See `office.governance.ports.Records`."""
        return [row["what"] for row in await self._pool.fetch(_KINDS, organisation_id)]

    async def chain(self, organisation_id: int) -> Chain:
        """See `office.governance.ports.Records`."""
        row = await self._pool.fetchrow(_CHAIN, organisation_id)
        assert row is not None
        lost = row["links"] - row["events"] if row["broken"] is None else 0
        return Chain(row["events"], row["head"] or "", 0 if lost else row["broken"])

    async def facts(self, owner: int, first: int) -> list[PoolFacts]:
        """See `office.governance.ports.Records`."""
        async with moment(self._pool) as connection:
            pools = await connection.fetch("select id, name from pool where organisation_id = $1", owner)
            return [await _facts(connection, row["id"], row["name"], first) for row in pools]


async def _facts(connection: Connection, pool: int, name: str, first: int) -> PoolFacts:
    awards: dict[int, list[Award]] = defaultdict(list)
    for row in await connection.fetch(_AWARDS, pool):
        awards[row["project_id"]].append(award_of(row))
    starts = min((one.starts for some in awards.values() for one in some), default=first)
    drawn = await used(connection, [pool], min(starts, first), sorted(awards))
    everybody = await used(connection, [pool], first)
    rows = await connection.fetch(
        "select id, service_class from project where id = any($1::bigint[])",
        [project for _, project in everybody],
    )
    classes = {row["id"]: row["service_class"] for row in rows}
    booked: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (_, project), days in everybody.items():
        for day, tokens in days.items():
            booked[day][classes[project]] += tokens
    return PoolFacts(
        name=name,
        members=tuple(Member(**row) for row in await connection.fetch(_MEMBERS, pool)),
        uses=tuple(_use(row) for row in await connection.fetch(_USES, pool, first)),
        booked=booked,
        draws=tuple(Drawn(**row) for row in await connection.fetch(_DRAWS, pool)),
        awards={project: tuple(some) for project, some in awards.items()},
        drawn={project: days for (_, project), days in drawn.items()},
    )


def _use(row: asyncpg.Record) -> PoolUse:
    return PoolUse(row["pool"], row["day"], row["service"], int(row["lent"]), int(row["reclaimed"]))


def _json(text: str | None) -> dict[str, object] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, object])
