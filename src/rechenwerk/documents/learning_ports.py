"""What learning needs from outside: storage, vectors, a process that trains, a place among the models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from rechenwerk.documents.learning.reports import Report

PREFIX = "trained/"
"""Of the names under which trained models are asked."""
CLASSIFIER, EXTRACTOR = "classifier", "extractor"


class TrainedModel(msgspec.Struct, frozen=True):
    """A model of an organisation.

    Attributes:
        schema: of an extractor's fields; '' for a classifier.
        active: the version that answers; None for none.
        examples: how many it has.
    """

    id: int
    name: str
    kind: str
    schema: str
    active: int | None
    examples: int
    made_at: datetime


class TrainedVersion(msgspec.Struct, frozen=True):
    """A version of a model.

    Attributes:
        sha256: of the artefact.
        embedder: the model whose vectors it needs; '' for none.
    """

    version: int
    report: Report
    sha256: str
    embedder: str
    seed: int
    made_by: str
    made_at: datetime


class NewVersion(msgspec.Struct, frozen=True):
    """A version that was just trained; its artefact is sealed."""

    artefact: bytes
    sha256: bytes
    report: Report
    embedder: str
    seed: int
    made_by: str


class SealedExample(msgspec.Struct, frozen=True):
    """An example as it is stored."""

    digest: bytes
    body: bytes
    id: int = 0
    made_by: str = ""
    made_at: datetime | None = None


class Artefact(msgspec.Struct, frozen=True):
    """What answers for a model now."""

    model_id: int
    kind: str
    version: int
    embedder: str


class Reviewed(msgspec.Struct, frozen=True):
    """A document whose values people decided on: its text, its fields and what they say, sealed."""

    document_id: int
    name: str
    parsed: bytes
    values: tuple[tuple[str, bytes], ...]


class Told(msgspec.Struct, frozen=True):
    """A document of which people said what kind it is, or decided about values of that kind; sealed."""

    document_id: int
    name: str
    parsed: bytes
    kind: str


class Learning(Protocol):
    """Storage of trained models. Every method looks within one organisation only."""

    async def ensure(self, organisation_id: int, name: str, kind: str, schema: str) -> TrainedModel:
        """The model of a name, made if there is none; it may be of another kind."""
        ...

    async def model(self, organisation_id: int, name: str) -> TrainedModel | None:
        """A model."""
        ...

    async def models(self, organisation_id: int) -> list[TrainedModel]:
        """All, by name."""
        ...

    async def delete(self, organisation_id: int, model_id: int) -> bool:
        """With examples and versions; False if there is none."""
        ...

    async def add(self, organisation_id: int, model_id: int, by: str, new: Sequence[SealedExample]) -> int:
        """Add examples; one of the same text is replaced. How many are new."""
        ...

    async def examples(
        self, organisation_id: int, model_id: int, *, after: int = 0, limit: int | None = None
    ) -> list[SealedExample]:
        """Those after an id, oldest first, so many at most; else all."""
        ...

    async def drop(self, organisation_id: int, model_id: int, example_id: int) -> bool:
        """Delete an example; False if there is none."""
        ...

    async def reviewed(self, organisation_id: int, schema: str, most: int) -> list[Reviewed]:
        """Documents in which somebody accepted or corrected a value, the newest `most` of them."""
        ...

    async def told(self, organisation_id: int, most: int) -> list[Told]:
        """Documents whose kind people said or confirmed, the newest `most` of them."""
        ...

    async def keep(self, organisation_id: int, model_id: int, new: NewVersion) -> int:
        """Keep a version and let it answer; its number."""
        ...

    async def versions(self, organisation_id: int, model_id: int) -> list[TrainedVersion]:
        """All, oldest first."""
        ...

    async def choose(self, organisation_id: int, model_id: int, version: int, by: str) -> bool:
        """Let a version answer; False if there is none of this number."""
        ...

    async def active(self, organisation_id: int, name: str) -> Artefact | None:
        """What answers for a model."""
        ...

    async def active_extractor(self, organisation_id: int, schema: str) -> Artefact | None:
        """What answers for the newest extractor of a schema."""
        ...

    async def active_classifiers(self, organisation_id: int) -> list[Artefact]:
        """What answers for each classifier, the newest one first."""
        ...

    async def body(self, organisation_id: int, artefact: Artefact) -> bytes | None:
        """Its bytes, sealed; None: it was deleted meanwhile."""
        ...


class Trainer(Protocol):
    """Trains in a process of its own."""

    async def train(self, task: bytes) -> bytes:
        """A `learning.tasks.Task` as msgpack -> a `learning.tasks.Done`. Raises ExamplesError."""
        ...


class Vectors(Protocol):
    """Vectors through the public endpoint."""

    async def choose(self, key: str, wanted: str, *, german: bool) -> str:
        """The model to embed with: the wanted one, else the best that the key may ask; '' for none."""
        ...

    async def vectors(self, key: str, model: str, texts: Sequence[str]) -> list[list[float]]:
        """A vector per text; booked calls of the key. Raises ModelRefusedError."""
        ...


class Shelf(Protocol):
    """The models that an organisation can ask for."""

    async def offer(self, organisation_id: int, name: str) -> None:
        """Serve a trained model under its name."""
        ...

    async def withdraw(self, organisation_id: int, name: str) -> None:
        """Serve it no longer."""
        ...
