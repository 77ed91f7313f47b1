"""Commands: alert. Whom to tell what, by webhook or mail."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.text import Text

from rechenwerk.cli.budgets import PERIODS
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, plain, print_json, table

_COLOURS = {"delivered": "green", "waiting": "yellow", "given up": "red", "passed over": "dim"}.items()
_PATIENCE = 15.0
_POLL = 0.3
Name = Annotated[str, typer.Argument(help="The alert.")]


def _what(alert: dict[str, Any]) -> str:
    """What an alert tells, in a few words."""
    told = [f"{one} %" for one in alert["at"]]
    told += ["forecast"] if alert["forecast"] else []
    told += ["empty"] if alert["watch"] == "wallets" else []
    told += [f"below {alert['below']}"] if alert["below"] else []
    return ", ".join(told)


def alert_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name, unique in the organisation.")],
    watch: Annotated[str, typer.Option(help="budgets, wallets, contracts or concentration.")] = "budgets",
    webhook: Annotated[str | None, typer.Option(help="Address that is told, such as https://…")] = None,
    mail: Annotated[str | None, typer.Option(help="Mail address that is told.")] = None,
    language: Annotated[str, typer.Option(help="Of mails: en or de.")] = "en",
    at: Annotated[
        list[int] | None, typer.Option(help="Percent used of a budget; repeat for several. Else 50, 80, 100.")
    ] = None,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="When a budget will be passed before its period ends.")
    ] = False,
    below: Annotated[str | None, typer.Option(help="When less than this is left of a wallet.")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project's budgets or wallet.")] = None,
    key: Annotated[str | None, typer.Option(help="Only the budgets of this key.")] = None,
    period: Annotated[str | None, typer.Option(help=f"Only budgets of this period: {PERIODS}.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Tell somebody when budgets or wallets run low, contracts need attention, or caps are passed."""
    body = {
        "name": name,
        "watch": watch,
        "webhook": webhook,
        "mail": mail,
        "language": language,
        "at": at or [],
        "forecast": forecast,
        "below": below,
        "project": project,
        "key": key,
        "period": period,
        "organisation": organisation,
    }
    made = remote(context).ask("POST", "/alerts", body)
    if as_json:
        print_json(made)
        return
    out = console()
    out.print(f"alert {made['name']!r} tells {made['target']}: {made['watch']} {_what(made)}", markup=False)
    if made["secret"]:
        out.print(f"signed with {made['secret']}", markup=False, style="bold")
        out.print("It is shown only now: copy it to the receiver, which checks with it.", markup=False)


def alert_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """List alerts: whom an organisation tells what."""
    found = remote(context).ask("GET", "/alerts", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["name"],
            one["watch"],
            one["project"] or (f"key {one['key_id']}" if one["key_id"] else "all"),
            one["period"] or "",
            _what(one),
            one["channel"],
            one["target"],
            one["language"] if one["channel"] == "mail" else "",
        )
        for one in found["alerts"]
    ]
    columns = ("name", "watches", "of", "period", "tells", "by", "to", "language")
    table(f"Alerts of {found['organisation']}", columns, rows)


def alert_remove(
    context: typer.Context, name: Name, organisation: Organisation = None, as_json: Json = False
) -> None:
    """Remove an alert; what waits to be sent is given up."""
    found = remote(context).ask("DELETE", f"/alerts/{quote(name, safe='')}", organisation=organisation)
    if as_json:
        print_json(found)
    else:
        console().print(f"alert {name!r} removed", markup=False)


def alert_test(
    context: typer.Context, name: Name, organisation: Organisation = None, as_json: Json = False
) -> None:
    """Send a test over the same way, and say what came of it."""
    made = remote(context).ask("POST", f"/alerts/{quote(name, safe='')}/test", organisation=organisation)
    with Console(stderr=True).status("waiting for the receiver ..."):
        until = time.monotonic() + _PATIENCE
        while made["state"] == "waiting" and not made["answer"] and time.monotonic() < until:
            time.sleep(_POLL)
            log = remote(context).ask("GET", "/alerts/log", organisation=organisation, limit=100)
            made = next((one for one in log["notices"] if one["id"] == made["id"]), made)
    if as_json:
        print_json(made)
    else:
        answer = made["answer"] or "no answer yet"
        console().print(f"test {made['message_id']}: {made['state']}; {answer}", markup=False)
    if made["state"] != "delivered":
        raise typer.Exit(1)


def alert_log(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 30,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show what was told, to whom, and what waits to be sent again."""
    found = remote(context).ask("GET", "/alerts/log", organisation=organisation, limit=limit)
    if as_json:
        print_json(found)
        return
    colours = dict(_COLOURS)
    rows = [
        (
            one["id"],
            moment(one["made_at"]),
            one["alert"],
            one["kind"],
            _about(one["data"]),
            Text(one["state"], style=colours.get(one["state"], "")),
            one["attempts"],
            moment(one["next_at"]),
            one["answer"],
        )
        for one in found["notices"]
    ]
    columns = ("id", "at", "alert", "kind", "about", "state", "attempts", "again at", "last answer")
    table(f"Notices of {found['organisation']}", columns, rows, right=("id", "attempts"))


def _about(data: dict[str, Any]) -> str:
    """What a notice is about, in a few words."""
    words = [data.get(name) for name in ("project", "key", "period", "contract", "warning", "cap", "who")]
    if data.get("threshold"):
        words.append(f"{data['threshold']} %")
    return " ".join(plain(one) for one in words if one)


def add_alerts(app: typer.Typer) -> None:
    """Join the commands of this page."""
    alert = typer.Typer(help="Whom to tell what, by webhook or mail.", no_args_is_help=True)
    alert.command("add")(alert_add)
    alert.command("list")(alert_list)
    alert.command("test")(alert_test)
    alert.command("remove")(alert_remove)
    alert.command("log")(alert_log)
    app.add_typer(alert, name="alert")
