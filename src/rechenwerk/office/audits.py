"""Routes of audits and reports: residency, energy."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query

from rechenwerk.base.ids import encode_call
from rechenwerk.base.reasons import told_of
from rechenwerk.office import views
from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.auditing import Auditor, Violation
from rechenwerk.office.errors import refuse
from rechenwerk.office.standing import Histories

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_PLACES = Decimal(1_000_000_000)

From = Annotated[
    str | None, Query(alias="from", description="first day (UTC), or a moment with its zone", max_length=40)
]
To = Annotated[
    str | None, Query(description="last day, inclusive, or a moment; now if left out", max_length=40)
]


def period(realm: Realm, since: str | None, until: str | None) -> tuple[datetime, datetime]:
    """The time that a report is about; a day as the end belongs to it."""
    starts = _EARLIEST if since is None else moment(since, "from")
    ends = realm.office.now() if until is None else moment(until, "to", after=True)
    if ends <= starts:
        raise refuse(422, "to: lies before from; write the earlier time as from", "invalid_value", "to")
    return starts, ends


def moment(text: str, param: str, *, after: bool = False) -> datetime:
    """A day or moment that a request names, in UTC; of a day that ends a span the first moment after it."""
    try:
        found = datetime.fromisoformat(text)
        if _DAY.fullmatch(text):
            return found.replace(tzinfo=UTC) + timedelta(days=after)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise refuse(
        422,
        f"{param}: {text!r} is no time; write a day such as 2026-11-01, or 2026-11-01T12:00:00Z",
        "invalid_value",
        param,
    )


async def audit_residency(
    realm: BooksRealm,
    since: From = None,
    to: To = None,
    everyone: Annotated[bool, Query(description="all organisations; only for the scope operator")] = False,
) -> views.ResidencyView:
    """Judge again, from what stood then, whether every call went only where its data might go."""
    starts, ends = period(realm, since, to)
    if everyone and not realm.is_operator:
        raise refuse(403, "only a key with the scope 'operator' can audit everyone", "missing_scope")
    whose = None if everyone else realm.organisation_id
    audits = realm.desk.audits
    under_way = await audits.under_way(whose, starts, ends)
    histories = await audits.histories(whose)
    auditor = Auditor(histories)
    async for batch in audits.calls(whose, starts, ends):
        for call in batch:
            auditor.judge(call)
    report = auditor.report
    return views.ResidencyView(
        organisation=None if everyone else realm.organisation,
        since=starts,
        until=ends,
        ok=not report.found,
        calls=report.calls,
        attempts=report.attempts,
        tried=report.tried,
        late=report.late,
        undecided=report.undecided,
        under_way=under_way,
        found=report.found,
        violations=[_violation(one, histories) for one in report.violations],
        sha256=auditor.sha256,
    )


def _violation(one: Violation, histories: Histories) -> views.ViolationView:
    call = one.call
    return views.ViolationView(
        call=encode_call(call.id),
        attempt_of=None if call.attempt_of is None else encode_call(call.attempt_of),
        organisation=histories.organisations.get(call.organisation_id, ""),
        project=histories.project_names.get(call.project_id, ""),
        left_at=datetime.fromtimestamp(call.left_at, UTC),
        deployment=one.deployment,
        jurisdiction=one.jurisdiction,
        level=one.level,
        data_class=one.data_class,
        rule=one.rule,
        rule_told=told_of(one.rule),
    )


async def show_energy(realm: BooksRealm, since: From = None, to: To = None) -> views.EnergyView:
    """Energy and carbon dioxide of booked calls, by day, project, model and site."""
    starts, ends = period(realm, since, to)
    found = await realm.desk.audits.energy(realm.organisation_id, starts, ends)
    return views.EnergyView(
        organisation=realm.organisation,
        since=starts,
        until=ends,
        rows=[
            views.EnergyRowView(
                day=one.day,
                project=one.project,
                model=one.model,
                site=one.site,
                calls=one.calls,
                kwh=_scaled(one.energy_uwh, _PLACES),
                co2_grams=_scaled(one.co2_ug, Decimal(1_000_000)),
            )
            for one in found
        ],
        total_kwh=_scaled(sum(one.energy_uwh for one in found), _PLACES),
        total_co2_grams=_scaled(sum(one.co2_ug for one in found), Decimal(1_000_000)),
    )


def _scaled(count: int, per: Decimal) -> str:
    """A whole number of small units in large ones, exactly."""
    return f"{Decimal(count) / per:f}"


def add_audit_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/audit/residency", audit_residency, methods=["GET"], tags=["audit"])
    add("/energy", show_energy, methods=["GET"], tags=["books"])
