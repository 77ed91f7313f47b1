"""Command: books verify."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.remote import Remote, remote
from rechenwerk.cli.show import Json, Organisation, print_json, progress_bar, table

First = Annotated[str | None, typer.Option("--from", help="Only rows from this day on, such as 2026-03-01.")]
Last = Annotated[str | None, typer.Option("--to", help="Only rows up to this day; it is one of them.")]


def verify(
    context: typer.Context,
    first: First = None,
    last: Last = None,
    organisation: Organisation = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Every organisation; needs the scope operator.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compute the books again from their parts; ends with 1 if anything does not agree.

    With days only what their rows show by themselves, and their seals: sums are proved over everything.
    """
    there = remote(context)
    names = [organisation]
    if everyone:
        names = [one["name"] for one in there.ask("GET", "/organisations")["organisations"]]
    days = {name: day for name, day in (("from", first), ("to", last)) if day is not None}
    with progress_bar(quiet=as_json) as bar:
        task = bar.add_task("proving ...", total=None)
        found = [_proved(there, name, days, bar, task) for name in names]
    answer: Any = {"ok": all(one["ok"] for one in found), "organisations": found} if everyone else found[0]
    if as_json:
        print_json(answer)
    else:
        for one in found:
            rows = [(_mark(check["ok"]), check["name"], check["detail"]) for check in one["checks"]]
            table(f"Books of {one['organisation']}", ("", "check", "detail"), rows)
    if not answer["ok"]:
        raise typer.Exit(1)


def _proved(
    there: Remote, organisation: str | None, days: dict[str, str], bar: Progress, task: TaskID
) -> dict[str, Any]:
    run = there.ask("POST", "/books/verify", days, organisation=organisation)
    while run["state"] == "running":
        text = f"{run['organisation']}: {run['what']}"
        bar.update(task, description=text, completed=run["done"], total=run["whole"])
        run = there.ask("GET", f"/books/verify/{run['id']}", organisation=organisation)
    if run["state"] == "failed":
        raise RechenwerkError(run["failed"])
    found: dict[str, Any] = run["result"]
    return found


def _mark(ok: bool) -> Text:
    return Text("ok", style="green") if ok else Text("WRONG", style="bold red")


def add_verify(books: typer.Typer) -> None:
    """Join the command of this page."""
    books.command("verify")(verify)
