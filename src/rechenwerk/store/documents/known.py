"""Known entities in PostgreSQL, sealed. Fills `documents.known_ports.KnownEntities`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.documents.known_ports import Entity, KnownChange, Told
from rechenwerk.documents.sealing_ports import Seal

Connection = asyncpg.Connection | PoolConnectionProxy


class StoredKnown:
    """Known entities.

    Args:
        pool: connections to the installation's database.
        seal: of names and numbers.
    """

    def __init__(self, pool: asyncpg.Pool, seal: Seal) -> None:
        self._pool = pool
        self._seal = seal

    async def stamp(self, organisation_id: int) -> str:
        """See `documents.known_ports.KnownEntities`."""
        found: str = await self._pool.fetchval(
            "select count(*) || '/' || coalesce(max(id), 0) || '/' || coalesce(max(changed_at)::text, '')"
            " from document_known where organisation_id = $1",
            organisation_id,
        )
        return found

    async def entities(self, organisation_id: int) -> list[Entity]:
        """See `documents.known_ports.KnownEntities`."""
        async with self._pool.acquire() as connection:
            return await self._entities(connection, organisation_id)

    async def _entities(self, connection: Connection, organisation_id: int) -> list[Entity]:
        rows = await connection.fetch(
            "select * from document_known where organisation_id = $1 order by id", organisation_id
        )
        return [self._entity(row) for row in rows]

    def _entity(self, row: asyncpg.Record) -> Entity:
        data = self._seal.open_row(row["organisation_id"], f"known/{row['id']}", row["sealed"])
        told = msgspec.msgpack.decode(data, type=Told)
        return Entity(row["id"], told.name, told.numbers, row["made_by"], row["made_at"], row["changed_at"])

    async def change(
        self, organisation_id: int, by: str, reckon: Callable[[Sequence[Entity]], KnownChange]
    ) -> KnownChange:
        """See `documents.known_ports.KnownEntities`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # One after the other: two at once would both add a name that is new.
            await connection.execute(
                "select from organisation where id = $1 for no key update", organisation_id
            )
            made = reckon(await self._entities(connection, organisation_id))
            numbers = await connection.fetch(
                "select nextval(pg_get_serial_sequence('document_known', 'id')) as id"
                " from generate_series(1, $1)",
                len(made.add),
            )
            await connection.executemany(
                "insert into document_known (organisation_id, id, sealed, made_by) overriding system value"
                " values ($1, $2, $3, $4)",
                [
                    (organisation_id, row["id"], self._sealed(organisation_id, row["id"], one), by)
                    for row, one in zip(numbers, made.add, strict=True)
                ],
            )
            await connection.executemany(
                "update document_known set sealed = $3, changed_at = clock_timestamp()"
                " where organisation_id = $1 and id = $2",
                [
                    (organisation_id, entity, self._sealed(organisation_id, entity, one))
                    for entity, one in made.change.items()
                ],
            )
            await connection.execute(
                "delete from document_known where organisation_id = $1 and id = any($2::bigint[])",
                organisation_id,
                list(made.remove),
            )
        return made

    def _sealed(self, organisation_id: int, entity: int, told: Told) -> bytes:
        return self._seal.seal_row(organisation_id, f"known/{entity}", msgspec.msgpack.encode(told))

    async def remove(self, organisation_id: int, entity_id: int) -> bool:
        """See `documents.known_ports.KnownEntities`."""
        done = await self._pool.execute(
            "delete from document_known where organisation_id = $1 and id = $2", organisation_id, entity_id
        )
        return done != "DELETE 0"
