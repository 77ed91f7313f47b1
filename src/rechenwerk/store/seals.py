"""Days of the books sealed in Merkle trees, in PostgreSQL. Fills `office.seal_ports.Seals`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.ids import EPOCH_MS
from rechenwerk.base.merkle import leaf_hash, path, root, split
from rechenwerk.office.seal_ports import (
    FORMAT,
    KEY_FORMAT,
    NOTHING_BEFORE,
    Archived,
    InclusionProof,
    Seal,
    SealedNow,
    SealKey,
    Signer,
    Signing,
    Unsealed,
    canonical,
    hashed,
)
from rechenwerk.store import archive
from rechenwerk.store.seal_check import HASHED, day_of, first_id

Connection = asyncpg.Connection | PoolConnectionProxy

BLOCK = 1024
"""Leaves of a block: a power of two, so that a block is a subtree."""
GRACE = timedelta(minutes=15)
"""How long after midnight a day is sealed: whatever was begun before is booked by then, or holds it up."""
_FETCH = 16 * BLOCK
_LOCK = 0x5EC4E6  # any number; all installations use the same

_SHUT = "select pg_advisory_xact_lock(hashtext('rechenwerk.seal'))"
_OPEN = """
select min(h.id) from hold h, seal_border b where h.id >= b.before_id and h.id < first_id($1)
"""
_BORDER = "update seal_border set before_id = greatest(before_id, $1)"
_ORGANISATIONS = """
select o.id, s.number, s.day, s.statement from organisation o
left join lateral (select number, day, statement from seal where organisation_id = o.id
    order by number desc limit 1) s on true order by o.id
"""
_CALL_DAYS = """
select distinct date '1970-01-01' + ((c.id >> 22) / 86400000 + $4)::integer as day from call c
where c.organisation_id = $1 and c.id >= $2 and c.id < $3
    and not exists (select from seal_other o where o.organisation_id = $1 and o.id = c.id)
"""
_OTHERS = """
select o.id, (coalesce(v.booked_at, f.booked_at, c.booked_at) at time zone 'UTC')::date as day
from seal_other o
left join voucher v on v.organisation_id = o.organisation_id and v.id = o.id
left join fee f on f.organisation_id = o.organisation_id and f.id = o.id
left join call c on c.organisation_id = o.organisation_id and c.id = o.id
where o.organisation_id = $1 and o.number is null and coalesce(v.id, f.id, c.id) is not null order by o.id
"""
_LEAVES = f"""
select l.id, l.moved, {HASHED} as hash from (
    select * from other_leaves($1, $2) union all select * from call_leaves($1, $3, $4) l
    where not exists (select from seal_other o where o.organisation_id = $1 and o.id = l.id)) l order by l.id
