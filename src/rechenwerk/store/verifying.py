"""The proof of the books, piece by piece. Fills `office.verify_ports.Verifier`.

What a call's rows show by themselves is proved some hundred thousand calls at a time, sums of days some days
at a time, sums over all calls by the parts of each piece, the rest query by query, seals day by day. A piece
sees one moment, and no snapshot is held long; only of sums over all calls are all pieces of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

import asyncpg
import msgspec

from rechenwerk.base.ids import encode_call
from rechenwerk.office.verify_ports import Check, Days, Progress, Proved, Tell
from rechenwerk.store.budgets.proofs import WALLET_PROOFS
from rechenwerk.store.close_proofs import CLOSE_PROOFS
from rechenwerk.store.cost_proofs import COST_PROOFS
from rechenwerk.store.folds import FOLDS, Adding, Fold
from rechenwerk.store.governance.proofs import FEE_PROOFS
from rechenwerk.store.moments import Connection, proving
from rechenwerk.store.payment_proofs import PAYMENT_PROOFS
from rechenwerk.store.proofs import PROOFS, Proof, Scope
from rechenwerk.store.seal_check import SealCheck, first_id
from rechenwerk.store.sums import SUM_PROOFS
from rechenwerk.store.tariff_proofs import TARIFF_PROOFS

ALL_PROOFS = (
    *PROOFS,
    *SUM_PROOFS,
    *FEE_PROOFS,
    *COST_PROOFS,
    *TARIFF_PROOFS,
    *CLOSE_PROOFS,
    *PAYMENT_PROOFS,
    *WALLET_PROOFS,
)
"""Everything that must be true of rows and sums, but for sums over all calls: `store.folds.FOLDS`."""
PIECE = 250_000
"""Calls that are proved at a time."""
_SHOWN = 3
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_DAY_MS = 86_400_000
# The names of the tables stand for a piece of them: so a proof is written once, for all and for a piece.
_IDS = """
with every_call as not materialized (select * from call),
call as not materialized (select * from call where id >= $2 and id < $3),
transfer as not materialized (select * from transfer where call_id >= $2 and call_id < $3)
"""
# A call lies within a day of where its id says, or is listed; see `calls_of` in the migration 0020. Those
# listed are looked up: joined, all calls would be read.
_IN_DAYS = "started_at >= $4::text::timestamptz and started_at < $5::text::timestamptz"
_DAYS = f"""
with call as not materialized (
    select * from call where id >= $2 and id < $3 and {_IN_DAYS}
    union all
    select * from call where organisation_id = $1 and id = any(array(select id from call_stray
        where organisation_id = $1 and {_IN_DAYS} and not (id >= $2 and id < $3))) and {_IN_DAYS}),
call_day as not materialized (select * from call_day
    where day >= ($4::text::timestamptz at time zone 'UTC')::date
        and day < ($5::text::timestamptz at time zone 'UTC')::date),
position_draw as not materialized (select * from position_draw
    where hour >= $4::text::timestamptz and hour < $5::text::timestamptz)
