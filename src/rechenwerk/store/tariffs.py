"""Tariffs in PostgreSQL: versions, discounts, what was used under them, and what months book.

Fills `office.tariff_ports.Tariffs` and `ledger.ports.PeriodStep`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.money import plain_money
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.tariff_lines import exact, line_fields
from rechenwerk.ledger.tariff_months import Discount, Month, MonthUse, Version, months, sold_by
from rechenwerk.ledger.vouchers import Side, Voucher, signed
from rechenwerk.office.tariff_ports import ContractCost, ModelUse, NewDiscount
from rechenwerk.store.sales import DISCOUNTS, VERSIONS_OF_TARIFFS, discount_of, versions_of
from rechenwerk.store.vouchers import book_voucher

Connection = asyncpg.Connection | PoolConnectionProxy

_NONE = Fraction(0)
_LOCK = 0x5EC4E8  # any number; all installations use the same
# Sums of days are kept beside the calls, and `books verify` proves that they are the calls'.
_DAYS = """
c.day >= ($2::timestamptz at time zone 'UTC')::date and c.day < ($3::timestamptz at time zone 'UTC')::date
"""
_SUMS = ", ".join(f"sum(c.{bucket})::bigint as {bucket}" for bucket in BUCKETS)
_POSTED = ", ".join(
    f"coalesce(sum(c.{bucket}) filter (where c.outcome = 'posted'), 0)::bigint as {bucket}"
    for bucket in BUCKETS
)

_VERSIONS = VERSIONS_OF_TARIFFS.replace("order by", "where organisation_id in (0, $1) order by")
_OF_ORGANISATION = DISCOUNTS.replace("order by", "where organisation_id = $1 order by")
_DISCOUNT = """
insert into tariff_discount (organisation_id, project_id, model, valid_from, valid_to, share, reason, made_by)
values ($1, $2, $3, $4, $5, $6, $7, $8) returning id
"""
_USE = f"""
select c.project_id, c.model, c.tariff_id, c.day, sum(c.calls)::bigint as calls,
    sum(c.price) as booked, sum(c.cost) as cost, {_SUMS}
