"""Dates and periods in a text: one rule a line, tried where a digit or a word of the calendar stands.

A rule has a pattern and reads what it matched; a name of a group says what it is: y a year, m a month's
number, M its name, d a day of the month. What lacks its year ('1. Januar bis 31. März 2025') borrows it from
the other end of its range, or from the document's date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.figures.calendar_words import COUNTS, EDGES, MONTHS, ORDINALS, SEASONS, SHIFTS
from rechenwerk.documents.figures.periods import (
    away,
    calendar_day,
    calendar_half,
    calendar_quarter,
    calendar_week,
    edge_of_month,
    edge_of_year,
    full_year,
    shifted,
    whole_months,
)
from rechenwerk.documents.figures.style import Style, listed
from rechenwerk.documents.values import Days

_S = r"[ \u00a0\n]?"
_W = r"[ \u00a0\n]"
_MONTH = r"(?P<M>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")(?![^\W\d_])"
_YEAR = r"(?P<y>(?:19|20)\d\d)(?!\d)"
_ANY_YEAR = r"(?P<y>(?:19|20)\d\d|\d\d)(?!\d)"
_TICK_YEAR = rf"(?:{_YEAR}|'(?P<s>\d\d)(?!\d))"
_OF_WORDS = (
    rf"(?:des|of|im|in)(?:{_W}(?:the|jahres?|jahr|year|fiscal|kalenderjahres))*{_W}"
    rf"|(?:im{_W})?(?:jahr|jahres){_W}|fiscal{_W}"
)
_OF_YEAR = rf"(?:,?{_W}(?:{_OF_WORDS})?|[-/]|{_S}){_TICK_YEAR}"
_HALF_OF_YEAR = rf"(?:{_OF_YEAR}|[-/{chr(39)} ]?(?P<z>\d\d)(?!\d|[.,]\d|[ \u00a0]?[%€$]))"
_SHORT_YEAR = rf"(?:{_OF_YEAR}|[-/{chr(39)}](?P<z>\d\d)(?!\d|[.,]\d))"
_ORDINAL = r"(?P<o>" + "|".join(ORDINALS) + r")(?:e[rsnm]?)?"
_COUNT = r"(?P<c>" + "|".join(COUNTS) + r"|\d{1,2})"
_SHIFT = r"(?P<r>" + "|".join(SHIFTS) + r")(?:e[rsnm]?)?"
_EDGE_QUARTERS = "auftakt|start|schluss|weihnachts"
_UNITS = MappingProxyType(
    {
        "jahr": "year",
        "jahres": "year",
        "geschäftsjahr": "year",
        "year": "year",
        "halbjahr": "half",
        "half": "half",
        "quartal": "quarter",
        "quartals": "quarter",
        "quarter": "quarter",
        "monat": "month",
        "monats": "month",
        "month": "month",
        "woche": "week",
        "week": "week",
    }
)
_FIXED = MappingProxyType(
    {
        "heute": ("day", 0),
        "today": ("day", 0),
        "gestern": ("day", -1),
        "yesterday": ("day", -1),
        "tomorrow": ("day", 1),
        "vorjahr": ("year", -1),
        "vorjahres": ("year", -1),
        "vorquartal": ("quarter", -1),
        "vormonat": ("month", -1),
        "vorwoche": ("week", -1),
    }
)


class Moment(NamedTuple):
    """A date or period that was read.

    Args:
        end: offset behind it.
        days: None where it is none (the 31st of February): then nothing may be read there.
        exact: it is one day by name, so a date.
        rest: for what lacks its year: from a year to its days.
    """

    end: int
    days: Days | None = None
    exact: bool = False
    rest: Callable[[int], Days | None] | None = None


class Calendar(NamedTuple):
    """What is read, and the document's own date."""

    text: str
    style: Style
    today: date | None = None


type_of_rule = Callable[[re.Match[str], Calendar], Moment]


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _year(found: re.Match[str]) -> int | None:
    """The year of a match, None where it has none."""
    groups = found.groupdict()
    digits = groups.get("y") or groups.get("s") or groups.get("z")
    return full_year(digits) if digits else None


def _yearly(found: re.Match[str], made: Callable[[int], Days | None], *, exact: bool = False) -> Moment:
    """Days of the match's year, or days that wait for one."""
    year = _year(found)
    if year is None:
        return Moment(found.end(), None, exact, made)
    return Moment(found.end(), made(year), exact)


