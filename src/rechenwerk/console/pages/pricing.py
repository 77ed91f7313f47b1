"""What calls are sold at and what is left: tariffs, a month under other ones, prices that cover cost."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.figures import places
from rechenwerk.console.listing import Column, arrange, as_csv
from rechenwerk.console.visit import Visit, page

PATH = "/console/books"
BY = ("organisation", "project", "model", "provider")
MARGIN = (
    Column("name"),
    Column("calls", number=True),
    Column("net", number=True),
    Column("direct", number=True),
    Column("allocated", number=True),
    Column("cost", number=True),
    Column("contribution", number=True),
    Column("percent", number=True),
)


@page
async def margin(visit: Visit) -> Response:
    """Revenue, cost, what was allocated, what stood idle, what is left."""
    by = visit.query.get("by", "")
    by = by if by in BY else "project"
    period = visit.query.get("period") or visit.month
    everyone = visit.query.get("everyone") == "yes" and visit.may("operator")
    answer, periods = await asyncio.gather(
        visit.get("/books/margin", period=period, by=by, everyone="true" if everyone else ""),
        visit.get("/books/periods"),
    )
    if not answer.ok:
        return visit.failed(answer)
    body = answer.body
    keep = {"period": period, "by": by, **({"everyone": "yes"} if everyone else {})}
    listing = arrange(f"{PATH}/margin", body["lines"], MARGIN, visit.query, ("name",), (), "-net", keep)
    if visit.query.get("download"):
        return as_csv(f"margin-{period}-{by}", MARGIN, listing.rows)
    names = [one["period"] for one in periods.part("periods", [])]
    money = [one[name] for one in (*listing.rows, body["total"]) for name in ("net", "cost", "contribution")]
    return visit.render(
        "books_margin.html",
        section="books",
        tab="margin",
        list=listing,
        margin=body,
        by=by,
        choices=BY,
        everyone=everyone,
        period=period,
        periods=names if period in names else [period, *names],
        digits=min(4, places(money)),
        chart=_chart(body, visit.t),
    )


def _chart(body: dict[str, Any], t: Any) -> str:
    """Cost by its parts, line by line, the dearest first; idle capacity stands for itself."""
    lines = sorted(body["lines"], key=lambda one: -float(one["cost"]))[:12]
    if not lines and not float(body["idle_total"]):
        return ""
    names = [one["name"] or t("desk.nobody") for one in lines]
    idle = [0.0] * len(lines)
    series = [
        {"name": t("desk.direct"), "data": [float(one["direct"]) for one in lines] + [0.0]},
        {"name": t("desk.allocated"), "data": [float(one["allocated"]) for one in lines] + [0.0]},
        {"name": t("account.idle"), "data": [*idle, float(body["idle_total"])]},
    ]
    return json.dumps(
        {"kind": "bar", "unit": body["currency"], "x": [*names, t("account.idle")], "series": series}
    )


@page
async def tariffs(visit: Visit) -> Response:
    """Tariffs and their versions; a month under other ones; which price covers cost."""
    operator = visit.may("operator")
    history = visit.query.get("history") == "yes"
    period = visit.query.get("period") or visit.month
    form: dict[str, str] = {}
    tried = None
    if visit.request.method == "POST":
        form = await visit.form()
        body = {"text": form.get("text", ""), "period": form.get("period", "").strip() or period}
        tried = await visit.send(
            "POST", "/tariffs/dry-run", {**body, "organisation": visit.elsewhere or None}
        )
    share = visit.query.get("margin", "").strip() or "0"
    found = await visit.get("/tariffs", history="true" if history else "")
    if not found.ok:
        return visit.failed(found)
    cover = await visit.get("/tariffs/cover", period=period, margin=share) if operator else None
    return visit.render(
        "books_tariffs.html",
        section="books",
        tab="tariffs",
        tariffs=[{**one, "price": _price(one["terms"])} for one in found.body["tariffs"]],
        discounts=found.body["discounts"],
        currency=found.body["currency"],
        history=history,
        cover=cover.body if cover is not None and cover.ok else None,
        cover_problem=cover.problem if cover is not None else None,
        share=share,
        period=period,
        tried=tried.body if tried is not None and tried.ok else None,
        form=form,
        problem=tried.problem if tried is not None else None,
    )


def _price(terms: dict[str, Any]) -> list[tuple[str, str]]:
    """The rates of a tariff's terms where it has a plain price list; else its own words."""
    listed = terms.get("price")
    if isinstance(listed, dict):
        return [(str(name), str(value)) for name, value in listed.items() if value not in (None, "", {})]
    return [(str(name), json.dumps(value, ensure_ascii=False)) for name, value in terms.items() if value]


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/books/margin", margin, methods=["GET"]),
        Route("/books/tariffs", tariffs, methods=["GET", "POST"]),
    ]
