"""What stands beside a value and takes from its certainty: a second bound, words for what is only planned."""

from __future__ import annotations

import re

from rechenwerk.documents.checking.reading import Mark, Reading
from rechenwerk.documents.schemas import Field

_BOUNDS = frozenset({"at least", "at most", "more than", "less than"})
_JOINED = re.compile(r"[\s,;/]*(?:und|and|aber|but|jedoch|oder|or)?[\s,;/]*")
"""All that stands between two bounds of one amount."""
_PLANNED = re.compile(
    r"\b(?:geplant\w*|planm\w+|voraussichtlich\w*|vorgesehen\w*|vermutlich\w*|vorl(?:ä|ae)ufig\w*|unverbindlich\w*"
    r"|planned|expected|estimated|scheduled|tentative(?:ly)?|provisional(?:ly)?|probably|anticipated)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[.;!?,](?=\s|$)|\n\s*\n")
_ROW = re.compile(r"[.;!?,](?=\s|$)|\n")
_LONG = 40
"""A line of so many characters is running text, and its clause may go on in the next."""
_REACH = 80
"""Characters around a value in which its clause is looked for."""


def other_bound(reading: Reading, start: int, end: int) -> str:
    """The bound that belongs to the same amount: 'höchstens 10' behind 'mindestens 5'; '' if none does."""
    own = next((mark for mark in reading.marks_in(start, end) if mark.figure is not None), None)
    if own is None or own.kind not in {"number", "money", "percent", "duration"}:
        return ""
    for other in reading.overlapping(max(0, start - _REACH), end + _REACH):
        if other.end <= start:
            between = reading.text[other.end : start]
        elif other.start >= end:
            between = reading.text[end : other.start]
        else:
            continue
        if _qualifier(other) in _BOUNDS and _alike(own, other) and _JOINED.fullmatch(between):
            return reading.text[other.start : other.end]
    return ""


def _qualifier(mark: Mark) -> str:
    return mark.figure.amount.qualifier if mark.figure is not None and mark.figure.amount is not None else ""


def _alike(one: Mark, other: Mark) -> bool:
    """Whether both may measure the same: another unit measures something else."""
    units = {
        mark.figure.amount.unit
        for mark in (one, other)
        if mark.figure is not None and mark.figure.amount is not None
    } - {""}
    return len(units) <= 1


def planned(reading: Reading, field: Field, start: int, end: int, label: tuple[int, int]) -> str:
    """A word in the clause of a date that makes it a plan, outside of its label; '' if none stands there."""
    if field.type not in {"date", "period"}:
        return ""
    marks = [mark for mark in reading.overlapping(max(0, start - _REACH), end + _REACH) if mark.figure]
    first = max([start - _REACH, 0, *(mark.end for mark in marks if mark.end <= start)])
    last = min([end + _REACH, *(mark.start for mark in marks if mark.start >= end)])
    piece = reading.layout.at(start)
    ends = _CLAUSE if piece is not None and piece.end - piece.start >= _LONG else _ROW
    first = max((found.end() for found in ends.finditer(reading.text, first, start)), default=first)
    stop = ends.search(reading.text, end, last)
    last = stop.start() if stop else last
    for found in _PLANNED.finditer(reading.text, first, last):
        if not label[0] <= found.start() < label[1]:
            return found[0]
    return ""
