"""Command: apply."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.remote import Answered, explain, remote
from rechenwerk.cli.show import Json, console, plain, print_json, table

_COLOURS: Mapping[str, str] = MappingProxyType({"create": "green", "change": "yellow", "deactivate": "red"})


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="rechenwerk.toml: providers, contracts, deployments, prices.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    organisation: Annotated[
        str | None,
        typer.Option("--organisation", help="Configure this organisation; else what is shared with all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a configuration with the one that stands, ask, and apply it."""
    if as_json and not (yes or dry_run):
        raise typer.BadParameter("--json cannot ask: add --yes or --dry-run")
    body = {"text": _read(file), "dry_run": dry_run or not as_json, "organisation": organisation}
    there = remote(context)
    planned = there.try_ask("POST", "/apply", body)
    _stop_if_wrong(planned, file, there.office_url, as_json=as_json)
    if as_json:
        print_json(planned.body)
        return
    changes = planned.body["changes"]
    if not changes:
        console().print("nothing to change", markup=False)
        return
    rows = [
        (Text(one["action"], style=_COLOURS.get(one["action"], "")), one["what"], one["name"], details(one))
        for one in changes
    ]
    table(f"Changes for {planned.body['organisation']}", ("action", "what", "name", "details"), rows)
    if dry_run:
        return
    if not yes and not _agreed(len(changes)):
        console().print("nothing was applied", markup=False)
        raise typer.Exit(1)
    done = there.ask("POST", "/apply", {**body, "dry_run": False})
    console().print(f"applied: {len(done['changes'])} changes", markup=False)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise RechenwerkError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RechenwerkError(f"{file} is not UTF-8 text; save it as UTF-8") from None


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise RechenwerkError("there is nobody to ask: add --yes to apply, or --dry-run to look only")
    return typer.confirm(f"Apply {count} changes?")


def _stop_if_wrong(answered: Answered, file: Path, address: str, *, as_json: bool) -> None:
    if answered.status < 400:
        return
    mistakes = answered.body.get("errors") if isinstance(answered.body, dict) else None
    if not mistakes:
        raise RechenwerkError(explain(answered.status, answered.body, address))
    if as_json:
        print_json(answered.body)
    for one in mistakes:
        sys.stderr.write(f"{file}:{one['line']}: {one['message']}; {one['fix']}\n")
    raise typer.Exit(1)


def details(change: Mapping[str, Any]) -> str:
    """What a change changes, in a few words."""
    before, after = _flat(change["before"]), _flat(change["after"])
    if change["action"] == "create":
        return ", ".join(f"{name} {value}" for name, value in after.items() if value and name != "active")
    return ", ".join(
        f"{name} {before.get(name, 'nothing')} → {after.get(name, 'nothing')}"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    )


def _flat(row: Any) -> dict[str, str]:
    if not isinstance(row, dict):
        return {"currency": plain(row)} if row is not None else {}
    flat: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {inner: plain(one) for inner, one in value.items()}
        else:
            flat[name] = plain(value)
    return flat


def add_configuration(app: typer.Typer) -> None:
    """Join the command of this page."""
    app.command("apply")(apply)
