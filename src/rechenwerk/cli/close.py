"""Commands: books periods, close, documents, document, reverse, statement-settings, cost-centre."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx2
import typer
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.remote import Remote, explain, remote, telling
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table

_FORMS = ("html", "pdf", "xlsx", "json")


def periods(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """Months in which something was booked, and which of them are closed."""
    found = remote(context).ask("GET", "/books/periods", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["period"],
            _state(one),
            one["calls"],
            one["revenue"],
            moment(one["closed_at"]),
            one["closed_by"],
            _span(one["documents"]),
        )
        for one in found["periods"]
    ]
    columns = ("period", "", "calls", "revenue", "closed (UTC)", "by", "documents")
    title = f"Periods of {found['organisation']} in {found['currency']}"
    table(title, columns, rows, right=("calls",), money=("revenue",))


def _state(period: Mapping[str, Any]) -> Text:
    if not period["closed_at"]:
        return Text("open", style="yellow")
    return Text("closed, some unresolved" if period["with_unresolved"] else "closed", style="green")


def _span(documents: list[str]) -> str:
    return documents[0] if len(documents) == 1 else f"{documents[0]} to {documents[-1]}" if documents else ""


def close(
    context: typer.Context,
    period: Annotated[str, typer.Argument(help="A month that is over, such as 2026-03.")],
    with_unresolved: Annotated[
        bool, typer.Option("--with-unresolved", help="Though calls are unresolved; the documents say so.")
    ] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Book what is missing, write the month's statements and lock it, for ever; needs the scope operator."""
    with console().status(f"closing {period} ..."):
        found = remote(context).ask(
            "POST",
            f"/books/periods/{quote(period, safe='')}/close",
            {"with_unresolved": with_unresolved},
            organisation=organisation,
        )
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"{found['period']} of {found['organisation']} is closed", style="green", markup=False)
    for number in found["documents"]:
        out.print(f"  {number}", markup=False)
    out.print("show one: rechenwerk books document NUMBER --format pdf", markup=False)


def documents(
    context: typer.Context,
    period: Annotated[str | None, typer.Option(help="Only those booked in this month.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Statements, credit notes and corrections, by number."""
    found = remote(context).ask("GET", "/books/documents", period=period, organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["number"],
            _kind(one),
            one["project"] or "(all)",
            one["period"],
            one["booked_in"] if one["booked_in"] != one["period"] else "",
            one["net"],
            one["vat"],
            one["gross"],
            one["reverses"] or "",
        )
        for one in found["documents"]
    ]
    columns = ("document", "kind", "project", "period", "booked in", "net", "VAT", "total", "of")
    title = f"Documents of {found['organisation']} in {found['currency']}"
    table(title, columns, rows, money=("net", "VAT", "total"))


def _kind(document: Mapping[str, Any]) -> Text:
    if document["reversed_by"]:
        return Text(f"{document['kind']}, taken back", style="dim")
    return Text(document["kind"], style="red" if document["kind"] == "reversal" else "")


def document(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="Such as RW-2026-000017.")],
    form: Annotated[str, typer.Option("--format", help="html, pdf, xlsx or json.")] = "pdf",
    language: Annotated[str, typer.Option(help="de or en.")] = "de",
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; otherwise NUMBER.FORMAT here.")
    ] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Write a document to a file; with --json the document itself to standard output."""
    if form not in _FORMS:
        raise RechenwerkError(f"--format: one of {', '.join(_FORMS)}, not {form!r}")
    there = f"/books/documents/{quote(number, safe='')}"
    if as_json:
        print_json(remote(context).ask("GET", f"{there}.json", organisation=organisation))
        return
    path = f"{there}.{form}"
    data = download(remote(context), path, language=language, organisation=organisation)
    save(data, output or Path(f"{number}.{form}"))


def save(data: bytes, target: Path) -> None:
    """Write a file and say so."""
    try:
        target.write_bytes(data)
    except OSError as error:
        raise RechenwerkError(f"cannot write {target}: {error.strerror}; choose another --output") from None
    console().print(f"{target} written, {len(data)} bytes", markup=False)


def download(there: Remote, path: str, **query: str | None) -> bytes:
    """The bytes of a file that the office makes."""
    address = f"{there.office_url.rstrip('/')}/api/v1{path}"
    params = {name: value for name, value in query.items() if value is not None}
    with telling(there.office_url, "RECHENWERK_OFFICE_URL"):
        answer = httpx2.get(address, headers=there.headers(), params=params, timeout=120)
    if answer.status_code >= 400:
        try:
            body = answer.json()
        except ValueError:
            body = None
        raise RechenwerkError(explain(answer.status_code, body, there.office_url))
    return bytes(answer.content)


def reverse(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="Of a project's statement, such as RW-2026-000017.")],
    reason: Annotated[str, typer.Option(help="Why; it stands on both documents.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Take a document back by a credit note and write a corrected one, in the open period."""
    found = remote(context).ask(
        "POST",
        f"/books/documents/{quote(number, safe='')}/reverse",
        {"reason": reason},
        organisation=organisation,
    )
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"{found['credit_note']} takes {found['reverses']} back", markup=False)
    out.print(f"{found['correction']} replaces it", markup=False)


