"""Commands: books reconcile, bills, undo-bill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.adviser import read
from rechenwerk.cli.close import download, save
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table
from rechenwerk.contracts.bill_files import read_bill

_COLUMNS = ("day", "model", "contract", "billed", "booked", "settled", "difference", "why", "")
_RIGHT = ("billed", "booked", "settled", "difference")
_CALM = frozenset({"agrees", "settled", "rounding", "fee", "accrued", "committed-discount"})


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not (name and equals and value):
            raise RechenwerkError(f"{option} {text!r}: write {option} NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


def reconcile(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A bill: CSV, FOCUS, or OpenAI's or Anthropic's export (JSON).")
    ],
    provider: Annotated[str, typer.Option(help="Whose bill it is.")],
    period: Annotated[str | None, typer.Option(help="Its month; else that of its first line.")] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--map", help="A name on the bill is this deployment's: NAME=UPSTREAM."),
    ] = None,
    rates: Annotated[
        list[str] | None, typer.Option("--rate", help="What one unit of its currency was worth: USD=0.92.")
    ] = None,
    settle: Annotated[bool, typer.Option("--settle", help="Book it; else it is only looked at.")] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """A provider's bill against the books, day by day and model by model, and why they differ."""
    text = read(file)
    try:
        read_bill(text)
    except RechenwerkError as error:
        raise RechenwerkError(f"{file}: {error}") from None
    found = remote(context).ask(
        "POST",
        "/books/reconcile",
        {
            "provider": provider,
            "text": text,
            "name": file.name,
            "period": period,
            "names": _pairs(names or [], "--map"),
            "rates": _pairs(rates or [], "--rate"),
            "settle": settle,
        },
        organisation=organisation,
    )
    if as_json:
        print_json(found)
        return
    _show(found)
    if found["billed_by"] is not None:
        text = f"bill {found['billed_by']} has these days already: undo it before this one is settled"
        console().print(text, style="yellow", markup=False)
    elif not settle:
        console().print("nothing is booked yet: --settle books it", style="dim")


def _show(found: dict[str, Any]) -> None:
    rows: list[tuple[object, ...]] = [
        (
            _days(one),
            one["model"],
            one["contract"],
            one["billed"],
            one["booked"],
            one["settled"],
            _amount(one),
            one["cause"],
            one["detail"],
        )
        for one in found["rows"]
    ]
    total = found["total"]
    rows.append(
        ("total", "", "", total["billed"], total["booked"], total["settled"], total["difference"], "", "")
    )
    number = f"Bill {found['bill']}" if found["bill"] is not None else "Bill"
    title = (
        f"{number} of {found['provider']} ({found['format']}, {found['first_day']} to {found['last_day']})"
        f" in {found['currency']}"
    )
    table(title, _COLUMNS, rows, money=_RIGHT)
    said = (
        f"on the bill: {found['said']} {found['bill_currency']}" if found["bill_currency"] else "usage alone"
    )
    rate = f", at {found['rate']}" if found["rate"] != "1" else ""
    booked = (
        f"; booked by {found['made_by']} on {moment(found['made_at'])}" if found["bill"] is not None else ""
    )
    console().print(f"{said}{rate}; billed = booked + settled + difference{booked}", markup=False)


def _days(row: dict[str, Any]) -> str:
    """A day, or the first and the last of several."""
    return f"{row['day']} to {row['until']}" if row["until"] else row["day"] or ""


def _amount(row: dict[str, Any]) -> Text:
    if row["cause"] in _CALM:
        return Text(row["difference"])
    return Text(row["difference"], style="bold yellow")


def bills(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="Only this one, with its rows.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write this one's report here, to be signed.")] = None,
    language: Annotated[str, typer.Option(help="Of the report: de or en.")] = "de",
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Bills that were booked, newest first."""
    if pdf is not None:
        if number is None:
            raise RechenwerkError("say which bill: rechenwerk books bills 1 --pdf report.pdf")
        path = f"/books/bills/{number}.pdf"
        data = download(remote(context), path, language=language, organisation=organisation)
        save(data, pdf)
        return
    found = remote(context).ask("GET", "/books/bills", organisation=organisation)
    kept = [one for one in found["bills"] if number in (None, one["bill"])]
    if number is not None and not kept:
        raise RechenwerkError(f"there is no bill {number}; rechenwerk books bills lists them")
    if as_json:
        print_json(found if number is None else kept[0])
        return
    if number is not None:
        _show(kept[0])
        return
    rows = [
        (
            one["bill"],
            one["provider"],
            f"{one['first_day']} to {one['last_day']}",
            one["total"]["billed"],
            one["total"]["booked"],
            one["total"]["settled"],
            one["total"]["difference"],
            f"undone: {one['undone']}" if one["undone"] else one["name"],
        )
        for one in kept
    ]
    columns = ("bill", "provider", "days", "billed", "booked", "settled", "difference", "file")
    table(f"Bills in {found['currency']}", columns, rows, right=("bill",), money=_RIGHT)


def undo_bill(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="From books bills.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Reverse everything that a bill changed; then it can be read again."""
    path = f"/books/bills/{number}/undo"
    found = remote(context).ask("POST", path, {"reason": reason}, organisation=organisation)
    if as_json:
        print_json(found)
        return
    console().print(f"bill {found['bill']} is undone: {found['reversed']} vouchers reversed", markup=False)


def add_bills(books: typer.Typer) -> None:
    """Join the commands of this page."""
    books.command("reconcile")(reconcile)
    books.command("bills")(bills)
    books.command("undo-bill")(undo_bill)
