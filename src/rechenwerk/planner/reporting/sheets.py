"""A report on paper: A4 across, by the part that draws statements."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

from fpdf.enums import MethodReturnValue, XPos, YPos

from rechenwerk.base.paper import MARK, RULE, SOFT, TINT, Paper
from rechenwerk.planner.reporting.charts import LIGHT, Chart, picture
from rechenwerk.planner.reporting.content import Card, Report
from rechenwerk.planner.showing import Shown

_LEFT, _TOP, _BOTTOM = 16.0, 15.0, 18.0
_WIDTH = 297 - 2 * _LEFT
_GAP = 5.0
_CARDS = 3
_LOOSE = 1.12
"""How much wider bold letters may be."""
_LONGEST = 60.0
"""Of a word that a column makes room for."""
_CHART = (_WIDTH - _GAP) / 2
_RATIO = 3.1 / 4.4
_BEGAN = datetime(2000, 1, 1, tzinfo=UTC)
"""Of the file: the same report gives the same bytes whenever it is made."""


def sheets(report: Report, progress: Callable[[float], None] = lambda _: None) -> bytes:
    """The report as PDF; the same report gives the same bytes."""
    paper = _Sheets(report)
    paper.add_page()
    paper.say(report.title, 18, bold=True, color=MARK)
    paper.ln(1)
    paper.say("   ".join(f"{label}: {value}" for label, value in report.facts), 8.5, color=SOFT)
    paper.ln(3)
    for start in range(0, len(report.cards), _CARDS):
        _cards(paper, report.cards[start : start + _CARDS])
    count, drawn = max(sum(len(part.charts) for part in report.parts), 1), 0
    for part in report.parts:
        paper.add_page()
        paper.say(part.title, 13, bold=True, color=MARK)
        paper.ln(2)
        for start in range(0, len(part.charts), 2):
            pair = part.charts[start : start + 2]
            _pair(paper, pair)
            drawn += len(pair)
            progress(drawn / count)
        for table in (*part.tables, *(one for one in part.folded if one.rows)):
            _table(paper, table)
    return bytes(paper.output())


class _Sheets(Paper):
    def __init__(self, report: Report) -> None:
        super().__init__("landscape")
        self.words = report.words
        self.foot = report.title
        self.set_margins(_LEFT, _TOP, _LEFT)
        self.set_auto_page_break(True, _BOTTOM)
        self.set_creation_date(_BEGAN)
        self.set_title(report.title)
        self.set_lang(report.words.language)
        self.set_creator("Rechenwerk")
        self.set_producer("fpdf2")

    def footer(self) -> None:
        """Which report, and which page of how many."""
        self.set_y(-12)
        self.ink(7, color=SOFT)
        self.cell(_WIDTH - 40, 4, self.foot)
        self.cell(40, 4, self.words("page {page} of {pages}", page=self.page_no(), pages="{nb}"), align="R")

    def room(self, need: float) -> bool:
        """Whether so many millimetres are left."""
        return self.get_y() + need <= self.h - _BOTTOM

    def high(self, width: float, height: float, text: str) -> float:
        """How high a text stands in a column."""
        found = self.multi_cell(width, height, text, dry_run=True, output=MethodReturnValue.HEIGHT)
        assert isinstance(found, float)
        return found


def _cards(paper: _Sheets, cards: tuple[Card, ...]) -> None:
    """Answers beside each other, each with how it comes about."""
    width = (_WIDTH - (_CARDS - 1) * _GAP) / _CARDS
    paper.ink(6.5)
    height = 17 + max(paper.high(width - 6, 3.2, card.formula) for card in cards)
    if not paper.room(height):
        paper.add_page()
    top = paper.get_y()
    for at, card in enumerate(cards):
        left = _LEFT + at * (width + _GAP)
        paper.set_fill_color(*TINT)
        paper.set_draw_color(*RULE)
        paper.rect(left, top, width, height - 2, style="DF")
        paper.set_xy(left + 3, top + 1.5)
        paper.ink(7.5, color=SOFT)
        paper.cell(width - 6, 4, card.name)
        paper.set_xy(left + 3, top + 5.5)
        paper.ink(12, bold=True)
        paper.cell(paper.get_string_width(card.value) + 3, 6.5, card.value)
        paper.ink(7.5, color=SOFT)
        paper.cell(0, 7, " · ".join(part for part in (card.unit, card.note) if part))
        paper.set_xy(left + 3, top + 12.5)
        paper.ink(6.5, color=SOFT)
        paper.multi_cell(width - 6, 3.2, card.formula, align="L")
    paper.set_y(top + height + 1)


def _pair(paper: _Sheets, pair: tuple[Chart, ...]) -> None:
    """Charts beside each other."""
    height = _CHART * _RATIO
    if not paper.room(height + 10):
        paper.add_page()
    top = paper.get_y()
    for at, chart in enumerate(pair):
        left = _LEFT + at * (_CHART + _GAP)
        paper.set_xy(left, top)
        paper.ink(8, bold=True)
        paper.multi_cell(
            _CHART, 4, chart.title, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT, max_line_height=4
        )
        image = io.BytesIO(picture(chart, LIGHT, "png"))
        paper.image(image, left, top + 8.5, _CHART, height, alt_text=chart.said)
    paper.set_y(top + height + 11)


def _table(paper: _Sheets, table: Shown) -> None:
    """A table as wide as what stands in it, at most the page."""
    if not paper.room(20):
        paper.add_page()
    paper.say(table.title, 8.5, bold=True)
    paper.ln(0.8)
    size = 7.5 if len(table.columns) <= 9 else 6.0
    paper.ink(size)
    widths = []
    for at, head in enumerate(table.columns):
        cells = [head, *(row[at] for row in table.rows)]
        whole = max(paper.get_string_width(cell) for cell in cells) * _LOOSE + 5
        word = max((paper.get_string_width(one) for cell in cells for one in cell.split()), default=0.0)
        widths.append((min(word * _LOOSE + 5, whole, _LONGEST), whole))
    paper.grid(table.columns, table.rows, table.right, _fitted(widths), size=size)
    paper.ln(4)


def _fitted(widths: list[tuple[float, float]]) -> list[float]:
    """Widths of columns: what is left beyond their longest words is shared by what they want."""
    least = sum(word for word, _ in widths)
    spare = max(_WIDTH - least, 0.0)
    more = sum(whole - word for word, whole in widths)
    if more <= spare:
        return [whole + (spare - more) / len(widths) for _, whole in widths]
    return [word + spare * (whole - word) / more for word, whole in widths]
