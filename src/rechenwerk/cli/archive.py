"""Commands: books archive. Closed months as files that prove themselves, checked against the books."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.progress import Progress, TaskID
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import parse_money, plain_money
from rechenwerk.cli.archive_file import Summed, check
from rechenwerk.cli.exports import records_of, streamed
from rechenwerk.cli.remote import Remote, remote
from rechenwerk.cli.seals import document
from rechenwerk.cli.show import Json, Organisation, console, print_json, progress_bar, table

ROWS, CALLS, MANIFEST = "books.jsonl.gz", "calls.parquet", "manifest.json"
_PARQUET = b"PAR1"
"""What a Parquet file begins and ends with."""


def archive(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where archives are kept: FOLDER/ORGANISATION/MONTH.")],
    period: Annotated[str | None, typer.Option(help="Only this month, such as 2026-03.")] = None,
    older_than: Annotated[
        int, typer.Option(min=0, help="Without a period: closed months that ended so many months ago.")
    ] = 12,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Write closed months as files that prove themselves, and check them against the books.

    A month that is there already is checked again. Nothing is taken out of the database.
    """
    there = remote(context)
    found = there.ask("GET", "/books/periods", organisation=organisation)
    closed = [one["period"] for one in found["periods"] if one["closed_at"]]
    wanted = [period] if period is not None else [one for one in closed if _age(one) >= older_than]
    if period is not None and period not in closed:
        raise RechenwerkError(f"{period} is not closed; close it first: rechenwerk books close {period}")
    home = folder / found["organisation"]
    with progress_bar(quiet=as_json) as bar:
        task = bar.add_task("archiving ...", total=None)
        done = [_month(there, home / month, organisation, bar, task) for month in sorted(wanted)]
    if as_json:
        print_json({"organisation": found["organisation"], "archives": done})
        return
    if not done:
        console().print(f"no closed month ended {older_than} months ago or before", markup=False)
        return
    rows = [
        (
            one["period"],
            Text("written and checked" if one["written"] else "checked again", style="green"),
            f"{one['days']:,}",
            f"{one['rows']:,}",
            one["moved"],
            one["folder"],
        )
        for one in done
    ]
    columns = ("month", "", "sealed days", "rows", "moved", "where")
    title = f"Archives of {found['organisation']} in {found['currency']}"
    table(title, columns, rows, right=columns[2:4], money=columns[4:5])


def _age(period: str) -> int:
    """Months since a month ended; the one that runs ended -1 months ago."""
    now = datetime.now(UTC)
    return (now.year - int(period[:4])) * 12 + now.month - int(period[5:7]) - 1


def _month(
    there: Remote, place: Path, organisation: str | None, bar: Progress, task: TaskID
) -> dict[str, Any]:
    """Write a month unless it is there, and check what is there."""
    written = not (place / MANIFEST).exists()
    if written:
        with _beside(place) as part:
            _write(there, place.name, organisation, part, bar, task)
            manifest, summed = _prove(there, part, organisation, bar, task)
    else:
        manifest, summed = _prove(there, place, organisation, bar, task)
    return {
        "period": place.name,
        "written": written,
        "folder": str(place),
        "days": summed.days,
        "rows": summed.rows,
        "calls": manifest["calls"],
        "moved": plain_money(sum(debit for debit, _ in summed.accounts.values())),
        "files": manifest["files"],
    }


def _write(
    there: Remote, period: str, organisation: str | None, part: Path, bar: Progress, task: TaskID
) -> None:
    """All files of a month into a folder."""
    bar.update(task, description=f"{period}: rows", completed=0, total=None)
    _rows(there, period, organisation, part / ROWS, bar, task)
    bar.update(task, description=f"{period}: calls", completed=0, total=None)
    calls = _calls(there, period, organisation, part / CALLS)
    manifest = _manifest(there, period, organisation, part, calls)
    (part / MANIFEST).write_text(document(manifest), encoding="utf-8")


