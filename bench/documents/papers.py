"""What is measured on: invented invoices and those of others, stripped of their XML, in one form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.documents import invoices
from bench.documents.invoice_xml import read, taken_out
from bench.documents.real_invoices import real
from bench.documents.scoring import HEADER


@dataclass(frozen=True)
class Paper:
    """A document as the product gets it, and what is known of it.

    Args:
        name: without suffix.
        data: the PDF without its XML.
        said: what it says, by field; `derived` of it only in words from which it follows.
        derived: names of such fields.
        xml: what its XML knows.
        half: 'tuning' or 'held'.
        scanned: whether it has no text layer.
        fields: those that are judged.
    """

    name: str
    data: bytes
    said: dict[str, Any]
    derived: frozenset[str]
    xml: dict[str, Any]
    half: str
    scanned: bool
    fields: tuple[str, ...]

    @property
    def currency(self) -> str:
        return str(self.said.get("currency") or self.xml.get("currency") or "")

    @property
    def rows(self) -> list[dict[str, Any]] | None:
        """The table; None where it is not known how the pages show it."""
        found: list[dict[str, Any]] | None = self.said.get("items")
        return found


def own(count: int) -> Iterator[Paper]:
    """Invented invoices."""
    for one in invoices.documents(count):
        bare, xml = taken_out(one.data)
        yield Paper(one.name, bare, one.said, one.derived, read(xml), one.half, one.scanned, HEADER)


def others() -> Iterator[Paper]:
    """E-invoices of others, judged in the fields that both their XML and their pages say.

    Left out are files whose pages are those of another invoice than their XML: number, day or total differ.
    """
    for one in real():
        if {"invoice_number", "invoice_date", "gross"} <= one.said.keys():
            fields = tuple(name for name in HEADER if name in one.said)
            yield Paper(one.name, one.bare, one.said, frozenset(), one.xml, one.half, False, fields)
