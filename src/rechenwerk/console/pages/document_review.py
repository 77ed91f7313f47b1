"""What of documents waits for a person: values in doubt, kinds, contradictions; facts and the history."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from rechenwerk.console.api import Answer
from rechenwerk.console.listing import Column, as_csv, ordered, sort_of
from rechenwerk.console.pages.documents import API, PATH, border_of, job_page, number_of, title, turns
from rechenwerk.console.visit import Visit, page, with_query

_QUEUE = 25
_CLASHES = 20
_LAST = 500
REVIEW_ORDERS = ("made_at", "-made_at", "name", "-name")
CLASH_ORDERS = ("made_at", "-made_at", "state", "-state")
FACT_ORDERS = ("who", "what", "period", "sources")
DECISIONS = (
    Column("at"),
    Column("by"),
    Column("document"),
    Column("field"),
    Column("action"),
    Column("before", lambda row: row["before"].get("value")),
    Column("after", lambda row: row["after"].get("value")),
    Column("note"),
)


def _at(value: Mapping[str, Any]) -> str:
    """How an address names a value."""
    return f"{value['document']}.{value['field']}"


async def _review(visit: Visit, failed: Answer | None = None) -> Response:
    """The queue, and the one that is looked at."""
    job, query = number_of(visit, "job"), visit.query
    at, after = f"{API}/jobs/{job}", query.get("after", "")
    asked = {"sort": _order(visit, REVIEW_ORDERS)}
    about, found = await asyncio.gather(
        visit.get(at), visit.get(f"{at}/review", limit=_QUEUE, after=after, language=visit.language, **asked)
    )
    queue = found.part("values", [])
    place = next((number for number, one in enumerate(queue) if _at(one) == query.get("at")), 0)
    path = f"{PATH}/jobs/{job}/review"

    def link(number: int) -> str:
        return (
            with_query(path, **asked, after=after, at=_at(queue[number])) if 0 <= number < len(queue) else ""
        )

    follows = found.part("next", None)
    ahead = link(place + 1) or (with_query(path, **asked, after=follows) if follows else "")
    kinds = found.part("kinds", [])
    schemas = (await visit.get(f"{API}/schemas")).part("schemas", []) if kinds else []
    return await job_page(
        visit,
        "documents_review.html",
        about,
        found,
        tab="review",
        left=found.part("left", 0),
        queue=[(one, link(number)) for number, one in enumerate(queue)],
        one=queue[place] if queue else None,
        place=place,
        previous=link(place - 1),
        next=ahead,
        begin=with_query(path, **asked) if after else "",
        list=ordered(path, asked, "made_at"),
        orders=REVIEW_ORDERS,
        image=_image(queue, place + 1),
        here=link(place) or path,
        then=ahead or link(place - 1) or path,
        kinds=kinds,
        schemas=schemas,
        title=lambda schema: title(schema, visit.language),
        clashes=found.part("contradictions_left", 0),
        problem=None if failed is None else failed.problem,
    )


def _order(visit: Visit, orders: Sequence[str]) -> str:
    return sort_of(visit.query, {one.removeprefix("-") for one in orders})


def _image(queue: Sequence[Mapping[str, Any]], place: int) -> str:
    """The page of a value of the queue: it is fetched before it is needed."""
    return str(queue[place]["image"]) if place < len(queue) else ""


@page
async def review(visit: Visit) -> Response:
    """One value after the other."""
    return await _review(visit)


@page
async def decide(visit: Visit) -> Response:
    """Accept, correct or reject a value; then the next one."""
    job, document = number_of(visit, "job"), number_of(visit, "document")
    form = await visit.form()
    field, action = form.get("field", ""), form.get("action", "")
    body: dict[str, Any] = {"action": action, "version": _version(form), "note": form.get("note", "")}
    if action == "correct":
        body["value"] = form.get("value", "")
    answer = await visit.send(
        "POST",
        f"{API}/files/{document}/values/{quote(field, safe='')}/decision",
        body,
        language=visit.language,
    )
    if not answer.ok:
        return await _review(visit, answer)
    back = form.get("then", "")
    own = back.startswith(f"{PATH}/jobs/{job}/")
    return visit.go(back if own else f"{PATH}/jobs/{job}/review")


def _version(form: Mapping[str, str]) -> int:
    text = form.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 9 else 0


@page
async def kind(visit: Visit) -> Response:
    """Say what kind a document is."""
    job, document = number_of(visit, "job"), number_of(visit, "document")
    form = await visit.form()
    answer = await visit.send("POST", f"{API}/files/{document}/kind", {"schema": form.get("schema", "")})
    if not answer.ok:
        return await _review(visit, answer)
    return visit.go(f"{PATH}/jobs/{job}/review", "kind_said")


async def _contradictions(visit: Visit, failed: Answer | None = None) -> Response:
    job = number_of(visit, "job")
    at, path = f"{API}/jobs/{job}", f"{PATH}/jobs/{job}/contradictions"
    waiting = "true" if visit.query.get("show") != "all" else ""
    after = border_of(visit)
    asked = {"show": "" if waiting else "all", "sort": _order(visit, CLASH_ORDERS)}
    about, found = await asyncio.gather(
        visit.get(at),
        visit.get(f"{at}/contradictions", limit=_CLASHES, after=after, open=waiting, sort=asked["sort"]),
    )
    return await job_page(
        visit,
        "documents_contradictions.html",
        about,
        found,
        tab="contradictions",
        clashes=found.part("items", []),
        fresh=found.part("fresh", True),
        waiting=bool(waiting),
        list=ordered(path, asked, "made_at"),
        orders=CLASH_ORDERS,
        **turns(path, asked, found, after),
        here=with_query(path, **asked, after=after),
        problem=None if failed is None else failed.problem,
    )


@page
async def contradictions(visit: Visit) -> Response:
    """What documents cannot both be right about, side by side."""
    return await _contradictions(visit)


@page
async def decide_contradiction(visit: Visit) -> Response:
    """Say which side is right, that both stand, or that none is."""
    job, number = number_of(visit, "job"), number_of(visit, "contradiction")
    form = await visit.form()
    action, _, side = form.get("action", "").partition(".")
    body: dict[str, Any] = {"action": action, "version": _version(form), "note": form.get("note", "")}
    if side.isdecimal() and len(side) < 9:
        body["side"] = int(side)
    answer = await visit.send("POST", f"{API}/contradictions/{number}/decision", body)
    if not answer.ok:
        return await _contradictions(visit, answer)
    path = f"{PATH}/jobs/{job}/contradictions"
    back = form.get("then", "")
    return visit.go(back if back.startswith(path) else path, "decided")


@page
async def facts(visit: Visit) -> Response:
    """Each fact once, with the documents that say so."""
    job = number_of(visit, "job")
    after, path = border_of(visit), f"{PATH}/jobs/{job}/facts"
    asked = {"sort": _order(visit, FACT_ORDERS)}
    about, found = await asyncio.gather(
        visit.get(f"{API}/jobs/{job}"), visit.get(f"{API}/jobs/{job}/facts", after=after, **asked)
    )
    return await job_page(
        visit,
        "documents_facts.html",
        about,
        found,
        tab="facts",
        facts=found.part("facts", []),
        fresh=found.part("fresh", True),
        list=ordered(path, asked),
        **turns(path, asked, found, after),
    )


@page
async def history(visit: Visit) -> Response:
    """Who decided what, and when; the newest first."""
    job = number_of(visit, "job")
    about, found = await asyncio.gather(
        visit.get(f"{API}/jobs/{job}"), visit.get(f"{API}/jobs/{job}/decisions", last=_LAST)
    )
    rows = list(reversed(found.part("decisions", [])))
    if about.ok and found.ok and visit.query.get("download"):
        return as_csv(f"decisions-{job}", DECISIONS, rows)
    return await job_page(
        visit,
        "documents_history.html",
        about,
        found,
        tab="history",
        decisions=rows,
        clashes=list(reversed(found.part("contradictions", []))),
        most=_LAST,
    )


def routes() -> list[Route]:
    """Of this page."""
    job = "/documents/jobs/{job:number}"
    return [
        Route(f"{job}/review", review, methods=["GET"]),
        Route(f"{job}/documents/{{document:number}}/decision", decide, methods=["POST"]),
        Route(f"{job}/documents/{{document:number}}/kind", kind, methods=["POST"]),
        Route(f"{job}/contradictions", contradictions, methods=["GET"]),
        Route(f"{job}/contradictions/{{contradiction:number}}", decide_contradiction, methods=["POST"]),
        Route(f"{job}/facts", facts, methods=["GET"]),
        Route(f"{job}/history", history, methods=["GET"]),
    ]