"""  # noqa: S608 - our own words, no one else's


class StoredSeals:
    """Sealed days of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    # -- sealing ----------------------------------------------------------------------------------

    async def seal(self, now: datetime, signer: Signer) -> SealedNow:
        """See `office.seal_ports.Seals`."""
        async with self._pool.acquire() as connection:
            if not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                return SealedNow(0, 0, "another process seals right now")
            try:
                return await self._seal(connection, now, signer)
            finally:
                await connection.execute("select pg_advisory_unlock($1)", _LOCK)

    async def _seal(self, connection: Connection, now: datetime, signer: Signer) -> SealedNow:
        await connection.execute(
            "insert into seal_key (id, public, made_at) values ($1, $2, $3) on conflict do nothing",
            signer.id,
            signer.public,
            now,
        )
        until, waiting = await _shut(connection, (now - GRACE).astimezone(UTC).date())
        installation = str(await connection.fetchval("select id from installation"))
        seals = leaves = 0
        for row in await connection.fetch(_ORGANISATIONS):
            last = _Last(installation, row["id"], row["number"] or 0, row["day"], row["statement"])
            for day, others in await _due(connection, last, until):
                async with connection.transaction():
                    last, count = await _seal_day(connection, last, day, others, now, signer)
                seals += 1
                leaves += count
        return SealedNow(seals, leaves, waiting)

    # -- reading ----------------------------------------------------------------------------------

    async def newest(self, organisation_id: int, limit: int, before: int | None) -> list[Seal]:
        """See `office.seal_ports.Seals`."""
        rows = await self._pool.fetch(
            "select number, day, leaves, root, statement, signature, key_id, sealed_at from seal"
            " where organisation_id = $1 and ($3::bigint is null or number < $3)"
            " order by number desc limit $2",
            organisation_id,
            limit,
            before,
        )
        return [Seal(**row) for row in rows]

    async def chain(self, organisation_id: int) -> list[Seal]:
        """See `office.seal_ports.Seals`."""
        rows = await self._pool.fetch(
            "select number, day, leaves, root, statement, signature, key_id, sealed_at from seal"
            " where organisation_id = $1 order by number",
            organisation_id,
        )
        return [Seal(**row) for row in rows]

    async def keys(self) -> list[SealKey]:
        """See `office.seal_ports.Seals`."""
        rows = await self._pool.fetch(
            "select id, public, made_at, introduced, signature from seal_key order by made_at, id"
        )
        return [SealKey(**row) for row in rows]

    async def prove(self, organisation_id: int, subject: int) -> InclusionProof | Unsealed | None:
        """See `office.seal_ports.Seals`."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            leaf = await connection.fetchval(
                "select leaf from other_leaves($1, $2)", organisation_id, [subject]
            )
            place = await connection.fetchrow(
                "select b.number, b.block, array_position(b.ids, $2::bigint) as place from seal_block b"
                " where b.organisation_id = $1 and b.number in (select number from seal_other"
                "   where organisation_id = $1 and id = $2 and number is not null"
                "   union all select number from seal where organisation_id = $1 and day = $3)"
                " and b.ids @> array[$2::bigint]",
                organisation_id,
                subject,
                day_of(max(subject, 0)),
            )
            if place is None:
                return (
                    None if leaf is None else Unsealed("it is not sealed yet: days are, when they are over")
                )
            return await _proof(connection, organisation_id, place, leaf)

    async def archived(self, organisation_id: int, first: date, end: date) -> Archived | None:
        """See `office.seal_ports.Seals`."""
        return await archive.sealed(self._pool, organisation_id, first, end)

    def leaves(self, organisation_id: int, seal: Seal) -> AsyncIterator[Sequence[str]]:
        """See `office.seal_ports.Seals`."""
        return archive.leaves(self._pool, organisation_id, seal)

    # -- keys -------------------------------------------------------------------------------------

    async def rotate(self, now: datetime, signing: Signing) -> SealKey:
        """See `office.seal_ports.Seals`."""
        old, new = signing.key, signing.successor()
        text = canonical({"format": KEY_FORMAT, "old": old.public.hex(), "new": new.public.hex()})
        signature = old.sign(text.encode()) + new.sign(text.encode())
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "insert into seal_key (id, public, made_at) values ($1, $2, $3) on conflict do nothing",
                old.id,
                old.public,
                now,
            )
            await connection.execute(
                "insert into seal_key (id, public, made_at, introduced, signature)"
                " values ($1, $2, $3, $4, $5)",
                new.id,
                new.public,
                now + timedelta(microseconds=1),
                text,
                signature,
            )
        signing.succeed()  # should we end before this line, the old key simply signs on
        return SealKey(new.id, new.public, now, text, signature)


class _Last(msgspec.Struct, frozen=True):
    """An organisation and its last seal."""

    installation: str
    organisation: int
    number: int
    day: date | None
    statement: str | None


async def _shut(connection: Connection, until: date) -> tuple[date, str | None]:
    """Shut every day before `until` that no call is under way of; from then on what comes to it is late."""
    waiting = None
    async with connection.transaction():
        await connection.execute(_SHUT)
        begin = datetime(until.year, until.month, until.day, tzinfo=UTC)
        open_id = await connection.fetchval(_OPEN, begin)
        if open_id is not None:
            until = day_of(open_id)
            waiting = f"{until} and later wait for calls that are still under way"
        await connection.execute(_BORDER, first_id(until))
    return until, waiting


async def _due(connection: Connection, last: _Last, until: date) -> list[tuple[date, list[int]]]:
    """Days of an organisation that are to be sealed, with the rows that have no day by their id."""
    begin = 0 if last.day is None else first_id(last.day + timedelta(days=1))
    shift = EPOCH_MS // 86_400_000
    days: dict[date, list[int]] = {
        row["day"]: []
        for row in await connection.fetch(_CALL_DAYS, last.organisation, begin, first_id(until), shift)
    }
    for row in await connection.fetch(_OTHERS, last.organisation):
        day = row["day"] if last.day is None else max(row["day"], last.day + timedelta(days=1))
        if day < until:
            days.setdefault(day, []).append(row["id"])
    return sorted(days.items())


async def _leaves(
    connection: Connection, organisation: int, day: date, others: list[int]
) -> AsyncIterator[list[asyncpg.Record]]:
    """The leaves of a day in order, a few blocks at a time."""
    cursor = await connection.cursor(
        _LEAVES, organisation, others, first_id(day), first_id(day + timedelta(days=1))
    )
    while rows := await cursor.fetch(_FETCH):
        yield rows


async def _seal_day(
    connection: Connection, last: _Last, day: date, others: list[int], now: datetime, signer: Signer
) -> tuple[_Last, int]:
    """Seal a day in the connection's transaction; returns the new last seal and how many leaves it has."""
    number = last.number + 1
    await connection.execute("set local enable_nestloop = off; set local work_mem = '64MB'")
    roots: list[bytes] = []
    count = total = 0
    async for rows in _leaves(connection, last.organisation, day, others):
        blocks = []
        for at in range(0, len(rows), BLOCK):
            part = rows[at : at + BLOCK]
            hashes = [row["hash"] for row in part]
            top = root(hashes)
            ids = [row["id"] for row in part]
            blocks.append((last.organisation, number, len(roots), ids, b"".join(hashes), top))
            roots.append(top)
        await connection.copy_records_to_table("seal_block", records=blocks)
        count += len(rows)
        total += int(sum(row["moved"] for row in rows))
    top = root(roots)
    statement = canonical(
        {
            "count": str(count),
            "day": day.isoformat(),
            "format": FORMAT,
            "installation": last.installation,
            "key": signer.id,
            "number": str(number),
            "organisation": str(last.organisation),
            "previous": NOTHING_BEFORE if last.statement is None else hashed(last.statement),
            "root": top.hex(),
            "sealed_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "sum": str(total),
        }
    )
    await connection.execute(
        "insert into seal values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        last.organisation,
        number,
        day,
        count,
        top,
        statement,
        signer.sign(statement.encode()),
        signer.id,
        now,
    )
    await connection.execute(
        "update seal_other set number = $3 where organisation_id = $1 and id = any($2)",
        last.organisation,
        others,
        number,
    )
    return msgspec.structs.replace(last, number=number, day=day, statement=statement), count


