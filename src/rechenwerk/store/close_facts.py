"""What documents of a period are made from, read in the transaction that closes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import cast

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.prices import PriceList
from rechenwerk.ledger.statement_rows import Entry, Used
from rechenwerk.ledger.statements import Content
from rechenwerk.ledger.tariff_months import Discount, Version, discount_on, in_force
from rechenwerk.ledger.tariffs import call_price
from rechenwerk.office.closing.ports import Facts, PoolUse, ProjectFacts, ProjectUse, Setting, Shared
from rechenwerk.store.sales import DISCOUNTS, VERSIONS_OF_TARIFFS, discount_of, versions_of

Connection = asyncpg.Connection | PoolConnectionProxy

_VERSIONS = VERSIONS_OF_TARIFFS.replace("order by", "where organisation_id in (0, $1) order by")
_DISCOUNTS = DISCOUNTS.replace("order by", "where organisation_id = $1 order by")

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
left join (select project_id, sum(price) as price, sum(calls - attempts)::bigint as calls from call_day
    where $4 and organisation_id = $1 and day >= ($2 at time zone 'UTC')::date
        and day < ($3 at time zone 'UTC')::date and outcome in ('posted', 'unresolved')
    group by 1) c on c.project_id = p.id
left join (select a.project_id, sum(case when t.credit = a.id then t.amount else -t.amount end) as amount
    from voucher v join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    join account a on a.organisation_id = v.organisation_id and a.id in (t.debit, t.credit)
        and a.kind = 'revenue'
    where v.organisation_id = $1 and v.at >= $2 and v.at < $3 and v.details ? 'umlage'
    group by 1) u on u.project_id = p.id
where p.organisation_id = $1 and (p.created_at < $3 or c.calls > 0) order by p.name
"""
_SUMS = ", ".join(f"sum(c.{bucket})::bigint as {bucket}" for bucket in BUCKETS)
_SETTLED_SUMS = ", ".join(
    f"sum(settled_units(s.usage, '{bucket}', c.{bucket}, s.cost, c.cost))::bigint" for bucket in BUCKETS
)
# A call stands unresolved until a settlement of it that stands.
UNRESOLVED = """
select c.project_id, c.id, c.price from call c
where exists (select from call_day d where d.organisation_id = $1 and d.outcome = 'unresolved'
        and d.day >= ($2 at time zone 'UTC')::date and d.day < ($3 at time zone 'UTC')::date)
    and c.organisation_id = $1 and c.started_at >= $2 and c.started_at < $3 and c.outcome = 'unresolved'
    and not exists (select from voucher v where v.organisation_id = c.organisation_id and v.call_id = c.id
        and v.kind = 'settlement' and not exists (select from voucher r
            where r.organisation_id = v.organisation_id and r.reverses = v.id))
"""
# Day by day, because discounts are; without calls that stand unresolved. That sums of days are the rows' sums
# is proved by `books verify`.
_CALLS = f"""
select c.project_id, c.model, c.day, c.tariff_id, c.outcome, sum(c.calls)::bigint as calls,
    sum(c.price) as price, sum(c.price - c.charged) as overrun, {_SUMS}
from call_day c
where c.organisation_id = $1 and c.day >= ($2 at time zone 'UTC')::date
    and c.day < ($3 at time zone 'UTC')::date and c.outcome = 'posted'
group by 1, 2, 3, 4, 5
union all
select c.project_id, c.model, (c.started_at at time zone 'UTC')::date, c.tariff_id, c.outcome, count(*),
    sum(c.price), sum(c.price - c.charged), {_SETTLED_SUMS}
from settled_call s join call c on c.organisation_id = s.organisation_id and c.id = s.call_id
where s.organisation_id = $1 and c.started_at >= $2 and c.started_at < $3 and c.attempt_of is null
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""  # noqa: S608 - our own words, no one else's
_UNRESOLVED = f"""
select c.project_id, c.model, 'unresolved' as outcome, count(*) as calls, sum(c.price) as price,
    sum(c.price - c.charged) as overrun, {_SUMS}
