"""Routes of facts: what a job's documents say together, and where they contradict each other.

Nothing of it is kept: facts follow from the texts and the values as they stand after review.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Any

from fastapi import APIRouter

from rechenwerk.documents.facts import Article, Fact, Register, extract, from_rows, reconcile
from rechenwerk.documents.facts.telling import told
from rechenwerk.documents.job_ports import Document, StoredValue
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.review_routes import parsed_of
from rechenwerk.documents.values import Parsed, Value

_ROWS = "figures"
_FIRM = frozenset({"proven", "accepted", "corrected"})


def _day(parsed: Parsed, values: Sequence[Value]) -> date | None:
    """A document's date: the one that was found in it, else the one that its format says."""
    stated = [one.value for one in values if one.field == "date" and one.state in _FIRM]
    for text in (*stated, parsed.properties.get("date", "")):
        try:
            return date.fromisoformat(str(text)[:10])
        except ValueError:
            continue
    return None


def _together(read: Sequence[tuple[Document, Parsed]], values: Sequence[StoredValue]) -> dict[str, Any]:
    """Facts of the texts by rules, and of rows where the rules found none at that place."""
    own: dict[int, list[Value]] = defaultdict(list)
    for one in values:
        own[one.document_id].append(one.value)
    articles = [
        Article(
            document=str(document.id),
            text=parsed.text,
            language=parsed.language,
            date=_day(parsed, own[document.id]),
            page_ends=tuple(page.end for page in parsed.pages),
        )
        for document, parsed in read
    ]
    register = Register(articles)
    facts: list[Fact] = []
    for (document, _), article in zip(read, articles, strict=True):
        ruled = extract(article, register)
        places = {(one.evidence.start, one.evidence.end) for one in ruled}
        rows = from_rows(article.document, own[document.id], register, _ROWS)
        facts += ruled
        facts += [one for one in rows if not _covered(one, places)]
    names = {str(document.id): document.name for document, _ in read}
    return told(reconcile(facts, articles), register, names)


def _covered(fact: Fact, places: set[tuple[int, int]]) -> bool:
    return any(start < fact.evidence.end and fact.evidence.start < end for start, end in places)


async def _facts_of(realm: Realm, job: int) -> dict[str, Any]:
    """What the documents of a job say together."""
    await realm.job(job)
    read = []
    for document in await realm.desk.files.documents(realm.organisation_id, job):
        parsed = await parsed_of(realm, document.id) if document.state == "done" else None
        if parsed is not None:
            read.append((document, parsed))
    values = await realm.desk.reviews.values(realm.organisation_id, job, None)
    return await asyncio.to_thread(_together, read, values)


async def job_facts(realm: DocumentsRealm, job: int) -> dict[str, Any]:
    """Each fact of a job's documents once: who, what, how much, when, how firm, and which documents say so.

    A fact that only one source has is `single`; copies of one text count as one source.
    """
    found = await _facts_of(realm, job)
    return {"facts": found["facts"], "copies": found["copies"]}


async def job_contradictions(realm: DocumentsRealm, job: int) -> dict[str, Any]:
    """Facts of a job's documents that cannot both be true, side by side with their quotes."""
    return {"contradictions": (await _facts_of(realm, job))["contradictions"]}


def add_facts_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    tags: list[str | Enum] = ["document facts"]
    router.add_api_route("/jobs/{job}/facts", job_facts, methods=["GET"], tags=tags)
    router.add_api_route("/jobs/{job}/contradictions", job_contradictions, methods=["GET"], tags=tags)