async def _proof(
    connection: Connection, organisation: int, place: asyncpg.Record, leaf: str | None
) -> InclusionProof | Unsealed:
    """The way from a leaf to the root of its day."""
    row = await connection.fetchrow(
        "select s.number, s.day, s.leaves, s.root, s.statement, s.signature, s.key_id, s.sealed_at, k.public"
        " from seal s join seal_key k on k.id = s.key_id where s.organisation_id = $1 and s.number = $2",
        organisation,
        place["number"],
    )
    assert row is not None, "blocks belong to a seal"
    blocks = await connection.fetch(
        "select root, case when block = $3 then hashes end as hashes from seal_block"
        " where organisation_id = $1 and number = $2 order by block",
        organisation,
        place["number"],
        place["block"],
    )
    hashes = split(blocks[place["block"]]["hashes"])
    within = place["place"] - 1
    if leaf is None or leaf_hash(leaf.encode()) != hashes[within]:
        gone = "deleted" if leaf is None else "altered"
        return Unsealed(f"it was {gone} after {row['day']} had been sealed; `books verify` says more")
    beside = path(hashes, within) + path([block["root"] for block in blocks], place["block"])
    seal = Seal(**{name: row[name] for name in Seal.__struct_fields__})
    return InclusionProof(leaf, place["block"] * BLOCK + within, beside, seal, row["public"])
