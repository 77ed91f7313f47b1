"""A page as it is written: words, lines and tables become one text with offsets.

Normalisations (docs/parsing.md): Unicode NFC; ligatures of typography become letters; soft hyphens, zero-
width and control characters vanish; every kind of space is one space.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from rechenwerk.documents.values import Box, Cell, PagePart, Table, Word

CHANGED = MappingProxyType(
    {
        **{
            ord(sign): None
            for sign in "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
        },
        **{code: None for code in range(32) if code not in {9, 10, 12, 13}},
        **dict.fromkeys(range(127, 160)),
        **dict.fromkeys((9, 160, 5760, 8239, 8287, 12288, *range(8192, 8203)), " "),
        **dict.fromkeys((133, 8232, 8233), "\n"),
        0xFB00: "ff",
        0xFB01: "fi",
        0xFB02: "fl",
        0xFB03: "ffi",
        0xFB04: "ffl",
        0xFB05: "st",
        0xFB06: "st",
        0xFFFE: "-",
        0x02: "-",  # PDFium's sign for a hyphen at the end of a line
    }
)
"""Letter -> what becomes of it."""


def cleaned(text: str) -> str:
    """Text after the normalisations that keep lines."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", text.translate(CHANGED))


class Token:
    """A word on its way into a page.

    Args:
        text: cleaned, without spaces.
        box: on the page; None where there are no pages.
        confidence: 0 to 100.
        glued: it continues the word before it (a word that was divided at the end of a line).
    """

    __slots__ = ("box", "confidence", "glued", "text")

    def __init__(
        self, text: str, box: Box | None = None, confidence: int = 100, *, glued: bool = False
    ) -> None:
        self.text = text
        self.box = box
        self.confidence = confidence
        self.glued = glued


def tokens_of(text: str) -> list[Token]:
    """The words of a text that has no boxes."""
    return [Token(word) for word in cleaned(text).split()]


class PageWriter:
    """One page being written.

    Args:
        number: of the page, from 1.
        offset: where its text begins in the document's.
        most: characters; what comes after them is left out, and `cut` tells so.
    """

    def __init__(self, number: int, offset: int, most: int = 20_000_000) -> None:
        self._number = number
        self._offset = offset
        self._at = offset
        self._most = offset + most
        self._pieces: list[str] = []
        self._words: list[Word] = []
        self._tables: list[Table] = []
        self._in_line = False
        self.cut = False

    def words(self, tokens: Iterable[Token]) -> tuple[int, int]:
        """Write words into the current line; where the first begins and the last ends."""
        first = -1
        for token in tokens:
            size = len(token.text)
            if self._at + size + 2 > self._most:
                self.cut = True
                break
            if self._in_line and not token.glued:
                self._pieces.append(" ")
                self._at += 1
            start = self._at
            first = start if first < 0 else first
            self._pieces.append(token.text)
            self._at += size
            self._in_line = True
            self._words.append(Word(start, self._at, self._number, token.box, token.confidence))
        return (first if first >= 0 else self._at, self._at)

    def end_line(self) -> None:
        """End the current line, if anything stands in it."""
        if self._in_line:
            self._pieces.append("\n")
            self._at += 1
            self._in_line = False

    def lines(self, text: str) -> None:
        """Write several lines; one empty line between paragraphs is kept."""
        empty = False
        for line in cleaned(text).split("\n"):
            words = line.split()
            if not words:
                empty = True
                continue
            if empty and self._pieces:
                self._pieces.append("\n")
                self._at += 1
            empty = False
            self.words(Token(word) for word in words)
            self.end_line()

    def table(self, rows: Sequence[Sequence[Sequence[Token]]], head: int = 0) -> None:
        """Write a table: a row is a line, a cell its words."""
        written = []
        for row in rows:
            if self.cut:
                break
            cells = []
            for tokens in row:
                start, end = self.words(tokens)
                cells.append(Cell(start, end, around(tokens)))
            self.end_line()
            written.append(tuple(cells))
        if written:
            self._tables.append(Table(self._number, tuple(written), head))

    def part(
        self,
        *,
        width: float = 0.0,
        height: float = 0.0,
        source: str = "digital",
        fault: str = "",
        name: str = "",
    ) -> PagePart:
        """The page."""
        if self.cut:
            fault = "; ".join(filter(None, (fault, "cut: the document has more characters than are read")))
        return PagePart(
            "".join(self._pieces), tuple(self._words), tuple(self._tables), width, height, source, fault, name
        )


def around(tokens: Sequence[Token]) -> Box | None:
    """The box around words; None where they have none."""
    boxes = [token.box for token in tokens if token.box is not None]
    if not boxes:
        return None
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
