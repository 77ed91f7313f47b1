"""Routes of values and their review: what was found, what a person says of it, and the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from rechenwerk.base.cursors import next_of, order_of, stranger
from rechenwerk.documents import bodies
from rechenwerk.documents.choice_ports import Chosen, Stretch
from rechenwerk.documents.clash_bodies import DecisionsView, ReviewsView
from rechenwerk.documents.clash_routes import clash_decisions, open_clashes
from rechenwerk.documents.correcting import corrected
from rechenwerk.documents.job_ports import Decision, Job, StoredValue
from rechenwerk.documents.knowing import learnt
from rechenwerk.documents.ordering import Border, Sort
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.refusing import missing, refuse
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import Parsed, Plain, Value
from rechenwerk.documents.views import document_view, evidence_view, field_of, value_fields

Language = Annotated[Literal["de", "en"], Query(description="of titles and of values as text")]
Cursor = Annotated[
    str, Query(pattern=r"^([0-9]{1,18}\.[0-9]{1,18})?$", description="`next` of the answer before")
]
_PLACE = re.compile(r"[0-9]{1,18}\.[0-9]{1,9}")
_ORDERS = MappingProxyType({"made_at": (int, int), "name": (str, int, int), "state": (int, int, int)})
_ROUND = 160
"""Characters of text round a quote."""
_PAGED = frozenset({"pdf", "image"})
_REVIEWS = 25


async def job_values(
    realm: DocumentsRealm,
    job: int,
    state: Annotated[list[str] | None, Query(description="only these states; repeat for several")] = None,
    language: Language = "en",
    after: Border = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = bodies.PAGE,
    q: Annotated[str, Query(max_length=200, description="part of the document's name")] = "",
    sort: Sort = "",
) -> bodies.ValuesView:
    """Values of a job, with their evidence, in the order of the documents and their schema.

    `sort` takes made_at and name, of their documents, and state: what waits for a person first.
    """
    found = await realm.job(job)
    values, ahead = await _values(realm, job, Chosen(state or (), limit=limit, named=q), sort, after, limit)
    return bodies.ValuesView(
        values=[
            bodies.ValueView(**value_fields(one, found.schema_of(one.schema), language)) for one in values
        ],
        next=ahead,
    )


async def _values(
    realm: Realm, job: int, chosen: Chosen, sort: str, after: str, limit: int
) -> tuple[list[StoredValue], str | None]:
    """A page of values, and the border of the next."""
    reviews, organisation = realm.desk.reviews, realm.organisation_id
    order = order_of(sort, after, _ORDERS, "made_at")
    if order is not None:
        found, place = await reviews.ordered(organisation, job, chosen, order)
        return found, next_of(order, place, full=len(found) == limit)
    if after and not _PLACE.fullmatch(after):
        raise stranger("after")
    found = await reviews.values(organisation, job, msgspec.structs.replace(chosen, after=_place(after)))
    return found, _next(found, limit)


def _place(after: str) -> tuple[int, int]:
    """The two numbers of a cursor: of a document and a place, of a decision and one of a contradiction."""
    document, _, place = after.partition(".")
    return (int(document), int(place)) if after else (0, 0)


def _next(values: Sequence[StoredValue], limit: int) -> str | None:
    """The cursor of those that follow."""
    return f"{values[-1].document_id}.{values[-1].place + 1}" if len(values) == limit else None


async def document_values(
    realm: DocumentsRealm, document: int, language: Language = "en"
) -> bodies.ValuesView:
    """All values of a document."""
    job = await realm.job((await realm.document(document)).job_id)
    values = await realm.desk.reviews.of_document(realm.organisation_id, document)
    return bodies.ValuesView(
        values=[bodies.ValueView(**value_fields(one, job.schema_of(one.schema), language)) for one in values]
    )


async def document_value(
    realm: DocumentsRealm, document: int, field: str, language: Language = "en"
) -> bodies.ReviewView:
    """One value of a document with what stands round its quote, and the size of its page."""
    job = await realm.job((await realm.document(document)).job_id)
    stored = await realm.desk.reviews.value(realm.organisation_id, document, field)
    if stored is None:
        raise missing("value", field)
    return _review(stored, job, await _plain_of(realm, document), language)


async def review(
    realm: DocumentsRealm,
    job: int,
    limit: Annotated[int, Query(ge=1, le=500)] = _REVIEWS,
    language: Language = "en",
    after: Border = "",
    sort: Sort = "",
) -> ReviewsView:
    """What needs a person: values that could not be proven, in the order of the documents; contradictions.

    `sort` takes made_at and name, of the values' documents.
    """
    found = await realm.job(job)
    organisation, desk = realm.organisation_id, realm.desk
    values, ahead = await _values(realm, job, Chosen(("unproven",), limit=limit), sort, after, limit)
    texts: dict[int, Plain | None] = {}
    for one in values:
        if one.document_id not in texts:
            texts[one.document_id] = await _plain_of(realm, one.document_id)
    shown = [_review(one, found, texts[one.document_id], language) for one in values]
    untold = await desk.files.documents(organisation, job, untold=True, limit=limit) if found.kinds else []
    clashes_left, clashes = await open_clashes(realm, job, limit)
    return ReviewsView(
        left=await desk.reviews.left(organisation, job),
        values=shown,
        next=ahead,
        kinds=[document_view(one) for one in untold],
        contradictions_left=clashes_left,
        contradictions=clashes,
    )


async def _plain_of(realm: Realm, document: int) -> Plain | None:
    sealed = await realm.desk.files.text(realm.organisation_id, document)
    if sealed is None:
        return None
    return realm.office.vault.open_plain(realm.organisation_id, document, sealed)


async def parsed_of(realm: Realm, document: int) -> Parsed | None:
    """What was read of a document."""
    sealed = await realm.desk.files.text(realm.organisation_id, document)
    if sealed is None:
        return None
    return realm.office.vault.open_parsed(realm.organisation_id, document, sealed)


def _review(stored: StoredValue, job: Job, parsed: Plain | None, language: str) -> bodies.ReviewView:
    fields: dict[str, Any] = value_fields(stored, job.schema_of(stored.schema), language)
    field = field_of(job.schema_of(stored.schema), stored.value.field)
    fields["options"] = [] if field is None else list(field.options)
    evidence = stored.value.evidence
    if parsed is not None and evidence is not None:
        text = parsed.text
        fields["before"] = text[max(0, evidence.start - _ROUND) : evidence.start]
        fields["after"] = text[evidence.end : evidence.end + _ROUND]
        shown = evidence_view(stored.value)
        assert shown is not None
        shown.label = text[evidence.label_start : evidence.label_end]
        fields["evidence"] = shown
        page = next((one for one in parsed.pages if one.number == evidence.page), None)
        if page is not None and parsed.kind in _PAGED:
            fields["page_width"], fields["page_height"] = page.width, page.height
            fields["image"] = f"/files/{stored.document_id}/pages/{page.number}.png"
    return bodies.ReviewView(**fields)


async def decide(
    realm: DocumentsRealm, document: int, field: str, body: bodies.DecisionBody, language: Language = "en"
) -> bodies.ValueView:
    """Accept, correct or reject a value, as it was seen: 409 when somebody else decided in between."""
    job = await realm.job((await realm.document(document)).job_id)
    stored = await realm.desk.reviews.value(realm.organisation_id, document, field)
    if stored is None:
        raise missing("value", field)
    before = stored.value
    after = await _after(realm, job, stored, body)
    decision = Decision(
        document_id=document,
        field=field,
        version=body.version + 1,
        action=body.action,
        by_key=realm.visitor.key_id,
        by_name=realm.visitor.key_name,
        made_at=realm.office.reception.now(),
        before=msgspec.to_builtins(before),
        after=msgspec.to_builtins(after),
        note=body.note,
    )
    made = None
    if stored.version == body.version:
        made = await realm.desk.reviews.decide(realm.organisation_id, decision, after)
    if made is None:
        raise refuse(
            409,
            f"{field!r} of document {document} was decided by somebody else meanwhile; look at it again",
            "version_conflict",
            "version",
        )
    await _learn(realm, document, field, job.schema_of(made.schema))
    return bodies.ValueView(**value_fields(made, job.schema_of(made.schema), language))


async def _learn(realm: Realm, document: int, field: str, schema: Schema) -> None:
    """What the decision teaches about a supplier or customer; see `knowing.learnt`."""
    if not any(rule.kind == "known" and field in rule.fields for rule in schema.rules):
        return
    stored = await realm.desk.reviews.of_document(realm.organisation_id, document)
    values = [one.value for one in stored]
    await realm.desk.known.change(
        realm.organisation_id,
        realm.visitor.key_name,
        lambda known: learnt(known, document, schema, values),
    )


async def _after(realm: Realm, job: Job, stored: StoredValue, body: bodies.DecisionBody) -> Value:
    """The value after a decision."""
    before = stored.value
    if body.action == "correct":
        kind = field_of(job.schema_of(stored.schema), before.field)
        if kind is None:
            raise refuse(409, f"the job's schema has no field {before.field!r}", "field_not_found", "field")
        return corrected(before, kind, body.value, await parsed_of(realm, stored.document_id))
    if "value" in body.model_fields_set and body.value is not None:
        raise refuse(422, "value: only 'correct' takes one", "invalid_value", "value")
    state = "accepted" if body.action == "accept" else "rejected"
    return msgspec.structs.replace(before, state=state)


async def decisions(
    realm: DocumentsRealm,
    job: int,
    document: Annotated[int | None, Query(ge=1, description="only about values of this one")] = None,
    after: Cursor = "",
    limit: Annotated[int | None, Query(ge=1, le=500, description="of each list; all without")] = None,
    last: Annotated[int | None, Query(ge=1, le=5000, description="the newest so many of each list")] = None,
) -> DecisionsView:
    """Decisions about a job's values and contradictions, oldest first: who, when, before, after."""
    await realm.job(job)
    organisation, desk = realm.organisation_id, realm.desk
    place, place_clash = _place(after)
    most = last or limit
    stretch = Stretch(place, most, newest=last is not None)
    found = await desk.reviews.decisions(organisation, job, document, stretch)
    clashes = []
    if document is None:
        stretch = msgspec.structs.replace(stretch, after=place_clash)
        clashes = await desk.clashes.decisions(organisation, job, stretch)
    place = [place, *(one.id for one in found)][-1]
    place_clash = [place_clash, *(one.id for one in clashes)][-1]
    more = last is None and limit in (len(found), len(clashes))
    return DecisionsView(
        next=f"{place}.{place_clash}" if more else None,
        contradictions=clash_decisions(clashes),
        decisions=[
            bodies.DecisionView(
                document=one.document_id,
                field=one.field,
                version=one.version,
                action=one.action,  # type: ignore[arg-type]
                by=one.by_name,
                by_key=one.by_key,
                at=one.made_at,
                before=dict(one.before),
                after=dict(one.after),
                note=one.note,
            )
            for one in found
        ],
    )


