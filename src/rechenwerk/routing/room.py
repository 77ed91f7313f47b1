"""The limits of something, and who uses how much of them: calls at once and tokens per minute together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from rechenwerk.routing.fair import INPUT
from rechenwerk.routing.reserve import Lot, Minute, Owner, Reserve, Second

Limited = Literal["calls", "tokens"]


class Limit(msgspec.Struct, frozen=True):
    """How much a pool carries: calls at once, or tokens per minute, and what of it is kept for whom."""

    unit: Limited
    amount: int
    lots: tuple[Lot, ...] = ()


class Ask(msgspec.Struct, frozen=True, gc=False):
    """What a call asks for.

    Attributes:
        project: who pays with its share.
        organisation: of the project.
        service: one of `supply.CLASSES`.
        weight: of the project, above zero; 1 is ordinary.
        input: tokens that it will read, as far as one can tell.
        output: the most that it may write: tokens per minute are taken for as many, until it has ended.
    """

    project: int
    organisation: int
    service: str
    weight: float
    input: int
    output: int

    @property
    def cost(self) -> float:
        """What it counts when it begins."""
        return max(1.0, INPUT * self.input)


_ONE_CALL = (1,)
NOTHING: frozenset[Limited] = frozenset()


class Held(msgspec.Struct, frozen=True):
    """What a call has taken, as whom, and out of whose lot if that is another's."""

    owner: Owner
    calls: Reserve | None
    minute: Minute | None
    second: Second | None
    tokens: int
    lender: Owner | None

    def give(self, used: int | None) -> None:
        """The call has ended. `used`: its tokens, None when nobody knows better than was thought."""
        if self.calls is not None:
            self.calls.give(self.owner, 1)
        if self.minute is not None and self.second is not None and used is not None:
            self.minute.correct(self.owner, self.second, used - self.tokens)


class Room:
    """Limits as they are used.

    Attributes:
        limits: each with its reserve.
        kept: anything is kept for anybody.
        minute: where tokens are limited.
    """

    __slots__ = ("kept", "limits", "minute")

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.minute: Minute | None = None
        self.limits: tuple[tuple[Limited, Reserve], ...] = ()
        self.reform(limits)

    def reform(self, limits: Sequence[Limit]) -> None:
        """Other numbers from now on; what is used stays used."""
        old = dict(self.limits)
        found = []
        for limit in limits:
            reserve = old.get(limit.unit) or Reserve(limit.amount)
            reserve.reform(limit.amount, limit.lots)
            found.append((limit.unit, reserve))
        self.limits = tuple(found)
        self.kept = any(limit.lots for limit in limits)
        tokens = dict(found).get("tokens")
        if tokens is None:
            self.minute = None
        elif self.minute is None or self.minute.reserve is not tokens:
            self.minute = Minute(tokens)

    def needs(self, owner: Owner, ask: Ask, seconds: float) -> Sequence[int]:
        """What a call takes of each limit; one that is larger than all that there is takes all of it.

        Args:
            owner: as whom it comes.
            ask: what it asks for.
            seconds: how long calls take.
        """
        if self.minute is None:
            return _ONE_CALL[: len(self.limits)]
        return [
            1 if unit == "calls" else max(1, min(ask.input + ask.output, reserve.most(owner, seconds)))
            for unit, reserve in self.limits
        ]

    def able(self, owner: Owner) -> bool:
        """Whether a call could be served if nobody used anything."""
        return all(reserve.most(owner) > 0 for _, reserve in self.limits)

    def owns(self, owner: Owner, needs: Sequence[int], ahead: int = 0) -> bool:
        """Whether a call, and so many like it before, are within what is kept for its owner."""
        found = False
        for (_, reserve), need in zip(self.limits, needs, strict=True) if self.kept else ():
            if reserve.has_lot(owner):
                if not reserve.owns(owner, need * (ahead + 1)):
                    return False
                found = True
        return found

    def short(
        self, owner: Owner, needs: Sequence[int], seconds: float, held: frozenset[Limited] = NOTHING
    ) -> frozenset[Limited]:
        """Of what there is not enough. `held`: units of which what becomes free is another's."""
        found = NOTHING
        for (unit, reserve), need in zip(self.limits, needs, strict=True):
            if not reserve.fits(owner, need, seconds, alone=unit in held):
                found |= {unit}
        return found

    def take(self, owner: Owner, needs: Sequence[int], now: float) -> Held:
        """A call has its place."""
        calls = second = lender = None
        tokens = 0
        if self.kept:
            lender = self.limits[-1][1].lender(owner, needs[-1])
        for (unit, reserve), need in zip(self.limits, needs, strict=True):
            if unit == "tokens" and self.minute is not None:
                second, tokens = self.minute.take(owner, need, now), need
            else:
                calls = reserve
                reserve.take(owner, need)
        return Held(owner, calls, self.minute, second, tokens, lender)
