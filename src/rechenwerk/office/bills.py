"""Routes of reconciliation: a provider's bill against the books, and what is booked when it is settled."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import date, datetime
from fractions import Fraction

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from rechenwerk.base.errors import BookError, RechenwerkError
from rechenwerk.base.money import parse_decimal, plain_money
from rechenwerk.contracts.bill_files import read_bill
from rechenwerk.contracts.bills import Bill, Names
from rechenwerk.contracts.reconcile import Row, match, totals
from rechenwerk.ledger.periods import Period, month_of, parse_period
from rechenwerk.office.access import OperatorRealm, Realm, Whose
from rechenwerk.office.bill_ports import NewBill, Standing, StoredBill
from rechenwerk.office.bill_report import report
from rechenwerk.office.bodies import Body
from rechenwerk.office.closing.words import Language, Words
from rechenwerk.office.errors import missing, refuse

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class BillBody(Body):
    """A bill and how it is to be read.

    `names`: a name on the bill -> the upstream name of a deployment. `rates`: a currency -> units of the
    books' currency for one of it. `settle`: book it; else it is only looked at.
    """

    provider: str = Field(min_length=1, max_length=200)
    text: str = Field(description="the file as the provider gave it")
    name: str = Field(default="bill", min_length=1, max_length=200, description="the file's name")
    period: str | None = Field(
        default=None, description="a month such as 2026-03; else that of the first line"
    )
    names: dict[str, str] = Field(default_factory=dict)
    rates: dict[str, str] = Field(default_factory=dict, examples=[{"USD": "0.92"}])
    settle: bool = False


class BillRowView(BaseModel):
    """A day and a model, or days up to `until` together: billed = booked + settled + difference."""

    day: date | None
    until: date | None = None
    model: str
    contract: str
    billed: str
    booked: str
    open: str
    settled: str
    difference: str
    cause: str
    detail: str


class SumsView(BaseModel):
    """Sums of all rows."""

    billed: str
    booked: str
    open: str
    settled: str
    difference: str


class ReconciliationView(BaseModel):
    """A bill against the books; `bill`: its number once booked, `said`: its total in its own currency."""

    bill: int | None
    provider: str
    name: str
    format: str
    period: str
    first_day: date
    last_day: date
    bill_currency: str
    rate: str
    said: str
    currency: str
    rows: list[BillRowView]
    total: SumsView
    made_by: str
    made_at: datetime
    undone: str | None = None
    vouchers: int = 0
    billed_by: int | None = Field(default=None, description="a bill that has these days already")


class BillsView(BaseModel):
    """Bills that were booked, newest first."""

    currency: str
    bills: list[ReconciliationView]


class UndoBody(Body):
    """Why a bill is undone."""

    reason: str = Field(min_length=1, max_length=500)


class UndoneView(BaseModel):
    """A bill whose vouchers were reversed."""

    bill: int
    reversed: int


def _row(row: Row, contracts: dict[int, str]) -> BillRowView:
    return BillRowView(
        day=row.day,
        until=row.until,
        model=row.model,
        contract=contracts.get(row.contract, ""),
        billed=plain_money(row.billed),
        booked=plain_money(row.booked),
        open=plain_money(row.open),
        settled=plain_money(row.settled),
        difference=plain_money(row.difference),
        cause=row.cause,
        detail=row.detail,
    )


def _sums(sums: dict[str, int]) -> SumsView:
    return SumsView(**{name: plain_money(amount) for name, amount in sums.items()})


def _rate(bill: Bill, rates: dict[str, str], currency: str) -> tuple[Fraction, str]:
    """Units of the books' currency for one of the bill's."""
    if bill.currency in ("", currency):
        return Fraction(1), "1"
    if not _CURRENCY.fullmatch(bill.currency):
        raise RechenwerkError(f"{bill.currency!r} is no currency; write three letters such as USD")
    text = rates.get(bill.currency)
    if text is None:
        raise RechenwerkError(
            f"the bill is in {bill.currency}, the books are in {currency}; say what one {bill.currency} was"
            f" worth: --rate {bill.currency}=0.92"
        )
    rate = parse_decimal(text)
    if rate <= 0:
        raise RechenwerkError(f"--rate {bill.currency}={text}: a rate is above zero")
    return rate, text.strip()


def _period(bill: Bill, said: str | None) -> Period:
    if said is not None:
        return parse_period(said)
    days = [line.day for line in bill.lines if line.day is not None]
    if not days:
        raise RechenwerkError("no line of the bill has a day; say --period")
    first = min(days)
    return month_of(datetime.fromisoformat(f"{first}T00:00:00+00:00"))


class _Read(msgspec.Struct, frozen=True):
    """A bill as it was read, before it meets the books."""

    bill: Bill
    period: Period
    rate: Fraction
    rate_text: str
    names: Names

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day of its use; of a bill without use those of its month."""
        used = [line for line in self.bill.lines if line.kind == "usage"]
        whole = (self.period.starts.date(), self.period.last.date())
        return (
            min((one.day for one in used if one.day is not None), default=whole[0]),
            max((one.last for one in used if one.last is not None), default=whole[1]),
        )


