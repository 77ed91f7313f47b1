"""Commands: capacity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, answer, console, moment, print_json, table

Whose = Annotated[
    str | None,
    typer.Option("--organisation", help="Pools of this organisation; else those shared with all."),
]
_PER: Mapping[str, str] = MappingProxyType(
    {
        "tokens per minute": "for 1,000 a minute and day",
        "tokens per day": "for a million of batch",
    }
)
_POOLS = ("pool", "capacity", "kept", "sold now", "free", "short", "deployments", "tariff", "grants")
_SALES = (
    "sale",
    "organisation",
    "project",
    "pool",
    "amount",
    "unit",
    "from (UTC)",
    "to (UTC)",
    "state",
    "fee",
)


def count(number: int) -> str:
    """Tokens for people: 12,000."""
    return f"{number:,}"


def when(text: str, option: str) -> str:
    """A moment such as 2027-01-31 or 2027-01-31T12:00 in UTC, as the API wants it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} takes a day or a moment of UTC, such as 2027-01-31") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def pools(context: typer.Context, organisation: Whose = None, as_json: Json = False) -> None:
    """Pools of deployments: what they have, keep, have sold, and what is free, in tokens per minute."""
    _show_pools(remote(context).ask("GET", "/pools", organisation=organisation), as_json)


