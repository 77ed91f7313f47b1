"""Commands: books prove, roots, seal, rotate-key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli import archive_file
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table


def prove(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="A call such as call_…; a voucher's number after --.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the proof.")] = None,
    archive: Annotated[
        Path | None, typer.Option(help="Prove it from this archive of `books archive`, without the office.")
    ] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Prove that a call or voucher is in a sealed day; docs/examples/verify_proof.py checks it anywhere."""
    path = f"/books/proof/{quote(subject, safe='')}"
    if archive is None:
        found = remote(context).ask("GET", path, organisation=organisation)
    else:
        found = _archived(archive, subject)
    if out is not None:
        try:
            out.write_text(document(found), encoding="utf-8")
        except OSError as error:
            raise RechenwerkError(f"{out} cannot be written: {error.strerror}") from None
    if as_json:
        print_json(found)
        return
    rows = [(name, found[name]) for name in ("leaf", "index", "statement", "signature", "public")]
    rows += [("path", one) for one in found["path"]]
    table(f"Proof of {found['subject']}", ("field", "value"), rows)
    if out is None:
        console().print("give --out FILE to keep it; then: python verify_proof.py FILE", markup=False)


def _archived(folder: Path, subject: str) -> dict[str, Any]:
    """The proof from an archived month, or from the one of several that has it."""
    files = sorted(folder.rglob("books.jsonl.gz"))
    if not files:
        raise RechenwerkError(
            f"there is no archive in {folder}; write one: rechenwerk books archive {folder}"
        )
    for file in files:
        found = archive_file.prove(file, subject)
        if found is not None:
            return found
    raise RechenwerkError(f"{subject} is in no archive in {folder}")


def document(value: object) -> str:
    """A JSON document for a file."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def roots(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many, 1 to 4000.")] = 20,
    before: Annotated[int | None, typer.Option(help="Only seals below this number.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Sealed days, newest first: keep them where the database's owner cannot change them."""
    found = remote(context).ask("GET", "/books/roots", limit=limit, before=before, organisation=organisation)
    if as_json:
        print_json({**found, **remote(context).ask("GET", "/books/roots/keys", organisation=organisation)})
        return
    rows = [
        (one["number"], one["day"], f"{one['leaves']:,}", one["root"], one["key"], moment(one["sealed_at"]))
        for one in found["roots"]
    ]
    columns = ("number", "day", "leaves", "root", "key", "sealed (UTC)")
    table(f"Sealed days of {found['organisation']}", columns, rows, right=("number", "leaves"))
    if found["next"]:
        console().print(f"older ones: rechenwerk books roots --before {found['next']}", markup=False)


def seal(context: typer.Context, as_json: Json = False) -> None:
    """Seal every day that is over, of all organisations; needs the scope operator."""
    with console().status("sealing"):
        found = remote(context).ask("POST", "/books/seal")
    if as_json:
        print_json(found)
        return
    waits = f"; {found['waiting']}" if found["waiting"] else ""
    console().print(f"{found['seals']} days sealed with {found['leaves']:,} leaves{waits}", markup=False)


def rotate_key(context: typer.Context, as_json: Json = False) -> None:
    """Let a new key sign from now on, named by the old one; needs the scope operator."""
    found = remote(context).ask("POST", "/books/roots/rotate")
    if as_json:
        print_json(found)
        return
    console().print(f"key {found['id']} signs from now on; its public key: {found['public']}", markup=False)


def add_seals(books: typer.Typer) -> None:
    """Join the commands of this page."""
    books.command("prove")(prove)
    books.command("roots")(roots)
    books.command("seal")(seal)
    books.command("rotate-key")(rotate_key)
