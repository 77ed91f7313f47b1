"""Documents as workbooks: numbers are numbers, sums are formulas."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from rechenwerk.ledger.statements import Content
from rechenwerk.office.closing.layout import Section, Sheet, lay_out
from rechenwerk.office.closing.words import Words

_WIDTHS = (46, 26, 16, 16, 12, 16)
_LAST = len(_WIDTHS) - 1


def xlsx(content: Content, words: Words, sha256: str) -> bytes:
    """The workbook: one sheet for the document, one for each annex."""
    sheet = lay_out(content, words, sha256)
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False})
    # Nothing in the file may depend on when it was rendered.
    issued = datetime.fromisoformat(content.issued_at).replace(tzinfo=None)
    book.set_properties({"title": f"{sheet.title} {sheet.number}", "created": issued})
    writer = _Writer(book, words)
    writer.document(sheet)
    for number, annex in enumerate(sheet.annexes, 1):
        writer.annex(f"{words('annex')} {number}", annex)
    book.close()
    return buffer.getvalue()


class _Writer:
    """Writes rows below each other."""

    def __init__(self, book: Any, words: Words) -> None:
        self._book = book
        self._words = words
        self._cents = book.add_format({"num_format": "#,##0.00"})
        self._exact = book.add_format({"num_format": "#,##0.00#######"})
        self._count = book.add_format({"num_format": "#,##0"})
        self._right = book.add_format({"align": "right"})
        self._bold = book.add_format({"bold": True})
        self._title = book.add_format({"bold": True, "font_size": 16, "font_color": "#17507A"})
        look = {"bold": True, "bg_color": "#F2F5F8", "bottom": 1}
        self._head = book.add_format(look)
        self._head_right = book.add_format({**look, "align": "right"})
        self._sum = book.add_format({"bold": True, "num_format": "#,##0.00", "top": 1})
        self._exact_sum = book.add_format({"bold": True, "num_format": "#,##0.00#######", "top": 1})
        self._page: Any = None
        self._at = 0

    def document(self, sheet: Sheet) -> None:
        """The document's own sheet."""
        self._open(sheet.title)
        self._page.write_string(0, 0, sheet.title, self._title)
        self._at = 2
        for label, value in (*sheet.facts, *((self._words("issuer"), line) for line in sheet.issuer)):
            self._page.write_string(self._at, 0, label, self._bold)
            self._page.write_string(self._at, 1, value)
            self._at += 1
        for line in sheet.recipient:
            self._page.write_string(self._at, 0, self._words("recipient"), self._bold)
            self._page.write_string(self._at, 1, line)
            self._at += 1
        for said in sheet.opening:
            self._page.write_string(self._at, 0, said)
            self._at += 1
        self._at += 1
        self._heads(sheet.currency, sheet.sections[0].price if sheet.sections else "")
        first = self._at
        for section in sheet.sections:
            self._lines(section, self._cents)
        self._sums(sheet, first)
        self._at += 1
        for said in (*sheet.notes, sheet.fingerprint):
            self._page.write_string(self._at, 0, said)
            self._at += 1

    def annex(self, name: str, section: Section) -> None:
        """A sheet of exact amounts."""
        self._open(name)
        self._page.write_string(0, 0, section.title, self._bold)
        self._at = 2
        self._heads("", section.price)
        first = self._at
        self._lines(section, self._exact)
        self._total(self._words("sum"), first, section.total, self._exact_sum)

    def _open(self, name: str) -> None:
        self._page = self._book.add_worksheet(name)
        self._page.set_paper(9)
        self._page.set_landscape()
        self._page.fit_to_pages(1, 0)
        for column, width in enumerate(_WIDTHS):
            self._page.set_column(column, column, width)
        self._at = 0

    def _heads(self, currency: str, price: str) -> None:
        words = self._words
        names: Iterable[str] = (
            words("section"),
            words("text"),
            words("quantity"),
            price or words("price"),
            words("per"),
            f"{words('amount')} {currency}".strip(),
        )
        for column, name in enumerate(names):
            self._page.write_string(self._at, column, name, self._head if column < 2 else self._head_right)
        self._page.repeat_rows(self._at)
        self._page.freeze_panes(self._at + 1, 0)
        self._at += 1

    def _lines(self, section: Section, amount: Any) -> None:
        for group in section.groups:
            for line in group.lines:
                self._page.write_string(self._at, 0, group.title or section.title)
                self._page.write_string(self._at, 1, line.text)
                if line.quantity:
                    self._page.write_number(self._at, 2, int(line.quantity), self._count)
                if line.unit_price:
                    self._page.write_number(self._at, 3, Decimal(line.unit_price), self._exact)
                elif line.note:
                    self._page.write_string(self._at, 3, line.note, self._right)
                if line.per:
                    self._page.write_number(self._at, 4, line.per, self._count)
                self._page.write_number(self._at, _LAST, Decimal(line.amount), amount)
                self._at += 1

    def _total(self, label: str, first: int, value: str, look: Any) -> None:
        """A sum of everything above; its value is kept beside the formula for readers that do not compute."""
        self._page.write_string(self._at, 0, label, self._bold)
        column = chr(ord("A") + _LAST)
        formula = f"=SUM({column}{first + 1}:{column}{self._at})" if self._at > first else "=0"
        self._page.write_formula(self._at, _LAST, formula, look, Decimal(value))
        self._at += 1

    def _sums(self, sheet: Sheet, first: int) -> None:
        net, vat, gross = sheet.sums
        self._total(net[0], first, net[1], self._sum)
        self._page.write_string(self._at, 0, vat[0], self._bold)
        self._page.write_number(self._at, _LAST, Decimal(vat[1]), self._cents)
        self._at += 1
        self._page.write_string(self._at, 0, gross[0], self._bold)
        column = chr(ord("A") + _LAST)
        formula = f"={column}{self._at - 1}+{column}{self._at}"
        self._page.write_formula(self._at, _LAST, formula, self._sum, Decimal(gross[1]))
        self._at += 1
