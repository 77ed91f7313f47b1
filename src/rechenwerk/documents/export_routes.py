"""Routes that let results out: a job's values in the form that others read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from rechenwerk.documents.clash_routes import clash_view, fresh
from rechenwerk.documents.exporting.clashes import clash_table
from rechenwerk.documents.exporting.tables import Tables
from rechenwerk.documents.exporting.texts import (
    BYTE_ORDER,
    as_csv,
    csv_lines,
    json_files,
    json_head,
    json_tail,
)
from rechenwerk.documents.job_ports import Chosen, Document, Job, StoredValue
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.refusing import refuse

Form = Literal["csv", "xlsx", "json", "parquet"]
What = Literal["values", "contradictions"]
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "csv": "text/csv; charset=utf-8",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "json": "application/json",
        "parquet": "application/vnd.apache.parquet",
    }
)

_AT_ONCE = 200
"""Documents whose values are in memory at the same time."""
_MOST_ROWS = 1_000_000
"""A sheet of a workbook has no more rows, and its values no more room."""


async def export(
    realm: DocumentsRealm,
    job: int,
    form: Form,
    language: Annotated[Literal["de", "en"], Query(description="of headings and words")] = "en",
    table: Annotated[What, Query(description="of CSV and Parquet; the others have both")] = "values",
) -> Response:
    """A job's values with their evidence, and its contradictions; that it left the house is noted."""
    found = await realm.job(job)
    if form in {"json", "xlsx"} or table == "contradictions":
        await fresh(realm, job)
    headers = {"content-disposition": f'attachment; filename="documents-{job}.{form}"'}
    if form == "json" or (form == "csv" and table == "values"):
        pieces = _json(realm, found) if form == "json" else _csv(realm, found, language)
        body = _noted(realm, job, form, pieces)
        return StreamingResponse(body, media_type=_TYPES[form], headers=headers)
    data = await _whole(realm, found, form, language, table)
    await _note(realm, job, form, len(data), hashlib.sha256(data).digest())
    return Response(data, media_type=_TYPES[form], headers=headers)


async def _parts(realm: Realm, job: int) -> AsyncIterator[tuple[list[Document], list[StoredValue]]]:
    """A job's documents with their values, some at a time: together they may not fit into memory."""
    organisation, after = realm.organisation_id, 0
    while True:
        documents = await realm.desk.files.documents(organisation, job, after=after, limit=_AT_ONCE)
        if not documents:
            return
        chosen = Chosen(after=(after + 1, 0), until=documents[-1].id)
        yield documents, await realm.desk.reviews.values(organisation, job, chosen)
        after = documents[-1].id


async def _csv(realm: Realm, job: Job, language: str) -> AsyncIterator[bytes]:
    kinds = [one.schema for one in job.kinds]
    empty = Tables(job.schema, (), (), language, kinds).values()
    yield BYTE_ORDER + csv_lines([empty.columns])
    async for documents, values in _parts(realm, job.id):
        rows = Tables(job.schema, documents, values, language, kinds).values().rows
        yield await asyncio.to_thread(csv_lines, rows)


async def _json(realm: Realm, job: Job) -> AsyncIterator[bytes]:
    yield json_head(job)
    before = b""
    async for documents, values in _parts(realm, job.id):
        yield before + b",".join(await asyncio.to_thread(json_files, job, documents, values))
        before = b","
    clashes = await realm.desk.clashes.clashes(realm.organisation_id, job.id)
    yield json_tail([clash_view(one).model_dump(mode="json", by_alias=True) for one in clashes])


async def _noted(realm: Realm, job: int, form: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces; what of them has left the house is noted, even where somebody breaks off."""
    size, digest = 0, hashlib.sha256()
    try:
        async for piece in pieces:
            size += len(piece)
            digest.update(piece)
            yield piece
    finally:
        # Not cancelled with whoever broke off.
        await asyncio.shield(_note(realm, job, form, size, digest.digest()))


async def _note(realm: Realm, job: int, form: str, size: int, digest: bytes) -> None:
    by = realm.visitor.key_name
    await realm.desk.jobs.note_export(realm.organisation_id, job, form, size, digest, by)


async def _whole(realm: Realm, job: Job, form: str, language: str, table: What) -> bytes:
    """A workbook, or a file of one table."""
    organisation = realm.organisation_id
    if table == "contradictions" and form != "xlsx":
        chosen = clash_table(await realm.desk.clashes.clashes(organisation, job.id), language)
        return as_csv(chosen) if form == "csv" else await realm.office.writer.write(form, [chosen])
    progress = await realm.desk.jobs.progress(organisation, [job.id])
    number = sum(progress[job.id].values.values())
    if number > _MOST_ROWS:
        raise refuse(
            413,
            f"job {job.id} has {number} values, more than {form} takes ({_MOST_ROWS}); export csv or json",
            "too_many_values",
        )
    documents = await realm.desk.files.documents(organisation, job.id)
    values = await realm.desk.reviews.values(organisation, job.id)
    tables = Tables(job.schema, documents, values, language, [one.schema for one in job.kinds])
    if form == "parquet":
        return await realm.office.writer.write(form, [await asyncio.to_thread(tables.values)])
    sheets = await asyncio.to_thread(tables.workbook)
    clashes = await realm.desk.clashes.clashes(organisation, job.id)
    return await realm.office.writer.write(
        form, [*sheets, *([clash_table(clashes, language)] if clashes else [])]
    )


def add_export_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    router.add_api_route(
        "/jobs/{job}/export/{form}",
        export,
        methods=["GET"],
        tags=["document exports"],
        response_class=Response,
    )
