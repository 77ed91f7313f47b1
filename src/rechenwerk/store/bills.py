"""Bills of providers in PostgreSQL. Fills `office.bill_ports.Bills`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import plain_money
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.charged import charged
from rechenwerk.contracts.reconcile import BookedDay, Settled, Unresolved, totals
from rechenwerk.contracts.terms import TakeOrPay
from rechenwerk.ledger.periods import Period, month_of
from rechenwerk.ledger.prices import PriceList, price_list
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherKind, VoucherLine, signed
from rechenwerk.office.bill_ports import NewBill, Standing, StoredBill
from rechenwerk.store.budgets.paying import RELEASE, call_in, change, lock_wallets, pay
from rechenwerk.store.moments import moment
from rechenwerk.store.terms import terms_of
from rechenwerk.store.vouchers import book_voucher, own_moment, reverse_voucher

Connection = asyncpg.Connection | PoolConnectionProxy

_TWICE, _SETTLED = "RW003", "RW004"

_CALLS = """
from call c join deployment d on d.id = c.deployment_id
left join settled_call s on s.organisation_id = c.organisation_id and s.call_id = c.id
where d.organisation_id = $1 and d.provider_id = $2 and c.started_at >= $3 and c.started_at < $4
"""
# Of settled calls what they are found to have used; what nobody knows yet is not booked.
_USED = ", ".join(
    f"coalesce(sum(case when c.outcome <> 'unresolved' then c.{bucket} when s.call_id is not null then"
    f" settled_units(s.usage, '{bucket}', c.{bucket}, s.cost, c.cost) end), 0)::bigint as {bucket}"
    for bucket in BUCKETS
)
_COUNTED = ", ".join(f"c.{bucket}" for bucket in BUCKETS)
_DAYS = f"""
select (c.started_at at time zone 'UTC')::date as day, d.upstream, c.contract_id,
    max(c.deployment_id) as deployment,
    sum(case when c.outcome = 'posted' then c.cost else coalesce(s.cost, 0) end) as posted,
    coalesce(sum(c.cost) filter (where c.outcome = 'failed'), 0) as failed, {_USED}
{_CALLS} and c.outcome <> 'void' group by 1, 2, 3 order by 1, 2, 3
"""
_OPEN = f"""
select (c.started_at at time zone 'UTC')::date as day, d.upstream, c.contract_id, c.id, c.organisation_id,
    c.project_id, c.cost, c.charged as price, c.usage_source, {_COUNTED}
{_CALLS} and c.outcome = 'unresolved' and s.call_id is null order by c.id
"""
# The newest that held in the period; else the first, which holds for what came before it, too.
_PRICES = """
select d.id, k.rates, v.terms, c.name, p.name as provider from deployment d
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
join provider p on p.organisation_id = d.organisation_id and p.id = d.provider_id
join lateral (select rates from cost_price k where k.organisation_id = d.organisation_id
    and k.deployment_id = d.id order by k.valid_from < $3 desc, case when k.valid_from < $3 then k.valid_from
    end desc, k.valid_from limit 1) k on true
left join lateral (select terms from contract_version v where v.organisation_id = c.organisation_id
    and v.contract_id = c.id order by v.valid_from < $3 desc, case when v.valid_from < $3 then v.valid_from
    end desc, v.valid_from, v.recorded_at desc limit 1) v on true
where d.organisation_id = $1 and d.provider_id = $2
"""
_HOLDS = """
select count(*) from hold h join deployment d on d.id = h.deployment_id
where d.organisation_id = $1 and d.provider_id = $2 and h.started_at >= $3 and h.started_at < $4
"""
# What accrued for the period, less what standing bills of the same period have made payable of it.
_ACCRUED = """
select contract_id, sum(amount) as amount from (
    select a.contract_id, case when t.credit = a.id then t.amount else -t.amount end as amount
    from cost_voucher v
    join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    join account a on a.organisation_id = t.organisation_id and a.id in (t.credit, t.debit)
        and a.kind = 'accrued'
    join contract c on c.organisation_id = $1 and c.id = a.contract_id and c.provider_id = $2
    where v.organisation_id = $1 and v.at >= $3 and v.at < $4
    union all
    select a.contract_id, case when t.credit = a.id then t.amount else -t.amount end
    from bill b
    join bill_voucher w on w.bill_id = b.id and w.organisation_id = b.organisation_id
    join transfer t on t.organisation_id = w.organisation_id and t.call_id = w.voucher_id
    join account a on a.organisation_id = t.organisation_id and a.id in (t.credit, t.debit)
        and a.kind = 'accrued'
    where b.organisation_id = $1 and b.provider_id = $2 and b.period = ($3 at time zone 'UTC')::date
        and not exists (select from bill_undone u where u.bill_id = b.id)) x
