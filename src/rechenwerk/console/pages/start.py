"""Start: is everything well? Every figure leads to the page that it comes from."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.figures import NONE, decimal
from rechenwerk.console.pages.contracts import said
from rechenwerk.console.pages.plan import address
from rechenwerk.console.plan_charts import Shown
from rechenwerk.console.visit import Visit, page

_DAYS = 31
_LOOKS = 20
"""Budgets that deserve a look, at most."""
_SOON = 30
"""Days before the end of something at which it is worth a line here."""
_MANY = 5
"""Percent of calls that may fail before it is bad."""


class Todo(msgspec.Struct, frozen=True):
    """Something to look at.

    Attributes:
        tone: warn or bad.
        text: one line.
        path: where it is put right.
    """

    tone: str
    text: str
    path: str


class Day(msgspec.Struct, frozen=True):
    """What was spent on a day; `height` is in percent of the dearest."""

    day: str
    spent: Decimal
    height: float


@page
async def show(visit: Visit) -> Response:
    """The page; what a role may not see is left out. Who would see nothing goes to chat."""
    if not visit.may("books", "keys", "audit") and visit.may("inference"):
        return visit.go("/console/chat")
    pulse, totals, budgets, shared, warnings, plans = await asyncio.gather(
        visit.get("/pulse", minutes=15),
        visit.get("/books/totals", days=_DAYS, by="model", step="day"),
        visit.get("/budgets", look="true", sort="-percent", limit=_LOOKS),
        visit.get("/budgets", shared="true"),
        visit.get("/warnings"),
        visit.get("/plans"),
    )
    rows = totals.part("rows", [])
    today = visit.now.date().isoformat()
    lines = budgets.part("budgets", [])
    todos = _todos(visit, pulse.body if pulse.ok else None, lines, warnings.part("warnings", []))
    return visit.render(
        "start.html",
        section="start",
        pulse=pulse.body if pulse.ok else None,
        has_totals=totals.ok,
        has_plans=plans.ok,
        plan=next((one for one in plans.part("plans", []) if one["main"]), None),
        plan_path=address,
        plan_figure=Shown(visit),
        may_plan=visit.may("books"),
        currency=totals.part("currency", budgets.part("currency", "")),
        today=_sum(row for row in rows if row["starts"] == today),
        month=_sum(row for row in rows if row["starts"][:7] == today[:7]),
        calls=sum(row["calls"] for row in rows),
        budget_today=_tightest(shared.part("budgets", []), "day"),
        budget_month=_tightest(shared.part("budgets", []), "month"),
        days=_days(visit, rows) if rows else [],
        todos=todos,
        verdict="bad" if any(one.tone == "bad" for one in todos) else "warn" if todos else "good",
    )


def _sum(rows: Any) -> Decimal:
    return sum((decimal(row["price"]) or Decimal(0) for row in rows), Decimal(0))


def _tightest(lines: Sequence[dict[str, Any]], period: str) -> dict[str, Any] | None:
    """The organisation's budget of a period, else the fullest of a project."""
    found = [one for one in lines if one["period"] == period and not one["wallet"] and one["key_id"] is None]
    own = [one for one in found if one["project"] is None]
    return max(own or found, key=lambda one: one["percent"], default=None)


def _todos(
    visit: Visit,
    pulse: dict[str, Any] | None,
    lines: Sequence[dict[str, Any]],
    warnings: Sequence[dict[str, Any]],
) -> list[Todo]:
    t, f = visit.t, visit.figures
    found = []
    for beat in pulse["providers"] if pulse else ():
        if beat["failed"]:
            many = beat["failed"] * 100 >= beat["calls"] * _MANY
            text = t(
                "start.failing",
                provider=beat["provider"] or NONE,
                failed=f.number(beat["failed"]),
                calls=f.number(beat["calls"]),
            )
            found.append(Todo("bad" if many else "warn", text, "/console/journal"))
    for one in lines:
        whose = one["key"] or one["project"] or t("start.organisation")
        ahead = decimal(one["forecast"])
        if one["percent"] >= 80:
            text = t("start.budget_full", whose=whose, percent=one["percent"])
            tone = "bad" if one["percent"] >= 100 and one["hard"] else "warn"
        elif ahead is not None and ahead > Decimal(one["amount"]) > 0:
            text, tone = t("start.budget_ahead", whose=whose), "warn"
        else:
            continue
        period = t.of("period", one["period"])
        found.append(Todo(tone, f"{text} ({period})", "/console/books/budgets"))
    found += [
        Todo("warn", f"{one['contract']}: {said(visit, one)}", "/console/contracts")
        for one in warnings
        if one["days"] <= _SOON
    ]
    return sorted(found, key=lambda one: one.tone != "bad")


def _days(visit: Visit, rows: Sequence[dict[str, Any]]) -> list[Day]:
    """What was spent on each of the last days, those without calls too."""
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        spent[row["starts"]] += Decimal(row["price"])
    last = visit.now.date()
    days = [(last - timedelta(days=back)).isoformat() for back in range(_DAYS - 1, -1, -1)]
    most = max((spent[day] for day in days), default=Decimal(0)) or Decimal(1)
    return [Day(day, spent[day], float(spent[day] * 100 / most)) for day in days]


def routes() -> list[Route]:
    """Of this page."""
    return [Route("/", show, methods=["GET"])]
