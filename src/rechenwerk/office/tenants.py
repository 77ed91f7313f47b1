"""Routes of organisations, projects, budgets, limits and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Literal

from fastapi import APIRouter

from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.identity.keys import ROLES, hash_key, hint, new_key
from rechenwerk.office import bodies
from rechenwerk.office.access import KeysRealm, OperatorRealm, Realm
from rechenwerk.office.bodies import Name
from rechenwerk.office.budgets.bodies import BudgetLine
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.paging import Wanted, cut, sortable
from rechenwerk.office.ports import Guard, GuardUse, Key, NewKey, Organisation, Project

_LIMITS = (
    ("requests_per_minute", "requests", "minute"),
    ("tokens_per_minute", "tokens", "minute"),
    ("concurrent_calls", "calls", "now"),
)

_DIGITS = 18
"""Of a number; with as many it is none of a key."""


def _budgets(guards: Iterable[GuardUse]) -> list[bodies.BudgetView]:
    return [
        bodies.BudgetView(
            period=guard.period,
            amount=plain_money(guard.amount),
            hard=guard.hard,
            granted=plain_money(guard.granted),
            held=plain_money(guard.held),
            posted=plain_money(guard.posted),
            free=plain_money(max(0, guard.amount - guard.held - guard.posted)),
        )
        for guard in guards
        if guard.unit == "money"
    ]


def _limits(guards: Iterable[GuardUse]) -> bodies.LimitsView:
    amounts = {guard.unit: guard.amount for guard in guards}
    return bodies.LimitsView(**{name: amounts.get(unit) for name, unit, _ in _LIMITS})


def _wished(limits: bodies.LimitsBody | bodies.KeyLimits) -> list[Guard]:
    return [
        Guard(unit, period, getattr(limits, name))
        for name, unit, period in _LIMITS
        if name in limits.model_fields_set
    ]


def _project_view(realm: Realm, project: Project, currency: str) -> bodies.ProjectView:
    return bodies.ProjectView(
        name=project.name,
        organisation=realm.organisation,
        data_class=project.data_class,
        service_class=project.service_class,
        weight=project.weight,
        created_at=project.created_at,
        currency=currency,
        keys=project.keys,
        budgets=_budgets(project.guards),
        limits=_limits(project.guards),
    )


async def _shown_project(realm: Realm, project_id: int) -> bodies.ProjectView:
    (found,) = await realm.desk.tenants.projects(realm.organisation_id, realm.office.windows(), project_id)
    return _project_view(realm, found, await realm.desk.tenants.currency())


def _key_view(realm: Realm, key: Key, currency: str) -> bodies.KeyView:
    return bodies.KeyView(
        id=key.id,
        hint=key.hint,
        name=key.name,
        project=key.project,
        organisation=realm.organisation,
        scopes=list(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        currency=currency,
        budgets=_budgets(key.guards),
        limits=_limits(key.guards),
    )


async def list_organisations(realm: OperatorRealm, wanted: Wanted) -> bodies.OrganisationsView:
    """The organisations of this installation; all of them where nothing else is asked for."""
    found = await realm.desk.tenants.organisations()
    shown, total = cut(found, wanted, lambda one: (one.name,), _ORGANISATION_ORDERS)
    return bodies.OrganisationsView(
        organisations=[
            bodies.OrganisationView(id=one.id, name=one.name, created_at=one.created_at) for one in shown
        ],
        total=total,
        whole=len(found),
    )


async def create_organisation(realm: OperatorRealm, body: bodies.OrganisationBody) -> bodies.OrganisationView:
    """A new tenant."""
    made = await realm.desk.tenants.create_organisation(body.name)
    return bodies.OrganisationView(id=made.id, name=made.name, created_at=made.created_at)


async def list_projects(
    realm: KeysRealm,
    wanted: Wanted,
    data_class: bodies.DataClass | None = None,
    service_class: bodies.ServiceClass | None = None,
) -> bodies.ProjectsView:
    """The projects of an organisation, with what their budgets have seen in the current window.

    All of them where nothing else is asked for.
    """
    found = await realm.desk.tenants.projects(realm.organisation_id, realm.office.windows())
    currency = await realm.desk.tenants.currency()
    shown, total = cut(
        found,
        wanted,
        lambda one: (one.name,),
        _PROJECT_ORDERS,
        lambda one: data_class in (None, one.data_class) and service_class in (None, one.service_class),
    )
    projects = [_project_view(realm, one, currency) for one in shown]
    return bodies.ProjectsView(projects=projects, total=total, whole=len(found))


async def show_project(realm: KeysRealm, name: Name) -> bodies.ProjectView:
    """One project."""
    return await _shown_project(realm, await realm.project(name))


async def create_project(realm: KeysRealm, body: bodies.ProjectBody) -> bodies.ProjectView:
    """A new project: a cost centre that can carry budgets and limits."""
    realm = await realm.enter(body.organisation)
    made = await realm.desk.tenants.create_project(realm.organisation_id, body.name, body.data_class)
    await realm.changed("project made", f"project {body.name}", None, {"data_class": body.data_class})
    return await _shown_project(realm, made)


async def set_budget(realm: KeysRealm, name: Name, body: bodies.BudgetBody) -> bodies.ProjectView:
    """Set, change or remove a project's budget of one period."""
    realm = await realm.enter(body.organisation)
    project = await realm.project(name)
    amount = None if body.amount is None else parse_money(body.amount)
    guard = Guard("money", body.period, amount, body.hard)
    before = await _shown_project(realm, project)
    await realm.desk.tenants.guard_project(realm.organisation_id, project, [guard])
    after = await _shown_project(realm, project)
    await realm.changed(
        "budget set", f"project {name}", budget_facts(before.budgets), budget_facts(after.budgets)
    )
    return after


