"""Commands: books balance, journal, call, fees."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from rechenwerk.cli.archive import add_archive
from rechenwerk.cli.bills import add_bills
from rechenwerk.cli.close import add_close
from rechenwerk.cli.costs import add_costs
from rechenwerk.cli.exports import add_exports
from rechenwerk.cli.payments import add_payments
from rechenwerk.cli.remote import remote
from rechenwerk.cli.seals import add_seals
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table
from rechenwerk.cli.totals import add_totals
from rechenwerk.cli.verify import add_verify
from rechenwerk.cli.vouchers import add_vouchers


def balance(
    context: typer.Context,
    period: Annotated[
        str | None, typer.Option(help="Only what moved in this month, such as 2026-03.")
    ] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Every account with its sums; the total balance is zero."""
    found = remote(context).ask("GET", "/books/balance", period=period, organisation=organisation)
    if as_json:
        print_json(found)
        return
    columns = ("account", "project", "contract", "debit", "credit", "balance")
    rows = [
        (one["kind"], one["project"], one["contract"], one["debit"], one["credit"], one["balance"])
        for one in (*found["accounts"], found["total"])
    ]
    of_period = f" for {period}" if period else ""
    title = f"Balance of {found['organisation']}{of_period} in {found['currency']}"
    table(title, columns, rows, money=("debit", "credit", "balance"))


def journal(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many calls, 1 to 1000.")] = 20,
    before: Annotated[str | None, typer.Option(help="Only calls older than this call id.")] = None,
    call: Annotated[str | None, typer.Option(help="Only this call id.")] = None,
    project: Annotated[str | None, typer.Option(help="Only calls of this project.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Booked calls with their transfers, newest first."""
    found = remote(context).ask(
        "GET",
        "/books/journal",
        limit=limit,
        before=before,
        call=call,
        project=project,
        organisation=organisation,
    )
    if as_json:
        print_json(found)
        return
    rows: list[tuple[object, ...]] = []
    for one in found["calls"]:
        outcome = f"{one['outcome']} attempt" if one["attempt_of"] else one["outcome"]
        head = (one["id"], moment(one["started_at"]), one["model"], outcome)
        for transfer in one["transfers"] or [{"debit": "", "credit": "", "amount": ""}]:
            rows.append((*head, transfer["debit"], transfer["credit"], transfer["amount"]))
            head = ("", "", "", "")
    columns = ("call", "time (UTC)", "model", "outcome", "debit", "credit", "amount")
    table(f"Journal of {found['organisation']} in {found['currency']}", columns, rows, money=("amount",))
    if found["next"]:
        console().print(f"older calls: rechenwerk books journal --before {found['next']}", markup=False)


def show_call(
    context: typer.Context,
    call_id: Annotated[str, typer.Argument(help="Such as call_…, from the journal or an answer's header.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """One call: usage, what the provider reported, the decision, transfers."""
    path = f"/books/calls/{quote(call_id, safe='')}"
    found = remote(context).ask("GET", path, organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [(name, value) for name, value in found.items() if name not in ("transfers", "usage")]
    rows += [(f"usage: {bucket}", count) for bucket, count in found["usage"].items() if count]
    table(f"Call {found['id']}", ("field", "value"), rows)
    moved = [(one["debit"], one["credit"], one["amount"]) for one in found["transfers"]]
    table(f"Transfers in {found['currency']}", ("debit", "credit", "amount"), moved, money=("amount",))


def fees(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """What the organisation owes for something else than calls, newest first; below zero: paid back."""
    found = remote(context).ask("GET", "/books/fees", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (one["id"], moment(one["booked_at"]), one["project"], one["kind"], one["reason"], one["amount"])
        for one in found["fees"]
    ]
    columns = ("fee", "time (UTC)", "project", "kind", "why", "amount")
    title = f"Fees of {found['organisation']} in {found['currency']}"
    table(title, columns, rows, right=("fee",), money=("amount",))


def add_books(app: typer.Typer) -> None:
    """Join the commands of this page."""
    books = typer.Typer(help="What was booked, and the proof that it is right.", no_args_is_help=True)
    books.command("balance")(balance)
    books.command("journal")(journal)
    add_verify(books)
    books.command("call")(show_call)
    books.command("fees")(fees)
    add_vouchers(books)
    add_costs(books)
    add_totals(books)
    add_seals(books)
    add_archive(books)
    add_bills(books)
    add_payments(books)
    add_exports(books)
    add_close(books)
    app.add_typer(books, name="books")
