"""Routes of prepaid wallets: pay in, pay back, and what moved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from rechenwerk.base.money import format_money, parse_money, plain_money
from rechenwerk.ledger.periods import month_of
from rechenwerk.office.access import MoneyRealm, OperatorRealm, Realm
from rechenwerk.office.bodies import Name
from rechenwerk.office.budgets import bodies
from rechenwerk.office.budgets.ports import BudgetUse, Movement, Note, TwiceError
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.vouchers import period_of

_PATIENCE = 1.5
"""Seconds that gateway processes have to give back what lies idle, before a refund is refused."""
_POLL = 0.02


async def list_wallets(realm: MoneyRealm) -> bodies.WalletsView:
    """The prepaid wallets of an organisation."""
    return await _view(realm)


async def open_wallet(realm: OperatorRealm, body: bodies.WalletBody) -> bodies.WalletsView:
    """From now on calls of the organisation, or of one project, need money in a wallet."""
    realm = await realm.enter(body.organisation)
    await realm.desk.budgets.wallets.open(realm.organisation_id, await _project(realm, body.project))
    return await _view(realm)


async def top_up(realm: OperatorRealm, body: bodies.TopupBody) -> bodies.PaidView:
    """Book money that was paid in: from bank to the wallet, which is opened when there is none."""
    realm = await realm.enter(body.organisation)
    wallets, project = realm.desk.budgets.wallets, await _project(realm, body.project)
    amount = parse_money(body.amount)
    if amount == 0:
        raise refuse(422, "amount: nothing was paid in; give an amount above zero", "invalid_value", "amount")
    note = Note(realm.office.now(), realm.caller.key_name, body.reason, body.reference)
    try:
        voucher = await wallets.topup(realm.organisation_id, project, amount, note)
    except TwiceError as error:
        raise refuse(409, str(error), "booked_before", "reference") from None
    return await _paid(realm, voucher)


async def pay_back(realm: OperatorRealm, body: bodies.RefundBody) -> bodies.PaidView:
    """Pay back what is free: what calls have spent or hold stays. Idle slices are called in before."""
    realm = await realm.enter(body.organisation)
    guard = await _wallet(realm, body.project)
    amount = None if body.amount is None else parse_money(body.amount)
    if amount == 0:
        raise refuse(422, "amount: give one above zero, or null for all", "invalid_value", "amount")
    use = await _use(realm, guard)
    if use.left == 0 or (amount is not None and amount > use.left):
        raise _too_much(use, await realm.desk.tenants.currency())
    note = Note(realm.office.now(), realm.caller.key_name, body.reason, body.reference)
    voucher = await _refund(realm, use, amount, note)
    if voucher is None:
        raise _too_much(await _use(realm, guard), await realm.desk.tenants.currency())
    return await _paid(realm, voucher)


async def close_wallet(realm: OperatorRealm, body: bodies.WalletBody) -> bodies.WalletsView:
    """From now on calls need no wallet; everything in it must have been paid back before."""
    realm = await realm.enter(body.organisation)
    guard = await _wallet(realm, body.project)
    if not await realm.desk.budgets.wallets.close(realm.organisation_id, guard):
        raise refuse(
            409,
            "something is in the wallet or under way; pay it back first: wallet refund",
            "wallet_not_empty",
        )
    return await _view(realm)


async def show_statement(
    realm: MoneyRealm,
    project: Annotated[Name | None, Query(description="of its wallet; else the organisation's")] = None,
    period: Annotated[str | None, Query(description="a month such as 2026-03; else the current one")] = None,
) -> bodies.StatementView:
    """What moved in a wallet in a month, with the balance after each movement."""
    span = month_of(realm.office.now()) if period is None else period_of(period)
    guard = await _wallet(realm, project)
    use = await _use(realm, guard)
    moved = await realm.desk.budgets.wallets.movements(realm.organisation_id, guard, span.starts)
    # Backwards from the balance now, so that nothing older has to be looked at.
    opening = use.amount - use.posted - sum(one.amount for one in moved)
    inside = [one for one in moved if one.at < span.ends]
    return bodies.StatementView(
        organisation=realm.organisation,
        project=use.project,
        currency=await realm.desk.tenants.currency(),
        period=span.name,
        opening=plain_money(opening),
        closing=plain_money(opening + sum(one.amount for one in inside)),
        movements=_movements(opening, inside),
    )


def _movements(balance: int, moved: Sequence[Movement]) -> list[bodies.MovementView]:
    shown = []
    for one in moved:
        balance += one.amount
        shown.append(
            bodies.MovementView(
                at=one.at,
                kind=one.kind,
                calls=one.calls,
                amount=plain_money(one.amount),
                balance=plain_money(balance),
                voucher=one.voucher,
                text=one.text,
            )
        )
    return shown


async def _refund(realm: Realm, use: BudgetUse, amount: int | None, note: Note) -> int | None:
    """All of it once gateways have given back what lies idle, or what is free when they had their time."""
    wallets, loop = realm.desk.budgets.wallets, asyncio.get_running_loop()
    wanted = use.left if amount is None else amount
    until = loop.time() + _PATIENCE
    await wallets.recall(use.guard)
    while True:
        try:
            voucher = await wallets.refund(realm.organisation_id, use.guard, wanted, note)
            if voucher is not None:
                return voucher
            if loop.time() > until:
                if amount is not None:
                    return None
                return await wallets.refund(realm.organisation_id, use.guard, None, note)
        except TwiceError as error:
            raise refuse(409, str(error), "booked_before", "reference") from None
        await asyncio.sleep(_POLL)


def _too_much(use: BudgetUse, currency: str) -> Exception:
    return refuse(
        409,
        f"{format_money(use.left, currency)} of the wallet are free; calls under way hold"
        f" {format_money(use.held, currency)}: pay back no more than is free, or wait until they have ended",
        "not_free",
        "amount",
    )


async def _project(realm: Realm, name: str | None) -> int | None:
    return None if name is None else await realm.project(name)


async def _wallet(realm: Realm, project: str | None) -> int:
    guard = await realm.desk.budgets.wallets.find(realm.organisation_id, await _project(realm, project))
    if guard is None:
        raise missing("wallet", project or realm.organisation)
    return guard


async def _uses(realm: Realm) -> list[BudgetUse]:
    found = await realm.desk.budgets.budgets.uses(realm.organisation_id, realm.office.windows())
    return [one for one in found if one.wallet]


async def _use(realm: Realm, guard: int) -> BudgetUse:
    return next(one for one in await _uses(realm) if one.guard == guard)


async def _paid(realm: Realm, voucher: int) -> bodies.PaidView:
    shown = await _view(realm)
    return bodies.PaidView(
        organisation=shown.organisation, currency=shown.currency, wallets=shown.wallets, voucher=voucher
    )


async def _view(realm: Realm) -> bodies.WalletsView:
    return bodies.WalletsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        wallets=[
            bodies.WalletView(
                project=one.project,
                paid_in=plain_money(one.amount),
                used=plain_money(one.posted),
                held=plain_money(one.held),
                left=plain_money(one.left),
                state="open" if one.left else "empty",
            )
            for one in await _uses(realm)
        ],
    )


def add_wallet_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/wallets", list_wallets, methods=["GET"], tags=["wallets"])
    add("/wallets", open_wallet, methods=["POST"], tags=["wallets"])
    add("/wallets/topup", top_up, methods=["POST"], tags=["wallets"])
    add("/wallets/refund", pay_back, methods=["POST"], tags=["wallets"])
    add("/wallets/close", close_wallet, methods=["POST"], tags=["wallets"])
    add("/wallets/statement", show_statement, methods=["GET"], tags=["wallets"])
