"""Routes of the books: balance, one call, usage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.ids import decode_call, encode_call
from rechenwerk.base.money import plain_money
from rechenwerk.office import bodies
from rechenwerk.office import views_usage as views
from rechenwerk.office.access import BooksRealm
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.journal_ports import BookedCall
from rechenwerk.office.paging import Wanted, cut
from rechenwerk.office.ports import Balance
from rechenwerk.office.vouchers import period_of


def account_view(
    debit: int,
    credit: int,
    kind: str,
    project: str | None = None,
    contract: str | None = None,
    identity: int | None = None,
) -> bodies.AccountView:
    """An account as it is told."""
    return bodies.AccountView(
        id=identity,
        kind=kind,
        project=project,
        contract=contract,
        debit=plain_money(debit),
        credit=plain_money(credit),
        balance=plain_money(debit - credit),
    )


_ACCOUNT_ORDERS: Mapping[str, Callable[[Balance], object]] = MappingProxyType(
    {
        **{name: attrgetter(name) for name in ("id", "kind", "project", "contract", "debit", "credit")},
        "balance": lambda one: one.debit - one.credit,
    }
)


async def show_balance(
    realm: BooksRealm,
    wanted: Wanted,
    period: Annotated[str | None, Query(description="only what moved in this month, such as 2026-03")] = None,
    kind: Annotated[str | None, Query(max_length=1000, description="of the accounts")] = None,
) -> bodies.BalanceView:
    """Accounts with their sums, all where nothing else is asked for; `total` is of all, its balance zero."""
    month = period_of(period).starts.date() if period is not None else None
    rows = await realm.desk.books.balance(realm.organisation_id, month)
    shown, found = cut(
        rows,
        wanted,
        lambda one: (one.kind, one.project or "", one.contract or ""),
        _ACCOUNT_ORDERS,
        lambda one: kind in (None, one.kind),
    )
    return bodies.BalanceView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        accounts=[
            account_view(row.debit, row.credit, row.kind, row.project, row.contract, row.id) for row in shown
        ],
        found=found,
        whole=len(rows),
        kinds=sorted({row.kind for row in rows}),
        total=account_view(sum(row.debit for row in rows), sum(row.credit for row in rows), "total"),
    )


def call_fields(call: BookedCall) -> dict[str, Any]:
    """A call as it is told."""
    return {
        "id": encode_call(call.id),
        "attempt_of": None if call.attempt_of is None else encode_call(call.attempt_of),
        "started_at": call.started_at,
        "project": call.project,
        "key": call.key,
        "provider": call.provider,
        "contract": call.contract,
        "endpoint": call.endpoint,
        "model": call.model,
        "streamed": call.streamed,
        "outcome": call.outcome,
        "reason": call.reason,
        "status": call.status,
        "usage_source": call.usage_source,
        "usage": dict(call.usage),
        "held": plain_money(call.held),
        "price": plain_money(call.price),
        "cost": plain_money(call.cost),
        "listed": plain_money(call.listed),
        "tariff": call.tariff,
        "energy_uwh": call.energy_uwh,
        "co2_ug": call.co2_ug,
        "charged": plain_money(call.charged),
        "first_byte_us": call.first_byte_us,
        "total_us": call.total_us,
        "transfers": [
            bodies.TransferView(debit=one.debit, credit=one.credit, amount=plain_money(one.amount))
            for one in call.transfers
        ],
    }


def read_call_id(text: str, param: str) -> int:
    """An id of a call that a request names."""
    try:
        call_id = decode_call(text)
    except RechenwerkError as error:
        raise refuse(422, str(error), "invalid_value", param) from None
    if call_id >= 1 << 63:
        raise missing("call", text)
    return call_id


async def show_call(realm: BooksRealm, call_id: str) -> bodies.CallDetailView:
    """One call: usage, the provider's usage record, the decision, transfers."""
    found = await realm.desk.books.call(realm.organisation_id, read_call_id(call_id, "call_id"))
    if found is None:
        raise missing("call", call_id)
    return bodies.CallDetailView(
        **call_fields(found),
        currency=await realm.desk.tenants.currency(),
        raw_usage=found.raw_usage,
        decision=found.decision,
    )


async def explain(realm: BooksRealm, call_id: str) -> bodies.WhyView:
    """Why a call went where it went: prices, what was refused and by which rule, what was tried."""
    found = await realm.desk.books.call(realm.organisation_id, read_call_id(call_id, "call_id"))
    if found is None:
        raise missing("call", call_id)
    return bodies.WhyView(
        call=encode_call(found.id),
        attempt_of=None if found.attempt_of is None else encode_call(found.attempt_of),
        started_at=found.started_at,
        project=found.project,
        model=found.model,
        provider=found.provider,
        contract=found.contract,
        outcome=found.outcome,
        outcome_reason=found.reason,
        currency=await realm.desk.tenants.currency(),
        price=plain_money(found.price),
        cost=plain_money(found.cost),
        listed=plain_money(found.listed),
        energy_uwh=found.energy_uwh,
        co2_ug=found.co2_ug,
        decision=_decided(found.decision) if realm.is_operator else _unpriced(_decided(found.decision)),
    )


def _decided(kept: str | None) -> dict[str, Any]:
    """The decision as it was kept; one that is no document is a reason."""
    try:
        found = json.loads(kept or "{}")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"reason": kept}


def _unpriced(decided: dict[str, Any]) -> dict[str, Any]:
    """Without prices of next units: they tell what the operator agreed with its providers."""
    kept = {name: value for name, value in decided.items() if name != "price"}
    others = kept.get("alternatives")
    if isinstance(others, list):
        kept["alternatives"] = [
            {name: value for name, value in one.items() if name != "next_unit"}
            for one in others
            if isinstance(one, dict)
        ]
    return kept


async def show_usage(
    realm: BooksRealm,
    days: Annotated[int, Query(ge=1, le=400, description="how far back")] = 28,
    step: Annotated[Literal["hour", "day"], Query(description="what usage is summed over")] = "hour",
) -> views.UsageView:
    """What the organisation used, hour by hour or day by day, of each deployment; oldest first."""
    since = realm.office.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
    if step == "day":
        since = since.replace(hour=0)
    rows = await realm.desk.books.usage(realm.organisation_id, since, step)
    return views.UsageView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        step=step,
        rows=[
            views.UsageRowView(
                starts_at=row.starts_at,
                model=row.model,
                deployment=row.deployment,
                calls=row.calls,
                usage=dict(row.usage),
                cost=plain_money(row.cost),
            )
            for row in rows
        ],
    )


def add_book_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/balance", show_balance, methods=["GET"], tags=["books"])
    add("/books/calls/{call_id}/why", explain, methods=["GET"], tags=["books"])
    add("/books/usage", show_usage, methods=["GET"], tags=["books"])
    add("/books/calls/{call_id}", show_call, methods=["GET"], tags=["books"])
