"""What schemas need from storage."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from rechenwerk.documents.schemas import Schema


class StoredSchema(msgspec.Struct, frozen=True):
    """A version of an organisation's schema."""

    schema: Schema
    version: int
    made_by: str
    made_at: datetime


class Schemas(Protocol):
    """Schemas of an organisation."""

    async def keep(self, organisation_id: int, schema: Schema, by: str) -> StoredSchema:
        """A new version; the same as the newest changes nothing."""
        ...

    async def schema(self, organisation_id: int, name: str, version: int | None) -> StoredSchema | None:
        """A version; the newest for None."""
        ...

    async def schemas(self, organisation_id: int) -> list[StoredSchema]:
        """The newest of each."""
        ...

    async def versions(self, organisation_id: int, name: str) -> list[StoredSchema]:
        """All of one, oldest first."""
        ...