def _named(found: re.Match[str], _: Calendar) -> Moment:
    """A day of a named month."""
    month, of_month = MONTHS[found["M"].lower()], int(found["d"])
    return _yearly(found, lambda year: calendar_day(year, month, of_month), exact=True)


def _ordinal_day(found: re.Match[str], _: Calendar) -> Moment:
    """'ersten Januar 2025'."""
    month, of_month = MONTHS[found["M"].lower()], ORDINALS[found["o"].lower()]
    return _yearly(found, lambda year: calendar_day(year, month, of_month), exact=True)


def _numeric(found: re.Match[str], _: Calendar) -> Moment:
    """Year, month and day in digits, in the order that the pattern names."""
    month, of_month = int(found["m"]), int(found["d"])
    return _yearly(found, lambda year: calendar_day(year, month, of_month), exact=True)


def _slashed(found: re.Match[str], calendar: Calendar) -> Moment:
    """04/03/2025: the document's way decides where both readings are days."""
    one, two, year = int(found["one"]), int(found["two"]), full_year(found["y"])
    british, american = calendar_day(year, two, one), calendar_day(year, one, two)
    if british and american and british != american:
        first = calendar.style.day_first
        days = None if first is None else british if first else american
        return Moment(found.end(), days, exact=True)
    return Moment(found.end(), british or american, exact=True)


def _month(found: re.Match[str], _: Calendar) -> Moment:
    month = MONTHS[found["M"].lower()]
    return _yearly(found, lambda year: whole_months(year, month, 1))


def _month_number(found: re.Match[str], _: Calendar) -> Moment:
    month = int(found["m"])
    return Moment(found.end(), whole_months(int(found["y"]), month, 1) if 1 <= month <= 12 else None)


def _ordinal(raw: str) -> int:
    return int(raw) if raw.isdecimal() else ORDINALS[raw.lower()]


def _quarter(found: re.Match[str], _: Calendar) -> Moment:
    which = _ordinal(found["o"])
    return _yearly(found, lambda year: calendar_quarter(year, which))


def _half(found: re.Match[str], _: Calendar) -> Moment:
    which = _ordinal(found["o"])
    return _yearly(found, lambda year: calendar_half(year, which))


def _first_months(found: re.Match[str], _: Calendar) -> Moment:
    raw = found["c"].lower()
    count = int(raw) if raw.isdecimal() else COUNTS[raw]
    return _yearly(found, lambda year: whole_months(year, 1, count) if 1 <= count <= 12 else None)


def _last_of(found: re.Match[str], _: Calendar) -> Moment:
    """'im letzten Quartal 2025': the year's last."""
    return _yearly(found, lambda year: calendar_quarter(year, 4))


def _edge_quarter(found: re.Match[str], _: Calendar) -> Moment:
    """'Auftaktquartal 2025' is the year's first, 'Schlussquartal' its last."""
    which = 1 if found["which"].lower() in {"auftakt", "start"} else 4
    return _yearly(found, lambda year: calendar_quarter(year, which))


def _week(found: re.Match[str], _: Calendar) -> Moment:
    return _yearly(found, lambda year: calendar_week(year, int(found["w"])))


def _edge(found: re.Match[str], _: Calendar) -> Moment:
    which = EDGES[found["e"].lower()]
    name = found["M"]
    if name:
        month = MONTHS[name.lower()]
        return _yearly(found, lambda year: edge_of_month(year, month, which))
    return _yearly(found, lambda year: edge_of_year(year, which))


def _season(found: re.Match[str], _: Calendar) -> Moment:
    first = SEASONS[found["season"].lower()]
    return _yearly(found, lambda year: whole_months(year, first, 3))


def _whole_year(found: re.Match[str], _: Calendar) -> Moment:
    return _yearly(found, lambda year: whole_months(year, 1, 12))


def _two_years(found: re.Match[str], _: Calendar) -> Moment:
    """'2025/26': where such a year begins is not known, so both calendar years."""
    first = int(found["y"])
    last = int(found["t"]) if len(found["t"]) == 4 else first // 100 * 100 + int(found["t"])
    return Moment(found.end(), whole_months(first, 1, 24) if last == first + 1 else None)


def _decade(found: re.Match[str], _: Calendar) -> Moment:
    return Moment(found.end(), whole_months(int(found["y"]), 1, 120))


def _year_end(found: re.Match[str], _: Calendar) -> Moment:
    return _yearly(found, lambda year: calendar_day(year, 12, 31), exact=True)


