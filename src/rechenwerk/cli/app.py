"""The command line: what `rechenwerk` and ``python -m rechenwerk`` run."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import rechenwerk
from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.adviser import add_adviser
from rechenwerk.cli.alerts import add_alerts
from rechenwerk.cli.audits import add_audits
from rechenwerk.cli.books import add_books
from rechenwerk.cli.budgets import add_budgets
from rechenwerk.cli.capacity import add_capacity
from rechenwerk.cli.chat import add_chat
from rechenwerk.cli.concentration import add_concentration
from rechenwerk.cli.configuration import add_configuration
from rechenwerk.cli.contracts import add_contracts
from rechenwerk.cli.docs import add_docs
from rechenwerk.cli.grant import add_grant
from rechenwerk.cli.models import add_models
from rechenwerk.cli.people import add_people
from rechenwerk.cli.plan import add_plan
from rechenwerk.cli.remote import Remote
from rechenwerk.cli.reserve import add_reserve
from rechenwerk.cli.routing import add_routing
from rechenwerk.cli.service import add_service
from rechenwerk.cli.sites import add_sites
from rechenwerk.cli.tariffs import add_tariffs
from rechenwerk.cli.tenants import add_tenants
from rechenwerk.cli.utilisation import add_utilisation
from rechenwerk.cli.wallets import add_wallets

_BELOW_ZERO = re.compile(r"-\d[\d.,]*")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rechenwerk {rechenwerk.__version__}")
        raise typer.Exit


def _start(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="RECHENWERK_URL", help="Address of the endpoint.")
    ] = "http://127.0.0.1:8080",
    office_url: Annotated[
        str, typer.Option(envvar="RECHENWERK_OFFICE_URL", help="Address of the office.")
    ] = "http://127.0.0.1:8081",
    key: Annotated[
        str, typer.Option(envvar="RECHENWERK_KEY", help="The key to use; better in the environment.")
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Rechenwerk: a self-hosted AI cloud whose books balance."""
    del version
    context.obj = Remote(url=url, office_url=office_url, key=key.strip())


def build(width: int | None = None) -> typer.Typer:
    """All commands.

    Args:
        width: of the help texts; None: as wide as the terminal, 100 at most.
    """
    context_settings: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
    if width is not None:
        context_settings["terminal_width"] = width
    app = typer.Typer(
        name="rechenwerk",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=context_settings,
    )
    app.callback()(_start)
    add_service(app)
    add_models(app)
    add_tenants(app)
    add_people(app)
    add_books(app)
    add_budgets(app)
    add_wallets(app)
    add_alerts(app)
    add_configuration(app)
    add_contracts(app)
    add_tariffs(app)
    add_audits(app)
    add_capacity(app)
    add_reserve(app)
    add_grant(app)
    add_utilisation(app)
    add_sites(app)
    add_routing(app)
    add_plan(app)
    add_chat(app)
    add_docs(app)
    add_adviser(app)
    add_concentration(app)
    return app


def _below_zero(arguments: Sequence[str]) -> str | None:
    """A number below zero that stands neither after an option, as its value, nor after ``--``."""
    before = ""
    for one in arguments:
        if one == "--":
            return None
        if _BELOW_ZERO.fullmatch(one) and not before.startswith("-"):
            return one
        before = one
    return None


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status: 0 done, 1 refused or found wrong, 2 written wrong.

    Args:
        arguments: without the program's name; None: those of this process.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if (number := _below_zero(given)) is not None:
        sys.stderr.write(
            f"rechenwerk: {number} would be read as an option; amounts are above zero, and a voucher's number"
            f" is written after --, last: -- {number}\n"
        )
        return 2
    try:
        build()(args=given, prog_name="rechenwerk")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except RechenwerkError as error:
        sys.stderr.write(f"rechenwerk: {error}\n")
        return 1
    return 0
