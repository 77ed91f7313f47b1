"""Commands: tariff."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.configuration import read_file, stop_if_wrong
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, plain, print_json, table

_WHOSE = Annotated[
    str | None, typer.Option("--organisation", help="Only this organisation; else all of them.")
]
_HALF = Decimal("0.005")
_PERIOD = Annotated[str | None, typer.Option(help="A month such as 2026-03; this one if left out.")]


def tariff_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """List what the organisation pays: its tariffs now and later, and its discounts."""
    found = remote(context).ask("GET", "/tariffs", organisation=organisation)
    if as_json:
        print_json(found)
        return
    _tariffs(f"Tariffs of {found['organisation']} in {found['currency']}", found["tariffs"])
    _discounts(found)


def tariff_show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="The model.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show all versions of one model's tariff, those that ended too."""
    found = remote(context).ask("GET", "/tariffs", model=model, history=True, organisation=organisation)
    if as_json:
        print_json(found)
        return
    if not found["tariffs"]:
        hint = "`rechenwerk tariff list` shows what is"
        raise RechenwerkError(f"{model!r} is not sold to {found['organisation']!r}; {hint}")
    for one in found["tariffs"]:
        span = f"from {_day(one['starts_at'])}" + (f" to {_last(one['ends_at'])}" if one["ends_at"] else "")
        title = f"{one['model']}, tariff {one['tariff']}, {span}, in {found['currency']}"
        table(title, ("term", "value"), [("form", one["form"]), *_terms(one["terms"])])
    _discounts(found)


