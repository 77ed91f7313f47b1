"""A clock that stands still until it is told to go on."""

from __future__ import annotations


class FakeClock:
    """Wall and monotonic time in one."""

    def __init__(self, at: float = 1_767_268_800.0) -> None:
        self.at = at

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.at

    def monotonic(self) -> float:
        """The same."""
        return self.at
