"""Contracts: where each stands, what will expire or fall short, and the reserve."""

from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.figures import decimal, share
from rechenwerk.console.listing import Column, arrange, as_csv
from rechenwerk.console.visit import Visit, page

PATH = "/console/contracts"
_MOST_DAYS = 1100


def _at(name: str) -> Any:
    return lambda row: row["position"][name]


COLUMNS = (
    Column("name"),
    Column("kind"),
    Column("provider"),
    Column("status", _at("status")),
    Column("unit", _at("unit")),
    Column("amount", _at("amount"), number=True),
    Column("drawn", _at("drawn"), number=True),
    Column("remaining", _at("remaining"), number=True),
    Column("shortfall", _at("shortfall"), number=True),
    Column("unused", _at("unused"), number=True),
    Column("expires_at", _at("expires_at")),
)


def said(visit: Visit, warning: dict[str, Any]) -> str:
    """A warning in the visitor's language; as the API says it where the language is the API's."""
    if visit.language == "en" or visit.t.of("warning", warning["sort"]) == warning["sort"]:
        return str(warning["message"])
    at = datetime.fromisoformat(warning["at"])
    last = at - timedelta(seconds=1)  # a day that ends, not the one that begins then
    day = at if warning["sort"] in {"cap-reached", "credit-empty", "idle"} else last
    amount = visit.figures.money(warning["amount"], warning["unit"], 2)
    return str(visit.t(f"warning.{warning['sort']}", amount=amount, day=visit.figures.day(day)))


@page
async def index(visit: Visit) -> Response:
    """All contracts, and what to act on."""
    contracts, warnings, reserve = await asyncio.gather(
        visit.get("/contracts"), visit.get("/warnings"), visit.get("/reserve")
    )
    if not contracts.ok:
        return visit.failed(contracts)
    rows = contracts.body["contracts"]
    search, filters = ("name", "provider"), ("kind", "provider")
    listing = arrange(PATH, rows, COLUMNS, visit.query, search, filters, "name")
    if visit.query.get("download"):
        return as_csv("contracts", COLUMNS, listing.rows)
    return visit.render(
        "contracts.html",
        section="contracts",
        list=listing,
        kinds=sorted({one["kind"] for one in rows}),
        providers=sorted({one["provider"] for one in rows}),
        warnings=[{**one, "said": said(visit, one)} for one in warnings.part("warnings", [])],
        reserves=reserve.part("reserves", []),
        draws=reserve.part("draws", []),
        borrowers=reserve.part("borrowers", []),
        since=reserve.part("since", None),
        organisations=len({one["organisation"] for one in reserve.part("borrowers", [])}),
        share=share,
    )


@page
async def show(visit: Visit) -> Response:
    """One contract: its position against time, its caps, its terms."""
    name = visit.request.path_params["name"]
    answer = await visit.get(f"/contracts/{quote(name)}")
    if not answer.ok:
        return visit.failed(answer)
    contract = answer.body
    return visit.render(
        "contract.html",
        section="contracts",
        contract=contract,
        at=contract["position"],
        share=share,
        warnings=[{**one, "said": said(visit, one)} for one in contract["warnings"]],
        chart=chart(contract, visit.now.date(), visit.t),
        terms=[
            (version["since"], json.dumps(version["terms"], ensure_ascii=False, indent=2))
            for version in contract["versions"]
        ],
    )


def chart(contract: dict[str, Any], today: date, t: Any) -> str:
    """What is left, day by day, against an even use; or what was drawn where nothing can be left."""
    at = contract["position"]
    drawn = {date.fromisoformat(one["day"]): Decimal(one["drawn"]) for one in contract["days"]}
    if not drawn:
        return ""
    amount = decimal(at["amount"])
    first = date.fromisoformat(at["starts_at"][:10]) if at["starts_at"] else min(drawn)
    until = at["ends_at"] or at["expires_at"]
    # A period that ends at midnight ended with the day before.
    last = (datetime.fromisoformat(until) - timedelta(microseconds=1)).date() if until else today
    last = max(min(last, first + timedelta(days=_MOST_DAYS)), first)
    days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    if amount is None:
        series = [{"name": t("contracts.drawn"), "data": [float(drawn.get(day, 0)) for day in days]}]
        return _json("bar", at["unit"], days, series)
    sums = list(accumulate(drawn.get(day, Decimal(0)) for day in days))
    left = [float(amount - gone) if day <= today else None for day, gone in zip(days, sums, strict=True)]
    even = [float(amount) * (1 - count / max(1, len(days) - 1)) for count in range(len(days))]
    series = [
        {"name": t("contracts.remaining"), "data": left, "area": True},
        {"name": t("contracts.even"), "data": even, "dashed": True},
    ]
    ahead = [index for index, day in enumerate(days) if day >= today]
    if at["forecast"] and len(ahead) > 1 and left[ahead[0]] is not None:
        begins, ends = (
            float(left[ahead[0]] or 0),
            float(max(Decimal(0), amount - Decimal(at["forecast"]["middle"]))),
        )
        step = (begins - ends) / (len(ahead) - 1)
        line: list[float | None] = [None] * len(days)
        for count, index in enumerate(ahead):
            line[index] = begins - step * count
        series.append({"name": t("contracts.projected"), "data": line, "dashed": True})
    return _json("line", at["unit"], days, series)


def _json(kind: str, unit: str, days: list[date], series: list[dict[str, Any]]) -> str:
    x = [day.isoformat() for day in days]
    return json.dumps({"kind": kind, "title": "", "unit": unit, "x": x, "series": series})


def routes() -> list[Route]:
    """Of this page."""
    return [
        Route("/contracts", index, methods=["GET"]),
        Route("/contracts/{name:path}", show, methods=["GET"]),
    ]
