"""Routes of the journal: booked calls that fit, as a page or as a file, and the entries of an account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from rechenwerk.base.cells import harmless
from rechenwerk.base.cursors import BY_ID, BY_NUMBER, LONGEST, next_of, order_of
from rechenwerk.base.errors import RechenwerkError, RefusedError
from rechenwerk.base.ids import encode_call
from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.exports.journal import moment as written
from rechenwerk.ledger.exports.tables import csv_lines
from rechenwerk.office import bodies
from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.audits import moment
from rechenwerk.office.bodies import Name
from rechenwerk.office.books import account_view, call_fields, read_call_id
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.exports import Streamed
from rechenwerk.office.journal_ports import BookedCall, Entry, ManyCallsError, Wanted
from rechenwerk.office.vouchers import period_of

Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]
Moment = Annotated[str, Query(max_length=40, description="a day, such as 2026-03-14, or a moment (UTC)")]
_ORDERS = MappingProxyType(
    {"started_at": BY_ID, "price": BY_NUMBER, "cost": BY_NUMBER, "total_us": BY_NUMBER}
)
_COLUMNS = (
    "id",
    "attempt_of",
    "started_at",
    "project",
    "key",
    "model",
    "provider",
    "contract",
    "endpoint",
    "outcome",
    "reason",
    "usage_source",
    *BUCKETS,
    "price",
    "cost",
    "currency",
    "first_byte_us",
    "total_us",
)


class Filters(BaseModel):
    """Which calls; what is left out says nothing.

    Attributes:
        project: of this project.
        key: of the key of this name, or id.
        model, provider, contract, outcome: as they are named in the journal.
        bucket: that used some of this, such as output.
        period: that began in this month.
        since, until: that began on these days or between these moments; a day is meant whole.
        price_from, price_to: whose price is not below, not above.
        attempts: false leaves failed attempts of other calls out.
    """

    model_config = {"extra": "forbid"}

    project: Name | None = None
    key: Text | None = None
    model: Text | None = None
    provider: Text | None = None
    contract: Text | None = None
    outcome: Literal["posted", "unresolved", "failed", "void"] | None = None
    bucket: Text | None = None
    period: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    price_from: Text | None = None
    price_to: Text | None = None
    attempts: bool = True


class PageOfJournal(Filters):
    """Which calls, and how many."""

    limit: int = Query(50, ge=1, le=1000)
    before: str | None = Query(
        None,
        max_length=LONGEST,
        description="only calls older than this one; with sort: `next` of the answer before",
    )
    sort: str = Query("", max_length=40, description="a field; with a minus before it the other way round")
    call: str | None = Query(None, description="only this call")
    organisation: Name | None = Query(None, description="another organisation; only for the scope operator")


class FileOfJournal(Filters):
    """Which calls."""

    organisation: Name | None = Query(None, description="another organisation; only for the scope operator")


class EntryView(BaseModel):
    """What a call, voucher or fee moved on an account.

    Attributes:
        of: the call's id, or the number of the voucher or fee, below zero.
        kind: call, fee, or the voucher's kind.
        text: the call's model, or the reason.
        others: the accounts on the other side.
    """

    of: str
    kind: str
    at: datetime
    text: str
    others: list[str]
    debit: str
    credit: str


class EntriesView(BaseModel):
    """An account and its entries, newest first; `next` is the value of `before` for the page after this."""

    organisation: str
    currency: str
    account: bodies.AccountView
    entries: list[EntryView]
    next: str | None


async def show_journal(realm: BooksRealm, asked: Annotated[PageOfJournal, Query()]) -> bodies.JournalView:
    """Booked calls with their transfers, newest first; those that fit what is asked for.

    `sort` takes started_at, and price, cost and total_us where no more than 200,000 calls lie in the days
    that are asked for: no index of the books has them, so all of these are looked at.
    """
    order = order_of(asked.sort, "" if asked.call else asked.before or "", _ORDERS, "-started_at", "before")
    if order is not None and asked.call is None:
        try:
            calls, place = await realm.desk.journal.ordered(
                realm.organisation_id, await _wanted(realm, asked), order, asked.limit
            )
        except ManyCallsError as error:
            raise _many(order.by, error) from None
        return await _journal(realm, calls, next_of(order, place, full=len(calls) == asked.limit))
    if asked.call is not None:
        found = await realm.desk.books.call(realm.organisation_id, read_call_id(asked.call, "call"))
        calls = [found] if found else []
    else:
        border = read_call_id(asked.before, "before") if asked.before is not None else None
        wanted = await _wanted(realm, asked)
        calls = await realm.desk.journal.calls(realm.organisation_id, wanted, asked.limit, border)
    full = asked.call is None and len(calls) == asked.limit
    return await _journal(realm, calls, encode_call(calls[-1].id) if full else None)


async def _journal(realm: Realm, calls: Sequence[BookedCall], ahead: str | None) -> bodies.JournalView:
    return bodies.JournalView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        calls=[bodies.CallView(**call_fields(one)) for one in calls],
        next=ahead,
    )


def _many(name: str, error: ManyCallsError) -> RefusedError:
    line = (
        f"sort: {error.calls:,} calls lie in these days, at most {error.most:,} are put in order of {name};"
        " choose fewer days with since and until"
    )
    return refuse(422, line, "too_many_to_sort", "sort")


async def download_journal(realm: BooksRealm, asked: Annotated[FileOfJournal, Query()]) -> Streamed:
    """All booked calls that fit, newest first, as CSV; written while they are read."""
    wanted = await _wanted(realm, asked)
    pieces = _lines(realm, wanted, await realm.desk.tenants.currency())
    headers = {"content-disposition": 'attachment; filename="calls.csv"', "x-content-type-options": "nosniff"}
    return Streamed(pieces, AsyncExitStack(), "text/csv; charset=utf-8", headers)


async def _lines(realm: Realm, wanted: Wanted, currency: str) -> AsyncIterator[bytes]:
    yield csv_lines([_COLUMNS]).encode()
    async for some in realm.desk.journal.every(realm.organisation_id, wanted):
        yield csv_lines(_row(one, currency) for one in some).encode()


def _row(one: BookedCall, currency: str) -> tuple[str, ...]:
    return (
        encode_call(one.id),
        "" if one.attempt_of is None else encode_call(one.attempt_of),
        written(one.started_at),
        *(harmless(text) for text in (one.project, one.key, one.model, one.provider, one.contract)),
        one.endpoint,
        one.outcome,
        harmless(one.reason or ""),
        one.usage_source,
        *(str(one.usage[bucket]) for bucket in BUCKETS),
        plain_money(one.price),
        plain_money(one.cost),
        currency,
        str(one.first_byte_us),
        str(one.total_us),
    )


async def show_account(
    realm: BooksRealm,
    account: int,
    of: Annotated[Literal["calls", "vouchers"], Query(description="whose entries")] = "calls",
    period: Annotated[str | None, Query(description="only what moved in this month")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[str | None, Query(description="only entries older than this one's `of`")] = None,
) -> EntriesView:
    """One account: its sums, and what each call, or each voucher and fee, moved on it; newest first."""
    journal = realm.desk.journal
    if not 0 < account < 1 << 63 or (
        (found := await journal.account(realm.organisation_id, account)) is None
    ):
        raise missing("account", str(account))
    span = period_of(period) if period is not None else None
    wanted = Wanted(starts=span.starts if span else None, ends=span.ends if span else None)
    if of == "calls":
        border = read_call_id(before, "before") if before is not None else None
        rows = await journal.entries_of_calls(realm.organisation_id, found, wanted, limit, border)
    else:
        border = _number(before) if before is not None else None
        rows = await journal.entries_of_vouchers(realm.organisation_id, found, wanted, limit, border)
    month = span.starts.date() if span else None
    (row,) = await realm.desk.books.balance(realm.organisation_id, month, account)
    return EntriesView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        account=account_view(row.debit, row.credit, row.kind, row.project, row.contract, row.id),
        entries=[_entry(one) for one in rows],
        next=_of(rows[-1]) if len(rows) == limit else None,
    )


def _of(one: Entry) -> str:
    return encode_call(one.id) if one.id > 0 else str(one.id)


def _entry(one: Entry) -> EntryView:
    return EntryView(
        of=_of(one),
        kind=one.kind,
        at=one.at,
        text=one.text,
        others=list(one.others),
        debit=plain_money(one.debit),
        credit=plain_money(one.credit),
    )


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
        line = f"before: {text!r} is no number of a voucher, such as -12"
        raise refuse(422, line, "invalid_value", "before")
    return int(text)


async def _wanted(realm: Realm, asked: Filters) -> Wanted:
    """What a request asks for, refused with one line where it cannot be."""
    if asked.bucket is not None and asked.bucket not in BUCKETS:
        raise refuse(
            422, f"bucket: {asked.bucket!r} is none of {', '.join(BUCKETS)}", "invalid_value", "bucket"
        )
    span = period_of(asked.period) if asked.period is not None else None
    starts = moment(asked.since, "since") if asked.since else None
    ends = moment(asked.until, "until", after=True) if asked.until else None
    if span is not None:
        starts = max(starts or span.starts, span.starts)
        ends = min(ends or span.ends, span.ends)
    key_id = int(asked.key) if asked.key and asked.key.isascii() and asked.key.isdecimal() else None
    if key_id is not None and key_id >= 1 << 63:
        key_id = None
    return Wanted(
        project_id=await realm.project(asked.project) if asked.project else None,
        key_id=key_id,
        key=asked.key or None,
        model=asked.model or None,
        provider=asked.provider or None,
        contract=asked.contract or None,
        outcome=asked.outcome,
        bucket=asked.bucket,
        starts=starts,
        ends=ends,
        least=_price("price_from", asked.price_from),
        most=_price("price_to", asked.price_to),
        attempts=asked.attempts,
    )


def _price(param: str, text: str | None) -> int | None:
    if not text:
        return None
    try:
        return parse_money(text)
    except RechenwerkError as error:
        raise refuse(422, f"{param}: {error}", "invalid_value", param) from None


def add_journal_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/journal", show_journal, methods=["GET"], tags=["books"])
    add(
        "/books/journal.csv",
        download_journal,
        methods=["GET"],
        tags=["books"],
        response_class=StreamingResponse,
    )
    add("/books/accounts/{account}", show_account, methods=["GET"], tags=["books"])
