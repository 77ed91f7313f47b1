"""Command: books totals."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, print_json, table


class By(StrEnum):
    """What totals are by."""

    organisation = "organisation"
    project = "project"
    key = "key"
    model = "model"
    deployment = "deployment"
    contract = "contract"
    outcome = "outcome"


class Step(StrEnum):
    """How long what is summed takes."""

    day = "day"
    month = "month"
    all = "all"


def totals(
    context: typer.Context,
    period: Annotated[str | None, typer.Option(help="A month such as 2026-03; else the last days.")] = None,
    days: Annotated[int, typer.Option(help="How many days, today the last of them, without a period.")] = 30,
    by: Annotated[By, typer.Option(help="What is summed apart.")] = By.project,
    step: Annotated[Step, typer.Option(help="Day by day, month by month, or all in one.")] = Step.all,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Calls, prices, costs and tokens of a month or of the last days, as they were booked.

    Both days in the title belong to it: the first and the last.
    """
    found = remote(context).ask(
        "GET",
        "/books/totals",
        period=period,
        days=days,
        by=by.value,
        step=step.value,
        organisation=organisation,
    )
    if as_json:
        print_json(found)
        return
    rows: list[tuple[object, ...]] = [_row(one["starts"], one["name"], one) for one in found["rows"]]
    rows.append(tuple(Text(cell, style="bold") for cell in _row("total", "", found["total"])))
    columns = ("from", by.value, "calls", "tokens in", "tokens out", "price", "cost")
    span = f"from {found['starts']} to {found['ends']}, both days included"
    title = f"Calls of {found['organisation']} {span}, in {found['currency']}"
    table(title, columns, rows, right=columns[2:5], money=columns[5:])


def _row(starts: str, name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    usage = one["usage"]
    return (
        starts,
        name,
        f"{one['calls']:,}",
        f"{sum(usage[bucket] for bucket in ('input', 'cached_input', 'cache_write')):,}",
        f"{sum(usage[bucket] for bucket in ('output', 'reasoning')):,}",
        one["price"],
        one["cost"],
    )


def add_totals(books: typer.Typer) -> None:
    """Join the command of this page."""
    books.command("totals")(totals)
