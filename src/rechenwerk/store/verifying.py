"""The proof of the books, piece by piece. Fills `office.verify_ports.Verifier`.

What a call's rows show by themselves is proved some hundred thousand calls at a time, sums and balances query
by query, seals day by day. Each piece sees one moment: gateways go on booking, and no snapshot is held long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.ids import encode_call
from rechenwerk.office.verify_ports import Check, Days, Progress, Proved, Tell
from rechenwerk.store.budgets.proofs import WALLET_PROOFS
from rechenwerk.store.close_proofs import CLOSE_PROOFS
from rechenwerk.store.cost_proofs import COST_PROOFS
from rechenwerk.store.governance.proofs import FEE_PROOFS
from rechenwerk.store.payment_proofs import PAYMENT_PROOFS
from rechenwerk.store.proofs import PROOFS, Proof
from rechenwerk.store.seal_check import SealCheck, first_id
from rechenwerk.store.sums import SUM_PROOFS
from rechenwerk.store.tariff_proofs import TARIFF_PROOFS

Connection = asyncpg.Connection | PoolConnectionProxy

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
"""Everything that must be true of rows and sums."""
PIECE = 250_000
"""Calls that are proved at a time."""
_SHOWN = 3
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
# The names of the tables stand for a piece of them: so a proof is written once, for all and for a piece.
_PIECE = """
with call as not materialized (select * from call where id >= $2 and id < $3),
transfer as not materialized (select * from transfer where call_id >= $2 and call_id < $3)
"""
# Every row is looked at, so a nested loop is never right; without fresh statistics the planner would choose
# one all the same and take hours.
_PLANNING = "set local enable_nestloop = off; set local work_mem = '64MB'"
_DAYS = """
select day, sum(calls)::bigint as calls from call_day where organisation_id = $1 group by day order by day
"""


class _Piece(msgspec.Struct, frozen=True):
    """Ids from `first` until before `end`, about so many calls of them, and what people call it."""

    first: int
    end: int
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
        rows = await self._pool.fetch(_DAYS, organisation_id)
        found = [(row["day"], row["calls"]) for row in rows]
        return [one for one in found if days is None or days.first <= one[0] <= days.last]

    async def prove(self, organisation_id: int, days: Days | None, tell: Tell) -> Proved:
        """See `office.verify_ports.Verifier`."""
        pieces = list(_pieces(await self._booked(organisation_id, days), days, self._piece))
        proofs = [one for one in ALL_PROOFS if one.piecewise or days is None]
        seals = SealCheck(self._pool, organisation_id, days)
        calls = sum(piece.calls for piece in pieces)
        leaves = await seals.open()
        alone = [one for one in proofs if not one.piecewise]
        work = _Work(tell, 2 * calls + len(pieces) + len(alone) * (1 + calls // 10) + leaves)
        tallies = {one.name: _Tally() for one in proofs}
        for piece in pieces:
            work.next(f"calls of {piece.name}", 2 * piece.calls + 1)
            await self._prove_piece(organisation_id, [one for one in proofs if one.piecewise], piece, tallies)
        for proof in alone:
            work.next(proof.name, 1 + calls // 10)
            await self._prove_alone(organisation_id, proof, tallies[proof.name])
        async for day, count in seals.days():
            work.next(f"seal of {day}", count)
        work.next("done", 0)
        return Proved([_check(one, tallies[one.name]) for one in proofs], leaves, await seals.close())

    async def _prove_piece(
        self, organisation: int, proofs: Sequence[Proof], piece: _Piece, tallies: dict[str, _Tally]
    ) -> None:
        arguments = (organisation, piece.first, piece.end)
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_PLANNING)
            counted: dict[str, int] = {}
            for proof in proofs:
                await _count(connection, proof, _PIECE, arguments, tallies[proof.name])
                if proof.counted not in counted:
                    counted[proof.counted] = await connection.fetchval(_PIECE + proof.counted, *arguments)
                tallies[proof.name].counted += counted[proof.counted]

    async def _prove_alone(self, organisation: int, proof: Proof, tally: _Tally) -> None:
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_PLANNING)
            await _count(connection, proof, "", (organisation,), tally)
            tally.counted += await connection.fetchval(proof.counted, organisation)


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


def _pieces(booked: Sequence[tuple[date, int]], days: Days | None, most: int) -> Iterator[_Piece]:
    """Ids in pieces of whole days; together they leave no id out that `days` have."""
    first = _LEAST if days is None else first_id(days.first)
    last = _MOST if days is None else first_id(days.last + timedelta(days=1))
    began: date | None = None
    calls = 0
    for day, count in booked:
        if began is not None and calls + count > most and first < first_id(day) < last:
            yield _Piece(first, first_id(day), calls, _name(began, day - timedelta(days=1)))
            first, began, calls = first_id(day), None, 0
        began = began or day
        calls += count
    until = booked[-1][0] if booked else None
    name = "no day" if began is None or until is None else _name(began, until)
    yield _Piece(first, last, calls, name)


def _name(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


async def _count(
    connection: Connection, proof: Proof, before: str, arguments: tuple[int, ...], tally: _Tally
) -> None:
    """Add what breaks a proof."""
    wrong = await connection.fetch(
        f"{before} select x.*, count(*) over () as n from ({proof.offenders}) x limit {_SHOWN}",  # noqa: S608
        *arguments,
    )
    if wrong:
        tally.offenders += wrong[0]["n"]
        tally.shown += [
            f"{proof.subject} {encode_call(row['subject']) if proof.subject == 'call' else row['subject']}:"
            f" {row['is']}, should be {row['should']}"
            for row in wrong
        ]


def _check(proof: Proof, tally: _Tally) -> Check:
    if tally.offenders:
        return Check(proof.name, False, f"{tally.offenders} wrong: {'; '.join(tally.shown[:_SHOWN])}")
    return Check(proof.name, True, f"{tally.counted} checked")
