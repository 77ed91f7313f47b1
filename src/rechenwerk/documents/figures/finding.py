"""Every figure of a text, and one figure of a quote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from rechenwerk.documents.figures.amounts import Page, amount_at
from rechenwerk.documents.figures.dates import (
    CALENDAR_WORDS,
    Calendar,
    Moment,
    moment_at,
    plain_year,
    years_at,
)
from rechenwerk.documents.figures.shields import chunk_end, ordinal_end, shielded_digits, shielded_word
from rechenwerk.documents.figures.spoken import compound, word_at
from rechenwerk.documents.figures.style import Style, listed, plain, style_of
from rechenwerk.documents.figures.units import Unclear
from rechenwerk.documents.values import Amount, Figure

_TOKEN = re.compile(r"\d+|[^\W\d_]+|§")
_NET = re.compile(
    r"net[ \u00a0](\d{1,3})(?![\w.,]\d|\w)(?![ \u00a0]?[%€$]|[ \u00a0](?:EUR|USD|million|billion|days))",
    re.IGNORECASE,
)
_LONG = 7
_HARMLESS = frozenset(
    listed(
        "am vom den zum bis ab seit der die das dem im in on by the of dated as per netto net brutto gross"
        " inkl incl zzgl plus mwst ust vat date datum um und and von from"
    )
)
_WORD = re.compile(r"[^\W_]+")
_AMOUNTS = frozenset({"number", "percent", "money", "duration"})


class _Scan:
    """One pass over a text.

    Args:
        text: plain.
        style: of the document.
        today: the document's date.
        whole: the text is one figure.
        wanted: 'amount', 'days' or '' for both.
    """

    def __init__(
        self, text: str, style: Style, today: date | None, *, whole: bool = False, wanted: str = ""
    ) -> None:
        self._text = text
        self._wanted = wanted
        self._style = style
        self._calendar = Calendar(text, style, today)
        self._whole = whole
        self._floor = 0

    def figures(self) -> Iterator[Figure]:
        """In the order of the text."""
        text = self._text
        for token in _TOKEN.finditer(text):
            start = token.start()
            if start < self._floor:
                continue
            first = token.group()
            figure = self._digits(start) if first[0].isdecimal() else self._word(start, first.lower())
            if figure:
                self._floor = figure.end
                yield figure

    def _skip(self, end: int) -> None:
        self._floor = max(self._floor, end)

    def _moment(self, start: int, found: Moment) -> Figure | None:
        if found.days is None:
            self._skip(found.end)
            return None
        return Figure(start, found.end, "date" if found.exact else "period", days=found.days)

    def _digits(self, start: int) -> Figure | None:
        """What begins with a digit."""
        text = self._text
        shielded = 0 if self._whole else shielded_digits(text, start)
        if shielded:
            self._skip(shielded)
            return None
        front = text[start - 1] if start else " "
        if not (front.isalnum() or (front in "_@#.,:/-" and start > 1 and text[start - 2].isalnum())):
            found = self._days(start)
            if found:
                return self._moment(start, found)
        ordinal = 0 if self._whole else ordinal_end(text, start, self._style.language)
        if ordinal:
            self._skip(ordinal)
            return None
        figure = self._amount(start) if self._wanted != "days" else None
        if self._wanted == "amount":
            return figure
        year = plain_year(text, start) if figure is None or figure.end - start == 4 else None
        if (
            year
            and (figure is None or (figure.kind == "number" and figure.start == start))
            and not self._touched(start)
        ):
            return self._moment(start, year)
        if figure is None:
            self._skip(chunk_end(text, start))
        return figure

    def _days(self, start: int) -> Moment | None:
        return None if self._wanted == "amount" else moment_at(self._calendar, start)

    def _touched(self, start: int) -> bool:
        """Whether a letter or sign hangs at the front of digits."""
        front = self._text[start - 1] if start else " "
        return front.isalnum() or front in "_@#$€£/.,-'"

    def _amount(self, start: int) -> Figure | None:
        try:
            found = amount_at(Page(self._text, self._style, self._whole, self._floor), start)
        except Unclear:
            self._skip(chunk_end(self._text, start, spaced=True))
            return None
        return found[2] if found else None

    def _word(self, start: int, name: str) -> Figure | None:
        """What begins with a word."""
        text = self._text
        if name in CALENDAR_WORDS or name in {"von", "from", "zwischen", "between"}:
            found = self._days(start) if name in CALENDAR_WORDS else years_at(self._calendar, start)
            if found:
                return self._moment(start, found)
        shielded = 0 if self._whole else shielded_word(text, start, name)
        if shielded:
            self._skip(shielded)
            return None
        if name == "net":
            return self._net(start)
        if start and (text[start - 1].isalnum() or text[start - 1] in "_@"):
            return None
        if self._wanted == "days":
            return None
        if word_at(text, start):
            return self._amount(start)
        return self._compound(start) if len(name) >= _LONG else None

    def _compound(self, start: int) -> Figure | None:
        """'dreijährige Laufzeit'."""
        found = compound(self._text, start)
        if not found:
            return None
        value, name = found[0].value, found[1]
        return Figure(
            start, found[0].end, "percent" if name == "%" else "duration", amount=Amount(value, value, name)
        )

    def _net(self, start: int) -> Figure | None:
        """'net 30': so many days."""
        found = _NET.match(self._text, start)
        if not found:
            return None
        days = Amount(Decimal(found[1]), Decimal(found[1]), "days")
        return Figure(start, found.end(), "duration", amount=days)


def find(
    text: str, *, language: str = "", today: date | None = None, style: Style | None = None
) -> tuple[Figure, ...]:
    """Every figure of a text, in its order; none overlaps another.

    Args:
        text: of a document, as it was parsed.
        language: 'de', 'en' (a region may follow: 'en-GB'); '' to sense it.
        today: the document's date, for 'im letzten Quartal'; without it such words are no figure.
        style: how the document writes, where that is known already (for a part of a document).
    """
    return tuple(_Scan(plain(text), style or style_of(text, language), today).figures())


def _as_kind(figure: Figure, kind: str) -> Figure | None:
    """The figure as the kind that was asked for, None where it is of another."""
    if figure.kind == kind:
        return figure
    if kind == "period" and figure.kind == "date":
        return Figure(figure.start, figure.end, kind, days=figure.days)
    amount = figure.amount
    if amount is None:
        return None
    if kind == "number" and figure.kind in {"percent", "duration"}:
        return Figure(figure.start, figure.end, kind, amount=amount)
    if figure.kind == "number" and not amount.unit and kind in {"money", "percent"}:
        unit = "%" if kind == "percent" else ""
        return Figure(
            figure.start, figure.end, kind, amount=Amount(amount.low, amount.high, unit, amount.qualifier)
        )
    return None


def _alone(text: str, figure: Figure) -> bool:
    """Whether nothing of weight stands around the figure."""
    rest = f"{text[: figure.start]} {text[figure.end :]}"
    return all(word.lower() in _HARMLESS for word in _WORD.findall(rest)) and not re.search(
        r"[-+€$£%§#]", rest
    )


def read(
    quote: str, kind: str, *, language: str = "", today: date | None = None, style: Style | None = None
) -> Figure | None:
    """The one figure that a quote is; None where it is none of this kind, or cannot be told.

    Args:
        quote: nothing beside the figure but small words ('am 3. April 2025', '30 Tage netto').
        kind: 'number', 'percent', 'money', 'date', 'period' or 'duration'. A number without a unit is also
            read as money (its unit is ''), a day also as a period.
        language: as for `find`.
        today: the document's date.
        style: how the document writes; a quote alone says little.
    """
    text = plain(quote)
    manner = style or style_of(quote, language)
    wanted = "amount" if kind in _AMOUNTS else "days"
    for whole in (True, False):
        found = list(_Scan(text, manner, today, whole=whole, wanted=wanted).figures())
        if len(found) == 1 and _alone(text, found[0]):
            return _as_kind(found[0], kind)
    return None
