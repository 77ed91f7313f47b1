"""Commands: why, audit, energy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rechenwerk.base.reasons import is_told
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, plain, print_json, table

From = Annotated[str | None, typer.Option("--from", help="First day (UTC), such as 2026-11-01.")]
To = Annotated[str | None, typer.Option("--to", help="Last day, inclusive; now if left out.")]
_PRICES = (
    ("list", "list price"),
    ("contract_effect", "contract effect"),
    ("congestion", "congestion"),
    ("reserve", "reserve"),
    ("next_unit", "next unit"),
)


def why(
    context: typer.Context,
    call_id: Annotated[str, typer.Argument(help="Such as call_…, from the journal or an answer's header.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Explain a call: prices, what was refused and by which rule, what was tried before."""
    path = f"/books/calls/{quote(call_id, safe='')}/why"
    found = remote(context).ask("GET", path, organisation=organisation)
    if as_json:
        print_json(found)
        return
    console().print(_panel(found))


def _panel(found: dict[str, Any]) -> Panel:
    decided = found["decision"]
    parts: list[Any] = [_went(found, decided)]
    prices = decided.get("price")
    if isinstance(prices, dict) and prices:
        parts.append(_prices(prices, found["currency"]))
    others = [*_alternatives(decided), *_refused(decided), *_tried(decided)]
    if others:
        parts.append(_grid(("instead of", "next unit", "why not there"), others))
    parts.append(_booked(found))
    return Panel(Group(*parts), title=Text(found["call"]), title_align="left", expand=False)


def _went(found: dict[str, Any], decided: dict[str, Any]) -> Table:
    rows: list[tuple[str, object]] = [
        ("went to", decided.get("deployment") or found["provider"]),
        ("contract", decided.get("contract") or found["contract"]),
        ("because", decided.get("reason")),
        ("data class", decided.get("data_class")),
        ("service class", decided.get("service_class")),
        ("reserve", decided.get("reserve")),
        ("plan", decided.get("plan")),
        ("attempt of", found["attempt_of"]),
    ]
    known = {"deployment", "contract", "reason", "data_class", "service_class", "plan", "reserve"}
    known |= {"price", "alternatives", "refused", "tried"}
    rows += [(name, value) for name, value in decided.items() if name not in known and not is_told(name)]
    return _grid(("", ""), [row for row in rows if row[1] not in (None, "")])


def _prices(prices: dict[str, Any], currency: str) -> Table:
    names = dict(_PRICES)
    rows = [
        (names.get(name, name), Text(_said(prices[name]), justify="right"))
        for name in names
        if name in prices
    ]
    rows += [
        (name, Text(_said(value), justify="right")) for name, value in prices.items() if name not in names
    ]
    return _grid(("price of a million units", currency), rows)


def _alternatives(decided: dict[str, Any]) -> Iterable[tuple[object, ...]]:
    for one in _dicts(decided.get("alternatives")):
        yield one.get("deployment"), _said(one.get("next_unit")), one.get("why")


def _refused(decided: dict[str, Any]) -> Iterable[tuple[object, ...]]:
    for one in decided.get("refused") or ():
        if isinstance(one, dict):
            yield one.get("deployment"), "", Text(_said(one.get("why") or one.get("rule")), style="red")
        else:
            name, _, rule = str(one).partition(": ")
            yield name, "", Text(rule, style="red")


def _tried(decided: dict[str, Any]) -> Iterable[tuple[object, ...]]:
    for one in _dicts(decided.get("tried")):
        shown = {key: value for key, value in one.items() if key != "deployment" and not is_told(key)}
        rest = ", ".join(f"{key} {_said(value)}" for key, value in shown.items())
        yield one.get("deployment"), "", Text(f"tried: {rest}", style="yellow")


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _booked(found: dict[str, Any]) -> Table:
    currency = found["currency"]
    rows: list[tuple[str, object]] = [
        ("booked", f"{found['outcome']}, {moment(found['started_at'])} UTC, project {found['project']}"),
        ("sold at", f"{found['price']} {currency}"),
        ("cost", f"{found['cost']} {currency}; at list rates {found['listed']} {currency}"),
    ]
    if found["outcome_reason"]:
        rows.append(("reason", found["outcome_reason"]))
    if found["energy_uwh"]:
        rows.append(("energy", f"{found['energy_uwh'] / 1e6:.4g} Wh, {found['co2_ug'] / 1e6:.4g} g CO2"))
    return _grid(("", ""), rows)


