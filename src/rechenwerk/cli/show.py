"""What commands print: one JSON document, or tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from rechenwerk.cli.amounts import align

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
Organisation = Annotated[
    str | None,
    typer.Option("--organisation", help="Another organisation than the key's; needs the scope operator."),
]

_INDENT = 3
_ANY = 10_000
"""Columns of a terminal as wide as one likes."""


def console() -> Console:
    """For standard output; in a pipe wide enough that nothing is cut."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=False)


def progress_bar(*, quiet: bool) -> Progress:
    """How far something is, where a person looks; it leaves nothing behind."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )


def print_json(value: Any) -> None:
    """Exactly one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def answer(made: Any, text: str, *, as_json: bool) -> None:
    """What was done: the whole document, or one line for people."""
    if as_json:
        print_json(made)
    else:
        console().print(text, markup=False)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Sequence[str] = (),
    out: Console | None = None,
    money: Sequence[str] = (),
    language: str = "en",
) -> None:
    """A table; the columns named in `right` are right-aligned, as counts are.

    Amounts in the columns named in `money` have the same number of decimals, column by column, and are
    written as the language does. Where the terminal is too narrow for it, a paragraph for each row: words
    broken in columns cannot be read.
    """
    # Text, not str: names come from people and may look like markup.
    cells = [[cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        if column in money:
            for row, cell in zip(cells, align([row[place] for row in cells], language), strict=True):
                row[place] = cell
    shown = Table(title=Text(title), title_justify="left")
    for column in columns:
        is_right = column in right or column in money
        shown.add_column(column, justify="right" if is_right else "left", overflow="fold")
    for row in cells:
        shown.add_row(*row)
    out = out or console()
    if Measurement.get(out, out.options.update(max_width=_ANY), shown).minimum <= out.width:
        out.print(shown)
        return
    out.print(Text(title, style="italic"))
    for row in cells:
        out.print(_paragraph(columns, row, out.width))


def _paragraph(columns: Sequence[str], row: Sequence[Text], width: int) -> Text:
    """A row as lines: its first cell, then the others after their columns' names, empty ones left out."""
    parts = [Text.assemble((row[0].plain or columns[0], "bold"))]
    for column, cell in zip(columns[1:], row[1:], strict=True):
        if cell.plain:
            value = Text(", ").join(cell.split("\n"))
            parts.append(Text.assemble((f"{column} " if column else "", "dim"), value))
    text, used = Text(" "), 1
    for part in parts:
        if used > _INDENT and used + part.cell_len > width:
            text.append("\n" + " " * _INDENT)
            used = _INDENT
        text.append_text(part)
        text.append("  ")
        used += part.cell_len + 2
    text.rstrip()
    return text


def plain(value: object) -> str:
    """A cell: nothing for None, words for lists and tables."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(one)}" for key, one in value.items() if one not in (None, {}, []))
    if isinstance(value, (list, tuple)) and any(isinstance(one, dict) for one in value):
        return "; ".join(plain(one) for one in value)
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(one) for one in value)
    return str(value)


def moment(value: str | None) -> str:
    """A time from the API, to the second."""
    return value[:19].replace("T", " ") if value else ""
