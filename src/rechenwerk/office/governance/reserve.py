"""Routes of the reserve and of emergency draws on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.contracts.capacity import PoolState, shrink_refusal
from rechenwerk.contracts.emergency import (
    Draw,
    Limits,
    approval_refusal,
    request_refusal,
)
from rechenwerk.office.access import EmergencyRealm, MemberRealm, OperatorRealm, Realm, SecondRealm, Whose
from rechenwerk.office.errors import accept, missing, refuse
from rechenwerk.office.governance import bodies
from rechenwerk.office.governance.borrowing import borrowers
from rechenwerk.office.governance.ports import DrawRow, ReserveRow
from rechenwerk.office.ports import OPERATOR

_DAYS = 30


def _time(epoch: int | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)


def _draw(row: DrawRow, now: datetime) -> bodies.DrawView:
    draw = row.draw
    second = draw.approved_by
    return bodies.DrawView(
        id=draw.id,
        pool=row.pool,
        taken_from=draw.taken_from,
        given_to=draw.given_to,
        only_for=row.only_for,
        amount=draw.amount,
        minutes=draw.seconds // 60,
        reason=draw.reason,
        state=draw.state(now.timestamp()),
        requested_by=draw.requested_by.name,
        requested_key=draw.requested_by.key,
        requested_at=datetime.fromtimestamp(draw.requested_at, UTC),
        approved_by=second.name if second else None,
        approved_key=second.key if second else None,
        approved_at=_time(draw.approved_at),
        ends_at=_time(draw.ends),
    )


async def show_reserve(
    realm: MemberRealm,
    organisation: Whose = None,
    days: Annotated[int, Query(ge=1, le=366, description="of use, back from today")] = _DAYS,
) -> bodies.ReservesView:
    """What is kept for the classes of every pool, who used them and who borrowed; the emergency draws."""
    owner = await realm.owner(organisation)
    return await _view(realm, owner, days)


async def _view(realm: Realm, owner: int, days: int = _DAYS) -> bodies.ReservesView:
    reserves = realm.desk.governance.reserves
    now = realm.office.now()
    since = now.astimezone(UTC).date() - timedelta(days=days - 1)
    kept = await reserves.reserves(owner)
    pools = await realm.desk.governance.capacity.pools(owner, now) if kept else []
    uses = await reserves.used(owner, since) if kept else []
    return bodies.ReservesView(
        since=since,
        borrowers=[
            bodies.BorrowerView(**msgspec.structs.asdict(one))
            for one in borrowers(kept, {one.name: one.capacity for one in pools}, uses)
        ],
        reserves=[
            bodies.ReserveView(
                pool=row.pool,
                service=row.service,
                nominal=row.nominal,
                lendable=row.lendable,
                reclaim=row.reclaim,
                draw_most=row.draw_most,
                draw_minutes=row.draw_seconds // 60,
            )
            for row in kept
        ],
        draws=[_draw(row, now) for row in await reserves.draws(owner)],
    )


async def set_reserve(
    realm: OperatorRealm, body: bodies.ReserveBody, organisation: Whose = None
) -> bodies.ReservesView:
    """Keep capacity for a class; refused when the pool would promise more than it has."""
    owner = await realm.owner(body.organisation or organisation)
    now = realm.office.now()
    lendable = body.nominal if body.lendable is None else body.lendable
    for name, value in (("lendable", lendable), ("draw_most", body.draw_most)):
        if value > body.nominal:
            raise refuse(422, f"{name}: at most the nominal, {body.nominal:,}", "invalid_value", name)

    def decide(pool: PoolState, kept: int) -> Refusal | None:
        return None if kept <= pool.kept else shrink_refusal(pool, pool.total, kept, int(now.timestamp()))

    row = ReserveRow(
        body.pool,
        body.service,
        body.nominal,
        lendable,
        body.reclaim,
        body.draw_most,
        body.draw_minutes * 60,
    )
    accept(await realm.desk.governance.reserves.set_reserve(realm.actor(), owner, row, now, decide))
    return await _view(realm, owner)


async def request_draw(
    realm: EmergencyRealm, body: bodies.DrawBody, organisation: Whose = None
) -> bodies.DrawView:
    """Ask for an emergency draw; it begins when a second person approves it."""
    owner = await realm.owner(body.organisation or organisation)
    now = realm.office.now()
    only = await realm.desk.tenants.organisation(body.only_for) if body.only_for else None
    if body.only_for and (only is None or owner not in (OPERATOR, only.id)):
        raise missing("organisation", body.only_for)
    wanted = Draw(
        id=0,
        taken_from=body.taken_from,
        given_to=body.given_to,
        amount=body.amount,
        seconds=body.minutes * 60,
        reason=body.reason,
        requested_by=realm.actor(),
        requested_at=int(now.timestamp()),
        organisation=only.id if only else 0,
    )

    def decide(limits: Limits) -> Refusal | None:
        return request_refusal(limits, wanted)

    reserves = realm.desk.governance.reserves
    return _draw(accept(await reserves.request(realm.actor(), owner, body.pool, wanted, decide)), now)


async def approve_draw(
    realm: SecondRealm, draw: bodies.Number, organisation: Whose = None
) -> bodies.DrawView:
    """Approve somebody else's emergency draw; it begins now and ends by itself."""
    owner = await realm.owner(organisation)
    now = realm.office.now()

    def decide(stands: Draw, limits: Limits, others: int) -> Refusal | None:
        return approval_refusal(stands, limits, others, realm.actor(), int(now.timestamp()))

    reserves = realm.desk.governance.reserves
    return _draw(accept(await reserves.approve(realm.actor(), owner, draw, now, decide)), now)


async def end_draw(realm: SecondRealm, draw: bodies.Number, organisation: Whose = None) -> bodies.DrawView:
    """End an emergency draw before its time, or withdraw a request; one person is enough."""
    owner = await realm.owner(organisation)
    now = realm.office.now()

    def decide(stands: Draw) -> Refusal | None:
        state = stands.state(now.timestamp())
        if state in ("requested", "active"):
            return None
        return bad_request(f"emergency draw {draw} is over already", None, f"emergency_{state}", 409)

    reserves = realm.desk.governance.reserves
    ended = accept(await reserves.end(realm.actor(), owner, draw, now, decide))
    return _draw(ended, now + timedelta(seconds=1))  # it is over from the second that has begun


def add_reserve_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/reserve", show_reserve, methods=["GET"], tags=["reserve"])
    add("/reserve", set_reserve, methods=["PUT"], tags=["reserve"])
    add("/reserve/draws", request_draw, methods=["POST"], status_code=201, tags=["reserve"])
    add("/reserve/draws/{draw}/approve", approve_draw, methods=["POST"], tags=["reserve"])
    add("/reserve/draws/{draw}/end", end_draw, methods=["POST"], tags=["reserve"])
