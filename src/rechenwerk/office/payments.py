"""Routes of payments: what customers owe and paid, what will never be paid, and what providers are paid."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.ledger.payments import OpenDocument, OpenProject
from rechenwerk.office.access import BooksRealm, OperatorRealm, Realm, Whose
from rechenwerk.office.bodies import Amount, Body, Day, InOrganisation, Name
from rechenwerk.office.budgets.bodies import Reason, Reference
from rechenwerk.office.errors import refuse
from rechenwerk.office.payment_ports import Booked, ProviderPayment, Receipt, Received


class OwedView(BaseModel):
    """What a project owes by the accounts, without tax; `open` is what can be paid."""

    project: str
    receivable: str
    overrun: str
    unresolved: str
    open: str


class OpenView(BaseModel):
    """A project's statement and what was paid of it, with tax; `open` is what is still to be paid."""

    number: str
    project: str
    gross: str
    paid: str
    open: str
    standing: bool = Field(description="false: it was taken back")


class ReceivablesView(BaseModel):
    """What an organisation owes."""

    organisation: str
    currency: str
    projects: list[OwedView]
    documents: list[OpenView]
    open: str


class ReceiptBody(InOrganisation):
    """What a customer paid, or never will.

    Attributes:
        project: whose; left out: of whatever the organisation owes.
        document: the statement that it is of; then the amount is with tax.
        on: the day on which it came; today if left out.
        beyond: it may be more than is open.
    """

    amount: Amount
    project: Name | None = None
    document: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    on: Day | None = None
    beyond: bool = False


class PaymentBody(ReceiptBody):
    """Money that came into the bank; the bank's reference is booked once."""

    reference: Reference | None = None
    reason: Reason = "paid by the customer"


class WriteOffBody(ReceiptBody):
    """Money that will never come."""

    reason: Reason


class ReceiptView(ReceivablesView):
    """The voucher, and what is open after it."""

    voucher: int


class PayableView(BaseModel):
    """What is owed under a contract in the books of an organisation.

    Attributes:
        payable: for calls and bills, to the provider.
        accrued: what has no bill yet; in the books of who uses a shared contract: owed to its owner.
        passed_on: in the owner's books: what those owe.
    """

    provider: str
    contract: str
    organisation: str
    payable: str
    accrued: str
    passed_on: str


class PayablesView(BaseModel):
    """What is owed under the contracts of a configuration."""

    currency: str
    payables: list[PayableView]


class ProviderPaymentBody(Body):
    """What a provider was paid.

    Attributes:
        contract: under which; left out: under any of its contracts.
        on: the day; today if left out.
        beyond: it may be more than is owed: paid in advance.
    """

    provider: str = Field(min_length=1, max_length=200)
    contract: str | None = Field(None, min_length=1, max_length=200)
    amount: Amount
    reference: Reference | None = None
    reason: Reason = "paid to the provider"
    on: Day | None = None
    beyond: bool = False


class BookedView(BaseModel):
    """A voucher in the books of an organisation, and what left its bank."""

    organisation: str
    voucher: int
    amount: str


class BookedAllView(PayablesView):
    """Vouchers that were written, and what is owed after them."""

    vouchers: list[BookedView]


async def list_receivables(realm: BooksRealm) -> ReceivablesView:
    """What an organisation owes: by its projects' accounts, and by statements."""
    return await _receivables(realm)


async def _receivables(realm: Realm) -> ReceivablesView:
    found = await realm.desk.payments.receivables(realm.organisation_id)
    names = {one.id: one.name for one in found.projects}
    return ReceivablesView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        projects=[_owed(one) for one in found.projects],
        documents=[_open(one, names) for one in found.documents],
        open=plain_money(sum(one.open for one in found.projects)),
    )


def _owed(one: OpenProject) -> OwedView:
    return OwedView(
        project=one.name,
        receivable=plain_money(one.receivable),
        overrun=plain_money(one.overrun),
        unresolved=plain_money(one.unresolved),
        open=plain_money(one.open),
    )


def _open(one: OpenDocument, names: dict[int, str]) -> OpenView:
    return OpenView(
        number=one.number,
        project=names[one.project],
        gross=plain_money(one.gross),
        paid=plain_money(one.paid),
        open=plain_money(one.open),
        standing=one.standing,
    )


async def book_payment(realm: OperatorRealm, body: PaymentBody) -> ReceiptView:
    """Book what a customer paid: bank against receivable; no more than is open unless `beyond`."""
    return await _receive(realm, body, "payment", body.reason, body.reference)


