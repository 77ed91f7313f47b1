"""E-invoices that others made, as an extra set: PDFs with their XML in a folder named by the environment.

`RECHENWERK_BENCH_INVOICES` names the folder (for example the PDFs of the public collection ZUGFeRD/corpus,
Apache-2.0); nothing of it is kept here. What such a document says is not known, only what its XML knows: a
value counts as said if one of its usual spellings stands in the text of the pages.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pypdfium2

from bench.documents.invoice_truth import half
from bench.documents.invoice_words import MONTHS
from bench.documents.invoice_xml import read, taken_out
from bench.documents.scoring import DATES, MONEY, NUMBERS, plain

SETTING = "RECHENWERK_BENCH_INVOICES"
PROFILES = re.compile(r".*(?:BASIC-WL|BASIC|COMFORT|EN16931|EXTENDED|MINIMUM|XRECHNUNG)_?")


@dataclass(frozen=True)
class Real:
    """An e-invoice of others: its pages without the XML, and what the XML knows."""

    name: str
    bare: bytes
    xml: dict[str, Any]
    said: dict[str, Any]
    half: str


def spelt(name: str, value: Any) -> list[str]:
    """How a value may be written."""
    if name in DATES:
        day = dt.date.fromisoformat(value)
        in_german, in_english = (MONTHS[language][day.month - 1] for language in ("de", "en"))
        return [f"{day:%d.%m.%Y}", f"{day.day}.{day.month}.{day.year}", f"{day:%d.%m.%y}", f"{day:%Y-%m-%d}",
                f"{day.day}. {in_german} {day.year}", f"{day.day:02d}. {in_german} {day.year}",
                f"{day.day} {in_english} {day.year}", f"{in_english} {day.day}, {day.year}"]  # fmt: skip
    if name in MONEY | NUMBERS:
        number = abs(Decimal(value))
        english = [f"{number:,.2f}", f"{number:.2f}"]
        german = [text.replace(",", " ").replace(".", ",").replace(" ", ".") for text in english]
        whole = [f"{number:f}".split(".")[0]] if number == int(number) and name in NUMBERS else []
        return german + english + whole
    return [str(value)]


def says(text: str, name: str, value: Any) -> bool:
    """Whether one of a value's spellings stands in the text, not as part of a longer number."""
    for spelling in spelt(name, value):
        pattern = rf"(?<![\w]){re.escape(plain(spelling))}(?![\w])"
        tight = name in {"iban", "supplier_vat_id", "customer_vat_id"}
        if re.search(pattern, text) or (tight and plain(spelling).replace(" ", "") in text.replace(" ", "")):
            return True
    return False


def said(pdf: bytes, xml: dict[str, Any]) -> dict[str, Any]:
    """What of the XML the pages say."""
    pages = pypdfium2.PdfDocument(pdf)
    text = plain(" ".join(page.get_textpage().get_text_range() for page in pages))
    found: dict[str, Any] = {}
    for name, value in xml.items():
        empty = value in {None, ""} if not isinstance(value, (list, dict)) else not value
        if name in {"items", "currency", "service_period"} or empty:
            continue
        if (name == "prepaid" and not Decimal(value)) or (name == "payable" and value == xml.get("gross")):
            continue
        if isinstance(value, list):
            stated = [each for each in value if says(text, name, each)]
            if stated:
                found[name] = stated
        elif says(text, name, value):
            found[name] = value
    period = xml.get("service_period")
    if period and all(says(text, "invoice_date", period[end]) for end in ("from", "to")):
        found["service_period"] = period
    if xml.get("currency"):
        found["currency"] = xml["currency"]
    return found


def group(name: str) -> str:
    """What a file is a variant of: the same invoice in other profiles and versions stays in one half."""
    return PROFILES.sub("", name.removesuffix(".pdf")) or name


def real(folder: Path | None = None) -> Iterator[Real]:
    """The e-invoices of the folder; nothing where none is named."""
    named = os.environ.get(SETTING, "")
    place = folder or (Path(named) if named else None)
    for path in sorted(place.rglob("*.pdf")) if place else ():
        bare, xml = taken_out(path.read_bytes())
        if not xml:
            continue
        try:
            truth = read(xml)
        except ET.ParseError:
            continue
        yield Real(path.stem, bare, truth, said(bare, truth), half(group(path.name)))
