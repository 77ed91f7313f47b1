"""Schemas of organisations with their versions. Fills `documents.schema_ports.Schemas`."""

from __future__ import annotations

import asyncpg
import msgspec

from rechenwerk.documents.schema_ports import StoredSchema
from rechenwerk.documents.schemas import Schema
from rechenwerk.store.documents.common import as_json


class StoredSchemas:
    """Schemas in PostgreSQL.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def keep(self, organisation_id: int, schema: Schema, by: str) -> StoredSchema:
        """See `documents.schema_ports.Schemas`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # One after the other within an organisation: two versions at once would have one number.
            await connection.execute(
                "select from organisation where id = $1 for no key update", organisation_id
            )
            newest = await connection.fetchrow(
                "select * from document_schema where organisation_id = $1 and name = $2"
                " order by version desc limit 1",
                organisation_id,
                schema.name,
            )
            if newest is not None and _schema(newest).schema == schema:
                return _schema(newest)
            row = await connection.fetchrow(
                "insert into document_schema (organisation_id, name, version, body, made_by)"
                " values ($1, $2, $3, $4::jsonb, $5) returning *",
                organisation_id,
                schema.name,
                1 if newest is None else newest["version"] + 1,
                as_json(schema),
                by,
            )
        assert row is not None
        return _schema(row)

    async def schema(self, organisation_id: int, name: str, version: int | None) -> StoredSchema | None:
        """See `documents.schema_ports.Schemas`."""
        row = await self._pool.fetchrow(
            "select * from document_schema where organisation_id = $1 and name = $2"
            " and ($3::int is null or version = $3) order by version desc limit 1",
            organisation_id,
            name,
            version,
        )
        return None if row is None else _schema(row)

    async def schemas(self, organisation_id: int) -> list[StoredSchema]:
        """See `documents.schema_ports.Schemas`."""
        rows = await self._pool.fetch(
            "select distinct on (name) * from document_schema where organisation_id = $1"
            " order by name, version desc",
            organisation_id,
        )
        return [_schema(row) for row in rows]

    async def versions(self, organisation_id: int, name: str) -> list[StoredSchema]:
        """See `documents.schema_ports.Schemas`."""
        rows = await self._pool.fetch(
            "select * from document_schema where organisation_id = $1 and name = $2 order by version",
            organisation_id,
            name,
        )
        return [_schema(row) for row in rows]


def _schema(row: asyncpg.Record) -> StoredSchema:
    return StoredSchema(
        msgspec.json.decode(row["body"], type=Schema), row["version"], row["made_by"], row["made_at"]
    )
