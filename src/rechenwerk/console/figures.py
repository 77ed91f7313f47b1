"""Numbers, money and times as a language writes them. Times are UTC, as the books are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

NONE = "\u2013"
_MOST_PLACES = 9


def decimal(value: object) -> Decimal | None:
    """A figure of the API, which sends money as text; None where it is none."""
    if value is None or value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def share(part: object, whole: object) -> int | None:
    """Whole percent that a part has of something, rounded down; None of nothing."""
    some, everything = decimal(part), decimal(whole)
    return int(some * 100 / everything) if everything and some is not None else None


def places(values: Iterable[object], least: int = 2, most: int = _MOST_PLACES) -> int:
    """Decimals that a column needs so that its points stand below each other."""
    needed = least
    for value in values:
        found = decimal(value)
        if found is not None and found.is_finite():
            exponent = found.normalize().as_tuple().exponent
            needed = max(needed, -int(exponent))
    return min(needed, most)


class Figures:
    """How a language writes figures.

    Args:
        language: such as ``de``.
        now: when it is written, for `ago`.
    """

    def __init__(self, language: str, now: datetime) -> None:
        self.language = language
        self._locale = "en_GB" if language == "en" else language
        self._now = now

    def money(self, value: object, unit: str = "", digits: int | None = None) -> str:
        """An amount with its unit: as many decimals as it has, two at least."""
        found = decimal(value)
        if found is None:
            return NONE
        digits = places([found]) if digits is None else digits
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        text = format_decimal(found, pattern, locale=self._locale, decimal_quantization=True)
        return f"{text}\u00a0{unit}" if unit else text

    def number(self, value: object, digits: int = 0) -> str:
        """A count."""
        return self.money(value, "", digits)

    def percent(self, value: object) -> str:
        """A share from 0 to 1."""
        found = decimal(value)
        return NONE if found is None else format_percent(found, "#,##0 %", locale=self._locale)

    def duration(self, microseconds: object) -> str:
        """A duration, as exact as people read it."""
        found = decimal(microseconds)
        if found is None:
            return NONE
        milliseconds = found / 1000
        if milliseconds < 1000:
            return self.money(milliseconds, "ms", 0 if milliseconds >= 10 else 1)
        return self.money(milliseconds / 1000, "s", 1)

    def day(self, value: object) -> str:
        """A day."""
        found = _moment(value)
        return NONE if found is None else format_date(found.date(), "medium", locale=self._locale)

    def month(self, value: str) -> str:
        """A month such as 2026-03."""
        try:
            found = date.fromisoformat(f"{value}-01")
        except ValueError:
            return value
        return format_skeleton("yMMMM", found, locale=self._locale)

    def until(self, value: object) -> str:
        """A moment to the minute, as part of a sentence."""
        found = _moment(value)
        return (
            NONE if found is None else f"{self.day(found.astimezone(UTC))}, {found.astimezone(UTC):%H:%M} UTC"
        )

    def time(self, value: object) -> Markup:
        """A moment to the second, for people and for programs."""
        found = _moment(value)
        if found is None:
            return Markup(NONE)  # noqa: S704 - a constant
        text = format_datetime(found, "medium", tzinfo=UTC, locale=self._locale)
        return Markup('<time datetime="{}">{}</time>').format(found.isoformat(), text)

    def ago(self, value: object) -> Markup:
        """How long ago, or how far ahead; the moment itself is in its title."""
        found = _moment(value)
        if found is None:
            return Markup(NONE)  # noqa: S704 - a constant
        text = format_timedelta(found - self._now, add_direction=True, locale=self._locale)
        exact = format_datetime(found, "medium", tzinfo=UTC, locale=self._locale)
        return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(found.isoformat(), exact, text)

    def days(self, value: object) -> str:
        """A number of days in words."""
        found = decimal(value)
        if found is None:
            return NONE
        return format_timedelta(timedelta(days=float(found)), granularity="day", locale=self._locale)


def _moment(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