async def _look(realm: Realm, body: BillBody, provider_id: int, read: _Read) -> tuple[NewBill, Standing]:
    """The bill against the books as they stand now."""
    standing = await realm.desk.bills.standing(realm.organisation_id, provider_id, read.period)
    bill = read.bill
    first, last = read.days
    return NewBill(
        name=body.name,
        format=bill.format,
        sha256=hashlib.sha256(body.text.encode()).digest(),
        period=read.period,
        first_day=first,
        last_day=last,
        currency=bill.currency,
        rate=read.rate_text,
        said=_decimal(bill.total),
        rows=match(bill, read.names, standing.days, read.period, read.rate, standing.accrued, standing.home),
        contracts=standing.contracts,
    ), standing


def _refuse_early(bill: NewBill, standing: Standing, now: datetime) -> None:
    """Calls of its days must have ended, and what accrues for its fees must be whole."""
    if standing.holds:
        raise refuse(
            409,
            f"{standing.holds} calls of {bill.period.name} are under way; settle when they have ended",
            "calls_under_way",
        )
    if bill.last_day >= now.date():
        raise refuse(
            409,
            f"{bill.last_day} is not over (UTC), calls may still come; settle it from the next day on",
            "period_not_over",
        )
    if now < bill.period.ends and any(row.cause == "fee" for row in bill.rows):
        raise refuse(
            409,
            f"{bill.period.name} is not over, and fees accrue until then; settle its bill after"
            f" {bill.period.last:%Y-%m-%d}",
            "period_not_over",
        )


def _decimal(value: Fraction) -> str:
    """Up to 12 places; sums of decimals always end."""
    scaled = round(value * 10**12)
    sign, digits = "-" if scaled < 0 else "", f"{abs(scaled):013d}"
    return f"{sign}{digits[:-12]}.{digits[-12:].rstrip('0') or '0'}"


async def reconcile(realm: OperatorRealm, body: BillBody, organisation: Whose = None) -> ReconciliationView:
    """Match a provider's bill with the books day by day and model by model; with `settle` book what follows.

    Unresolved calls are settled at what the bill leaves for them, the rest goes onto the difference account,
    so that what is payable for the days of the bill is what the provider asks.
    """
    realm = await realm.enter_configuration(organisation)
    found = await realm.desk.bills.provider(realm.organisation_id, body.provider)
    if found is None:
        raise missing("provider", body.provider)
    provider_id, upstreams = found
    now = realm.office.now()
    currency = await realm.desk.tenants.currency()
    try:
        text = read_bill(body.text)
        rate, rate_text = _rate(text, body.rates, currency)
        read = _Read(text, _period(text, body.period), rate, rate_text, Names(upstreams, body.names))
        bill, standing = await _look(realm, body, provider_id, read)
    except RechenwerkError as error:
        raise refuse(422, str(error), "invalid_bill", "text") from None
    number = earlier = None
    if body.settle:
        _refuse_early(bill, standing, now)
        if not standing.closed:
            # What contracts say beside their calls stands in the books before the bill is compared with it.
            for step in realm.office.steps:
                await step.book(realm.organisation_id, bill.period, realm.caller.key_name)
            bill, standing = await _look(realm, body, provider_id, read)
        at = min(now, bill.period.last)
        try:
            number = await realm.desk.bills.settle(
                realm.organisation_id, provider_id, bill, at, realm.caller.key_name
            )
        except BookError as error:
            raise refuse(409, str(error), "billed_before", "text") from None
    else:
        earlier = await _billed_by(realm, body.provider, bill)
    return ReconciliationView(
        bill=number,
        provider=body.provider,
        name=bill.name,
        format=bill.format,
        period=bill.period.name,
        first_day=bill.first_day,
        last_day=bill.last_day,
        bill_currency=bill.currency,
        rate=bill.rate,
        said=bill.said,
        currency=currency,
        rows=[_row(row, dict(standing.contracts)) for row in bill.rows],
        total=_sums(dict(totals(bill.rows))),
        made_by=realm.caller.key_name,
        made_at=now,
        billed_by=earlier,
    )


