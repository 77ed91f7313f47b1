"""What a worker reads documents and finds values with, joined: the one place that loads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import asyncpg

from rechenwerk.base.settings import Settings
from rechenwerk.documents.extracting.extract import extract
from rechenwerk.documents.intake.refusals import Refused
from rechenwerk.documents.learning.loading import OwnModels
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.ports import Asker
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import Parsed, Value
from rechenwerk.documents.vault import Vault
from rechenwerk.documents.working import Piece
from rechenwerk.main_documents_reading import open_parsers, reading_limits
from rechenwerk.store.learning import StoredLearning


class WorkerParts:
    """Fills `documents.working.Parts`.

    Args:
        parsers: with their process.
        models: that organisations trained.
    """

    def __init__(self, parsers: Parsers, models: OwnModels) -> None:
        self._parsers = parsers
        self._models = models

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
        trained = await self._models.extractor(organisation_id, schema.name)
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
        yield WorkerParts(parsers, OwnModels(StoredLearning(pool), vault))
