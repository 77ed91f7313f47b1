"""Ids of calls: 63-bit integers that sort by time and never meet across processes.

41 bits of milliseconds since 2025-01-01 UTC, 10 bits of process number (unique among living
processes, see `store`), 12 bits of sequence. The layout is Twitter's Snowflake.
"""

from __future__ import annotations

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import RechenwerkError

EPOCH_MS = 1_735_689_600_000
MAX_PROCESSES = 1024
_SEQUENCE = 4096
_PREFIX = "call_"


class CallIds:
    """Makes call ids for one process.

    Args:
        clock: wall time.
        process_number: 0..1023.
    """

    def __init__(self, clock: Clock, process_number: int) -> None:
        self._clock = clock
        self._process = process_number << 12
        self._last = -1
        self._sequence = 0

    def next(self) -> int:
        """A new id, greater than every earlier one of this process.

        When 4,096 calls fall into one millisecond, or the wall clock is set back, the id's time runs
        ahead of the wall instead of repeating.
        """
        at = int(self._clock.now() * 1000) - EPOCH_MS
        if at > self._last:
            self._last = at
            self._sequence = 0
        else:
            self._sequence += 1
            if self._sequence == _SEQUENCE:
                self._last += 1
                self._sequence = 0
        return self._last << 22 | self._process | self._sequence


def first_id(at: float) -> int:
    """The lowest id that a call beginning at this time (seconds since 1970) can have."""
    return max(0, int(at * 1000) - EPOCH_MS) << 22


def encode_call(call_id: int) -> str:
    """The id as people and headers see it: ``call_`` and 16 hexadecimal digits."""
    return f"{_PREFIX}{call_id:016x}"


def decode_call(text: str) -> int:
    """Back from `encode_call`.

    Raises:
        RechenwerkError: not a call id.
    """
    digits = text.removeprefix(_PREFIX)
    if len(digits) != 16 or any(digit not in "0123456789abcdef" for digit in digits):
        raise RechenwerkError(f"{text!r} is not a call id; it looks like {encode_call(1 << 60)}")
    return int(digits, 16)