from call_day c
where c.organisation_id = $1 and {_DAYS} and c.outcome = 'posted'
group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""  # noqa: S608 - our own words
_SETTLED_UNITS = ", ".join(
    f"settled_units(s.usage, '{bucket}', c.{bucket}, s.cost, c.cost) as {bucket}" for bucket in BUCKETS
)
# Calls that were settled count in the period of their settlement: where their revenue is booked finally. What
# exceeded the hold was booked with the call. One that nobody ever told the usage of is outside of all sums.
_SETTLED = f"""
select c.project_id, c.model, c.tariff_id, c.started_at, (c.started_at at time zone 'UTC')::date as day,
    coalesce(s.price, c.charged) + c.price - c.charged as booked, coalesce(s.cost, c.cost) as cost,
    {_SETTLED_UNITS}
from settled_call s join call c on c.organisation_id = s.organisation_id and c.id = s.call_id
where s.organisation_id = $1 and s.at >= $2 and s.at < $3
    and (c.usage_source <> 'none' or s.usage is not null)
order by c.id
"""  # noqa: S608 - our own words
# What vouchers have moved so far; one that was reversed has moved nothing.
_ADJUSTED = """
select (v.details->>'project')::bigint as project_id, v.details->>'model' as model,
    (v.details->>'tariff')::bigint as tariff_id,
    sum(case when k.kind = 'revenue' then t.amount else -t.amount end) as amount
from voucher v
join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
join account k on k.organisation_id = t.organisation_id and k.id = t.credit
where v.organisation_id = $1 and v.at >= $2 and v.at < $3 and v.kind = 'adjustment' and v.details ? 'tariff'
    and not exists (select from voucher r where r.organisation_id = v.organisation_id and r.reverses = v.id)
group by 1, 2, 3
"""
_PROJECTS = "select id from project where organisation_id = $1 and created_at < $2 order by id"
_NAMES = "select id, name from project where organisation_id = $1"
_COSTS = f"""
with booked as (
    select c.contract_id, sum(c.cost) as calls, 0 as fixed, 0 as idle, 0 as absorbed, 0 as other
    from call_day c where ($1::bigint is null or c.organisation_id = $1) and {_DAYS}
    group by 1
    union all
    select a.contract_id, 0, sum(x.amount) filter (where a.kind = 'fixed'),
        sum(x.amount) filter (where a.kind = 'idle'), sum(x.amount) filter (where a.kind = 'absorbed'),
        sum(x.amount) filter (where a.kind in ('cost', 'failed', 'unresolved_cost', 'difference'))
    from voucher v
    join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    cross join lateral (values (t.debit, t.amount), (t.credit, -t.amount)) x(account, amount)
    join account a on a.organisation_id = t.organisation_id and a.id = x.account and a.contract_id <> 0
    where ($1::bigint is null or v.organisation_id = $1) and v.at >= $2 and v.at < $3
        and a.kind in ('fixed', 'idle', 'absorbed', 'cost', 'failed', 'unresolved_cost', 'difference')
    group by 1)
select b.contract_id, coalesce(k.name, '') as name, coalesce(sum(b.calls), 0) as calls,
    coalesce(sum(b.fixed), 0) as fixed, coalesce(sum(b.idle), 0) as idle,
    coalesce(sum(b.absorbed), 0) as absorbed, coalesce(sum(b.other), 0) as other,
    array(select distinct d.model from deployment d where d.contract_id = b.contract_id order by 1) as models
from booked b left join contract k on k.id = b.contract_id group by b.contract_id, k.name order by k.name
"""  # noqa: S608 - our own words
_SOLD = f"""
select c.model, c.contract_id, sum(c.calls)::bigint as calls, sum(c.price) as price, sum(c.cost) as cost,
    sum(c.listed) as listed, {_POSTED}
from call_day c
where ($1::bigint is null or c.organisation_id = $1) and {_DAYS} and c.outcome <> 'void'
group by 1, 2
union all
select v.details->>'model', 0, 0, sum(case when k.kind = 'revenue' then t.amount else -t.amount end), 0, 0,
    {", ".join(["0"] * len(BUCKETS))}
from voucher v
join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
join account k on k.organisation_id = t.organisation_id and k.id = t.credit
where ($1::bigint is null or v.organisation_id = $1) and v.at >= $2 and v.at < $3 and v.kind = 'adjustment'
    and v.details ? 'tariff'
    and not exists (select from voucher r where r.organisation_id = v.organisation_id and r.reverses = v.id)
group by 1
order by 1, 2
"""  # noqa: S608 - our own words


