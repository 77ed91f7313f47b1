"""Words on a page in the order in which people read them: lines, columns, tables without rules.

A line keeps together what stands on one height, so that a label and its value stay side by side. Text in
columns is read column by column, which is decided by what it looks like: both sides of a gap that many lines
share are running text, or their lines do not stand on the same heights.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rechenwerk.documents.parsing.grids import Grid, grid_of
from rechenwerk.documents.parsing.marks import Mark, Row, Segment

SAME_LINE = 0.25
"""Words are on one line when their middles or feet differ by less than this share of a height."""
GAP = 1.4
"""A gap wider than this many heights divides a line into segments."""
EDGE = 3.0
"""Left edges within so many points belong to one column."""
LEAST = 4
"""Lines that a column has at least."""
WORDS, FILL = 3.5, 0.55
"""Running text: words per segment, and how much of its column a segment fills."""
MISALIGNED = 0.34
"""Share of lines with a partner on the other side, up to which two blocks are independent."""
DEEPEST = 6


def arrange(marks: Sequence[Mark]) -> list[Row | Grid]:
    """Lines and tables of a page in reading order."""
    return _read(rows_of(marks), 0)


def rows_of(marks: Sequence[Mark]) -> list[Row]:
    """Words on one height, from top to bottom, each row cut into segments at wide gaps."""
    groups: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda one: one.middle):
        for group in reversed(groups[-3:]):
            other = group[-1]
            apart = min(abs(mark.middle - other.middle), abs(mark.bottom - other.bottom))
            if apart < SAME_LINE * min(mark.height, other.height):
                group.append(mark)
                break
        else:
            groups.append([mark])
    return [_segmented(sorted(group, key=lambda one: one.left)) for group in groups]


def _segmented(marks: list[Mark]) -> Row:
    segments = [[marks[0]]]
    for mark in marks[1:]:
        last = segments[-1][-1]
        if mark.left - last.right > GAP * max(mark.height, last.height):
            segments.append([mark])
        else:
            segments[-1].append(mark)
    return Row([Segment(one) for one in segments])


def _read(rows: list[Row], depth: int) -> list[Row | Grid]:
    cut = _columns(rows) if depth < DEEPEST else None
    if cut is None:
        return _tabled(rows)
    first, last, edge = cut
    left, right = _sides(rows[first:last], edge)
    return [
        *_read(rows[:first], depth + 1),
        *_read(left, depth + 1),
        *_read(right, depth + 1),
        *_read(rows[last:], depth + 1),
    ]


def _columns(rows: list[Row]) -> tuple[int, int, float] | None:
    """The tallest run of rows that a gap divides into two columns: first, behind the last, the right edge."""
    if len(rows) < LEAST:
        return None
    best: tuple[int, int, float] | None = None
    tallest = 0
    for edge in _edges(rows):
        start = 0
        for at in range(len(rows) + 1):
            if at < len(rows) and not rows[at].crosses(edge):
                continue
            if at - start > tallest and at - start >= LEAST:
                first, last = _trimmed(rows, start, at, edge)
                if last - first > tallest and _divided(rows[first:last], edge):
                    best, tallest = (first, last, edge), last - first
            start = at + 1
    return best


def _edges(rows: list[Row]) -> list[float]:
    """Where many segments begin that are not the first of the page."""
    lefts = sorted(segment.left for row in rows for segment in row.segments)
    least = lefts[0] + EDGE
    edges = []
    group: list[float] = []
    for left in [*lefts, float("inf")]:
        if group and left - group[0] > EDGE:
            if len(group) >= LEAST - 1 and group[0] > least:
                edges.append(group[0] - 0.5)
            group = []
        group.append(left)
    return edges


def _trimmed(rows: list[Row], first: int, last: int, edge: float) -> tuple[int, int]:
    """Without the rows at both ends that stand only on the left: a heading, a signature."""

    def right(row: Row) -> bool:
        return row.segments[-1].left >= edge

    while first < last and not right(rows[first]) and not _near(rows, first, edge):
        first += 1
    while last > first and not right(rows[last - 1]) and not _near(rows, last - 1, edge, -1):
        last -= 1
    return first, last


def _near(rows: list[Row], at: int, edge: float, step: int = 1) -> bool:
    """Whether the next row on the right is within three line heights."""
    row = rows[at]
    for other in rows[at + step : at + 4 * step : step] if step > 0 else rows[max(0, at - 3) : at]:
        if other.segments[-1].left >= edge:
            return abs(other.middle - row.middle) < 3 * row.height
    return False


def _sides(rows: list[Row], edge: float) -> tuple[list[Row], list[Row]]:
    left, right = [], []
    for row in rows:
        before = [one for one in row.segments if one.left < edge]
        after = [one for one in row.segments if one.left >= edge]
        if before:
            left.append(Row(before))
        if after:
            right.append(Row(after))
    return left, right


def _divided(rows: list[Row], edge: float) -> bool:
    """Whether the two sides are read one after the other."""
    left, right = _sides(rows, edge)
    if min(len(left), len(right)) < LEAST - 1:
        return False
    if len(left) >= LEAST and len(right) >= LEAST and _is_prose(left) and _is_prose(right):
        return True
    both = len(left) + len(right) - len(rows)
    if both > MISALIGNED * min(len(left), len(right)):
        return False
    shared = min(left[-1].bottom, right[-1].bottom) - max(left[0].top, right[0].top)
    return shared > 0.4 * min(left[-1].bottom - left[0].top, right[-1].bottom - right[0].top)


def _is_prose(rows: list[Row]) -> bool:
    start = min(row.left for row in rows)
    width = max(row.right for row in rows) - start
    words = median(sum(len(one.marks) for one in row.segments) for row in rows)
    single = sum(1 for row in rows if len(row.segments) == 1) / len(rows)
    return words >= WORDS and single >= 0.7 and median(row.right - row.left for row in rows) >= FILL * width


def _tabled(rows: list[Row]) -> list[Row | Grid]:
    """Rows of one column; those that form a table become one."""
    out: list[Row | Grid] = []
    at = 0
    while at < len(rows):
        found = grid_of(rows, at)
        if found is None:
            out.append(rows[at])
            at += 1
        else:
            grid, at = found
            out.append(grid)
    return out
