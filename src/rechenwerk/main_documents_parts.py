"""What a worker reads documents and finds values with, joined: the one place that loads it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import asyncpg

from rechenwerk.base.settings import Settings
from rechenwerk.documents.extracting.extract import extract
from rechenwerk.documents.intake.refusals import Refused
from rechenwerk.documents.learning.service import artefact_context
from rechenwerk.documents.learning.spans import Extractor, read_extractor
from rechenwerk.documents.learning_ports import EXTRACTOR
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.ports import Asker
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import Parsed, Value
from rechenwerk.documents.vault import Vault
from rechenwerk.documents.working import Piece
from rechenwerk.main_documents_reading import open_parsers, reading_limits
from rechenwerk.store.learning import StoredLearning

_KEPT = 8
"""Trained extractors in memory."""


class Extractors:
    """The extractors that organisations trained for their schemas; the active version of each.

    Args:
        learning: where they are kept.
        vault: opens them.
    """

    def __init__(self, learning: StoredLearning, vault: Vault) -> None:
        self._learning = learning
        self._vault = vault
        self._loaded: OrderedDict[tuple[int, int, int], Extractor] = OrderedDict()

    async def of(self, organisation_id: int, schema: str) -> Extractor | None:
        """The newest that was trained for a schema and is in service; None for none."""
        found = await self._learning.models(organisation_id)
        mine = [one for one in found if (one.kind, one.schema) == (EXTRACTOR, schema) and one.active]
        if not mine:
            return None
        artefact = await self._learning.active(organisation_id, max(mine, key=lambda one: one.id).name)
        if artefact is None:
            return None
        key = (organisation_id, artefact.model_id, artefact.version)
        if key not in self._loaded:
            context = artefact_context(organisation_id, artefact.model_id)
            data = self._vault.box.open_bytes(artefact.body, context)
            self._loaded[key] = await asyncio.to_thread(read_extractor, data)
            while len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return self._loaded[key]


class WorkerParts:
    """Fills `documents.working.Parts`.

    Args:
        parsers: with their process.
        extractors: trained ones.
    """

    def __init__(self, parsers: Parsers, extractors: Extractors) -> None:
        self._parsers = parsers
        self._extractors = extractors

    async def unpack(self, data: bytes, name: str) -> Sequence[Piece]:
        """See `documents.working.Parts`."""
        found = await self._parsers.unpack(data, name)
        return [
            Piece(one.name, reason=one.english, german=one.german)
            if isinstance(one, Refused)
            else Piece(one.name, one.kind, one.data)
            for one in found
        ]

    async def parse(self, data: bytes, name: str) -> Parsed:
        """See `documents.working.Parts`."""
        return await self._parsers.parse(data, name)

    async def extract(
        self, organisation_id: int, parsed: Parsed, schema: Schema, asker: Asker | None
    ) -> Sequence[Value]:
        """See `documents.working.Parts`."""
        trained = await self._extractors.of(organisation_id, schema.name)
        return await extract(parsed, schema, asker, trained, today=written_on(parsed))


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
        yield WorkerParts(parsers, Extractors(StoredLearning(pool), vault))
