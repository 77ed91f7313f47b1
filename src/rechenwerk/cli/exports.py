"""Commands: books export."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import httpx2
import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.files import whole
from rechenwerk.cli.remote import Remote, explain, remote, telling
from rechenwerk.cli.show import Json, Organisation, console, print_json

Format = Literal[
    "beancount", "hledger", "focus-1.2", "focus-1.4", "focus-1.4-contracts", "calls-csv", "calls-parquet"
]
_RECORDS = "x-rechenwerk-records"
_PATIENCE = httpx2.Timeout(60, read=600)
"""Balances are summed over everything before the first byte comes."""
_BETWEEN: Mapping[str, bytes] = MappingProxyType(
    {"beancount": b"\n\n", "hledger": b"\n\n", "calls-csv": b"\n"}
)
"""What stands between two records of a format, so that a bar can count them."""


class Written(msgspec.Struct, frozen=True):
    """What was written.

    Attributes:
        records: transactions or calls; None where the office did not count them.
        sha256: of the file, for whoever passes it on.
    """

    format: str
    period: str | None
    file: str
    bytes: int
    records: int | None
    sha256: str


def export(
    context: typer.Context,
    format: Annotated[Format, typer.Argument(help="What to write.")],  # noqa: A002 - as the user calls it
    period: Annotated[str | None, typer.Option(help="Only this month, such as 2026-03; else all.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it into this file; else to standard output.")
    ] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """The books as a file that others read and verify: journals, FOCUS, tables of calls."""
    if output is None and as_json:
        raise RechenwerkError("--json tells what was written into a file; name it with --output")
    if output is None and format == "calls-parquet" and sys.stdout.isatty():
        raise RechenwerkError("a Parquet file cannot be shown in a terminal; write it with --output FILE")
    asked = {"period": period, "organisation": organisation}
    with streamed(remote(context), f"/books/export/{format}", **asked) as answer:
        if output is None:
            for piece in answer.iter_bytes():
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        written = _save(answer, format, period, output)
    if as_json:
        print_json(written)
        return
    counted = "" if written.records is None else f"{written.records:,} records, "
    console().print(f"{output}: {counted}{written.bytes:,} bytes", markup=False)


@contextmanager
def streamed(there: Remote, path: str, **query: str | None) -> Iterator[httpx2.Response]:
    """What the office answers, to be read while it comes.

    Raises:
        RechenwerkError: a refusal, or the connection broke.
    """
    address = f"{there.office_url.rstrip('/')}/api/v1{path}"
    params = {name: value for name, value in query.items() if value is not None}
    with (
        telling(there.office_url, "RECHENWERK_OFFICE_URL"),
        httpx2.stream("GET", address, headers=there.headers(), params=params, timeout=_PATIENCE) as answer,
    ):
        if answer.status_code >= 400:
            answer.read()
            raise RechenwerkError(explain(answer.status_code, _body(answer), there.office_url))
        yield answer


def records_of(answer: httpx2.Response) -> int | None:
    """Transactions, calls or rows that an answer will have, where the office counted them."""
    told = answer.headers.get(_RECORDS)
    return int(told) if told is not None and told.isdecimal() else None


def _body(answer: httpx2.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None


def _save(answer: httpx2.Response, form: str, period: str | None, output: Path) -> Written:
    """Write beside the file and put it in place when all of it is there."""
    records = records_of(answer)
    digest = hashlib.sha256()
    size = 0
    with whole(output) as out, _bar() as progress:
        task = progress.add_task(f"{form} {period or 'all'}", total=None, size="")
        between = _BETWEEN.get(form)
        seen = 0
        for piece in answer.iter_bytes():
            out.write(piece)
            digest.update(piece)
            size += len(piece)
            if between is not None and records:
                seen += piece.count(between)
                progress.update(task, total=records, completed=min(seen, records))
            progress.update(task, size=f"{size / 1e6:,.1f} MB")
    return Written(form, period, str(output), size, records, digest.hexdigest())


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[size]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def add_exports(books: typer.Typer) -> None:
    """Join the command of this page."""
    books.command("export")(export)
