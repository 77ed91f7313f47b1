"""The close of periods in PostgreSQL. Fills `office.closing.ports.Closing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.money import parse_money
from rechenwerk.ledger.periods import Period, month_of, parse_period
from rechenwerk.ledger.statements import cents_of, decode, encode
from rechenwerk.ledger.vouchers import Voucher
from rechenwerk.office.closing.ports import (
    Closed,
    Correction,
    Document,
    Draft,
    Facts,
    PeriodRow,
    Setting,
    Shared,
    Standing,
)
from rechenwerk.store.close_facts import (
    UNRESOLVED,
    concerning,
    facts_of,
    first_entry,
    setting_of,
    shared_of,
)
from rechenwerk.store.vouchers import book_voucher

Connection = asyncpg.Connection | PoolConnectionProxy

_SET = """
insert into statement_setting values ($1, $2, $3, $4, $5, $6, $7)
on conflict (organisation_id) do update set prefix = excluded.prefix, issuer = excluded.issuer,
    recipient = excluded.recipient, vat_rate = excluded.vat_rate, reverse_charge = excluded.reverse_charge,
    allocation = excluded.allocation
"""
_CLOSED = """
select c.starts_at, c.closed_at, c.closed_by, c.with_unresolved, coalesce((
    select array_agg(d.number order by d.ordinal) from document d where d.organisation_id = c.organisation_id
        and d.booked_in = c.starts_at and d.kind = 'statement'), '{}') as numbers
from period_close c where c.organisation_id = $1
"""
_PERIODS = """
select month_start(date_trunc('month', at::timestamp)::date) as starts_at, sum(calls)::bigint as calls,
    sum(revenue) as revenue
from (select day as at, calls - attempts as calls, 0 as revenue from call_day
      where organisation_id = $1 and outcome in ('posted', 'unresolved')
      union all
      select m.month, 0, m.credit - m.debit from account_month m
      join account a on a.organisation_id = m.organisation_id and a.id = m.account_id
      where m.organisation_id = $1 and a.kind = 'revenue') x
group by 1
"""
_TAKE = """
insert into document_counter as c (organisation_id, year) values ($1, $2)
on conflict (organisation_id, year) do update set taken = c.taken returning taken
"""
_WRITE = """
insert into document (organisation_id, number, year, ordinal, kind, project_id, period, booked_in, issued_at,
    issued_by, exact, net, vat, gross, reverses, content, sha256)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
    sha256(convert_to($16, 'UTF8')))
"""
_DOCUMENTS = """
select d.number, d.kind, p.name as project, to_char(d.period at time zone 'UTC', 'YYYY-MM') as period,
    to_char(d.booked_in at time zone 'UTC', 'YYYY-MM') as booked_in, d.issued_at, d.issued_by, d.net, d.vat,
    d.gross, d.reverses, r.number as reversed_by, encode(d.sha256, 'hex') as sha256, {content} as content
from document d
left join project p on p.organisation_id = d.organisation_id and p.id = d.project_id
left join document r on r.organisation_id = d.organisation_id and r.reverses = d.number
    and r.kind = 'reversal'