class StoredTariffs:
    """Versions, discounts, and what was used under them.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def versions(self, organisation_id: int) -> list[Version]:
        """See `office.tariff_ports.Tariffs`."""
        return versions_of(await self._pool.fetch(_VERSIONS, organisation_id))

    async def discounts(self, organisation_id: int) -> list[Discount]:
        """See `office.tariff_ports.Tariffs`."""
        return [discount_of(row) for row in await self._pool.fetch(_OF_ORGANISATION, organisation_id)]

    async def discount(self, organisation_id: int, wish: NewDiscount) -> int:
        """See `office.tariff_ports.Tariffs`."""
        made: int = await self._pool.fetchval(
            _DISCOUNT,
            organisation_id,
            wish.project,
            wish.model,
            wish.starts,
            wish.ends,
            wish.share,
            wish.reason,
            wish.made_by,
        )
        return made

    async def use(self, organisation_id: int, period: Period) -> list[MonthUse]:
        """See `office.tariff_ports.Tariffs`."""
        async with self._pool.acquire() as connection:
            versions = versions_of(await connection.fetch(_VERSIONS, organisation_id))
            return await _use(connection, organisation_id, period, versions)

    async def project_names(self, organisation_id: int) -> dict[int, str]:
        """See `office.tariff_ports.Tariffs`."""
        return {row["id"]: row["name"] for row in await self._pool.fetch(_NAMES, organisation_id)}

    async def costs(self, organisation_id: int | None, period: Period) -> list[ContractCost]:
        """See `office.tariff_ports.Tariffs`."""
        return [
            ContractCost(
                row["contract_id"],
                row["name"],
                int(row["calls"]),
                int(row["fixed"]),
                int(row["idle"]),
                int(row["absorbed"]),
                int(row["other"]),
                tuple(row["models"]),
            )
            for row in await self._pool.fetch(_COSTS, organisation_id, period.starts, period.ends)
        ]

    async def sold(self, organisation_id: int | None, period: Period) -> list[ModelUse]:
        """See `office.tariff_ports.Tariffs`."""
        return [
            ModelUse(
                row["model"],
                row["contract_id"],
                row["calls"],
                tuple([row[bucket] for bucket in BUCKETS]),
                int(row["price"]),
                int(row["cost"]),
                int(row["listed"]),
            )
            for row in await self._pool.fetch(_SOLD, organisation_id, period.starts, period.ends)
        ]

    async def adjusted(self, organisation_id: int, period: Period) -> dict[tuple[int, str, int], int]:
        """See `office.tariff_ports.Tariffs`."""
        async with self._pool.acquire() as connection:
            return await _adjusted(connection, organisation_id, period)


class TariffStep:
    """Books what months come to beyond their calls: `ledger.ports.PeriodStep`.

    Args:
        pool: connections to the installation's database.
    """

    name = "tariffs"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def book(self, organisation: int, period: Period, by: str) -> int:
        """Book the price of the month less what is booked; returns how many vouchers."""
        async with self._pool.acquire() as connection, connection.transaction():
            # One at a time: two that run at once would both book the same difference.
            await connection.execute(
                "select pg_advisory_xact_lock($1, $2::int)", _LOCK, organisation % (1 << 31)
            )
            versions = versions_of(await connection.fetch(_VERSIONS, organisation))
            found = await _months(connection, organisation, period, versions)
            before = await _adjusted(connection, organisation, period)
            known = {(month.project, month.model, month.version.id) for month in found}
            of_id = {one.id: one for one in versions}
            # What was booked under a version that holds in no part of the month any more goes back.
            for project, model, tariff in before.keys() - known:
                if tariff in of_id:
                    found.append(Month(project, model, of_id[tariff], _NONE, _NONE, 0, 0, 0, ()))
            now = await connection.fetchval("select clock_timestamp()")
            at = max(period.starts, min(now, period.last))
            written = 0
            for month in found:
                missing = (
                    month.price - month.booked - before.get((month.project, month.model, month.version.id), 0)
                )
                if missing:
                    await book_voucher(connection, organisation, _voucher(month, missing, period, at, by))
                    written += 1
            return written


async def _months(
    connection: Connection, organisation: int, period: Period, versions: Sequence[Version]
) -> list[Month]:
    projects = [row["id"] for row in await connection.fetch(_PROJECTS, organisation, period.ends)]
    return months(
        organisation,
        period,
        await _use(connection, organisation, period, versions),
        versions,
        [discount_of(row) for row in await connection.fetch(_OF_ORGANISATION, organisation)],
        projects,
    )


def _voucher(month: Month, missing: int, period: Period, at: datetime, by: str) -> Voucher:
    receivable, revenue = Side("receivable", month.project), Side("revenue", month.project)
    return Voucher(
        "adjustment",
        at,
        f"tariff of {month.model} in {period.name}: the month beyond its calls",
        by,
        signed(receivable, revenue, missing),
        details={
            "tariff": month.version.id,
            "period": period.name,
            "project": month.project,
            "model": month.model,
            "calls": month.calls,
            "booked": plain_money(month.booked),
            "price": plain_money(month.price),
            "part": exact(month.part),
            "lines": [line_fields(line) for line in month.lines],
        },
    )


async def _use(
    connection: Connection, organisation: int, period: Period, versions: Sequence[Version]
) -> list[MonthUse]:
    """Of posted calls, day by day, and of calls that were settled, one by one."""
    span = (organisation, period.starts, period.ends)
    found = [_month_use(row, row["tariff_id"], row["calls"]) for row in await connection.fetch(_USE, *span)]
    for row in await connection.fetch(_SETTLED, *span):
        # A call that a killed process left behind does not know by what it would have been priced.
        tariff = row["tariff_id"] or sold_by(versions, organisation, row["model"], row["started_at"])
        found.append(_month_use(row, tariff, 1))
    return found


def _month_use(row: asyncpg.Record, tariff: int, calls: int) -> MonthUse:
    return MonthUse(
        row["project_id"],
        row["model"],
        tariff,
        row["day"],
        calls,
        tuple([row[bucket] for bucket in BUCKETS]),
        int(row["booked"]),
        int(row["cost"]),
    )


async def _adjusted(
    connection: Connection, organisation: int, period: Period
) -> dict[tuple[int, str, int], int]:
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        _ADJUSTED, organisation, period.starts, period.ends
    )
    return {(row["project_id"], row["model"], row["tariff_id"]): int(row["amount"]) for row in rows}
