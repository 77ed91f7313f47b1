"""Prepaid wallets in PostgreSQL. Fills `office.budgets.ports.Wallets`.

A wallet is a hard guard of money whose amount is what was paid in and not paid back: gateways lease slices of
it, and the database's checks keep it from going below zero.
"""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.ledger.vouchers import Side, Voucher, VoucherKind, VoucherLine
from rechenwerk.office.budgets.ports import Movement, Note, TwiceError
from rechenwerk.store.budgets.paying import change
from rechenwerk.store.moments import moment
from rechenwerk.store.vouchers import book_voucher

Connection = asyncpg.Connection | PoolConnectionProxy
_BANK = Side("bank")

_OPEN = """
insert into guard (organisation_id, project_id, unit, period, amount, wallet)
values ($1, $2, 'money', 'total', 0, true)
on conflict (organisation_id, project_id, key_id, unit, period, wallet) do update set active = true
returning id
"""
_FIND = """
select id from guard
where organisation_id = $1 and project_id is not distinct from $2 and wallet and active
"""
# Closed when every call is paid: a wallet that is opened again must not owe anything from before.
_CLOSE = """
update guard g set active = false where organisation_id = $1 and id = $2 and wallet
    and g.amount = (select coalesce(sum(posted), 0) from slice where guard_id = g.id)
    and not exists (select from slice where guard_id = g.id and held > 0)
returning id
"""
# Paid in and paid back; and what the wallet paid beyond its calls, or got back.
_VOUCHERS = """
select v.at, v.kind, v.id, coalesce(v.details ->> 'reference', v.reason) as text,
    sum(case when d.kind = 'wallet' then -t.amount else t.amount end) as amount
from voucher v join transfer t on t.organisation_id = v.organisation_id and t.call_id = v.id
join account d on d.organisation_id = t.organisation_id and d.id = t.debit
where v.organisation_id = $1 and (v.details ->> 'wallet')::bigint = $2 and v.at >= $3
    and (v.kind in ('topup', 'refund') or v.kind = 'payment' and v.details ? 'beyond')
group by 1, 2, 3, 4
"""
_CALLS = """
select date_trunc('day', started_at, 'UTC') as at, count(*) as calls, sum(charged) as amount
from call where organisation_id = $1 and charged > 0 and started_at >= $3
    and slices && (select coalesce(array_agg(id), '{}') from slice where guard_id = $2)
group by 1
"""
_RELEASES = """
select released_at as at, amount, call_id from wallet_release
where organisation_id = $1 and guard_id = $2 and released_at >= $3 and amount <> 0
"""

_KINDS: MappingProxyType[str, VoucherKind] = MappingProxyType({"in": "topup", "out": "refund"})


class StoredWallets:
    """Wallets of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def open(self, organisation_id: int, project_id: int | None) -> int:
        """See `office.budgets.ports.Wallets`."""
        made: int = await self._pool.fetchval(_OPEN, organisation_id, project_id)
        return made

    async def find(self, organisation_id: int, project_id: int | None) -> int | None:
        """See `office.budgets.ports.Wallets`."""
        found: int | None = await self._pool.fetchval(_FIND, organisation_id, project_id)
        return found

    async def topup(self, organisation_id: int, project_id: int | None, amount: int, note: Note) -> int:
        """See `office.budgets.ports.Wallets`."""
        async with self._pool.acquire() as connection, connection.transaction():
            guard = int(await connection.fetchval(_OPEN, organisation_id, project_id))
            await connection.execute("select wallet_change($1, $2, $3)", organisation_id, guard, amount)
            return await _book(connection, organisation_id, guard, amount, note)

    async def refund(self, organisation_id: int, guard: int, amount: int | None, note: Note) -> int | None:
        """See `office.budgets.ports.Wallets`."""
        async with self._pool.acquire() as connection, connection.transaction():
            if amount is None:
                # Locked by the change of nothing; what is free then stays free until the end.
                amount = int(
                    await connection.fetchval("select wallet_change($1, $2, 0)", organisation_id, guard)
                )
                if amount == 0:
                    return None
            if not await change(connection, organisation_id, guard, -amount):
                return None
            return await _book(connection, organisation_id, guard, -amount, note)

    async def recall(self, guard: int) -> None:
        """See `office.budgets.ports.Wallets`."""
        await self._pool.execute("select recall($1, to_timestamp(0))", guard)

    async def close(self, organisation_id: int, guard: int) -> bool:
        """See `office.budgets.ports.Wallets`."""
        return await self._pool.fetchval(_CLOSE, organisation_id, guard) is not None

    async def movements(self, organisation_id: int, guard: int, since: datetime) -> list[Movement]:
        """See `office.budgets.ports.Wallets`."""
        async with moment(self._pool) as connection:
            vouchers = await connection.fetch(_VOUCHERS, organisation_id, guard, since)
            calls = await connection.fetch(_CALLS, organisation_id, guard, since)
            releases = await connection.fetch(_RELEASES, organisation_id, guard, since)
        found = [
            Movement(row["at"], _sort(row), int(row["amount"]), voucher=row["id"], text=row["text"])
            for row in vouchers
        ]
        found += [Movement(row["at"], "calls", -int(row["amount"]), row["calls"]) for row in calls]
        found += [
            Movement(row["at"], "release" if row["amount"] > 0 else "unsettled", int(row["amount"]))
            for row in releases
        ]
        return sorted(found, key=lambda one: (one.at, -(one.voucher or 0)))  # ids count down


def _sort(row: asyncpg.Record) -> str:
    kind: str = row["kind"]
    return kind if kind != "payment" else "charges" if row["amount"] < 0 else "credit"


async def _book(connection: Connection, organisation_id: int, guard: int, change: int, note: Note) -> int:
    project = await connection.fetchval(
        "select coalesce(project_id, 0) from guard where organisation_id = $1 and id = $2",
        organisation_id,
        guard,
    )
    wallet = Side("wallet", project)
    kind = _KINDS["in" if change > 0 else "out"]
    line = VoucherLine(_BANK, wallet, change) if change > 0 else VoucherLine(wallet, _BANK, -change)
    details: dict[str, str | int] = {"wallet": guard}
    if note.reference is not None:
        details["reference"] = note.reference
    voucher = Voucher(kind, note.at, note.reason, note.by, (line,), details=details)
    try:
        return await book_voucher(connection, organisation_id, voucher)
    except asyncpg.UniqueViolationError:
        raise TwiceError(
            f"the reference {note.reference!r} was booked before; nothing was booked now"
        ) from None
