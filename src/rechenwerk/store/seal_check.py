"""Whether what is booked is still what was sealed: every leaf computed anew and compared, one by one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import asyncpg

from rechenwerk.base.ids import EPOCH_MS, encode_call
from rechenwerk.base.ids import first_id as id_at
from rechenwerk.base.merkle import leaf_hash, root, split
from rechenwerk.base.money import format_money
from rechenwerk.office.seal_ports import Wrong, canonical
from rechenwerk.office.verify_ports import Days
from rechenwerk.store.moments import Connection, proving

HASHED = "sha256('\\x00'::bytea || convert_to(l.leaf, 'UTF8'))"
_PART = 50_000
"""Calls of a day that are read at a time."""
_LAST_ID = (1 << 63) - 1
_MOST_PAIRS = 200
"""Altered rows of a day among which swapped ones are looked for."""

_SEALS = """
select number, day, leaves, root, statement from seal where organisation_id = $1 order by number
"""
_BLOCKS = """
select ids, hashes, root from seal_block where organisation_id = $1 and number = $2 order by block
"""
_CALLS = f"select l.id, {HASHED} as hash from call_leaves($1, $2, $3) l order by l.id"  # noqa: S608
_OTHERS = f"select l.id, {HASHED} as hash from other_leaves($1, $2) l order by l.id"  # noqa: S608
_ELSEWHERE = """
with early as materialized (
    select b.ids, s.first from seal_block b
    join (select number, first_id(month_start(day)) as first from seal where organisation_id = $1 offset 0) s
        using (number)
    where b.organisation_id = $1 and b.ids[1] < s.first)
select i.id from early e cross join lateral unnest(e.ids) i(id) where i.id < e.first
union all select id from seal_other where organisation_id = $1 and number is null
"""
_STRANGE = """
select x.id, (x.booked_at at time zone 'UTC')::date as day from (
    select id, booked_at from voucher where organisation_id = $1
    union all select id, booked_at from fee where organisation_id = $1) x
where x.id <> all($2::bigint[])
"""
_PARTS = """
select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent in ('call'::regclass, 'transfer'::regclass)
"""
_INSERTED = "was inserted after its day had been sealed"
_DETACHED = (
    "call_{month} and transfer_{month} are not both among the partitions: attach them again"
    " (docs/proof.md#months-and-size)"
)
_LEAF = "select id, leaf from other_leaves($1, $2)"
_SUMS = (
    "calls",
    "price",
    "cost",
    "charged",
    "listed",
    "input",
    "cached_input",
    "cache_write",
    "output",
    "reasoning",
    "images",
    "seconds",
    "requests",
    "energy_uwh",
    "co2_ug",
)
_MONEY = frozenset({"price", "cost", "charged", "listed"})
_KEPT = f"""
select {", ".join(f"coalesce(r.{name}, 0) - coalesce(k.{name}, 0) as {name}" for name in _SUMS)}
from (select count(*) as calls, sum(coalesce(listed, cost)) as listed,
        {", ".join(f"sum({name}) as {name}" for name in _SUMS if name not in ("calls", "listed"))}
    from calls_of($1, month_start($2::date), month_start($2::date) + interval '1 day')) r,
    (select {", ".join(f"sum({name}) as {name}" for name in _SUMS)} from call_day
    where organisation_id = $1 and day = $2) k
"""  # noqa: S608 - our own words, no one else's


def first_id(day: date) -> int:
    """The lowest id that a call of a day (UTC) can have, as the function of that name in the database."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return min(_LAST_ID, id_at(at.timestamp()))


