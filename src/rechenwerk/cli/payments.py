"""Commands: books receivables, payment, write-off, payables, pay-provider, clear-shares."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, print_json, table
from rechenwerk.cli.wallets import Reference, book

Amount = Annotated[str, typer.Argument(help="Such as 119.00.")]
Project = Annotated[str | None, typer.Option(help="Of this project; else of whatever the organisation owes.")]
Document = Annotated[str | None, typer.Option(help="Of this statement; then the amount is with tax.")]
On = Annotated[str | None, typer.Option(help="The day, such as 2027-03-15; today if left out.")]
Beyond = Annotated[bool, typer.Option("--beyond", help="It may be more than is open.")]
_WORDS = MappingProxyType(
    {
        "en": (
            "What {name} owes in {currency}, without tax",
            ("project", "receivable", "beyond holds", "unresolved", "open"),
            "Statements of {name} in {currency}, with tax",
            ("statement", "project", "amount", "paid", "open"),
            "taken back",
            "together",
        ),
        "de": (
            "Was {name} schuldet, in {currency}, ohne Steuer",
            ("Projekt", "Forderung", "über Reservierung", "ungeklärt", "offen"),
            "Abrechnungen von {name} in {currency}, mit Steuer",
            ("Abrechnung", "Projekt", "Betrag", "bezahlt", "offen"),
            "storniert",
            "zusammen",
        ),
    }
)


def _owed(found: dict[str, Any], language: str = "en") -> None:
    title, columns, second, names, back, together = _WORDS[language]
    rows: list[tuple[object, ...]] = [
        (one["project"], one["receivable"], one["overrun"], one["unresolved"], one["open"])
        for one in found["projects"]
    ]
    rows.append((Text(together, style="bold"), "", "", "", Text(found["open"], style="bold")))
    said = {"name": found["organisation"], "currency": found["currency"]}
    table(title.format(**said), columns, rows, money=columns[1:], language=language)
    if found["documents"]:
        listed = [
            (one["number"], one["project"], one["gross"], one["paid"], _left(one, back))
            for one in found["documents"]
        ]
        table(second.format(**said), names, listed, money=names[2:], language=language)


def _left(one: dict[str, Any], back: str) -> Text:
    if not one["standing"]:
        return Text(back, style="dim")
    return Text(one["open"], style="green" if one["open"] == "0.00" else "yellow")


def receivables(
    context: typer.Context,
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """What an organisation owes: by its projects' accounts, and by statements."""
    if language not in _WORDS:
        raise typer.BadParameter(f"--language {language}: there are en and de")
    found = remote(context).ask("GET", "/books/receivables", organisation=organisation)
    print_json(found) if as_json else _owed(found, language)


def payment(
    context: typer.Context,
    amount: Amount,
    project: Project = None,
    document: Document = None,
    reference: Reference = None,
    reason: Annotated[str, typer.Option(help="For people.")] = "paid by the customer",
    on: On = None,
    beyond: Beyond = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Book what a customer without a wallet paid: bank against receivable. For the operator."""
    body: dict[str, Any] = {"reference": reference, "reason": reason}
    body |= _body(amount, project, document, on, beyond, organisation)
    book(context, "/books/payments", body, _owed, as_json=as_json)


def write_off(
    context: typer.Context,
    amount: Amount,
    reason: Annotated[str, typer.Option(help="Why it will never be paid.")],
    project: Project = None,
    document: Document = None,
    on: On = None,
    beyond: Beyond = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Book what will never be paid: bad debt against receivable. For the operator."""
    body: dict[str, Any] = {"reason": reason}
    body |= _body(amount, project, document, on, beyond, organisation)
    book(context, "/books/write-offs", body, _owed, as_json=as_json)


def _body(
    amount: str,
    project: str | None,
    document: str | None,
    on: str | None,
    beyond: bool,
    organisation: str | None,
) -> dict[str, Any]:
    return {
        "amount": amount,
        "project": project,
        "document": document,
        "on": on,
        "beyond": beyond,
        "organisation": organisation,
    }


def _payables(found: dict[str, Any]) -> None:
    columns = ("provider", "contract", "in the books of", "payable", "accrued", "passed on")
    rows = [
        (
            one["provider"],
            one["contract"],
            one["organisation"],
            one["payable"],
            one["accrued"],
            one["passed_on"],
        )
        for one in found["payables"]
    ]
    table(f"Owed under contracts, in {found['currency']}", columns, rows, money=columns[3:])


def payables(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """What is owed to providers under contracts, in everybody's books. For the operator."""
    found = remote(context).ask("GET", "/books/payables", organisation=organisation)
    print_json(found) if as_json else _payables(found)


def pay_provider(
    context: typer.Context,
    provider: Annotated[str, typer.Argument(help="Who was paid.")],
    amount: Amount,
    contract: Annotated[
        str | None, typer.Option(help="Under this contract; else under any of the provider's.")
    ] = None,
    reference: Reference = None,
    reason: Annotated[str, typer.Option(help="For people.")] = "paid to the provider",
    on: On = None,
    beyond: Annotated[
        bool, typer.Option("--beyond", help="It may be more than is owed: paid in advance.")
    ] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Book what a provider was paid: what is payable and accrued against bank. For the operator."""
    body = {
        "provider": provider,
        "amount": amount,
        "contract": contract,
        "reference": reference,
        "reason": reason,
        "on": on,
        "beyond": beyond,
    }
    _booked(context, "provider-payments", body, organisation, as_json)


def clear_shares(
    context: typer.Context,
    tenant: Annotated[
        str | None, typer.Option(help="Only the part of this organisation; else everybody's.")
    ] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """What others owe for their part of shared contracts is paid to the books of who owns them."""
    _booked(context, "clearings", {"tenant": tenant}, organisation, as_json)


def _booked(
    context: typer.Context, what: str, body: dict[str, Any], organisation: str | None, as_json: bool
) -> None:
    found = remote(context).ask("POST", f"/books/{what}", body, organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [(one["organisation"], one["voucher"], one["amount"]) for one in found["vouchers"]]
    columns = ("in the books of", "voucher", "from its bank")
    table(f"Booked in {found['currency']}", columns, rows, right=columns[1:2], money=columns[2:])
    _payables(found)


def add_payments(books: typer.Typer) -> None:
    """Join the commands of this page."""
    books.command("receivables")(receivables)
    books.command("payment")(payment)
    books.command("write-off")(write_off)
    books.command("payables")(payables)
    books.command("pay-provider")(pay_provider)
    books.command("clear-shares")(clear_shares)
