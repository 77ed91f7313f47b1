"""Marks of a page, read or recognised, become its text: reading order, tables, divided words joined."""

from __future__ import annotations

from collections.abc import Sequence

from rechenwerk.documents.parsing.grids import Grid, Rules, ruled
from rechenwerk.documents.parsing.marks import Mark, Row
from rechenwerk.documents.parsing.reading_order import arrange
from rechenwerk.documents.parsing.writing import PageWriter, Token

STANDS_ALONE = frozenset(
    ["und", "oder", "bzw.", "bis", "sowie", "als", "noch", "statt", "and", "or", "to", "und/oder"]
)
"""What may follow a hyphen that is meant: 'Vor- und Nachteile'."""


def write_page(writer: PageWriter, marks: Sequence[Mark], rules: Rules | None = None) -> None:
    """Write all words of a page in reading order."""
    grids, rest = (
        ruled(rules, marks) if rules is not None and rules.upright and rules.level else ([], list(marks))
    )
    flow = arrange(rest)
    for grid in grids:
        flow.insert(_place(flow, grid), grid)
    lines: list[list[Token]] = []
    before: Row | None = None
    for block in flow:
        if isinstance(block, Grid):
            _write(writer, lines)
            lines, before = [], None
            writer.table(block.rows, block.head)
            continue
        tokens = block.tokens
        if before is not None and _divided(before, block):
            _join(lines[-1], tokens)
        if tokens:
            lines.append(tokens)
            before = block
    _write(writer, lines)


def _write(writer: PageWriter, lines: Sequence[Sequence[Token]]) -> None:
    for tokens in lines:
        writer.words(tokens)
        writer.end_line()


def _place(flow: Sequence[Row | Grid], grid: Grid) -> int:
    """Where a ruled table stands among the rest: before the first block that begins below it."""
    for at, block in enumerate(flow):
        if block.top >= grid.top and (at == 0 or flow[at - 1].top <= grid.top):
            return at
    return len(flow)


def _divided(row: Row, after: Row) -> bool:
    """Whether the last word of a line goes on in the next: 'Rech-' / 'nung'."""
    if len(after.segments) != 1 or after.middle <= row.middle:
        return False
    last, first = row.segments[-1].marks[-1].token.text, after.segments[0].marks[0].token.text
    return (
        len(last) > 2
        and last[-1] in "-\u2010"
        and last[-2].islower()
        and first[0].islower()
        and first not in STANDS_ALONE
    )


def _join(line: list[Token], tokens: list[Token]) -> None:
    """Move the second half of a divided word up to the first one; the hyphen goes."""
    first = line[-1]
    line[-1] = Token(first.text[:-1], first.box, first.confidence, glued=first.glued)
    rest = tokens.pop(0)
    line.append(Token(rest.text, rest.box, rest.confidence, glued=True))
