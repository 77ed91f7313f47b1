"""What a worker reads documents and finds values with, joined: the one place that loads it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from types import MappingProxyType

import asyncpg
import numpy as np

from rechenwerk.base.errors import DocumentError, ModelRefusedError
from rechenwerk.base.settings import Settings
from rechenwerk.documents.checking.known import Known
from rechenwerk.documents.extracting.classify import classify
from rechenwerk.documents.extracting.extract import extract
from rechenwerk.documents.intake.refusals import Refused
from rechenwerk.documents.job_ports import JobKind, Sorted
from rechenwerk.documents.knowing import as_known
from rechenwerk.documents.known_ports import KnownEntities
from rechenwerk.documents.learning.classifier import Classifier, Guess
from rechenwerk.documents.learning.loading import OwnModels
from rechenwerk.documents.learning.service import CUT
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.ports import Asker
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import PagePart, Parsed, Value
from rechenwerk.documents.vault import Vault
from rechenwerk.documents.working import Piece
from rechenwerk.main_documents_reading import open_parsers, reading_limits
from rechenwerk.store.documents.known import StoredKnown
from rechenwerk.store.learning import StoredLearning

_TOLD: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "trained": (
            "the organisation's own classifier is sure",
            "das eigene Modell der Organisation ist sicher",
        ),
        "rule": (
            "its words, or the e-invoice in it, say so",
            "seine Wörter oder die E-Rechnung darin sagen es",
        ),
        "model": (
            "the model chose it, twice in different order",
            "das Modell hat sie gewählt, zweimal in anderer Reihenfolge",
        ),
    }
)
_KEPT = 64
"""Organisations whose known entities are in memory."""
UNTOLD = "its kind cannot be told: say it with `rechenwerk docs kind`"
UNTOLD_GERMAN = "Die Art ist nicht zu erkennen: mit `rechenwerk docs kind` angeben"


class OwnClassifier:
    """An organisation's classifier. Fills `extracting.ports.TrainedClassifier`.

    Args:
        model: opened.
        asker: embeds with the job's key, where the model was trained on vectors.
    """

    def __init__(self, model: Classifier, asker: Asker | None) -> None:
        self._model = model
        self._asker = asker

    async def classify(self, text: str) -> Sequence[Guess]:
        """Its guesses; none where it needs vectors that this job cannot get."""
        vector = None
        try:
            if self._model.header.embedder:
                if self._asker is None:
                    return ()
                (row,) = await self._asker.embed([text[:CUT]], "classify: vector")
                vector = np.asarray(row, dtype=np.float32)
            return await asyncio.to_thread(self._model.guesses, text, vector)
        except (DocumentError, ModelRefusedError):
            return ()


class OwnKnown:
    """The entities that organisations know, read again when they have changed.

    Args:
        store: of them.
    """

    def __init__(self, store: KnownEntities) -> None:
        self._store = store
        self._read: OrderedDict[int, tuple[str, tuple[Known, ...]]] = OrderedDict()

    async def of(self, organisation_id: int) -> tuple[Known, ...]:
        """Those of one organisation."""
        stamp = await self._store.stamp(organisation_id)
        read = self._read.get(organisation_id)
        if read is None or read[0] != stamp:
            read = (stamp, as_known(await self._store.entities(organisation_id)))
            self._read[organisation_id] = read
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        self._read.move_to_end(organisation_id)
        return read[1]


class WorkerParts:
    """Fills `documents.working.Parts`.

    Args:
        parsers: with their process.
        learning: what organisations trained.
        models: the same, opened.
        known: whom organisations know.
    """

    def __init__(
        self, parsers: Parsers, learning: StoredLearning, models: OwnModels, known: OwnKnown
    ) -> None:
        self._parsers = parsers
        self._learning = learning
        self._models = models
        self._known = known

    async def unpack(self, data: bytes, name: str) -> Sequence[Piece]:
        """See `documents.working.Parts`."""
        found = await self._parsers.unpack(data, name)
        return [
            Piece(one.name, reason=one.english, german=one.german)
            if isinstance(one, Refused)
            else Piece(one.name, one.kind, one.data)
            for one in found
        ]

    async def parse(
        self,
        data: bytes,
        name: str,
        before: Sequence[PagePart],
        on_page: Callable[[PagePart, int, int], Awaitable[None]],
    ) -> Parsed:
        """See `documents.working.Parts`."""
        return await self._parsers.parse(data, name, before=before, on_page=on_page)

    async def sort(
        self, organisation_id: int, parsed: Parsed, kinds: Sequence[JobKind], asker: Asker | None
    ) -> Sorted:
        """See `documents.working.Parts`."""
        schemas = [one.schema for one in kinds]
        trained = await self._classifier(organisation_id, {one.name for one in schemas}, asker)
        kind = await classify(parsed, schemas, trained, asker)
        if kind.name:
            return Sorted(kind.name, kind.origin, *_TOLD[kind.origin])
        return Sorted("", "nobody", UNTOLD, UNTOLD_GERMAN)

    async def _classifier(
        self, organisation_id: int, names: set[str], asker: Asker | None
    ) -> OwnClassifier | None:
        """The newest classifier that the organisation trained to tell these kinds; None for none."""
        for artefact in await self._learning.active_classifiers(organisation_id):
            model = await self._models.load(organisation_id, artefact)
            if isinstance(model, Classifier) and names & set(model.header.labels):
                return OwnClassifier(model, asker)
        return None

    async def extract(
        self, organisation_id: int, parsed: Parsed, schema: Schema, asker: Asker | None
    ) -> Sequence[Value]:
        """See `documents.working.Parts`."""
        trained = await self._models.extractor(organisation_id, schema.name)
        known: tuple[Known, ...] = ()
        if any(rule.kind == "known" for rule in schema.rules):
            known = await self._known.of(organisation_id)
        return await extract(parsed, schema, asker, trained, today=written_on(parsed), known=known)


def written_on(parsed: Parsed) -> date | None:
    """The day that a document's format gives it: of a mail, of a file's properties."""
    try:
        return date.fromisoformat(parsed.properties.get("date", "")[:10])
    except ValueError:
        return None


@asynccontextmanager
async def open_parts(
    settings: Settings, pool: asyncpg.Pool, vault: Vault, models: Path | None
) -> AsyncIterator[WorkerParts]:
    """The parts of a worker, until it ends.

    Args:
        settings: of the installation.
        pool: connections to the installation's database.
        vault: opens what was trained.
        models: folder of the installation's models; None reads no scans.
    """
    reader = (
        Parsers(None, reading_limits(settings)) if models is None else await open_parsers(settings, models)
    )
    async with reader as parsers:
        learning = StoredLearning(pool)
        known = OwnKnown(StoredKnown(pool, vault))
        yield WorkerParts(parsers, learning, OwnModels(learning, vault), known)
