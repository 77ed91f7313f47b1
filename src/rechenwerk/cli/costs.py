"""Commands: books accrue, books margin."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.cli.amounts import amount, places
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, print_json, progress_bar, table

CHARTS = (".png", ".svg", ".pdf")
Month = Annotated[str | None, typer.Option(help="A month such as 2026-03; without it this month.")]
Everyone = Annotated[bool, typer.Option("--everyone", help="All organisations; needs the scope operator.")]


class By(StrEnum):
    """What a line of a margin is of."""

    ORGANISATION = "organisation"
    PROJECT = "project"
    MODEL = "model"
    PROVIDER = "provider"
    SERVICE = "service"


class Language(StrEnum):
    """Languages of what controllers read."""

    ENGLISH = "en"
    GERMAN = "de"


_ENGLISH = MappingProxyType(
    {
        "organisation": "organisation",
        "project": "project",
        "model": "model",
        "provider": "provider",
        "service": "service",
        "title": "Margin of {whose} in {period}, {currency}",
        "all": "all organisations",
        "calls": "calls",
        "revenue": "revenue",
        "adjustments": "adjustments",
        "direct": "direct cost",
        "allocated": "allocated",
        "contribution": "contribution",
        "percent": "margin",
        "none": "(of none)",
        "total": "total",
        "idle": "idle capacity: {contract}",
        "used": ", {percent} % of it used",
        "difference": "differences to bills",
        "bad_debt": "bad debt",
        "result": "result",
        "unresolved": "unresolved, in no line above: {price} of prices, {cost} of cost",
        "loss": "sold at a loss: {name} brought {net} and cost {cost} {currency}; raise its tariff"
        " or find a cheaper contract",
        "runs": "{period} is not over: fees accrue until its end (books accrue), unmet minimums are booked in"
        " the last month of their period",
        "costs": "cost",
        "amount": "amount",
    }
)
_GERMAN = MappingProxyType(
    {
        "organisation": "Organisation",
        "project": "Projekt",
        "model": "Modell",
        "provider": "Anbieter",
        "service": "Dienst",
        "title": "Marge: {whose}, {period}, in {currency}",
        "all": "alle Organisationen",
        "calls": "Aufrufe",
        "revenue": "Erlöse",
        "adjustments": "Anpassungen",
        "direct": "direkte Kosten",
        "allocated": "Umlage",
        "contribution": "Deckungsbeitrag",
        "percent": "Marge",
        "none": "(ohne)",
        "total": "Summe",
        "idle": "Leerstand: {contract}",
        "used": ", davon {percent} % genutzt",
        "difference": "Rechnungsdifferenzen",
        "bad_debt": "Forderungsausfälle",
        "result": "Ergebnis",
        "unresolved": "ungeklärt, in keiner Zeile oben: {price} an Preisen, {cost} an Kosten",
        "loss": "mit Verlust verkauft: {name} brachte {net} und kostete {cost} {currency};"
        " den Tarif erhöhen oder einen günstigeren Vertrag suchen",
        "runs": "{period} läuft noch: Gebühren werden bis zu seinem Ende abgegrenzt (books accrue), nicht"
        " erfüllte Mindestmengen im letzten Monat ihres Zeitraums gebucht",
        "costs": "Kosten",
        "amount": "Betrag",
    }
)
WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": _ENGLISH, "de": _GERMAN})
"""Language -> what stands in the table, the chart and the warnings."""
_SUMS = ("calls", "revenue", "adjustments", "direct", "allocated", "contribution", "percent")


def accrue(
    context: typer.Context,
    period: Month = None,
    everyone: Everyone = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Book what a period needs: what contracts cost beside their calls, and who bears it; nothing is closed.

    Run again it books only what has changed. A month that runs is booked up to now.
    """
    if everyone and organisation is not None:
        raise typer.BadParameter("give --everyone or --organisation, not both")
    there = remote(context)
    whose = [organisation]
    with progress_bar(quiet=as_json) as bar:
        task = bar.add_task("booking ...", total=None)
        if everyone:
            whose = [one["name"] for one in there.ask("GET", "/organisations")["organisations"]]
        parts = []
        for number, name in enumerate(whose):
            bar.update(task, description=f"booking {name or ''} ...", completed=number, total=len(whose))
            parts.append(there.ask("POST", "/books/accrue", {"period": period, "organisation": name}))
    found = {"period": parts[0]["period"], "steps": [step for part in parts for step in part["steps"]]}
    if as_json:
        print_json(found)
        return
    rows = [(one["organisation"], one["step"], one["vouchers"]) for one in found["steps"]]
    table(f"Booked for {found['period']}", ("organisation", "step", "vouchers"), rows, right=("vouchers",))


