"""What a worker reads documents and finds values with, joined: the one place that loads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from rechenwerk.base.settings import Settings
from rechenwerk.documents.intake.refusals import Refused
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.ports import Asker, Question
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import Evidence, Parsed, Value
from rechenwerk.documents.working import Piece


class WorkerParts:
    """Fills `documents.working.Parts`.

    Args:
        parsers: with their process.
    """

    def __init__(self, parsers: Parsers) -> None:
        self._parsers = parsers

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
        del organisation_id
        if asker is None:
            return []
        names = [one.name for one in schema.fields if one.type != "rows"]
        shape = {
            "type": "object",
            "properties": {name: {"type": "string"} for name in names},
            "required": names,
            "additionalProperties": False,
        }
        said = await asker.ask(
            Question("extract", "Copy what the document says, word by word.", parsed.text[:8000], shape)
        )
        found = msgspec.json.decode(said, type=dict[str, str])
        return [_value(name, found.get(name, ""), parsed) for name in names]


def _value(name: str, quote: str, parsed: Parsed) -> Value:
    start = parsed.text.find(quote) if quote else -1
    if start < 0:
        return Value(name, None, "absent", "model")
    page = next((one.number for one in parsed.pages if one.start <= start < one.end), 1)
    evidence = Evidence(page, start, start + len(quote), quote)
    return Value(name, quote, "unproven", "model", evidence, ("role: nothing says that it is this",))


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[WorkerParts]:
    """The parts of a worker, until it ends."""
    del settings
    async with Parsers() as parsers:
        yield WorkerParts(parsers)
