"""Values of documents and what people decided about them. Fills `documents.job_ports.Reviews`."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec

from rechenwerk.documents.job_ports import Decision, StoredValue
from rechenwerk.documents.values import Value
from rechenwerk.store.documents.common import as_json, value_of

_VALUES = """
select v.document_id, d.name as document, d.job_id, v.version, v.field, v.value, v.state, v.origin,
v.evidence,
    v.reasons, d.schema_name
from document_value v join job_document d on d.organisation_id = v.organisation_id and d.id = v.document_id
"""


class StoredReviews:
    """Values and decisions in PostgreSQL.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def values(
        self, organisation_id: int, job_id: int | None, document_id: int | None, states: Sequence[str] = ()
    ) -> list[StoredValue]:
        """See `documents.job_ports.Reviews`."""
        rows = await self._pool.fetch(
            f"{_VALUES} where v.organisation_id = $1 and ($2::bigint is null or d.job_id = $2)"
            " and ($3::bigint is null or d.id = $3) and ($4::text[] = '{}' or v.state = any($4::text[]))"
            " order by v.document_id, v.place",
            organisation_id,
            job_id,
            document_id,
            list(states),
        )
        return [_stored(row) for row in rows]

    async def decide(self, organisation_id: int, decision: Decision, value: Value) -> StoredValue | None:
        """See `documents.job_ports.Reviews`."""
        async with self._pool.acquire() as connection, connection.transaction():
            changed = await connection.fetchval(
                "update document_value set value = $5::jsonb, state = $6, origin = $7, evidence = $8::jsonb,"
                " reasons = $9, version = version + 1"
                " where organisation_id = $1 and document_id = $2 and field = $3 and version = $4"
                " returning id",
                organisation_id,
                decision.document_id,
                decision.field,
                decision.version - 1,
                as_json(value.value),
                value.state,
                value.origin,
                as_json(value.evidence),
                list(value.reasons),
            )
            if changed is None:
                return None
            await connection.execute(
                "insert into document_decision (organisation_id, document_id, field, version, action, by_key,"
                " by_name, made_at, before, after, note)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, $11)",
                organisation_id,
                decision.document_id,
                decision.field,
                decision.version,
                decision.action,
                decision.by_key,
                decision.by_name,
                decision.made_at,
                as_json(decision.before),
                as_json(decision.after),
                decision.note,
            )
            row = await connection.fetchrow(
                f"{_VALUES} where v.organisation_id = $1 and v.id = $2", organisation_id, changed
            )
        assert row is not None
        return _stored(row)

    async def decisions(self, organisation_id: int, job_id: int) -> list[Decision]:
        """See `documents.job_ports.Reviews`."""
        rows = await self._pool.fetch(
            "select x.document_id, x.field, x.version, x.action, x.by_key, x.by_name, x.made_at, x.before,"
            " x.after, x.note from document_decision x"
            " join job_document d on d.organisation_id = x.organisation_id and d.id = x.document_id"
            " where x.organisation_id = $1 and d.job_id = $2 order by x.id",
            organisation_id,
            job_id,
        )
        return [
            Decision(
                **{
                    **dict(row),
                    "before": msgspec.json.decode(row["before"]),
                    "after": msgspec.json.decode(row["after"]),
                }
            )
            for row in rows
        ]


def _stored(row: asyncpg.Record) -> StoredValue:
    return StoredValue(
        row["document_id"], row["document"], row["job_id"], row["version"], value_of(row), row["schema_name"]
    )
