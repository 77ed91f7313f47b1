"""Routes of the files of a job: they come in, and what became of each."""

from __future__ import annotations

import hashlib
import tempfile
from enum import Enum
from types import MappingProxyType
from typing import IO, Annotated

from fastapi import APIRouter, Query, Request

from rechenwerk.base.cursors import BY_ID, BY_NUMBER, BY_TEXT, next_of, number_of, order_of
from rechenwerk.documents import bodies
from rechenwerk.documents.choice_ports import Chosen
from rechenwerk.documents.job_ports import ENDED, NewDocument
from rechenwerk.documents.ordering import Border, Sort
from rechenwerk.documents.realm import DocumentsRealm
from rechenwerk.documents.refusing import refuse
from rechenwerk.documents.views import document_fields, document_view

_IN_MEMORY = 4_000_000
"""Bytes of an upload before it goes on in a temporary file."""
_ORDERS = MappingProxyType(
    {
        "made_at": BY_ID,
        "name": BY_TEXT,
        "state": BY_NUMBER,
        "size": BY_NUMBER,
        "pages": BY_NUMBER,
        "unproven": BY_NUMBER,
    }
)


async def upload_file(
    realm: DocumentsRealm,
    job: int,
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=500, description="of the file, with its folders")],
) -> bodies.UploadedView:
    """Add a file: the body is its bytes. The same file under the same name a second time changes nothing."""
    if not name.isprintable() or not name.strip():
        raise refuse(422, "name: it has characters that no name has", "invalid_value", "name")
    found = await realm.job(job)
    if found.state in ENDED:
        raise refuse(409, f"job {job} is {found.state}; reopen it, or make a new one", "job_state")
    vault, organisation = realm.office.vault, realm.organisation_id
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        size, digest = await _receive(request, file, realm.office.setup.largest)
        vault.box  # noqa: B018 - refuses where nothing could be sealed
        new = NewDocument(name, digest, size)
        parts = vault.sealed(organisation, digest, file)
        added = await realm.desk.files.add(organisation, job, new, parts)
    if added is None:
        raise refuse(409, f"job {job} takes no more files", "job_state")
    realm.office.wanted()
    document, is_new = added
    return bodies.UploadedView(**document_fields(document), new=is_new)


async def _receive(request: Request, file: IO[bytes], largest: int) -> tuple[int, bytes]:
    """Write a body into a file as it comes; its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    async for piece in request.stream():
        size += len(piece)
        if size > largest:
            raise refuse(413, f"the file is larger than {largest} bytes; send less", "file_too_large")
        digest.update(piece)
        file.write(piece)
    return size, digest.digest()


async def list_documents(
    realm: DocumentsRealm,
    job: int,
    state: Annotated[
        list[bodies.DocumentState] | None, Query(description="only these; repeat for several")
    ] = None,
    after: Border = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = bodies.PAGE,
    q: bodies.Search = "",
    sort: Sort = "",
) -> bodies.DocumentsView:
    """The files of a job, in the order in which they came: what became of each.

    `sort` takes made_at, name, state (what failed first), size, pages, and unproven: values to review.
    """
    await realm.job(job)
    files, organisation = realm.desk.files, realm.organisation_id
    order = order_of(sort, after, _ORDERS, "made_at")
    if order is not None:
        some, place = await files.ordered(organisation, job, Chosen(state or (), limit=limit, named=q), order)
        ahead = next_of(order, place, full=len(some) == limit)
        return bodies.DocumentsView(documents=[document_view(one) for one in some], next=ahead)
    found = await files.documents(
        organisation, job, states=state or (), named=q, after=number_of(after), limit=limit
    )
    shown = [document_view(one) for one in found]
    return bodies.DocumentsView(documents=shown, next=found[-1].id if len(found) == limit else None)


async def show_document(realm: DocumentsRealm, document: int) -> bodies.DocumentView:
    """One file."""
    return document_view(await realm.document(document))


def add_file_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    files: list[str | Enum] = ["documents"]
    add("/jobs/{job}/files", list_documents, methods=["GET"], tags=files)
    add("/jobs/{job}/files", upload_file, methods=["POST"], status_code=201, tags=files)
    add("/files/{document}", show_document, methods=["GET"], tags=files)
