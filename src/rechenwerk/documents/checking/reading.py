"""A document made ready for checking: its layout, its folded text, every figure in it and where it stands."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from datetime import date
from types import MappingProxyType

import msgspec

from rechenwerk.documents.checking.currency import of_document
from rechenwerk.documents.checking.folding import Folded, fold
from rechenwerk.documents.checking.layout import Layout, Piece
from rechenwerk.documents.figures import find, iban_valid, style_of, vat_id_valid
from rechenwerk.documents.figures.style import Style
from rechenwerk.documents.values import Figure, Parsed

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[ \u00a0]?\d{2}(?:[ \u00a0]?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_VAT = re.compile(
    r"(?<![A-Za-z0-9])(?:DE|ATU|AT|BE|BG|CHE|CY|CZ|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI"
    r"|SK|XI)[ \u00a0.-]{0,2}[A-Z0-9](?:[ \u00a0./-]?[A-Z0-9]){6,12}(?![A-Za-z0-9])"
)
_ALIKE = MappingProxyType(
    {
        "iban": re.compile(
            r"(?:DE|AT|CH|LI|LU|NL|BE|FR|GB|ES|IT|PL|DK|CZ)\d{2}"
            r"(?:[A-Z0-9]{0,4}\d{10,24}|(?: [A-Z0-9]{4}){3,7}(?: \d{1,3})?)(?![A-Za-z0-9])"
        ),
        "vat_id": re.compile(
            r"(?:DE ?\d{3} ?\d{3} ?\d{3}|AT ?U ?\d{8}|[A-Z]{2} ?\d{8,12})(?![A-Za-z0-9]| \d)"
        ),
    }
)
"""Numbers that have the form of an account or a VAT id, whether their check digits are right or not."""
_REST = re.compile(r" ?\n\d{1,4}(?: \d{1,4}){0,2}(?![A-Za-z0-9])")
"""The end of an account in the next line; its check digits say whether it is."""
_CITED = re.compile(r"^>.*$", re.MULTILINE)
_ANSWERED = re.compile(
    r"^(?:-{3,}\s*(?:Ursprüngliche Nachricht|Original Message|Weitergeleitete Nachricht|Forwarded message).*"
    r"|(?:Am|On) .{4,80} (?:schrieb|wrote)\b.*:)\s*$",
    re.MULTILINE,
)
_LONG = 40
"""A line of so many characters is running text: a figure may go on in the next."""


class Mark(msgspec.Struct, frozen=True):
    """A value in the text, before anybody asks for it.

    Args:
        start, end: offsets in the text.
        kind: of the figure, or 'iban', 'vat_id'.
        figure: None for iban and vat_id.
    """

    start: int
    end: int
    kind: str
    figure: Figure | None = None


class Reading:
    """What the check knows of a document.

    Args:
        parsed: the document.
        today: its date, for dates that are relative to it; None where unknown.
    """

    def __init__(self, parsed: Parsed, today: date | None = None) -> None:
        self.parsed = parsed
        self.text = parsed.text
        self.language = parsed.language
        self.today = today
        self.style = _style(parsed)
        self.layout = Layout(parsed)
        numbers = [*self._spans(_IBAN, "iban"), *self._spans(_VAT, "vat_id")]
        taken = [(mark.start, mark.end) for mark in numbers]
        figures = [
            Mark(figure.start, figure.end, figure.kind, figure)
            for figure in self._figures()
            if not any(figure.start < end and figure.end > start for start, end in taken)
        ]
        self.marks = tuple(sorted([*numbers, *figures], key=lambda mark: (mark.start, mark.end)))
        self._mark_starts = [mark.start for mark in self.marks]
        self.currency = of_document(
            self.text, self.layout, [mark.figure for mark in figures if mark.figure is not None]
        )
        """Of amounts that carry none; '' where the document does not say it."""
        self._quoted = tuple(_quoted(parsed.text))
        self._folded: Folded | None = None

    @property
    def folded(self) -> Folded:
        """The text as quotes are looked for in it."""
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    def _spans(self, pattern: re.Pattern[str], kind: str) -> Iterator[Mark]:
        for found in pattern.finditer(self.text):
            if kind == "iban":
                end = _longest_iban(found[0])
                if end:
                    yield Mark(found.start(), found.start() + end, kind)
                    continue
            elif vat_id_valid(found[0]):
                yield Mark(found.start(), found.end(), kind)
                continue
            # what looks like one and fails its check digits is for a person, not absent
            alike = _ALIKE[kind].match(found[0])
            if alike is not None:
                end = found.start() + alike.end()
                rest = _REST.match(self.text, end)
                if (
                    kind == "iban"
                    and rest
                    and iban_valid("".join(self.text[found.start() : rest.end()].split()))
                ):
                    end = rest.end()
                yield Mark(found.start(), end, kind)

    def _figures(self) -> Iterator[Figure]:
        pieces = self.layout.pieces
        for at, piece in enumerate(pieces):
            end = piece.end
            following = pieces[at + 1] if at + 1 < len(pieces) else None
            if following is not None and piece.end - piece.start >= _LONG and piece.page == following.page:
                end = following.end
            for figure in find(
                self.text[piece.start : end], language=self.language, today=self.today, style=self.style
            ):
                if piece.start + figure.start < piece.end:
                    yield _moved(figure, piece.start)

    def marks_in(self, start: int, end: int) -> tuple[Mark, ...]:
        """Values that lie within a span."""
        first = bisect.bisect_left(self._mark_starts, start)
        last = bisect.bisect_left(self._mark_starts, end)
        return tuple(mark for mark in self.marks[first:last] if mark.end <= end)

    def overlapping(self, start: int, end: int) -> tuple[Mark, ...]:
        """Values that a span touches."""
        last = bisect.bisect_left(self._mark_starts, end)
        return tuple(mark for mark in self.marks[max(0, last - 60) : last] if mark.end > start)

    def is_quoted(self, offset: int) -> bool:
        """Whether a place belongs to an older mail that this one quotes."""
        return any(start <= offset < end for start, end in self._quoted)

    def is_value(self, piece: Piece) -> bool:
        """Whether a piece holds nothing but values, signs and units."""
        left = list(self.text[piece.start : piece.end])
        for mark in self.marks_in(piece.start, piece.end):
            left[mark.start - piece.start : mark.end - piece.start] = " " * (mark.end - mark.start)
        rest = "".join(left).strip(" \n.,:;-+*|/()=")
        return rest.casefold() in _UNITS or (not any(letter.isalpha() for letter in rest))


def _style(parsed: Parsed) -> Style:
    """How a document writes; in English without a country nobody knows 04/03/2025 but by its other dates."""
    style = style_of(parsed.text, parsed.language)
    if style.language != "en" or "-" in parsed.language:
        return style
    told = style_of(parsed.text, "en-GB").day_first == style.day_first
    return style if told else msgspec.structs.replace(style, day_first=None)


_UNITS = frozenset(
    (
        "",
        "eur",
        "euro",
        "usd",
        "chf",
        "gbp",
        "stk",
        "st",
        "stück",
        "std",
        "h",
        "kg",
        "m",
        "pcs",
        "psch",
        "pauschal",
    )
)
"""Words beside a number that make it no less a value."""


def _longest_iban(text: str) -> int:
    """Length of the valid IBAN at the beginning of a text, which may run into the next word."""
    for end in range(len(text), 14, -1):
        if (end == len(text) or not text[end].isalnum() or text[end - 1].isspace()) and iban_valid(
            text[:end]
        ):
            return len(text[:end].rstrip())
    return 0


def _quoted(text: str) -> Iterator[tuple[int, int]]:
    """Lines that begin with '>', and all behind the heading of a mail that is answered or forwarded."""
    for found in _CITED.finditer(text):
        yield found.start(), found.end()
    answered = _ANSWERED.search(text)
    if answered is not None and answered.start() > 0:
        stop = text.find("\f", answered.end())
        yield answered.start(), len(text) if stop < 0 else stop


def _moved(figure: Figure, by: int) -> Figure:
    return msgspec.structs.replace(figure, start=figure.start + by, end=figure.end + by)
