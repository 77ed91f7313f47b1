"""From examples to a version that answers: what the routes do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec
import numpy as np

from rechenwerk.documents.extracting.classify import HEAD
from rechenwerk.documents.learning.examples import Example, ExamplesError, Span, checked, folded
from rechenwerk.documents.learning.fitting_values import Marked
from rechenwerk.documents.learning.tasks import Done, Task
from rechenwerk.documents.learning_ports import (
    EXTRACTOR,
    Learning,
    NewVersion,
    Reviewed,
    SealedExample,
    Shelf,
    TrainedModel,
    Trainer,
    Vectors,
)
from rechenwerk.documents.sealing_ports import open_said
from rechenwerk.documents.vault import Vault
from rechenwerk.documents.working import Keys
from rechenwerk.identity.secrets import document_context

CUT = 2000
"""Characters of a text that are embedded; the grams see more."""
MOST_REVIEWED = 2000
GERMAN = re.compile(
    r"\b(?:der|die|das|und|ist|nicht|ein|eine|für|mit|ich|auf|von|zu|wir|bitte|wie|rechnung|vom)\b|[äöüß]",
    re.IGNORECASE,
)


class LearningOffice(msgspec.Struct, frozen=True):
    """What training works with."""

    store: Learning
    vault: Vault
    keys: Keys
    trainer: Trainer
    vectors: Vectors
    shelf: Shelf


class Wanted(msgspec.Struct, frozen=True):
    """How to train.

    Args:
        vectors: model to embed with; '' for the best that there is, 'none' for none.
        by: whose key.
        data_class: of the examples: who may see them when they are embedded.
        kinds: learn a classifier from documents whose kind people said or confirmed, too.
    """

    organisation_id: int
    project_id: int
    by: str
    data_class: str
    vectors: str = ""
    seed: int = 0
    kinds: bool = False


def looks_german(texts: Sequence[str]) -> bool:
    """Whether many of the texts have a German word or letter."""
    some = texts[:: max(1, len(texts) // 500)]
    return sum(bool(GERMAN.search(text[:500])) for text in some) > 0.3 * len(some)


def seal_examples(
    vault: Vault, organisation_id: int, model: TrainedModel, examples: Sequence[Example]
) -> list[SealedExample]:
    """Examples as they are stored."""
    context = document_context(organisation_id, f"example/{model.id}")
    return [
        SealedExample(
            hashlib.sha256(f"{organisation_id}/{model.id}/{folded(one.text)}".encode()).digest(),
            vault.box.seal_bytes(msgspec.msgpack.encode(one), context),
        )
        for one in examples
    ]


def open_example(vault: Vault, organisation_id: int, model: TrainedModel, one: SealedExample) -> Example:
    """The same, opened."""
    context = document_context(organisation_id, f"example/{model.id}")
    return msgspec.msgpack.decode(vault.box.open_bytes(one.body, context), type=Example)


def artefact_context(organisation_id: int, model_id: int) -> bytes:
    """What an artefact is bound to: it opens for no other organisation and no other model."""
    return document_context(organisation_id, f"trained/{model_id}")


async def train(office: LearningOffice, model: TrainedModel, wanted: Wanted) -> int:
    """Train a version and let it answer; its number.

    Raises:
        ExamplesError: nothing can be learnt from the examples.
        ModelRefusedError: the gateway refuses to embed them.
    """
    task = await (_marked if model.kind == EXTRACTOR else _labelled)(office, model, wanted)
    done = msgspec.msgpack.decode(await office.trainer.train(msgspec.msgpack.encode(task)), type=Done)
    if done.report is None:
        raise ExamplesError(done.fault)
    organisation = wanted.organisation_id
    sealed = office.vault.box.seal_bytes(done.artefact, artefact_context(organisation, model.id))
    new = NewVersion(
        sealed,
        hashlib.sha256(done.artefact).digest(),
        done.report,
        task.embedder,
        wanted.seed,
        wanted.by,
    )
    version = await office.store.keep(organisation, model.id, new)
    await office.shelf.offer(organisation, model.name)
    return version


async def _labelled(office: LearningOffice, model: TrainedModel, wanted: Wanted) -> Task:
    """The stored examples, embedded on the account of the project that asks for it."""
    organisation = wanted.organisation_id
    stored = await office.store.examples(organisation, model.id)
    given = [open_example(office.vault, organisation, model, one) for one in stored]
    examples = checked([*given, *(await _told(office, organisation) if wanted.kinds else ())])
    if wanted.vectors == "none":
        return Task(model.kind, tuple(examples), seed=wanted.seed)
    texts = [one.text[:CUT] for one in examples]
    key_id, key = await office.keys.make(
        organisation, wanted.project_id, f"training {model.name}", None, wanted.data_class
    )
    try:
        embedder = await office.vectors.choose(key, wanted.vectors, german=looks_german(texts))
        rows = await office.vectors.vectors(key, embedder, texts) if embedder else []
    finally:
        await office.keys.revoke(organisation, key_id)
    vectors = np.asarray(rows, dtype="<f4")
    return Task(model.kind, tuple(examples), vectors.tobytes(), embedder if rows else "", seed=wanted.seed)


async def _told(office: LearningOffice, organisation: int) -> list[Example]:
    """What people said of whole documents; of the same text the newest word counts."""
    found: dict[str, Example] = {}
    for one in await office.store.told(organisation, MOST_REVIEWED):
        text = office.vault.open_parsed(organisation, one.document_id, one.parsed).text[:HEAD]
        if text.strip():
            found.setdefault(
                folded(text), Example(text, one.kind, f"document {one.document_id} ({one.name})")
            )
    return list(found.values())


async def _marked(office: LearningOffice, model: TrainedModel, wanted: Wanted) -> Task:
    """The documents of the schema in which somebody accepted or corrected a value."""
    organisation = wanted.organisation_id
    documents = []
    for one in await office.store.reviewed(organisation, model.schema, MOST_REVIEWED):
        parsed = office.vault.open_parsed(organisation, one.document_id, one.parsed)
        documents.append(Marked(parsed.text, _spans(office.vault, organisation, one), parsed.words, one.name))
    if not documents:
        raise ExamplesError(
            f"nobody has accepted or corrected a value of {model.schema!r} yet; review some documents first"
        )
    return Task(model.kind, schema=model.schema, documents=tuple(documents), seed=wanted.seed)


def _spans(vault: Vault, organisation: int, one: Reviewed) -> tuple[Span, ...]:
    """Where the values of a document stand; what says nothing has no place."""
    found = []
    for field, sealed in one.values:
        said = open_said(vault, organisation, one.document_id, field, sealed)
        if said.evidence is not None and said.value is not None:
            found.append(Span(field, said.evidence.start, said.evidence.end))
    return tuple(found)
