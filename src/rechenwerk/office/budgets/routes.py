"""Routes of budgets: all of an organisation as a tree, and those of the organisation and of keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query

from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.ledger.guards import NEVER, Period, window_bounds
from rechenwerk.office import bodies
from rechenwerk.office.access import KeysRealm, MoneyRealm, OperatorRealm, Realm
from rechenwerk.office.bodies import Name
from rechenwerk.office.budgets.bodies import BudgetLine, BudgetsView
from rechenwerk.office.budgets.outlook import forecast, percent
from rechenwerk.office.budgets.ports import BudgetUse
from rechenwerk.office.errors import refuse
from rechenwerk.office.paging import Cut, Wanted, cut
from rechenwerk.office.ports import Guard
from rechenwerk.office.tenants import pick_key

_FULL = 80
"""Percent of a budget from which on it deserves a look."""


async def list_budgets(
    realm: MoneyRealm,
    wanted: Wanted,
    project: Annotated[Name | None, Query(description="and its keys'")] = None,
    key: Annotated[int | None, Query(ge=1, le=1 << 62, description="of the key with this id")] = None,
    period: Period | None = None,
    kind: Literal["organisation", "project", "key"] | None = None,
    look: Annotated[
        bool, Query(description="only what deserves a look: used to 80 %, or more is to come than there is")
    ] = False,
    shared: Annotated[bool, Query(description="without those of keys")] = False,
) -> BudgetsView:
    """Budgets and wallets of an organisation: what each window has used, holds and has left."""

    def fits(use: BudgetUse) -> bool:
        return (
            period in (None, use.period) and kind in (None, _kind(use)) and (not look or _deserves(use, now))
        )

    now = realm.office.clock.now()
    found = await realm.desk.budgets.budgets.uses(
        realm.organisation_id, realm.office.windows(), project, key, shared=shared
    )
    return await _shown(realm, found, wanted, fits)


def _kind(use: BudgetUse) -> str:
    return "key" if use.key_id else "project" if use.project else "organisation"


def _deserves(use: BudgetUse, now: float) -> bool:
    if percent(use.posted, use.amount) >= _FULL:
        return True
    ahead = _ahead(use, now)
    return ahead is not None and ahead > use.amount > 0


def _ahead(use: BudgetUse, now: float) -> int | None:
    return None if use.wallet else forecast(use.posted, cast("Period", use.period), now)


async def set_organisation_budget(realm: OperatorRealm, body: bodies.BudgetBody) -> BudgetsView:
    """Set, change or remove a budget that every call of an organisation needs.

    For the operator: what an organisation may spend is not for itself to say.
    """
    realm = await realm.enter(body.organisation)
    before = _set(await _view(realm), None)
    await realm.desk.tenants.guard_organisation(realm.organisation_id, [_wish(body)])
    after = await _view(realm)
    await realm.changed("budget set", f"organisation {realm.organisation}", before, _set(after, None))
    return after


async def set_key_budget(realm: KeysRealm, key: Name, body: bodies.BudgetBody) -> BudgetsView:
    """Set, change or remove a budget of a key, named by its id, hint or name."""
    realm = await realm.enter(body.organisation)
    found = pick_key(await realm.desk.tenants.keys(realm.organisation_id, realm.office.windows()), key)
    if found.revoked_at is not None:
        raise refuse(409, f"the key {key!r} is revoked; it has no use for a budget", "key_revoked", "key")
    project = await realm.project(found.project)
    before = _set(await _view(realm), found.id)
    await realm.desk.tenants.guard_key(realm.organisation_id, project, found.id, [_wish(body)])
    after = await _view(realm)
    await realm.changed("budget set", f"key {found.id}", before, _set(after, found.id))
    return after


def _set(view: BudgetsView, key: int | None) -> dict[str, object]:
    """The budgets of a key, or of the organisation itself, as the audit keeps them."""
    return {
        one.period: f"{one.amount} ({'hard' if one.hard else 'soft'})"
        for one in view.budgets
        if not one.wallet and one.key_id == key and (key is not None or one.project is None)
    }


def _wish(body: bodies.BudgetBody) -> Guard:
    amount = None if body.amount is None else parse_money(body.amount)
    return Guard("money", body.period, amount, body.hard)


async def _view(realm: Realm) -> BudgetsView:
    uses = await realm.desk.budgets.budgets.uses(realm.organisation_id, realm.office.windows())
    return await _shown(realm, uses, Cut(), lambda _: True)


async def _shown(
    realm: Realm, uses: Sequence[BudgetUse], wanted: Cut, fits: Callable[[BudgetUse], bool]
) -> BudgetsView:
    now = realm.office.clock.now()
    orders = {**_ORDERS, "forecast": lambda one: _ahead(one, now)}
    projects = await realm.desk.tenants.projects(realm.organisation_id, realm.office.windows())
    shown, total = cut(uses, wanted, lambda one: (one.project or "", one.key or "", one.period), orders, fits)
    return BudgetsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        projects=[one.name for one in projects],
        budgets=[line(one, now) for one in shown],
        periods=sorted({one.period for one in uses}),
        total=total,
        whole=len(uses),
    )


_ORDERS: Mapping[str, Callable[[BudgetUse], object]] = MappingProxyType(
    {
        "whose": lambda one: one.key or one.project or "",
        "project": lambda one: one.project,
        "period": lambda one: one.period,
        "kind": _kind,
        "amount": lambda one: one.amount,
        "used": lambda one: one.posted,
        "held": lambda one: one.held,
        "left": lambda one: one.left,
        "percent": lambda one: percent(one.posted, one.amount),
    }
)


def line(use: BudgetUse, now: float) -> BudgetLine:
    """A budget as the API shows it."""
    period = cast("Period", use.period)
    starts, ends = window_bounds(period, now)
    ahead = _ahead(use, now)
    return BudgetLine(
        project=use.project,
        key_id=use.key_id,
        key=use.key,
        period=use.period,
        starts_at=datetime.fromtimestamp(starts, UTC) if ends != NEVER else None,
        ends_at=datetime.fromtimestamp(ends, UTC) if ends != NEVER else None,
        amount=plain_money(use.amount),
        used=plain_money(use.posted),
        held=plain_money(use.held),
        left=plain_money(use.left),
        percent=percent(use.posted, use.amount),
        forecast=None if ahead is None else plain_money(ahead),
        hard=use.hard,
        wallet=use.wallet,
    )


def add_budget_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/budgets", list_budgets, methods=["GET"], tags=["budgets"])
    add("/budgets/organisation", set_organisation_budget, methods=["PUT"], tags=["budgets"])
    add("/keys/{key}/budget", set_key_budget, methods=["PUT"], tags=["budgets"])
