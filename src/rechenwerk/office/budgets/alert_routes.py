"""Routes of alerts: whom to tell what, and what was told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.identity.secrets import alert_context
from rechenwerk.office.access import KeysRealm, Realm
from rechenwerk.office.bodies import Name
from rechenwerk.office.budgets import bodies
from rechenwerk.office.budgets.courier import message_id
from rechenwerk.office.budgets.mail import sendable
from rechenwerk.office.budgets.ports import Cause, Notice, Rule
from rechenwerk.office.budgets.webhooks import check_url, forbidden, new_secret
from rechenwerk.office.errors import missing, refuse
from rechenwerk.office.tenants import pick_key

_MOST = 100
"""Alerts of one organisation."""
_TESTS = 20
"""In a row within an hour: who may add alerts must not send mails by the thousand."""
_THRESHOLDS = (50, 80, 100)


async def list_alerts(realm: KeysRealm) -> bodies.AlertsView:
    """Whom an organisation tells what."""
    found = await realm.desk.budgets.alerts.rules(realm.organisation_id)
    return bodies.AlertsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        alerts=[bodies.AlertView(**_fields(one)) for one in found],
    )


async def add_alert(realm: KeysRealm, body: bodies.AlertBody) -> bodies.NewAlertView:
    """Tell somebody from now on; what holds already is told at once."""
    realm = await realm.enter(body.organisation)
    _check(realm, body)
    if body.webhook is not None and (why := await forbidden(body.webhook, realm.office.webhook_networks)):
        raise refuse(422, f"webhook: {why}", "invalid_value", "webhook")
    outbox = realm.desk.budgets.alerts
    if len(await outbox.rules(realm.organisation_id)) >= _MOST:
        raise refuse(409, f"there are {_MOST} alerts already; remove one first", "too_many")
    secret, sealed = _secret(realm, body)
    key_id = None
    if body.key is not None:
        keys = await realm.desk.tenants.keys(realm.organisation_id, realm.office.windows())
        key_id = pick_key(keys, body.key).id
    rule = Rule(
        name=body.name,
        watch=body.watch,
        channel="webhook" if body.webhook is not None else "mail",
        target=body.webhook or body.mail or "",
        language=body.language,
        project=body.project,
        project_id=None if body.project is None else await realm.project(body.project),
        key_id=key_id,
        period=body.period,
        thresholds=_thresholds(body),
        forecast=body.forecast,
        below=None if body.below is None else parse_money(body.below),
        secret=sealed,
        made_by=realm.caller.key_name,
    )
    await outbox.add(realm.organisation_id, rule)
    return bodies.NewAlertView(**_fields(rule), secret=secret)


def _check(realm: Realm, body: bodies.AlertBody) -> None:
    if (body.webhook is None) is (body.mail is None):
        raise refuse(422, "give webhook or mail, one of them", "invalid_value", "webhook")
    if body.webhook is not None and (mistake := check_url(body.webhook)):
        raise refuse(422, f"webhook: {mistake}", "invalid_value", "webhook")
    if body.mail is not None and not sendable(body.mail):
        raise refuse(422, "mail: write one address such as name@example.org", "invalid_value", "mail")
    scopes = realm.caller.scopes
    if body.watch == "concentration" and not realm.is_operator:
        raise refuse(403, "concentration is the operator's: it needs the scope 'operator'", "missing_scope")
    if body.watch == "contracts" and not realm.is_operator and "books" not in scopes:
        raise refuse(403, "to be told of contracts needs the scope 'books' beside 'keys'", "missing_scope")
    chosen = (("project", body.project), ("key", body.key), ("period", body.period))
    budgets = (("at", body.at), ("forecast", body.forecast))
    wrong = [name for name, value in budgets if value and body.watch != "budgets"]
    wrong += ["below"] if body.below is not None and body.watch != "wallets" else []
    wrong += [name for name, value in chosen if value and body.watch in {"contracts", "concentration"}]
    wrong += [name for name, value in chosen[1:] if value and body.watch == "wallets"]
    if wrong:
        raise refuse(422, f"{wrong[0]}: means nothing for {body.watch}", "invalid_value", wrong[0])


def _thresholds(body: bodies.AlertBody) -> tuple[int, ...]:
    """Those wished for; of budgets the usual ones when nothing was said."""
    if body.watch != "budgets":
        return ()
    return tuple(sorted(set(body.at))) or (() if body.forecast else _THRESHOLDS)


def _secret(realm: Realm, body: bodies.AlertBody) -> tuple[str | None, bytes | None]:
    if body.webhook is None:
        return None, None
    box = realm.office.box
    if box is None:
        raise refuse(
            409,
            "this office has no key to seal secrets with; start it with RECHENWERK_SECRET_KEY_FILE",
            "no_secret_key",
        )
    secret = new_secret(realm.office.random_bytes)
    return secret, box.seal(secret, alert_context(realm.organisation_id, body.name))


async def remove_alert(realm: KeysRealm, name: Name) -> bodies.AlertsView:
    """Tell nobody any more; what waits to be sent is given up."""
    if not await realm.desk.budgets.alerts.remove(realm.organisation_id, name):
        raise missing("alert", name)
    return await list_alerts(realm)


async def test_alert(realm: KeysRealm, name: Name) -> bodies.NoticeView:
    """Send a test over the same way; the log shows what came of it."""
    outbox, now = realm.desk.budgets.alerts, realm.office.now()
    rules = [one for one in await outbox.rules(realm.organisation_id) if one.name == name]
    if not rules:
        raise missing("alert", name)
    recent = [one for one in await outbox.log(realm.organisation_id, _TESTS, None) if one.kind == "test"]
    if len(recent) == _TESTS and now - recent[-1].made_at < timedelta(hours=1):
        raise refuse(429, f"{_TESTS} tests were sent within an hour; try again later", "too_many_tests")
    made = message_id(realm.office.random_bytes(20))
    data = {"organisation": realm.organisation, "alert": name, "asked_by": realm.caller.key_name}
    await outbox.fire(rules[0], [Cause(f"test/{made}", "test", data)], now, lambda: made)
    notices = await outbox.log(realm.organisation_id, 100, None)
    return _notice(next(one for one in notices if one.message_id == made))


async def list_notices(
    realm: KeysRealm,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[int | None, Query(description="only notices older than this one")] = None,
) -> bodies.NoticesView:
    """What was told, to whom, and what waits to be sent again; newest first."""
    found = await realm.desk.budgets.alerts.log(realm.organisation_id, limit, before)
    return bodies.NoticesView(
        organisation=realm.organisation,
        notices=[_notice(one) for one in found],
        next=found[-1].id if len(found) == limit else None,
    )


def _notice(one: Notice) -> bodies.NoticeView:
    return bodies.NoticeView(
        id=one.id,
        alert=one.alert,
        message_id=one.message_id,
        kind=one.kind,
        data=dict(one.data),
        made_at=one.made_at,
        state=one.state,
        attempts=one.attempts,
        next_at=one.next_at if one.state == "waiting" else None,
        answer=one.answer,
        delivered_at=one.delivered_at,
    )


def _fields(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "watch": rule.watch,
        "project": rule.project,
        "key_id": rule.key_id,
        "period": rule.period,
        "at": list(rule.thresholds),
        "forecast": rule.forecast,
        "below": None if rule.below is None else plain_money(rule.below),
        "channel": rule.channel,
        "target": rule.target,
        "language": rule.language,
        "made_by": rule.made_by,
    }


def add_alert_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/alerts", list_alerts, methods=["GET"], tags=["alerts"])
    add("/alerts", add_alert, methods=["POST"], status_code=201, tags=["alerts"])
    add("/alerts/log", list_notices, methods=["GET"], tags=["alerts"])
    add("/alerts/{name}", remove_alert, methods=["DELETE"], tags=["alerts"])
    add("/alerts/{name}/test", test_alert, methods=["POST"], tags=["alerts"])
