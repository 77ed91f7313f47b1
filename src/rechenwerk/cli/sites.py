"""Commands: site."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from rechenwerk.cli.configuration import Whose
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, console, moment, print_json, table

Site = Annotated[str, typer.Argument(help="The site.")]


def site_list(context: typer.Context, organisation: Whose = None, as_json: Json = False) -> None:
    """List sites: power, energy, and which are out."""
    found = remote(context).ask("GET", "/sites", organisation=organisation)
    if as_json:
        print_json(found)
        return
    columns = (
        "name",
        "jurisdiction",
        "cap, kW",
        "PUE",
        "CO2, g/kWh",
        "price per kWh",
        "deployments",
        "state",
    )
    rows = [
        (
            one["name"],
            one["jurisdiction"],
            one["power_cap_kw"],
            one["pue"],
            one["co2_grams"],
            _prices(one["prices"]),
            one["deployments"],
            _state(one),
        )
        for one in found["sites"]
    ]
    right = ("cap, kW", "PUE", "CO2, g/kWh", "deployments")
    table(f"Sites of {found['organisation']}", columns, rows, right=right)


def _prices(prices: list[str]) -> str:
    least, most = min(prices, key=float), max(prices, key=float)
    return least if least == most else f"{least} to {most}"


def _state(site: dict[str, Any]) -> Text:
    if site["out_since"]:
        why = f": {site['out_reason']}" if site["out_reason"] else ""
        return Text(f"out since {moment(site['out_since'])}{why}", style="bold red")
    return Text("serves", style="green") if site["active"] else Text("not in the file any more")


def site_out(
    context: typer.Context,
    name: Site,
    reason: Annotated[str, typer.Option(help="Why; calls that are refused for it say so.")] = "",
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Switch a site off: within two seconds nothing is sent to its deployments any more."""
    body = {"reason": reason, "organisation": organisation}
    shown = remote(context).ask("PUT", f"/sites/{quote(name, safe='')}/out", body)
    _tell(shown, "is out", as_json)


def site_back(context: typer.Context, name: Site, organisation: Whose = None, as_json: Json = False) -> None:
    """Switch a site on again."""
    path = f"/sites/{quote(name, safe='')}/out"
    _tell(remote(context).ask("DELETE", path, organisation=organisation), "serves again", as_json)


def _tell(site: dict[str, Any], state: str, as_json: bool) -> None:
    if as_json:
        print_json(site)
    else:
        count = site["deployments"]
        console().print(f"site {site['name']!r} {state}: {count} deployments", markup=False)


def add_sites(app: typer.Typer) -> None:
    """Join the commands of this page."""
    site = typer.Typer(help="Where machines stand; out, and back.", no_args_is_help=True)
    site.command("list")(site_list)
    site.command("out")(site_out)
    site.command("back")(site_back)
    app.add_typer(site, name="site")
