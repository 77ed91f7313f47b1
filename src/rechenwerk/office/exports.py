"""Routes of exports: the books as files that others read and verify, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from rechenwerk.contracts.draws import version_at
from rechenwerk.contracts.focus import rows_to_csv, to_row
from rechenwerk.contracts.renewals import renewed
from rechenwerk.contracts.terms import Contract, OnDemand, OwnHardware, Provisioned, TakeOrPay, kind_of
from rechenwerk.ledger.exports.beancount import Beancount
from rechenwerk.ledger.exports.focus import COLUMNS, Commitment, Payer, Version, rows
from rechenwerk.ledger.exports.hledger import Hledger
from rechenwerk.ledger.exports.ports import Books, Span
from rechenwerk.ledger.exports.tables import CALL_COLUMNS, call_rows, csv_lines
from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.errors import refuse
from rechenwerk.office.parquet import parquet
from rechenwerk.office.ports import OPERATOR
from rechenwerk.office.standing import StoredContract
from rechenwerk.office.vouchers import begun_period

Format = Literal[
    "beancount", "hledger", "focus-1.2", "focus-1.4", "focus-1.4-contracts", "calls-csv", "calls-parquet"
]
_FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "beancount": ("beancount", "text/plain; charset=utf-8"),
        "hledger": ("journal", "text/plain; charset=utf-8"),
        "focus-1.2": ("focus-1.2.csv", "text/csv; charset=utf-8"),
        "focus-1.4": ("focus-1.4.csv", "text/csv; charset=utf-8"),
        "focus-1.4-contracts": ("contracts.focus-1.4.csv", "text/csv; charset=utf-8"),
        "calls-csv": ("calls.csv", "text/csv; charset=utf-8"),
        "calls-parquet": ("calls.parquet", "application/vnd.apache.parquet"),
    }
)
"""Format -> how its files are named and what they are."""
RECORDS = "x-rechenwerk-records"
"""Of an answer: how many transactions or calls it will have, where that is known."""


class Streamed(StreamingResponse):
    """An answer that is made while it is sent, and leaves the books whatever happens on the way.

    Args:
        pieces: its body.
        closing: what to leave at the end.
    """

    def __init__(
        self, pieces: AsyncIterator[bytes], closing: AsyncExitStack, media_type: str, headers: dict[str, str]
    ) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._pieces = pieces
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        async with self._closing, AsyncExitStack() as body:
            if isinstance(self._pieces, AsyncGenerator):
                body.push_async_callback(self._pieces.aclose)
            await super().__call__(scope, receive, send)


async def export(
    realm: BooksRealm,
    format: Format,  # noqa: A002 - the name of the path's part
    period: Annotated[str | None, Query(description="a month such as 2026-03; else everything")] = None,
) -> Streamed:
    """The books of a month, or all, as a file that others read and verify.

    Journals have every call, voucher and fee as a transaction, begin with opening balances and end by
    asserting the trial balance. The header `x-rechenwerk-records` counts transactions or calls.
    """
    span = _span(realm, period)
    suffix, media_type = _FILES[format]
    headers = {"content-disposition": f'attachment; filename="books-{period or "all"}.{suffix}"'}
    currency = await realm.desk.tenants.currency()
    async with AsyncExitStack() as stack:
        if format == "focus-1.4-contracts":
            pieces = _once(await _commitments(realm, span, currency))
        else:
            books = await stack.enter_async_context(realm.desk.exports.open(realm.organisation_id, span))
            if books is None:
                raise refuse(429, "other exports are running; try again when they have ended", "busy")
            if not format.startswith("focus"):
                what: Literal["calls", "transactions"] = (
                    "calls" if format.startswith("calls") else "transactions"
                )
                headers[RECORDS] = str(await books.count(what))
            pieces = await _pieces(realm, books, format, span, currency)
        return Streamed(pieces, stack.pop_all(), media_type, headers)
    raise AssertionError  # pragma: no cover - the stack swallows nothing


def _span(realm: Realm, period: str | None) -> Span:
    if period is None:  # up to tonight, so that balances can be dated
        tonight = realm.office.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return Span(None, tonight)
    month = begun_period(realm, period)
    return Span(month.starts, month.ends)


async def _pieces(
    realm: Realm, books: Books, form: Format, span: Span, currency: str
) -> AsyncIterator[bytes]:
    if form in {"beancount", "hledger"}:
        writer = (Beancount if form == "beancount" else Hledger)(await books.accounts(), currency, span)
        return _journal(books, writer, f"Books of {realm.organisation}")
    if form in {"focus-1.2", "focus-1.4"}:
        version: Version = "1.2" if form == "focus-1.2" else "1.4"
        commitments = _towards(await _held(realm), span)
        return _focus(books, Payer(realm.organisation_id, realm.organisation, currency, commitments), version)
    calls = _calls(books, currency)
    return parquet(calls, currency) if form == "calls-parquet" else calls


async def _journal(books: Books, writer: Beancount | Hledger, title: str) -> AsyncIterator[bytes]:
    yield "".join(writer.head(title)).encode()
    async for some in books.transactions():
        yield writer.transactions(some).encode()
    yield "".join(writer.tail()).encode()


async def _focus(books: Books, payer: Payer, version: Version) -> AsyncIterator[bytes]:
    yield csv_lines([COLUMNS[version]]).encode()
    async for some in books.charges():
        yield csv_lines(rows(some, payer, version)).encode()


async def _calls(books: Books, currency: str) -> AsyncIterator[bytes]:
    yield csv_lines([CALL_COLUMNS]).encode()
    async for some in books.calls():
        yield csv_lines(call_rows(some, currency)).encode()


async def _once(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def _held(realm: Realm) -> list[StoredContract]:
    """Contracts whose terms the organisation may see: its own, and the operator's for the operator's keys."""
    owners = {realm.organisation_id} | ({OPERATOR} if realm.is_operator else set())
    return [one for owner in sorted(owners) for one in await realm.desk.positions.contracts(owner)]


async def _commitments(realm: Realm, span: Span, currency: str) -> str:
    found = []
    at = min(span.ends.timestamp() - 1, realm.office.clock.now())
    for one in await _held(realm):
        since = max((version.since for version in one.versions if version.since <= at), default=0.0)
        written = datetime.fromtimestamp(since or at, UTC)  # of the first version nobody knows
        today = datetime.fromtimestamp(at, UTC).date()
        found.append(to_row(version_at(renewed(one.versions, at), at), currency, written, today))
    return rows_to_csv(found)


def _towards(stored: Sequence[StoredContract], span: Span) -> dict[int, tuple[Commitment, ...]]:
    """Contract -> the commitments that its charges count towards at the end of the period."""
    last = span.ends.timestamp() - 1
    terms = {one.id: version_at(renewed(one.versions, last), last) for one in stored}
    return {
        contract: tuple(_commitment(one) for one in (own, *_covering(own, terms.values())) if _commits(one))
        for contract, own in terms.items()
    }


def _covering(own: Contract, others: Iterable[Contract]) -> list[Contract]:
    return [one for one in others if own.name in one.covers]


def _commits(terms: Contract) -> bool:
    return not isinstance(terms, OnDemand | OwnHardware)


def _commitment(terms: Contract) -> Commitment:
    return Commitment(
        terms.name,
        kind_of(terms),
        discount=isinstance(terms, TakeOrPay | Provisioned),
        capacity=isinstance(terms, Provisioned),
    )


def add_export_routes(router: APIRouter) -> None:
    """Join the route of this page to the API."""
    router.add_api_route(
        "/books/export/{format}", export, methods=["GET"], tags=["books"], response_class=StreamingResponse
    )
