"""Routes of budgets: all of an organisation as a tree, and those of the organisation and of keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query

from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.ledger.guards import NEVER, Period, window_bounds
from rechenwerk.office import bodies
from rechenwerk.office.access import KeysRealm, MoneyRealm, OperatorRealm, Realm
from rechenwerk.office.bodies import Name
from rechenwerk.office.budgets.bodies import BudgetLine, BudgetsView
from rechenwerk.office.budgets.outlook import forecast, percent, stretches
from rechenwerk.office.budgets.ports import BudgetsPart, BudgetUse, Which
from rechenwerk.office.errors import refuse
from rechenwerk.office.paging import Wanted, sortable
from rechenwerk.office.part_ports import Cut
from rechenwerk.office.ports import Guard
from rechenwerk.office.tenants import budget_facts, pick_key

_FIELDS = (
    "whose",
    "project",
    "period",
    "kind",
    "amount",
    "used",
    "held",
    "left",
    "percent",
    "forecast",
)


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
    sortable(wanted, _FIELDS)
    ahead = stretches(realm.office.clock.now())
    found = await realm.desk.budgets.budgets.part(
        realm.organisation_id,
        realm.office.windows(),
        Which(project, key, shared, period, kind, look, ahead),
        wanted,
    )
    return await _shown(realm, found)


async def set_organisation_budget(realm: OperatorRealm, body: bodies.BudgetBody) -> BudgetsView:
    """Set, change or remove a budget that every call of an organisation needs.

    For the operator: what an organisation may spend is not for itself to say.
    """
    realm = await realm.enter(body.organisation)
    before = await _set(realm)
    await realm.desk.tenants.guard_organisation(realm.organisation_id, [_wish(body)])
    await realm.changed("budget set", f"organisation {realm.organisation}", before, await _set(realm))
    return await _view(realm)


async def set_key_budget(realm: KeysRealm, key: Name, body: bodies.BudgetBody) -> BudgetsView:
    """Set, change or remove a budget of a key, named by its id, hint or name."""
    realm = await realm.enter(body.organisation)
    found = pick_key(await realm.desk.tenants.keys(realm.organisation_id, realm.office.windows()), key)
    if found.revoked_at is not None:
        raise refuse(409, f"the key {key!r} is revoked; it has no use for a budget", "key_revoked", "key")
    project = await realm.project(found.project)
    before = await _set(realm, found.id)
    await realm.desk.tenants.guard_key(realm.organisation_id, project, found.id, [_wish(body)])
    await realm.changed("budget set", f"key {found.id}", before, await _set(realm, found.id))
    return await _view(realm)


async def _set(realm: Realm, key: int | None = None) -> dict[str, object]:
    """The budgets of a key, or of the organisation itself, as the audit keeps them."""
    which = Which(key=key, kind="organisation" if key is None else "key")
    found = await realm.desk.budgets.budgets.part(realm.organisation_id, realm.office.windows(), which, Cut())
    now = realm.office.clock.now()
    return budget_facts(line(one, now) for one in found.uses if not one.wallet)


def _wish(body: bodies.BudgetBody) -> Guard:
    amount = None if body.amount is None else parse_money(body.amount)
    return Guard("money", body.period, amount, body.hard)


async def _view(realm: Realm) -> BudgetsView:
    found = await realm.desk.budgets.budgets.part(
        realm.organisation_id, realm.office.windows(), Which(), Cut()
    )
    return await _shown(realm, found)


async def _shown(realm: Realm, found: BudgetsPart) -> BudgetsView:
    now = realm.office.clock.now()
    projects = await realm.desk.tenants.projects(realm.organisation_id, realm.office.windows())
    return BudgetsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        projects=[one.name for one in projects],
        budgets=[line(one, now) for one in found.uses],
        periods=list(found.periods),
        total=found.total,
        whole=found.whole,
    )


def line(use: BudgetUse, now: float) -> BudgetLine:
    """A budget as the API shows it."""
    period = cast("Period", use.period)
    starts, ends = window_bounds(period, now)
    ahead = None if use.wallet else forecast(use.posted, period, now)
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
