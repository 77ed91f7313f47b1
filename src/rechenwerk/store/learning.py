"""Trained models with their examples and versions. Fills `documents.learning_ports.Learning`."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec

from rechenwerk.documents.learning.reports import Report
from rechenwerk.documents.learning_ports import (
    Artefact,
    NewVersion,
    Reviewed,
    SealedExample,
    Told,
    TrainedModel,
    TrainedVersion,
)

_MODELS = """
select m.id, m.name, m.kind, m.schema_name as schema, m.active, m.made_at, (select count(*)
    from trained_example e where e.organisation_id = m.organisation_id and e.model_id = m.id) as examples
from trained_model m
"""
_ACTIVE = """
select m.id as model_id, m.kind, v.version, v.embedder from trained_model m
join trained_version v on v.organisation_id = m.organisation_id and v.model_id = m.id and v.version = m.active
"""
_VALUES = """
select d.id, d.name, t.parsed,
    array_agg(v.field order by v.place) as fields,
    array_agg(v.sealed order by v.place) as sealed
from document_job j
join job_document d on d.organisation_id = j.organisation_id and d.job_id = j.id
join document_text t on t.organisation_id = d.organisation_id and t.document_id = d.id
join document_value v on v.organisation_id = d.organisation_id and v.document_id = d.id
where j.organisation_id = $1 and coalesce(nullif(d.schema_name, ''), j.schema_name) = $2
    and v.sealed is not null and v.state in ('accepted', 'corrected', 'proven')
    and exists (select from document_decision x where x.organisation_id = d.organisation_id
        and x.document_id = d.id and x.action in ('accept', 'correct'))
group by d.organisation_id, d.id, d.name, t.parsed order by d.id desc limit $3
"""

# Who decides about a value of a document agrees that it is of that kind.
_TOLD = """
select d.id as document_id, d.name, t.parsed, coalesce(nullif(d.schema_name, ''), j.schema_name) as kind
from job_document d
join document_job j on j.organisation_id = d.organisation_id and j.id = d.job_id
join document_text t on t.organisation_id = d.organisation_id and t.document_id = d.id
where d.organisation_id = $1 and (d.schema_name <> '' or j.kinds is null)
    and (d.schema_origin = 'person' or exists (select from document_decision x
        where x.organisation_id = d.organisation_id and x.document_id = d.id
            and x.action in ('accept', 'correct')))
