"""Routes of pools, their tariffs, and what is sold of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.base.money import parse_decimal, plain_money
from rechenwerk.contracts.capacity import (
    PoolState,
    Sold,
    fee,
    per_minute,
    refund,
    sale_refusal,
    shrink_refusal,
)
from rechenwerk.office.access import BooksRealm, MemberRealm, OperatorRealm, Realm, Whose
from rechenwerk.office.bodies import Name
from rechenwerk.office.errors import accept, missing, refuse
from rechenwerk.office.governance import bodies
from rechenwerk.office.governance.ports import MemberName, PoolRow, PoolWish, Priced, SaleRow, SaleWish

_MOST = 10**27
"""Nano-units of one sale, a million times a trillion; sums in the books have 38 digits."""


def _pool(row: PoolRow, currency: str) -> bodies.PoolView:
    left = row.capacity - row.kept - row.peak
    return bodies.PoolView(
        name=row.name,
        capacity=row.capacity,
        kept=row.kept,
        sold=row.sold,
        free=max(0, left),
        short=max(0, -left),
        members=[bodies.Members.model_validate(msgspec.structs.asdict(one)) for one in row.members],
        tariffs=dict(row.tariffs),
        currency=currency,
        tokens_per_gpu_hour=row.tokens_per_gpu_hour,
        small_grant=row.policy.small,
        medium_grant=row.policy.medium,
        idle_days=row.policy.idle_days,
        least_share=row.policy.least_share,
        notice_days=row.policy.notice_days,
    )


async def list_pools(realm: MemberRealm, organisation: Whose = None) -> bodies.PoolsView:
    """Pools of deployments: what they have, what is kept, sold and free, in tokens per minute."""
    rows = await realm.desk.governance.capacity.pools(await realm.owner(organisation), realm.office.now())
    currency = await realm.desk.tenants.currency()
    return bodies.PoolsView(pools=[_pool(row, currency) for row in rows])


async def set_pool(
    realm: OperatorRealm, name: Name, body: bodies.PoolBody, organisation: Whose = None
) -> bodies.PoolView:
    """Make or change a pool; refused when less would be left than what is kept and sold."""
    members: dict[MemberName, int | None] | None = None
    if body.members is not None:
        members = {(one.model, one.provider, one.contract): one.tokens_per_minute for one in body.members}
        if len(members) < len(body.members):
            raise refuse(422, "members: name each deployment once", "invalid_value", "members")
    owner = await realm.owner(body.organisation or organisation)
    now = realm.office.now()
    small, medium = body.small_grant, body.medium_grant
    stands = await _shown(realm, owner, name)
    least = small if small is not None else (stands.policy.small if stands else 0)
    if medium is not None and medium < least:
        raise refuse(422, "medium_grant: a medium grant is larger than a small one", "invalid_value")
    if small is not None and medium is None and stands is not None and small > stands.policy.medium:
        raise refuse(422, "small_grant: a small grant is smaller than a medium one", "invalid_value")

    def decide(pool: PoolState, total: int) -> Refusal | None:
        if total >= pool.total:
            return None
        return shrink_refusal(pool, total, pool.kept, int(now.timestamp()))

    wish = PoolWish(
        name,
        members,
        body.tokens_per_gpu_hour,
        small,
        medium,
        body.idle_days,
        body.least_share,
        body.notice_days,
    )
    accept(await realm.desk.governance.capacity.set_pool(realm.actor(), owner, wish, now, decide))
    return await _view(realm, owner, name)


async def set_tariff(
    realm: OperatorRealm, name: Name, body: bodies.TariffBody, organisation: Whose = None
) -> bodies.PoolView:
    """From now on capacity of a pool is sold at this rate; what was sold keeps the rate of its sale."""
    owner = await realm.owner(body.organisation or organisation)
    capacity = realm.desk.governance.capacity
    accept(await capacity.set_tariff(realm.actor(), owner, name, body.unit, body.rate, realm.office.now()))
    return await _view(realm, owner, name)


async def _shown(realm: Realm, owner: int, name: str) -> PoolRow | None:
    rows = await realm.desk.governance.capacity.pools(owner, realm.office.now())
    return next((row for row in rows if row.name == name), None)


async def _view(realm: Realm, owner: int, name: str) -> bodies.PoolView:
    row = await _shown(realm, owner, name)
    if row is None:
        raise missing("pool", name)
    return _pool(row, await realm.desk.tenants.currency())


def _state(row: SaleRow, now: datetime) -> Literal["planned", "active", "over", "cancelled"]:
    if row.cancelled_at is not None:
        return "cancelled"
    if now < row.starts_at:
        return "planned"
    return "active" if now < row.ends_at else "over"


def _sale(row: SaleRow, now: datetime) -> bodies.SaleView:
    return bodies.SaleView(
        id=row.id,
        organisation=row.organisation,
        project=row.project,
        pool=row.pool,
        unit=row.unit,
        amount=row.amount,
        lendable=row.lendable,
        reclaim=row.reclaim,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        state=_state(row, now),
        rate=row.rate,
        fee=plain_money(row.fee),
        refunded=plain_money(row.refunded),
        currency=row.currency,
        sold_at=row.sold_at,
        cancelled_at=row.cancelled_at,
    )


def _sales(realm: Realm, rows: Sequence[SaleRow]) -> bodies.SalesView:
    return bodies.SalesView(sales=[_sale(row, realm.office.now()) for row in rows])


async def list_sales(realm: MemberRealm) -> bodies.SalesView:
    """What the organisation bought."""
    return _sales(realm, await realm.desk.governance.capacity.sales(realm.organisation_id))


async def list_sold(
    realm: OperatorRealm,
    pool: Annotated[Name | None, Query(description="only of this pool")] = None,
    organisation: Whose = None,
) -> bodies.SalesView:
    """What was sold of the operator's pools, to whomever."""
    owner = await realm.owner(organisation)
    return _sales(realm, await realm.desk.governance.capacity.sold(owner, pool))