where d.organisation_id = $1 {more} order by d.year, d.ordinal
"""


class StoredClosing:
    """Periods and documents of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    # -- settings ---------------------------------------------------------------------------------

    async def setting(self, organisation_id: int) -> Setting:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection:
            return await setting_of(connection, organisation_id)

    async def set(self, organisation_id: int, setting: Setting, shares: Mapping[int, str]) -> None:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                _SET,
                organisation_id,
                setting.prefix,
                list(setting.issuer),
                list(setting.recipient),
                Decimal(setting.vat_rate),
                setting.reverse_charge,
                setting.allocation,
            )
            await connection.execute(
                "delete from allocation_share where organisation_id = $1", organisation_id
            )
            await connection.executemany(
                "insert into allocation_share values ($1, $2, $3)",
                [(organisation_id, project, Decimal(percent)) for project, percent in shares.items()],
            )

    async def cost_centres(self, organisation_id: int) -> list[tuple[str, str]]:
        """See `office.closing.ports.Closing`."""
        rows = await self._pool.fetch(
            "select name, cost_centre from project where organisation_id = $1 order by name", organisation_id
        )
        return [(row["name"], row["cost_centre"]) for row in rows]

    async def set_cost_centre(self, organisation_id: int, project_id: int, cost_centre: str) -> None:
        """See `office.closing.ports.Closing`."""
        await self._pool.execute(
            "update project set cost_centre = $3 where organisation_id = $1 and id = $2",
            organisation_id,
            project_id,
            cost_centre,
        )

    # -- periods ----------------------------------------------------------------------------------

    async def periods(self, organisation_id: int) -> list[PeriodRow]:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection:
            booked = {row["starts_at"]: row for row in await connection.fetch(_PERIODS, organisation_id)}
            closed = {
                row["starts_at"]: _closed(row) for row in await connection.fetch(_CLOSED, organisation_id)
            }
        return [
            PeriodRow(
                month_of(starts),
                booked[starts]["calls"] if starts in booked else 0,
                int(booked[starts]["revenue"]) if starts in booked else 0,
                closed.get(starts),
            )
            for starts in sorted({*booked, *closed}, reverse=True)
        ]

    async def standing(self, organisation_id: int, period: Period) -> Standing:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection:
            return await _standing(connection, organisation_id, period)

    async def stop_calls(self, organisation_id: int, until: datetime) -> int:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection:
            found: int = await connection.fetchval("select stop_calls($1, $2)", organisation_id, until)
        return found

    async def allocate(
        self, organisation_id: int, period: Period, share: Callable[[Shared], Voucher | None]
    ) -> int:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _alone(connection, organisation_id)
            return await _allocate(connection, organisation_id, period, share)

    async def close(
        self,
        organisation_id: int,
        period: Period,
        closed: Closed,
        share: Callable[[Shared], Voucher | None],
        compose: Callable[[Facts], Sequence[Draft]],
    ) -> tuple[str, ...] | None:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _alone(connection, organisation_id)
            standing = await _standing(connection, organisation_id, period)
            late = standing.due is not None and standing.due != period.starts
            if standing.closed or late or standing.holds:
                return None
            if standing.unresolved and not closed.with_unresolved:
                return None
            taken, drafts = await _drafts(
                connection, organisation_id, period, closed.closed_at.year, share, compose
            )
            await _write(connection, organisation_id, closed.closed_at, taken, drafts)
            await connection.execute(
                "insert into period_close values ($1, $2, $3, $4, $5, $6)",
                organisation_id,
                period.starts,
                period.ends,
                closed.closed_at,
                closed.closed_by,
                closed.with_unresolved,
            )
            await connection.execute(
                "update period_lock set closed_until = $2 where organisation_id = $1",
                organisation_id,
                period.ends,
            )
        return tuple(draft.content.number for draft in drafts)

    async def preview(
        self,
        organisation_id: int,
        period: Period,
        year: int,
        share: Callable[[Shared], Voucher | None],
        compose: Callable[[Facts], Sequence[Draft]],
    ) -> Sequence[Draft]:
        """See `office.closing.ports.Closing`: the same transaction, taken back."""
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await _alone(connection, organisation_id)
                _, drafts = await _drafts(connection, organisation_id, period, year, share, compose)
            finally:
                await transaction.rollback()
        return drafts

    # -- documents --------------------------------------------------------------------------------

    async def correct(
        self,
        organisation_id: int,
        number: str,
        at: datetime,
        compose: Callable[[Correction], Sequence[Draft]],
    ) -> tuple[str, ...] | None:
        """See `office.closing.ports.Closing`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _alone(connection, organisation_id)
            row = await connection.fetchrow(
                "select d.content, d.project_id, p.cost_centre, l.closed_until from document d"
                " join period_lock l using (organisation_id)"
                " left join project p on p.organisation_id = d.organisation_id and p.id = d.project_id"
                " where d.organisation_id = $1 and d.number = $2",
                organisation_id,
                number,
            )
            if row is None:
                return None
            original, booked_in = decode(row["content"]), month_of(row["closed_until"])
            about = parse_period(original.period)
            taken = await connection.fetchval(_TAKE, organisation_id, at.year)
            facts = Correction(
                original,
                await concerning(connection, organisation_id, row["project_id"], about, booked_in),
                await setting_of(connection, organisation_id),
                booked_in,
                row["cost_centre"] or "",
                taken,
                row["project_id"],
                await _reversed_by(connection, organisation_id, number),
            )
            drafts = compose(facts)
            await _write(connection, organisation_id, at, taken, drafts)
        return tuple(draft.content.number for draft in drafts)

    async def documents(self, organisation_id: int, period: Period | None) -> list[Document]:
        """See `office.closing.ports.Closing`."""
        query = _DOCUMENTS.format(content="''", more="and ($2::timestamptz is null or d.booked_in = $2)")
        rows = await self._pool.fetch(query, organisation_id, None if period is None else period.starts)
        return [_document(row) for row in rows]

    async def document(self, organisation_id: int, number: str) -> Document | None:
        """See `office.closing.ports.Closing`."""
        query = _DOCUMENTS.format(content="d.content", more="and d.number = $2")
        row = await self._pool.fetchrow(query, organisation_id, number)
        return _document(row) if row else None


async def _alone(connection: Connection, organisation_id: int) -> None:
    """Until the end of the transaction nobody else writes vouchers, fees or documents of the organisation.

    The first statement of its transaction: what comes after sees all that was committed before.
    """
    await connection.execute("select pg_advisory_xact_lock(books_key($1))", organisation_id)


async def _reversed_by(connection: Connection, organisation_id: int, number: str) -> str:
    found: str | None = await connection.fetchval(
        "select number from document where organisation_id = $1 and reverses = $2 and kind = 'reversal'",
        organisation_id,
        number,
    )
    return found or ""


async def _standing(connection: Connection, organisation_id: int, period: Period) -> Standing:
    until = await connection.fetchval(
        "select nullif(closed_until, '-infinity') from period_lock where organisation_id = $1",
        organisation_id,
    )
    if until is None and (first := await first_entry(connection, organisation_id)) is not None:
        until = month_of(first).starts
    closed = await connection.fetchrow(_CLOSED + " and c.starts_at = $2", organisation_id, period.starts)
    holds = await connection.fetchval(
        "select count(*) from hold where organisation_id = $1 and started_at < $2",
        organisation_id,
        period.ends,
    )
    unresolved = await connection.fetch(UNRESOLVED, organisation_id, period.starts, period.ends)
    return Standing(
        due=until,
        closed=_closed(closed) if closed else None,
        holds=holds,
        unresolved=len(unresolved),
        unresolved_price=int(sum(row["price"] for row in unresolved)),
    )


def _closed(row: asyncpg.Record) -> Closed:
    return Closed(row["closed_at"], row["closed_by"], row["with_unresolved"], tuple(row["numbers"]))


async def _drafts(
    connection: Connection,
    organisation_id: int,
    period: Period,
    year: int,
    share: Callable[[Shared], Voucher | None],
    compose: Callable[[Facts], Sequence[Draft]],
) -> tuple[int, Sequence[Draft]]:
    """Allocate, and what is to be written then; before it the year's documents so far."""
    await _allocate(connection, organisation_id, period, share)
    issued = await connection.fetch(
        "select content from document where organisation_id = $1 and booked_in = $2 order by ordinal",
        organisation_id,
        period.starts,
    )
    taken = await connection.fetchval(_TAKE, organisation_id, year)
    contents = tuple([decode(row["content"]) for row in issued])
    return taken, compose(await facts_of(connection, organisation_id, period, taken, contents))


