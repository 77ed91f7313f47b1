"""How long a call would wait, and when who is refused should come back."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Generic, TypeVar

import msgspec

from rechenwerk.routing.fair import Flow
from rechenwerk.routing.lines import Line, Pool
from rechenwerk.routing.room import Ask

_LONGEST_RETRY = 3600.0
"""Seconds; who is asked to come back in more than that is told to come in so many."""

_EARLY = 0.25
"""Who comes back waits in line for this part of its patience: things may go otherwise than thought."""

_SLACK = 1.15
"""Who is asked to come back comes a little slower than its share becomes free, or lines would grow again."""

_ROUNDS = 3
_MORE = 8.0
_FOR_EVER = 1e9


class Full(msgspec.Struct, frozen=True, gc=False):
    """There is no place in time.

    Attributes:
        retry_after: whole seconds after which there should be; None when there never will be: all capacity
            is kept for others.
        ahead: calls that would be served before.
    """

    retry_after: int | None
    ahead: int


T = TypeVar("T")


class Wait(msgspec.Struct, Generic[T], frozen=True):
    """A call's place in one line of one pool, as one of its project."""

    pool: Pool[T]
    line: Line[T]
    flow: Flow[T]


class Delay(Generic[T]):
    """What lies before the last call of a project.

    Over several pools the rates add up.

    Args:
        waits: its places in the lines of its class.
        load: what it counts in each; it stands there, or is about to.
        ask: what it asks for.
        now: monotonic seconds.
    """

    def __init__(self, waits: Sequence[Wait[T]], load: float, ask: Ask, now: float) -> None:
        self._waits = waits
        self._load = load
        self._ask = ask
        self._now = now

    def surely_within(self, seconds: float) -> bool:
        """Whether it is served in half of that time, even after all that wait now; quickly found."""
        ahead = [max(0.0, wait.line.load - self._load) for wait in self._waits]
        return 2 * self._seconds(ahead) <= seconds

    def ahead(self, more: float = 0.0) -> tuple[float, float]:
        """Calls before it, and the seconds until it is served; 0 where nothing is known.

        Others who will come before it is served count, too. How many depends on the result, so it is found
        in a few rounds, from above: as if all others had calls in line without end.

        Args:
            more: calls of its project that stand before it besides those that do.
        """
        seconds = _FOR_EVER
        for _ in range(_ROUNDS):
            ahead = [
                wait.line.ahead(
                    wait.flow,
                    max(0.0, wait.flow.load - self._load) + more * self._load,
                    wait.pool.recent.cost or self._ask.cost,
                    seconds,
                    self._now,
                )
                for wait in self._waits
            ]
            seconds = self._seconds(ahead)
        return sum(ahead), seconds

    def refuse(self, patience: float) -> Full:
        """The refusal of the call, and when to come back.

        Those of a project who are refused one after the other are asked to come one after the other, as fast
        as its share becomes free; together they would only be refused once more.
        """
        ahead, wait = self.ahead()
        if wait > 0:
            step = (self.ahead(_MORE)[1] - wait) / _MORE
        else:  # nothing has become free in all that time
            wait, step = patience, 0.0
        at = max(self._now + wait, *(one.flow.promised for one in self._waits))
        for one in self._waits:
            one.flow.promised = min(at + _SLACK * step, self._now + _LONGEST_RETRY)
        seconds = min(at - self._now - _EARLY * patience, _LONGEST_RETRY)
        return Full(max(1, ceil(seconds)), ceil(ahead))

    def _seconds(self, ahead: Sequence[float]) -> float:
        total = rate = 0.0
        for before, wait in zip(ahead, self._waits, strict=True):
            calls = before + self._load
            seconds = wait.pool.seconds(wait.line, calls, self._ask, self._now)
            if seconds <= 0:
                return 0.0
            total += calls
            rate += calls / seconds
        return total / rate if rate > 0 else 0.0
