"""Sums that are kept beside the rows, read; and the proof that they are the rows' sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType

import asyncpg

from rechenwerk.base.ids import first_id
from rechenwerk.base.usage import BUCKETS
from rechenwerk.office.sum_ports import Beat, By, Marks, Step, Stretch, Total
from rechenwerk.store.proofs import CALLS, Proof

_NAMES = (
    "calls",
    "attempts",
    "price",
    "cost",
    "listed",
    "charged",
    *BUCKETS,
    "energy_uwh",
    "co2_ug",
)
_KEYS = (
    "day, project_id, key_id, model, deployment_id, contract_id, tariff_id, outcome, endpoint, usage_source"
)
_OF_CALLS = ", ".join(
    {"calls": "count(*)", "attempts": "count(attempt_of)", "listed": "sum(coalesce(listed, cost))"}.get(
        name, f"sum({name})"
    )
    + f" as {name}"
    for name in _NAMES
)
_DAYS = f"""
select day || ' of project ' || project_id || ', key ' || key_id || ', ' || model || ', ' || outcome
        as subject,
    money_text(coalesce(d.price, 0)) || ' for ' || coalesce(d.calls, 0) || ' calls' as is,
    money_text(coalesce(s.price, 0)) || ' for ' || coalesce(s.calls, 0) || ' calls, and their usage' as should
from (select {_KEYS}, {", ".join(f"sum({name}) as {name}" for name in _NAMES)}
    from call_day where organisation_id = $1 group by {_KEYS}) d
full join (select {_KEYS}, {_OF_CALLS}
    from (select *, (started_at at time zone 'UTC')::date as day from call where organisation_id = $1) c
    group by {_KEYS}) s using ({_KEYS})
where ({", ".join(f"d.{name}" for name in _NAMES)})
    is distinct from ({", ".join(f"s.{name}" for name in _NAMES)})
"""  # noqa: S608 - our own words, no one else's
# Whoever reads the calls of a month looks where their ids say, and at these.
_STRAYS = """
select c.id as subject, 'far from its time, and not listed' as is, 'listed' as should from call c
where c.organisation_id = $1 and is_stray(c.id, c.started_at) and not exists (select from call_stray s
    where s.organisation_id = c.organisation_id and s.id = c.id and s.started_at = c.started_at)
"""

SUM_PROOFS = (
    Proof("every day's totals are the sums of its calls", "total of", _DAYS, CALLS, scope="days"),
    Proof("every call lies where its time says, or is listed", "call", _STRAYS, CALLS, scope="ids"),
)
"""What `books verify` proves of sums that are kept."""

_BY = MappingProxyType(
    {
        "organisation": ("''::text", "s.grp", ""),
        "project": (
            "project_id",
            "coalesce(n.name, '')",
            "left join project n on n.organisation_id = $1 and n.id = s.grp",
        ),
        "key": (
            "key_id",
            "coalesce(n.name, '')",
            "left join api_key n on n.organisation_id = $1 and n.id = s.grp",
        ),
        "model": ("model", "s.grp", ""),
        "outcome": ("outcome", "s.grp", ""),
        "deployment": (
            "deployment_id",
            "coalesce(p.name || '/' || n.upstream, '')",
            (
                "left join deployment n on n.organisation_id in (0, $1) and n.id = s.grp"
                " left join provider p on p.organisation_id = n.organisation_id and p.id = n.provider_id"
            ),
        ),
        "contract": (
            "contract_id",
            "coalesce(n.name, '')",
            "left join contract n on n.organisation_id in (0, $1) and n.id = s.grp",
        ),
    }
)
"""What totals are by -> the column, its name for people, and the tables that know the name."""
_PERIODS = MappingProxyType(
    {"day": "day", "month": "date_trunc('month', day::timestamp)::date", "all": "$2::date"}
)
_KEPT = ("calls", "attempts", "price", "cost", "listed", "charged", *BUCKETS)

_PULSE = """
select coalesce(v.name, '') as provider, count(*) as calls,
    count(*) filter (where c.outcome = 'posted') as answers,
    count(*) filter (where c.outcome in ('failed', 'unresolved')) as failed,
    (percentile_disc(0.5) within group (order by c.first_byte_us)
        filter (where c.outcome = 'posted')) as middle,
    (percentile_disc(0.95) within group (order by c.first_byte_us)
        filter (where c.outcome = 'posted')) as slow
