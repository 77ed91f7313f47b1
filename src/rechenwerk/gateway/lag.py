"""How late the event loop is: what every call waits for whatever the provider does."""

from __future__ import annotations

import asyncio
from bisect import bisect_left

_EVERY = 0.01
"""Seconds between looks; a look costs some ten microseconds."""

BOUNDS = tuple(round(0.0001 * 1.25**step, 7) for step in range(40))
"""Upper bounds of the counts, in seconds: from 0.1 ms in steps of a quarter to 0.6 s."""


class LoopLag:
    """Counts how late timers of this loop are served.

    Attributes:
        counts: looks by lateness: up to each of `BOUNDS`, and beyond.
        seconds: lateness of all looks together.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def start(self) -> None:
        """Begin to look."""
        self._due = self._loop.time() + _EVERY
        self._timer = self._loop.call_at(self._due, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        late = max(0.0, self._loop.time() - self._due)
        self.counts[bisect_left(BOUNDS, late)] += 1
        self.seconds += late
        self.start()

    def cumulative(self) -> list[tuple[str, float]]:
        """How many looks were at most so late, by upper bound, as Prometheus wants it."""
        total, rows = 0, []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows
