"""Who may spend how much: budgets as a tree with the month's forecast, alerts, wallets."""

from __future__ import annotations

import asyncio
import calendar
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.figures import decimal
from rechenwerk.console.listing import Column, as_csv, ask
from rechenwerk.console.pages.projects import PERIODS, amount_of, budget_of, count_of
from rechenwerk.console.visit import Visit, page

PATH = "/console/books"
KINDS = ("organisation", "project", "key")
WATCHES = ("budgets", "wallets", "contracts", "concentration")
BUDGETS = (
    Column("whose", lambda row: row["key"] or row["project"] or ""),
    Column("kind", lambda row: "key" if row["key_id"] else "project" if row["project"] else "organisation"),
    Column("period"),
    Column("amount", number=True),
    Column("used", number=True),
    Column("held", number=True),
    Column("left", number=True),
    Column("percent", number=True),
    Column("forecast", number=True),
)
_STEADY = 3
"""Days of a month before which no forecast is drawn."""


@page
async def budgets(visit: Visit) -> Response:
    """All budgets, nested or as a list, and how this month goes on."""
    return await _budgets(visit)


async def _budgets(visit: Visit, failed: Answer | None = None) -> Response:
    month = visit.month
    known = {"period": PERIODS, "kind": KINDS}
    query = {name: value for name, value in visit.query.items() if value in known.get(name, (value,))}
    (listing, answer), own, days = await asyncio.gather(
        ask(visit, f"{PATH}/budgets", "/budgets", "budgets", BUDGETS, query, tuple(known)),
        visit.get("/budgets", kind="organisation", period="month", shared="true"),
        visit.get("/books/totals", period=month, step="day", by="organisation"),
    )
    if not answer.ok:
        return visit.failed(answer)
    if query.get("download"):
        return as_csv("budgets", BUDGETS, listing.rows)
    line = next((one["amount"] for one in own.part("budgets", [])), None)
    return visit.render(
        "books_budgets.html",
        section="books",
        tab="budgets",
        list=listing,
        currency=answer.body["currency"],
        periods=answer.body["periods"],
        all_periods=PERIODS,
        chart=forecast(days.part("rows", []), line, visit.now.date(), visit.t),
        problem=failed.problem if failed else None,
    )


def forecast(days: list[dict[str, Any]], amount: str | None, today: date, t: Any) -> str:
    """For the chart: the month's spending summed up by day, where it goes if it goes on so, the budget."""
    spent = {one["starts"]: decimal(one["price"]) or Decimal(0) for one in days}
    if not spent:
        return ""
    length = calendar.monthrange(today.year, today.month)[1]
    all_days = [today.replace(day=1) + timedelta(days=number) for number in range(length)]
    sums: list[str | None] = []
    total = Decimal(0)
    for day in all_days:
        total += spent.get(day.isoformat(), Decimal(0))
        sums.append(str(total) if day <= today else None)
    ahead: list[str | None] = [None] * length
    if today.day >= _STEADY:
        rate = total / today.day
        for number in range(today.day - 1, length):
            ahead[number] = str((total + rate * (number + 1 - today.day)).quantize(Decimal("0.000001")))
    series = [
        {"name": t("desk.spent"), "data": _numbers(sums), "area": True},
        {"name": t("desk.goes_on"), "data": _numbers(ahead), "dashed": True},
    ]
    if amount is not None:
        series.append({"name": t("desk.budget_line"), "data": _numbers([amount] * length)})
    x = [day.isoformat() for day in all_days]
    return json.dumps({"kind": "line", "unit": "", "x": x, "series": series})


def _numbers(texts: list[str | None]) -> list[float | None]:
    """For drawing alone."""
    return [None if text is None else float(text) for text in texts]


@page
async def set_budget(visit: Visit) -> Response:
    """Set or remove the organisation's budget."""
    body = {**budget_of(await visit.form()), "organisation": visit.elsewhere or None}
    answer = await visit.send("PUT", "/budgets/organisation", body)
    return visit.go(f"{PATH}/budgets", "saved") if answer.ok else await _budgets(visit, answer)


# -- alerts -------------------------------------------------------------------------------------------


