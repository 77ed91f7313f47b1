"""What customers with a wallet owe goes from the wallet to the receivable: a step of every period.

Calls have left the wallet when they were booked, in their slices; paying them moves the money in the accounts
alone. Everything else that a customer owes (what tariffs add to months, fees, shares of costs, what exceeded
a hold) leaves the wallet when it is paid: its amount falls, as far as money is free. What is taken off again
comes back into it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine, signed
from rechenwerk.store.vouchers import book_voucher

Connection = asyncpg.Connection | PoolConnectionProxy

_PATIENCE, _POLL = 1.5, 0.02
"""Seconds that gateway processes have to give back what lies idle with them, and between two looks."""
_TOO_MUCH = "RW003"

# Until the end of the transaction nobody else decides what is still owed.
LOCK_OWED = "select pg_advisory_xact_lock(hashtext('rechenwerk.owed'), hashint8($1))"

# A call whose usage nobody knew is due once it was settled, and then at what it was settled for.
_SETTLED = """
select w.id as guard_id, c.id as call_id, c.project_id, c.charged,
    least(c.charged, greatest(0, coalesce(sum(x.amount) filter (where v.at < $2), 0))) as until,
    least(c.charged, greatest(0, sum(x.amount))) as due
from wallet w
join call c on c.organisation_id = $1 and c.outcome = 'unresolved' and c.slices && w.slices
join voucher v on v.organisation_id = c.organisation_id and v.call_id = c.id
    and not exists (select from voucher r where r.organisation_id = $1 and r.reverses = v.id)
join lateral (select sum(case when d.kind = 'receivable' then t.amount when k.kind = 'receivable'
        then -t.amount else 0 end) as amount
    from transfer t
    join account d on d.organisation_id = t.organisation_id and d.id = t.debit
    join account k on k.organisation_id = t.organisation_id and k.id = t.credit
    where t.organisation_id = v.organisation_id and t.call_id = v.id) x on true
group by 1, 2, 3, 4
"""
_WALLETS = """
wallet as (select g.id, g.project_id, g.active,
    array(select s.id from slice s where s.guard_id = g.id) as slices
    from guard g where g.organisation_id = $1 and g.wallet)
"""
# In one statement, so that it is of one moment. `until`: before the end of the period; `total`: ever.
_OPEN = f"""
with {_WALLETS},
settled as ({_SETTLED}),
charged as (
    select guard_id, project_id, sum(until) as until, sum(total) as total from (
        select w.id as guard_id, c.project_id, coalesce(sum(c.charged) filter (where c.started_at < $2), 0)
            as until, sum(c.charged) as total
        from wallet w join call c on c.organisation_id = $1 and c.outcome = 'posted' and c.slices && w.slices
        group by 1, 2
        union all select guard_id, project_id, until, due from settled) x group by 1, 2),
paid as (
    select (v.details ->> 'wallet')::bigint as guard_id, a.project_id,
        sum(case when t.credit = a.id then t.amount else -t.amount end) as amount
    from voucher v join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    join account a on a.organisation_id = t.organisation_id and a.id in (t.credit, t.debit)
        and a.kind = 'receivable'
    where v.organisation_id = $1 and v.kind = 'payment' and v.details ? 'wallet' and not v.details ? 'beyond'
        and not exists (select from voucher r where r.organisation_id = $1 and r.reverses = v.id)
    group by 1, 2),
later as (
    select a.id, sum(case when t.credit = a.id then t.amount else -t.amount end) as amount
    from voucher v left join voucher o on o.organisation_id = v.organisation_id and o.id = v.reverses
    join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
    join account a on a.organisation_id = t.organisation_id and a.id in (t.credit, t.debit)
        and a.kind in ('receivable', 'overrun')
    where v.organisation_id = $1 and v.at >= $2 and coalesce(o.kind, v.kind) in ('payment', 'write-off')
    group by 1)
select 'call' as kind, guard_id, project_id, coalesce(c.until, 0) - coalesce(p.amount, 0) as until,
    coalesce(c.total, 0) - coalesce(p.amount, 0) as total
from charged c full join paid p using (guard_id, project_id)
union all
select a.kind, w.id, a.project_id,
    coalesce(sum(m.debit - m.credit) filter (where m.month < ($2 at time zone 'UTC')::date), 0)
        - coalesce(max(l.amount), 0), sum(m.debit - m.credit)