group by 1 order by 1
"""
_CLOSED = "select coalesce(max(closed_until), '-infinity') >= $2 from period_lock where organisation_id = $1"
# What calls of a bill did not cost and so came back into wallets.
_RELEASED = """
select r.organisation_id, r.guard_id, r.call_id, sum(r.amount) as amount
from bill_voucher w
join voucher v on v.organisation_id = w.organisation_id and v.id = w.voucher_id and v.call_id is not null
join wallet_release r on r.organisation_id = v.organisation_id and r.call_id = v.call_id
where w.bill_id = $1 group by 1, 2, 3 having sum(r.amount) > 0 order by 1, 2, 3
"""
_OWNERS = "select distinct organisation_id from bill_voucher where bill_id = $1 order by 1"
_NAME = """
select o.name || coalesce(' --project ' || p.name, '') from guard g
join organisation o on o.id = g.organisation_id
left join project p on p.organisation_id = g.organisation_id and p.id = g.project_id
where g.organisation_id = $1 and g.id = $2
"""
_LATER = """
select n.id from bill b join bill n on n.provider_id = b.provider_id and n.id > b.id
    and n.first_day <= b.last_day and b.first_day <= n.last_day
where b.id = $1 and not exists (select from bill_undone u where u.bill_id = n.id) limit 1
"""
_INSERT = """
insert into bill (organisation_id, provider_id, name, format, sha256, period, first_day, last_day, currency,
    rate, said, billed, booked, settled, difference, rows, made_by, made_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::jsonb, $17, now()) returning id
"""
_LIST = """
select b.*, p.name as provider, u.reason as undone,
    (select count(*) from bill_voucher v where v.bill_id = b.id) as vouchers
from bill b join provider p on p.organisation_id = b.organisation_id and p.id = b.provider_id
left join bill_undone u on u.bill_id = b.id
where b.organisation_id = $1 order by b.id desc
"""


class StoredBills:
    """Bills of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def provider(self, organisation_id: int, name: str) -> tuple[int, list[str]] | None:
        """See `office.bill_ports.Bills`."""
        found = await self._pool.fetchval(
            "select id from provider where organisation_id = $1 and name = $2", organisation_id, name
        )
        if found is None:
            return None
        rows = await self._pool.fetch(
            "select distinct upstream from deployment where organisation_id = $1 and provider_id = $2",
            organisation_id,
            found,
        )
        return found, [row["upstream"] for row in rows]

    async def standing(self, organisation_id: int, provider_id: int, period: Period) -> Standing:
        """See `office.bill_ports.Bills`."""
        span = (organisation_id, provider_id, period.starts, period.ends)
        async with moment(self._pool) as connection:
            days = await connection.fetch(_DAYS, *span)
            unresolved = await connection.fetch(_OPEN, *span)
            prices = await connection.fetch(_PRICES, organisation_id, provider_id, period.ends)
            accrued = await connection.fetch(_ACCRUED, *span)
            holds = await connection.fetchval(_HOLDS, *span)
            contracts = await connection.fetch("select id, name from contract")
            closed = await connection.fetchval(_CLOSED, organisation_id, period.ends)
            home = await connection.fetchval(
                "select min(id) from contract where organisation_id = $1 and provider_id = $2",
                organisation_id,
                provider_id,
            )
        return Standing(
            tuple(_days(days, unresolved, _price_lists(prices), _discounts(prices))),
            {row["contract_id"]: int(row["amount"]) for row in accrued},
            holds,
            {row["id"]: row["name"] for row in contracts},
            closed,
            home or 0,
        )

    async def settle(
        self, organisation_id: int, provider_id: int, bill: NewBill, at: datetime, by: str
    ) -> int:
        """See `office.bill_ports.Bills`."""
        async with self._pool.acquire() as connection, connection.transaction():
            try:
                number = await _insert(connection, organisation_id, provider_id, bill, by)
                vouchers = sorted(_vouchers(bill, number, organisation_id, at, by), key=lambda one: one[0])
                moments: dict[int, datetime] = {}
                for owner, voucher in vouchers:  # in the order in which everybody locks books
                    if owner not in moments:
                        moments[owner] = max(at, await _open_since(connection, owner))
                    dated = msgspec.structs.replace(voucher, at=moments[owner])
                    made = await book_voucher(connection, owner, dated)
                    await connection.execute(
                        "insert into bill_voucher values ($1, $2, $3)", number, owner, made
                    )
            except asyncpg.PostgresError as error:
                if error.sqlstate == _TWICE:
                    raise BookError(
                        f"bill {error.detail} has this file or days of it already; undo it first:"
                        f" rechenwerk books undo-bill {error.detail} --reason ..."
                    ) from None
                if error.sqlstate == _SETTLED:
                    raise BookError(
                        f"{error}; somebody reconciled meanwhile: look at the bill again"
                    ) from None
                raise
            return number

    async def list(self, organisation_id: int) -> list[StoredBill]:
        """See `office.bill_ports.Bills`."""
        names = {row["id"]: row["name"] for row in await self._pool.fetch("select id, name from contract")}
        return [_stored(row, names) for row in await self._pool.fetch(_LIST, organisation_id)]

    async def undo(self, organisation_id: int, bill: int, at: datetime, reason: str, by: str) -> int | None:
        """See `office.bill_ports.Bills`."""
        async with self._pool.acquire() as connection:
            released = await connection.fetch(_RELEASED, bill)
            for owner in {row["organisation_id"] for row in released}:
                needs: dict[int, int] = defaultdict(int)
                for row in released:
                    if row["organisation_id"] == owner:
                        needs[row["guard_id"]] += int(row["amount"])
                await call_in(connection, owner, needs)
            async with connection.transaction():
                return await _undo(connection, organisation_id, bill, at, reason, by)


