"""The journal: booked calls, and everything about one of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.base.reasons import is_told
from rechenwerk.console.figures import places
from rechenwerk.console.listing import ordered, sort_of
from rechenwerk.console.pages.projects import amount_of
from rechenwerk.console.visit import Visit, page, with_query

PATH = "/console/journal"
_LIMIT = 50
_LIKE_A_CALL = "call_"

FILTERS = (
    "project",
    "key",
    "model",
    "provider",
    "contract",
    "outcome",
    "bucket",
    "period",
    "since",
    "until",
    "price_from",
    "price_to",
)
OUTCOMES = ("posted", "unresolved", "failed", "void")
BUCKETS = ("input", "cached_input", "cache_write", "output", "reasoning", "images", "seconds", "requests")
ORDERS = ("started_at", "price", "total_us")
_CHOSEN = ("project", "model", "key", "contract")
"""What the last months' totals offer a choice of."""


@page
async def index(visit: Visit) -> Response:
    """Calls, newest first or as the address says: which, and from where on."""
    query = visit.query
    wanted = query.get("q", "").strip()
    if wanted.startswith(_LIKE_A_CALL):
        return visit.go(f"{PATH}/{quote(wanted, safe='')}")
    asked = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
    for name in ("price_from", "price_to"):
        if name in asked:
            asked[name] = amount_of(asked[name])
    before, sort = query.get("before", ""), sort_of(query, ORDERS)
    more = {"sort": sort} if sort else {}
    offered = () if visit.part == "live" else _CHOSEN  # the list alone offers no choice
    journal, *totals = await asyncio.gather(
        visit.get("/books/journal", limit=_LIMIT, before=before, **more, **asked),
        *(visit.get("/books/totals", days=400, by=by) for by in offered),
    )
    problem = journal.problem
    if problem is not None and problem.status != 422:
        return visit.failed(journal)
    calls = journal.part("calls", [])
    choices = {by: {asked[by]} if by in asked else set() for by in _CHOSEN}
    for by, found in zip(offered, totals, strict=True):
        choices[by] |= {row["name"] for row in found.part("rows", []) if row["name"]}
    last = journal.part("next", None)
    return visit.render(
        "journal.html",
        section="journal",
        calls=calls,
        currency=journal.part("currency", ""),
        digits=places(call["price"] for call in calls),
        choices={by: sorted(names) for by, names in choices.items()},
        outcomes=OUTCOMES,
        buckets=BUCKETS,
        asked=asked,
        further=bool(asked.keys() - {"project", "model", "outcome"}),
        problem=problem,
        wanted=wanted,
        order=ordered(PATH, {**asked, **more}, "-started_at"),
        newest=sort in ("", "-started_at"),
        unsorted=with_query(PATH, **asked),
        here=with_query(PATH, **more, **asked),
        first=with_query(PATH, **more, **asked) if before else "",
        next=with_query(PATH, **more, **asked, before=last) if last else "",
        download=visit.direct("/books/journal.csv", **asked),
        month=visit.month,
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
    documents = await visit.get("/books/documents", period=body["started_at"][:7])
    decision = why.body["decision"] if why.ok else {}
    amounts = [body[one] for one in ("held", "price", "cost", "listed", "charged")]
    return visit.render(
        "call.html",
        section="journal",
        call=body,
        usage=[(name, count) for name, count in body["usage"].items() if count],
        digits=places([*amounts, *(one["amount"] for one in body["transfers"])]),
        decision=decision,
        ended=visit.why({"reason": body["reason"], "reason_told": decision.get("outcome_told")}),
        alternatives=_alternatives(visit, decision),
        rest=_rest(visit, decision),
        raw=_pretty(body["raw_usage"]),
        proof=proof,
        documents=[one for one in documents.part("documents", []) if one["project"] == body["project"]],
    )


_SHOWN = frozenset({"alternatives", "reason"})


def _alternatives(visit: Visit, decision: Mapping[str, Any]) -> list[dict[str, str]]:
    """What else there was, and why it was not taken; whatever a decision kept."""
    found = _said(visit, decision, "alternatives")
    return [{name: _text(visit, value) for name, value in one.items()} for one in found]


def _rest(visit: Visit, decision: Mapping[str, Any]) -> dict[str, str]:
    """What a decision kept besides, with reasons in the visitor's language."""
    found = {name: value for name, value in decision.items() if name not in _SHOWN and not is_told(name)}
    if "reserve" in found:
        found["reserve"] = visit.why(decision, "reserve")
    if "tried" in found:
        found["tried"] = _said(visit, decision, "tried")
    told = decision.get("refused_told")
    if isinstance(told, list) and len(told) == len(found.get("refused", [])):
        rules = [str(one).partition(": ") for one in found["refused"]]
        found["refused"] = [
            f"{name}: {visit.why({'rule': rule, 'rule_told': each}, 'rule')}"
            for (name, _, rule), each in zip(rules, told, strict=True)
        ]
    return {name: _text(visit, value) for name, value in found.items()}


def _said(visit: Visit, decision: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Rows of a decision, each reason in the visitor's language."""
    found = decision.get(name)
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [
        {
            str(key): visit.why(one, key) if f"{key}_told" in one else value
            for key, value in one.items()
            if not is_told(key)
        }
        for one in rows
    ]


def _text(visit: Visit, value: object) -> str:
    """Something that a decision kept, as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{visit.t.of('decision', key)}: {_text(visit, one)}" for key, one in value.items())
    if isinstance(value, list):
        return "\n".join(_text(visit, one) for one in value)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _pretty(kept: str | None) -> str:
    try:
        return json.dumps(json.loads(kept or ""), ensure_ascii=False, indent=2)
    except ValueError:
        return kept or ""


def routes() -> list[Route]:
    """Of this page."""
    return [Route("/journal", index, methods=["GET"]), Route("/journal/{call}", show, methods=["GET"])]
