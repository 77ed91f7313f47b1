"""What documents of a period are made from, read in the transaction that closes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import cast

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.prices import PriceList, price_list
from rechenwerk.ledger.statement_rows import Entry, Used
from rechenwerk.ledger.statements import Content
from rechenwerk.office.closing.ports import Facts, PoolUse, ProjectFacts, ProjectUse, Setting, Shared

Connection = asyncpg.Connection | PoolConnectionProxy

_SETTING = """
select s.prefix, s.issuer, s.recipient, s.vat_rate::text, s.reverse_charge, s.allocation,
    (select coalesce(jsonb_object_agg(p.name, a.percent::text), '{}') from allocation_share a
     join project p on p.organisation_id = a.organisation_id and p.id = a.project_id
     where a.organisation_id = $1) as shares
from statement_setting s where s.organisation_id = $1
"""
# Vouchers only: no call is booked on these accounts.
_POOLS = """
select coalesce(c.name, '') as contract,
    coalesce(sum(x.amount) filter (where a.kind = 'fixed'), 0) as fixed,
    coalesce(sum(x.amount) filter (where a.kind = 'idle'), 0) as idle,
    coalesce(sum(x.amount) filter (where a.kind = 'absorbed'), 0) as absorbed
from voucher v
join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
cross join lateral (values (t.debit, t.amount), (t.credit, -t.amount)) x(account, amount)
join account a on a.organisation_id = t.organisation_id and a.id = x.account
    and a.kind in ('fixed', 'idle', 'absorbed')
left join contract c on c.organisation_id in (0, a.organisation_id) and c.id = a.contract_id
where v.organisation_id = $1 and v.at >= $2 and v.at < $3
group by c.name order by c.name
"""
_WEIGHTS = """
select p.id, p.name, p.cost_centre, coalesce(c.price, 0) as price, coalesce(c.calls, 0) as calls,
    coalesce(u.amount, 0) as allocated
from project p
left join (select project_id, sum(price) as price, count(*) as calls from call
    where organisation_id = $1 and started_at >= $2 and started_at < $3
        and outcome in ('posted', 'unresolved') and attempt_of is null group by 1) c on c.project_id = p.id
left join (select a.project_id, sum(case when t.credit = a.id then t.amount else -t.amount end) as amount
    from voucher v join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    join account a on a.organisation_id = v.organisation_id and a.id in (t.debit, t.credit)
        and a.kind = 'revenue'
    where v.organisation_id = $1 and v.at >= $2 and v.at < $3 and v.details ? 'umlage'
    group by 1) u on u.project_id = p.id
where p.organisation_id = $1 and (p.created_at < $3 or c.calls > 0) order by p.name
"""
# A call stands unresolved until a settlement of it that stands.
UNRESOLVED = """
select c.project_id, c.id, c.price from call c
where c.organisation_id = $1 and c.started_at >= $2 and c.started_at < $3 and c.outcome = 'unresolved'
    and not exists (select from voucher v where v.organisation_id = c.organisation_id and v.call_id = c.id
        and v.kind = 'settlement' and not exists (select from voucher r
            where r.organisation_id = v.organisation_id and r.reverses = v.id))
