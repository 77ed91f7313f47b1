"""Routes of facts: what a job's documents say together, by their texts and values as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query

from rechenwerk.base.cursors import check_sort
from rechenwerk.documents.clash_routes import fresh
from rechenwerk.documents.ordering import Sort
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.refusing import refuse

_PARTS = 2
"""Parts of kept facts that one answer has."""
_PAGE = 200
"""Facts of one answer in another order."""
_MOST_PARTS = 120
"""Of 100 facts each, that are opened to put their facts in order."""
_ORDERS = ("who", "what", "period", "sources")


class _Brief(msgspec.Struct):
    """Of a kept fact what it is put in order by."""

    who: str = ""
    what: str = ""
    sources: int = 0
    period: dict[str, str] | None = None


async def job_facts(
    realm: DocumentsRealm,
    job: int,
    after: Annotated[int, Query(ge=0, le=1 << 40, description="`next` of the answer before")] = 0,
    sort: Sort = "",
) -> dict[str, Any]:
    """Each fact of a job's documents once: who, what, how much, when, how firm, and which documents say so.

    A fact that only one source has is `single`; copies of one text count as one source. `fresh` is false
    while a worker reckons the facts of a large job whose documents have changed. `sort` takes who, what,
    period and sources, for up to 12,000 facts.
    """
    await realm.job(job)
    is_fresh = await fresh(realm, job)
    if sort:
        return {**await _sorted(realm, job, sort, after), "fresh": is_fresh}
    found = await realm.desk.clashes.sheets(realm.organisation_id, job, after, _PARTS + 1)
    shown = found[:_PARTS]
    return {
        "facts": [fact for one in shown for fact in one.facts],
        "copies": [group for one in shown for group in one.copies],
        "next": after + _PARTS if len(found) > _PARTS else None,
        "fresh": is_fresh,
    }


async def _sorted(realm: Realm, job: int, sort: str, after: int) -> dict[str, Any]:
    """A page of facts in another order: kept facts are sealed, so all of them are opened."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    check_sort(name, _ORDERS)
    clashes, organisation = realm.desk.clashes, realm.organisation_id
    if await clashes.parts(organisation, job) > _MOST_PARTS:
        line = "sort: the job has more facts than can be put in order; leave sort out"
        raise refuse(422, line, "too_many_to_sort", "sort")
    facts, copies = await clashes.raw_facts(organisation, job)
    keyed = [(_key(one, name), at) for at, one in enumerate(facts)]
    keyed.sort(key=lambda pair: pair[0], reverse=down)
    chosen = [facts[at] for _, at in keyed[after : after + _PAGE]]
    return {
        "facts": [msgspec.msgpack.decode(one) for one in chosen],
        "copies": copies if after == 0 else [],
        "next": after + _PAGE if len(facts) > after + _PAGE else None,
    }


def _key(fact: msgspec.Raw, name: str) -> Any:
    brief = msgspec.msgpack.decode(fact, type=_Brief)
    if name == "sources":
        return brief.sources
    if name == "period":
        period: Mapping[str, str] = brief.period or {}
        return period.get("from", ""), period.get("to", "")
    return brief.who.casefold() if name == "who" else brief.what.casefold()


def add_facts_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    tags: list[str | Enum] = ["document facts"]
    router.add_api_route("/jobs/{job}/facts", job_facts, methods=["GET"], tags=tags)