from account a
join account_month m on m.organisation_id = a.organisation_id and m.account_id = a.id
left join later l on l.id = a.id
join lateral (select id from wallet where active and (project_id = a.project_id or project_id is null)
    order by project_id nulls last limit 1) w on true
where a.organisation_id = $1 and a.kind in ('receivable', 'overrun')
group by a.kind, w.id, a.project_id
order by 2, 3, 1
"""  # noqa: S608 - our own words
# What a settled call cost less than it was charged comes back; of one that is open again it is taken back.
_RELEASES = f"""
with {_WALLETS},
settled as ({_SETTLED})
select guard_id, call_id, coalesce(s.charged - s.due, 0) - coalesce(r.amount, 0) as change
from settled s full join (select guard_id, call_id, sum(amount) as amount from wallet_release
    where organisation_id = $1 group by 1, 2) r using (guard_id, call_id)
where coalesce(s.charged - s.due, 0) <> coalesce(r.amount, 0) order by 1, 2
"""  # noqa: S608 - our own words
RELEASE = "insert into wallet_release (organisation_id, guard_id, call_id, amount) values ($1, $2, $3, $4)"
_CHANGE = "select wallet_change($1, $2, $3)"
_OWNERS = """
select id, coalesce(project_id, 0) as project_id from guard where organisation_id = $1 and wallet order by id
"""
# Free at once, and what other processes could still give back.
_FREE = """
select coalesce(w.amount - w.granted, g.amount) as free, coalesce((
    select sum(s.granted - s.held - s.posted) from slice s
    join process p on p.id = s.process_id and p.ended_at is null where s.guard_id = g.id), 0) as idle
