"""Routes that let results out: a job's values in the form that others read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from rechenwerk.documents.clash_routes import clash_view, fresh
from rechenwerk.documents.exporting.clashes import clash_table
from rechenwerk.documents.exporting.tables import Tables
from rechenwerk.documents.exporting.texts import as_csv, as_json
from rechenwerk.documents.realm import DocumentsRealm

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


async def export(
    realm: DocumentsRealm,
    job: int,
    form: Form,
    language: Annotated[Literal["de", "en"], Query(description="of headings and words")] = "en",
    table: Annotated[What, Query(description="of CSV and Parquet; the others have both")] = "values",
) -> Response:
    """A job's values with their evidence, and its contradictions; that it left the house is noted."""
    found = await realm.job(job)
    documents = await realm.desk.files.documents(realm.organisation_id, job)
    values = await realm.desk.reviews.values(realm.organisation_id, job)
    tables = Tables(found.schema, documents, values, language, [one.schema for one in found.kinds])
    await fresh(realm, job)
    clashes = await realm.desk.clashes.clashes(realm.organisation_id, job)
    if form == "json":
        views = [clash_view(one).model_dump(mode="json", by_alias=True) for one in clashes]
        data = as_json(found, documents, values, views)
    elif form == "xlsx":
        sheets = [*tables.workbook(), *([clash_table(clashes, language)] if clashes else [])]
        data = await realm.office.writer.write(form, sheets)
    else:
        chosen = tables.values() if table == "values" else clash_table(clashes, language)
        data = as_csv(chosen) if form == "csv" else await realm.office.writer.write(form, [chosen])
    await realm.desk.jobs.note_export(
        realm.organisation_id, job, form, len(data), hashlib.sha256(data).digest(), realm.visitor.key_name
    )
    headers = {"content-disposition": f'attachment; filename="documents-{job}.{form}"'}
    return Response(data, media_type=_TYPES[form], headers=headers)


def add_export_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    router.add_api_route(
        "/jobs/{job}/export/{form}",
        export,
        methods=["GET"],
        tags=["document exports"],
        response_class=Response,
    )