def _relative(found: re.Match[str], calendar: Calendar) -> Moment:
    if calendar.today is None:
        return Moment(found.end())
    shift, unit = SHIFTS[found["r"].lower()], _UNITS[found["u"].lower()]
    return Moment(found.end(), shifted(calendar.today, unit, shift))


def _fixed(found: re.Match[str], calendar: Calendar) -> Moment:
    unit, shift = _FIXED[found.group().lower()]
    days = shifted(calendar.today, unit, shift) if calendar.today else None
    return Moment(found.end(), days, exact=unit == "day")


def _months_between(found: re.Match[str], _: Calendar) -> Moment:
    """'1. bis 15. März 2025', 'March 1-15, 2025'."""
    month, first, last = MONTHS[found["M"].lower()], int(found["d"]), int(found["l"])

    def made(year: int) -> Days | None:
        one, two = calendar_day(year, month, first), calendar_day(year, month, last)
        return Days(one.first, two.last) if one and two and first < last else None

    return _yearly(found, made)


_TO = rf"(?:{_S}-{_S}|{_W}(?:bis|to|until){_W}(?:zum{_W})?)"
_DAY = r"(?P<d>[0-3]?\d)"
_END = r"(?![\w]|[.,:/-]\d)"
_DIGIT_RULES: tuple[tuple[re.Pattern[str], type_of_rule], ...] = (
    (_rule(rf"(?P<y>(?:19|20)\d\d)-W(?P<w>\d\d){_END}"), _week),
    (_rule(rf"(?P<y>(?:19|20)\d\d)[- ]Q(?P<o>[1-4]){_END}"), _quarter),
    (_rule(r"(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)(?![\w-]*\d)"), _numeric),
    (_rule(r"(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)(?=T\d\d:)"), _numeric),
    (_rule(rf"(?P<y>(?:19|20)\d\d)/(?P<m>\d\d)/(?P<d>\d\d){_END}"), _numeric),
    (_rule(rf"{_DAY}\.[ \u00a0]?(?P<m>[01]?\d)\.[ \u00a0]?(?P<y>(?:19|20)\d\d|\d\d){_END}"), _numeric),
    (_rule(rf"(?P<one>\d{{1,2}})/(?P<two>\d{{1,2}})/(?P<y>(?:19|20)\d\d|\d\d){_END}"), _slashed),
    (_rule(rf"{_DAY}-(?P<m>[01]\d)-(?P<y>(?:19|20)\d\d){_END}"), _numeric),
    (_rule(rf"{_DAY}\.?{_TO}(?P<l>[0-3]?\d)\.?{_S}{_MONTH}\.?(?:,?{_W}{_YEAR})?"), _months_between),
    (
        _rule(
            rf"{_DAY}(?:\.|st|nd|rd|th)?(?:{_W}of)?(?:{_S}|-){_MONTH}\.?(?:(?:,?{_S}|-){_YEAR}|{_W}'(?P<s>\d\d)\b)?"
        ),
        _named,
    ),
    (_rule(rf"{_DAY}\.[ \u00a0]?(?P<m>[01]?\d)\.(?![ \u00a0]?\d)"), _numeric),
    (_rule(rf"(?P<m>[01]?\d)/(?P<y>(?:19|20)\d\d){_END}"), _month_number),
    (_rule(rf"(?P<o>[1-4])(?:\.|st|nd|rd|th)[ \u00a0-]?(?:Quartal|quarter)s?(?:{_OF_YEAR})?"), _quarter),
    (_rule(rf"(?P<o>[12])\.[ \u00a0]?Halbjahr(?:es)?(?:{_OF_YEAR})?"), _half),
    (_rule(rf"(?P<o>[1-4])Q(?:{_HALF_OF_YEAR})"), _quarter),
    (_rule(rf"(?P<o>[12])H(?:{_HALF_OF_YEAR})"), _half),
    (_rule(rf"(?P<c>[369])M(?:{_HALF_OF_YEAR})"), _first_months),
    (_rule(rf"(?P<w>\d{{1,2}})\.[ \u00a0]?(?:KW|Kalenderwoche)(?:{_OF_YEAR})?"), _week),
    (_rule(rf"(?P<y>(?:19|20)\d\d)/(?P<t>(?:19|20)?\d\d){_END}"), _two_years),
    (_rule(r"(?P<y>(?:19|20)\d0)(?:er(?:[ -]Jahren?)?|s)(?!\w)"), _decade),
)
_WORD_RULES = MappingProxyType(
    {
        "month": (
            (_rule(rf"{_MONTH}\.?{_W}{_DAY}{_TO}(?P<l>[0-3]?\d)(?:,?{_W}{_YEAR})(?!\w)"), _months_between),
            (_rule(rf"{_MONTH}\.?{_W}{_DAY}(?:st|nd|rd|th)?,?{_W}{_YEAR}"), _named),
            (_rule(rf"{_MONTH}\.?(?:{_W}of)?(?:,?[ \u00a0\n-]{_YEAR}|{_W}'(?P<s>\d\d)\b)"), _month),
            (_rule(rf"{_MONTH}\.?{_W}{_DAY}(?:st|nd|rd|th)?(?![\w]|[.,:/-]\d)"), _named),
            (_rule(_MONTH), _month),
        ),
        "ordinal": (
            (_rule(rf"{_ORDINAL}\.?[ \u00a0\n-](?:Quartal|quarter)s?(?:{_OF_YEAR})?"), _quarter),
            (_rule(rf"{_ORDINAL}\.?[ \u00a0\n-](?:Halbjahr(?:es)?|half)(?:{_OF_YEAR})?"), _half),
            (
                _rule(rf"(?:erste[nr]?|first){_W}{_COUNT}{_W}(?:Monate?n?|months?)(?:{_OF_YEAR})?"),
                _first_months,
            ),
            (_rule(rf"{_ORDINAL}{_W}{_MONTH}(?:{_W}{_YEAR})?"), _ordinal_day),
        ),
        "edge quarter": (
            (_rule(rf"(?P<which>{_EDGE_QUARTERS})quartals?(?:{_OF_YEAR})?(?!\w)"), _edge_quarter),
        ),
        "q": ((_rule(rf"Q(?P<o>[1-4])(?:{_SHORT_YEAR})?(?!\w)"), _quarter),),
        "h": ((_rule(rf"H(?P<o>[12])(?:{_SHORT_YEAR})?(?!\w)"), _half),),
        "week": (
            (
                _rule(rf"(?:KW|CW|Kalenderwoche|week){_S}(?P<w>\d{{1,2}})(?:{_OF_YEAR})?(?![\d%€$]|[.,]\d)"),
                _week,
            ),
        ),
        "year": (
            (
                _rule(
                    rf"(?:Geschäftsjahr(?:e?s)?|Wirtschaftsjahr|GJ|FY|fiscal(?:{_W}year)?|financial{_W}year)"
                    rf"{_S}(?P<y>(?:19|20)\d\d)[/-](?P<t>(?:19|20)?\d\d){_END}"
                ),
                _two_years,
            ),
            (
                _rule(
                    rf"(?:Geschäftsjahr(?:e?s)?|Wirtschaftsjahr|GJ|FY|fiscal(?:{_W}year)?|financial{_W}year"
                    rf"|Kalenderjahr|calendar{_W}year|Jahre?s?|year){_W}{_YEAR}{_END}"
                ),
                _whole_year,
            ),
            (_rule(rf"(?:FY|GJ)'?{_ANY_YEAR}{_END}"), _whole_year),
            (_rule(rf"year-?{_S}end(?:{_W}of)?{_W}{_YEAR}"), _year_end),
        ),
        "yearend": ((_rule(rf"Jahresende{_W}{_YEAR}"), _year_end),),
        "edge": (
            (
                _rule(
                    r"(?P<e>"
                    + "|".join(EDGES)
                    + rf")(?:{_W}(?:of|des|der))?(?:{_W}(?:the{_W})?(?:Jahres|year))?"
                    rf"(?:{_W}|-)(?:{_MONTH}\.?{_W})?{_YEAR}{_END}"
                ),
                _edge,
            ),
        ),
        "season": (
            (
                _rule(
                    r"(?P<season>" + "|".join(SEASONS) + rf"){_W}(?:of{_W}|des{_W}Jahres{_W})?{_YEAR}{_END}"
                ),
                _season,
            ),
        ),
        "shift": (
            (_rule(rf"(?:letzten|last|final){_W}(?:Quartal|quarter)s?{_OF_YEAR}"), _last_of),
            (_rule(rf"{_SHIFT}{_W}(?P<u>" + "|".join(_UNITS) + r")(?![^\W\d_])"), _relative),
        ),
        "fixed": ((_rule("(?:" + "|".join(_FIXED) + r")(?![^\W\d_])"), _fixed),),
    }
)


