"""Routes of facts: what a job's documents say together, by their texts and values as they stand."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Query

from rechenwerk.documents.clash_routes import fresh
from rechenwerk.documents.realm import DocumentsRealm

_PARTS = 2
"""Parts of kept facts that one answer has."""


async def job_facts(
    realm: DocumentsRealm,
    job: int,
    after: Annotated[int, Query(ge=0, description="`next` of the answer before")] = 0,
) -> dict[str, Any]:
    """Each fact of a job's documents once: who, what, how much, when, how firm, and which documents say so.

    A fact that only one source has is `single`; copies of one text count as one source. `fresh` is false
    while a worker reckons the facts of a large job whose documents have changed.
    """
    await realm.job(job)
    is_fresh = await fresh(realm, job)
    found = await realm.desk.clashes.sheets(realm.organisation_id, job, after, _PARTS + 1)
    shown = found[:_PARTS]
    return {
        "facts": [fact for one in shown for fact in one.facts],
        "copies": [group for one in shown for group in one.copies],
        "next": after + _PARTS if len(found) > _PARTS else None,
        "fresh": is_fresh,
    }


def add_facts_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    tags: list[str | Enum] = ["document facts"]
    router.add_api_route("/jobs/{job}/facts", job_facts, methods=["GET"], tags=tags)
