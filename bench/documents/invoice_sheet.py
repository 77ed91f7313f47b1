"""A page under the pen: text at a place, lines, and what of the truth has been printed so far."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

from fpdf import FPDF

from bench.documents.invoice_style import CORE, Style, files_of

if TYPE_CHECKING:
    from bench.documents.invoice_truth import Invoice

WIDTH, HEIGHT = 210.0, 297.0


class Sheet:
    """Draws one invoice; millimetres from the upper left corner.

    `printed` keeps what the document says in each field of the truth: a value of the truth, or nothing.
    """

    def __init__(self, made: Invoice, style: Style, seed: int) -> None:
        self.made = made
        self.style = style
        self.chance = random.Random(f"pen {seed} {made.name}")
        self.printed: dict[str, Any] = {}
        self.derived: set[str] = set()
        self.foot: list[list[str]] = []
        self.negative = made.kind == "credit" and self.draws(0.6)
        self.pdf = FPDF(format="A4")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_creation_date(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        if style.font not in CORE:
            regular, bold = files_of(style.font)
            self.pdf.add_font(style.font, "", regular)
            self.pdf.add_font(style.font, "B", bold)
        self.y = 0.0
        self.right = WIDTH - style.right
        self.left = style.left
        self.width = self.right - self.left
        self.new_page()

    def new_page(self) -> None:
        self.pdf.add_page()
        self.pdf.set_font(self.style.font, "", self.style.size)
        self.pdf.set_stretching(self.style.stretch)

    def font(self, size: float = 0.0, *, bold: bool = False) -> None:
        self.pdf.set_font(self.style.font, "B" if bold else "", size or self.style.size)

    def step(self, size: float = 0.0) -> float:
        """Height of a line."""
        return (size or self.style.size) * 0.3528 * 1.28

    def measure(self, text: str, size: float = 0.0, *, bold: bool = False) -> float:
        self.font(size, bold=bold)
        return float(self.pdf.get_string_width(self.style.fits(text)))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 0.0,
        *,
        bold: bool = False,
        align: str = "L",
        colour: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        """One line whose upper edge is at y; x is its left edge, its right edge ('R') or its middle ('C')."""
        if not text:
            return
        wide = self.measure(text, size, bold=bold)
        at = x - {"L": 0.0, "R": wide, "C": wide / 2}[align]
        self.pdf.set_text_color(*colour)
        self.pdf.text(at, y + (size or self.style.size) * 0.3528, self.style.fits(text))

    def wrapped(self, text: str, wide: float, size: float = 0.0, *, bold: bool = False) -> list[str]:
        """The text in lines that are not wider than this."""
        lines: list[str] = []
        for part in text.split("\n"):
            line = ""
            for word in part.split(" "):
                longer = f"{line} {word}".strip()
                if line and self.measure(longer, size, bold=bold) > wide:
                    lines.append(line)
                    line = word
                else:
                    line = longer
            lines.append(line)
        return lines

    def paragraph(
        self, text: str, *, x: float = 0.0, wide: float = 0.0, size: float = 0.0, bold: bool = False
    ) -> None:
        """A text from `self.y` downwards."""
        for line in self.wrapped(text, wide or self.width, size, bold=bold):
            self.text(x or self.left, self.y, line, size, bold=bold)
            self.y += self.step(size)

    def rule(self, y: float, *, x: float = 0.0, end: float = 0.0, weight: float = 0.2, grey: int = 0) -> None:
        self.pdf.set_draw_color(grey)
        self.pdf.set_line_width(weight)
        self.pdf.line(x or self.left, y, end or self.right, y)

    def box(
        self, x: float, y: float, wide: float, high: float, *, fill: tuple[int, int, int] | None = None
    ) -> None:
        self.pdf.set_draw_color(120)
        self.pdf.set_line_width(0.2)
        if fill:
            self.pdf.set_fill_color(*fill)
        self.pdf.rect(x, y, wide, high, style="F" if fill else "D")

    def says(self, field: str, value: Any, *, derived: bool = False) -> None:
        """Notes that the document says this; derived: in words from which it follows."""
        if derived and field in self.printed and field not in self.derived:
            return
        self.printed[field] = value
        if derived:
            self.derived.add(field)
        else:
            self.derived.discard(field)

    def draws(self, share: float) -> bool:
        return self.chance.random() < share
