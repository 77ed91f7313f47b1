"""Days and periods: pure arithmetic of the calendar."""

from __future__ import annotations

from datetime import date, timedelta

from rechenwerk.documents.values import Days


def calendar_day(year: int, month: int, of_month: int) -> Days | None:
    """One day, None where the calendar has none such."""
    try:
        one = date(year, month, of_month)
    except ValueError:
        return None
    return Days(one, one)


def full_year(digits: str) -> int:
    """'25' is 2025, '79' is 1979: up to 69 the years are 2000 and more, as POSIX counts."""
    year = int(digits)
    return year if len(digits) > 2 else year + (2000 if year < 70 else 1900)


def whole_months(year: int, first: int, count: int) -> Days:
    """So many months from the first of one; months beyond December run into the next year."""
    begin = date(year + (first - 1) // 12, (first - 1) % 12 + 1, 1)
    after = first + count
    end = date(year + (after - 1) // 12, (after - 1) % 12 + 1, 1)
    return Days(begin, end - timedelta(days=1))


def calendar_quarter(year: int, which: int) -> Days | None:
    """A quarter of the calendar year."""
    return whole_months(year, 3 * which - 2, 3) if 1 <= which <= 4 else None


def calendar_half(year: int, which: int) -> Days | None:
    """A half of the calendar year."""
    return whole_months(year, 6 * which - 5, 6) if which in {1, 2} else None


def calendar_week(year: int, number: int) -> Days | None:
    """A week after ISO 8601: Monday to Sunday."""
    try:
        monday = date.fromisocalendar(year, number, 1)
    except ValueError:
        return None
    return Days(monday, monday + timedelta(days=6))


def edge_of_year(year: int, which: int) -> Days:
    """Beginning (first quarter), middle (second and third), end (fourth quarter) of a year."""
    return whole_months(year, (1, 4, 10)[which], (3, 6, 3)[which])


def edge_of_month(year: int, month: int, which: int) -> Days:
    """Beginning, middle, end of a month: its first and second ten days, and the rest."""
    whole = whole_months(year, month, 1)
    firsts = (1, 11, 21)
    first = whole.first.replace(day=firsts[which])
    return Days(first, whole.last if which == 2 else first + timedelta(days=9))


def shifted(today: date, unit: str, shift: int) -> Days:
    """The period of a kind ('year', 'half', 'quarter', 'month', 'week', 'day') so many away from today's."""
    if unit == "day":
        one = today + timedelta(days=shift)
        return Days(one, one)
    if unit == "week":
        monday = today - timedelta(days=today.weekday()) + timedelta(weeks=shift)
        return Days(monday, monday + timedelta(days=6))
    size = {"month": 1, "quarter": 3, "half": 6, "year": 12}[unit]
    at = (today.month - 1) // size + shift
    return whole_months(today.year, at * size + 1, size)


def away(period: Days, today: date) -> int:
    """How many days a period is away from a day; 0 if the day lies in it."""
    if period.first <= today <= period.last:
        return 0
    return min(abs((period.first - today).days), abs((period.last - today).days))
