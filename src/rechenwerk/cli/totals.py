"""Command: books totals."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

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
    days: Annotated[int, typer.Option(help="How many days back, without a period.")] = 30,
    by: Annotated[By, typer.Option(help="What is summed apart.")] = By.project,
    step: Annotated[Step, typer.Option(help="Day by day, month by month, or all in one.")] = Step.all,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Calls, prices, costs and tokens of a month or of the last days, as they were booked."""
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
    rows = [
        (
            one["starts"],
            one["name"],
            f"{one['calls']:,}",
            f"{sum(one['usage'][bucket] for bucket in ('input', 'cached_input', 'cache_write')):,}",
            f"{sum(one['usage'][bucket] for bucket in ('output', 'reasoning')):,}",
            one["price"],
            one["cost"],
        )
        for one in found["rows"]
    ]
    columns = ("from", by.value, "calls", "tokens in", "tokens out", "price", "cost")
    title = (
        f"Calls of {found['organisation']} from {found['starts']} to {found['ends']} in {found['currency']}"
    )
    table(title, columns, rows, right=columns[2:])


def add_totals(books: typer.Typer) -> None:
    """Join the command of this page."""
    books.command("totals")(totals)