@page
async def alerts(visit: Visit) -> Response:
    """Who is told what, and what was told."""
    if visit.request.method == "GET":
        return await _alerts(visit)
    form = await visit.form()
    answer = await visit.send("POST", "/alerts", _alert(form, visit.elsewhere))
    return await _alerts(visit, answer, form, made=answer.body if answer.ok else None)


def _alert(form: dict[str, str], elsewhere: str) -> dict[str, Any]:
    given = {name: form.get(name, "").strip() for name in ("project", "key", "period", "webhook", "mail")}
    body: dict[str, Any] = {name: text for name, text in given.items() if text}
    body |= {
        "name": form.get("name", "").strip(),
        "watch": form.get("watch"),
        "language": form.get("language"),
    }
    if form.get("watch") == "budgets":
        body["at"] = [
            count_of(part) for part in form.get("at", "").replace(",", " ").replace("%", " ").split()
        ]
        body["forecast"] = form.get("forecast") == "yes"
    if below := amount_of(form.get("below", "")):
        body["below"] = below
    return {**body, "organisation": elsewhere or None}


async def _alerts(
    visit: Visit, failed: Answer | None = None, form: dict[str, str] | None = None, made: Any = None
) -> Response:
    found, log = await asyncio.gather(
        visit.get("/alerts"), visit.get("/alerts/log", limit=50, before=visit.query.get("before", ""))
    )
    if not found.ok:
        return visit.failed(found)
    return visit.render(
        "books_alerts.html",
        section="books",
        tab="alerts",
        alerts=found.body["alerts"],
        currency=found.body["currency"],
        log=log.part("notices", []),
        older=log.part("next", None),
        watches=WATCHES,
        periods=PERIODS,
        form=(form or {}) if made is None else {},
        made=made,
        problem=failed.problem if failed else None,
    )


@page
async def alert(visit: Visit) -> Response:
    """Test an alert, or remove it."""
    name, what = visit.request.path_params["name"], visit.request.path_params["what"]
    at = f"/alerts/{quote(name, safe='')}"
    if what == "test":
        answer = await visit.send("POST", f"{at}/test")
    else:
        answer = await visit.send("DELETE", at)
    if not answer.ok:
        return await _alerts(visit, answer)
    return visit.go(f"{PATH}/alerts", "alert_tested" if what == "test" else "alert_removed", name)


# -- wallets ------------------------------------------------------------------------------------------


@page
async def wallets(visit: Visit) -> Response:
    """Wallets as they stand, what moved on one of them, and for the operator money in and out."""
    if visit.request.method == "GET":
        return await _wallets(visit)
    form = await visit.form()
    do = form.get("do", "")
    body: dict[str, Any] = {"project": form.get("project") or None, "organisation": visit.elsewhere or None}
    if do in ("topup", "refund"):
        body["amount"] = amount_of(form.get("amount", "")) or None
        if reference := form.get("reference", "").strip():
            body["reference"] = reference
    if do not in ("topup", "refund", "close"):
        raise HTTPException(404)
    answer = await visit.send("POST", f"/wallets/{do}", body)
    return visit.go(f"{PATH}/wallets", "saved") if answer.ok else await _wallets(visit, answer, form)


async def _wallets(
    visit: Visit, failed: Answer | None = None, form: dict[str, str] | None = None
) -> Response:
    query = visit.query
    of, month = query.get("of"), query.get("period") or visit.month
    found, statement, projects = await asyncio.gather(
        visit.get("/wallets"),
        visit.get("/wallets/statement", period=month, project=of or ""),
        visit.get("/projects"),
    )
    if not found.ok:
        return visit.failed(found)
    return visit.render(
        "books_wallets.html",
        section="books",
        tab="wallets",
        wallets=found.body["wallets"],
        currency=found.body["currency"],
        statement=statement.body if statement.ok and of is not None else None,
        missing=statement.problem if of is not None else None,
        projects=[one["name"] for one in projects.part("projects", [])],
        of=of,
        month=month,
        form=form or {},
        problem=failed.problem if failed else None,
    )


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/books/budgets", budgets, methods=["GET"]),
        Route("/books/budgets", set_budget, methods=["POST"]),
        Route("/books/alerts", alerts, methods=["GET", "POST"]),
        Route("/books/alerts/{name}/{what}", alert, methods=["POST"]),
        Route("/books/wallets", wallets, methods=["GET", "POST"]),
    ]
