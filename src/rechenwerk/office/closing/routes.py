"""Routes of periods, their close, and documents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import plain_money
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.statements import cents_text, decode
from rechenwerk.ledger.vouchers import Voucher
from rechenwerk.office.access import BooksRealm, OperatorRealm, Realm
from rechenwerk.office.bodies import Name
from rechenwerk.office.closing import bodies
from rechenwerk.office.closing.compose import Issue, allocation, corrections, statements
from rechenwerk.office.closing.ports import Closed, Correction, Document, Draft, Facts, Shared, Standing
from rechenwerk.office.closing.words import Language
from rechenwerk.office.errors import RefusedError, missing, refuse
from rechenwerk.office.vouchers import period_of

Form = Literal["html", "pdf", "xlsx", "json"]
_TYPES: tuple[tuple[Form, str], ...] = (
    ("html", "text/html; charset=utf-8"),
    ("pdf", "application/pdf"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("json", "application/json"),
)


# -- settings -------------------------------------------------------------------------------------


async def _setting_view(realm: Realm) -> bodies.SettingView:
    closing = realm.desk.closing
    setting = await closing.setting(realm.organisation_id)
    return bodies.SettingView(
        organisation=realm.organisation,
        prefix=setting.prefix,
        issuer=list(setting.issuer),
        recipient=list(setting.recipient),
        vat_rate=setting.vat_rate,
        reverse_charge=setting.reverse_charge,
        allocation=setting.allocation,
        shares=dict(setting.shares),
        cost_centres=dict(await closing.cost_centres(realm.organisation_id)),
    )


async def show_setting(realm: BooksRealm) -> bodies.SettingView:
    """How the organisation's statements are written, and the cost centres of its projects."""
    return await _setting_view(realm)


async def change_setting(realm: OperatorRealm, body: bodies.SettingBody) -> bodies.SettingView:
    """Change how statements are written from now on; documents that stand stay as they are."""
    closing = realm.desk.closing
    wished = {name: value for name, value in body.model_dump().items() if value is not None}
    for name in ("issuer", "recipient"):
        if name in wished:
            wished[name] = tuple(wished[name])
    stood = await closing.setting(realm.organisation_id)
    setting = msgspec.structs.replace(stood, **wished)
    if setting.reverse_charge and Decimal(setting.vat_rate):
        raise refuse(
            422, "reverse_charge: needs a vat_rate of 0, the recipient owes the tax", "invalid_value"
        )
    ids = {name: await realm.project(name) for name in setting.shares}
    total = sum(map(Decimal, setting.shares.values()), Decimal(0))
    if setting.shares and (total != 100 or not all(map(Decimal, setting.shares.values()))):
        raise refuse(
            422, f"shares: percentages above 0 that sum to 100, not to {total}", "invalid_value", "shares"
        )
    if setting.allocation == "fixed" and not setting.shares:
        raise refuse(
            422, "allocation: the key 'fixed' needs shares that sum to 100", "invalid_value", "allocation"
        )
    await closing.set(
        realm.organisation_id, setting, {ids[name]: text for name, text in setting.shares.items()}
    )
    before = {name: getattr(stood, name) for name in wished}
    await realm.changed("statements set", "statements", before, wished)
    return await _setting_view(realm)


async def set_cost_centre(
    realm: OperatorRealm, project: Name, body: bodies.CostCentreBody
) -> bodies.SettingView:
    """Say which cost centre a project is; its statements name it from now on."""
    found = await realm.project(project)
    await realm.desk.closing.set_cost_centre(realm.organisation_id, found, body.cost_centre.strip())
    return await _setting_view(realm)


# -- periods --------------------------------------------------------------------------------------


async def list_periods(realm: BooksRealm) -> bodies.PeriodsView:
    """Months in which something was booked, newest first."""
    found = await realm.desk.closing.periods(realm.organisation_id)
    return bodies.PeriodsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        periods=[
            bodies.PeriodView(
                period=one.period.name,
                calls=one.calls,
                revenue=plain_money(one.revenue),
                closed_at=one.closed.closed_at if one.closed else None,
                closed_by=one.closed.closed_by if one.closed else None,
                with_unresolved=one.closed.with_unresolved if one.closed else False,
                documents=list(one.closed.numbers) if one.closed else [],
            )
            for one in found
        ],
    )


