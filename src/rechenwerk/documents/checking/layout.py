"""Where things stand: pieces of text with their boxes, what is left of them and what is above.

A piece is a run of words with no wide gap in it, on one line and in one cell. A format without pages gets
made-up boxes: a line is a height, a cell a column, so that 'left of' and 'above' mean the same everywhere.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

import msgspec

from rechenwerk.documents.values import Box, Parsed, Word

GAP = 1.4
"""A gap wider than this many heights of the line parts two pieces."""
SAME_ROW = 0.5
"""Two pieces stand in one row when they share this part of the lower one's height."""
FAR = 4.0
"""A heading stands at most so many heights above what it names, where nothing stands between."""
_LINE, _COLUMN, _LETTER = 12.0, 1000.0, 5.0
_WORD = re.compile(r"\S+")


class Piece(msgspec.Struct, frozen=True):
    """A run of words: `text[start:end]`, and where it stands.

    Args:
        start, end: offsets in the text.
        page: from 1.
        box: in points, or made up where the format has no pages.
        cell: number of its table cell in the document, -1 outside of tables.
    """

    start: int
    end: int
    page: int
    box: Box
    cell: int = -1

    @property
    def height(self) -> float:
        """Of its line."""
        return max(self.box.bottom - self.box.top, 1.0)


class Layout:
    """The pieces of a document and how they lie to each other.

    Args:
        parsed: the document.
    """

    def __init__(self, parsed: Parsed) -> None:
        self.text = parsed.text
        self.words = parsed.words or tuple(_words(parsed))
        self._starts = [word.start for word in self.words]
        cells, homes = _cells(parsed)
        self._boxes = [_box(word, parsed.text, cells, homes) for word in self.words]
        self.pieces = tuple(self._cut(parsed.text, cells))
        self._piece_starts = [piece.start for piece in self.pieces]
        self._of_page: dict[int, list[Piece]] = {}
        for piece in self.pieces:
            self._of_page.setdefault(piece.page, []).append(piece)

    def _cut(self, text: str, cells: list[tuple[int, int]]) -> Iterator[Piece]:
        begun: list[int] = []
        for at in range(len(self.words)):
            if begun and self._parts(begun[-1], at, text, cells):
                yield self._piece(begun, cells)
                begun = []
            begun.append(at)
        if begun:
            yield self._piece(begun, cells)

    def _parts(self, one: int, other: int, text: str, cells: list[tuple[int, int]]) -> bool:
        first, second = self.words[one], self.words[other]
        if first.page != second.page or "\n" in text[first.end : second.start]:
            return True
        if _cell_of(first.start, cells) != _cell_of(second.start, cells):
            return True
        left, right = self._boxes[one], self._boxes[other]
        gap = right.left - left.right
        height = max(left.bottom - left.top, right.bottom - right.top)
        return gap > GAP * height or gap < -2 * height

    def _piece(self, begun: list[int], cells: list[tuple[int, int]]) -> Piece:
        first, last = self.words[begun[0]], self.words[begun[-1]]
        box = _around([self._boxes[at] for at in begun])
        return Piece(first.start, last.end, first.page, box, _cell_of(first.start, cells))

    def at(self, offset: int) -> Piece | None:
        """The piece in which a character stands."""
        at = bisect.bisect_right(self._piece_starts, offset) - 1
        if at < 0 or self.pieces[at].end <= offset:
            return None
        return self.pieces[at]

    def words_of(self, start: int, end: int) -> tuple[Word, ...]:
        """Words that a span touches."""
        first = max(bisect.bisect_right(self._starts, start) - 1, 0)
        return tuple(
            word
            for word in self.words[first : bisect.bisect_left(self._starts, end)]
            if word.end > start and word.start < end
        )

    def box(self, start: int, end: int) -> Box | None:
        """Around a span; made up where the format has no pages."""
        first = max(bisect.bisect_right(self._starts, start) - 1, 0)
        last = bisect.bisect_left(self._starts, end)
        boxes = [self._boxes[at] for at in range(first, last) if self.words[at].end > start]
        return _around(boxes) if boxes else None

    def page(self, number: int) -> list[Piece]:
        """Pieces of a page in reading order."""
        return self._of_page.get(number, [])

    def left_of(self, piece: Piece) -> list[Piece]:
        """Pieces in the same row to the left, the nearest first."""
        found = [
            other
            for other in self.page(piece.page)
            if other.box.right <= piece.box.left + 1 and _same_row(other.box, piece.box)
        ]
        return sorted(found, key=lambda other: -other.box.right)

    def above(self, box: Box, page: int) -> list[Piece]:
        """Pieces above that share some of its width, the nearest first."""
        found = [
            other
            for other in self.page(page)
            if other.box.bottom <= box.top + 0.3 * (box.bottom - box.top) + 1
            and other.box.left < box.right
            and other.box.right > box.left
        ]
        return sorted(found, key=lambda other: -other.box.bottom)

    def row(self, piece: Piece) -> list[Piece]:
        """Pieces of the same row from left to right, itself included."""
        found = [other for other in self.page(piece.page) if _same_row(other.box, piece.box)]
        return sorted(found, key=lambda other: other.box.left)


def _words(parsed: Parsed) -> Iterator[Word]:
    """Words of a document that was read without any."""
    for page in parsed.pages:
        for found in _WORD.finditer(parsed.text, page.start, page.end):
            yield Word(found.start(), found.end(), page.number)


def _cells(parsed: Parsed) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Cells in order of their offsets, and the (row's offset, column) of each."""
    found = []
    for table in parsed.tables:
        for row in table.rows:
            first = min((cell.start for cell in row if cell.end > cell.start), default=0)
            found += [
                ((cell.start, cell.end), (first, column))
                for column, cell in enumerate(row)
                if cell.end > cell.start
            ]
    found.sort()
    return [span for span, _ in found], [home for _, home in found]


def _cell_of(offset: int, cells: list[tuple[int, int]]) -> int:
    at = bisect.bisect_right(cells, (offset, 1 << 60)) - 1
    return at if at >= 0 and cells[at][0] <= offset < cells[at][1] else -1


def _box(word: Word, text: str, cells: list[tuple[int, int]], homes: list[tuple[int, int]]) -> Box:
    if word.box is not None:
        return word.box
    begin = text.rfind("\n", 0, word.start) + 1
    line, left = text.count("\n", 0, word.start), (word.start - begin) * _LETTER
    cell = _cell_of(word.start, cells)
    if cell >= 0:
        row, column = homes[cell]
        line = text.count("\n", 0, row) + text.count("\n", cells[cell][0], word.start)
        left = column * _COLUMN + (word.start - max(begin, cells[cell][0])) * _LETTER
    return Box(left, line * _LINE, left + (word.end - word.start) * _LETTER, line * _LINE + 0.8 * _LINE)


def _around(boxes: list[Box]) -> Box:
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _same_row(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= SAME_ROW * min(one.bottom - one.top, other.bottom - other.top)
