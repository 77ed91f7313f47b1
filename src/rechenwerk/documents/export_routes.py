"""Routes that let results out: a job's values in the form that others read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from rechenwerk.documents.choice_ports import Chosen
from rechenwerk.documents.clash_routes import clash_view, fresh
from rechenwerk.documents.exporting.clashes import clash_table
from rechenwerk.documents.exporting.tables import Tables
from rechenwerk.documents.exporting.texts import (
    BYTE_ORDER,
    csv_lines,
    json_files,
    json_head,
    json_tail,
)
from rechenwerk.documents.job_ports import Document, Job, StoredValue
from rechenwerk.documents.office_ports import Rows, Table
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
_MANY = 5000
"""Documents without their values that are."""
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
    if form == "json":
        pieces = _json(realm, found)
    elif form == "xlsx":
        pieces = await _xlsx(realm, found, language)
    else:
        tables = _values(realm, found, language) if table == "values" else _clashes(realm, job, language)
        pieces = _csv(tables) if form == "csv" else await _parquet(realm, tables)
    body = _noted(realm, job, form, pieces)
    first = await anext(body)  # what cannot even begin is an error, not a broken file
    return StreamingResponse(_all(first, body), media_type=_TYPES[form], headers=headers)


async def _all(first: bytes, body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(body):
        yield first
        async for piece in body:
            yield piece


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


async def _values(realm: Realm, job: Job, language: str) -> AsyncIterator[Table]:
    """A job's values, some at a time; at first none."""
    kinds = [one.schema for one in job.kinds]
    yield Tables(job.schema, (), (), language, kinds).values()
    async for documents, values in _parts(realm, job.id):
        yield await asyncio.to_thread(Tables(job.schema, documents, values, language, kinds).values)


async def _clashes(realm: Realm, job: int, language: str) -> AsyncIterator[Table]:
    """A job's contradictions, some at a time; at the end none."""
    after = 0
    while True:
        some = await realm.desk.clashes.clashes(realm.organisation_id, job, after=after, limit=_AT_ONCE)
        yield clash_table(some, language)
        if not some:
            return
        after = some[-1].id


async def _csv(tables: AsyncIterator[Table]) -> AsyncGenerator[bytes]:
    first = await anext(tables)
    yield BYTE_ORDER + csv_lines([first.columns, *first.rows])
    async for table in tables:
        yield await asyncio.to_thread(csv_lines, table.rows)


async def _parquet(realm: Realm, tables: AsyncIterator[Table]) -> AsyncGenerator[bytes]:
    first = await anext(tables)

    async def rows() -> AsyncIterator[Rows]:
        yield [first.rows]
        async for table in tables:
            yield [table.rows]

    return realm.office.writer.write("parquet", [_head(first)], rows())


def _head(table: Table) -> Table:
    return msgspec.structs.replace(table, rows=())


async def _xlsx(realm: Realm, job: Job, language: str) -> AsyncGenerator[bytes]:
    progress = await realm.desk.jobs.progress(realm.organisation_id, [job.id])
    number = sum(progress[job.id].values.values())
    if number > _MOST_ROWS:
        raise refuse(
            413,
            f"job {job.id} has {number} values, more than xlsx takes ({_MOST_ROWS}); export csv or parquet",
            "too_many_values",
        )
    kinds = [one.schema for one in job.kinds]
    found = await _schemas(realm, job.id) if kinds else set()
    heads = Tables(job.schema, (), (), language, kinds).workbook(found)
    clashes = _clashes(realm, job.id, language)
    first = await anext(clashes)
    more = [_head(first)] if first.rows else []

    async def rows() -> AsyncIterator[Rows]:
        async for documents, values in _parts(realm, job.id):
            tables = Tables(job.schema, documents, values, language, kinds)
            sheets = await asyncio.to_thread(tables.workbook, found)
            yield [one.rows for one in (*sheets, *more)]
        if more:
            yield [one.rows for one in (*heads, first)]
            async for table in clashes:
                yield [one.rows for one in (*heads, table)]

    return realm.office.writer.write("xlsx", [*heads, *more], rows())


async def _schemas(realm: Realm, job: int) -> set[str]:
    """Names of the schemas by which a job's values were found."""
    found: set[str] = set()
    after: int | None = 0
    while after is not None:
        documents = await realm.desk.files.documents(realm.organisation_id, job, after=after, limit=_MANY)
        found |= {one.schema_name for one in documents if one.values}
        after = documents[-1].id if documents else None
    return found


async def _json(realm: Realm, job: Job) -> AsyncGenerator[bytes]:
    yield json_head(job)
    before = b""
    async for documents, values in _parts(realm, job.id):
        yield before + b",".join(await asyncio.to_thread(json_files, job, documents, values))
        before = b","
    clashes = await realm.desk.clashes.clashes(realm.organisation_id, job.id)
    yield json_tail([clash_view(one).model_dump(mode="json", by_alias=True) for one in clashes])


async def _noted(realm: Realm, job: int, form: str, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The pieces; what of them has left the house is noted, even where somebody breaks off."""
    size, digest = 0, hashlib.sha256()
    try:
        async for piece in pieces:
            size += len(piece)
            digest.update(piece)
            yield piece
    finally:
        if size:
            # Not cancelled with whoever broke off.
            await asyncio.shield(_note(realm, job, form, size, digest.digest()))


async def _note(realm: Realm, job: int, form: str, size: int, digest: bytes) -> None:
    by = realm.visitor.key_name
    await realm.desk.jobs.note_export(realm.organisation_id, job, form, size, digest, by)


def add_export_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    router.add_api_route(
        "/jobs/{job}/export/{form}",
        export,
        methods=["GET"],
        tags=["document exports"],
        response_class=Response,
    )
