"""Commands: wallet. Money that customers pay in before they use it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, print_json, table

Project = Annotated[
    str | None, typer.Option(help="The wallet of this project; else that of the organisation.")
]
Reference = Annotated[str | None, typer.Option(help="The bank's reference; it is booked once.")]
_WORDS = MappingProxyType(
    {
        "en": MappingProxyType(
            {
                "title": "Statement of the wallet of {name}, {period}, in {currency}",
                "opening": "opening balance",
                "closing": "closing balance",
                "topup": "paid in",
                "refund": "paid back",
                "release": "unclear call settled",
                "unsettled": "settlement taken back",
                "charges": "tariffs, fees, shares",
                "credit": "credited",
                "calls": "calls",
                "next": "pay in: rechenwerk wallet topup AMOUNT --reference TEXT;"
                " book what calls cost: rechenwerk books accrue",
                "columns": ("date", "movement", "calls", "amount", "balance", "text"),
            }
        ),
        "de": MappingProxyType(
            {
                "title": "Kontoauszug des Guthabens von {name}, {period}, in {currency}",
                "opening": "Anfangssaldo",
                "closing": "Endsaldo",
                "topup": "Einzahlung",
                "refund": "Auszahlung",
                "release": "ungeklärter Aufruf abgerechnet",
                "unsettled": "Abrechnung zurückgenommen",
                "charges": "Tarife, Gebühren, Umlagen",
                "credit": "Gutschrift",
                "calls": "Aufrufe",
                "next": "einzahlen: rechenwerk wallet topup BETRAG --reference TEXT;"
                " verbuchen, was Aufrufe kosten: rechenwerk books accrue",
                "columns": ("Datum", "Bewegung", "Aufrufe", "Betrag", "Saldo", "Text"),
            }
        ),
    }
)


def _show(found: dict[str, Any]) -> None:
    rows = [
        (
            one["project"] or Text(found["organisation"], style="bold"),
            Text(one["state"], style="green" if one["state"] == "open" else "red"),
            one["paid_in"],
            one["used"],
            one["held"],
            one["left"],
        )
        for one in found["wallets"]
    ]
    columns = ("wallet of", "state", "paid in", "used", "held", "left")
    table(f"Wallets of {found['organisation']} in {found['currency']}", columns, rows, money=columns[2:])


def wallet_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """List the prepaid wallets of an organisation; an empty one refuses calls until it is topped up."""
    found = remote(context).ask("GET", "/wallets", organisation=organisation)
    print_json(found) if as_json else _show(found)


def wallet_open(
    context: typer.Context,
    project: Project = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Open a wallet: from now on calls need money in it. For the operator."""
    found = remote(context).ask("POST", "/wallets", {"project": project, "organisation": organisation})
    print_json(found) if as_json else _show(found)


def wallet_topup(
    context: typer.Context,
    amount: Annotated[str, typer.Argument(help="What was paid in, such as 100.00.")],
    project: Project = None,
    reference: Reference = None,
    reason: Annotated[str, typer.Option(help="For the statement.")] = "paid in",
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Book money that was paid in; opens the wallet if there is none. For the operator."""
    body = {"project": project, "reference": reference, "reason": reason, "organisation": organisation}
    book(context, "/wallets/topup", body | {"amount": amount}, _show, as_json=as_json)


def wallet_refund(
    context: typer.Context,
    amount: Annotated[
        str | None, typer.Argument(help="What is paid back; all that is free if left out.")
    ] = None,
    project: Project = None,
    reference: Reference = None,
    reason: Annotated[str, typer.Option(help="For the statement.")] = "paid back",
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Pay back what calls have neither spent nor hold. For the operator."""
    body = {"project": project, "reference": reference, "reason": reason, "organisation": organisation}
    book(context, "/wallets/refund", body | {"amount": amount}, _show, as_json=as_json)


def book(
    context: typer.Context,
    path: str,
    body: dict[str, Any],
    show: Callable[[dict[str, Any]], None],
    *,
    as_json: bool,
) -> None:
    """Book a voucher; for people its number, and what stands after it."""
    found = remote(context).ask("POST", path, body)
    if as_json:
        print_json(found)
        return
    console().print(f"booked as voucher {found['voucher']}", markup=False)
    show(found)


def wallet_close(
    context: typer.Context,
    project: Project = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Close an empty wallet: from now on calls need none. For the operator."""
    found = remote(context).ask("POST", "/wallets/close", {"project": project, "organisation": organisation})
    print_json(found) if as_json else _show(found)


def wallet_statement(
    context: typer.Context,
    project: Project = None,
    period: Annotated[str | None, typer.Option(help="A month such as 2026-03; else the current one.")] = None,
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show what moved in a wallet in a month: payments, and calls by the day on which they began."""
    if language not in _WORDS:
        raise typer.BadParameter(f"--language {language}: there are en and de")
    query = {"project": project, "period": period, "organisation": organisation}
    found = remote(context).ask("GET", "/wallets/statement", **query)
    if as_json:
        print_json(found)
        return
    words: Any = _WORDS[language]
    rows: list[tuple[object, ...]] = [("", words["opening"], "", "", found["opening"], "")]
    rows += [
        (
            _day(one["at"], language),
            words[one["kind"]],
            one["calls"] or "",
            Text(one["amount"], style="red" if one["amount"].startswith("-") else "green"),
            one["balance"],
            one["text"],
        )
        for one in found["movements"]
    ]
    rows.append(("", words["closing"], "", "", Text(found["closing"], style="bold"), ""))
    title = words["title"].format(
        name=found["project"] or found["organisation"], period=found["period"], currency=found["currency"]
    )
    columns = words["columns"]
    table(title, columns, rows, right=columns[2:3], money=columns[3:5], language=language)
    console().print(words["next"], style="dim", markup=False)


def _day(moment: str, language: str) -> str:
    day = date.fromisoformat(moment[:10])
    return f"{day:%d.%m.%Y}" if language == "de" else f"{day}"


def add_wallets(app: typer.Typer) -> None:
    """Join the commands of this page."""
    wallet = typer.Typer(help="Money that customers pay in before they use it.", no_args_is_help=True)
    wallet.command("list")(wallet_list)
    wallet.command("open")(wallet_open)
    wallet.command("topup")(wallet_topup)
    wallet.command("refund")(wallet_refund)
    wallet.command("close")(wallet_close)
    wallet.command("statement")(wallet_statement)
    app.add_typer(wallet, name="wallet")