def day_of(call_id: int) -> date:
    """The day (UTC) in which an id was made."""
    return datetime.fromtimestamp(((call_id >> 22) + EPOCH_MS) // 1000, UTC).date()


def named(subject: int) -> str:
    """A row as people see it."""
    return f"call {encode_call(subject)}" if subject > 0 else f"voucher {subject}"


class SealCheck:
    """The sealed days of an organisation against what is booked: each day in a moment of its own.

    Args:
        pool: connections to the installation's database; one at a time is held.
        organisation: whose.
        days: only these; None: all.
    """

    def __init__(self, pool: asyncpg.Pool, organisation: int, days: Days | None) -> None:
        self._pool = pool
        self._organisation = organisation
        self._days = days
        self._seals: list[asyncpg.Record] = []
        self._elsewhere: set[int] = set()
        self._parts: set[str] = set()
        self._absent: set[str] = set()
        self._wrong: list[Wrong] = []

    async def open(self) -> int:
        """See what is sealed; how many leaves that is."""
        async with proving(self._pool) as connection:
            rows = await connection.fetch(_SEALS, self._organisation)
            self._elsewhere = await _elsewhere(connection, self._organisation)
            self._parts = {row["name"] for row in await connection.fetch(_PARTS)}
        self._seals = [row for row in rows if self._has(row["day"])]
        return sum(row["leaves"] for row in self._seals)

    async def days(self) -> AsyncIterator[tuple[date, int]]:
        """Check day after day; tells each before it is checked, with its leaves."""
        for seal in self._seals:
            yield seal["day"], seal["leaves"]
            async with proving(self._pool) as connection:
                self._wrong += await self._check_day(connection, seal)

    async def close(self) -> list[Wrong]:
        """What is not as it was sealed: trees, the rows below them, and rows that no seal has."""
        async with proving(self._pool) as connection:
            elsewhere = await _elsewhere(connection, self._organisation)
            # What was sealed or booked late while we looked is no insertion.
            wrong = [one for one in self._wrong if one.what != _INSERTED or one.subject not in elsewhere]
            if self._seals:
                others = [one for one in elsewhere if one < 0]
                strange = await connection.fetch(_STRANGE, self._organisation, others)
                wrong += [
                    Wrong(row["day"], row["id"], "was inserted: no seal has it")
                    for row in strange
                    if self._has(row["day"])
                ]
        return wrong

    def _has(self, day: date) -> bool:
        return self._days is None or self._days.first <= day <= self._days.last

    async def _check_day(self, connection: Connection, seal: asyncpg.Record) -> list[Wrong]:
        """One day: its tree against its statement, then row by row."""
        day = seal["day"]
        sealed, wrong = await _tree(connection, self._organisation, seal)
        begin = first_id(day)
        others = [subject for subject in sealed if subject < begin]
        own = [subject for subject in sealed if subject >= begin]
        altered: dict[int, bytes] = {}
        found = 0
        end = first_id(day + timedelta(days=1))
        borders = [begin, *(one for one in sorted(own)[_PART::_PART] if one < end), end]
        async for subject, hash_ in _rows(connection, self._organisation, borders, others):
            found += subject >= begin
            was = sealed.pop(subject, None)
            if was is None:
                if subject not in self._elsewhere:
                    wrong.append(Wrong(day, subject, _INSERTED))
            elif was != hash_:
                altered[subject] = was
        if own and self._is_absent(day, found=found):
            sealed = {subject: was for subject, was in sealed.items() if subject < begin}
            altered = {subject: was for subject, was in altered.items() if subject < begin}
            month = f"{day:%Y_%m}"
            if month not in self._absent:
                self._absent.add(month)
                wrong.append(Wrong(day, None, _DETACHED.format(month=month)))
        wrong += [Wrong(day, subject, "was deleted") for subject in sealed]
        return wrong + await _differences(connection, self._organisation, day, altered)

    def _is_absent(self, day: date, found: int) -> bool:
        """Whether the month's partitions were taken away: then its rows are neither altered nor deleted."""
        call, transfer = (f"{table}_{day:%Y_%m}" in self._parts for table in ("call", "transfer"))
        return call != transfer or not (call or found)


async def _elsewhere(connection: Connection, organisation: int) -> set[int]:
    """Rows that are sealed with another day than that of their id, or not yet."""
    return {row["id"] for row in await connection.fetch(_ELSEWHERE, organisation)}


async def _tree(
    connection: Connection, organisation: int, seal: asyncpg.Record
) -> tuple[dict[int, bytes], list[Wrong]]:
    """What was sealed with a day, row by row, and what is wrong with the list of it."""
    day = seal["day"]
    wrong = []
    sealed: dict[int, bytes] = {}
    roots = []
    for number, block in enumerate(await connection.fetch(_BLOCKS, organisation, seal["number"]), 1):
        hashes = split(block["hashes"])
        top = root(hashes)
        roots.append(top)
        if top != block["root"]:
            wrong.append(Wrong(day, None, f"the list of what was sealed was altered in its block {number}"))
        sealed.update(zip(block["ids"], hashes, strict=True))
    if root(roots) != seal["root"] or len(sealed) != seal["leaves"]:
        wrong.append(Wrong(day, None, "the list of what was sealed does not lead to its root any more"))
    return sealed, wrong


async def _rows(
    connection: Connection, organisation: int, borders: Sequence[int], others: Sequence[int]
) -> AsyncIterator[tuple[int, bytes]]:
    """What stands in the books of a day now, from border to border of its ids: ids and hashes."""
    for row in await connection.fetch(_OTHERS, organisation, others):
        yield row["id"], row["hash"]
    for first, end in pairwise(borders):
        for row in await connection.fetch(_CALLS, organisation, first, end):
            yield row["id"], row["hash"]


async def _differences(
    connection: Connection, organisation: int, day: date, altered: Mapping[int, bytes]
) -> list[Wrong]:
    """What is wrong with rows that hash to something else: swapped with another, or altered."""
    if not altered:
        return []
    found = await connection.fetch(_LEAF, organisation, list(altered)[:_MOST_PAIRS])
    leaves = {row["id"]: json.loads(row["leaf"]) for row in found}
    swapped = {one: _swapped(one, altered[one], leaves) for one in leaves}
    apart = {}
    for began in {_began(leaf) for leaf in leaves.values()} - {None}:
        kept = await connection.fetchrow(_KEPT, organisation, began)
        assert kept is not None, "sums are one row"
        moved = ", ".join(f"{name} by {_moved(name, kept[name])}" for name in _SUMS if kept[name])
        apart[began] = f"; its day differs from the totals kept in {moved}" if moved else ""
    return [
        Wrong(day, one, swapped.get(one) or f"was altered{apart.get(_began(leaves.get(one)), '')}")
        for one in altered
    ]


def _moved(name: str, by: int) -> str:
    """With its sign; money as people read it."""
    text = format_money(int(by)) if name in _MONEY else f"{by}"
    return text if by < 0 else f"+{text}"


def _began(leaf: Mapping[str, object] | None) -> date | None:
    """The day on which a call began; None for what is none."""
    at = None if leaf is None else leaf.get("started_at")
    return None if at is None else datetime.fromtimestamp(int(str(at)) // 1_000_000, UTC).date()


def _swapped(subject: int, sealed: bytes, leaves: Mapping[int, dict[str, object]]) -> str | None:
    """Whose content a row has now that was sealed as its own, with or without its transfers."""
    own = leaves[subject]
    for other, leaf in leaves.items():
        if other == subject or leaf["type"] != own["type"]:
            continue
        for what, back in (
            ("was swapped with", {**leaf, "id": str(subject)}),
            (
                "was swapped, without its transfers, with",
                {**leaf, "id": str(subject), "transfers": own["transfers"]},
            ),
            ("has the transfers of", {**own, "transfers": leaf["transfers"]}),
        ):
            if leaf_hash(canonical(back).encode()) == sealed:
                return f"{what} {named(other)}"
    return None