def _grid(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Table:
    grid = Table(box=None, show_header=any(columns), pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        grid.add_column(column, style="bold" if not number else "", overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    grid.add_row()
    return grid


def _said(value: object) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else plain(value)


def residency(
    context: typer.Context,
    since: From = None,
    to: To = None,
    organisation: Organisation = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Every organisation; needs the scope operator.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge again whether every call went only where its data might go; ends with 1 if one did not."""
    query = {"from": since, "to": to, "organisation": organisation, "everyone": True if everyone else None}
    found = remote(context).ask("GET", "/audit/residency", **query)
    if as_json:
        print_json(found)
    else:
        _report(found)
    if not found["ok"]:
        raise typer.Exit(1)


def _report(found: dict[str, Any]) -> None:
    if found["violations"]:
        rows = [
            (
                one["call"],
                moment(one["left_at"]),
                one["project"],
                one["deployment"],
                f"{one['jurisdiction'] or 'unknown'}, {one['level']}",
                one["data_class"],
                Text(one["rule"], style="bold red"),
            )
            for one in found["violations"]
        ]
        columns = ("call", "left (UTC)", "project", "deployment", "where", "data class", "rule")
        table("Violations", columns, rows)
    counted = (
        ("violations", Text(str(found["found"]), style="bold red" if found["found"] else "bold green")),
        ("calls", found["calls"]),
        ("attempts booked by themselves", found["attempts"]),
        ("attempts that cost nothing", found["tried"]),
        ("right by what stood up to 30 s before", found["late"]),
        ("without a decision", found["undecided"]),
        ("not booked yet", found["under_way"]),
        ("SHA-256 of what was audited", found["sha256"]),
    )
    span = f"{moment(found['since'])} to {moment(found['until'])} UTC"
    table(f"Residency of {found['organisation'] or 'all'}, {span}", ("audited", "count"), counted)


def energy(
    context: typer.Context,
    since: From = None,
    to: To = None,
    by: Annotated[
        str, typer.Option(help="day, project, model or site; several with commas.")
    ] = "project,model,site,day",
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Energy and carbon dioxide of booked calls."""
    names = [name.strip() for name in by.split(",")]
    if not names or set(names) - {"day", "project", "model", "site"}:
        raise typer.BadParameter("--by takes day, project, model and site, with commas between them")
    found = remote(context).ask("GET", "/energy", **{"from": since, "to": to, "organisation": organisation})
    if as_json:
        print_json(found)
        return
    sums: dict[tuple[str, ...], list[float]] = {}
    for one in found["rows"]:
        line = sums.setdefault(tuple(one[name] for name in names), [0, 0.0, 0.0])
        for at, field in enumerate(("calls", "kwh", "co2_grams")):
            line[at] += float(one[field])
    rows = [(*key, f"{calls:.0f}", f"{kwh:.6f}", f"{co2:.3f}") for key, (calls, kwh, co2) in sums.items()]
    rows.append((*("total", *[""] * (len(names) - 1)), "", found["total_kwh"], found["total_co2_grams"]))
    right = ("calls", "kWh", "CO2, g")
    table(f"Energy of {found['organisation']}", (*names, *right), rows, right=right)


def add_audits(app: typer.Typer) -> None:
    """Join the commands of this page."""
    app.command("why")(why)
    app.command("energy")(energy)
    audit = typer.Typer(help="What an auditor asks for.", no_args_is_help=True)
    audit.command("residency")(residency)
    app.add_typer(audit, name="audit")
