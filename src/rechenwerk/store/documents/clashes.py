"""Contradictions, decisions about them and facts, sealed. Fills `documents.clash_ports.Clashes`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.cursors import Order, Place
from rechenwerk.documents.choice_ports import ALL, Stretch
from rechenwerk.documents.clash_ports import (
    STATES,
    Change,
    Clash,
    ClashDecision,
    Earlier,
    NewClash,
    Sheet,
    Stamps,
)
from rechenwerk.documents.facts.values import Fact
from rechenwerk.documents.sealing_ports import Seal
from rechenwerk.store.documents import orders
from rechenwerk.store.documents.common import FACTUAL

Connection = asyncpg.Connection | PoolConnectionProxy

# Earlier jobs of the same project, no stricter than this one, whose facts are known.
_BEFORE = """
    document_job j join document_job e on e.organisation_id = j.organisation_id
        and e.project_id = j.project_id and e.id < j.id and e.facts_of not in ('', '-')
        and stricter_class(e.data_class, j.data_class) = j.data_class
    where j.organisation_id = $1 and j.id = $2
"""
# What facts follow from: documents with the time of their extraction, and rows and dates as people left them.
_STAMPS = f"""
select j.clashes_of, d.documents, coalesce(d.ended, '') || '/' || coalesce(v.versions, 0) as facts_now,
    (select coalesce(md5(string_agg(e.id || '@' || e.facts_of, ',' order by e.id)), '')
        from {_BEFORE}) as before
from document_job j
cross join lateral (select count(*) as documents,
        md5(string_agg(d.id || '@' || extract(epoch from d.ended_at), ',' order by d.id)) as ended
    from job_document d
    where d.organisation_id = j.organisation_id and d.job_id = j.id and d.state = 'done') d
cross join lateral (select sum(v.version) as versions from document_value v join job_document d
        on d.organisation_id = v.organisation_id and d.id = v.document_id
    where d.organisation_id = j.organisation_id and d.job_id = j.id and {FACTUAL}) v
where j.organisation_id = $1 and j.id = $2
"""  # noqa: S608 - our own words
_EARLIER = f"""
select f.organisation_id, f.document_id, d.name, d.job_id, f.sealed
from (select e.id as job_id from {_BEFORE}) b
join job_document d on d.organisation_id = $1 and d.job_id = b.job_id
join document_fact f on f.organisation_id = d.organisation_id and f.document_id = d.id
where not exists (select from job_document o where o.organisation_id = $1 and o.job_id = $2
    and o.sha256 = d.sha256)
order by f.document_id desc limit $3
"""  # noqa: S608 - our own words
_CLASHES = """
select c.*, x.by_name, x.made_at as decided_at, x.sealed as decided from document_clash c
left join document_clash_decision x on x.organisation_id = c.organisation_id and x.clash_id = c.id
    and x.version = c.version
"""
_OF_JOB = f"""
{_CLASHES} where c.organisation_id = $1 and c.job_id = $2
    and (not $3 or (c.state = 'open' and not c.gone)) and c.id > $4 order by c.id limit $5
"""

_UNRECKONED = """
select organisation_id, id from document_job where reckon_wanted
union select organisation_id, id from document_job where state = 'done' and facts_of = ''
    and ended_at > now() - interval '1 day'
