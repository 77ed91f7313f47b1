"""The books of one organisation, read only. Fills `office.ports.Books`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.usage import BUCKETS
from rechenwerk.office.journal_ports import BookedCall, Transfer
from rechenwerk.office.ports import Balance
from rechenwerk.office.standing import UsedHere

Connection = asyncpg.Connection | PoolConnectionProxy

_BALANCE = """
select a.id, a.kind, p.name as project, c.name as contract,
    coalesce(m.debit, 0) as debit, coalesce(m.credit, 0) as credit
from account a
left join project p on p.organisation_id = a.organisation_id and p.id = a.project_id
left join contract c on c.organisation_id in (0, a.organisation_id) and c.id = a.contract_id
left join (select account_id, sum(debit) as debit, sum(credit) as credit from account_month
    where organisation_id = $1 and ($2::date is null or month = $2)
        and ($3::bigint is null or account_id = $3) group by account_id) m
    on m.account_id = a.id
where a.organisation_id = $1 and ($3::bigint is null or a.id = $3) order by a.kind, p.name, c.name
"""
CALLS = """
select c.*, coalesce(p.name, '') as project, coalesce(k.name, '') as key,
    coalesce(v.name, '') as provider, coalesce(t.name, '') as contract
from call c
left join project p on p.organisation_id = c.organisation_id and p.id = c.project_id
left join api_key k on k.organisation_id = c.organisation_id and k.id = c.key_id
left join deployment d on d.organisation_id in (0, c.organisation_id) and d.id = c.deployment_id
left join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
left join contract t on t.organisation_id in (0, c.organisation_id) and t.id = c.contract_id
where c.organisation_id = $1
"""
TRANSFERS = """
with named as (
    select a.id, case when p.name is null and c.name is null then a.kind
        else a.kind || '(' || concat_ws(', ', p.name, c.name) || ')' end as name
    from account a
    left join project p on p.organisation_id = a.organisation_id and p.id = a.project_id
    left join contract c on c.organisation_id in (0, a.organisation_id) and c.id = a.contract_id
    where a.organisation_id = $1
)
select t.call_id, d.name as debit, c.name as credit, t.amount from transfer t
join named d on d.id = t.debit join named c on c.id = t.credit
where t.organisation_id = $1 and t.call_id = any($2::bigint[]) order by t.call_id, t.line
"""

_USAGE = """
select date_trunc($3, w.hour, 'UTC') as starts_at, d.model,
    concat(d.model, ' at ', p.name, ' under ', c.name) as deployment, sum(w.calls)::bigint as calls,
    sum(w.amount) as cost, sum(w.input)::bigint as input, sum(w.cached_input)::bigint as cached_input,
    sum(w.cache_write)::bigint as cache_write, sum(w.output)::bigint as output,
    sum(w.reasoning)::bigint as reasoning, sum(w.images)::bigint as images, sum(w.seconds)::bigint as seconds,
    sum(w.requests)::bigint as requests
from draw w
join deployment d on d.organisation_id in (0, w.organisation_id) and d.id = w.deployment_id
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join contract c on c.organisation_id in (0, w.organisation_id) and c.id = w.contract_id
where w.organisation_id = $1 and w.hour >= $2
group by 1, 2, 3 order by 1, 2, 3
"""


class StoredBooks:
    """Balance, single calls and usage.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def balance(
        self, organisation_id: int, month: date | None = None, only: int | None = None
    ) -> list[Balance]:
        """Every account, or one, with its sums; of a month, or of all time."""
        return [
            Balance(
                row["kind"], row["project"], row["contract"], int(row["debit"]), int(row["credit"]), row["id"]
            )
            for row in await self._pool.fetch(_BALANCE, organisation_id, month, only)
        ]

    async def call(self, organisation_id: int, call_id: int) -> BookedCall | None:
        """One booked call."""
        rows = await self._pool.fetch(CALLS + " and c.id = $2", organisation_id, call_id)
        found = await with_transfers(self._pool, organisation_id, rows)
        return found[0] if found else None

    async def usage(self, organisation_id: int, since: datetime, step: str) -> list[UsedHere]:
        """What the organisation used since then, per `step` (hour or day), oldest first."""
        return [
            UsedHere(
                row["starts_at"],
                row["model"],
                row["deployment"],
                row["calls"],
                {bucket: row[bucket] for bucket in BUCKETS},
                int(row["cost"]),
            )
            for row in await self._pool.fetch(_USAGE, organisation_id, since, step)
        ]


async def with_transfers(
    pool: asyncpg.Pool, organisation_id: int, rows: Sequence[asyncpg.Record]
) -> list[BookedCall]:
    """Calls of `CALLS` with what they moved."""
    transfers: dict[int, list[Transfer]] = {row["id"]: [] for row in rows}
    for row in await pool.fetch(TRANSFERS, organisation_id, list(transfers)):
        transfers[row["call_id"]].append(Transfer(row["debit"], row["credit"], int(row["amount"])))
    return [booked(row, transfers[row["id"]]) for row in rows]


def booked(row: asyncpg.Record, transfers: Sequence[Transfer]) -> BookedCall:
    """A call of `CALLS`."""
    return BookedCall(
        id=row["id"],
        attempt_of=row["attempt_of"],
        project=row["project"],
        key=row["key"],
        provider=row["provider"],
        contract=row["contract"],
        endpoint=row["endpoint"],
        model=row["model"],
        streamed=row["streamed"],
        outcome=row["outcome"],
        reason=row["reason"],
        status=row["status"],
        usage_source=row["usage_source"],
        usage={bucket: row[bucket] for bucket in BUCKETS},
        raw_usage=row["raw_usage"],
        decision=row["decision"],
        held=int(row["held"]),
        price=int(row["price"]),
        cost=int(row["cost"]),
        charged=int(row["charged"]),
        started_at=row["started_at"],
        first_byte_us=row["first_byte_us"],
        total_us=row["total_us"],
        transfers=tuple(transfers),
        listed=int(row["cost"] if row["listed"] is None else row["listed"]),
        tariff=row["tariff_id"],
        energy_uwh=row["energy_uwh"],
        co2_ug=row["co2_ug"],
    )
