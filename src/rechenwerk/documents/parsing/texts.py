"""Plain text and CSV. A form feed in a text begins a page; a CSV is one table."""

from __future__ import annotations

import csv
import io

from rechenwerk.documents.intake.encodings import decode
from rechenwerk.documents.intake.kinds import delimiter_of
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.grids import head_of
from rechenwerk.documents.parsing.writing import tokens_of

ROWS_A_PAGE = 5000
"""A page of a long CSV, so that no page becomes too large for its bounds."""
LINES_A_PAGE = 20_000


def text_reader(data: bytes, limits: Limits) -> FlowReader:
    """A text."""
    flow = Flow(limits)
    for page in _text(data).split("\f"):
        lines = page.split("\n")
        for at in range(0, len(lines), LINES_A_PAGE):
            flow.lines("\n".join(lines[at : at + LINES_A_PAGE]))
            flow.break_page()
    return flow.reader()


def csv_reader(data: bytes, limits: Limits) -> FlowReader:
    """A table of values; the separator is found."""
    text = _text(data)
    sign = delimiter_of(text) or delimiter_of(text, certain=True) or ";"
    flow = Flow(limits)
    csv.field_size_limit(1_000_000)
    try:
        rows = [
            [tokens_of(cell) for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise RefusedError("corrupt", what=str(error)) from error
    head = head_of(rows[:50])
    for at in range(0, len(rows), ROWS_A_PAGE):
        flow.table(rows[at : at + ROWS_A_PAGE], head if at == 0 else 0)
        flow.break_page()
    return flow.reader()


def _text(data: bytes) -> str:
    found = decode(data)
    if found is None:
        raise RefusedError("unknown_kind")
    return found[0].lstrip("\ufeff")