async def _undo(
    connection: Connection, organisation_id: int, bill: int, at: datetime, reason: str, by: str
) -> int | None:
    known = await connection.fetchval(
        "select id from bill where organisation_id = $1 and id = $2", organisation_id, bill
    )
    if known is None:
        return None
    later = await connection.fetchval(_LATER, bill)
    if later is not None:
        raise BookError(f"bill {later} was settled on top of it; undo that one first")
    owners = [row["organisation_id"] for row in await connection.fetch(_OWNERS, bill)]
    for owner in owners:
        await lock_wallets(connection, owner)
    try:
        await connection.execute("insert into bill_undone values ($1, $2, $3, now())", bill, reason, by)
    except asyncpg.UniqueViolationError:
        raise BookError(f"bill {bill} was undone before") from None
    await _take_back(connection, bill)
    rows = await connection.fetch(
        "select organisation_id, voucher_id from bill_voucher where bill_id = $1 order by 1, 2", bill
    )
    for row in rows:
        owner, voucher = row["organisation_id"], row["voucher_id"]
        moment = await own_moment(connection, owner, voucher) or at
        await reverse_voucher(connection, owner, voucher, moment, reason, by)
    for owner in owners:  # what wallets paid for calls that are open again
        await pay(connection, owner, month_of(at), by)
    return len(rows)


async def _take_back(connection: Connection, bill: int) -> None:
    """Out of wallets what came back into them; all of it or nothing."""
    for row in await connection.fetch(_RELEASED, bill):
        owner, guard, amount = row["organisation_id"], row["guard_id"], int(row["amount"])
        if not await change(connection, owner, guard, -amount):
            free = int(await connection.fetchval("select wallet_change($1, $2, 0)", owner, guard))
            name = await connection.fetchval(_NAME, owner, guard)
            spent = plain_money(amount - free)
            raise BookError(
                f"what its calls did not cost went back into a wallet, and {spent} of it are spent; book that"
                f" in first: rechenwerk wallet topup {spent} --organisation {name}"
            )
        await connection.execute(RELEASE, owner, guard, row["call_id"], -amount)


async def _open_since(connection: Connection, organisation_id: int) -> datetime:
    """The first moment that vouchers of an organisation may still belong to."""
    until: datetime | None = await connection.fetchval(
        "select nullif(closed_until, '-infinity') from period_lock where organisation_id = $1",
        organisation_id,
    )
    return until or datetime.fromtimestamp(0, UTC)


async def _insert(
    connection: Connection, organisation_id: int, provider_id: int, bill: NewBill, by: str
) -> int:
    sums = totals(bill.rows)
    rows = [
        {name: value for name, value in msgspec.to_builtins(row).items() if name != "settlements"}
        | {"contract_name": bill.contracts.get(row.contract, "")}  # as it was called then
        for row in bill.rows
    ]
    number: int = await connection.fetchval(
        _INSERT,
        organisation_id,
        provider_id,
        bill.name,
        bill.format,
        bill.sha256,
        bill.period.starts.date(),
        bill.first_day,
        bill.last_day,
        bill.currency,
        Decimal(bill.rate),
        Decimal(bill.said),
        sums["billed"],
        sums["booked"],
        sums["settled"],
        sums["difference"],
        json.dumps(rows),
        by,
    )
    return number


