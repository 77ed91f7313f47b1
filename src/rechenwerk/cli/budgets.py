"""Commands: budget. Budgets of the organisation, its projects and its keys, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, print_json, table

PERIODS = "day, week, month, quarter, year or total"
_BAR = 20
_COLUMNS = ("budget of", "period", "kind", "amount", "used", "held", "left", "", "used %", "at the end")
_MONEY = ("amount", "used", "held", "left", "at the end")


def bar(line: dict[str, Any], width: int = _BAR) -> Text:
    """What is used and what is held of a budget, as a bar of its amount."""
    amount = Decimal(line["amount"])
    used, both = Decimal(line["used"]), Decimal(line["used"]) + Decimal(line["held"])
    full = min(width, int(used * width / amount)) if amount else width
    held = min(width, int(both * width / amount)) - full if amount else 0
    colour = "red" if line["percent"] >= 100 else "yellow" if line["percent"] >= 80 else "green"
    return Text.assemble(("█" * full, colour), ("▒" * held, colour), ("░" * (width - full - held), "dim"))


def tree(found: dict[str, Any]) -> Iterator[tuple[Text, Sequence[dict[str, Any]]]]:
    """The names of an organisation, its projects and their keys behind guides, each with its budgets."""
    budgets = found["budgets"]
    yield (
        Text(found["organisation"], style="bold"),
        [one for one in budgets if one["project"] is None],
    )
    for number, project in enumerate(found["projects"]):
        last = number == len(found["projects"]) - 1
        mine = [one for one in budgets if one["project"] == project]
        yield Text(("└── " if last else "├── ") + project), [one for one in mine if one["key_id"] is None]
        keys = list(dict.fromkeys((one["key_id"], one["key"]) for one in mine if one["key_id"] is not None))
        for place, (key_id, name) in enumerate(keys):
            guide = ("    " if last else "│   ") + ("└── " if place == len(keys) - 1 else "├── ")
            yield Text(guide + name), [one for one in mine if one["key_id"] == key_id]


def show(found: dict[str, Any]) -> None:
    """The tree as a table, so that amounts stand below each other."""
    rows: list[tuple[object, ...]] = []
    for name, budgets in tree(found):
        if not budgets:
            rows.append((name, Text("no budget", style="dim"), *[""] * (len(_COLUMNS) - 2)))
        for number, line in enumerate(budgets):
            kind = "wallet" if line["wallet"] else "hard" if line["hard"] else "soft"
            style = "red" if line["percent"] >= 100 else ""
            ahead = line["forecast"]
            over = ahead is not None and Decimal(ahead) > Decimal(line["amount"])
            rows.append(
                (
                    name if number == 0 else Text(" " * len(name)),
                    line["period"],
                    kind,
                    line["amount"],
                    line["used"],
                    line["held"],
                    Text(line["left"], style=style),
                    bar(line),
                    f"{line['percent']} %",
                    Text(ahead or "", style="yellow" if over else ""),
                )
            )
    title = f"Budgets of {found['organisation']} in {found['currency']}"
    table(title, _COLUMNS, rows, right=("used %",), money=_MONEY)


def budget_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """Show the budgets and wallets of an organisation, its projects and keys as a tree.

    A call needs all that stand above it. Used is what ended calls were charged, held (in the bar: hatched)
    what calls under way may cost at most; "at the end" is what will have been used when the period ends if it
    goes on as so far.
    """
    found = remote(context).ask("GET", "/budgets", organisation=organisation)
    print_json(found) if as_json else show(found)


def budget_set(
    context: typer.Context,
    amount: Annotated[
        str | None, typer.Argument(help="Amount such as 5.00, in the installation's currency.")
    ] = None,
    period: Annotated[
        str, typer.Option(help=f"{PERIODS}; periods begin at midnight UTC, weeks on Mondays.")
    ] = "month",
    project: Annotated[str | None, typer.Option(help="Of this project, not of the organisation.")] = None,
    key: Annotated[str | None, typer.Option(help="Of this key: its id, hint or name.")] = None,
    soft: Annotated[
        bool, typer.Option("--soft", help="Only report what goes beyond; refuse nothing.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the budget of this period.")] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Set or remove the budget of one period: of the organisation (for the operator), a project or a key."""
    if (amount is None) is not remove:
        raise typer.BadParameter("give an amount, or --remove")
    if project is not None and key is not None:
        raise typer.BadParameter("give --project or --key, not both")
    body = {"period": period, "amount": amount, "hard": not soft, "organisation": organisation}
    path = "/budgets/organisation"
    if project is not None:
        path = f"/projects/{quote(project, safe='')}/budget"
    elif key is not None:
        path = f"/keys/{quote(key, safe='')}/budget"
    remote(context).ask("PUT", path, body)
    budget_list(context, organisation, as_json)


def add_budgets(app: typer.Typer) -> None:
    """Join the commands of this page."""
    budget = typer.Typer(help="Budgets of organisation, projects and keys.", no_args_is_help=True)
    budget.command("list")(budget_list)
    budget.command("set")(budget_set)
    app.add_typer(budget, name="budget")
