"""Routes of vouchers: what stands in the books that is not a call, and how it is reversed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from rechenwerk.base.errors import BookError, RechenwerkError
from rechenwerk.base.ids import encode_call
from rechenwerk.base.money import plain_money
from rechenwerk.ledger.periods import Period, month_of, parse_period
from rechenwerk.office.access import BooksRealm, OperatorRealm, Realm
from rechenwerk.office.bodies import Body, TransferView
from rechenwerk.office.errors import missing, refuse


class VoucherView(BaseModel):
    """A voucher; `at` is in the period that it belongs to."""

    id: int
    kind: str
    at: datetime
    reason: str
    made_by: str
    call: str | None
    reverses: int | None
    reversed_by: int | None
    details: dict[str, Any]
    booked_at: datetime
    transfers: list[TransferView]


class VouchersView(BaseModel):
    """Vouchers, newest first; `next` is where the older ones begin."""

    organisation: str
    currency: str
    vouchers: list[VoucherView]
    next: int | None


class ReverseBody(Body):
    """Why a voucher is reversed."""

    reason: str = Field(min_length=1, max_length=500)


class ReversedView(BaseModel):
    """The voucher that mirrors another."""

    voucher: int
    reverses: int


def period_of(text: str, param: str = "period") -> Period:
    """A period that a request names, refused with one line where it is none."""
    try:
        return parse_period(text)
    except RechenwerkError as error:
        raise refuse(422, str(error), "invalid_value", param) from None


def begun_period(realm: Realm, text: str | None) -> Period:
    """A period that a request names, this month where it names none; one that has not begun is refused."""
    now = month_of(realm.office.now())
    found = now if text is None else period_of(text)
    if found.starts > now.starts:
        what = f"{found.name} has not begun; name {now.name} or a month before"
        raise refuse(422, what, "invalid_value", "period")
    return found


async def list_vouchers(
    realm: BooksRealm,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[int | None, Query(description="only vouchers older than this one")] = None,
    period: Annotated[str | None, Query(description="only of this month, such as 2026-03")] = None,
) -> VouchersView:
    """Vouchers with their transfers, newest first."""
    span = period_of(period) if period is not None else None
    found = await realm.desk.vouchers.list(
        realm.organisation_id,
        limit,
        before,
        None if span is None else span.starts,
        None if span is None else span.ends,
    )
    return VouchersView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        vouchers=[
            VoucherView(
                id=one.id,
                kind=one.kind,
                at=one.at,
                reason=one.reason,
                made_by=one.made_by,
                call=None if one.call is None else encode_call(one.call),
                reverses=one.reverses,
                reversed_by=one.reversed_by,
                details=dict(one.details),
                booked_at=one.booked_at,
                transfers=[
                    TransferView(debit=line.debit, credit=line.credit, amount=plain_money(line.amount))
                    for line in one.lines
                ],
            )
            for one in found
        ],
        next=found[-1].id if len(found) == limit else None,
    )


async def reverse_voucher(realm: OperatorRealm, voucher_id: int, body: ReverseBody) -> ReversedView:
    """Book the opposite of a voucher, in its own month while that is open, else now; once."""
    vouchers = realm.desk.vouchers
    try:
        # In its own month while that is open: steps look at what stands in a month.
        at = await vouchers.own_moment(realm.organisation_id, voucher_id) or realm.office.now()
        made = await vouchers.reverse(
            realm.organisation_id, voucher_id, at, body.reason, realm.caller.key_name
        )
    except BookError as error:
        raise refuse(409, str(error), "not_reversible", "voucher_id") from None
    if made is None:
        raise missing("voucher", str(voucher_id))
    return ReversedView(voucher=made, reverses=voucher_id)


def add_voucher_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/vouchers", list_vouchers, methods=["GET"], tags=["books"])
    add("/books/vouchers/{voucher_id}/reverse", reverse_voucher, methods=["POST"], tags=["books"])
