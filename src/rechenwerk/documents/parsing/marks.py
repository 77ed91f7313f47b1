"""Words with a place on a page, and the segments and rows that they form.

Coordinates are those in which the text is upright: on a page whose text runs upwards they are turned, while
the token's box stays where it is on the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from rechenwerk.documents.parsing.writing import Token


class Mark:
    """A word and where it stands, in points of the upright page."""

    __slots__ = ("bottom", "height", "left", "middle", "right", "token", "top", "turn")

    def __init__(self, token: Token, left: float, top: float, right: float, bottom: float) -> None:
        self.token = token
        self.turn: int | None = None  # degrees counterclockwise; only where it may not be 0
        self.place(left, top, right, bottom)

    def place(self, left: float, top: float, right: float, bottom: float) -> None:
        """Put it somewhere."""
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
        self.height = max(bottom - top, 1.0)
        self.middle = (top + bottom) / 2


class Segment:
    """Words of one line without a wide gap between them."""

    __slots__ = ("left", "marks", "right")

    def __init__(self, marks: Sequence[Mark]) -> None:
        self.marks = marks
        self.left = marks[0].left
        self.right = max(mark.right for mark in marks)


class Row:
    """Segments on one height."""

    __slots__ = ("bottom", "height", "left", "middle", "right", "segments", "top")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self.left = segments[0].left
        self.right = max(segment.right for segment in segments)
        marks = [mark for segment in segments for mark in segment.marks]
        self.top = min(mark.top for mark in marks)
        self.bottom = max(mark.bottom for mark in marks)
        self.middle = marks[0].middle
        self.height = max(mark.height for mark in marks)

    def crosses(self, edge: float) -> bool:
        """Whether a segment reaches over an upright line."""
        return any(one.left < edge - 1 and one.right > edge for one in self.segments)

    @property
    def tokens(self) -> list[Token]:
        """Its words from left to right."""
        return [mark.token for segment in self.segments for mark in segment.marks]