"""
# A tariff's version holds until the next of the same model; an organisation's own before the operator's.
_CALLS = f"""
with standing as ({UNRESOLVED}),
tariffs as (
    select organisation_id, model, valid_from,
        coalesce(to_jsonb(tariff) -> 'rates', to_jsonb(tariff) #> '{{terms,price}}') as rates,
        lead(valid_from, 1, 'infinity') over (
            partition by organisation_id, model order by valid_from) as until
    from tariff where organisation_id in (0, $1)),
own as (
    select t.* from tariffs t where t.organisation_id = $1
    union all
    select t.organisation_id, t.model, t.valid_from, t.rates, least(t.until, o.since)
    from tariffs t left join (select model, min(valid_from) as since from tariffs where organisation_id = $1
        group by 1) o using (model)
    where t.organisation_id = 0 and $1 <> 0 and t.valid_from < coalesce(o.since, 'infinity'))
select c.project_id, c.model, o.rates, s.id is not null as unresolved, count(*) as calls,
    sum(c.price) as price, sum(c.price - c.charged) as overrun,
    {", ".join(f"sum(c.{bucket})::bigint as {bucket}" for bucket in BUCKETS)}
from call c
left join standing s on s.id = c.id
left join own o on o.model = c.model and c.started_at >= o.valid_from and c.started_at < o.until
where c.organisation_id = $1 and c.started_at >= $2 and c.started_at < $3
    and c.outcome in ('posted', 'unresolved') and c.attempt_of is null
group by c.project_id, c.model, o.valid_from, o.rates, s.id is not null, c.outcome
order by c.project_id, c.model, o.valid_from nulls first, c.outcome
"""  # noqa: S608 - our own words, no one else's
_ENTRIES = """
select a.project_id, t.call_id as id, coalesce(v.kind, 'fee') as kind, coalesce(v.reason, f.reason) as text,
    sum(case when t.credit = a.id then t.amount else -t.amount end) as amount
from (select organisation_id, id, kind, reason, details from voucher
      where organisation_id = $1 and at >= $2 and at < $3
      union all select organisation_id, id, 'fee', reason, '{}' from fee
      where organisation_id = $1 and booked_at >= $2 and booked_at < $3) v
left join fee f on f.organisation_id = v.organisation_id and f.id = v.id
join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
join account a on a.organisation_id = v.organisation_id and a.id in (t.debit, t.credit) and a.kind = 'revenue'
where not v.details ? 'umlage' and not exists (select from document_voucher d
    where d.organisation_id = v.organisation_id and d.voucher_id = v.id and d.project_id = a.project_id)
group by 1, 2, 3, 4
having sum(case when t.credit = a.id then t.amount else -t.amount end) <> 0
order by 1, 2 desc
"""
# What the open period has to say about an earlier one: calls of it settled, its vouchers reversed, and
# whatever names it.
_CONCERNING = """
select v.id, v.kind, v.reason as text,
    sum(case when t.credit = a.id then t.amount else -t.amount end) as amount
from voucher v
join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
join account a on a.organisation_id = v.organisation_id and a.id in (t.debit, t.credit)
    and a.kind = 'revenue' and a.project_id = $2
left join call c on c.organisation_id = v.organisation_id and c.id = v.call_id
left join voucher r on r.organisation_id = v.organisation_id and r.id = v.reverses
left join call rc on rc.organisation_id = v.organisation_id and rc.id = r.call_id
where v.organisation_id = $1 and v.at >= $5 and v.at < $6
    and (c.started_at >= $3 and c.started_at < $4 or r.at >= $3 and r.at < $4
        or rc.started_at >= $3 and rc.started_at < $4
        or v.details ->> 'period' = to_char($3 at time zone 'UTC', 'YYYY-MM'))
    and not exists (select from document_voucher d where d.organisation_id = v.organisation_id
        and d.voucher_id = v.id and d.project_id = $2)
group by 1, 2, 3 having sum(case when t.credit = a.id then t.amount else -t.amount end) <> 0
order by 1 desc
"""


async def setting_of(connection: Connection, organisation_id: int) -> Setting:
    """How the organisation's statements are written; as they come where nobody said."""
    row = await connection.fetchrow(_SETTING, organisation_id)
    if row is None:
        return Setting()
    return Setting(
        prefix=row["prefix"],
        issuer=tuple(row["issuer"]),
        recipient=tuple(row["recipient"]),
        vat_rate=plain(row["vat_rate"]),
        reverse_charge=row["reverse_charge"],
        allocation=row["allocation"],
        shares={name: plain(text) for name, text in _texts(row["shares"]).items()},
    )


def plain(number: str) -> str:
    """A decimal without zeros that say nothing."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _texts(text: str) -> Mapping[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])


async def shared_of(connection: Connection, organisation_id: int, period: Period) -> Shared:
    """Cost pools and the weights of projects."""
    span = (organisation_id, period.starts, period.ends)
    return Shared(
        await setting_of(connection, organisation_id),
        tuple(
            [
                PoolUse(row["contract"], int(row["fixed"]), int(row["idle"]), int(row["absorbed"]))
                for row in await connection.fetch(_POOLS, *span)
            ]
        ),
        tuple(
            [
                ProjectUse(
                    row["id"],
                    row["name"],
                    row["cost_centre"],
                    int(row["price"]),
                    row["calls"],
                    int(row["allocated"]),
                )
                for row in await connection.fetch(_WEIGHTS, *span)
            ]
        ),
    )


async def facts_of(
    connection: Connection, organisation_id: int, period: Period, taken: int, issued: tuple[Content, ...]
) -> Facts:
    """Everything that the period's documents are made from."""
    span = (organisation_id, period.starts, period.ends)
    used: dict[tuple[int, bool], list[Used]] = defaultdict(list)
    overrun: dict[int, int] = defaultdict(int)
    for row in await connection.fetch(_CALLS, *span):
        used[row["project_id"], row["unresolved"]].append(_used(row))
        overrun[row["project_id"]] += int(row["overrun"])
    entries: dict[int, list[Entry]] = defaultdict(list)
    for row in await connection.fetch(_ENTRIES, *span):
        entries[row["project_id"]].append(_entry(row))
    shared = await shared_of(connection, organisation_id, period)
    names = {
        row["id"]: (row["name"], row["cost_centre"])
        for row in await connection.fetch(
            "select id, name, cost_centre from project where organisation_id = $1", organisation_id
        )
    }
    return Facts(
        organisation=await connection.fetchval(
            "select name from organisation where id = $1", organisation_id
        ),
        currency=await connection.fetchval("select currency from installation"),
        taken=taken,
        shared=shared,
        projects=tuple(
            ProjectFacts(
                project,
                name,
                cost_centre,
                tuple(used[project, False]),
                tuple(used[project, True]),
                tuple(entries[project]),
                overrun[project],
            )
            for project, (name, cost_centre) in sorted(names.items(), key=lambda item: item[1])
        ),
        issued=issued,
    )


def _used(row: asyncpg.Record) -> Used:
    return Used(
        model=row["model"],
        prices=_prices(row["rates"]),
        calls=row["calls"],
        usage={bucket: row[bucket] for bucket in BUCKETS},
        price=int(row["price"]),
    )


def _prices(rates: str | None) -> PriceList | None:
    return None if rates is None else price_list(_texts(rates))


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(row["kind"], str(row["id"]), row["text"], int(row["amount"]))


async def concerning(
    connection: Connection, organisation_id: int, project_id: int, about: Period, booked_in: Period
) -> tuple[Entry, ...]:
    """Vouchers of an open period on a project's revenue that concern a closed one, and stand nowhere yet."""
    rows = await connection.fetch(
        _CONCERNING,
        organisation_id,
        project_id,
        about.starts,
        about.ends,
        booked_in.starts,
        booked_in.ends,
    )
    return tuple([_entry(row) for row in rows])


async def first_entry(connection: Connection, organisation_id: int) -> datetime | None:
    """When anything was first booked."""
    found = await connection.fetchval(
        "select min(at) from (select min(started_at) as at from call where organisation_id = $1"
        " union all select min(at) from voucher where organisation_id = $1"
        " union all select min(booked_at) from fee where organisation_id = $1) x",
        organisation_id,
    )
    return cast("datetime | None", found)
