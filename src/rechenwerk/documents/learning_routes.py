"""Routes of trained models: examples in, versions with their evaluation, rollback. Under /documents."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.documents.bodies import Body, Word
from rechenwerk.documents.learning.examples import LABEL, Example, ExamplesError, folded
from rechenwerk.documents.learning.service import (
    LearningOffice,
    Wanted,
    open_example,
    seal_examples,
    train,
)
from rechenwerk.documents.learning_ports import CLASSIFIER, EXTRACTOR, PREFIX, TrainedModel, TrainedVersion
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.refusing import missing, refuse

ModelName = Annotated[str, Path(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9-]*$")]
_MOST = 2000
_SHOWN = 1000


class ExampleBody(Body):
    """An example."""

    text: Annotated[str, Field(max_length=200_000)]
    label: Annotated[str, Field(max_length=200)]
    source: Annotated[str, Field(max_length=300, description="where it came from: a file and its line")] = ""


class ExamplesBody(Body):
    """Examples to be added; one of a text that is there already takes its place."""

    examples: Annotated[list[ExampleBody], Field(min_length=1, max_length=_MOST)]


class AddedView(BaseModel):
    """What was added."""

    added: int
    replaced: int
    examples: int


class TrainBody(Body):
    """How to train."""

    kind: Literal["classifier", "extractor"] = "classifier"
    schema_: Annotated[
        Word | None, Field(alias="schema", description="of an extractor: it learns from reviewed documents")
    ] = None
    vectors: Annotated[
        str, Field(max_length=200, description="model to embed with; '' for the best, 'none' for none")
    ] = ""
    kinds: Annotated[
        bool,
        Field(description="of a classifier: documents whose kind people said or confirmed are examples too"),
    ] = False
    seed: Annotated[int, Field(ge=0, lt=2**31, description="of the folds")] = 0
    project: Annotated[str | None, Field(max_length=100, description="who pays; else the key's own")] = None


class RollbackBody(Body):
    """Which version shall answer."""

    version: Annotated[int | None, Field(ge=1, description="null: the one before the active one")] = None


class ScoreView(BaseModel):
    """A label or a field."""

    name: str
    examples: int
    precision: float
    recall: float
    f1: float


class VersionView(BaseModel):
    """A version with its evaluation by cross-validation."""

    version: int
    active: bool
    kind: str
    examples: int
    skipped: int
    folds: int
    accuracy: float
    macro_f1: float
    scores: list[ScoreView]
    confusion: list[list[int]]
    knobs: dict[str, float]
    seconds: float
    vectors: str
    seed: int
    sha256: str
    made_by: str
    made_at: datetime


class ModelView(BaseModel):
    """A trained model; `model` is the name under which it is asked at the endpoint."""

    name: str
    model: str
    kind: str
    schema_name: str
    active: int | None
    examples: int
    made_at: datetime


class ModelsView(BaseModel):
    """Trained models."""

    models: list[ModelView]


class VersionsView(ModelView):
    """A trained model with its versions, oldest first."""

    versions: list[VersionView]


class ExampleView(BaseModel):
    """An example."""

    id: int
    text: str
    label: str
    source: str
    made_by: str


class ExamplesView(BaseModel):
    """Examples, oldest first."""

    examples: list[ExampleView]


class RemovedView(BaseModel):
    """What was deleted."""

    removed: str


async def _learning(request: Request) -> LearningOffice:
    office: LearningOffice = request.app.state.learning
    return office


LearningDesk = Annotated[LearningOffice, Depends(_learning)]


async def _model(realm: Realm, office: LearningOffice, name: str) -> TrainedModel:
    found = await office.store.model(realm.organisation_id, name)
    if found is None:
        raise missing("trained model", name)
    return found


def _view(model: TrainedModel) -> ModelView:
    return ModelView(
        name=model.name,
        model=PREFIX + model.name,
        kind=model.kind,
        schema_name=model.schema,
        active=model.active,
        examples=model.examples,
        made_at=model.made_at,
    )


def _version(model: TrainedModel, one: TrainedVersion) -> VersionView:
    report = msgspec.to_builtins(one.report)
    return VersionView(
        **report,
        version=one.version,
        active=one.version == model.active,
        vectors=one.embedder,
        seed=one.seed,
        sha256=one.sha256,
        made_by=one.made_by,
        made_at=one.made_at,
    )


async def list_models(realm: DocumentsRealm, office: LearningDesk) -> ModelsView:
    """The organisation's trained models."""
    found = await office.store.models(realm.organisation_id)
    return ModelsView(models=[_view(one) for one in found])


