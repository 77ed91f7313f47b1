"""Audit: who did what, and whether data went only where it might."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.listing import Column, as_csv
from rechenwerk.console.visit import Visit, page, with_query

PATH = "/console/audit"
_PAGE = 50
_FILTERS = ("q", "what", "who", "subject", "from", "to")


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


@page
async def index(visit: Visit) -> Response:
    """Events, newest first; searched by the API, however many there are."""
    kept = {name: visit.query[name] for name in _FILTERS if visit.query.get(name)}
    before = visit.query.get("before", "")
    answer, kinds = await asyncio.gather(
        visit.get("/audit", limit=_PAGE, before=before, **kept), visit.get("/audit/kinds")
    )
    if not answer.ok and answer.status != 422:
        return visit.failed(answer)
    older = answer.part("next", None)
    files = {form: visit.direct("/audit/export", **kept, format=form) for form in ("csv", "jsonl")}
    events = answer.part("events", [])
    return visit.render(
        "audit.html",
        section="audit",
        tab="events",
        events=[{**one, "changes": _changes(one)} for one in events],
        kinds=sorted({*kinds.part("kinds", []), *filter(None, [kept.get("what")])}, key=_named(visit)),
        query=kept,
        narrowed=bool(kept),
        first=with_query(PATH, **kept) if before else "",
        next=with_query(PATH, **kept, before=older) if older else "",
        files=files,
        link=lambda **more: with_query(PATH, **{**kept, **more}),
        everybody=answer.part("organisation", "") is None,
        problem=answer.problem,
    )


def _named(visit: Visit) -> Callable[[str], str]:
    return lambda kind: visit.t.of("event", kind).casefold()


@page
async def verify(visit: Visit) -> Response:
    """Whether the events are as they were written."""
    answer = await visit.get("/audit/verify")
    if not answer.ok:
        return visit.failed(answer)
    return visit.render("audit_verify.html", section="audit", tab="chain", found=answer.body)


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
        section="audit",
        tab="residency",
        first=first,
        last=last,
        found=answer.body if answer is not None and answer.ok else None,
        problem=answer.problem if answer is not None else None,
        download=with_query(f"{PATH}/residency", **{"from": first, "to": last, "download": "csv"}),
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
        Route("/audit/verify", verify, methods=["GET"]),
        Route("/audit/residency", residency, methods=["GET"]),
    ]
