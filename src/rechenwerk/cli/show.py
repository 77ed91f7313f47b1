"""What commands print: one JSON document, or tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
Organisation = Annotated[
    str | None,
    typer.Option("--organisation", help="Another organisation than the key's; needs the scope operator."),
]


def console() -> Console:
    """For standard output; in a pipe wide enough that nothing is cut."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """Exactly one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()
) -> None:
    """A table; the columns named in `right` are right-aligned, as money and counts are."""
    shown = Table(title=Text(title), title_justify="left")
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        # Text, not str: names come from people and may look like markup.
        shown.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    console().print(shown)


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
