"""What this process saw of demand, by class of calls and bucket of time: the router forecasts from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add

from rechenwerk.base.usage import BUCKETS
from rechenwerk.routing.ports import Arrived, Report, Use
from rechenwerk.routing.supply import Vector

BUCKET = 60
"""Seconds of a bucket."""

NONE: Vector = (0.0,) * len(BUCKETS)
_KEEP = 2
"""Buckets that are told again: what still ran when one ended is corrected in it."""


class Stream:
    """A class of calls as this process sees it.

    Attributes:
        name: tells the class: the same in every process.
        mean: usage of one call, of late.
        demand: its id in the world that the desk knows; None until it does.
    """

    __slots__ = ("calls", "demand", "mean", "name", "refused", "usage")

    def __init__(self, name: str, mean: Vector) -> None:
        self.name = name
        self.mean = mean
        self.demand: int | None = None
        self.calls = self.refused = 0.0
        self.usage = list(NONE)


_FADE = 0.02
"""How much of the mean the newest call is."""


class Tally:
    """Counts what arrives and where it goes, in buckets of time.

    Attributes:
        ends: epoch seconds at which the bucket of now does.

    Args:
        now: epoch seconds.
    """

    def __init__(self, now: float) -> None:
        self._starts = int(now) // BUCKET * BUCKET
        self.ends = self._starts + BUCKET
        self._streams: dict[str, Stream] = {}
        self._uses: dict[int, list[float]] = {}
        self._ordinary: dict[int, list[float]] = {}
        self._past: list[tuple[tuple[Arrived, ...], tuple[Use, ...]]] = []

    def stream(self, name: str, mean: Vector) -> Stream:
        """A class by its name; `mean` is believed until there are calls."""
        found = self._streams.get(name)
        if found is None:
            found = self._streams[name] = Stream(name, mean)
        return found

    @property
    def streams(self) -> Iterable[Stream]:
        """All classes that were seen."""
        return self._streams.values()

    def turn(self, now: float) -> bool:
        """Begin a new bucket when the old one is over; True when one began."""
        if now < self.ends:
            return False
        self._past = [*self._past[1 - _KEEP :], (self._loads(), self._used())]
        self._starts = int(now) // BUCKET * BUCKET
        self.ends = self._starts + BUCKET
        for stream in self._streams.values():
            stream.calls = stream.refused = 0.0
            stream.usage = list(NONE)
        self._uses = {}
        self._ordinary = {}
        return True

    def arrived(self, stream: Stream, estimate: Vector) -> None:
        """A call came."""
        stream.calls += 1.0
        _add(stream.usage, estimate)

    def ended(self, stream: Stream, estimate: Vector, usage: Vector) -> None:
        """A call's true usage is known: it corrects what was estimated."""
        if any(usage):  # one that came to nothing says nothing about the next one
            mean = zip(stream.mean, usage, strict=True)
            stream.mean = tuple([old + _FADE * (new - old) for old, new in mean])
        _add(stream.usage, [new - old for new, old in zip(usage, estimate, strict=True)])

    def used(self, supply: int, usage: Sequence[float], *, critical: bool) -> None:
        """A supply was given so much, or that much less where the numbers are below zero."""
        for uses in (self._uses,) if critical else (self._uses, self._ordinary):
            known = uses.get(supply)
            if known is None:
                uses[supply] = list(usage)
            else:
                _add(known, usage)

    def report(self, down: tuple[int, ...] = ()) -> Report:
        """Everything that others should know."""
        loads, uses = self._loads(), self._used()
        for past_loads, past_uses in self._past:
            loads, uses = past_loads + loads, past_uses + uses
        return Report(loads, uses, down)

    def _loads(self) -> tuple[Arrived, ...]:
        return tuple(
            Arrived(self._starts, one.name, one.calls, one.refused, _positive(one.usage))
            for one in self._streams.values()
            if one.calls
        )

    def _used(self) -> tuple[Use, ...]:
        return tuple(
            Use(self._starts, supply, _positive(usage), _positive(self._ordinary.get(supply, NONE)))
            for supply, usage in self._uses.items()
        )


def _add(total: list[float], more: Sequence[float]) -> None:
    total[:] = map(add, total, more)


def _positive(usage: Sequence[float]) -> Vector:
    """A correction may fall into a later bucket than what it corrects."""
    return tuple([max(0.0, amount) for amount in usage])
