"""Pages and text that are turned: where words are seen, where they stand for who turns the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rechenwerk.documents.parsing.marks import Mark
from rechenwerk.documents.values import Box


class Upright:
    """Boxes of PDF's coordinates (from the lower left, before the page's rotation) as they are seen."""

    def __init__(self, page: Any) -> None:
        self._left, self._bottom, self._right, self._top = page.get_bbox()
        self.rotation = page.get_rotation()

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """From the upper left corner of the page as it is shown, to a hundredth of a point."""
        if self.rotation == 0:
            sides = (left - self._left, self._top - top, right - self._left, self._top - bottom)
        elif self.rotation == 90:
            sides = (bottom - self._bottom, left - self._left, top - self._bottom, right - self._left)
        elif self.rotation == 180:
            sides = (self._right - right, bottom - self._bottom, self._right - left, top - self._bottom)
        else:
            sides = (self._top - top, self._right - right, self._top - bottom, self._right - left)
        return Box(round(sides[0], 2), round(sides[1], 2), round(sides[2], 2), round(sides[3], 2))


def turned(marks: Sequence[Mark], rotation: int, width: float, height: float) -> list[Sequence[Mark]]:
    """Words by the direction in which they run, the usual one first; places become those of the upright page.

    Words of one or two letters do not tell their direction: they run as most do.
    """
    seen = Counter((mark.turn - rotation) % 360 for mark in marks if mark.turn is not None)
    usual = seen.most_common(1)[0][0] if seen.total() > len(marks) / 3 else 0
    if usual == 0 and not seen:
        return [marks]
    groups: dict[int, list[Mark]] = {usual: []}
    for mark in marks:
        known = mark.turn is not None
        turn = (mark.turn - rotation) % 360 if mark.turn is not None else 0
        if not known and len(mark.token.text) <= 2:
            turn = usual
        _turn(mark, turn, width, height)
        groups.setdefault(turn, []).append(mark)
    return [group for group in groups.values() if group]


def _turn(mark: Mark, turn: int, width: float, height: float) -> None:
    left, top, right, bottom = mark.left, mark.top, mark.right, mark.bottom
    if turn == 90:  # it runs upwards
        mark.place(height - bottom, left, height - top, right)
    elif turn == 180:
        mark.place(width - right, height - bottom, width - left, height - top)
    elif turn == 270:
        mark.place(top, width - right, bottom, width - left)
