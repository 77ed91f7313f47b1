"""Routes of costs: book what a period needs, and the margin of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from rechenwerk.base.money import plain_money
from rechenwerk.office.access import BooksRealm, OperatorRealm, Realm
from rechenwerk.office.bodies import Name
from rechenwerk.office.costing import views
from rechenwerk.office.costing.margin import By, Margin, MarginLine, margin_of
from rechenwerk.office.errors import refuse
from rechenwerk.office.vouchers import begun_period


def _may_see_all(realm: Realm) -> None:
    if not realm.is_operator:
        raise refuse(403, "only the scope 'operator' sees all organisations; leave it out", "missing_scope")


async def accrue(realm: OperatorRealm, body: views.AccrueBody) -> views.AccruedView:
    """Book what a period needs before it is looked at or closed; nothing is closed."""
    realm = await realm.enter(body.organisation)
    period = begun_period(realm, body.period)
    whose = [(realm.organisation_id, realm.organisation)]
    if body.everyone:
        whose = [(one.id, one.name) for one in await realm.desk.tenants.organisations()]
    steps = []
    for identity, name in whose:
        for step in realm.office.steps:
            made = await step.book(identity, period, realm.caller.key_name)
            steps.append(views.StepView(organisation=name, step=step.name, vouchers=made))
    return views.AccruedView(period=period.name, steps=steps)


async def show_margin(
    realm: BooksRealm,
    period: Annotated[
        str | None, Query(description="a month such as 2026-03; without one this month")
    ] = None,
    by: Annotated[By, Query(description="what a line is of")] = "organisation",
    everyone: Annotated[bool, Query(description="of all organisations; needs operator")] = False,
    organisation: Annotated[Name | None, Query(include_in_schema=False)] = None,
) -> views.MarginView:
    """Revenue, what calls cost, what was allocated to them, and what is left; idle capacity apart."""
    span = begun_period(realm, period)
    if everyone:
        _may_see_all(realm)
    everyone = everyone or (realm.is_operator and organisation is None and by == "organisation")
    facts = await realm.desk.costs.margin(None if everyone else realm.organisation_id, span)
    found = margin_of(facts, by, everyone=everyone)
    shown = _view(
        found, None if everyone else realm.organisation, span.name, by, await realm.desk.tenants.currency()
    )
    shown.runs = realm.office.now() < span.ends
    return shown


def _view(found: Margin, organisation: str | None, period: str, by: str, currency: str) -> views.MarginView:
    return views.MarginView(
        organisation=organisation,
        period=period,
        by=by,
        currency=currency,
        lines=[_line(one) for one in found.lines],
        total=_line(found.total),
        idle=[
            views.IdleView(
                organisation=one.organisation,
                contract=one.contract,
                amount=plain_money(one.amount),
                used=one.used,
            )
            for one in found.idle
        ],
        idle_total=plain_money(found.idle_total),
        difference=plain_money(found.difference),
        bad_debt=plain_money(found.bad_debt),
        result=plain_money(found.result),
        losses=[_line(one) for one in found.losses],
    )


def _line(one: MarginLine) -> views.MarginLineView:
    return views.MarginLineView(
        name=one.name,
        calls=one.calls,
        revenue=plain_money(one.revenue),
        adjustments=plain_money(one.adjustments),
        net=plain_money(one.net),
        direct=plain_money(one.direct),
        allocated=plain_money(one.allocated),
        cost=plain_money(one.cost),
        contribution=plain_money(one.contribution),
        percent=one.percent,
        unresolved_price=plain_money(one.unresolved_price),
        unresolved_cost=plain_money(one.unresolved_cost),
    )


def add_cost_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/accrue", accrue, methods=["POST"], tags=["books"])
    add("/books/margin", show_margin, methods=["GET"], tags=["books"])