from guard g left join guard_window w on w.guard_id = g.id and w.starts_at = to_timestamp(0)
where g.organisation_id = $1 and g.id = $2
"""


class _Due(msgspec.Struct, frozen=True):
    """What a wallet pays for a project: on `account`, of its calls or beyond them; below zero: gets back."""

    guard: int
    project: int
    account: str
    amount: int
    beyond: bool


class WalletPayments:
    """Everything that customers with a wallet owe is paid from it: `ledger.ports.PeriodStep`.

    Whatever belongs before the period's end and is not paid yet: what was booked late is paid by the next.

    Args:
        pool: connections to the installation's database.
    """

    name = "wallet payments"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def book(self, organisation: int, period: Period, by: str) -> int:
        """See `ledger.ports.PeriodStep`."""
        async with self._pool.acquire() as connection:
            if not await connection.fetch(_OWNERS, organisation):
                return 0
            await call_in(connection, organisation, await _needs(connection, organisation, period))
            async with connection.transaction():
                await connection.execute(LOCK_OWED, organisation)
                return await pay(connection, organisation, period, by)


async def pay(connection: Connection, organisation: int, period: Period, by: str) -> int:
    """Pay what is owed from all wallets of an organisation; how many vouchers that took.

    In the connection's transaction, which holds `LOCK_OWED`. All wallets change before any voucher is
    written, as who pays into a wallet does it, too: nobody waits for another in a circle.
    """
    for row in await connection.fetch(_RELEASES, organisation, period.ends):
        if await change(connection, organisation, row["guard_id"], int(row["change"])):
            await connection.execute(RELEASE, organisation, row["guard_id"], row["call_id"], row["change"])
    found: list[_Due] = []
    for guard, dues in sorted(_by_guard(await _dues(connection, organisation, period)).items()):
        calls = [one for one in dues if not one.beyond]
        beyond = [one for one in dues if one.beyond]
        needed = sum(one.amount for one in beyond)
        if needed > 0:
            free = int(await connection.fetchval(_CHANGE, organisation, guard, 0))
            beyond = _as_far_as(beyond, needed - free)
        if moved := sum(one.amount for one in beyond):
            await connection.fetchval(_CHANGE, organisation, guard, -moved)
        found += calls + beyond
    owners = {row["id"]: row["project_id"] for row in await connection.fetch(_OWNERS, organisation)}
    written = 0
    for beyond_calls in (False, True):
        for guard, dues in sorted(_by_guard(one for one in found if one.beyond == beyond_calls).items()):
            voucher = _voucher(guard, owners[guard], dues, period, by, beyond=beyond_calls)
            if voucher is not None:
                await book_voucher(connection, organisation, voucher)
                written += 1
    return written


async def lock_wallets(connection: Connection, organisation: int) -> None:
    """Until the end of the transaction nobody else decides what is owed, nor moves money of a wallet."""
    await connection.execute(LOCK_OWED, organisation)
    for row in await connection.fetch(_OWNERS, organisation):
        await connection.execute(_CHANGE, organisation, row["id"], 0)


async def change(connection: Connection, organisation: int, guard: int, amount: int) -> bool:
    """Put money into a wallet, or take out what is free, whole or not at all; False: it is not free."""
    try:
        async with connection.transaction():
            await connection.execute(_CHANGE, organisation, guard, amount)
    except asyncpg.CheckViolationError:
        return False
    except asyncpg.PostgresError as error:
        if error.sqlstate != _TOO_MUCH:
            raise
        return False
    return True


def _by_guard(dues: Iterable[_Due]) -> dict[int, list[_Due]]:
    found: dict[int, list[_Due]] = defaultdict(list)
    for one in dues:
        found[one.guard].append(one)
    return found


async def _dues(connection: Connection, organisation: int, period: Period) -> list[_Due]:
    """What wallets pay: their calls, and what the projects owe beside these."""
    calls: dict[int, int] = defaultdict(int)
    found = []
    opened: list[asyncpg.Record] = []
    for row in await connection.fetch(_OPEN, organisation, period.ends):
        if row["kind"] != "call":
            opened.append(row)
        elif amount := _now(int(row["until"]), int(row["total"])):
            calls[row["project_id"]] += amount
            found.append(_Due(row["guard_id"], row["project_id"], "receivable", amount, beyond=False))
    for row in opened:
        amount = _now(int(row["until"]), int(row["total"]))
        if row["kind"] == "receivable":
            amount -= calls[row["project_id"]]
        if amount:
            found.append(_Due(row["guard_id"], row["project_id"], row["kind"], amount, beyond=True))
    return found


def _now(until: int, total: int) -> int:
    """What is paid of what is open, not more than in the end; or comes back, if it does in the end, too."""
    return max(0, min(until, total)) if until > 0 else min(0, max(until, total))


def _as_far_as(dues: list[_Due], missing: int) -> list[_Due]:
    """The same without so much of what is to be paid, from the end on."""
    kept = []
    for one in reversed(dues):
        less = min(max(0, missing), max(0, one.amount))
        missing -= less
        if one.amount - less:
            kept.append(msgspec.structs.replace(one, amount=one.amount - less))
    return kept[::-1]


def _voucher(
    guard: int, owner: int, dues: list[_Due], period: Period, by: str, *, beyond: bool
) -> Voucher | None:
    wallet = Side("wallet", owner)
    lines: list[VoucherLine] = []
    for one in dues:
        lines += signed(wallet, Side(one.account, one.project), one.amount)
    if not lines:
        return None
    at = min(period.last, datetime.now(UTC))
    details: dict[str, Any] = {"wallet": guard, "period": period.name}
    reason = f"calls paid from the wallet, {period.name}"
    if beyond:
        details["beyond"] = True
        reason = f"tariffs, fees and shares paid from the wallet, {period.name}"
    return Voucher("payment", at, reason, by, tuple(lines), details=details)


async def _needs(connection: Connection, organisation: int, period: Period) -> dict[int, int]:
    """Wallet -> what is owed from it beyond its calls."""
    needs: dict[int, int] = defaultdict(int)
    for one in await _dues(connection, organisation, period):
        needs[one.guard] += one.amount if one.beyond else 0
    return needs


async def call_in(connection: Connection, organisation: int, needs: Mapping[int, int]) -> None:
    """Where more is needed than is free, ask gateways for what lies idle with them, and wait a moment.

    Args:
        connection: outside of a transaction.
        organisation: whose wallets.
        needs: wallet -> nano-units.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE
    for guard, needed in sorted(needs.items()):
        asked = False
        while True:
            (row,) = await connection.fetch(_FREE, organisation, guard)
            if row["free"] >= needed or not row["idle"] or loop.time() > until:
                break
            if not asked:
                await connection.execute("select recall($1, to_timestamp(0))", guard)
                asked = True
            await asyncio.sleep(_POLL)