async def show_model(realm: DocumentsRealm, office: LearningDesk, name: ModelName) -> VersionsView:
    """A trained model: its versions, how well each did on examples held out, which one answers."""
    model = await _model(realm, office, name)
    found = await office.store.versions(realm.organisation_id, model.id)
    return VersionsView(**_view(model).model_dump(), versions=[_version(model, one) for one in found])


async def add_examples(
    realm: DocumentsRealm, office: LearningDesk, name: ModelName, body: ExamplesBody
) -> AddedView:
    """Add examples to a classifier; it is made with its first ones."""
    examples, seen = [], dict[str, ExampleBody]()
    for at, one in enumerate(body.examples):
        where = f"examples.{at}" + (f" ({one.source})" if one.source else "")
        if not one.text.strip():
            raise refuse(
                422, f"{where}: the text is empty; take the example out", "invalid_value", "examples"
            )
        label = one.label.strip()
        if not LABEL.fullmatch(label):
            raise refuse(
                422, f"{where}: the label must be 1 to 100 printable characters", "invalid_value", "examples"
            )
        before = seen.setdefault(folded(one.text), one)
        if before.label.strip() != label:
            raise refuse(
                422,
                f"{where}: the text {one.text.strip()[:60]!r} is {label!r} here and {before.label!r} before;"
                " decide for one",
                "two_labels",
                "examples",
            )
        examples.append(Example(one.text, label, one.source))
    model = await office.store.ensure(realm.organisation_id, name, CLASSIFIER, "")
    if model.kind != CLASSIFIER:
        raise refuse(
            409, f"{name!r} is an extractor: it learns from reviewed documents", "model_kind", "name"
        )
    sealed = seal_examples(office.vault, realm.organisation_id, model, examples)
    fresh = await office.store.add(realm.organisation_id, model.id, realm.visitor.key_name, sealed)
    model = await _model(realm, office, name)
    return AddedView(added=fresh, replaced=len(examples) - fresh, examples=model.examples)


async def list_examples(
    realm: DocumentsRealm,
    office: LearningDesk,
    name: ModelName,
    after: Annotated[int, Query(ge=0, description="id of the last one seen")] = 0,
) -> ExamplesView:
    """Examples of a classifier, a thousand at a time."""
    model = await _model(realm, office, name)
    stored = await office.store.examples(realm.organisation_id, model.id, after=after, limit=_SHOWN)
    rows = []
    for one in stored:
        example = open_example(office.vault, realm.organisation_id, model, one)
        rows.append(
            ExampleView(
                id=one.id, text=example.text, label=example.label, source=example.source, made_by=one.made_by
            )
        )
    return ExamplesView(examples=rows)


async def drop_example(
    realm: DocumentsRealm, office: LearningDesk, name: ModelName, example: int
) -> RemovedView:
    """Delete an example; versions trained with it stay until another is trained."""
    model = await _model(realm, office, name)
    if not await office.store.drop(realm.organisation_id, model.id, example):
        raise missing("example", example)
    return RemovedView(removed=str(example))