async def sell(realm: OperatorRealm, body: bodies.SaleBody) -> bodies.SaleView:
    """Sell capacity of a pool for a period and book the fee; what is not free is refused, with what is."""
    owner = await realm.owner(None)
    buyer = await realm.enter(body.organisation)
    now = realm.office.now()
    wanted = Sold(body.unit, body.amount, int(body.starts_at.timestamp()), int(body.ends_at.timestamp()))
    pace = per_minute(body.unit, body.amount)
    if body.lendable is not None and body.lendable > pace:
        raise refuse(
            422, f"lendable: at most all of it, {pace:,} tokens per minute", "invalid_value", "lendable"
        )

    def decide(pool: PoolState, rate: str | None) -> Priced | Refusal:
        refusal = sale_refusal(pool, wanted, int(now.timestamp()))
        if refusal is not None:
            return refusal
        if rate is None:
            return bad_request(
                f"pool {pool.name!r} has no tariff for {wanted.unit}: set one with"
                " `rechenwerk capacity tariff`, or give --rate",
                "rate",
                "no_tariff",
                409,
            )
        due = fee(wanted.unit, wanted.amount, parse_decimal(rate), wanted.starts, wanted.ends)
        if due >= _MOST:
            return bad_request("this costs more than the books can hold", "rate", "invalid_value", 422)
        return Priced(rate, due)

    wish = SaleWish(
        organisation_id=buyer.organisation_id,
        project_id=await buyer.project(body.project),
        unit=body.unit,
        amount=body.amount,
        lendable=pace if body.lendable is None else body.lendable,
        reclaim=body.reclaim,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        rate=body.rate,
    )
    capacity = realm.desk.governance.capacity
    return _sale(accept(await capacity.sell(realm.actor(), owner, body.pool, wish, now, decide)), now)


async def cancel(realm: OperatorRealm, sale: bodies.Number, organisation: Whose = None) -> bodies.SaleView:
    """End a sale now; the fee of the time that is not over is paid back."""
    owner = await realm.owner(organisation)
    now = realm.office.now()

    def back(row: SaleRow) -> int:
        starts, ends = int(row.starts_at.timestamp()), int(row.ends_at.timestamp())
        return refund(row.fee, starts, ends, int(now.timestamp()))

    return _sale(
        accept(await realm.desk.governance.capacity.cancel(realm.actor(), owner, sale, now, back)), now
    )


async def list_fees(realm: BooksRealm) -> bodies.FeesView:
    """Fees of the organisation: what it owes for something else than calls."""
    rows = await realm.desk.governance.capacity.fees(realm.organisation_id)
    return bodies.FeesView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        fees=[
            bodies.FeeView(
                id=-row.id,
                project=row.project,
                kind=row.kind,
                sale=row.sale,
                amount=plain_money(row.amount),
                reason=row.reason,
                booked_at=row.booked_at,
            )
            for row in rows
        ],
    )


def add_capacity_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/pools", list_pools, methods=["GET"], tags=["capacity"])
    add("/pools/{name}", set_pool, methods=["PUT"], tags=["capacity"])
    add("/pools/{name}/tariff", set_tariff, methods=["PUT"], tags=["capacity"])
    add("/sales", list_sales, methods=["GET"], tags=["capacity"])
    add("/sales", sell, methods=["POST"], status_code=201, tags=["capacity"])
    add("/sales/{sale}/cancel", cancel, methods=["POST"], tags=["capacity"])
    add("/sold", list_sold, methods=["GET"], tags=["capacity"])
    add("/books/fees", list_fees, methods=["GET"], tags=["books"])
