"""Tables on a page: by the lines that are drawn, or by columns that several rows share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rechenwerk.documents.parsing.marks import Mark, Row
from rechenwerk.documents.parsing.writing import Token

COLUMNS = 3
"""An unruled table has at least so many; two columns are labels and values, which stay lines."""
FULL_ROWS = 2
NEXT = 2.6
"""Rows further apart than this many heights do not belong to one table."""
CONTINUED = 1.5
NUMBER = re.compile(r"^[+(-]?[\d.,'’]+\)?[-%€$£]?$")  # noqa: RUF001
GUTTER, FEW_GUTTER, SPACES = 0.45, 0.7, 1.6
"""The gap between columns: in heights, in heights where rows are two, in letters of a typewriter."""
NUMERIC, MEASURED = 0.6, 3
"""A table has a column of numbers: this share of its cells begins with one and has at most so many words."""
JOINS = 2.0
"""Drawn lines that miss each other by so many points still meet."""


class Grid:
    """A table: rows of cells of words."""

    __slots__ = ("head", "rows", "top")

    def __init__(self, rows: list[list[list[Token]]], top: float, head: int | None = None) -> None:
        self.rows = rows
        self.top = top
        self.head = head_of(rows) if head is None else head


def head_of(rows: Sequence[Sequence[Sequence[Token]]]) -> int:
    """One heading row where the first has no number and a later one has."""
    if len(rows) < 2:
        return 0

    def numbers(row: Sequence[Sequence[Token]]) -> int:
        return sum(1 for cell in row for token in cell if NUMBER.match(token.text))

    filled = sum(1 for cell in rows[0] if cell)
    return int(filled > 1 and not numbers(rows[0]) and any(numbers(row) for row in rows[1:]))


def grid_of(rows: Sequence[Row], start: int) -> tuple[Grid, int] | None:
    """A table without rules that begins at a row, and the row behind it; None where none begins."""
    if len(rows[start].segments) < COLUMNS:
        return None
    end = start + 1
    while end < len(rows) and rows[end].top - rows[end - 1].bottom < NEXT * rows[end].height:
        end += 1
    columns = _shared(rows[start:end])
    if len(columns) < COLUMNS:
        return None
    out: list[list[list[Token]]] = []
    last = start
    for at in range(start, end):
        placed = _placed(rows[at], columns)
        if placed is None:
            break
        if at > start and _continues(rows[at], rows[at - 1], placed):
            out[-1] = [[*cell, *more] for cell, more in zip(out[-1], placed, strict=True)]
        else:
            out.append(placed)
        last = at
    used = [at for at in range(len(columns)) if any(row[at] for row in out)]
    out = [[row[at] for at in used] for row in out]
    if not _is_table(out):
        return None
    return Grid(out, rows[start].top), last + 1


def _is_table(rows: Sequence[Sequence[Sequence[Token]]]) -> bool:
    """Whether rows in columns are a table, not labels and values or addresses side by side."""
    full = [row for row in rows if sum(map(bool, row)) >= COLUMNS]
    if len(full) < FULL_ROWS:
        return False
    labels = sum(1 for row in full for cell in row if cell and cell[-1].text.endswith(":"))
    body = full[head_of(full) :]
    counts = any(
        sum(1 for row in body if row[at] and len(row[at]) <= MEASURED and NUMBER.match(row[at][0].text))
        >= NUMERIC * len(body)
        for at in range(len(full[0]))
    )
    return counts and labels * 2 < len(full) and (len(full) > FULL_ROWS or len(body) < len(full))


def _shared(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """The columns of the rows that begin a table; those further down that have others do not belong to it."""
    full: list[Row] = []
    columns: list[tuple[float, float]] = []
    for row in rows:
        if len(row.segments) < COLUMNS:
            continue
        wider = _columns([*full, row])
        if full and (len(wider) < COLUMNS or len(wider) < len(columns) - 1):
            break
        full.append(row)
        columns = wider
    return columns if len(full) >= FULL_ROWS else []


def _columns(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """Where columns are: between them is a gap in all rows that is wider than the space between words."""
    merged: list[tuple[float, float]] = []
    space = SPACES * _letter(rows)
    share = GUTTER if len(rows) > FULL_ROWS else FEW_GUTTER
    marks = sorted(
        (mark.left, mark.right, mark.height) for row in rows for one in row.segments for mark in one.marks
    )
    for left, right, height in marks:
        if merged and left < merged[-1][1] + max(share * height, space):
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def _letter(rows: Sequence[Row]) -> float:
    """The width of a letter where all are equally wide, and so is a space; else 0."""
    words = [mark for row in rows for one in row.segments for mark in one.marks if len(mark.token.text) > 3]
    widths = sorted((mark.right - mark.left) / len(mark.token.text) for mark in words)
    if len(widths) < 4 or widths[-1] > 1.05 * widths[0]:
        return 0.0
    return widths[len(widths) // 2]


def _placed(row: Row, columns: Sequence[tuple[float, float]]) -> list[list[Token]] | None:
    """The words of a row by column; None where a word belongs to none or reaches over several."""
    cells: list[list[Token]] = [[] for _ in columns]
    for segment in row.segments:
        before = -1
        for mark in segment.marks:
            hit = [
                at
                for at, (left, right) in enumerate(columns)
                if mark.left < right + 1 and mark.right > left - 1
            ]
            if len(hit) > 1:
                return None
            at = hit[0] if hit else _nearest(mark, columns)
            if 0 <= before < at and mark.left - columns[before][1] < 0:
                return None
            cells[at].append(mark.token)
            before = at
    return cells


def _nearest(mark: Mark, columns: Sequence[tuple[float, float]]) -> int:
    middle = (mark.left + mark.right) / 2
    return min(range(len(columns)), key=lambda at: abs((columns[at][0] + columns[at][1]) / 2 - middle))


def _continues(row: Row, before: Row, placed: Sequence[Sequence[Token]]) -> bool:
    """Whether a row holds only the next line of a text cell of the row before."""
    filled = [cell for cell in placed if cell]
    if len(filled) != 1 or row.top - before.bottom > 0.5 * row.height:
        return False
    if placed[-1] or row.middle - before.middle > CONTINUED * row.height:
        return False
    return not any(NUMBER.match(token.text) for token in filled[0][:1])


class Rules:
    """Lines that are drawn on a page: level ones (y, from x, to x) and upright ones (x, from y, to y)."""

    def __init__(self) -> None:
        self.level: list[tuple[float, float, float]] = []
        self.upright: list[tuple[float, float, float]] = []

    def add(self, left: float, top: float, right: float, bottom: float, *, framed: bool) -> None:
        """Take a drawn box: a thin one is a line, a framed one four."""
        wide, high = right - left, bottom - top
        if high <= 2.5 and wide >= 8:
            self.level.append(((top + bottom) / 2, left, right))
        elif wide <= 2.5 and high >= 6:
            self.upright.append(((left + right) / 2, top, bottom))
        elif framed and wide > 8 and high > 6:
            self.level += [(top, left, right), (bottom, left, right)]
            self.upright += [(left, top, bottom), (right, top, bottom)]


def ruled(rules: Rules, marks: Sequence[Mark]) -> tuple[list[Grid], list[Mark]]:
    """Tables whose lines are drawn, and the words that are in none of them."""
    grids: list[Grid] = []
    rest = list(marks)
    for xs, ys in _meshes(rules):
        inside = [m for m in rest if xs[0] < (m.left + m.right) / 2 < xs[-1] and ys[0] < m.middle < ys[-1]]
        cells: dict[tuple[int, int], list[Mark]] = {}
        for mark in inside:
            row = sum(1 for y in ys[1:-1] if mark.middle > y)
            column = sum(1 for x in xs[1:-1] if (mark.left + mark.right) / 2 > x)
            cells.setdefault((row, column), []).append(mark)
        if len({row for row, _ in cells}) < 2 or len({column for _, column in cells}) < 2:
            continue
        taken = set(map(id, inside))
        rest = [mark for mark in rest if id(mark) not in taken]
        rows = [
            [_in_lines(cells.get((row, column), [])) for column in range(len(xs) - 1)]
            for row in range(len(ys) - 1)
        ]
        grids.append(Grid([row for row in rows if any(row)], ys[0]))
    return grids, rest


def _in_lines(marks: list[Mark]) -> list[Token]:
    """The words of a cell, line by line."""
    lines: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda one: one.middle):
        if lines and mark.middle - lines[-1][0].middle < 0.5 * mark.height:
            lines[-1].append(mark)
        else:
            lines.append([mark])
    return [mark.token for line in lines for mark in sorted(line, key=lambda one: one.left)]


def _meshes(rules: Rules) -> list[tuple[list[float], list[float]]]:
    """Groups of lines that meet, as the x and y of their columns and rows; at least 2 x 2 cells."""
    level = sorted(set(rules.level))[:1500]
    upright = sorted(set(rules.upright))[:1500]
    groups: list[tuple[set[int], set[int]]] = []
    for number, (x, top, bottom) in enumerate(upright):
        met = {
            at
            for at, (y, left, right) in enumerate(level)
            if left - JOINS <= x <= right + JOINS and top - JOINS <= y <= bottom + JOINS
        }
        if not met:
            continue
        joined = [group for group in groups if group[0] & met]
        groups = [group for group in groups if not group[0] & met]
        groups.append(
            (met.union(*(group[0] for group in joined)), {number}.union(*(group[1] for group in joined)))
        )
    meshes = []
    for lines, posts in groups:
        ys = _distinct([level[at][0] for at in lines])
        xs = _distinct(
            [upright[at][0] for at in posts]
            + [level[at][1] for at in lines if _spans(level[at], level, lines)]
            + [level[at][2] for at in lines if _spans(level[at], level, lines)]
        )
        if len(xs) >= 3 and len(ys) >= 3:
            meshes.append((xs, ys))
    return meshes


def _spans(
    line: tuple[float, float, float], level: Sequence[tuple[float, float, float]], lines: set[int]
) -> bool:
    """Whether a level line reaches over the whole table: its ends may be borders that are not drawn."""
    return line[1] <= min(level[at][1] for at in lines) + JOINS and (
        line[2] >= max(level[at][2] for at in lines) - JOINS
    )


def _distinct(values: Sequence[float]) -> list[float]:
    out: list[float] = []
    for value in sorted(values):
        if not out or value - out[-1] > 3.0:
            out.append(value)
    return out
