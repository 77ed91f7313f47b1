"""Commands: contract."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from rechenwerk.cli.burndown import chart
from rechenwerk.cli.focus import contract_export, contract_import
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table

_WHOLE = 1_000_000
_SCALE = 17
"""Columns that the scale of a chart takes."""
_STATES = (("active", "green"), ("proposed", "cyan"), ("exhausted", "bold red"), ("expired", "dim"))


def _amount(value: str | None) -> str:
    """Money and quantities to the cent, with separators; from a million on whole."""
    if value is None:
        return ""
    number = float(value)
    return f"{number:,.0f}" if abs(number) >= _WHOLE else f"{number:,.2f}"


def _status(status: str) -> Text:
    return Text(status, style=dict(_STATES).get(status, ""))


def _day(value: str | None) -> str:
    return moment(value)[:10]


def _last_day(value: str | None) -> str:
    """The day before a span ends at midnight."""
    if not value:
        return ""
    return str((datetime.fromisoformat(value) - timedelta(seconds=1)).date())


def contract_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """List contracts, and those that the operator shares, with where they stand."""
    found = remote(context).ask("GET", "/contracts", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["name"] + (" (shared)" if one["shared"] else ""),
            one["provider"],
            one["kind"],
            _status(one["position"]["status"]),
            one["starts"],
            one["ends"],
            one["models"],
            _amount(one["position"]["drawn"]),
            one["position"]["unit"],
        )
        for one in found["contracts"]
    ]
    columns = ("name", "provider", "kind", "status", "from", "to", "models", "drawn", "unit")
    table(f"Contracts of {found['organisation']}", columns, rows, right=("drawn",))


def contract_positions(
    context: typer.Context, organisation: Organisation = None, as_json: Json = False
) -> None:
    """Show where every contract stands: drawn, remaining, shortfall and leftover if nothing changes."""
    found = remote(context).ask("GET", "/positions", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [_position(one) for one in found["positions"]]
    amounts = ("amount", "drawn", "remaining", "forecast", "shortfall", "unused")
    columns = ("contract", "kind", "status", "until", *amounts, "unit")
    table(f"Positions of {found['organisation']}", columns, rows, right=amounts)


def _position(one: dict[str, Any]) -> tuple[object, ...]:
    band = one["forecast"]
    forecast = f"{_amount(band['low'])} … {_amount(band['high'])}" if band else ""
    lost = [Text(_amount(one[name]), style="bold red" if float(one[name]) else "dim") for name in _LOST]
    if one["peak"] is not None:  # of minutes nothing is foreseen, but the last hour is known
        forecast = f"peak {_amount(one['peak'])}, {one['refused']} refused"
    return (
        one["contract"],
        one["kind"] if one["peak"] is None else "cap per minute",
        _status(one["status"]),
        _last_day(one["expires_at"] or one["ends_at"]),
        _amount(one["amount"]),
        _amount(one["drawn"]),
        _amount(one["remaining"]),
        forecast,
        *lost,
        one["unit"],
    )


_LOST = ("shortfall", "unused")


def contract_warnings(
    context: typer.Context, organisation: Organisation = None, as_json: Json = False
) -> None:
    """Show what to act on while there is time, the nearest first."""
    found = remote(context).ask("GET", "/warnings", organisation=organisation)
    if as_json:
        print_json(found)
    elif found["warnings"]:
        _warnings(found["warnings"])
    else:
        console().print("nothing to act on", markup=False)


def _warnings(warnings: list[dict[str, Any]]) -> None:
    rows = [
        (
            _day(one["at"]),
            f"{one['days']:.0f}",
            one["contract"],
            Text(one["sort"], style="bold yellow"),
            one["message"],
        )
        for one in warnings
    ]
    table("Warnings", ("on", "days", "contract", "what", "what will happen"), rows, right=("days",))


def contract_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The contract.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show one contract: terms, position, and its burn-down with the forecast's band."""
    path = f"/contracts/{quote(name, safe='')}"
    found = remote(context).ask("GET", path, organisation=organisation)
    if as_json:
        print_json(found)
        return
    at = found["position"]
    heads = ("provider", "owner", "kind", "starts", "ends", "models")
    rows: list[tuple[object, object]] = [(head, found[head]) for head in heads]
    if found["versions"]:
        terms = found["versions"][-1]["terms"]
        rows += [(key, value) for key, value in terms.items() if key not in {*heads, "name"} and value]
    table(f"Contract {found['name']}", ("field", "value"), rows)
    columns = (
        "contract",
        "kind",
        "status",
        "until",
        "amount",
        "drawn",
        "remaining",
        "forecast",
        *_LOST,
        "unit",
    )
    right = ("amount", "drawn", "remaining", "forecast", *_LOST)
    table("Position", columns, [_position(one) for one in (at, *found["caps"])], right=right)
    out = console()
    for line in chart(found, width=max(24, min(72, out.width - _SCALE))):
        out.print(line)
    if found["warnings"]:
        _warnings(found["warnings"])
    if len(found["versions"]) > 1:
        dates = ", ".join(moment(one["since"]) or "the beginning" for one in found["versions"])
        out.print(f"its terms have changed; versions since {dates}", markup=False)


def add_contracts(app: typer.Typer) -> None:
    """Join the commands of this page."""
    contract = typer.Typer(help="What was bought, and where it stands.", no_args_is_help=True)
    contract.command("list")(contract_list)
    contract.command("show")(contract_show)
    contract.command("positions")(contract_positions)
    contract.command("warnings")(contract_warnings)
    contract.command("export")(contract_export)
    contract.command("import")(contract_import)
    app.add_typer(contract, name="contract")