def margin(
    context: typer.Context,
    period: Month = None,
    by: Annotated[By, typer.Option(help="What a line is of.")] = By.ORGANISATION,
    everyone: Everyone = False,
    language: Annotated[Language, typer.Option(help="Of the words: en or de.")] = Language.ENGLISH,
    chart: Annotated[Path | None, typer.Option(help="Draw it into this file: .png, .svg or .pdf.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """What was earned and what it cost: calls, what contracts cost beside them, and idle capacity apart.

    By organisation an operator sees all of them. `rechenwerk books accrue` books the costs first.
    """
    if chart is not None and chart.suffix not in CHARTS:
        raise typer.BadParameter(f"--chart must end in {', '.join(CHARTS)}")
    found = remote(context).ask(
        "GET",
        "/books/margin",
        period=period,
        by=by.value,
        everyone="true" if everyone else None,
        organisation=organisation,
    )
    words = WORDS[language.value]
    if chart is not None:
        importlib.import_module("rechenwerk.cli.margin_chart").draw(chart, found, words)
    if as_json:
        print_json(found)
        return
    _show(found, words, language.value)
    if chart is not None:
        console().print(f"drawn: {chart}", markup=False)


def title(found: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """Whose margin of when."""
    whose = found["organisation"] or words["all"]
    return words["title"].format(whose=whose, period=found["period"], currency=found["currency"])


def _show(found: dict[str, Any], words: Mapping[str, str], language: str) -> None:
    rows: list[tuple[object, ...]] = [
        _row(one, one["name"] or words["none"], language) for one in found["lines"]
    ]
    rows.append(
        tuple(Text(str(cell), style="bold") for cell in _row(found["total"], words["total"], language))
    )
    for one in found["idle"]:
        name = words["idle"].format(contract=one["contract"])
        if one["used"] is not None:
            name += words["used"].format(percent=_percent(one["used"], language))
        rows.append(_apart(Text(name, style="yellow"), f"-{one['amount']}"))
    others = [name for name in ("difference", "bad_debt") if Decimal(found[name])]
    rows += [_apart(words[name], _negative(found[name])) for name in others]
    colour = "bold red" if found["result"].startswith("-") else "bold green"
    rows.append(_apart(Text(words["result"], style="bold"), Text(found["result"], style=colour)))
    columns = (words[found["by"]], *(words[name] for name in _SUMS))
    table(title(found, words), columns, rows, right=columns[1:], money=columns[2:7], language=language)
    sums = found["total"]
    if Decimal(sums["unresolved_price"]) or Decimal(sums["unresolved_cost"]):
        price, cost = (_said(sums[name], language) for name in ("unresolved_price", "unresolved_cost"))
        text = words["unresolved"].format(price=price, cost=cost)
        console().print(text, markup=False)
    if found["runs"]:
        console().print(words["runs"].format(period=found["period"]), style="dim", markup=False)
    for one in found["losses"]:
        text = words["loss"].format(
            name=one["name"],
            net=_said(one["net"], language),
            cost=_said(one["cost"], language),
            currency=found["currency"],
        )
        console().print(Text(text, style="red"))


def _row(one: Mapping[str, Any], name: str, language: str) -> tuple[object, ...]:
    percent = "" if one["percent"] is None else f"{amount(str(one['percent']), language=language)} %"
    calls = f"{one['calls']:,}".replace(",", "." if language == "de" else ",")
    return (name, calls, *(one[key] for key in _SUMS[1:-1]), percent)


def _said(text: str, language: str) -> str:
    return amount(text, places([text]), language)


def _apart(name: object, amount: object) -> tuple[object, ...]:
    return (name, "", "", "", "", "", amount, "")


def _percent(share: str, language: str) -> str:
    """``0.2049`` as ``20.49``, or ``20,49``."""
    return amount(f"{Decimal(share) * 100:.2f}", language=language)


def _negative(amount: str) -> str:
    return amount[1:] if amount.startswith("-") else f"-{amount}"


def add_costs(books: typer.Typer) -> None:
    """Join the commands of this page."""
    books.command("accrue")(accrue)
    books.command("margin")(margin)
