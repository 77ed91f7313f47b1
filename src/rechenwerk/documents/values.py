"""What a document is once it was read, and what was found in it, with its evidence.

Offsets are counted in characters (code points) of `Parsed.text`; boxes are points (1/72 inch) from the
upper left corner of their page. Every part of the room speaks in these values.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec


class Box(msgspec.Struct, frozen=True, array_like=True):
    """A rectangle on a page in points, origin in the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


class Word(msgspec.Struct, frozen=True, array_like=True):
    """A word: `text[start:end]`, where it stands, and how sure the reader is.

    Args:
        start, end: offsets in the text.
        page: its number, from 1.
        box: None where the format has no pages (a mail, a table of values).
        confidence: 0 to 100 of the OCR; 100 for text that was not recognised but read.
    """

    start: int
    end: int
    page: int
    box: Box | None = None
    confidence: int = 100


class Page(msgspec.Struct, frozen=True):
    """A page (a sheet, a slide, a mail counts as one): `text[start:end]`.

    Args:
        number: from 1.
        start, end: offsets in the text.
        width, height: points; 0 where the format has no pages.
        source: 'digital', 'ocr', or 'none' where it could not be read.
        fault: why it could not be read or is incomplete; one line.
        name: of a sheet or an attachment.
    """

    number: int
    start: int
    end: int
    width: float = 0.0
    height: float = 0.0
    source: str = "digital"
    fault: str = ""
    name: str = ""


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """A cell of a table: `text[start:end]`, empty cells have start == end."""

    start: int
    end: int
    box: Box | None = None


class Table(msgspec.Struct, frozen=True):
    """A table that stayed a table: rows of cells; the first `head` rows are headings."""

    page: int
    rows: tuple[tuple[Cell, ...], ...]
    head: int = 0


class PagePart(msgspec.Struct, frozen=True, tag=True):
    """A page as its reader hands it over, one after the other; see `Page` for its fields.

    Offsets of its words and tables count from the beginning of the document's text.
    """

    text: str
    words: tuple[Word, ...] = ()
    tables: tuple[Table, ...] = ()
    width: float = 0.0
    height: float = 0.0
    source: str = "digital"
    fault: str = ""
    name: str = ""


class Parsed(msgspec.Struct, frozen=True):
    """A document as it was read.

    Args:
        kind: of the file by its content: 'pdf', 'docx', 'xlsx', 'pptx', 'odt', 'html', 'eml', 'txt', 'csv',
            'xml' or 'image'.
        text: lines end with a line feed, pages with a form feed; words of a line are joined by a space.
        pages, words, tables: in reading order.
        language: 'de', 'en' or '' where unknown.
        invoice: the embedded XML of an e-invoice (ZUGFeRD, Factur-X, XRechnung), or ''.
        properties: what the format says of itself: title, author, subject, from, to, date (ISO) and the like.
        faults: one line each for what could not be read.
    """

    kind: str
    text: str
    pages: tuple[Page, ...]
    words: tuple[Word, ...] = ()
    tables: tuple[Table, ...] = ()
    language: str = ""
    invoice: str = ""
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    faults: tuple[str, ...] = ()


class Plain(msgspec.Struct, frozen=True):
    """Of a `Parsed` what a quote's surroundings need."""

    kind: str
    text: str
    pages: tuple[Page, ...]


class Amount(msgspec.Struct, frozen=True):
    """A number with what qualifies it: 'über 12 Mrd. US-Dollar' is more than 12 000 000 000 USD.

    Args:
        low, high: equal but for a range ('10 to 12 million').
        unit: an ISO 4217 code, '%', a unit as written ('kWh', 'Tage'), or ''.
        qualifier: '', 'about', 'at least', 'at most', 'more than', 'less than' or 'range'.
    """

    low: Decimal
    high: Decimal
    unit: str = ""
    qualifier: str = ""


class Days(msgspec.Struct, frozen=True):
    """A day or a period; both ends belong to it."""

    first: date
    last: date


class Figure(msgspec.Struct, frozen=True):
    """A number or a date that stands in a text at `text[start:end]`.

    Args:
        kind: 'number', 'percent', 'money', 'date', 'period' or 'duration' (its amount counts days ...).
        amount: for all but dates and periods.
        days: for dates and periods.
    """

    start: int
    end: int
    kind: str
    amount: Amount | None = None
    days: Days | None = None


class Evidence(msgspec.Struct, frozen=True):
    """Where a value came from.

    Args:
        page: its number, from 1.
        start, end: of the quote in the text.
        quote: `text[start:end]`, as it stands there.
        label_start, label_end: of the label or heading that gives the value its role; equal where none does.
        boxes: of the quote's words; empty where the format has no pages.
    """

    page: int
    start: int
    end: int
    quote: str
    label_start: int = 0
    label_end: int = 0
    boxes: tuple[Box, ...] = ()


FIRM = frozenset({"proven", "accepted", "corrected"})
"""States of a value that nothing is in doubt about."""


class Value(msgspec.Struct, frozen=True):
    """What a document says in one field.

    Args:
        field: its path in the schema: 'total', 'items.2.price' (rows count from 0).
        value: JSON, by the field's type: text and one_of a string, number {"number", "unit", "qualifier"},
            money {"amount", "currency", "qualifier"}, date "2025-04-03", period {"from", "to"} (both ends
            belong to it), iban and vat_id without spaces, yes_no a boolean; numbers are strings; ranges have
            "upper" besides. None: the document does not say it.
        state: 'proven', 'unproven', 'absent', or after review 'accepted', 'corrected', 'rejected'.
        origin: 'xml', 'rule', 'trained', 'model' or 'person'.
        evidence: None where absent or not found.
        reasons: why it is unproven or what a cross-check says, one line each, '<rule>: <words>'.
    """

    field: str
    value: Any
    state: str
    origin: str
    evidence: Evidence | None = None
    reasons: tuple[str, ...] = ()
