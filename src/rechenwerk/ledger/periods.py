"""Periods of the books: calendar months of UTC.

A call belongs to the period in which it began, a voucher to that of its `at`.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

import msgspec

from rechenwerk.base.errors import RechenwerkError

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


class Period(msgspec.Struct, frozen=True, order=True):
    """A month: its first moment, and the first after it; both in UTC."""

    starts: datetime
    ends: datetime

    @property
    def name(self) -> str:
        """As people write it: ``2026-03``."""
        return f"{self.starts:%Y-%m}"

    @property
    def last(self) -> datetime:
        """A moment that belongs to it and to no later one: the last microsecond."""
        return datetime.fromtimestamp(self.ends.timestamp() - 1, UTC).replace(microsecond=999_999)


def month_of(at: datetime) -> Period:
    """The period in which a moment lies."""
    day = at.astimezone(UTC)
    starts = datetime(day.year, day.month, 1, tzinfo=UTC)
    days = calendar.monthrange(day.year, day.month)[1]
    ends = datetime.fromtimestamp(starts.timestamp() + days * 86_400, UTC)
    return Period(starts, ends)


def parse_period(text: str) -> Period:
    """A period as people write it.

    Raises:
        RechenwerkError: not a month.
    """
    found = _MONTH.fullmatch(text.strip())
    if found is None or not 1 <= int(found[2]) <= 12 or not 1970 <= int(found[1]) <= 9998:
        raise RechenwerkError(f"{text!r} is not a period; write a month such as 2026-03")
    return month_of(datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC))
