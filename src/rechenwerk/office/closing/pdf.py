"""Documents as PDF, A4: the table's header on every page, and sums carried forward from page to page.

The same content gives the same bytes: the only time in the file is that of issue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from fpdf.enums import MethodReturnValue, XPos, YPos

from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.base.paper import INK, MARK, RULE, SOFT, TINT, Color, Paper
from rechenwerk.ledger.statements import Content
from rechenwerk.office.closing.layout import Line, Section, Sheet, lay_out
from rechenwerk.office.closing.words import Words

_LEFT, _TOP, _BOTTOM = 20.0, 18.0, 22.0
_WIDTHS = (82.0, 26.0, 36.0, 26.0)
_WIDTH = sum(_WIDTHS)
_ROW = 5.0
_Align = Literal["L", "R"]


def pdf(content: Content, words: Words, sha256: str) -> bytes:
    """The document as PDF."""
    sheet = lay_out(content, words, sha256)
    paper = _Paper(sheet, words)
    paper.set_creation_date(datetime.fromisoformat(content.issued_at))
    paper.set_title(f"{sheet.title} {sheet.number}")
    paper.set_lang(words.language)
    paper.set_creator("Rechenwerk")
    paper.set_producer("fpdf2")
    paper.add_page()
    _head(paper, sheet)
    table = _Table(paper, words, words.amount)
    if sheet.sections:
        table.open(sheet.sections[0].price)
        for section in sheet.sections:
            table.section(section, subtotal=len(sheet.sections) > 1)
    _sums(paper, sheet, words)
    for annex in sheet.annexes:
        paper.add_page()
        paper.say(annex.title, 11, bold=True, color=MARK)
        paper.ln(1)
        inner = _Table(paper, words, words.exact)
        inner.open(annex.price)
        inner.section(annex, subtotal=False, titled=False)
        inner.total(words("sum"), annex.total)
    paper.ln(4)
    paper.say(sheet.fingerprint, 6, color=SOFT)
    return bytes(paper.output())


class _Paper(Paper):
    """Pages with a footer."""

    def __init__(self, sheet: Sheet, words: Words) -> None:
        super().__init__()
        self._sheet = sheet
        self._words = words
        self.set_margins(_LEFT, _TOP, 210 - _LEFT - _WIDTH)
        self.set_auto_page_break(False)

    def footer(self) -> None:
        """What it is, and which page of how many."""
        self.set_y(-14)
        self.ink(7, color=SOFT)
        sheet = self._sheet
        self.cell(_WIDTH - 40, 4, f"{sheet.title} {sheet.number}")
        page = self._words("page", page=self.page_no(), pages="{nb}")
        self.cell(40, 4, page, align="R")

    def say(self, text: str, size: float, *, bold: bool = False, color: Color = INK) -> None:
        """A paragraph over the whole width, on a new page where it does not fit."""
        self.ink(size, bold=bold, color=color)
        height = size * 0.52
        need = height * len(self.lines(_WIDTH, text))
        if self.get_y() + need > self.h - _BOTTOM:
            self.add_page()
            self.ink(size, bold=bold, color=color)
        self.multi_cell(_WIDTH, height, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")

    def lines(self, width: float, text: str) -> list[str]:
        """How a text breaks in a column."""
        found = self.multi_cell(width, 4, text, dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(found, list)
        return found or [""]


def _head(paper: _Paper, sheet: Sheet) -> None:
    """Address on the left, facts on the right."""
    if sheet.issuer:
        paper.ink(7, color=SOFT)
        paper.cell(_WIDTH, 4, " · ".join(sheet.issuer), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        paper.set_draw_color(201, 210, 219)
        paper.line(_LEFT, paper.get_y(), _LEFT + _WIDTH, paper.get_y())
    top = paper.get_y() + 6
    paper.set_y(top)
    paper.ink(10)
    for line in sheet.recipient:
        paper.multi_cell(76, 5, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
    left = paper.get_y()
    paper.set_y(top)
    for label, value in sheet.facts:
        paper.set_x(_LEFT + 82)
        paper.ink(8, color=SOFT)
        paper.cell(26, 4.6, label)
        paper.ink(8)
        paper.multi_cell(_WIDTH - 108, 4.6, value, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_y(max(left, paper.get_y(), top + 22) + 6)
    paper.say(sheet.title, 16, bold=True, color=MARK)
    paper.ln(2)
    for said in sheet.opening:
        paper.say(said, 9)
    if sheet.opening:
        paper.ln(2)


class _Table:
    """The lines of a document; on a new page the header again, and what was summed up so far.

    Args:
        paper: where it is drawn.
        words: the language.
        amount: how amounts are written.
    """

    def __init__(self, paper: _Paper, words: Words, amount: Callable[[str], str]) -> None:
        self._paper = paper
        self._words = words
        self._amount = amount
        self._sum = 0
        self._price = words("price")

    def open(self, price: str = "") -> None:
        """The header; `price`: what the column of prices is called, if otherwise."""
        self._price = price or self._price
        paper, words = self._paper, self._words
        paper.ink(8, bold=True)
        paper.set_fill_color(*TINT)
        unit = paper._sheet.currency  # noqa: SLF001 - of this file
        names = (words("text"), words("quantity"), self._price, f"{words('amount')} {unit}")
        for at, (name, width) in enumerate(zip(names, _WIDTHS, strict=True)):
            paper.cell(width, 6, name, fill=True, align="R" if at else "L")
        paper.ln(6)
        self._rule(MARK)

    def section(self, section: Section, *, subtotal: bool, titled: bool = True) -> None:
        """A part of the document, line by line."""
        first = True
        for group in section.groups:
            head = [section.title] if titled and first else []
            self._headings(head, group.title, group.lines)
            for line in group.lines:
                self._line(line, group.title)
            first = False
        if subtotal:
            self.total(self._words("subtotal"), section.total, soft=True)

    def total(self, label: str, value: str, *, soft: bool = False) -> None:
        """A sum below the lines."""
        self._break(_ROW)
        self._paper.ink(8, bold=not soft, color=SOFT if soft else INK)
        self._row((label, "", "", self._amount(value)))

    def _headings(self, heads: Sequence[str], model: str, lines: Sequence[Line]) -> None:
        """Never at the foot of a page: the first line comes with them."""
        paper = self._paper
        paper.ink(8, bold=True)
        wrapped = paper.lines(_WIDTH, model) if model else []
        below = _ROW * (2 if lines else 0)
        self._break(len(heads) * 8 + len(wrapped) * _ROW + below)
        for head in heads:
            paper.ln(2.5)
            paper.ink(8.5, bold=True, color=MARK)
            paper.cell(_WIDTH, _ROW, head, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        paper.ink(8, bold=True)
        for part in wrapped:
            paper.cell(_WIDTH, _ROW, part, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _line(self, line: Line, group: str) -> None:
        paper, words = self._paper, self._words
        indent = 3 if group else 0
        paper.ink(8)
        parts = paper.lines(_WIDTHS[0] - indent, line.text)
        if self._break(_ROW * len(parts)) and group:
            paper.ink(8, bold=True)
            paper.cell(_WIDTH, _ROW, paper.lines(_WIDTH, group)[0], new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        paper.ink(8)
        price = words.exact(line.unit_price) if line.unit_price else line.note
        if line.per:
            price += " " + words("per_million" if line.per > 1 else "per_piece")
        self._row((parts[0], words.count(line.quantity), price, self._amount(line.amount)), indent)
        for part in parts[1:]:
            self._row((part, "", "", ""), indent)
        self._rule(RULE)
        self._sum += parse_money(line.amount)

    def _row(self, cells: tuple[str, str, str, str], indent: float = 0) -> None:
        paper = self._paper
        paper.set_x(_LEFT + indent)
        for at, (text, width) in enumerate(zip(cells, _WIDTHS, strict=True)):
            align: _Align = "R" if at else "L"
            paper.cell(width - (0 if at else indent), _ROW, text, align=align)
        paper.ln(_ROW)

    def _rule(self, color: Color) -> None:
        paper = self._paper
        paper.set_draw_color(*color)
        paper.line(_LEFT, paper.get_y(), _LEFT + _WIDTH, paper.get_y())

    def _break(self, need: float) -> bool:
        """A new page, unless so many millimetres and a carried sum still fit; whether there was one."""
        paper = self._paper
        if paper.get_y() + need + _ROW <= paper.h - _BOTTOM:
            return False
        self._carry()
        paper.add_page()
        self.open()
        self._carry()
        return True

    def _carry(self) -> None:
        self._paper.ink(8, color=SOFT)
        self._row((self._words("carried"), "", "", self._amount(plain_money(self._sum))))


def _sums(paper: _Paper, sheet: Sheet, words: Words) -> None:
    """Net, tax and total; together, on a new page where they do not fit."""
    if paper.get_y() + 8 + 6 * len(sheet.sums) > paper.h - _BOTTOM:
        paper.add_page()
    paper.ln(4)
    for at, (label, value) in enumerate(sheet.sums):
        last = at == len(sheet.sums) - 1
        paper.ink(10 if last else 9, bold=last)
        paper.set_draw_color(*MARK)
        if last:
            paper.line(_LEFT + 74, paper.get_y(), _LEFT + _WIDTH, paper.get_y())
        paper.set_x(_LEFT + 74)
        paper.cell(56, 6, label)
        paper.cell(_WIDTH - 130, 6, f"{words.amount(value)} {sheet.currency}", align="R")
        paper.ln(6)
    paper.ln(3)
    for said in sheet.notes:
        paper.say(said, 8, color=SOFT)
