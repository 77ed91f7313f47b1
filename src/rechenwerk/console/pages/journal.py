"""The journal: booked calls, and everything about one of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.figures import places
from rechenwerk.console.listing import Column, as_csv
from rechenwerk.console.visit import Visit, page

PATH = "/console/journal"
_LIMIT = 50
_LIKE_A_CALL = "call_"

COLUMNS = (
    Column("id"),
    Column("started_at"),
    Column("project"),
    Column("key"),
    Column("model"),
    Column("provider"),
    Column("contract"),
    Column("outcome"),
    Column("reason"),
    Column("input", lambda row: row["usage"].get("input"), number=True),
    Column("cached_input", lambda row: row["usage"].get("cached_input"), number=True),
    Column("output", lambda row: row["usage"].get("output"), number=True),
    Column("price", number=True),
    Column("cost", number=True),
    Column("first_byte_us", number=True),
    Column("total_us", number=True),
)


def _url(**query: str) -> str:
    text = urlencode({name: value for name, value in query.items() if value})
    return f"{PATH}?{text}" if text else PATH


@page
async def index(visit: Visit) -> Response:
    """Calls, newest first; the address says of which project, and how far back."""
    query = visit.query
    wanted = query.get("q", "").strip()
    if wanted.startswith(_LIKE_A_CALL):
        return visit.go(f"{PATH}/{quote(wanted, safe='')}")
    project, before = query.get("project", ""), query.get("before", "")
    journal, totals = await asyncio.gather(
        visit.get("/books/journal", limit=_LIMIT, before=before, project=project),
        visit.get("/books/totals", days=400, by="project"),
    )
    if not journal.ok:
        return visit.failed(journal)
    calls = journal.body["calls"]
    if query.get("download"):
        return as_csv("calls", COLUMNS, calls)
    return visit.render(
        "journal.html",
        section="journal",
        calls=calls,
        currency=journal.body["currency"],
        digits=places(call["price"] for call in calls),
        projects=sorted({row["name"] for row in totals.part("rows", []) if row["name"]} | {project} - {""}),
        project=project,
        wanted=wanted,
        here=_url(project=project),
        first=_url(project=project) if before else "",
        next=_url(project=project, before=journal.body["next"] or "") if journal.body["next"] else "",
        download=_url(project=project, before=before, download="csv"),
        month=visit.now.strftime("%Y-%m"),
    )


@page
async def show(visit: Visit) -> Response:
    """One call: what it cost, why it went where it went, and that it is in the books."""
    name = visit.request.path_params["call"]
    at = quote(name, safe="")
    call, why, proof = await asyncio.gather(
        visit.get(f"/books/calls/{at}"), visit.get(f"/books/calls/{at}/why"), visit.get(f"/books/proof/{at}")
    )
    if not call.ok:
        return visit.failed(call)
    body = call.body
    decision = why.body["decision"] if why.ok else {}
    amounts = [body[one] for one in ("held", "price", "cost", "listed", "charged")]
    return visit.render(
        "call.html",
        section="journal",
        call=body,
        usage=[(name, count) for name, count in body["usage"].items() if count],
        digits=places([*amounts, *(one["amount"] for one in body["transfers"])]),
        decision=decision,
        alternatives=_alternatives(decision),
        rest={name: _text(value) for name, value in decision.items() if name not in _SHOWN},
        raw=_pretty(body["raw_usage"]),
        proof=proof,
    )


_SHOWN = frozenset({"alternatives", "reason"})


def _alternatives(decision: Mapping[str, Any]) -> list[dict[str, str]]:
    """What else there was, and why it was not taken; whatever a decision kept."""
    found = decision.get("alternatives")
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [{str(name): _text(value) for name, value in one.items()} for one in rows]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False, indent=1)


def _pretty(kept: str | None) -> str:
    try:
        return json.dumps(json.loads(kept or ""), ensure_ascii=False, indent=2)
    except ValueError:
        return kept or ""


def routes() -> list[Route]:
    """Of this page."""
    return [Route("/journal", index, methods=["GET"]), Route("/journal/{call}", show, methods=["GET"])]