from call c
left join deployment d on d.organisation_id in (0, c.organisation_id) and d.id = c.deployment_id
left join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
where c.organisation_id = $1 and c.id >= $2 and c.started_at >= $3
group by 1 order by 1
"""


_HEALTH = """
select to_timestamp(c.bucket * $4::bigint) as starts, coalesce(v.name, '') as provider,
    sum(c.calls)::bigint as calls, sum(c.answers)::bigint as answers, sum(c.failed)::bigint as failed,
    (percentile_disc(0.5) within group (order by c.first_byte_us)) as middle,
    (percentile_disc(0.95) within group (order by c.first_byte_us)) as slow
from (select 1 as calls, (outcome = 'posted')::int as answers,
        (outcome in ('failed', 'unresolved'))::int as failed,
        case when outcome = 'posted' then first_byte_us end as first_byte_us,
        floor(extract(epoch from started_at) / $4::bigint)::bigint as bucket, organisation_id, deployment_id
    from call where ($1::bigint is null or organisation_id = $1) and id >= $2 and started_at >= $3) c
join deployment d on d.id = c.deployment_id and d.organisation_id in (0, c.organisation_id)
join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
where ($5 = '' or v.name = $5) and ($1::bigint is not null or v.organisation_id = 0)
group by 1, 2 order by 1, 2
"""
# Sums of two days move with every booking, and are few rows however many calls there were.
_MARKS = """
select o.id,
    (select coalesce(sum(d.calls), 0) || '/' || count(*) from call_day d
        where d.organisation_id = o.id and d.day >= current_date - 1) as calls,
    (select count(*) || '/' || coalesce(sum(g.amount), 0) || '/' || count(*) filter (where g.active) || '/'
        || count(*) filter (where g.hard) from guard g where g.organisation_id = o.id) as budgets,
    (select coalesce(max(a.id), 0)::text from audit_event a where a.organisation_id = o.id) as audit,
    (select concat_ws('/', count(*), max(j.served_at), max(j.started_at), max(j.ended_at)) from document_job j
        where j.organisation_id = o.id) as jobs,
    (select i.version::text from installation i) as configuration
from unnest($1::bigint[]) o(id)
"""


class StoredSums:
    """Totals of calls by day and month.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def totals(self, organisation_id: int, starts: date, ends: date, by: By, step: Step) -> list[Total]:
        """See `office.sum_ports.Sums`."""
        column, name, joined = _BY[by]
        query = f"""
select s.starts, {name} as name, {", ".join(f"s.{kept}" for kept in _KEPT)}
from (select {_PERIODS[step]} as starts, {column} as grp,
        {", ".join(f"sum({kept}) as {kept}" for kept in _KEPT)}
    from call_day where organisation_id = $1 and day >= $2 and day < $3 group by 1, 2) s
{joined} order by 1, 2"""  # noqa: S608 - our own words, no one else's
        return [
            Total(
                row["starts"],
                row["name"],
                int(row["calls"]),
                int(row["attempts"]),
                int(row["price"]),
                int(row["cost"]),
                int(row["listed"]),
                int(row["charged"]),
                {bucket: int(row[bucket]) for bucket in BUCKETS},
            )
            for row in await self._pool.fetch(query, organisation_id, starts, ends)
        ]

    async def pulse(self, organisation_id: int, since: datetime) -> list[Beat]:
        """See `office.sum_ports.Sums`."""
        # Some ids run ahead of their time, none behind: they narrow it down, the time decides.
        rows = await self._pool.fetch(_PULSE, organisation_id, first_id(since.timestamp()), since)
        return [Beat(*row) for row in rows]

    async def health(
        self, organisation_id: int | None, since: datetime, seconds: int, provider: str
    ) -> list[Stretch]:
        """See `office.sum_ports.Sums`."""
        first = first_id(since.timestamp())
        rows = await self._pool.fetch(_HEALTH, organisation_id, first, since, seconds, provider)
        return [Stretch(row[0], Beat(*row[1:])) for row in rows]

    async def marks(self, organisations: Sequence[int]) -> Mapping[int, Marks]:
        """See `office.sum_ports.Sums`."""
        rows = await self._pool.fetch(_MARKS, list(organisations))
        return {
            row["id"]: Marks(row["calls"], row["budgets"], row["audit"], row["jobs"], row["configuration"])
            for row in rows
        }
