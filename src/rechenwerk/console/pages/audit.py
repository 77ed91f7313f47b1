"""Audit: who did what, and whether data went only where it might."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.listing import Column, as_csv
from rechenwerk.console.visit import Visit, page

PATH = "/console/audit"
_PAGE = 50
_SEARCHED = 1000
"""Events that a search looks through at a time."""

COLUMNS = (
    Column("id"),
    Column("at"),
    Column("organisation"),
    Column("who"),
    Column("key"),
    Column("what"),
    Column("subject"),
    Column("before", lambda row: _text(row["before"])),
    Column("after", lambda row: _text(row["after"])),
)


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _fits(event: dict[str, Any], words: list[str], what: str) -> bool:
    text = " ".join(str(event[name]) for name in ("who", "what", "subject")).casefold()
    return all(word in text for word in words) and what in ("", event["what"])


@page
async def index(visit: Visit) -> Response:
    """Events, newest first."""
    query = visit.query
    words, what, before = (
        query.get("q", "").casefold().split(),
        query.get("what", ""),
        query.get("before", ""),
    )
    searched = bool(words or what or query.get("download"))
    answer = await visit.get("/audit", limit=_SEARCHED if searched else _PAGE, before=before)
    if not answer.ok:
        return visit.failed(answer)
    events = [one for one in answer.body["events"] if _fits(one, words, what)]
    if query.get("download"):
        return as_csv("audit", COLUMNS, events)
    kept = {name: query[name] for name in ("q", "what") if query.get(name)}
    older = answer.body["next"]
    return visit.render(
        "audit.html",
        section="audit",
        tab="events",
        events=[{**one, "changes": _changes(one)} for one in events],
        kinds=sorted({one["what"] for one in answer.body["events"]} | ({what} - {""})),
        query=query,
        first=f"{PATH}?{urlencode(kept)}" if before else "",
        next=f"{PATH}?{urlencode({**kept, 'before': older})}" if older else "",
        download=f"{PATH}?{urlencode({**kept, 'before': before, 'download': 'csv'})}",
        looked=len(answer.body["events"]) if searched else 0,
        everybody=answer.body["organisation"] is None,
    )


def _changes(event: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Field by field, what was there and what is there now."""
    before, after = event["before"], event["after"]
    if not isinstance(before, dict) and not isinstance(after, dict):
        return [("", _text(before), _text(after))] if before is not None or after is not None else []
    old, new = (one if isinstance(one, dict) else {} for one in (before, after))
    rows = [(name, _plain(old.get(name)), _plain(new.get(name))) for name in {**old, **new}]
    return [row for row in rows if row[1] != row[2]]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


@page
async def residency(visit: Visit) -> Response:
    """Judge again whether every call of some days went only where its data might go."""
    first = visit.query.get("from") or visit.now.strftime("%Y-%m-01")
    last = visit.query.get("to") or visit.now.strftime("%Y-%m-%d")
    asked = "from" in visit.query
    answer = await visit.get("/audit/residency", **{"from": first, "to": last}) if asked else None
    if answer is not None and answer.ok and visit.query.get("download"):
        columns = [Column(name) for name in _VIOLATION]
        return as_csv("residency", columns, answer.body["violations"])
    return visit.render(
        "residency.html",
        200 if answer is None else answer.status,
        section="audit",
        tab="residency",
        first=first,
        last=last,
        found=answer.body if answer is not None and answer.ok else None,
        problem=answer.problem if answer is not None else None,
        download=f"{PATH}/residency?{urlencode({'from': first, 'to': last, 'download': 'csv'})}",
    )


_VIOLATION = (
    "call",
    "attempt_of",
    "organisation",
    "project",
    "left_at",
    "deployment",
    "jurisdiction",
    "level",
    "data_class",
    "rule",
)


def routes() -> list[Route]:
    """Of these pages."""
    return [
        Route("/audit", index, methods=["GET"]),
        Route("/audit/residency", residency, methods=["GET"]),
    ]