async def set_data_class(realm: KeysRealm, name: Name, body: bodies.DataClassBody) -> bodies.ProjectView:
    """Say of which class a project's data is; calls go nowhere that its class forbids."""
    realm = await realm.enter(body.organisation)
    project = await realm.project(name)
    before = await _shown_project(realm, project)
    await realm.desk.tenants.classify_project(realm.organisation_id, project, body.data_class)
    after = await _shown_project(realm, project)
    await realm.changed(
        "data class set",
        f"project {name}",
        {"data_class": before.data_class},
        {"data_class": after.data_class},
    )
    return after


async def set_service(realm: OperatorRealm, name: Name, body: bodies.ServiceBody) -> bodies.ProjectView:
    """Say of which service class a project's work is, and its weight when scarce capacity is shared.

    For the operator: capacity is shared between organisations too, and nobody gives priority to himself.
    """
    realm = await realm.enter(body.organisation)
    project = await realm.project(name)
    before = await _shown_project(realm, project)
    await realm.desk.tenants.serve_project(realm.organisation_id, project, body.service_class, body.weight)
    after = await _shown_project(realm, project)
    await realm.changed(
        "service set",
        f"project {name}",
        {"service_class": before.service_class, "weight": before.weight},
        {"service_class": after.service_class, "weight": after.weight},
    )
    return after


async def set_limits(realm: KeysRealm, name: Name, body: bodies.LimitsBody) -> bodies.ProjectView:
    """Set, change or remove a project's limits."""
    realm = await realm.enter(body.organisation)
    project = await realm.project(name)
    before = await _shown_project(realm, project)
    await realm.desk.tenants.guard_project(realm.organisation_id, project, _wished(body))
    after = await _shown_project(realm, project)
    await realm.changed(
        "limits set", f"project {name}", before.limits.model_dump(), after.limits.model_dump()
    )
    return after


async def list_keys(
    realm: KeysRealm,
    wanted: Wanted,
    project: Name | None = None,
    state: Literal["active", "expired", "revoked"] | None = None,
) -> bodies.KeysView:
    """The keys of an organisation, revoked ones too; all of them where nothing else is asked for."""
    sortable(wanted, _KEY_FIELDS)
    found = await realm.desk.tenants.keys_part(
        realm.organisation_id, realm.office.windows(), realm.office.now(), project, state, wanted
    )
    currency = await realm.desk.tenants.currency()
    return bodies.KeysView(
        keys=[_key_view(realm, one, currency) for one in found.keys],
        projects=list(found.projects),
        total=found.total,
        whole=found.whole,
    )


async def show_key(realm: KeysRealm, key: Name) -> bodies.KeyView:
    """One key, by its id, or by its hint or name if only one living has it; never the key itself."""
    only = int(key) if key.isdecimal() and len(key) < _DIGITS else None
    keys = await realm.desk.tenants.keys(realm.organisation_id, realm.office.windows(), only)
    if only is not None and not keys:
        keys = await realm.desk.tenants.keys(realm.organisation_id, realm.office.windows())
    return _key_view(realm, pick_key(keys, key), await realm.desk.tenants.currency())