from call c where c.organisation_id = $1 and c.id in (select id from ({UNRESOLVED}) x)
group by 1, 2 order by 1, 2
"""  # noqa: S608 - our own words, no one else's
_ENTRIES = """
select a.project_id, t.call_id as id, coalesce(v.kind, 'fee') as kind, coalesce(v.reason, f.reason) as text,
    case when v.details ? 'tariff' then v.details ->> 'model' end as model,
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
group by 1, 2, 3, 4, 5
having sum(case when t.credit = a.id then t.amount else -t.amount end) <> 0
order by 1, 2 desc
"""
# What the open period has to say about an earlier one: calls of it settled, its vouchers reversed, and
# whatever names it.
_CONCERNING = """
select v.id, v.kind, v.reason as text, case when v.details ? 'tariff' then v.details ->> 'model' end as model,
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
group by 1, 2, 3, 4 having sum(case when t.credit = a.id then t.amount else -t.amount end) <> 0
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
    """Cost pools and the weights of projects; calls are summed only where they weigh."""
    span = (organisation_id, period.starts, period.ends)
    setting = await setting_of(connection, organisation_id)
    pools = await connection.fetch(_POOLS, *span)
    projects = await connection.fetch(_WEIGHTS, *span, setting.allocation == "use")
    return Shared(
        setting,
        tuple(
            PoolUse(row["contract"], int(row["fixed"]), int(row["idle"]), int(row["absorbed"]))
            for row in pools
        ),
        tuple(
            ProjectUse(
                row["id"],
                row["name"],
                row["cost_centre"],
                int(row["price"]),
                row["calls"],
                int(row["allocated"]),
            )
            for row in projects
        ),
    )


async def facts_of(
    connection: Connection, organisation_id: int, period: Period, taken: int, issued: tuple[Content, ...]
) -> Facts:
    """Everything that the period's documents are made from."""
    span = (organisation_id, period.starts, period.ends)
    calls = await connection.fetch(_CALLS, *span)
    standing = await connection.fetch(_UNRESOLVED, *span)
    used = _used(calls, await _price_lists(connection, organisation_id))
    unresolved = _used(standing, None)
    overrun: dict[int, int] = defaultdict(int)
    for row in (*calls, *standing):
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
                tuple(used[project]),
                tuple(unresolved[project]),
                tuple(entries[project]),
                overrun[project],
            )
            for project, (name, cost_centre) in sorted(names.items(), key=lambda item: item[1])
        ),
        issued=issued,
    )


def _used(rows: Sequence[asyncpg.Record], lists: PriceLists | None) -> Mapping[int, list[Used]]:
    """Project -> its calls, model by model; what was priced alike is one."""
    groups: dict[tuple[int, str, str, PriceList | None], list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        prices = None if lists is None else lists.of(row)
        groups[row["project_id"], row["model"], row["outcome"], prices].append(row)
    used: dict[int, list[Used]] = defaultdict(list)
    for (project, model, _, prices), alike in groups.items():
        used[project].append(
            Used(
                model=model,
                prices=prices,
                calls=sum(row["calls"] for row in alike),
                usage={bucket: sum(row[bucket] for row in alike) for bucket in BUCKETS},
                price=int(sum(row["price"] for row in alike)),
            )
        )
    return used


class PriceLists:
    """What units of models were sold at, where it was the same for all calls of a day.

    Args:
        versions: of tariffs, the operator's and the organisation's.
        discounts: the organisation's.
        organisation_id: whose calls.
    """

    def __init__(
        self, versions: Sequence[Version], discounts: Sequence[Discount], organisation_id: int
    ) -> None:
        self._versions = {one.id: one for one in versions}
        self._discounts = discounts
        self._organisation = organisation_id
        self._lists: dict[tuple[int, Fraction], PriceList] = {}

    def of(self, call: asyncpg.Record) -> PriceList | None:
        """Of a project's calls of a model on a day; None: not known, or costs plus a margin.

        A gateway may have priced some of them by the version or discount of the day before; whether the price
        fits is looked at afterwards.
        """
        version = self._versions.get(call["tariff_id"]) or self._at(call["model"], call["day"])
        if version is None or version.terms is None or version.terms.cost_plus is not None:
            return None
        share = discount_on(self._discounts, call["project_id"], call["model"], call["day"])
        if (version.id, share) not in self._lists:
            self._lists[version.id, share] = call_price(version.terms, share).prices
        return self._lists[version.id, share]

    def _at(self, model: str, day: date) -> Version | None:
        """Of calls from before versions had ids."""
        noon = datetime.combine(day, time(12), UTC)
        for owner in (self._organisation, 0):
            theirs = [
                one for one in self._versions.values() if (one.organisation, one.model) == (owner, model)
            ]
            found = in_force(theirs, noon)
            if found is not None and found.terms is not None:
                return found
        return None


async def _price_lists(connection: Connection, organisation_id: int) -> PriceLists:
    versions = versions_of(await connection.fetch(_VERSIONS, organisation_id))
    rows = await connection.fetch(_DISCOUNTS, organisation_id)
    return PriceLists(versions, [discount_of(row) for row in rows], organisation_id)


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(row["kind"], str(row["id"]), row["text"], int(row["amount"]), row["model"] or "")


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
    """The month in which anything was first booked."""
    found = await connection.fetchval(
        "select month_start(least((select min(month) from account_month where organisation_id = $1),"
        " (select date_trunc('month', min(day)::timestamp)::date from call_day where organisation_id = $1)))",
        organisation_id,
    )
    return cast("datetime | None", found)
