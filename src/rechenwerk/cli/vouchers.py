"""Commands: books vouchers, reverse-voucher."""

from __future__ import annotations

from typing import Annotated

import typer

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table


def vouchers(
    context: typer.Context,
    period: Annotated[str | None, typer.Option(help="Only of this month, such as 2026-03.")] = None,
    limit: Annotated[int, typer.Option(help="How many, 1 to 1000.")] = 20,
    before: Annotated[int | None, typer.Option(help="Only vouchers older than this one.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """What was booked that is no call: adjustments, accruals, settlements; newest first."""
    found = remote(context).ask(
        "GET", "/books/vouchers", limit=limit, before=before, period=period, organisation=organisation
    )
    if as_json:
        print_json(found)
        return
    rows: list[tuple[object, ...]] = []
    for one in found["vouchers"]:
        head = (one["id"], moment(one["at"]), one["kind"], one["reason"])
        for line in one["transfers"]:
            rows.append((*head, line["debit"], line["credit"], line["amount"]))
            head = ("", "", "", "")
    columns = ("voucher", "for (UTC)", "kind", "why", "debit", "credit", "amount")
    title = f"Vouchers of {found['organisation']} in {found['currency']}"
    table(title, columns, rows, right=("voucher",), money=("amount",))
    if found["next"]:
        console().print(f"older ones: rechenwerk books vouchers --before {found['next']}", markup=False)


def reverse_voucher(
    context: typer.Context,
    voucher: Annotated[int, typer.Argument(help="Its number, below zero; write it after --.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Book the opposite of a voucher; needs the scope operator."""
    path = f"/books/vouchers/{voucher}/reverse"
    found = remote(context).ask("POST", path, {"reason": reason}, organisation=organisation)
    if as_json:
        print_json(found)
        return
    console().print(f"voucher {found['voucher']} reverses voucher {found['reverses']}", markup=False)


def add_vouchers(books: typer.Typer) -> None:
    """Join the commands of this page."""
    books.command("vouchers")(vouchers)
    books.command("reverse-voucher")(reverse_voucher)