async def page_image(
    realm: DocumentsRealm,
    document: int,
    page: int,
    dpi: Annotated[int, Query(ge=36, le=300, description="dots per inch")] = 110,
) -> Response:
    """A page as PNG; the boxes of evidence are in points of 1/72 inch from its upper left corner."""
    found = await realm.document(document)
    if found.sha256 is None or found.kind not in _PAGED or not 1 <= page <= max(1, found.pages):
        raise refuse(404, f"document {document} has no image of page {page}", "page_not_found", "page")
    data = await realm.office.vault.read(realm.organisation_id, found.sha256)
    image = await realm.office.viewer.image(data, page, dpi)
    headers = {"cache-control": "private, max-age=600", "content-disposition": "inline"}
    return Response(image, media_type="image/png", headers=headers)


async def file_bytes(realm: DocumentsRealm, document: int) -> Response:
    """The file itself, as it was uploaded."""
    found = await realm.document(document)
    if found.sha256 is None:
        raise refuse(404, f"document {document} was not kept: {found.reason}", "file_not_kept")
    data = await realm.office.vault.read(realm.organisation_id, found.sha256)
    headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
    return Response(data, media_type="application/octet-stream", headers=headers)


def add_review_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    tags: list[str | Enum] = ["document review"]
    add("/jobs/{job}/values", job_values, methods=["GET"], tags=tags)
    add("/jobs/{job}/review", review, methods=["GET"], tags=tags)
    add("/jobs/{job}/decisions", decisions, methods=["GET"], tags=tags)
    add("/files/{document}/values", document_values, methods=["GET"], tags=tags)
    add("/files/{document}/values/{field}", document_value, methods=["GET"], tags=tags)
    add("/files/{document}/values/{field}/decision", decide, methods=["POST"], tags=tags)
    add("/files/{document}/bytes", file_bytes, methods=["GET"], tags=tags, response_class=Response)
    add("/files/{document}/pages/{page}.png", page_image, methods=["GET"], tags=tags, response_class=Response)