def _used(one: Project) -> int | None:
    """How full the fullest budget is, in percent."""
    money = [guard for guard in one.guards if guard.unit == "money" and guard.amount]
    return max((guard.posted * 100 // guard.amount for guard in money), default=None)


_ORGANISATION_ORDERS: Mapping[str, Callable[[Organisation], object]] = MappingProxyType(
    {name: attrgetter(name) for name in ("id", "name", "created_at")}
)
_PROJECT_ORDERS: Mapping[str, Callable[[Project], object]] = MappingProxyType(
    {
        **{
            name: attrgetter(name)
            for name in ("name", "data_class", "service_class", "weight", "keys", "created_at")
        },
        "used": _used,
    }
)
_KEY_FIELDS = ("id", "name", "hint", "project", "created_at", "expires_at", "scopes", "used", "state")


async def create_key(realm: KeysRealm, body: bodies.KeyBody) -> bodies.NewKeyView:
    """A new key; the answer is the only place where it is ever shown."""
    realm = await realm.enter(body.organisation)
    _may_give(realm, body.scopes)
    project = await realm.project(body.project)
    guards = [Guard("money", one.period, parse_money(one.amount), one.hard) for one in body.budgets]
    if len({guard.period for guard in guards}) < len(guards):
        raise refuse(422, "budgets: one budget per period", "invalid_value", "budgets")
    expires: datetime | None = None
    if body.expires_in_days is not None:
        expires = realm.office.now() + timedelta(days=body.expires_in_days)
    text = new_key(realm.office.random_bytes)
    made = await realm.desk.tenants.create_key(
        realm.organisation_id,
        project,
        NewKey(
            name=body.name,
            hash=hash_key(text.encode()),
            hint=hint(text),
            scopes=tuple(dict.fromkeys(body.scopes)),
            expires_at=expires,
            guards=(*guards, *(guard for guard in _wished(body.limits) if guard.amount is not None)),
        ),
    )
    view = await _shown_key(realm, made)
    await realm.changed("key made", f"key {view.id}", None, _key_facts(view))
    await _note_roles(realm, view, "role given")
    return bodies.NewKeyView(**view.model_dump(), key=text)


async def revoke_key(realm: KeysRealm, key: Name) -> bodies.KeyView:
    """Revoke a key by its id, or by its hint or name if only one has it; a second time changes nothing."""
    keys = await realm.desk.tenants.keys(realm.organisation_id, realm.office.windows())
    found = pick_key(keys, key)
    if "operator" in found.scopes and not realm.is_operator:
        raise refuse(403, "only a key with the scope 'operator' can revoke one that has it", "missing_scope")
    await realm.desk.tenants.revoke_key(realm.organisation_id, found.id, realm.office.now())
    view = await _shown_key(realm, found.id)
    await realm.changed("key revoked", f"key {found.id}", _key_facts(view), None)
    if found.revoked_at is None:
        await _note_roles(realm, view, "role taken")
    return view


def budget_facts(budgets: Iterable[bodies.BudgetView | BudgetLine]) -> dict[str, object]:
    """Budgets as the audit keeps them: by period, with how hard they are."""
    return {one.period: f"{one.amount} ({'hard' if one.hard else 'soft'})" for one in budgets}


def _key_facts(key: bodies.KeyView) -> dict[str, object]:
    """What the audit keeps of a key: never the key."""
    return {
        "name": key.name,
        "hint": key.hint,
        "project": key.project,
        "scopes": key.scopes,
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
        **budget_facts(key.budgets),
        **{name: value for name, value in key.limits.model_dump().items() if value is not None},
    }


async def _note_roles(realm: Realm, key: bodies.KeyView, what: str) -> None:
    """Who may sign is part of the audit: two keys of one person could sign for two."""
    if not ROLES.isdisjoint(key.scopes):
        await realm.changed(what, f"key {key.id}", None, {"name": key.name, "scopes": key.scopes})


async def _shown_key(realm: Realm, key_id: int) -> bodies.KeyView:
    (key,) = await realm.desk.tenants.keys(realm.organisation_id, realm.office.windows(), key_id)
    return _key_view(realm, key, await realm.desk.tenants.currency())


def _may_give(realm: Realm, scopes: Sequence[str]) -> None:
    """A key gives no right that it does not have; calling models is what keys are for."""
    if realm.is_operator:
        return
    beyond = sorted(set(scopes) - realm.caller.scopes - {"inference", "audit"})
    if beyond:
        raise refuse(
            403,
            f"this key cannot give the scope {beyond[0]!r}: it does not have it itself",
            "missing_scope",
            "scopes",
        )


def pick_key(keys: Sequence[Key], wanted: str) -> Key:
    """The key that is meant: by id, else by hint or name; a living key before revoked ones."""
    for key in keys:
        if str(key.id) == wanted:
            return key
    named = [key for key in keys if wanted in (key.hint, key.name)]
    living = [key for key in named if key.revoked_at is None]
    if len(living) > 1:
        ids = ", ".join(str(key.id) for key in living)
        raise refuse(
            409, f"{len(living)} keys are called {wanted!r}: revoke by id, one of {ids}", "ambiguous"
        )
    if not named:
        raise missing("key", wanted)
    return living[0] if living else named[-1]


def add_tenant_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/organisations", list_organisations, methods=["GET"], tags=["organisations"])
    add("/organisations", create_organisation, methods=["POST"], status_code=201, tags=["organisations"])
    add("/projects", list_projects, methods=["GET"], tags=["projects"])
    add("/projects", create_project, methods=["POST"], status_code=201, tags=["projects"])
    add("/projects/{name}", show_project, methods=["GET"], tags=["projects"])
    add("/projects/{name}/budget", set_budget, methods=["PUT"], tags=["projects"])
    add("/projects/{name}/limits", set_limits, methods=["PUT"], tags=["projects"])
    add("/projects/{name}/data-class", set_data_class, methods=["PUT"], tags=["projects"])
    add("/projects/{name}/service", set_service, methods=["PUT"], tags=["projects"])
    add("/keys", list_keys, methods=["GET"], tags=["keys"])
    add("/keys", create_key, methods=["POST"], status_code=201, tags=["keys"])
    add("/keys/{key}", show_key, methods=["GET"], tags=["keys"])
    add("/keys/{key}/revoke", revoke_key, methods=["POST"], tags=["keys"])