order by d.id desc limit $2
"""


class StoredLearning:
    """Trained models in PostgreSQL.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def ensure(self, organisation_id: int, name: str, kind: str, schema: str) -> TrainedModel:
        """See `documents.learning_ports.Learning`."""
        await self._pool.execute(
            "insert into trained_model (organisation_id, name, kind, schema_name) values ($1, $2, $3, $4)"
            " on conflict (organisation_id, name) do nothing",
            organisation_id,
            name,
            kind,
            schema,
        )
        found = await self.model(organisation_id, name)
        assert found is not None
        return found

    async def model(self, organisation_id: int, name: str) -> TrainedModel | None:
        """See `documents.learning_ports.Learning`."""
        row = await self._pool.fetchrow(
            f"{_MODELS} where m.organisation_id = $1 and m.name = $2", organisation_id, name
        )
        return None if row is None else TrainedModel(**row)

    async def models(self, organisation_id: int) -> list[TrainedModel]:
        """See `documents.learning_ports.Learning`."""
        rows = await self._pool.fetch(
            f"{_MODELS} where m.organisation_id = $1 order by m.name", organisation_id
        )
        return [TrainedModel(**row) for row in rows]

    async def delete(self, organisation_id: int, model_id: int) -> bool:
        """See `documents.learning_ports.Learning`."""
        done = await self._pool.execute(
            "delete from trained_model where organisation_id = $1 and id = $2", organisation_id, model_id
        )
        return done != "DELETE 0"

    async def add(self, organisation_id: int, model_id: int, by: str, new: Sequence[SealedExample]) -> int:
        """See `documents.learning_ports.Learning`."""
        fresh = 0
        async with self._pool.acquire() as connection, connection.transaction():
            for one in new:
                fresh += await connection.fetchval(
                    "insert into trained_example (organisation_id, model_id, digest, body, made_by)"
                    " values ($1, $2, $3, $4, $5) on conflict (organisation_id, model_id, digest)"
                    " do update set body = excluded.body, made_by = excluded.made_by, made_at = now()"
                    " returning (xmax = 0)::int",
                    organisation_id,
                    model_id,
                    one.digest,
                    one.body,
                    by,
                )
        return fresh

    async def examples(
        self, organisation_id: int, model_id: int, *, after: int = 0, limit: int | None = None
    ) -> list[SealedExample]:
        """See `documents.learning_ports.Learning`."""
        rows = await self._pool.fetch(
            "select digest, body, id, made_by, made_at from trained_example"
            " where organisation_id = $1 and model_id = $2 and id > $3 order by id limit $4",
            organisation_id,
            model_id,
            after,
            limit,
        )
        return [SealedExample(**row) for row in rows]

    async def drop(self, organisation_id: int, model_id: int, example_id: int) -> bool:
        """See `documents.learning_ports.Learning`."""
        done = await self._pool.execute(
            "delete from trained_example where organisation_id = $1 and model_id = $2 and id = $3",
            organisation_id,
            model_id,
            example_id,
        )
        return done != "DELETE 0"

    async def reviewed(self, organisation_id: int, schema: str, most: int) -> list[Reviewed]:
        """See `documents.learning_ports.Learning`."""
        rows = await self._pool.fetch(_VALUES, organisation_id, schema, most)
        return [
            Reviewed(
                row["id"],
                row["name"],
                row["parsed"],
                tuple(zip(row["fields"], row["sealed"], strict=True)),
            )
            for row in rows
        ]

    async def told(self, organisation_id: int, most: int) -> list[Told]:
        """See `documents.learning_ports.Learning`."""
        return [Told(**row) for row in await self._pool.fetch(_TOLD, organisation_id, most)]

    async def keep(self, organisation_id: int, model_id: int, new: NewVersion) -> int:
        """See `documents.learning_ports.Learning`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # One after the other: two trainings at once would have one number.
            await connection.execute(
                "select from trained_model where organisation_id = $1 and id = $2 for no key update",
                organisation_id,
                model_id,
            )
            version: int = await connection.fetchval(
                "insert into trained_version (organisation_id, model_id, version, artefact, sha256, report,"
                " embedder, seed, made_by) select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5::jsonb,"
                " $6, $7, $8 from trained_version where organisation_id = $1 and model_id = $2"
                " returning version",
                organisation_id,
                model_id,
                new.artefact,
                new.sha256,
                msgspec.json.encode(new.report).decode(),
                new.embedder,
                new.seed,
                new.made_by,
            )
            await _choose(connection, organisation_id, model_id, version, new.made_by)
        return version

    async def versions(self, organisation_id: int, model_id: int) -> list[TrainedVersion]:
        """See `documents.learning_ports.Learning`."""
        rows = await self._pool.fetch(
            "select version, report, sha256, embedder, seed, made_by, made_at from trained_version"
            " where organisation_id = $1 and model_id = $2 order by version",
            organisation_id,
            model_id,
        )
        return [
            TrainedVersion(
                **{
                    **row,
                    "report": msgspec.json.decode(row["report"], type=Report),
                    "sha256": row["sha256"].hex(),
                }
            )
            for row in rows
        ]

    async def choose(self, organisation_id: int, model_id: int, version: int, by: str) -> bool:
        """See `documents.learning_ports.Learning`."""
        async with self._pool.acquire() as connection, connection.transaction():
            there = await connection.fetchval(
                "select 1 from trained_version where organisation_id = $1 and model_id = $2 and version = $3",
                organisation_id,
                model_id,
                version,
            )
            if there is None:
                return False
            await _choose(connection, organisation_id, model_id, version, by)
        return True

    async def active(self, organisation_id: int, name: str) -> Artefact | None:
        """See `documents.learning_ports.Learning`."""
        row = await self._pool.fetchrow(
            f"{_ACTIVE} where m.organisation_id = $1 and m.name = $2", organisation_id, name
        )
        return None if row is None else Artefact(**row)

    async def active_classifiers(self, organisation_id: int) -> list[Artefact]:
        """See `documents.learning_ports.Learning`."""
        rows = await self._pool.fetch(
            f"{_ACTIVE} where m.organisation_id = $1 and m.kind = 'classifier' order by m.id desc",
            organisation_id,
        )
        return [Artefact(**row) for row in rows]

    async def body(self, organisation_id: int, artefact: Artefact) -> bytes | None:
        """See `documents.learning_ports.Learning`."""
        found: bytes | None = await self._pool.fetchval(
            "select artefact from trained_version"
            " where organisation_id = $1 and model_id = $2 and version = $3",
            organisation_id,
            artefact.model_id,
            artefact.version,
        )
        return found

    async def active_extractor(self, organisation_id: int, schema: str) -> Artefact | None:
        """See `documents.learning_ports.Learning`."""
        row = await self._pool.fetchrow(
            f"{_ACTIVE} where m.organisation_id = $1 and m.kind = 'extractor' and m.schema_name = $2"
            " order by v.made_at desc limit 1",
            organisation_id,
            schema,
        )
        return None if row is None else Artefact(**row)


async def _choose(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    organisation_id: int,
    model_id: int,
    version: int,
    by: str,
) -> None:
    await connection.execute(
        "update trained_model set active = $3 where organisation_id = $1 and id = $2",
        organisation_id,
        model_id,
        version,
    )
    await connection.execute(
        "insert into trained_choice (organisation_id, model_id, version, by_name) values ($1, $2, $3, $4)",
        organisation_id,
        model_id,
        version,
        by,
    )