async def write_off(realm: OperatorRealm, body: WriteOffBody) -> ReceiptView:
    """Book what will never be paid: bad debt against receivable; no more than is open unless `beyond`."""
    return await _receive(realm, body, "write-off", body.reason, None)


async def _receive(
    realm: Realm, body: ReceiptBody, kind: Received, reason: str, reference: str | None
) -> ReceiptView:
    realm = await realm.enter(body.organisation)
    amount = _above_zero(body.amount)
    project = None if body.project is None else await realm.project(body.project)
    receipt = Receipt(
        kind,
        amount,
        project,
        body.document,
        reference,
        reason,
        _moment(realm, body.on),
        realm.caller.key_name,
        body.beyond,
    )
    try:
        voucher = await realm.desk.payments.receive(realm.organisation_id, receipt)
    except BookError as error:
        raise refuse(409, str(error), "not_payable", "amount") from None
    shown = await _receivables(realm)
    return ReceiptView(
        organisation=shown.organisation,
        currency=shown.currency,
        projects=shown.projects,
        documents=shown.documents,
        open=shown.open,
        voucher=voucher,
    )


def _above_zero(text: str) -> int:
    amount = parse_money(text)
    if amount == 0:
        raise refuse(422, "amount: give one above zero", "invalid_value", "amount")
    return amount


def _moment(realm: Realm, day: date | None) -> datetime:
    """Noon of a day, or now; a payment is of a day that has begun."""
    now = realm.office.now()
    if day is None or day == now.date():
        return now
    if day > now.date():
        raise refuse(
            422, f"on: {day} has not come yet; say the day on which it was paid", "invalid_value", "on"
        )
    return datetime.combine(day, time(12), now.tzinfo)


async def list_payables(realm: OperatorRealm, organisation: Whose = None) -> PayablesView:
    """What is owed under the contracts of a configuration, in everybody's books."""
    return await _payables(await realm.enter_configuration(organisation))


async def _payables(realm: Realm) -> PayablesView:
    return PayablesView(
        currency=await realm.desk.tenants.currency(),
        payables=[
            PayableView(
                provider=one.provider,
                contract=one.contract,
                organisation=one.organisation,
                payable=plain_money(one.payable),
                accrued=plain_money(one.accrued),
                passed_on=plain_money(one.passed_on),
            )
            for one in await realm.desk.payments.payables(realm.organisation_id)
        ],
    )


async def pay_provider(
    realm: OperatorRealm, body: ProviderPaymentBody, organisation: Whose = None
) -> BookedAllView:
    """Book what a provider was paid, in the books that owe it: calls and bills first, then accruals."""
    realm = await realm.enter_configuration(organisation)
    payment = ProviderPayment(
        body.provider,
        body.contract,
        _above_zero(body.amount),
        body.reference,
        body.reason,
        _moment(realm, body.on),
        realm.caller.key_name,
        body.beyond,
    )
    try:
        written = await realm.desk.payments.pay(realm.organisation_id, payment)
    except BookError as error:
        raise refuse(409, str(error), "not_payable", "amount") from None
    return await _booked(realm, written)


class ClearBody(Body):
    """Whose part is paid; left out: everybody's."""

    tenant: Name | None = Field(None, description="only the part of this organisation")


async def clear_shares(realm: OperatorRealm, body: ClearBody, organisation: Whose = None) -> BookedAllView:
    """What others owe for their part of shared contracts is paid between their books and the owner's."""
    tenant = None if body.tenant is None else (await realm.enter(body.tenant)).organisation_id
    realm = await realm.enter_configuration(organisation)
    try:
        written = await realm.desk.payments.clear(
            realm.organisation_id, tenant, realm.office.now(), realm.caller.key_name
        )
    except BookError as error:
        raise refuse(409, str(error), "not_payable") from None
    return await _booked(realm, written)


async def _booked(realm: Realm, written: list[Booked]) -> BookedAllView:
    shown = await _payables(realm)
    return BookedAllView(
        currency=shown.currency,
        payables=shown.payables,
        vouchers=[
            BookedView(organisation=one.organisation, voucher=one.voucher, amount=plain_money(one.amount))
            for one in written
        ],
    )


def add_payment_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/receivables", list_receivables, methods=["GET"], tags=["books"])
    add("/books/payments", book_payment, methods=["POST"], tags=["books"])
    add("/books/write-offs", write_off, methods=["POST"], tags=["books"])
    add("/books/payables", list_payables, methods=["GET"], tags=["books"])
    add("/books/provider-payments", pay_provider, methods=["POST"], tags=["books"])
    add("/books/clearings", clear_shares, methods=["POST"], tags=["books"])