"""  # noqa: S608 - our own words, no one else's
_BOOKED = """
select day, sum(calls)::bigint as calls from call_day where organisation_id = $1 group by day order by day
"""


class _Piece(msgspec.Struct, frozen=True):
    """Some calls, about so many, and what people call them.

    Attributes:
        ids: from the first until before the second.
        days: that they began on, from the first until before the second; None: there is no end.
    """

    ids: tuple[int, int]
    days: tuple[date | None, date | None]
    calls: int
    name: str


class _Tally(msgspec.Struct):
    """What a proof has found in the pieces so far."""

    offenders: int = 0
    counted: int = 0
    shown: list[str] = msgspec.field(default_factory=list)


class StoredVerifier:
    """Proves the books of an installation.

    Args:
        pool: connections to its database; a proof holds one at a time.
        piece: calls that are proved at a time.
    """

    def __init__(self, pool: asyncpg.Pool, piece: int = PIECE) -> None:
        self._pool = pool
        self._piece = piece

    async def calls(self, organisation_id: int, days: Days | None) -> int:
        """See `office.verify_ports.Verifier`."""
        return sum(calls for _, calls in await self._booked(organisation_id, days))

    async def _booked(self, organisation_id: int, days: Days | None) -> list[tuple[date, int]]:
        rows = await self._pool.fetch(_BOOKED, organisation_id)
        found = [(row["day"], row["calls"]) for row in rows]
        return [one for one in found if days is None or days.first <= one[0] <= days.last]

    async def prove(self, organisation_id: int, days: Days | None, tell: Tell) -> Proved:
        """See `office.verify_ports.Verifier`."""
        booked = await self._booked(organisation_id, days)
        seals = SealCheck(self._pool, organisation_id, days)
        leaves = await seals.open()
        run = _Run(self._pool, organisation_id, list(_pieces(booked, days, self._piece)))
        proofs = [one for one in ALL_PROOFS if one.scope == "ids" or days is None]
        folds = FOLDS if days is None else ()
        work = _Work(tell, run.weight(proofs, folds) + leaves)
        await run.pieces(work, _of(proofs, "ids"))
        if days is None:
            await run.days(work, _of(proofs, "days"), list(_day_pieces(booked, self._piece)))
            for fold in folds:
                await run.fold(work, fold)
            await run.whole(work, _of(proofs, "whole"))
        async for day, count in seals.days():
            work.next(f"seal of {day}", count)
        work.next("done", 0)
        checks = [_check(one.name, run.tallies[one.name]) for one in (*proofs, *folds)]
        return Proved(checks, leaves, await seals.close())


def _of(proofs: Sequence[Proof], scope: Scope) -> list[Proof]:
    return [one for one in proofs if one.scope == scope]


class _Run:
    """One proof of an organisation's books.

    Args:
        pool: connections; one at a time is held.
        organisation: whose.
        pieces: all of its ids that are proved.
    """

    def __init__(self, pool: asyncpg.Pool, organisation: int, pieces: Sequence[_Piece]) -> None:
        self._pool = pool
        self._organisation = organisation
        self._pieces = pieces
        self._counted: dict[str, int] = {}
        self.tallies: dict[str, _Tally] = {}

    def weight(self, proofs: Sequence[Proof], folds: Sequence[Fold]) -> int:
        """All that there is to do but for seals, as `_Work` counts it."""
        calls = sum(one.calls for one in self._pieces)
        all_days = calls if _of(proofs, "days") else 0
        return 2 * calls + all_days + len(folds) * calls + len(_of(proofs, "whole"))

    async def pieces(self, work: _Work, proofs: Sequence[Proof]) -> None:
        """What calls show by themselves; how many rows there were is remembered."""
        for piece in self._pieces:
            work.next(f"calls of {piece.name}", 2 * piece.calls)
            arguments = (self._organisation, *piece.ids)
            async with proving(self._pool) as connection:
                for proof in proofs:
                    await self._offenders(connection, proof, _IDS, arguments)
                for query in {one.counted for one in proofs}:
                    number = await connection.fetchval(_IDS + query, *arguments)
                    self._counted[query] = self._counted.get(query, 0) + number
        for proof in proofs:
            self._tally(proof.name).counted = self._counted.get(proof.counted, 0)

    async def days(self, work: _Work, proofs: Sequence[Proof], pieces: Sequence[_Piece]) -> None:
        """What days show by themselves."""
        for piece in pieces:
            work.next(f"sums of {piece.name}", piece.calls)
            since, until = (None if day is None else f"{day} 00:00+00" for day in piece.days)
            arguments = (self._organisation, *piece.ids, since or "-infinity", until or "infinity")
            async with proving(self._pool) as connection:
                for proof in proofs:
                    await self._offenders(connection, proof, _DAYS, arguments)
        for proof in proofs:
            self._tally(proof.name).counted = self._counted[proof.counted]

    async def fold(self, work: _Work, fold: Fold) -> None:
        """Sums over all calls: all pieces, and what is kept, of one moment."""
        adding, kept, organisation = Adding(), Adding(), self._organisation
        async with proving(self._pool) as connection:
            for piece in self._pieces:
                work.next(f"{fold.name}: {piece.name}", piece.calls)
                adding.add(await connection.fetch(_IDS + fold.part, organisation, *piece.ids))
            if fold.rest:
                adding.add(await connection.fetch(fold.rest, organisation))
            kept.add(await connection.fetch(fold.kept, organisation))
            currency = await connection.fetchval("select currency from installation")
            counted = await self._count(connection, fold.counted)
        wrong = list(fold.differences(kept.sums, adding.sums, currency))
        self.tallies[fold.name] = _Tally(len(wrong), counted, wrong[:_SHOWN])

    async def whole(self, work: _Work, proofs: Sequence[Proof]) -> None:
        """What is asked once."""
        for proof in proofs:
            work.next(proof.name, 1)
            async with proving(self._pool) as connection:
                await self._offenders(connection, proof, "", (self._organisation,))
                self._tally(proof.name).counted = await self._count(connection, proof.counted)

    async def _count(self, connection: Connection, query: str) -> int:
        """How many rows a query counts; it is asked once."""
        if query not in self._counted:
            self._counted[query] = await connection.fetchval(query, self._organisation)
        return self._counted[query]

    def _tally(self, name: str) -> _Tally:
        return self.tallies.setdefault(name, _Tally())

    async def _offenders(
        self, connection: Connection, proof: Proof, before: str, arguments: tuple[int | str, ...]
    ) -> None:
        """Add what breaks a proof."""
        tally = self._tally(proof.name)
        wrong = await connection.fetch(
            f"{before} select x.*, count(*) over () as n from ({proof.offenders}) x limit {_SHOWN}",  # noqa: S608
            *arguments,
        )
        if wrong:
            tally.offenders += wrong[0]["n"]
            tally.shown += [
                f"{proof.subject} {_named(proof, row['subject'])}: {row['is']}, should be {row['should']}"
                for row in wrong
            ]


class _Work:
    """Counts what is done, and tells it."""

    def __init__(self, tell: Tell, whole: int) -> None:
        self._tell = tell
        self._whole = whole
        self._done = 0
        self._under_way = 0

    def next(self, what: str, weight: int) -> None:
        """The piece before is done; the next one begins."""
        self._done += self._under_way
        self._under_way = weight
        self._tell(Progress(min(self._done, self._whole), self._whole, what))


class _Part(msgspec.Struct, frozen=True):
    """A day, or a part of a large one: its first id, and about how many calls it has."""

    first: int
    day: date
    calls: int
    name: str


def _parts(booked: Sequence[tuple[date, int]], most: int) -> Iterator[_Part]:
    for day, calls in booked:
        number = max(1, -(-calls // most))
        for at in range(number):
            name = f"{day}" if number == 1 else f"{day} (part {at + 1} of {number})"
            yield _Part(first_id(day) + (_DAY_MS * at // number << 22), day, calls // number, name)


def _groups(parts: Iterable[_Part], most: int) -> list[list[_Part]]:
    """Neighbours together as far as they have no more calls than that; at least one group."""
    found: list[list[_Part]] = [[]]
    for part in parts:
        if found[-1] and sum(one.calls for one in found[-1]) + part.calls > most:
            found.append([])
        found[-1].append(part)
    return found


def _pieces(booked: Sequence[tuple[date, int]], days: Days | None, most: int) -> Iterator[_Piece]:
    """Ids in pieces; together they leave no id out that `days` have."""
    first = _LEAST if days is None else first_id(days.first)
    last = _MOST if days is None else first_id(days.last + timedelta(days=1))
    groups = _groups(_parts(booked, most), most)
    borders = [first, *(group[0].first for group in groups[1:]), last]
    for group, ids in zip(groups, pairwise(borders), strict=True):
        yield _piece(group, ids, (None, None))


def _day_pieces(booked: Sequence[tuple[date, int]], most: int) -> Iterator[_Piece]:
    """Days in pieces; together they leave none out."""
    groups = _groups((_Part(0, day, calls, f"{day}") for day, calls in booked), most)
    borders = [None, *(group[0].day for group in groups[1:]), None]
    for group, (since, until) in zip(groups, pairwise(borders), strict=True):
        first = _LEAST if since is None else first_id(since) - (_DAY_MS << 22)
        end = _MOST if until is None else min(_MOST, first_id(until) + (_DAY_MS + 1 << 22))
        yield _piece(group, (first, end), (since, until))


def _piece(group: Sequence[_Part], ids: tuple[int, int], days: tuple[date | None, date | None]) -> _Piece:
    names = [part.name for part in group] or ["no day"]
    name = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return _Piece(ids, days, sum(part.calls for part in group), name)


def _named(proof: Proof, subject: object) -> str:
    return encode_call(subject) if proof.subject == "call" and isinstance(subject, int) else f"{subject}"


def _check(name: str, tally: _Tally) -> Check:
    if tally.offenders:
        return Check(name, False, f"{tally.offenders} wrong: {'; '.join(tally.shown[:_SHOWN])}")
    return Check(name, True, f"{tally.counted} checked")
