"""Whether to try again, and when: a budget for retries, time between them, and what the provider asks for."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import exp

from rechenwerk.routing.ports import Chance

_SECONDS = re.compile(rb"\d+(?:\.\d+)?")
_LONGEST = 64


class RetryBudget:
    """Lets a share of calls be tried again, so that an outage does not become a storm.

    Each call deposits a share of a retry, each retry withdraws one; deposits fade with time, so that a quiet
    hour saves up nothing. After Finagle's RetryBudget and its numbers; deposits fade exponentially here
    instead of leaving a window, so there is nothing to keep but a number.

    Args:
        share: retries per call.
        floor: retries per second that are allowed whatever the traffic, for installations with little of it.
        lasts: seconds in which a deposit fades to a third.
    """

    __slots__ = ("_at", "_lasts", "_least", "_left", "_share")

    def __init__(self, share: float = 0.2, floor: float = 10.0, lasts: float = 10.0) -> None:
        self._share = share
        self._least = floor * lasts
        self._lasts = lasts
        self._left = self._least
        self._at = 0.0

    def deposit(self, now: float) -> None:
        """A call begins (its first attempt)."""
        self._settle(now)
        self._left += self._share

    def withdraw(self, now: float) -> bool:
        """Whether an attempt may be repeated now; if so, it is paid for."""
        self._settle(now)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def _settle(self, now: float) -> None:
        if now > self._at:
            self._left = self._least + (self._left - self._least) * exp((self._at - now) / self._lasts)
            self._at = now


def backoff(attempt: int, base: float, most: float, chance: Chance) -> float:
    """Seconds to wait before attempt `attempt` is repeated: anything up to a bound that doubles.

    Full jitter: Marc Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.

    Args:
        attempt: 0 for the first.
        base: the bound after the first attempt.
        most: the largest bound.
        chance: where in between.
    """
    return chance.random() * min(most, base * 2.0 ** min(attempt, 60))


def retry_after(value: bytes | None, now: float, most: float = 3600.0) -> float | None:
    """Seconds to wait from a ``retry-after`` header: a number, or an HTTP date (RFC 9110, 10.2.3).

    Fractions are no HTTP but occur. Never below 0 or above `most`; None when there is no such header, or
    it makes no sense.

    Args:
        value: of the header.
        now: wall time, seconds since the epoch.
        most: no provider keeps us away for longer.
    """
    if value is None or len(value) > _LONGEST:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(most, float(text))
    try:
        date = parsedate_to_datetime(text.decode("ascii"))
        # A date without a zone is UTC as well: HTTP knows no other.
        then = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(most, max(0.0, then - now))
