"""Commands: docs known import, list, remove. Suppliers and customers with their accounts and VAT ids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.docs_remote import DocumentRemote
from rechenwerk.cli.docs_run import Language, words_of
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, answer, moment, print_json, table


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with the columns name, iban, vat_id (German ones, too).")],
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Import a list of suppliers and customers: all rows, or none where one is wrong."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8; save it as CSV UTF-8"
        raise RechenwerkError(f"{file} cannot be read: {reason}") from None
    made = there.ask("POST", "/known/import", {"text": text})
    told = say("{rows} names: {new} new, {changed} with more numbers", **made)
    answer(made, told, as_json=as_json)


def list_(
    context: typer.Context,
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """List the suppliers and customers that are known, from imports and from review."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    found = there.ask("GET", "/known")
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["name"],
            "\n".join(each["number"] for each in one["numbers"] if each["kind"] == "iban"),
            "\n".join(each["number"] for each in one["numbers"] if each["kind"] == "vat_id"),
            say("review") if any(each["document"] for each in one["numbers"]) else say("list"),
            one["made_by"],
            moment(one["changed_at"]),
        )
        for one in found["known"]
    ]
    names = ("name", "IBAN", "VAT id", "origin", "by", "changed")
    table(say("Known suppliers and customers"), ["#", *[say(name) for name in names]], rows, right=["#"])


def remove(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of `docs known list`.")],
    language: Language = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Forget a supplier or customer; later documents are not compared with it."""
    say, there = words_of(language), DocumentRemote(remote(context), organisation)
    made = there.ask("DELETE", f"/known/{number}")
    answer(made, say("{number} is forgotten", number=number), as_json=as_json)


def add_known(docs: typer.Typer) -> None:
    """Join the commands of this page."""
    known = typer.Typer(
        help="Suppliers and customers that are known: whose account changed goes to a person.",
        no_args_is_help=True,
    )
    for name, command in (("import", import_), ("list", list_), ("remove", remove)):
        known.command(name)(command)
    docs.add_typer(known, name="known")