def tariff_check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="rechenwerk.toml, or only its currency and tariffs.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Read the tariffs of a file: every mistake with its line and its fix. Nothing is written.

    What `rechenwerk apply` would refuse is refused here, too.
    """
    there = remote(context)
    answered = there.try_ask("POST", "/tariffs/check", {"text": read_file(file)}, organisation=organisation)
    stop_if_wrong(answered, file, there.office_url, as_json=as_json)
    if as_json:
        print_json(answered.body)
        return
    _tariffs(f"Tariffs in {file} in {answered.body['currency']}", answered.body["tariffs"])


def tariff_discount(
    context: typer.Context,
    share: Annotated[str, typer.Argument(help="Share off, such as 10%; 0 ends an earlier one.")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the books.")],
    organisation: Organisation = None,
    project: Annotated[str | None, typer.Option(help="Of this project only.")] = None,
    model: Annotated[str | None, typer.Option(help="On this model only.")] = None,
    starts: Annotated[str | None, typer.Option("--from", help="First day; today if left out.")] = None,
    ends: Annotated[str | None, typer.Option("--to", help="Last day; until another one begins.")] = None,
    as_json: Json = False,
) -> None:
    """Give an organisation or one of its projects a discount. The most special one counts alone."""
    body = {
        "organisation": organisation,
        "project": project,
        "model": model,
        "share": share,
        "starts": starts,
        "ends": ends,
        "reason": reason,
    }
    made = remote(context).ask("POST", "/tariffs/discounts", body)
    if as_json:
        print_json(made)
        return
    until = f" to {made['ends']}" if made["ends"] else ""
    what = made["model"] or "all models"
    line = f"discount {made['id']}: {_percent(made['share'])} on {what} from {made['starts']}{until}"
    console().print(line, markup=False)


def tariff_dry_run(
    context: typer.Context,
    period: Annotated[str, typer.Option(help="A month such as 2026-03.")],
    file: Annotated[Path, typer.Option(help="rechenwerk.toml with the other tariffs, or only them.")],
    organisation: _WHOSE = None,
    as_json: Json = False,
) -> None:
    """Show what a period would have cost under other tariffs. Nothing is written."""
    there = remote(context)
    body = {"text": read_file(file), "period": period, "organisation": organisation}
    with _waiting(f"pricing {period} again ...", quiet=as_json):
        answered = there.try_ask("POST", "/tariffs/dry-run", body)
    stop_if_wrong(answered, file, there.office_url, as_json=as_json)
    found = answered.body
    if as_json:
        print_json(found)
        return
    money = ("calls", "booked", "old", "new", "difference", "± rounding")
    rows: list[tuple[object, ...]] = [
        (
            one["organisation"],
            one["project"],
            one["model"],
            f"{one['calls']:,}",
            _cents(one["booked"]),
            _cents(one["old"]),
            "not sold" if one["new"] is None else _cents(one["new"]),
            _signed(one["difference"]),
            one["rounding"],
        )
        for one in found["rows"]
    ]
    sums = (_cents(found["old"]), _cents(found["new"]), _signed(found["difference"]), "")
    rows.append((Text("total", style="bold"), "", "", "", "", *sums))
    columns = ("organisation", "project", "model", *money)
    table(f"{found['period']} under {file} in {found['currency']}", columns, rows, right=money)
    for model in found["unsold"]:
        console().print(f"{file} has no tariff for {model!r}: add one, or it is not sold", markup=False)


def tariff_cover(
    context: typer.Context,
    period: _PERIOD = None,
    margin: Annotated[str, typer.Option(help="Share of the price that is to be left, such as 10%.")] = "0",
    organisation: _WHOSE = None,
    as_json: Json = False,
) -> None:
    """Show which price covers the cost of each model, with idle capacity and without."""
    query = {"period": period, "margin": margin, "organisation": organisation}
    with _waiting("adding up ...", quiet=as_json):
        found = remote(context).ask("GET", "/tariffs/cover", **query)
    if as_json:
        print_json(found)
        return
    shown = ("tokens", "revenue", "cost", "of it idle", "margin", "now", "without idle", "covers all")
    right = (*shown, "break-even")
    rows = [
        (
            one["model"],
            f"{one['tokens']:,}",
            _cents(one["revenue"]),
            _cents(one["cost"]),
            _cents(one["idle"]),
            _margin(one["margin"]),
            _pair(one["now"]),
            _pair(one["without_idle"]),
            _pair(one["with_idle"]),
            f"{Decimal(one['break_even']):,.3f} M" if one["break_even"] else "never",
        )
        for one in found["models"]
    ]
    title = f"{found['period']}: prices per million in / out in {found['currency']}"
    title += f", margin {_percent(found['margin'])}"
    table(title, ("model", *shown, "break-even"), rows, right=right)
    for one in found["unused"]:
        line = f"contract {one['contract']!r} cost {_cents(one['cost'])} and served no model"
        console().print(line, markup=False, style="yellow")


# -- cells ----------------------------------------------------------------------------------------


def _tariffs(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    cells = [
        (
            one["model"],
            str(one["tariff"] or ""),
            one["form"],
            "; ".join(f"{name} {value}" for name, value in _terms(one["terms"])),
            "own" if one["own"] else "all",
            _day(one["starts_at"]),
            _last(one["ends_at"]),
            Text("holds", style="green") if one["holds"] else Text("later", style="dim"),
        )
        for one in rows
    ]
    table(title, ("model", "tariff", "form", "terms", "of", "from", "to", ""), cells, right=("tariff",))


def _terms(terms: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), plain(value)) for name, value in terms.items()]


def _discounts(found: Mapping[str, Any]) -> None:
    if not found["discounts"]:
        return
    rows = [
        (
            one["project"] or "all",
            one["model"] or "all",
            _percent(one["share"]),
            one["starts"],
            one["ends"],
            one["reason"],
            one["made_by"],
        )
        for one in found["discounts"]
    ]
    columns = ("project", "model", "share", "from", "to", "why", "by")
    table(f"Discounts of {found['organisation']}", columns, rows, right=("share",))


def _day(value: str | None) -> str:
    return value[:10] if value else ""


def _last(value: str | None) -> str:
    """The last day before a moment that ends something."""
    return str((datetime.fromisoformat(value) - timedelta(microseconds=1)).date()) if value else ""


def _percent(share: str) -> str:
    return f"{(Decimal(share) * 100).normalize():f} %"


def _cents(value: str) -> str:
    """In cents, as tables of months are; what is less than half of one is told from nothing."""
    number = Decimal(value)
    if number and abs(number) < _HALF:
        return "< 0.01" if number > 0 else "> -0.01"
    return f"{number:,.2f}"


def _signed(value: str | None) -> Text:
    if value is None:
        return Text("")
    number = Decimal(value)
    said = _cents(value) if abs(number) < _HALF else f"{number:+,.2f}"
    return Text(said, style="green" if number > 0 else "red" if number < 0 else "dim")


def _margin(value: str | None) -> Text:
    if value is None:
        return Text("")
    return Text(f"{Decimal(value) * 100:.1f} %", style="red" if Decimal(value) < 0 else "green")


def _pair(prices: Mapping[str, str] | None) -> str:
    if prices is None:
        return ""
    return f"{Decimal(prices['input']):,.4f} / {Decimal(prices['output']):,.4f}"


def _waiting(words: str, *, quiet: bool) -> AbstractContextManager[object]:
    """Say that something goes on, where a person looks."""
    return nullcontext() if quiet or not sys.stdout.isatty() else console().status(words)


def add_tariffs(app: typer.Typer) -> None:
    """Join the commands of this page."""
    tariff = typer.Typer(help="What models are sold for.", no_args_is_help=True)
    tariff.command("list")(tariff_list)
    tariff.command("show")(tariff_show)
    tariff.command("check")(tariff_check)
    tariff.command("discount")(tariff_discount)
    tariff.command("dry-run")(tariff_dry_run)
    tariff.command("cover")(tariff_cover)
    app.add_typer(tariff, name="tariff")
