"""Routes of facts: what a job's documents say together, by their texts and values as they stand."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

from fastapi import APIRouter

from rechenwerk.documents.clashing import read_job, together, with_boxes
from rechenwerk.documents.facts.telling import told
from rechenwerk.documents.realm import DocumentsRealm


async def job_facts(realm: DocumentsRealm, job: int) -> dict[str, Any]:
    """Each fact of a job's documents once: who, what, how much, when, how firm, and which documents say so.

    A fact that only one source has is `single`; copies of one text count as one source.
    """
    await realm.job(job)
    desk, vault, organisation = realm.desk, realm.office.vault, realm.organisation_id
    texts, values = await read_job(desk, vault, organisation, job)
    found = await asyncio.to_thread(together, texts, values)
    found = await with_boxes(desk, vault, organisation, found)
    all_told = await asyncio.to_thread(lambda: told(found.result(), found.register, found.names))
    return {"facts": all_told["facts"], "copies": all_told["copies"]}


def add_facts_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    tags: list[str | Enum] = ["document facts"]
    router.add_api_route("/jobs/{job}/facts", job_facts, methods=["GET"], tags=tags)
