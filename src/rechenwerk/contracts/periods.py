"""Months, quarters, years and terms as spans of seconds. All in UTC."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from rechenwerk.contracts.terms import Common, Interval, Shortfall

HOUR = 3600
DAY = 24 * HOUR

Span: TypeAlias = tuple[int, int]
"""First second, and the first after it."""

EVER = date(1970, 1, 1)
NEVER = date(9999, 12, 31)

_SECONDS: tuple[tuple[Interval, int], ...] = (("minute", 60), ("hour", HOUR), ("day", DAY))
_MONTHS: tuple[tuple[Interval, int], ...] = (("month", 1), ("quarter", 3), ("year", 12))


def begins(day: date) -> int:
    """The first second of a day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def day_of(second: int) -> date:
    """The day in which a second lies."""
    return EVER + timedelta(days=second // DAY)


def month_span(day: date) -> Span:
    """The calendar month in which a day lies."""
    first = day.replace(day=1)
    return begins(first), begins(add_months(first, 1))


def add_months(day: date, months: int) -> date:
    """The same day some months later, or the last of a shorter month."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if years > NEVER.year:
        return NEVER
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))


def term(contract: Common) -> Span:
    """From a contract's first second to the end of its last day."""
    return begins(contract.starts or EVER), ends_at(contract) or begins(NEVER)


def ends_at(contract: Common) -> int | None:
    """The first second after a contract's last day; None when it is open."""
    return None if contract.ends is None else begins(contract.ends) + DAY


def runs(contract: Common, second: int) -> bool:
    """Whether a second lies in the term."""
    first, after = term(contract)
    return first <= second < after


def whole_period(contract: Common, interval: Interval, second: int) -> Span:
    """The interval of a contract in which a second lies.

    Months, quarters and years are the calendar's, or counted from the first day where the contract says so;
    weeks begin on Monday, or on the weekday of the first day.
    """
    if interval == "term":
        return term(contract)
    for name, seconds in _SECONDS:
        if interval == name:
            begin = second // seconds * seconds
            return begin, begin + seconds
    origin = contract.starts or EVER
    if interval == "week":
        monday = begins(origin if contract.anchor == "starts" else date(1970, 1, 5))
        begin = monday + (second - monday) // (7 * DAY) * 7 * DAY
        return begin, begin + 7 * DAY
    months = dict(_MONTHS)[interval]
    if contract.anchor == "calendar":
        origin = date(origin.year, 1, 1)
    day = day_of(second)
    count = ((day.year - origin.year) * 12 + day.month - origin.month) // months
    if add_months(origin, count * months) > day:  # the day of the month is not yet reached
        count -= 1
    return begins(add_months(origin, count * months)), begins(add_months(origin, (count + 1) * months))


def period_at(contract: Common, interval: Interval, second: int) -> Span:
    """As `whole_period`, cut at the ends of the contract's term."""
    begin, end = whole_period(contract, interval, second)
    first, after = term(contract)
    return max(begin, first), min(end, after)


def periods(contract: Common, interval: Interval, span: Span) -> Iterator[Span]:
    """The intervals of a contract that touch a span, in order."""
    first, after = term(contract)
    at, end = max(first, span[0]), min(after, span[1])
    while at < end:
        period = period_at(contract, interval, at)
        yield period
        at = period[1]


def overlap(one: Span, other: Span) -> int:
    """Seconds that two spans share."""
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def expires(shortfall: Shortfall, second: int) -> int:
    """When a prepayment that was made at the end of a period is lost."""
    return begins(add_months(day_of(second), shortfall.months))
