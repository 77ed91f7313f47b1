"""The books of one organisation for an export. Fills `ledger.exports.ports`.

Everything is read in one transaction, so that transactions, balances and charges are those of one moment, and
by cursors, so that a month is never in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Literal, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.ids import encode_call
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.exports.ports import Account, Call, Charge, Move, Span, Transaction
from rechenwerk.ledger.periods import month_of
from rechenwerk.store.exported import ACCOUNTS, CALLS, CHARGES, COUNT_CALLS, COUNT_OTHERS, TRANSACTIONS
from rechenwerk.store.moments import moment

T = TypeVar("T")

_HOUR = timedelta(hours=1)
_AT_ONCE = 1_000
"""Rows that are fetched and written at a time."""
_IDLE = "10min"
"""A client that reads nothing for so long loses its export, which holds a connection."""


class StoredExports:
    """Opens books for exports.

    Args:
        pool: connections to the installation's database; an export holds one as long as it runs.
        most: exports at a time, so that slow readers leave the office connections enough.
    """

    def __init__(self, pool: asyncpg.Pool, most: int = 2) -> None:
        self._pool = pool
        self._left = most

    @asynccontextmanager
    async def open(self, organisation_id: int, span: Span) -> AsyncIterator[StoredBooks | None]:
        """See `ledger.exports.ports.Exports`."""
        if not self._left:
            yield None
            return
        self._left -= 1
        try:
            async with moment(self._pool) as connection:
                await connection.execute(
                    f"set local idle_in_transaction_session_timeout = '{_IDLE}'; set local work_mem = '32MB'"
                )
                yield StoredBooks(connection, organisation_id, span)
        finally:
            self._left += 1


class StoredBooks:
    """Books in one moment, of one organisation and one period.

    Args:
        connection: in a transaction that sees one moment.
        organisation_id: whose.
        span: the period; its first moment is that of a month, since opening balances are sums of months.
    """

    def __init__(
        self, connection: asyncpg.Connection | PoolConnectionProxy, organisation_id: int, span: Span
    ) -> None:
        if span.starts is not None and span.starts != month_of(span.starts).starts:
            raise ValueError(f"a period begins with a month, not at {span.starts}")
        self._connection = connection
        self._arguments = (organisation_id, span.starts, span.ends)

    async def accounts(self) -> list[Account]:
        """See `ledger.exports.ports.Books`."""
        rows = await self._connection.fetch(ACCOUNTS, *self._arguments, month_of(self._arguments[2]).starts)
        return [
            Account(
                row["id"],
                row["kind"],
                row["class"],
                row["project"],
                row["contract"],
                int(row["opening"]),
                int(row["closing"]),
            )
            for row in rows
        ]

    async def count(self, what: Literal["transactions", "calls"]) -> int:
        """See `ledger.exports.ports.Books`."""
        found: int = await self._connection.fetchval(COUNT_CALLS, *self._arguments)
        if what == "transactions":
            found += await self._connection.fetchval(COUNT_OTHERS, *self._arguments)
        return found

    def transactions(self) -> AsyncIterator[Sequence[Transaction]]:
        """See `ledger.exports.ports.Books`."""
        return self._some(TRANSACTIONS, _transaction)

    def calls(self) -> AsyncIterator[Sequence[Call]]:
        """See `ledger.exports.ports.Books`."""
        return self._some(CALLS, _call)

    def charges(self) -> AsyncIterator[Sequence[Charge]]:
        """See `ledger.exports.ports.Books`."""
        return self._some(CHARGES, _charge)

    async def _some(self, query: str, value: Callable[[Any], T]) -> AsyncIterator[Sequence[T]]:
        cursor = await self._connection.cursor(query, *self._arguments)
        while rows := await cursor.fetch(_AT_ONCE):
            yield [value(row) for row in rows]


def _code(what: str, number: int) -> str:
    return encode_call(number) if what == "call" else f"{what}-{-number}"


def _transaction(row: asyncpg.Record) -> Transaction:
    of = row["of"]
    moves = zip(row["debits"] or (), row["credits"] or (), row["amounts"] or (), strict=True)
    return Transaction(
        _code(row["is"], row["id"]),
        row["at"],
        row["what"],
        row["who"],
        row["text"],
        row["outcome"],
        None if of is None else _code("call" if of > 0 else "voucher", of),
        tuple(Move(debit, credit, int(amount)) for debit, credit, amount in moves),
    )


def _call(row: asyncpg.Record) -> Call:
    return Call(
        row["id"],
        row["attempt_of"],
        row["started_at"],
        row["project"],
        row["key"],
        row["model"],
        row["provider"],
        row["contract"],
        row["endpoint"],
        row["streamed"],
        row["outcome"],
        row["reason"],
        row["status"],
        row["usage_source"],
        tuple(row[bucket] for bucket in BUCKETS),
        int(row["price"]),
        int(row["cost"]),
        int(row["cost"] if row["listed"] is None else row["listed"]),
        int(row["charged"]),
        row["first_byte_us"],
        row["total_us"],
        row["energy_uwh"],
        row["co2_ug"],
    )


def _charge(row: asyncpg.Record) -> Charge:
    number, starts = row["number"], row["starts"]
    if number is None:
        source, ends = "calls", starts + _HOUR
    elif number:
        source, ends = f"voucher-{-number}", starts + 24 * _HOUR
    else:
        source, ends = "capacity", month_of(starts).ends
    return Charge(
        source,
        row["kind"],
        starts,
        ends,
        row["corrects"],
        row["part"],
        row["project_id"],
        row["project"],
        row["model"],
        row["provider"],
        row["region"],
        row["contract_id"],
        row["contract"],
        row["text"],
        row["calls"],
        row["tokens"],
        int(row["billed"]),
        int(row["effective"]),
        int(row["listed"]),
        int(row["unresolved"]),
    )
