"""Commands: plan from-books and plan actuals, which ask an installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation
from rechenwerk.cli.words import Language


def from_books(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", help="The plan that is written; TOML.")],
    months: Annotated[int, typer.Option(min=3, max=120, help="Whole months of books that are read.")] = 24,
    periods: Annotated[int, typer.Option(min=1, max=120, help="Months that are planned.")] = 24,
    seed_paths: Annotated[int, typer.Option("--paths", min=1, help="That the plan asks for.")] = 10_000,
    organisation: Organisation = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """A base case from what was metered and what contracts still bind, its forecast tested on the past."""
    from rechenwerk.cli.plan_books import Read, from_books_command  # noqa: PLC0415

    asked = Read(out, months, periods, seed_paths, organisation, force, language, as_json)
    from_books_command(remote(context), asked)


def actuals(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A plan whose drivers name their books, as from-books writes.")
    ],
    scenario: Annotated[str, typer.Option(help="One of the file's scenarios; default: as written.")] = "",
    organisation: Organisation = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Plan against actual, month by month: what volume, price and mix made different."""
    from rechenwerk.cli.plan_books import actuals_command  # noqa: PLC0415

    actuals_command(remote(context), file, scenario, organisation, language, as_json=as_json)


def add_books_commands(plan: typer.Typer) -> None:
    """Mount the commands."""
    plan.command("from-books")(from_books)
    plan.command("actuals")(actuals)
