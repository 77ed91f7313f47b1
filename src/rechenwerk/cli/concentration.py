"""Command: concentration."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.cli.configuration import Whose
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, console, print_json, table

_WIDTH = 40
_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "spend": "Spend of {days} days, {currency}",
        "capacity": "Capacity, tokens per minute",
        "commitments": "Commitments: still payable and paid ahead, {currency}",
    }
)


def concentration(
    context: typer.Context,
    owner_fails: Annotated[str | None, typer.Option(help="Report what stops if this owner fails.")] = None,
    by: Annotated[str, typer.Option(help="Draw shares by: provider, owner.")] = "owner",
    days: Annotated[int, typer.Option(help="The window of spend and calls.", min=1, max=366)] = 30,
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """What hangs on one provider or owner: spend, capacity, commitments; ends with 1 above a hard cap."""
    if by not in {"provider", "owner"}:
        raise typer.BadParameter("--by is provider or owner")
    found = remote(context).ask(
        "GET", "/concentration", days=days, owner_fails=owner_fails, organisation=organisation
    )
    if as_json:
        print_json(found)
    else:
        _show(found, by)
    if any(cap["above"] and cap["rule"] == "hard" for cap in found["caps"]):
        raise typer.Exit(1)


def _show(found: dict[str, Any], by: str) -> None:
    console().print(f"Concentration of {found['organisation']}, by {by}", markup=False)
    for one in found["spreads"]:
        if one["by"] == by:
            _draw(one, found)
    if found["caps"]:
        rows = [_cap(cap) for cap in found["caps"]]
        table("Caps", ("", "cap", "allows", "above it"), rows)
    if found["failure"]:
        _failure(found["failure"], found["currency"])


def _draw(spread: dict[str, Any], found: dict[str, Any]) -> None:
    title = _TITLES[spread["dimension"]].format(**found)
    if spread["untold"]:
        title += f" (not told by {spread['untold']})"
    rows = [
        (
            one["name"],
            _bar(Decimal(one["share"])),
            percent(one["share"]),
            _amount(one["amount"], spread["dimension"]),
        )
        for one in spread["shares"]
        if Decimal(one["share"])
    ]
    if not rows:
        console().print(f"{title}: none", markup=False)
        return
    columns = (spread["by"], f"HHI {spread['hhi']:,}", "share", "amount")
    table(title, columns, rows, right=("share", "amount"))


def _amount(text: str, dimension: str) -> str:
    """Money to the cent, tokens per minute whole."""
    return f"{Decimal(text):,.0f}" if dimension == "capacity" else f"{Decimal(text):,.2f}"


def _bar(share: Decimal) -> Text:
    """Eighths of a character, so that small shares can be seen and told apart."""
    eighths = int(share * _WIDTH * 8)
    text = "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]
    return Text(text or "▏", style="red" if share > Decimal("0.5") else "cyan")


def percent(share: str) -> str:
    """A share such as ``0.6`` as ``60.0 %``."""
    return f"{Decimal(share) * 100:.1f} %"


def _cap(cap: dict[str, Any]) -> tuple[object, ...]:
    state = Text("ok", style="green")
    if cap["above"]:
        state = Text("ABOVE", style="bold red") if cap["rule"] == "hard" else Text("warning", style="yellow")
    whom = f"{cap['by']} {cap['of']}" if cap["of"] else f"every {cap['by']}"
    what = cap["dimension"] + (f" of {cap['window_days']} days" if cap["dimension"] == "spend" else "")
    allows = f"{whom} {percent(cap['at_most'])} of {what} ({cap['rule']})"
    return state, cap["name"], allows, [f"{one['name']} {percent(one['share'])}" for one in cap["above"]]


def _failure(one: dict[str, Any], currency: str) -> None:
    rows = [
        ("providers that go with it", one["providers"]),
        ("models without any deployment", one["models"] or "none"),
        ("data classes that no model is left for", one["classes"] or "none"),
        (
            "models lost for a data class",
            [f"{lost['model']} for {lost['data_class']}" for lost in one["lost"]] or "none",
        ),
        ("calls served there", _of(one["touched"], one["calls"])),
        ("of them, nobody else could serve", _of(one["stopped"], one["calls"])),
        ("critical calls served there", _of(one["critical_touched"], one["critical"])),
        ("of them, nobody else could serve", _of(one["critical_stopped"], one["critical"])),
        ("share of the told capacity", percent(one["capacity"])),
        ("still payable to it", f"{_amount(one['payable'], 'commitments')} {currency}"),
        ("paid ahead, at risk", f"{_amount(one['at_risk'], 'commitments')} {currency}"),
    ]
    table(f"If {one['owner']} fails", ("what", "how much"), rows)


def _of(part: int, whole: int) -> str:
    share = f" ({Decimal(part) / whole * 100:.1f} %)" if whole else ""
    return f"{part:,} of {whole:,}{share}"


def add_concentration(app: typer.Typer) -> None:
    """Join the commands of this page."""
    app.command("concentration")(concentration)