async def _allocate(
    connection: Connection,
    organisation_id: int,
    period: Period,
    share: Callable[[Shared], Voucher | None],
) -> int:
    voucher = share(await shared_of(connection, organisation_id, period))
    if voucher is None:
        return 0
    await book_voucher(connection, organisation_id, voucher)
    return 1


async def _write(
    connection: Connection, organisation_id: int, at: datetime, taken: int, drafts: Sequence[Draft]
) -> None:
    """Documents with the numbers after `taken`, whose counter the transaction has locked."""
    for ordinal, draft in enumerate(drafts, taken + 1):
        content, totals = draft.content, draft.content.totals
        await connection.execute(
            _WRITE,
            organisation_id,
            content.number,
            at.year,
            ordinal,
            content.kind,
            draft.project_id,
            parse_period(content.period).starts,
            parse_period(content.booked_in).starts,
            at,
            content.issued_by,
            parse_money(totals.exact),
            cents_of(totals.net),
            cents_of(totals.vat),
            cents_of(totals.gross),
            content.reverses or None,
            encode(content),
        )
        await connection.executemany(
            "insert into document_voucher values ($1, $2, $3, $4)",
            [(organisation_id, voucher, draft.project_id, content.number) for voucher in draft.vouchers],
        )
    await connection.execute(
        "update document_counter set taken = taken + $3 where organisation_id = $1 and year = $2",
        organisation_id,
        at.year,
        len(drafts),
    )


def _document(row: asyncpg.Record) -> Document:
    return msgspec.convert({**row, **{name: int(row[name]) for name in ("net", "vat", "gross")}}, Document)