async def close_period(realm: OperatorRealm, period: str, body: bodies.CloseBody) -> bodies.ClosedView:
    """Book what is missing, write the period's documents and lock it, for ever."""
    span = period_of(period)
    now, by = realm.office.now(), realm.caller.key_name
    closing = realm.desk.closing
    _refuse_early(span, now)
    await _check(realm, span, with_unresolved=body.with_unresolved)
    under_way = await closing.stop_calls(realm.organisation_id, span.ends)
    if under_way:
        raise _under_way(span, under_way)
    for step in realm.office.steps:
        await step.book(realm.organisation_id, span, by)
    issue = Issue(span, now, by)

    def share(shared: Shared) -> Voucher | None:
        return allocation(shared, issue)

    def compose(facts: Facts) -> Sequence[Draft]:
        return statements(facts, issue)

    closed = Closed(now, by, body.with_unresolved, ())
    numbers = await closing.close(realm.organisation_id, span, closed, share, compose)
    if numbers is None:
        await _check(realm, span, with_unresolved=body.with_unresolved)
        raise _not(f"{span.name} changed while it was being closed; try again")
    return bodies.ClosedView(
        organisation=realm.organisation,
        period=span.name,
        closed_at=now,
        closed_by=by,
        documents=list(numbers),
    )


async def preview_close(realm: OperatorRealm, period: str) -> bodies.ClosePreviewView:
    """What closing a period would write, and what stands in the way; nothing is written."""
    span = period_of(period)
    now, by, closing = realm.office.now(), realm.caller.key_name, realm.desk.closing
    standing = await closing.standing(realm.organisation_id, span)
    currency = await realm.desk.tenants.currency()
    obstacle = None
    try:
        _refuse_early(span, now)
        _closable(span, standing, currency, with_unresolved=False)
    except RefusedError as error:
        obstacle = bodies.ObstacleView(
            code=error.refusal.code or "not_closable", message=error.refusal.message
        )
    issue = Issue(span, now, by)
    drafts: Sequence[Draft] = ()
    if standing.closed is None and standing.due == span.starts:
        drafts = await closing.preview(
            realm.organisation_id,
            span,
            now.year,
            lambda shared: allocation(shared, issue),
            lambda facts: statements(facts, issue),
        )
    return bodies.ClosePreviewView(
        organisation=realm.organisation,
        period=span.name,
        currency=currency,
        obstacle=obstacle,
        unresolved=standing.unresolved,
        unresolved_price=plain_money(standing.unresolved_price),
        steps=[step.name for step in realm.office.steps],
        documents=[
            bodies.DraftView(
                number=one.content.number,
                project=one.content.project,
                net=one.content.totals.net,
                vat=one.content.totals.vat,
                gross=one.content.totals.gross,
                lines=len(one.content.rows),
            )
            for one in drafts
        ],
        immutable_until=span.ends,
    )


def _refuse_early(span: Period, now: datetime) -> None:
    if now < span.ends:
        raise _not(f"{span.name} is not over: it ends with {span.last:%Y-%m-%d} (UTC); close it then")


async def _check(realm: Realm, span: Period, *, with_unresolved: bool) -> None:
    standing = await realm.desk.closing.standing(realm.organisation_id, span)
    currency = await realm.desk.tenants.currency()
    _closable(span, standing, currency, with_unresolved=with_unresolved)


def _closable(span: Period, standing: Standing, currency: str, *, with_unresolved: bool) -> None:
    """Refuse what cannot be closed, with one line that says what to do."""
    if standing.closed is not None:
        done = standing.closed
        raise _not(
            f"{span.name} was closed on {done.closed_at:%Y-%m-%d} by {done.closed_by}, documents"
            f" {done.numbers[0]} to {done.numbers[-1]}; correct one with `books reverse NUMBER`",
            "period_closed",
        )
    if standing.due is not None and standing.due < span.starts:
        due = f"{standing.due:%Y-%m}"
        raise _not(f"{due} is still open; close it first: rechenwerk books close {due}")
    if standing.due is not None and standing.due > span.starts:
        raise _not(f"nothing was booked in {span.name}; the first period to close is {standing.due:%Y-%m}")
    if standing.holds:
        raise _under_way(span, standing.holds)
    if standing.unresolved and not with_unresolved:
        raise _not(
            f"{standing.unresolved} calls of {span.name} are unresolved, booked at"
            f" {plain_money(standing.unresolved_price)} {currency}; settle them, or close --with-unresolved,"
            " which says so on the documents",
            "unresolved",
        )