"""
_LOCK = "select pg_try_advisory_lock(hashtext('rechenwerk.reckon'), hashint8($1))"


class _Seen(msgspec.Struct, frozen=True, array_like=True):
    """What of a decision is sealed."""

    content: Mapping[str, Any]
    note: str


class _RawSheet(msgspec.Struct, frozen=True, array_like=True):
    """A `Sheet` whose facts are not read yet."""

    facts: Sequence[msgspec.Raw]
    copies: Sequence[Sequence[str]] = ()


class StoredClashes:
    """Contradictions in PostgreSQL.

    Args:
        pool: connections to the installation's database.
        seal: of what documents say.
    """

    def __init__(self, pool: asyncpg.Pool, seal: Seal) -> None:
        self._pool = pool
        self._seal = seal

    async def stamps(self, organisation_id: int, job_id: int) -> Stamps:
        """See `documents.clash_ports.Clashes`."""
        row = await self._pool.fetchrow(_STAMPS, organisation_id, job_id)
        if row is None:
            return Stamps("", "", "")
        now = f"{row['facts_now']}/{row['before']}"
        return Stamps(row["facts_now"], row["clashes_of"], now, row["documents"])

    async def earlier(self, organisation_id: int, job_id: int, most: int) -> list[Earlier]:
        """See `documents.clash_ports.Clashes`."""
        rows = await self._pool.fetch(_EARLIER, organisation_id, job_id, most)
        return [
            Earlier(row["document_id"], row["name"], row["job_id"], self._facts(row))
            for row in reversed(rows)
        ]

    def _facts(self, row: asyncpg.Record) -> tuple[Fact, ...]:
        data = self._seal.open_row(row["organisation_id"], f"facts/{row['document_id']}", row["sealed"])
        return msgspec.msgpack.decode(data, type=tuple[Fact, ...])

    async def settle(
        self,
        organisation_id: int,
        job_id: int,
        stamps: Stamps,
        facts: Mapping[int, Sequence[Fact]],
        sheets: Sequence[Sheet],
        change: Callable[[Sequence[Clash]], Change],
    ) -> None:
        """See `documents.clash_ports.Clashes`."""
        async with self._pool.acquire() as connection, connection.transaction():
            # One after the other: two at once would both add what is new.
            await connection.execute(
                "update document_job set facts_of = $3, clashes_of = $4, reckon_wanted = false"
                " where organisation_id = $1 and id = $2",
                organisation_id,
                job_id,
                stamps.facts_now,
                stamps.clashes_now,
            )
            await self._keep_facts(connection, organisation_id, job_id, facts)
            await self._keep_sheets(connection, organisation_id, job_id, sheets)
            known = await connection.fetch(_OF_JOB, organisation_id, job_id, False, 0, None)
            made = change([self._clash(row) for row in known])
            for new in made.add:
                await self._add(connection, organisation_id, job_id, new)
            for clash_id, new in made.keep.items():
                await self._replace(connection, organisation_id, clash_id, new)
            await connection.execute(
                "delete from document_clash where organisation_id = $1 and id = any($2::bigint[])"
                " and state = 'open'",
                organisation_id,
                list(made.gone),
            )
            await connection.execute(
                "update document_clash set gone = true where organisation_id = $1 and id = any($2::bigint[])",
                organisation_id,
                list(made.gone),
            )

    async def _keep_facts(
        self, connection: Connection, organisation_id: int, job_id: int, facts: Mapping[int, Sequence[Fact]]
    ) -> None:
        await connection.execute(
            "delete from document_fact f using job_document d where f.organisation_id = $1"
            " and d.organisation_id = f.organisation_id and d.id = f.document_id and d.job_id = $2",
            organisation_id,
            job_id,
        )
        rows = [
            (
                organisation_id,
                document,
                self._seal.seal_row(organisation_id, f"facts/{document}", msgspec.msgpack.encode(list(own))),
            )
            for document, own in facts.items()
            if own
        ]
        await connection.executemany("insert into document_fact values ($1, $2, $3)", rows)

    async def _keep_sheets(
        self, connection: Connection, organisation_id: int, job_id: int, sheets: Sequence[Sheet]
    ) -> None:
        await connection.execute(
            "delete from document_statement where organisation_id = $1 and job_id = $2",
            organisation_id,
            job_id,
        )
        rows = [
            (
                organisation_id,
                job_id,
                part,
                self._seal.seal_row(organisation_id, f"sheet/{job_id}/{part}", msgspec.msgpack.encode(sheet)),
            )
            for part, sheet in enumerate(sheets)
        ]
        await connection.executemany("insert into document_statement values ($1, $2, $3, $4)", rows)

    async def sheets(self, organisation_id: int, job_id: int, first: int, most: int) -> list[Sheet]:
        """See `documents.clash_ports.Clashes`."""
        rows = await self._pool.fetch(
            "select part, sealed from document_statement"
            " where organisation_id = $1 and job_id = $2 and part >= $3 order by part limit $4",
            organisation_id,
            job_id,
            first,
            most,
        )
        places = [(f"sheet/{job_id}/{row['part']}", row["sealed"]) for row in rows]
        opened = [self._seal.open_row(organisation_id, place, sealed) for place, sealed in places]
        return [msgspec.msgpack.decode(one, type=Sheet) for one in opened]

    async def raw_facts(
        self, organisation_id: int, job_id: int
    ) -> tuple[list[msgspec.Raw], Sequence[Sequence[str]]]:
        """See `documents.clash_ports.Clashes`."""
        rows = await self._pool.fetch(
            "select part, sealed from document_statement where organisation_id = $1 and job_id = $2"
            " order by part",
            organisation_id,
            job_id,
        )

        def opened() -> list[_RawSheet]:
            places = [(f"sheet/{job_id}/{row['part']}", row["sealed"]) for row in rows]
            data = [self._seal.open_row(organisation_id, place, sealed) for place, sealed in places]
            return [msgspec.msgpack.decode(one, type=_RawSheet) for one in data]

        sheets = await asyncio.to_thread(opened)
        facts = [fact for one in sheets for fact in one.facts]
        return facts, [group for one in sheets for group in one.copies]

    async def parts(self, organisation_id: int, job_id: int) -> int:
        """See `documents.clash_ports.Clashes`."""
        found: int = await self._pool.fetchval(
            "select count(*) from document_statement where organisation_id = $1 and job_id = $2",
            organisation_id,
            job_id,
        )
        return found

    async def want(self, organisation_id: int, job_id: int, seen: Stamps) -> None:
        """See `documents.clash_ports.Clashes`."""
        await self._pool.execute(
            "update document_job set reckon_wanted = true"
            " where organisation_id = $1 and id = $2 and not reckon_wanted and clashes_of = $3",
            organisation_id,
            job_id,
            seen.clashes_of,
        )

    async def _add(self, connection: Connection, organisation_id: int, job_id: int, new: NewClash) -> None:
        made = await connection.fetchval("select nextval(pg_get_serial_sequence('document_clash', 'id'))")
        await connection.execute(
            "insert into document_clash (organisation_id, id, job_id, sealed) overriding system value"
            " values ($1, $2, $3, $4)",
            organisation_id,
            made,
            job_id,
            self._sealed(organisation_id, made, new.content),
        )
        await self._sources(connection, organisation_id, made, new)

    async def _replace(
        self, connection: Connection, organisation_id: int, clash_id: int, new: NewClash
    ) -> None:
        await connection.execute(
            "update document_clash set sealed = $3, gone = false where organisation_id = $1 and id = $2",
            organisation_id,
            clash_id,
            self._sealed(organisation_id, clash_id, new.content),
        )
        await self._sources(connection, organisation_id, clash_id, new)

    async def _sources(
        self, connection: Connection, organisation_id: int, clash_id: int, new: NewClash
    ) -> None:
        await connection.execute(
            "insert into document_clash_source select $1, $2, unnest($3::bigint[]) on conflict do nothing",
            organisation_id,
            clash_id,
            sorted(new.documents),
        )

    def _sealed(self, organisation_id: int, clash_id: int, content: Mapping[str, Any]) -> bytes:
        return self._seal.seal_row(organisation_id, f"clash/{clash_id}", msgspec.msgpack.encode(content))

    async def clashes(
        self,
        organisation_id: int,
        job_id: int,
        *,
        only_open: bool = False,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Clash]:
        """See `documents.clash_ports.Clashes`."""
        rows = await self._pool.fetch(_OF_JOB, organisation_id, job_id, only_open, after, limit)
        return [self._clash(row) for row in rows]

    async def ordered(
        self, organisation_id: int, job_id: int, order: Order, *, only_open: bool, limit: int
    ) -> tuple[list[Clash], Place]:
        """See `documents.clash_ports.Clashes`."""
        page = orders.Page(orders.CLASH_KEYS[order.by], "c.id", order)
        rows = await self._pool.fetch(
            f"{_CLASHES.replace('select', f'select {page.column},', 1)} where c.organisation_id = $1"
            " and c.job_id = $2 and (not $3 or (c.state = 'open' and not c.gone))"
            f"{page.after(5)}{page.by} limit $4",
            organisation_id,
            job_id,
            only_open,
            limit,
            *order.after,
        )
        return [self._clash(row) for row in rows], page.place(rows)

    async def left(self, organisation_id: int, job_id: int) -> int:
        """See `documents.clash_ports.Clashes`."""
        found: int = await self._pool.fetchval(
            "select count(*) from document_clash"
            " where organisation_id = $1 and job_id = $2 and state = 'open' and not gone",
            organisation_id,
            job_id,
        )
        return found

    async def clash(self, organisation_id: int, clash_id: int) -> Clash | None:
        """See `documents.clash_ports.Clashes`."""
        row = await self._pool.fetchrow(
            f"{_CLASHES} where c.organisation_id = $1 and c.id = $2", organisation_id, clash_id
        )
        return None if row is None else self._clash(row)

    def _clash(self, row: asyncpg.Record) -> Clash:
        data = self._seal.open_row(row["organisation_id"], f"clash/{row['id']}", row["sealed"])
        note = "" if row["decided"] is None else self._seen(row, row["id"], row["decided"]).note
        return Clash(
            row["id"],
            row["job_id"],
            row["state"],
            row["side"],
            row["gone"],
            row["version"],
            msgspec.msgpack.decode(data),
            row["made_at"],
            row["by_name"] or "",
            row["decided_at"],
            note,
        )

    def _seen(self, row: asyncpg.Record, clash_id: int, sealed: bytes) -> _Seen:
        place = f"clash/{clash_id}/{row['version']}"
        data = self._seal.open_row(row["organisation_id"], place, sealed)
        return msgspec.msgpack.decode(data, type=_Seen)

    async def decide(self, organisation_id: int, decision: ClashDecision) -> bool:
        """See `documents.clash_ports.Clashes`."""
        place = f"clash/{decision.clash_id}/{decision.version}"
        seen = msgspec.msgpack.encode(_Seen(decision.content, decision.note))
        async with self._pool.acquire() as connection, connection.transaction():
            changed = await connection.fetchval(
                "update document_clash set state = $4, side = $5, version = version + 1"
                " where organisation_id = $1 and id = $2 and version = $3 returning id",
                organisation_id,
                decision.clash_id,
                decision.version - 1,
                STATES[decision.action],
                decision.side,
            )
            if changed is None:
                return False
            await connection.execute(
                "insert into document_clash_decision (organisation_id, clash_id, version, action, side,"
                " by_key, by_name, made_at, sealed) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                organisation_id,
                decision.clash_id,
                decision.version,
                decision.action,
                decision.side,
                decision.by_key,
                decision.by_name,
                decision.made_at,
                self._seal.seal_row(organisation_id, place, seen),
            )
        return True

    async def decisions(
        self, organisation_id: int, job_id: int, stretch: Stretch = ALL
    ) -> list[ClashDecision]:
        """See `documents.clash_ports.Clashes`."""
        rows = await self._pool.fetch(
            "select x.* from document_clash_decision x join document_clash c"
            " on c.organisation_id = x.organisation_id and c.id = x.clash_id"
            " where x.organisation_id = $1 and c.job_id = $2 and x.id > $3"
            " order by case when $5 then -x.id else x.id end limit $4",
            organisation_id,
            job_id,
            stretch.after,
            stretch.limit,
            stretch.newest,
        )
        return sorted((self._decision(row) for row in rows), key=attrgetter("id"))

    def _decision(self, row: asyncpg.Record) -> ClashDecision:
        seen = self._seen(row, row["clash_id"], row["sealed"])
        return ClashDecision(
            row["clash_id"],
            row["version"],
            row["action"],
            row["side"],
            row["by_key"],
            row["by_name"],
            row["made_at"],
            seen.content,
            seen.note,
            row["id"],
        )

    async def unreckoned(self) -> list[tuple[int, int]]:
        """See `documents.clash_ports.Clashes`."""
        rows = await self._pool.fetch(f"{_UNRECKONED} order by 2")
        return [(row["organisation_id"], row["id"]) for row in rows]

    @asynccontextmanager
    async def alone(self, organisation_id: int, job_id: int) -> AsyncIterator[bool]:
        """See `documents.clash_ports.Clashes`."""
        # The pool unlocks what a connection has locked when it comes back, however that ends.
        async with self._pool.acquire() as connection:
            yield await connection.fetchval(_LOCK, job_id) and await connection.fetchval(
                f"select exists (select from ({_UNRECKONED}) u where organisation_id = $1 and id = $2)",  # noqa: S608
                organisation_id,
                job_id,
            )

    async def give_up(self, organisation_id: int, job_id: int) -> None:
        """See `documents.clash_ports.Clashes`."""
        await self._pool.execute(
            "update document_job set reckon_wanted = false,"
            " facts_of = case facts_of when '' then '-' else facts_of end"
            " where organisation_id = $1 and id = $2",
            organisation_id,
            job_id,
        )