async def _billed_by(realm: Realm, provider: str, bill: NewBill) -> int | None:
    """The standing bill that has a day of this one, of the same sort: the database would refuse it."""
    for one in await realm.desk.bills.list(realm.organisation_id):
        same = one.provider == provider and one.undone is None and bool(one.currency) == bool(bill.currency)
        if same and one.first_day <= bill.last_day and bill.first_day <= one.last_day:
            return one.id
    return None


async def list_bills(realm: OperatorRealm, organisation: Whose = None) -> BillsView:
    """Bills that were booked, with their rows; newest first."""
    realm = await realm.enter_configuration(organisation)
    currency = await realm.desk.tenants.currency()
    bills = await realm.desk.bills.list(realm.organisation_id)
    return BillsView(currency=currency, bills=[_stored(one, currency) for one in bills])


def _stored(bill: StoredBill, currency: str) -> ReconciliationView:
    sums = ("billed", "booked", "open", "settled", "difference")
    rows = [
        BillRowView(
            day=row["day"],
            until=row.get("until"),
            model=row["model"],
            contract=row["contract_name"],
            cause=row["cause"],
            detail=row["detail"],
            **{name: plain_money(row[name]) for name in sums},
        )
        for row in bill.rows
    ]
    return ReconciliationView(
        bill=bill.id,
        provider=bill.provider,
        name=bill.name,
        format=bill.format,
        period=f"{bill.period:%Y-%m}",
        first_day=bill.first_day,
        last_day=bill.last_day,
        bill_currency=bill.currency,
        rate=bill.rate,
        said=bill.said,
        currency=currency,
        rows=rows,
        total=SumsView(
            billed=plain_money(bill.billed),
            booked=plain_money(bill.booked),
            open=plain_money(sum(row["open"] for row in bill.rows)),
            settled=plain_money(bill.settled),
            difference=plain_money(bill.difference),
        ),
        made_by=bill.made_by,
        made_at=bill.made_at,
        undone=bill.undone,
        vouchers=bill.vouchers,
    )


async def show_report(
    realm: OperatorRealm, bill: int, language: Language = "de", organisation: Whose = None
) -> Response:
    """A bill that was booked as PDF, to be signed."""
    realm = await realm.enter_configuration(organisation)
    found = [one for one in await realm.desk.bills.list(realm.organisation_id) if one.id == bill]
    if not found:
        raise missing("bill", str(bill))
    currency = await realm.desk.tenants.currency()
    data = await asyncio.to_thread(report, found[0], currency, Words(language))
    return Response(data, media_type="application/pdf")


async def undo_bill(
    realm: OperatorRealm, bill: int, body: UndoBody, organisation: Whose = None
) -> UndoneView:
    """Reverse everything that a bill changed, now; then it can be read again."""
    realm = await realm.enter_configuration(organisation)
    try:
        count = await realm.desk.bills.undo(
            realm.organisation_id, bill, realm.office.now(), body.reason, realm.caller.key_name
        )
    except BookError as error:
        raise refuse(409, str(error), "undone_before", "bill") from None
    if count is None:
        raise missing("bill", str(bill))
    return UndoneView(bill=bill, reversed=count)


def add_bill_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/reconcile", reconcile, methods=["POST"], tags=["books"])
    add("/books/bills", list_bills, methods=["GET"], tags=["books"])
    add("/books/bills/{bill}.pdf", show_report, methods=["GET"], tags=["books"], response_class=Response)
    add("/books/bills/{bill}/undo", undo_bill, methods=["POST"], tags=["books"])
