"""Routes of known entities: whom an organisation knows, a list that is imported, and who is forgotten."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from rechenwerk.base.errors import DocumentError
from rechenwerk.documents import bodies
from rechenwerk.documents.knowing import imported, read_list
from rechenwerk.documents.known_ports import Entity
from rechenwerk.documents.realm import DocumentsRealm
from rechenwerk.documents.refusing import missing, refuse


class NumberView(BaseModel):
    """A number of an entity."""

    kind: str
    number: str
    document: Annotated[int | None, Field(description="that it was confirmed in; null: it was imported")]


class EntityView(BaseModel):
    """Somebody whom the organisation knows."""

    id: int
    name: str
    numbers: list[NumberView]
    made_by: str
    made_at: datetime
    changed_at: datetime


class KnownView(BaseModel):
    """All whom the organisation knows."""

    known: list[EntityView]


class ListBody(bodies.Body):
    """A list to import."""

    text: Annotated[str, Field(max_length=20_000_000, description="CSV with the columns name, iban, vat_id")]


class ImportedView(BaseModel):
    """What a list changed."""

    rows: int
    new: int
    changed: int


class ForgottenView(BaseModel):
    """Who is forgotten."""

    id: int


def _view(one: Entity) -> EntityView:
    numbers = [
        NumberView(kind=each.kind, number=each.number, document=each.document or None) for each in one.numbers
    ]
    return EntityView(
        id=one.id,
        name=one.name,
        numbers=numbers,
        made_by=one.made_by,
        made_at=one.made_at,
        changed_at=one.changed_at,
    )


async def list_known(realm: DocumentsRealm) -> KnownView:
    """Suppliers and customers that the organisation knows, with their accounts and VAT ids."""
    found = await realm.desk.known.entities(realm.organisation_id)
    return KnownView(known=[_view(one) for one in found])


async def import_known(realm: DocumentsRealm, body: ListBody) -> ImportedView:
    """Import a list: all rows, or none where one is wrong. Names that are known get its numbers besides."""
    try:
        told = read_list(body.text)
    except DocumentError as error:
        raise refuse(422, str(error), "invalid_value", "text") from None
    made = await realm.desk.known.change(
        realm.organisation_id, realm.visitor.key_name, lambda known: imported(known, told)
    )
    return ImportedView(rows=len(told), new=len(made.add), changed=len(made.change))


async def forget_known(realm: DocumentsRealm, entity: int) -> ForgottenView:
    """Forget somebody; documents that are read from now on are not compared with him."""
    if not await realm.desk.known.remove(realm.organisation_id, entity):
        raise missing("known entity", entity)
    return ForgottenView(id=entity)


def add_known_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    tags: list[str | Enum] = ["known entities"]
    router.add_api_route("/known", list_known, methods=["GET"], tags=tags)
    router.add_api_route("/known/import", import_known, methods=["POST"], tags=tags)
    router.add_api_route("/known/{entity}", forget_known, methods=["DELETE"], tags=tags)