def _prove(
    there: Remote, place: Path, organisation: str | None, bar: Progress, task: TaskID
) -> tuple[dict[str, Any], Summed]:
    """Read back what is written, and compare it with the books."""
    bar.update(task, description=f"{place.name.strip('.')}: checking what is written", total=None)
    manifest, summed = checked(place)
    _compare(there, organisation, manifest, summed)
    return manifest, summed


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A new folder that takes the place of another at the end, or is gone."""
    part = place.with_name(f".{place.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        shutil.rmtree(place, ignore_errors=True)
        part.replace(place)
    except OSError as error:
        raise RechenwerkError(f"cannot write {place}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _rows(
    there: Remote, period: str, organisation: str | None, target: Path, bar: Progress, task: TaskID
) -> None:
    path = f"/books/archive/{quote(period, safe='')}"
    with streamed(there, path, organisation=organisation) as answer:
        bar.update(task, total=records_of(answer) or None)
        with target.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as out:
            for piece in answer.iter_bytes():
                out.write(piece)
                bar.advance(task, piece.count(b"\n"))


def _calls(there: Remote, period: str, organisation: str | None, target: Path) -> int:
    """The month's calls as a table; how many there are."""
    path = "/books/export/calls-parquet"
    with streamed(there, path, period=period, organisation=organisation) as answer:
        with target.open("wb") as out:
            for piece in answer.iter_bytes():
                out.write(piece)
        return records_of(answer) or 0


def _manifest(
    there: Remote, period: str, organisation: str | None, folder: Path, calls: int
) -> dict[str, Any]:
    balance = there.ask("GET", "/books/balance", period=period, organisation=organisation)
    return {
        "format": "rechenwerk-archive-manifest-1",
        "organisation": balance["organisation"],
        "period": period,
        "currency": balance["currency"],
        "calls": calls,
        "files": {name: _described(folder / name) for name in (ROWS, CALLS)},
        "accounts": balance["accounts"],
    }


def _described(file: Path) -> dict[str, Any]:
    with file.open("rb") as read:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(read, "sha256").hexdigest()}


def checked(place: Path) -> tuple[dict[str, Any], Summed]:
    """What the manifest of an archive says, and what its rows come to; without the office.

    Raises:
        RechenwerkError: a file is not what the manifest says, or a day not what was sealed.
    """
    try:
        manifest: dict[str, Any] = msgspec.json.decode((place / MANIFEST).read_bytes())
        for name, said in manifest["files"].items():
            if _described(place / name) != said:
                raise RechenwerkError(f"{place / name} is not what {MANIFEST} says; archive the month again")
    except OSError as error:
        raise RechenwerkError(f"{error.filename} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, KeyError) as error:
        raise RechenwerkError(f"{place / MANIFEST} is no manifest: {error}") from None
    with (place / CALLS).open("rb") as file:
        ends = (file.read(4), file.seek(-4, 2) and file.read(4))
    if ends != (_PARQUET, _PARQUET):
        raise RechenwerkError(f"{place / CALLS} is no Parquet file; archive the month again")
    return manifest, check(place / ROWS)


def _compare(there: Remote, organisation: str | None, manifest: Mapping[str, Any], summed: Summed) -> None:
    """What the books say of the same month: sealed statements, calls, and every account."""
    period = manifest["period"]
    stands = _statements(there, organisation, summed)
    if {number: stands.get(number) for number in summed.statements} != summed.statements:
        raise RechenwerkError(f"sealed days of {period} are not those of the books any more")
    totals = there.ask("GET", "/books/totals", period=period, by="organisation", organisation=organisation)
    booked = totals["total"]["calls"]
    if (summed.calls, manifest["calls"]) != (booked, booked):
        raise RechenwerkError(
            f"of {period} {summed.calls:,} calls are archived, {manifest['calls']:,} as a table,"
            f" and the books have {booked:,}; archive the month again"
        )
    balance = there.ask("GET", "/books/balance", period=period, organisation=organisation)
    if balance["accounts"] != manifest["accounts"]:
        raise RechenwerkError(f"accounts of {period} are not those of the books any more")
    kinds: dict[str, list[int]] = {}
    for one in balance["accounts"]:
        sums = kinds.setdefault(one["kind"], [0, 0])
        sums[0] += parse_money(one["debit"])
        sums[1] += parse_money(one["credit"])
    if {kind: sums for kind, sums in kinds.items() if any(sums)} != summed.accounts:
        raise RechenwerkError(f"the archived rows of {period} do not come to its accounts")


def _statements(there: Remote, organisation: str | None, summed: Summed) -> dict[int, str]:
    """The same days' statements as the books have them."""
    if not summed.statements:
        return {}
    first, before = min(summed.statements), max(summed.statements) + 1
    found: dict[int, str] = {}
    while before > first:
        page = there.ask("GET", "/books/roots", limit=1000, before=before, organisation=organisation)
        found |= {one["number"]: one["statement"] for one in page["roots"]}
        if not page["next"]:
            break
        before = page["next"]
    return found


def add_archive(books: typer.Typer) -> None:
    """Join the command of this page."""
    books.command("archive")(archive)
