"""Vouchers in PostgreSQL. Fills `office.voucher_ports.Vouchers`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.errors import BookError
from rechenwerk.ledger.vouchers import Voucher
from rechenwerk.office.voucher_ports import BookedLine, BookedVoucher
from rechenwerk.store.books import TRANSFERS

Connection = asyncpg.Connection | PoolConnectionProxy

_BOOK = "select book_voucher($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::voucher_line[])"
_LIST = """
select v.*, r.id as reversed_by from voucher v
left join voucher r on r.organisation_id = v.organisation_id and r.reverses = v.id
where v.organisation_id = $1 and ($3::bigint is null or v.id > $3)
    and ($4::timestamptz is null or v.at >= $4) and ($5::timestamptz is null or v.at < $5)
order by v.id limit $2
"""
_OF_A_WALLET = "RW004"
_OPPOSITE = """
select array_agg((c.kind, c.project_id, c.contract_id, d.kind, d.project_id, d.contract_id, t.amount)
    ::voucher_line order by t.line)
from transfer t
join account d on d.organisation_id = t.organisation_id and d.id = t.debit
join account c on c.organisation_id = t.organisation_id and c.id = t.credit
where t.organisation_id = $1 and t.call_id = $2
"""
_GROUP = """
select g.organisation_id, g.id from voucher v
join voucher g on g.details ->> 'group' = v.details ->> 'group' and g.details ? 'group'
where v.organisation_id = $1 and v.id = $2 and v.details ? 'group' order by 1, 2
"""
# In the month of what it mirrors, while that is open.
_OWN_MOMENT = """
select v.at from voucher v left join period_lock l on l.organisation_id = v.organisation_id
where v.organisation_id = $1 and v.id = $2 and v.at >= coalesce(l.closed_until, '-infinity')
"""


async def book_voucher(connection: Connection, organisation_id: int, voucher: Voucher) -> int:
    """Write a voucher with its transfers in the connection's transaction; returns its id, below zero.

    Raises:
        BookError: it belongs to a period that is closed.
    """
    lines = [
        (
            line.debit.kind,
            line.debit.project,
            line.debit.contract,
            line.credit.kind,
            line.credit.project,
            line.credit.contract,
            line.amount,
        )
        for line in voucher.lines
    ]
    try:
        made: int = await connection.fetchval(
            _BOOK,
            organisation_id,
            voucher.kind,
            voucher.at,
            voucher.reason,
            voucher.made_by,
            voucher.call,
            None,
            json.dumps(dict(voucher.details)),
            lines,
        )
    except asyncpg.RestrictViolationError as error:
        raise BookError(str(error)) from None
    return made


class StoredVouchers:
    """Vouchers of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def book(self, organisation_id: int, voucher: Voucher) -> int:
        """See `office.voucher_ports.Vouchers`."""
        async with self._pool.acquire() as connection:
            return await book_voucher(connection, organisation_id, voucher)

    async def list(
        self,
        organisation_id: int,
        limit: int,
        before: int | None,
        starts: datetime | None,
        ends: datetime | None,
    ) -> list[BookedVoucher]:
        """See `office.voucher_ports.Vouchers`. Ids count down: the newest has the lowest."""
        rows = await self._pool.fetch(_LIST, organisation_id, limit, before, starts, ends)
        lines: dict[int, list[BookedLine]] = defaultdict(list)
        for row in await self._pool.fetch(TRANSFERS, organisation_id, [row["id"] for row in rows]):
            lines[row["call_id"]].append(BookedLine(row["debit"], row["credit"], int(row["amount"])))
        return [_booked(row, lines[row["id"]]) for row in rows]

    async def own_moment(self, organisation_id: int, voucher: int) -> datetime | None:
        """See `office.voucher_ports.Vouchers`."""
        async with self._pool.acquire() as connection:
            return await own_moment(connection, organisation_id, voucher)

    async def reverse(
        self, organisation_id: int, voucher: int, at: datetime, reason: str, by: str
    ) -> int | None:
        """See `office.voucher_ports.Vouchers`."""
        async with self._pool.acquire() as connection, connection.transaction():
            bill = await connection.fetchval(
                "select bill_id from bill_voucher where organisation_id = $1 and voucher_id = $2",
                organisation_id,
                voucher,
            )
            if bill is not None:
                raise BookError(f"voucher {voucher} is part of bill {bill}; undo the bill instead")
            return await _reverse_group(connection, organisation_id, voucher, at, reason, by)


async def _reverse_group(
    connection: Connection, organisation_id: int, voucher: int, at: datetime, reason: str, by: str
) -> int | None:
    """What was booked in several books at once is reversed in all of them."""
    rows = await connection.fetch(_GROUP, organisation_id, voucher)
    if not rows:
        return await reverse_voucher(connection, organisation_id, voucher, at, reason, by)
    made = None
    for row in rows:
        owner, one = row["organisation_id"], row["id"]
        moment = await own_moment(connection, owner, one) or at
        reversal = await reverse_voucher(connection, owner, one, moment, reason, by)
        if (owner, one) == (organisation_id, voucher):
            made = reversal
    return made


async def own_moment(connection: Connection, organisation_id: int, voucher: int) -> datetime | None:
    """See `office.voucher_ports.Vouchers.own_moment`."""
    found: datetime | None = await connection.fetchval(_OWN_MOMENT, organisation_id, voucher)
    return found


async def reverse_voucher(
    connection: Connection, organisation_id: int, voucher: int, at: datetime, reason: str, by: str
) -> int | None:
    """See `office.voucher_ports.Vouchers.reverse`; in the connection's transaction."""
    kind = await connection.fetchval(
        "select kind from voucher where organisation_id = $1 and id = $2", organisation_id, voucher
    )
    if kind is None:
        return None
    if kind == "reversal":
        raise BookError(f"voucher {voucher} is a reversal; book a new voucher instead")
    opposite = await connection.fetchval(_OPPOSITE, organisation_id, voucher)
    lines = [tuple(line.values()) for line in opposite or ()]
    try:
        made: int = await connection.fetchval(
            _BOOK, organisation_id, "reversal", at, reason, by, None, voucher, "{}", lines
        )
    except asyncpg.UniqueViolationError:
        raise BookError(f"voucher {voucher} was reversed before") from None
    except asyncpg.PostgresError as error:
        if error.sqlstate != _OF_A_WALLET:
            raise
        raise BookError(str(error)) from None
    return made


def _booked(row: asyncpg.Record, lines: Sequence[BookedLine]) -> BookedVoucher:
    return BookedVoucher(
        row["id"],
        row["kind"],
        row["at"],
        row["reason"],
        row["made_by"],
        row["call_id"],
        row["reverses"],
        row["reversed_by"],
        json.loads(row["details"]),
        row["booked_at"],
        tuple(lines),
    )