def _vouchers(bill: NewBill, number: int, owner: int, at: datetime, by: str) -> Iterator[tuple[int, Voucher]]:
    """Settlements in the books of the calls' organisations; the rest in those of the provider's owner."""
    what = f"bill {number} ({bill.name})"
    for one in (settled for row in bill.rows for settled in row.settlements):
        lines = settlement(one)
        if lines:
            details: dict[str, Any] = {"bill": number, "cost": str(one.cost), "price": str(one.price)}
            if one.usage is not None:
                details["usage"] = msgspec.to_builtins(one.usage)
                details["usage_from"] = one.usage_from
            yield (
                one.call.organisation,
                Voucher("settlement", at, f"{what}: what it cost", by, lines, one.call.call, details),
            )
    if not bill.currency:
        return  # usage alone: what it is billed at is not known yet
    fees: dict[int, int] = defaultdict(int)
    rest: dict[int, int] = defaultdict(int)
    for row in bill.rows:
        fees[row.contract] += row.booked if row.cause in {"fee", "accrued"} else 0
        rest[row.contract] += row.difference
    kinds: tuple[tuple[VoucherKind, str, str, dict[int, int]], ...] = (
        ("payment", "accrued", "fees that had accrued", fees),
        ("difference", "difference", "what the books do not have", rest),
    )
    for kind, account, why, sums in kinds:
        for contract in sorted(sums):
            lines = signed(Side(account, 0, contract), Side("payable", 0, contract), sums[contract])
            if lines:
                yield owner, Voucher(kind, at, f"{what}: {why}", by, lines, None, {"bill": number})


def settlement(one: Settled) -> tuple[VoucherLine, ...]:
    """Off the unresolved accounts: what is true onto the others, what was too much goes back."""
    call = one.call
    payable = Side("payable", 0, call.contract)
    revenue, open_price = Side("revenue", call.project), Side("unresolved_price", call.project)
    open_cost = Side("unresolved_cost", call.project, call.contract)
    return (
        *signed(Side("cost", call.project, call.contract), open_cost, one.cost),
        *signed(payable, open_cost, call.cost - one.cost),
        *signed(Side("receivable", call.project), open_price, one.price),
        *signed(revenue, open_price, call.price - one.price),
    )


def _price_lists(rows: list[asyncpg.Record]) -> dict[int, PriceList]:
    return {
        row["id"]: charged(
            terms_of(row["terms"], row["name"], row["provider"]), price_list(json.loads(row["rates"]))
        )
        for row in rows
    }


def _discounts(rows: list[asyncpg.Record]) -> dict[int, Fraction]:
    """What commitments take off, by deployment."""
    found = {}
    for row in rows:
        terms = terms_of(row["terms"], row["name"], row["provider"])
        if isinstance(terms, TakeOrPay) and terms.committed_discount:
            found[row["id"]] = Fraction(terms.committed_discount)
    return found


def _days(
    days: list[asyncpg.Record],
    unresolved: list[asyncpg.Record],
    prices: dict[int, PriceList],
    discounts: dict[int, Fraction],
) -> Iterator[BookedDay]:
    calls: dict[tuple[object, ...], list[Unresolved]] = defaultdict(list)
    for row in unresolved:
        calls[row["day"], row["upstream"], row["contract_id"]].append(
            Unresolved(
                row["id"],
                row["organisation_id"],
                row["project_id"],
                row["contract_id"],
                int(row["cost"]),
                int(row["price"]),
                None if row["usage_source"] == "none" else Usage(*[row[bucket] for bucket in BUCKETS]),
            )
        )
    for row in days:
        yield BookedDay(
            row["day"],
            row["upstream"],
            row["contract_id"],
            int(row["posted"]),
            int(row["failed"]),
            Usage(*[row[bucket] for bucket in BUCKETS]),
            tuple(calls[row["day"], row["upstream"], row["contract_id"]]),
            prices.get(row["deployment"]),
            discounts.get(row["deployment"], Fraction(0)),
        )


def _stored(row: asyncpg.Record, contracts: Mapping[int, str]) -> StoredBill:
    fields = {name: row[name] for name in StoredBill.__struct_fields__}
    for name in ("billed", "booked", "settled", "difference"):
        fields[name] = int(fields[name])
    fields["sha256"] = row["sha256"].hex()
    return StoredBill(
        **fields
        | {
            "rate": f"{row['rate']:f}",
            "said": f"{row['said']:f}",
            "rows": [
                {"contract_name": contracts.get(one["contract"], "")} | one for one in json.loads(row["rows"])
            ],
        }
    )