def _triggers() -> dict[str, str]:
    """Lower-case word -> name of its rules."""
    endings = ("", "e", "er", "es", "en", "em")
    words = dict.fromkeys(MONTHS, "month")
    words |= {stem + ending: "ordinal" for stem in ORDINALS for ending in endings}
    words |= {stem + ending: "shift" for stem in SHIFTS for ending in endings}
    words |= {f"{one}quartal{end}": "edge quarter" for one in _EDGE_QUARTERS.split("|") for end in ("", "s")}
    words |= dict.fromkeys(("kw", "cw", "kalenderwoche", "week"), "week")
    words |= dict.fromkeys(
        listed(
            "geschäftsjahr geschäftsjahres geschäftsjahrs wirtschaftsjahr gj fy fiscal financial kalenderjahr"
            " calendar jahr jahre jahres year"
        ),
        "year",
    )
    words |= dict.fromkeys(EDGES, "edge") | dict.fromkeys(SEASONS, "season") | dict.fromkeys(_FIXED, "fixed")
    return words | {"q": "q", "h": "h", "jahresende": "yearend"}


CALENDAR_WORDS = MappingProxyType(_triggers())
"""Lower-case word with which a date or period may begin -> which rules to try."""

_JOIN = re.compile(
    rf"(?P<dash>{_S}-{_S})|{_W}(?P<word>bis(?:{_W}(?:zum|einschließlich|Ende(?={_W}der)))?|to|until|through){_W}",
    re.IGNORECASE,
)
_PLAIN_YEAR = re.compile(r"(?:19|20)\d\d(?![\w]|[.,:/'-]\d)")
_YEARS = re.compile(
    rf"(?:(?P<open>von|from|zwischen|between){_W})?(?P<one>(?:19|20)\d\d)"
    rf"(?P<join>{_S}-{_S}|{_W}(?:bis|to|until|und|and|through){_W})(?P<two>(?:19|20)\d\d)(?![\w]|[.,:/-]\d)",
    re.IGNORECASE,
)


