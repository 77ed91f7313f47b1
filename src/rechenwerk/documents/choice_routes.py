"""What whoever makes a job can choose: models and whether they may see the data; a file's largest size."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from rechenwerk.base.money import plain_money
from rechenwerk.documents import bodies
from rechenwerk.documents.realm import DocumentsRealm
from rechenwerk.documents.refusing import missing


class ModelChoiceView(BaseModel):
    """A model that can be asked about documents."""

    name: str
    refused: Annotated[str, Field(description="why it may not see such data; empty where it may")]
    local: Annotated[bool, Field(description="it runs here")]
    embedded: Annotated[bool, Field(description="on this installation's processor: it takes minutes")]
    input: Annotated[str | None, Field(description="price of a million tokens in; null: it is not sold")]
    output: Annotated[str | None, Field(description="price of a million tokens out")]


class ChoicesView(BaseModel):
    """What can be chosen for a new job."""

    project: Annotated[str, Field(description="that pays")]
    data_class: Annotated[str, Field(description="of that project; a job may be stricter, not freer")]
    models: list[ModelChoiceView]
    currency: str
    largest: Annotated[int, Field(description="bytes of one file")]
    keep_days: Annotated[int, Field(description="after a job's end, unless it says otherwise")]


async def choices(
    realm: DocumentsRealm,
    data_class: Annotated[
        bodies.DataClass | None, Query(description="that models would see; else the project's")
    ] = None,
    project: Annotated[str | None, Query(max_length=100, description="who pays; else the key's own")] = None,
) -> ChoicesView:
    """What can be chosen for a new job."""
    name = project or realm.visitor.project
    reception = realm.office.reception
    paying = await reception.project(realm.organisation_id, name)
    if paying is None:
        raise missing("project", name)
    found = await reception.models(realm.organisation_id, data_class or paying.data_class)
    return ChoicesView(
        project=paying.name,
        data_class=paying.data_class,
        models=[
            ModelChoiceView(
                name=one.name,
                refused=one.refused,
                local=one.local,
                embedded=one.embedded,
                input=None if one.input is None else plain_money(one.input),
                output=None if one.output is None else plain_money(one.output),
            )
            for one in found
        ],
        currency=await reception.currency(),
        largest=realm.office.setup.largest,
        keep_days=realm.office.setup.keep_days,
    )


def add_choice_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    router.add_api_route("/choices", choices, methods=["GET"], tags=["document jobs"])