def statement_settings(
    context: typer.Context,
    prefix: Annotated[str | None, typer.Option(help="Of document numbers: RW in RW-2026-000017.")] = None,
    issuer: Annotated[list[str] | None, typer.Option(help="A line of the issuer's address; repeat.")] = None,
    recipient: Annotated[
        list[str] | None, typer.Option(help="A line of the recipient's address; repeat.")
    ] = None,
    vat: Annotated[str | None, typer.Option(help="Rate of value added tax in percent.")] = None,
    reverse_charge: Annotated[
        bool | None, typer.Option(help="The recipient owes the tax; the documents say so.")
    ] = None,
    allocation: Annotated[
        str | None, typer.Option(help="Key of shared costs: none, use, equal or fixed.")
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option(help="PROJECT=PERCENT of the key fixed; repeat, together 100.")
    ] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show how statements are written; with options change it, which needs the scope operator."""
    wished = {
        "prefix": prefix,
        "issuer": issuer or None,
        "recipient": recipient or None,
        "vat_rate": vat,
        "reverse_charge": reverse_charge,
        "allocation": allocation,
        "shares": _shares(share) if share else None,
    }
    body = {name: value for name, value in wished.items() if value is not None}
    path = "/books/statement-settings"
    found = remote(context).ask("PUT" if body else "GET", path, body or None, organisation=organisation)
    _show_settings(found, as_json=as_json)


def _shares(texts: list[str]) -> dict[str, str]:
    shares = {}
    for text in texts:
        project, sign, percent = text.rpartition("=")
        if not sign or not project:
            raise RechenwerkError(f"--share: write PROJECT=PERCENT, not {text!r}")
        shares[project] = percent
    return shares


def cost_centre(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="The project.")],
    code: Annotated[str, typer.Argument(help="Its cost centre; empty takes it away.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Say which cost centre a project is; its statements name it from now on."""
    path = f"/books/cost-centres/{quote(project, safe='')}"
    found = remote(context).ask("PUT", path, {"cost_centre": code}, organisation=organisation)
    _show_settings(found, as_json=as_json)


def _show_settings(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    said = {**found, "cost_centres": {name: code for name, code in found["cost_centres"].items() if code}}
    rows = [(name.replace("_", " "), value) for name, value in said.items() if name != "organisation"]
    table(f"Statements of {found['organisation']}", ("field", "value"), rows)


def add_close(books: typer.Typer) -> None:
    """Join the commands of this page."""
    books.command("periods")(periods)
    books.command("close")(close)
    books.command("documents")(documents)
    books.command("document")(document)
    books.command("reverse")(reverse)
    books.command("statement-settings")(statement_settings)
    books.command("cost-centre")(cost_centre)
