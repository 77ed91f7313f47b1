"""Values of documents and what people decided about them. Fills `documents.job_ports.Reviews`."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import asyncpg
import msgspec

from rechenwerk.base.cursors import Order, Place
from rechenwerk.documents.choice_ports import ALL, EVERY, Chosen, Stretch
from rechenwerk.documents.job_ports import Decision, StoredValue
from rechenwerk.documents.sealing_ports import Seal, decision_place, seal_said
from rechenwerk.documents.values import Value
from rechenwerk.store.documents import orders
from rechenwerk.store.documents.common import FACTUAL, VALUES, value_of


class _Decided(msgspec.Struct, frozen=True, array_like=True):
    """What of a decision is sealed."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    note: str


class StoredReviews:
    """Values and decisions in PostgreSQL.

    Args:
        pool: connections to the installation's database.
        seal: of what documents say.
    """

    def __init__(self, pool: asyncpg.Pool, seal: Seal) -> None:
        self._pool = pool
        self._seal = seal

    async def values(self, organisation_id: int, job_id: int, chosen: Chosen = EVERY) -> list[StoredValue]:
        """See `documents.job_ports.Reviews`."""
        # The conditions of two indices, where they hold: few documents and few values among very many.
        few = " and d.unproven > 0 and v.state = 'unproven'" if tuple(chosen.states) == ("unproven",) else ""
        few += f" and {FACTUAL}" if chosen.factual else ""
        rows = await self._pool.fetch(
            f"{VALUES} where d.organisation_id = $1 and d.job_id = $2 and d.id >= $4{few}"
            " and ($3::text[] = '{}' or v.state = any($3::text[]))"
            " and (d.id, v.place + 1) > ($4, $5) and ($6::bigint is null or d.id <= $6)"
            " and ($8 = '' or strpos(lower(d.name), lower($8)) > 0)"
            " order by d.id, v.place limit $7",
            organisation_id,
            job_id,
            list(chosen.states),
            *chosen.after,
            chosen.until,
            chosen.limit,
            chosen.named,
        )
        return [_stored(row, self._seal) for row in rows]

    async def ordered(
        self, organisation_id: int, job_id: int, chosen: Chosen, order: Order
    ) -> tuple[list[StoredValue], Place]:
        """See `documents.job_ports.Reviews`."""
        rows, place = await orders.values(self._pool, organisation_id, job_id, chosen, order)
        return [_stored(row, self._seal) for row in rows], place

    async def left(self, organisation_id: int, job_id: int) -> int:
        """See `documents.job_ports.Reviews`."""
        found: int = await self._pool.fetchval(
            "select coalesce(sum(unproven), 0)::bigint from job_document"
            " where organisation_id = $1 and job_id = $2 and unproven > 0",
            organisation_id,
            job_id,
        )
        return found

    async def of_document(self, organisation_id: int, document_id: int) -> list[StoredValue]:
        """See `documents.job_ports.Reviews`."""
        rows = await self._pool.fetch(
            f"{VALUES} where v.organisation_id = $1 and v.document_id = $2 order by v.place",
            organisation_id,
            document_id,
        )
        return [_stored(row, self._seal) for row in rows]

    async def value(self, organisation_id: int, document_id: int, field: str) -> StoredValue | None:
        """See `documents.job_ports.Reviews`."""
        row = await self._pool.fetchrow(
            f"{VALUES} where v.organisation_id = $1 and v.document_id = $2 and v.field = $3",
            organisation_id,
            document_id,
            field,
        )
        return None if row is None else _stored(row, self._seal)

    async def decide(self, organisation_id: int, decision: Decision, value: Value) -> StoredValue | None:
        """See `documents.job_ports.Reviews`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # The document first, as who deletes it does: its counts change with the value.
            await connection.execute(
                "select from job_document where organisation_id = $1 and id = $2 for no key update",
                organisation_id,
                decision.document_id,
            )
            changed = await connection.fetchval(
                "update document_value set state = $5, origin = $6, sealed = $7, version = version + 1,"
                " value = null, evidence = null, reasons = '{}'"
                " where organisation_id = $1 and document_id = $2 and field = $3 and version = $4"
                " returning id",
                organisation_id,
                decision.document_id,
                decision.field,
                decision.version - 1,
                value.state,
                value.origin,
                seal_said(self._seal, organisation_id, decision.document_id, value),
            )
            if changed is None:
                return None
            await connection.execute(
                "insert into document_decision (organisation_id, document_id, field, version, action, by_key,"
                " by_name, made_at, sealed) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                organisation_id,
                decision.document_id,
                decision.field,
                decision.version,
                decision.action,
                decision.by_key,
                decision.by_name,
                decision.made_at,
                self._seal_decision(organisation_id, decision),
            )
            row = await connection.fetchrow(
                f"{VALUES} where v.organisation_id = $1 and v.id = $2", organisation_id, changed
            )
        assert row is not None
        return _stored(row, self._seal)

    async def decisions(
        self, organisation_id: int, job_id: int, document_id: int | None = None, stretch: Stretch = ALL
    ) -> list[Decision]:
        """See `documents.job_ports.Reviews`."""
        rows = await self._pool.fetch(
            "select x.organisation_id, x.id, x.document_id, x.field, x.version, x.action, x.by_key,"
            " x.by_name, x.made_at, x.sealed, x.before, x.after, x.note from document_decision x"
            " join job_document d on d.organisation_id = x.organisation_id and d.id = x.document_id"
            " where x.organisation_id = $1 and d.job_id = $2 and ($3::bigint is null or d.id = $3)"
            " and x.id > $4 order by case when $6 then -x.id else x.id end limit $5",
            organisation_id,
            job_id,
            document_id,
            stretch.after,
            stretch.limit,
            stretch.newest,
        )
        return sorted((self._decision(row) for row in rows), key=attrgetter("id"))

    def _seal_decision(self, organisation_id: int, decision: Decision) -> bytes:
        place = decision_place(decision.document_id, decision.field, decision.version)
        data = msgspec.msgpack.encode(_Decided(decision.before, decision.after, decision.note))
        return self._seal.seal_row(organisation_id, place, data)

    def _decision(self, row: asyncpg.Record) -> Decision:
        place = decision_place(row["document_id"], row["field"], row["version"])
        if row["sealed"] is None:
            before, after = msgspec.json.decode(row["before"]), msgspec.json.decode(row["after"])
            said = _Decided(before, after, row["note"])
        else:
            data = self._seal.open_row(row["organisation_id"], place, row["sealed"])
            said = msgspec.msgpack.decode(data, type=_Decided)
        return Decision(
            row["document_id"],
            row["field"],
            row["version"],
            row["action"],
            row["by_key"],
            row["by_name"],
            row["made_at"],
            said.before,
            said.after,
            said.note,
            row["id"],
        )

    async def seal_clear(self, most: int) -> int:
        """See `documents.job_ports.Reviews`."""
        async with self._pool.acquire() as connection, connection.transaction():
            values = await connection.fetch(
                "select * from document_value where value is not null or evidence is not null"
                " or reasons <> '{}' order by id limit $1 for update skip locked",
                most,
            )
            await connection.executemany(
                "update document_value set sealed = $2, value = null, evidence = null, reasons = '{}'"
                " where id = $1",
                [(row["id"], self._resealed(row)) for row in values],
            )
            decided = await connection.fetch(
                "select * from document_decision where before is not null order by id limit $1"
                " for update skip locked",
                most,
            )
            await connection.executemany(
                "update document_decision set sealed = $2, before = null, after = null, note = ''"
                " where id = $1",
                [
                    (row["id"], self._seal_decision(row["organisation_id"], self._decision(row)))
                    for row in decided
                ],
            )
        return len(values) + len(decided)

    def _resealed(self, row: asyncpg.Record) -> bytes | None:
        return seal_said(self._seal, row["organisation_id"], row["document_id"], value_of(row, self._seal))


def _stored(row: asyncpg.Record, seal: Seal) -> StoredValue:
    return StoredValue(
        row["document_id"],
        row["document"],
        row["job_id"],
        row["version"],
        value_of(row, seal),
        row["schema_name"],
        row["place"],
    )
