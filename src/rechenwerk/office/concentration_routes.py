"""The route of concentration: shares, caps, and what stops if an owner fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter, Query

from rechenwerk.base.money import plain_money
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.contracts.advice_view import decimal
from rechenwerk.contracts.concentration import Cap, Facts, Failure, Share, Spread, breaches, failure, spreads
from rechenwerk.office import views_usage as views
from rechenwerk.office.access import OperatorRealm, Realm, Whose
from rechenwerk.office.concentration import facts, refused
from rechenwerk.office.errors import missing
from rechenwerk.office.ports import OPERATOR, Configured

_SHARE_PLACES = 4


async def show_concentration(
    realm: OperatorRealm,
    days: Annotated[int, Query(ge=1, le=366, description="the window of spend and calls")] = 30,
    owner_fails: Annotated[
        str | None, Query(description="report what stops if this owner fails", max_length=200)
    ] = None,
    organisation: Whose = None,
) -> views.ConcentrationView:
    """Shares of spend, capacity and commitments by provider and owner; caps; what stops if an owner fails.

    Of the contracts of a configuration, whoever uses them; without `organisation` of those shared with all.
    """
    realm = await realm.enter_configuration(organisation)
    desk, now = realm.desk, realm.office.now()
    second = int(now.timestamp())
    configured = await desk.configuration.read(realm.organisation_id)
    shared = await desk.configuration.read(OPERATOR) if realm.organisation_id != OPERATOR else None
    contracts = await desk.positions.contracts(realm.organisation_id)
    draws = await desk.positions.draws(realm.organisation_id, None)
    served = await desk.concentration.served(realm.organisation_id, now - timedelta(days=days))

    def measure(window: int) -> Facts:
        return facts(configured, contracts, draws, served, second, window, shared)

    measured = measure(days)
    return views.ConcentrationView(
        organisation=realm.organisation,
        currency=await desk.tenants.currency(),
        days=days,
        spreads=[_spread(one) for one in spreads(measured)],
        caps=[_cap(cap, spreads(measure(cap.window_days))) for cap in configured.caps if cap.active],
        failure=None if owner_fails is None else _failure(measured, owner_fails),
    )


async def check_hard_caps(realm: Realm, wanted: Configured) -> None:
    """Refuse a configuration that breaks its own hard caps on capacity or commitments.

    Raises:
        MistakesError: with the line of the cap.
    """
    draws = await realm.desk.positions.draws(realm.organisation_id, None)
    if mistakes := refused(wanted, draws, int(realm.office.clock.now())):
        raise MistakesError(mistakes)


def _spread(one: Spread) -> views.SpreadView:
    return views.SpreadView(
        dimension=one.dimension,
        by=one.by,
        total=_amount(one.dimension, one.total),
        hhi=one.hhi,
        untold=one.untold,
        shares=[_share(one.dimension, share) for share in one.shares],
    )


def _amount(dimension: str, amount: int) -> str:
    return str(amount) if dimension == "capacity" else plain_money(amount)


def _share(dimension: str, one: Share) -> views.ShareView:
    return views.ShareView(name=one.name, amount=_amount(dimension, one.amount), share=_part(one.share))


def _part(share: Fraction) -> str:
    return decimal(share, _SHARE_PLACES)


def _cap(cap: Cap, found: Sequence[Spread]) -> views.CapView:
    above = {one.name for one in breaches([cap], found)}
    whole = next(one for one in found if (one.dimension, one.by) == (cap.dimension, cap.by))
    return views.CapView(
        name=cap.name,
        dimension=cap.dimension,
        by=cap.by,
        of=cap.of,
        at_most=f"{cap.at_most.normalize():f}",
        rule="hard" if cap.hard else "soft",
        window_days=cap.window_days,
        above=[_share(cap.dimension, one) for one in whole.shares if one.name in above],
    )


def _failure(measured: Facts, owner: str) -> views.FailureView:
    owners = {one.owner for one in measured.held} | {one.owner for one in measured.sources}
    if owner not in owners:
        raise missing("owner", owner)
    found: Failure = failure(measured, owner)
    return views.FailureView(
        owner=found.owner,
        providers=list(found.providers),
        models=list(found.models),
        lost=[views.LostView(model=one.model, data_class=one.data_class) for one in found.lost],
        classes=list(found.classes),
        calls=found.calls,
        touched=found.touched,
        stopped=found.stopped,
        critical=found.critical,
        critical_touched=found.critical_touched,
        critical_stopped=found.critical_stopped,
        capacity=_part(found.capacity),
        payable=plain_money(found.payable),
        at_risk=plain_money(found.at_risk),
    )


def add_concentration_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    router.add_api_route("/concentration", show_concentration, methods=["GET"], tags=["configuration"])
