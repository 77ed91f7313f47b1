"""Whether what is booked is still what was sealed: every leaf computed anew and compared, one by one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.ids import EPOCH_MS, encode_call
from rechenwerk.base.merkle import leaf_hash, root, split
from rechenwerk.office.seal_ports import Wrong, canonical

Connection = asyncpg.Connection | PoolConnectionProxy

HASHED = "sha256('\\x00'::bytea || convert_to(l.leaf, 'UTF8'))"
_FETCH = 16_384
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
select i.id from seal s join seal_block b on b.organisation_id = s.organisation_id and b.number = s.number
cross join lateral unnest(b.ids) i(id)
where s.organisation_id = $1 and b.ids[1] < first_id(month_start(s.day))
    and i.id < first_id(month_start(s.day))
union all select id from seal_other where organisation_id = $1 and number is null
"""
_STRANGE = """
select x.id, (x.booked_at at time zone 'UTC')::date as day from (
    select id, booked_at from voucher where organisation_id = $1
    union all select id, booked_at from fee where organisation_id = $1) x
where x.id <> all($2::bigint[])
"""
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
_KEPT = f"""
select {", ".join(f"coalesce(r.{name}, 0) - coalesce(k.{name}, 0) as {name}" for name in _SUMS)}
from (select {", ".join(f"sum({name}) as {name}" for name in _SUMS)} from call_sums
    where organisation_id = $1 and day = $2) r,
    (select {", ".join(f"sum({name}) as {name}" for name in _SUMS)} from call_day
    where organisation_id = $1 and day = $2) k
"""  # noqa: S608 - our own words, no one else's


def first_id(day: date) -> int:
    """The lowest id that a call of a day (UTC) can have, as the function of that name in the database."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return max(0, int(at.timestamp()) * 1000 - EPOCH_MS) << 22


def day_of(call_id: int) -> date:
    """The day (UTC) in which an id was made."""
    return datetime.fromtimestamp(((call_id >> 22) + EPOCH_MS) // 1000, UTC).date()


def named(subject: int) -> str:
    """A row as people see it."""
    return f"call {encode_call(subject)}" if subject > 0 else f"voucher {subject}"


async def check_rows(connection: Connection, organisation: int) -> tuple[int, list[Wrong]]:
    """How many leaves are sealed, and what is not as it was sealed: trees, and the rows below them."""
    await connection.execute("set local enable_nestloop = off; set local work_mem = '64MB'")
    elsewhere = {row["id"] for row in await connection.fetch(_ELSEWHERE, organisation)}
    wrong: list[Wrong] = []
    count = 0
    last = None
    for seal in await connection.fetch(_SEALS, organisation):
        count += seal["leaves"]
        last = seal["day"]
        wrong += await _check_day(connection, organisation, seal, elsewhere)
    if last is not None:
        strange = await connection.fetch(_STRANGE, organisation, [one for one in elsewhere if one < 0])
        wrong += [Wrong(row["day"], row["id"], "was inserted: no seal has it") for row in strange]
    return count, wrong


async def _check_day(
    connection: Connection, organisation: int, seal: asyncpg.Record, elsewhere: set[int]
) -> list[Wrong]:
    """One day: its tree against its statement, then row by row."""
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
    begin = first_id(day)
    others = [subject for subject in sealed if subject < begin]
    altered: dict[int, bytes] = {}
    async for subject, hash_ in _rows(connection, organisation, day, others):
        was = sealed.pop(subject, None)
        if was is None:
            if subject not in elsewhere:
                wrong.append(Wrong(day, subject, "was inserted after its day had been sealed"))
        elif was != hash_:
            altered[subject] = was
    wrong += [Wrong(day, subject, "was deleted") for subject in sealed]
    return wrong + await _differences(connection, organisation, day, altered)


async def _rows(
    connection: Connection, organisation: int, day: date, others: Sequence[int]
) -> AsyncIterator[tuple[int, bytes]]:
    """What stands in the books of a day now: ids and hashes."""
    for row in await connection.fetch(_OTHERS, organisation, others):
        yield row["id"], row["hash"]
    cursor = await connection.cursor(_CALLS, organisation, first_id(day), first_id(day + timedelta(days=1)))
    while rows := await cursor.fetch(_FETCH):
        for row in rows:
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
        moved = ", ".join(f"{name} by {kept[name]:+}" for name in _SUMS if kept[name])
        apart[began] = f"; its day differs from the totals kept in {moved}" if moved else ""
    return [
        Wrong(day, one, swapped.get(one) or f"was altered{apart.get(_began(leaves.get(one)), '')}")
        for one in altered
    ]


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
