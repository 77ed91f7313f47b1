"""Documents without fixed pages: lines and tables in order, cut into pages where the document breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.frames import Opened
from rechenwerk.documents.parsing.writing import PageWriter, Token, cleaned
from rechenwerk.documents.values import PagePart

CUT = "cut: the document has more characters than are read"


@dataclass
class _Page:
    name: str = ""
    fault: str = ""
    blocks: list[str | tuple[Sequence[Sequence[Sequence[Token]]], int]] = field(default_factory=list)


class Flow:
    """A document on its way: what a reader of a format finds, in order."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pages = [_Page()]
        self._characters = 0
        self.properties: dict[str, str] = {}
        self.invoice = ""
        self.faults: list[str] = []

    def lines(self, text: str) -> None:
        """Lines of text; an empty one between paragraphs is kept."""
        if text.strip() and self._room(len(text)):
            self._pages[-1].blocks.append(text)

    def table(self, rows: Sequence[Sequence[Sequence[Token]]], head: int = 0) -> None:
        """A table: rows of cells of words; rows get as many cells as the longest has."""
        rows = [row for row in rows if any(row)]
        if not rows:
            return
        if not self._room(sum(len(token.text) for row in rows for cell in row for token in cell)):
            return
        width = max(len(row) for row in rows)
        even = [[*row, *([] for _ in range(width - len(row)))] for row in rows]
        self._pages[-1].blocks.append((even, head))

    def break_page(self, name: str = "", fault: str = "") -> None:
        """What follows stands on another page; an empty page is not kept."""
        if self._pages[-1].blocks or self._pages[-1].fault:
            self._pages.append(_Page())
        self._pages[-1].name = name
        self._pages[-1].fault = fault

    def reader(self) -> FlowReader:
        """All of it, ready to be read."""
        pages = [page for page in self._pages if page.blocks or page.fault] or self._pages[:1]
        if len(pages) > self._limits.pages:
            self.faults.append(f"pages {self._limits.pages + 1} to {len(pages)} were not read")
            pages = pages[: self._limits.pages]
        properties = {name: " ".join(cleaned(text).split())[:500] for name, text in self.properties.items()}
        known = {name: text for name, text in properties.items() if text}
        return FlowReader(pages, Opened(len(pages), known, self.invoice, tuple(self.faults)))

    def _room(self, characters: int) -> bool:
        """Whether there is room for more: what comes after the bound would not be written anyway."""
        room = self._characters <= self._limits.characters
        self._characters += characters
        if not room and CUT not in self.faults:
            self.faults.append(CUT)
        return room


class FlowReader:
    """A document whose pages are known."""

    def __init__(self, pages: Sequence[_Page], opened: Opened) -> None:
        self._pages = pages
        self._opened = opened

    def opened(self) -> Opened:
        """Pages, properties, the e-invoice, faults."""
        return self._opened

    def page(self, number: int, offset: int, room: int) -> PagePart:
        """Write a page, from 1."""
        page = self._pages[number - 1]
        writer = PageWriter(number, offset, room)
        for block in page.blocks:
            if isinstance(block, str):
                writer.lines(block)
            else:
                writer.table(*block)
        return writer.part(name=page.name, fault=page.fault)

    def picture(self, number: int, dpi: int) -> bytes:
        """There is none."""
        raise RefusedError("no_picture", page=number, dpi=dpi)

    def close(self) -> None:
        """Nothing is held."""
