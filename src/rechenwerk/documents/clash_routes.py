"""Routes of contradictions: all sides with their quotes, and which of them a person says is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Query

from rechenwerk.base.cursors import BY_ID, BY_NUMBER, next_of, number_of, order_of
from rechenwerk.documents import clash_bodies as bodies
from rechenwerk.documents.clash_ports import Clash, ClashDecision
from rechenwerk.documents.clashing import reckoned
from rechenwerk.documents.ordering import Border, Sort
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.refusing import missing, refuse

_CLASHES = 50
_ORDERS = MappingProxyType({"made_at": BY_ID, "state": BY_NUMBER})
_ABOUT = ("who", "whom", "what", "what_de", "kind", "part", "period", "status")


def _said(fact: Mapping[str, Any]) -> dict[str, Any]:
    document = int(fact["document"])
    image = f"/files/{document}/pages/{fact['page']}.png" if fact["boxes"] else ""
    return {**fact, "document": document, "image": image}


def _sides(content: Mapping[str, Any], right: int | None, *, none: bool = False) -> list[bodies.SideView]:
    """The sides; which one is right, or that none is."""
    return [
        bodies.SideView(
            number=at,
            right=False if none else None if right is None else at == right,
            facts=[bodies.SaidView.model_validate(_said(one)) for one in side["facts"]],
        )
        for at, side in enumerate(content["sides"])
    ]


def clash_view(clash: Clash) -> bodies.ClashView:
    """A contradiction as it is shown."""
    content = clash.content
    return bodies.ClashView.model_validate(
        {
            "id": clash.id,
            "job": clash.job_id,
            "version": clash.version,
            "state": clash.state,
            "side": clash.side,
            "gone": clash.gone,
            **{name: content[name] for name in (*_ABOUT, "sources")},
            "sides": _sides(content, clash.side, none=clash.state == "rejected"),
            "decided_by": clash.by,
            "decided_at": clash.at,
            "note": clash.note,
        }
    )


def _pairs(clash: Clash) -> Iterator[bodies.PairView]:
    """Each document of one side beside each of another."""
    about = {name: clash.content[name] for name in _ABOUT}
    for left, right in combinations(clash.content["sides"], 2):
        ones = {fact["document"]: _said(fact) for fact in reversed(left["facts"])}
        twos = {fact["document"]: _said(fact) for fact in reversed(right["facts"])}
        for one, two in product(reversed(ones.values()), reversed(twos.values())):
            pair = {"id": clash.id, "state": clash.state, **about, "left": one, "right": two}
            yield bodies.PairView.model_validate(pair)


async def fresh(realm: Realm, job: int) -> bool:
    """Whether a job's facts are as its documents are; else a worker is told to reckon them anew."""
    found = await reckoned(realm.desk, realm.office.vault, realm.organisation_id, job)
    if not found:
        realm.office.wanted()
    return found


async def open_clashes(realm: Realm, job: int, limit: int) -> tuple[int, list[bodies.ClashView]]:
    """How many need a person, and the first of them."""
    await fresh(realm, job)
    clashes, organisation = realm.desk.clashes, realm.organisation_id
    found = await clashes.clashes(organisation, job, only_open=True, limit=limit)
    return await clashes.left(organisation, job), [clash_view(one) for one in found]


async def job_contradictions(
    realm: DocumentsRealm,
    job: int,
    after: Border = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = _CLASHES,
    open: Annotated[bool, Query(description="only those that wait for a person")] = False,  # noqa: A002
    sort: Sort = "",
) -> bodies.ClashesView:
    """What a job's documents, and those of earlier jobs of its project, contradict each other about.

    `sort` takes made_at, and state: what is open first.
    """
    await realm.job(job)
    is_fresh = await fresh(realm, job)
    clashes, organisation = realm.desk.clashes, realm.organisation_id
    order = order_of(sort, after, _ORDERS, "made_at")
    ahead: str | int | None
    if order is not None:
        found, place = await clashes.ordered(organisation, job, order, only_open=open, limit=limit)
        ahead = next_of(order, place, full=len(found) == limit)
    else:
        found = await clashes.clashes(organisation, job, only_open=open, after=number_of(after), limit=limit)
        ahead = found[-1].id if len(found) == limit else None
    standing = [one for one in found if not one.gone]
    return bodies.ClashesView(
        items=[clash_view(one) for one in found],
        contradictions=[pair for one in standing for pair in _pairs(one)],
        next=ahead,
        fresh=is_fresh,
    )


async def decide_contradiction(
    realm: DocumentsRealm, contradiction: int, body: bodies.ClashDecisionBody
) -> bodies.ClashView:
    """Say which side is right, that both stand, or that none is; 409: somebody else decided in between."""
    clash = await realm.desk.clashes.clash(realm.organisation_id, contradiction)
    if clash is None:
        raise missing("contradiction", contradiction)
    most = len(clash.content["sides"])
    if (body.action == "side") != (body.side is not None) or (body.side is not None and body.side >= most):
        raise refuse(
            422,
            f"side: 'side' takes the number of one, 0 to {most - 1}; the other actions take none",
            "invalid_value",
            "side",
        )
    decision = ClashDecision(
        clash_id=contradiction,
        version=body.version + 1,
        action=body.action,
        side=body.side,
        by_key=realm.visitor.key_id,
        by_name=realm.visitor.key_name,
        made_at=realm.office.reception.now(),
        content=clash.content,
        note=body.note,
    )
    if not await realm.desk.clashes.decide(realm.organisation_id, decision):
        raise refuse(
            409,
            f"contradiction {contradiction} was decided by somebody else meanwhile; look at it again",
            "version_conflict",
            "version",
        )
    made = await realm.desk.clashes.clash(realm.organisation_id, contradiction)
    if made is None:
        raise missing("contradiction", contradiction)
    return clash_view(made)


def clash_decisions(found: Sequence[ClashDecision]) -> list[bodies.ClashDecisionView]:
    """Decisions about contradictions: who, when, and what was seen."""
    return [
        bodies.ClashDecisionView(
            contradiction=one.clash_id,
            version=one.version,
            action=one.action,  # type: ignore[arg-type]
            side=one.side,
            by=one.by_name,
            by_key=one.by_key,
            at=one.made_at,
            who=one.content["who"],
            what=one.content["what"],
            sides=_sides(one.content, one.side, none=one.action == "reject"),
            note=one.note,
        )
        for one in found
    ]


def add_clash_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/jobs/{job}/contradictions", job_contradictions, methods=["GET"], tags=["document facts"])
    path = "/contradictions/{contradiction}/decision"
    add(path, decide_contradiction, methods=["POST"], tags=["document review"])
