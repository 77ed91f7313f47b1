"""Commands: reserve."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.cli.capacity import Whose, count
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, answer, moment, print_json, table

_RESERVE = ("pool", "class", "nominal", "lendable", "reclaim (s)", "emergency at most", "for (min)")
_BORROWERS = ("pool", "reserve of", "project", "class", "used", "borrowed at least")
_DRAWS = (
    "draw",
    "pool",
    "from",
    "to",
    "amount",
    "minutes",
    "state",
    "ends (UTC)",
    "asked by",
    "approved by",
    "why",
)


def show(context: typer.Context, organisation: Whose = None, as_json: Json = False) -> None:
    """What is kept for classes, in tokens per minute, and the emergency draws."""
    _show(remote(context).ask("GET", "/reserve", organisation=organisation), as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["pool"],
            one["service"],
            count(one["nominal"]),
            count(one["lendable"]),
            one["reclaim"],
            count(one["draw_most"]) if one["draw_most"] else "none",
            one["draw_minutes"],
        )
        for one in found["reserves"]
    ]
    table("Reserve, in tokens per minute", _RESERVE, rows, right=_RESERVE[2:])
    if found["borrowers"]:
        users = [
            (
                one["pool"],
                one["service"],
                f"{one['organisation']}/{one['project']}",
                one["project_service"],
                count(one["tokens"]),
                "its own" if one["own"] else count(one["borrowed"]),
            )
            for one in found["borrowers"]
        ]
        table(f"Who used it since {found['since']}, in tokens", _BORROWERS, users, right=_BORROWERS[4:])
    if found["draws"]:
        table("Emergency draws", _DRAWS, [_cells(one) for one in found["draws"]], right=("draw", "amount"))


def _cells(one: dict[str, Any]) -> tuple[object, ...]:
    second = f"{one['approved_by']} (key {one['approved_key']})" if one["approved_by"] else ""
    return (
        one["id"],
        one["pool"],
        one["taken_from"],
        one["given_to"] + (f" of {one['only_for']}" if one["only_for"] else ""),
        count(one["amount"]),
        one["minutes"],
        Text(one["state"], style="bold red" if one["state"] == "active" else ""),
        moment(one["ends_at"]),
        f"{one['requested_by']} (key {one['requested_key']})",
        second,
        one["reason"],
    )


def keep(
    context: typer.Context,
    pool: Annotated[str, typer.Argument(help="The pool.")],
    service: Annotated[str, typer.Argument(help="The class: critical, standard or batch.")],
    nominal: Annotated[int, typer.Option(help="Tokens per minute that the class can count on.")],
    lendable: Annotated[
        int | None, typer.Option(help="Of them, lent to others while idle; all if left out.")
    ] = None,
    reclaim: Annotated[int, typer.Option(help="Seconds within which what is lent must be back.")] = 60,
    draw_most: Annotated[
        int, typer.Option(help="Tokens per minute that emergency draws may take of it; 0: none.")
    ] = 0,
    draw_minutes: Annotated[int, typer.Option(help="Longest emergency draw.")] = 60,
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Keep capacity of a pool for a class; refused when the pool would promise more than it has."""
    body = {
        "pool": pool,
        "service": service,
        "nominal": nominal,
        "lendable": lendable,
        "reclaim": reclaim,
        "draw_most": draw_most,
        "draw_minutes": draw_minutes,
        "organisation": organisation,
    }
    _show(remote(context).ask("PUT", "/reserve", body), as_json)


def draw(
    context: typer.Context,
    pool: Annotated[str, typer.Argument(help="The pool.")],
    amount: Annotated[int, typer.Option(help="Tokens per minute.")],
    minutes: Annotated[int, typer.Option(help="How long, from the approval on.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit.")],
    taken_from: Annotated[str, typer.Option("--from", help="Whose reserve is drawn.")] = "critical",
    given_to: Annotated[str, typer.Option("--to", help="Which class's calls may draw it.")] = "standard",
    only_for: Annotated[str | None, typer.Option(help="Only this organisation's calls may draw it.")] = None,
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Ask for an emergency draw; needs the scope emergency, and a second person approves it."""
    body = {
        "pool": pool,
        "taken_from": taken_from,
        "given_to": given_to,
        "only_for": only_for,
        "amount": amount,
        "minutes": minutes,
        "reason": reason,
        "organisation": organisation,
    }
    made = remote(context).ask("POST", "/reserve/draws", body)
    text = (
        f"emergency draw {made['id']} asked for by {made['requested_by']!r}; within an hour somebody else"
        f" runs: rechenwerk reserve approve {made['id']}"
    )
    answer(made, text, as_json=as_json)


def approve(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of the emergency draw, from `reserve show`.")],
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Approve somebody else's emergency draw; needs the scope emergency or approve."""
    made = remote(context).ask("POST", f"/reserve/draws/{number}/approve", organisation=organisation)
    text = (
        f"emergency draw {made['id']}: {made['given_to']} draws {count(made['amount'])} tokens per minute of"
        f" {made['taken_from']} until {moment(made['ends_at'])} UTC"
    )
    answer(made, text, as_json=as_json)


def end(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of the emergency draw, from `reserve show`.")],
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """End an emergency draw before its time, or withdraw a request."""
    gone = remote(context).ask("POST", f"/reserve/draws/{number}/end", organisation=organisation)
    answer(gone, f"emergency draw {gone['id']} is {gone['state']}", as_json=as_json)


def add_reserve(app: typer.Typer) -> None:
    """Join the commands of this page."""
    reserve = typer.Typer(
        help="Capacity that is kept for classes, and emergency draws.", no_args_is_help=True
    )
    reserve.command("show")(show)
    reserve.command("set")(keep)
    reserve.command("draw")(draw)
    reserve.command("approve")(approve)
    reserve.command("end")(end)
    app.add_typer(reserve, name="reserve")