async def train_model(
    realm: DocumentsRealm, office: LearningDesk, name: ModelName, body: TrainBody
) -> VersionView:
    """Train a version, evaluate it by cross-validation, and let it answer as `trained/NAME`."""
    organisation = realm.organisation_id
    if body.kind == EXTRACTOR:
        if body.schema_ is None:
            raise refuse(422, "schema: an extractor needs one", "invalid_value", "schema")
        await realm.schema(body.schema_)
        model = await office.store.ensure(organisation, name, EXTRACTOR, body.schema_)
        if (model.kind, model.schema) != (EXTRACTOR, body.schema_):
            raise refuse(
                409,
                f"{name!r} is another model already ({model.kind} {model.schema}); take another name",
                "model_kind",
                "name",
            )
    else:
        if body.kinds:
            await office.store.ensure(organisation, name, CLASSIFIER, "")
        model = await _model(realm, office, name)
        if model.kind != CLASSIFIER:
            raise refuse(409, f"{name!r} is an extractor; say kind extractor", "model_kind", "kind")
    visitor = realm.visitor
    project = body.project or visitor.project
    if project != visitor.project and not visitor.everywhere:
        raise refuse(403, f"this key's work is paid by its project {visitor.project!r}", "missing_scope")
    paying = await realm.office.reception.project(organisation, project)
    if paying is None:
        raise missing("project", project)
    wanted = Wanted(
        organisation,
        paying.id,
        visitor.key_name,
        paying.data_class,
        body.vectors,
        body.seed,
        body.kinds,
    )
    try:
        version = await train(office, model, wanted)
    except ExamplesError as error:
        raise refuse(422, str(error), "examples", "examples") from error
    except ModelRefusedError as error:
        raise refuse(409, str(error), "vectors", "vectors") from error
    model = await _model(realm, office, name)
    found = await office.store.versions(organisation, model.id)
    return _version(model, next(one for one in found if one.version == version))


async def rollback_model(
    realm: DocumentsRealm, office: LearningDesk, name: ModelName, body: RollbackBody
) -> VersionView:
    """Let another version answer: the one before, or any by its number. Nothing is deleted."""
    model = await _model(realm, office, name)
    found = {one.version: one for one in await office.store.versions(realm.organisation_id, model.id)}
    wanted = body.version
    if wanted is None:
        wanted = max((one for one in found if model.active is not None and one < model.active), default=0)
        if not wanted:
            raise refuse(409, f"{name!r} has no version before the active one", "no_version", "version")
    if not await office.store.choose(realm.organisation_id, model.id, wanted, realm.visitor.key_name):
        numbers = ", ".join(map(str, found)) or "none"
        raise refuse(
            404, f"{name!r} has no version {wanted}; there are {numbers}", "version_not_found", "version"
        )
    await office.shelf.offer(realm.organisation_id, name)
    return _version(await _model(realm, office, name), found[wanted])


async def delete_model(realm: DocumentsRealm, office: LearningDesk, name: ModelName) -> RemovedView:
    """Delete a trained model with its examples and versions; its calls stay in the books."""
    model = await _model(realm, office, name)
    await office.shelf.withdraw(realm.organisation_id, name)
    await office.store.delete(realm.organisation_id, model.id)
    return RemovedView(removed=name)


def add_learning_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    tags: list[str | Enum] = ["trained models"]
    add("/trained", list_models, methods=["GET"], tags=tags)
    add("/trained/{name}", show_model, methods=["GET"], tags=tags)
    add("/trained/{name}", delete_model, methods=["DELETE"], tags=tags)
    add("/trained/{name}/examples", list_examples, methods=["GET"], tags=tags)
    add("/trained/{name}/examples", add_examples, methods=["POST"], tags=tags)
    add("/trained/{name}/examples/{example}", drop_example, methods=["DELETE"], tags=tags)
    add("/trained/{name}/train", train_model, methods=["POST"], tags=tags)
    add("/trained/{name}/rollback", rollback_model, methods=["POST"], tags=tags)