def _under_way(span: Period, holds: int) -> RefusedError:
    return _not(
        f"{holds} calls that began in {span.name} are still under way; close it when they have ended",
        "calls_under_way",
    )


def _not(message: str, code: str = "not_closable") -> RefusedError:
    return refuse(409, message, code, "period")


# -- documents ------------------------------------------------------------------------------------


async def list_documents(
    realm: BooksRealm,
    period: Annotated[str | None, Query(description="only those booked in this month")] = None,
) -> bodies.DocumentsView:
    """Statements, credit notes and corrections, by number."""
    span = period_of(period) if period is not None else None
    found = await realm.desk.closing.documents(realm.organisation_id, span)
    return bodies.DocumentsView(
        organisation=realm.organisation,
        currency=await realm.desk.tenants.currency(),
        documents=[_view(one) for one in found],
    )


def _view(document: Document) -> bodies.DocumentView:
    return bodies.DocumentView(
        number=document.number,
        kind=document.kind,
        project=document.project,
        period=document.period,
        booked_in=document.booked_in,
        issued_at=document.issued_at,
        issued_by=document.issued_by,
        net=cents_text(document.net),
        vat=cents_text(document.vat),
        gross=cents_text(document.gross),
        reverses=document.reverses,
        reversed_by=document.reversed_by,
        sha256=document.sha256,
    )


async def show_document(
    realm: BooksRealm,
    number: str,
    form: Form,
    language: Annotated[Language, Query(description="what it is written in")] = "de",
) -> Response:
    """One document, as a page, a PDF, a workbook, or its content as it is kept."""
    found = await realm.desk.closing.document(realm.organisation_id, number)
    if found is None:
        raise missing("document", number)
    if form == "json":
        body = found.content.encode()
    else:
        # They cost a second to load, and only who renders a document needs them.
        from rechenwerk.office.closing.render import render  # noqa: PLC0415

        body = await asyncio.to_thread(render, decode(found.content), language, found.sha256, form)
    headers = {
        "content-disposition": f'{"inline" if form == "html" else "attachment"}; filename="{number}.{form}"',
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        "x-content-type-options": "nosniff",
        "x-content-sha256": found.sha256,
    }
    return Response(body, media_type=dict(_TYPES)[form], headers=headers)


async def reverse_document(
    realm: OperatorRealm, number: str, body: bodies.DocumentReverseBody
) -> bodies.CorrectedView:
    """Take a document back by a credit note and replace it by a corrected one, in the open period."""
    now = realm.office.now()

    def compose(facts: Correction) -> Sequence[Draft]:
        period = period_of(facts.original.period)
        return corrections(facts, Issue(period, now, realm.caller.key_name), body.reason)

    try:
        made = await realm.desk.closing.correct(realm.organisation_id, number, now, compose)
    except BookError as error:
        raise refuse(409, str(error), "not_reversible", "number") from None
    if made is None:
        raise missing("document", number)
    return bodies.CorrectedView(reverses=number, credit_note=made[0], correction=made[1])


def add_closing_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/books/statement-settings", show_setting, methods=["GET"], tags=["books"])
    add("/books/statement-settings", change_setting, methods=["PUT"], tags=["books"])
    add("/books/cost-centres/{project}", set_cost_centre, methods=["PUT"], tags=["books"])
    add("/books/periods", list_periods, methods=["GET"], tags=["books"])
    add("/books/periods/{period}/close", preview_close, methods=["GET"], tags=["books"])
    add("/books/periods/{period}/close", close_period, methods=["POST"], tags=["books"])
    add("/books/documents", list_documents, methods=["GET"], tags=["books"])
    add(
        "/books/documents/{number}.{form}",
        show_document,
        methods=["GET"],
        tags=["books"],
        response_class=Response,
    )
    add("/books/documents/{number}/reverse", reverse_document, methods=["POST"], tags=["books"])
