"""Commands: contract export, contract import."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.adviser import read
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, print_json
from rechenwerk.contracts.as_toml import to_toml
from rechenwerk.contracts.focus import from_csv, rows_to_csv, to_row
from rechenwerk.contracts.terms import Contract

To = Annotated[Path | None, typer.Option("--to", help="Write it into this file; else to standard output.")]


def contract_export(
    context: typer.Context, to: To = None, organisation: Organisation = None, as_json: Json = False
) -> None:
    """Contracts as FOCUS 1.4's Contract Commitment dataset (CSV)."""
    there = remote(context)
    found = there.ask("GET", "/contracts", organisation=organisation)
    now = datetime.now(UTC)
    rows = []
    for one in found["contracts"]:
        path = f"/contracts/{quote(one['name'], safe='')}"
        detail = there.ask("GET", path, organisation=organisation)
        held = _in_force(detail["versions"], now)
        if held is not None:  # of a shared contract the terms are the operator's
            contract: Contract = msgspec.convert(held["terms"], Contract)
            rows.append(to_row(contract, found["currency"], _since(held) or now))
    if as_json:
        print_json(rows)
    else:
        _write(rows_to_csv(rows), to)


def contract_import(
    file: Annotated[Path, typer.Argument(help="FOCUS 1.4's Contract Commitment dataset (CSV).")],
    to: To = None,
    as_json: Json = False,
) -> None:
    """Contracts of a FOCUS dataset as tables for rechenwerk.toml; `apply` then checks them."""
    try:
        contracts = from_csv(read(file))
    except RechenwerkError as error:
        raise RechenwerkError(f"{file}: {error}") from None
    if as_json:
        print_json(contracts)
    else:
        _write(to_toml(contracts), to)


def _since(version: dict[str, Any]) -> datetime | None:
    return datetime.fromisoformat(version["since"]) if version["since"] else None


def _in_force(versions: list[dict[str, Any]], now: datetime) -> dict[str, Any] | None:
    """The last version that holds already; before the first one begins, that one."""
    holds = [one for one in versions if (since := _since(one)) is None or since <= now]
    return next(iter([*reversed(holds), *versions]), None)


def _write(text: str, to: Path | None) -> None:
    if to is None:
        sys.stdout.write(text)
        return
    try:
        to.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise RechenwerkError(f"cannot write {to}: {error.strerror}") from None
