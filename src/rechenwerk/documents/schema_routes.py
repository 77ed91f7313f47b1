"""Routes of schemas: the ready ones and an organisation's own, with their versions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path

from rechenwerk.documents import bodies
from rechenwerk.documents.extracting.schemas import read_schema
from rechenwerk.documents.realm import DocumentsRealm
from rechenwerk.documents.refusing import missing, refuse
from rechenwerk.documents.schemas import TYPES, Field, Schema
from rechenwerk.documents.views import schema_view

SchemaName = Annotated[str, Path(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9_-]*$")]


async def list_schemas(realm: DocumentsRealm) -> bodies.SchemasView:
    """The organisation's schemas, and the ready ones that it has not replaced by its own."""
    own = await realm.desk.schemas.schemas(realm.organisation_id)
    names = {one.schema.name for one in own}
    ready = [one for name, one in realm.office.ready.items() if name not in names]
    return bodies.SchemasView(
        schemas=[
            *(schema_view(one, one.schema) for one in own),
            *(schema_view(None, one) for one in ready),
        ]
    )


async def show_schema(realm: DocumentsRealm, name: SchemaName) -> bodies.SchemasView:
    """All versions of a schema, oldest first."""
    found = await realm.desk.schemas.versions(realm.organisation_id, name)
    ready = realm.office.ready.get(name)
    shown = [] if ready is None else [schema_view(None, ready)]
    shown += [schema_view(one, one.schema) for one in found]
    if not shown:
        raise missing("schema", name)
    return bodies.SchemasView(schemas=shown)


async def put_schema(realm: DocumentsRealm, name: SchemaName, body: bodies.SchemaBody) -> bodies.SchemaView:
    """A schema, or a new version of it; running jobs keep theirs. The same again changes nothing."""
    given = [body.fields is not None, body.json_schema is not None, bool(body.words.strip())]
    if sum(given) != 1:
        raise refuse(422, "give fields, json_schema or words, one of them", "invalid_value", "words")
    if body.fields is not None:
        schema = Schema(name, _fields(body.fields, "fields"), about=body.about)
    else:
        schema = read_schema(body.json_schema if body.json_schema is not None else body.words, name)
    title = body.title or schema.title or {"de": name, "en": name}
    schema = msgspec.structs.replace(
        schema,
        name=name,
        title=title,
        about=body.about or schema.about,
        mask=body.mask or schema.mask,
    )
    kept = await realm.desk.schemas.keep(realm.organisation_id, schema, realm.visitor.key_name)
    return schema_view(kept, kept.schema)


def _fields(rows: list[dict[str, Any]], place: str) -> tuple[Field, ...]:
    found = []
    for at, row in enumerate(rows):
        try:
            field = msgspec.convert(row, Field)
        except msgspec.ValidationError as error:
            raise refuse(422, f"{place}.{at}: {error}", "invalid_value", "fields") from None
        if field.type not in TYPES:
            raise refuse(
                422,
                f"{place}.{at}.type: {field.type!r} is none of {', '.join(TYPES)}",
                "invalid_value",
                "fields",
            )
        found.append(field)
    names = [one.name for one in found]
    if not names or len(set(names)) < len(names):
        raise refuse(422, f"{place}: give fields with names of their own", "invalid_value", "fields")
    return tuple(found)


def add_schema_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/schemas", list_schemas, methods=["GET"], tags=["document schemas"])
    add("/schemas/{name}", show_schema, methods=["GET"], tags=["document schemas"])
    add("/schemas/{name}", put_schema, methods=["PUT"], tags=["document schemas"])