def _point(calendar: Calendar, start: int) -> Moment | None:
    """The date or period that begins at an offset, ranges not joined."""
    text = calendar.text
    first = text[start]
    rules: tuple[tuple[re.Pattern[str], type_of_rule], ...] = _DIGIT_RULES
    if not first.isdecimal():
        end = start
        while end < len(text) and text[end].isalpha():
            end += 1
        name = CALENDAR_WORDS.get(text[start:end].lower())
        if name is None:
            return None
        rules = _WORD_RULES[name]
    for pattern, read in rules:
        found = pattern.match(text, start)
        if found:
            return read(found, calendar)
    return None


def years_at(calendar: Calendar, start: int) -> Moment | None:
    """'2023-2025', 'zwischen 2023 und 2025'."""
    found = _YEARS.match(calendar.text, start)
    if not found:
        return None
    opening, join = (found["open"] or "").lower(), found["join"].strip(" \u00a0\n").lower()
    if (join in {"und", "and"}) != (opening in {"zwischen", "between"}):
        return None
    one, two = int(found["one"]), int(found["two"])
    return Moment(found.end(), whole_months(one, 1, 12 * (two - one + 1))) if one < two else None


def plain_year(text: str, start: int) -> Moment | None:
    """A year alone."""
    found = _PLAIN_YEAR.match(text, start)
    return Moment(found.end(), whole_months(int(found.group()), 1, 12)) if found else None


def moment_at(calendar: Calendar, start: int) -> Moment | None:
    """The date or period that begins at an offset, with the other end of its range.

    Returns:
        None where nothing begins; a Moment without days where something does that cannot be told.
    """
    many = years_at(calendar, start)
    if many:
        return many
    first = _point(calendar, start)
    if first is None:
        return None
    join = _JOIN.match(calendar.text, first.end)
    second = _point(calendar, join.end()) if join and join.end() < len(calendar.text) else None
    if second and second.days:
        begin = first.days or (first.rest(second.days.last.year) if first.rest else None)
        if begin and begin.first < second.days.first:
            return Moment(second.end, Days(begin.first, second.days.last))
    if first.days or not first.rest:
        return first
    return _with_today(calendar, start, first)


def _with_today(calendar: Calendar, start: int, found: Moment) -> Moment | None:
    """What lacks its year, by the document's date; month names alone are left alone."""
    today = calendar.today
    assert found.rest is not None
    if calendar.text[start : found.end].lower().rstrip(".") in MONTHS:
        return None
    if today is None:
        return Moment(found.end)
    choices = [days for days in (found.rest(today.year + shift) for shift in (-1, 0, 1)) if days]
    if not choices:
        return Moment(found.end)
    return Moment(found.end, min(choices, key=lambda days: away(days, today)), found.exact)
