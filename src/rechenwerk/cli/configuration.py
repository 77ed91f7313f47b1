"""Commands: apply, provider."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.remote import Answered, explain, remote
from rechenwerk.cli.show import Json, console, plain, print_json, table

Whose = Annotated[
    str | None,
    typer.Option("--organisation", help="Of this organisation; else of what is shared with all."),
]
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
    body = {"text": read_file(file), "dry_run": dry_run or not as_json, "organisation": organisation}
    there = remote(context)
    planned = there.try_ask("POST", "/apply", body)
    stop_if_wrong(planned, file, there.office_url, as_json=as_json)
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


def read_file(file: Path) -> str:
    """The text of a file.

    Raises:
        RechenwerkError: there is none, or it is no text.
    """
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


def stop_if_wrong(answered: Answered, file: Path, address: str, *, as_json: bool) -> None:
    """End the command where a file was refused: a line for each mistake, with its place."""
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
            rates = value.get("price")
            rated = isinstance(rates, dict)  # a tariff's rates are what changes most: one by one
            flat |= _flat(rates) if rated else {}
            flat |= {inner: plain(one) for inner, one in value.items() if not (rated and inner == "price")}
        else:
            flat[name] = plain(value)
    return flat


def provider_list(context: typer.Context, organisation: Whose = None, as_json: Json = False) -> None:
    """List providers, and whether their keys are stored; a key itself is never shown."""
    found = remote(context).ask("GET", "/providers", organisation=organisation)
    if as_json:
        print_json(found)
        return
    columns = ("name", "kind", "base_url", "api_key_env", "has_secret", "active")
    rows = [tuple(one[column] for column in columns) for one in found["providers"]]
    shown = ("name", "kind", "address", "key from", "key stored", "active")
    table(f"Providers of {found['organisation']}", shown, rows)


def provider_secret(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The provider.")],
    remove: Annotated[bool, typer.Option("--remove", help="Forget its key.")] = False,
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Store a provider's key, sealed; it is read from standard input, or asked for without an echo."""
    there, path = remote(context), f"/providers/{quote(name, safe='')}/secret"
    if remove:
        shown = there.ask("DELETE", path, organisation=organisation)
    else:
        shown = there.ask("PUT", path, {"secret": _secret(), "organisation": organisation})
    if as_json:
        print_json(shown)
    else:
        state = "stored" if shown["has_secret"] else "removed"
        console().print(f"key of provider {shown['name']!r} {state}", markup=False)


def _secret() -> str:
    secret = typer.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    if not secret.strip():
        raise RechenwerkError("there is no key on standard input; --remove forgets the stored one")
    return str(secret)


def add_configuration(app: typer.Typer) -> None:
    """Join the commands of this page."""
    app.command("apply")(apply)
    provider = typer.Typer(help="Who serves models, and their keys.", no_args_is_help=True)
    provider.command("list")(provider_list)
    provider.command("secret")(provider_secret)
    app.add_typer(provider, name="provider")
