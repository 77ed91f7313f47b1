"""Sheets of paper as PDF: fonts, ink and paragraphs that documents share.

Drawn by fpdf2, with DejaVu Sans embedded, which matplotlib ships; nothing of the system is needed. Loaded
only by who renders a document.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

FONT = "DejaVu"
Color = tuple[int, int, int]
INK: Color = (27, 36, 48)
SOFT: Color = (93, 107, 122)
MARK: Color = (23, 80, 122)
TINT: Color = (242, 245, 248)
RULE: Color = (225, 230, 236)


class Paper(FPDF):
    """A4 with our two faces.

    Args:
        orientation: ``portrait`` or ``landscape``.
    """

    def __init__(self, orientation: str = "portrait") -> None:
        super().__init__(orientation, "mm", "A4")
        folder = _fonts()
        self.add_font(FONT, "", folder / "DejaVuSans.ttf")
        self.add_font(FONT, "B", folder / "DejaVuSans-Bold.ttf")

    def ink(self, size: float, *, bold: bool = False, color: Color = INK) -> None:
        """How what follows is written."""
        self.set_font(FONT, "B" if bold else "", size)
        self.set_text_color(*color)

    def say(self, text: str, size: float, *, bold: bool = False, color: Color = INK) -> None:
        """A paragraph over the whole width."""
        self.ink(size, bold=bold, color=color)
        self.multi_cell(0, size * 0.52, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")

    def grid(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        right: Sequence[int],
        widths: Sequence[float],
        *,
        total: bool = False,
        size: float = 8,
    ) -> None:
        """Rows under heads that stand again on every page.

        Args:
            heads: of the columns.
            rows: their cells.
            right: numbers of the columns that hold numbers.
            widths: of the columns, in any unit.
            total: whether the last row is one.
            size: of the letters.
        """
        self.ink(size)
        self.set_draw_color(*RULE)
        self.set_fill_color(255)
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", color=INK, fill_color=TINT),
            line_height=size * 0.575,
            col_widths=tuple(widths),
            text_align=tuple("RIGHT" if at in right else "LEFT" for at in range(len(heads))),
            padding=(0.6, 2),
        ) as table:
            table.row(list(heads))
            for cells in rows[:-1] if total else rows:
                table.row(list(cells))
            if total and rows:
                table.row(list(rows[-1]), style=FontFace(emphasis="BOLD"))


def _fonts() -> Path:
    found = find_spec("matplotlib")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