def _show_pools(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows: list[tuple[object, ...]] = []
    for one in found["pools"]:
        short = Text(count(one["short"]), style="bold red") if one["short"] else ""
        members = "\n".join(
            f"{member['model']}@{member['provider']} {count(member['tokens_per_minute'])}"
            + ("" if member["state"] == "active" else f" ({member['state']})")
            for member in one["members"]
        )
        tariffs = "\n".join(f"{rate} {one['currency']} {_PER[unit]}" for unit, rate in one["tariffs"].items())
        grants = f"small up to {count(one['small_grant'])}\nmedium up to {count(one['medium_grant'])}"
        numbers = tuple(count(one[name]) for name in ("capacity", "kept", "sold", "free"))
        rows.append((one["name"], *numbers, short, members, tariffs, grants))
    table("Pools, in tokens per minute", _POOLS, rows, right=_POOLS[1:6])


def pool(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The pool.")],
    member: Annotated[
        list[str] | None,
        typer.Option(
            help="MODEL@PROVIDER=TOKENS per minute; repeat for all. Who is left out leaves the pool."
        ),
    ] = None,
    tokens_per_gpu_hour: Annotated[
        int | None,
        typer.Option(help="What an hour of a GPU serves: applications in GPU-hours are converted."),
    ] = None,
    small: Annotated[int | None, typer.Option(help="Tokens up to which a grant needs no approval.")] = None,
    medium: Annotated[int | None, typer.Option(help="Tokens up to which it needs one; beyond, two.")] = None,
    idle_days: Annotated[int | None, typer.Option(help="Days unused after which a grant lies idle.")] = None,
    least_share: Annotated[
        int | None, typer.Option(help="Percent of the linear course below which a grant lies idle.")
    ] = None,
    notice_days: Annotated[int | None, typer.Option(help="Days between notice and return.")] = None,
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Make a pool of deployments, own and bought together, or change one."""
    body = {
        "members": None if member is None else [_member(one) for one in member],
        "tokens_per_gpu_hour": tokens_per_gpu_hour,
        "small_grant": small,
        "medium_grant": medium,
        "idle_days": idle_days,
        "least_share": least_share,
        "notice_days": notice_days,
        "organisation": organisation,
    }
    made = remote(context).ask("PUT", f"/pools/{quote(name, safe='')}", body)
    if as_json:
        print_json(made)
    else:
        _show_pools({"pools": [made]}, as_json=False)


def _member(text: str) -> dict[str, Any]:
    deployment, equals, tokens = text.rpartition("=")
    if not equals or not tokens.isdecimal():  # a model's name may have an equals sign as well
        deployment, tokens = text, ""
    named, _, contract = deployment.partition(" under ")
    model, at, provider = named.rpartition("@")
    if not at or not model or not provider:
        raise typer.BadParameter(f"--member {text!r}: write it like llama@own-gpu=60000")
    return {
        "model": model,
        "provider": provider,
        "contract": contract or None,
        "tokens_per_minute": int(tokens) if tokens else None,
    }


def tariff(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The pool.")],
    rate: Annotated[str, typer.Argument(help="Such as 1.50, in the installation's currency.")],
    batch: Annotated[
        bool, typer.Option("--batch", help="Per million tokens of batch; else per 1,000 a minute and day.")
    ] = False,
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Say what capacity of a pool is sold for from now on; sales keep the rate that they were made at."""
    unit = "tokens per day" if batch else "tokens per minute"
    body = {"unit": unit, "rate": rate, "organisation": organisation}
    made = remote(context).ask("PUT", f"/pools/{quote(name, safe='')}/tariff", body)
    if as_json:
        print_json(made)
    else:
        _show_pools({"pools": [made]}, as_json=False)


def sell(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The pool.")],
    organisation: Annotated[str, typer.Option(help="The buyer.")],
    starts: Annotated[str, typer.Option("--from", help="First moment, such as 2027-01-01, UTC.")],
    ends: Annotated[str, typer.Option("--to", help="When it is over.")],
    tokens_per_minute: Annotated[int | None, typer.Option(help="Reserved throughput.")] = None,
    tokens_per_day: Annotated[int | None, typer.Option(help="Batch capacity.")] = None,
    project: Annotated[str, typer.Option(help="The buyer's project that pays.")] = "default",
    rate: Annotated[str | None, typer.Option(help="Instead of the tariff's.")] = None,
    lendable: Annotated[
        int | None, typer.Option(help="Tokens per minute lent while idle; all if left out.")
    ] = None,
    reclaim: Annotated[int, typer.Option(help="Seconds within which what is lent must be back.")] = 60,
    as_json: Json = False,
) -> None:
    """Sell an organisation capacity for a period and book the fee; what is not free is refused."""
    if (tokens_per_minute is None) == (tokens_per_day is None):
        raise typer.BadParameter("give --tokens-per-minute or --tokens-per-day")
    body = {
        "organisation": organisation,
        "project": project,
        "pool": name,
        "unit": "tokens per day" if tokens_per_minute is None else "tokens per minute",
        "amount": tokens_per_day if tokens_per_minute is None else tokens_per_minute,
        "starts_at": when(starts, "--from"),
        "ends_at": when(ends, "--to"),
        "lendable": lendable,
        "reclaim": reclaim,
        "rate": rate,
    }
    made = remote(context).ask("POST", "/sales", body)
    if as_json:
        print_json(made)
        return
    text = (
        f"sale {made['id']}: {count(made['amount'])} {made['unit']} of {made['pool']} for"
        f" {made['organisation']}, fee {made['fee']} {made['currency']}"
    )
    console().print(text, markup=False)


def sales(
    context: typer.Context,
    everyone: Annotated[
        bool, typer.Option("--all", help="What was sold to whomever; needs the scope operator.")
    ] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """What the organisation bought, newest first."""
    path = "/sold" if everyone else "/sales"
    _show_sales(remote(context).ask("GET", path, organisation=organisation), as_json)


def _show_sales(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["organisation"],
            one["project"],
            one["pool"],
            count(one["amount"]),
            one["unit"],
            moment(one["starts_at"]),
            moment(one["ends_at"]),
            one["state"],
            f"{one['fee']} {one['currency']}"
            + (f", {one['refunded']} paid back" if one["cancelled_at"] else ""),
        )
        for one in found["sales"]
    ]
    table("Sold capacity", _SALES, rows, right=("sale", "amount", "fee"))


def cancel(
    context: typer.Context,
    sale: Annotated[int, typer.Argument(help="Its number, from `capacity list`.")],
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """End a sale now; the fee of the time that is not over is paid back."""
    gone = remote(context).ask("POST", f"/sales/{sale}/cancel", organisation=organisation)
    text = f"sale {gone['id']} cancelled, {gone['refunded']} {gone['currency']} paid back"
    answer(gone, text, as_json=as_json)


def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many events, 1 to 1000.")] = 20,
    before: Annotated[int | None, typer.Option(help="Only events older than this one.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Who did what with pools, reserve, sales and grants; nothing of it can be changed."""
    found = remote(context).ask("GET", "/audit", limit=limit, before=before, organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            moment(one["at"]),
            f"{one['who']} (key {one['key']})",
            one["what"],
            one["subject"],
            one["organisation"],
        )
        for one in found["events"]
    ]
    table("Audit", ("event", "time (UTC)", "who", "what", "subject", "of"), rows, right=("event",))
    if found["next"]:
        console().print(f"older events: rechenwerk capacity audit --before {found['next']}", markup=False)


def add_capacity(app: typer.Typer) -> None:
    """Join the commands of this page."""
    capacity = typer.Typer(help="Pools of capacity, and what is sold of them.", no_args_is_help=True)
    capacity.command("pools")(pools)
    capacity.command("pool")(pool)
    capacity.command("tariff")(tariff)
    capacity.command("sell")(sell)
    capacity.command("list")(sales)
    capacity.command("cancel")(cancel)
    capacity.command("audit")(audit)
    app.add_typer(capacity, name="capacity")
