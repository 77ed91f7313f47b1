"""docs/commands.md is the CLI's own help; docs/configuration.md shows files that are good.

``RW_WRITE_DOCS=1 pytest tests/unit/test_cli_docs.py`` writes docs/commands.md again.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import typer

from rechenwerk.base.settings import TABLE
from rechenwerk.base.usage import BUCKETS
from rechenwerk.cli.app import build
from rechenwerk.contracts import terms
from rechenwerk.contracts.concentration import BY, DIMENSIONS, RULES
from rechenwerk.ledger import tariffs
from rechenwerk.office.config import CONTRACT_KINDS, parse
from rechenwerk.office.tables import (
    ConcentrationTable,
    DataClassTable,
    DeploymentTable,
    ProviderTable,
    SiteTable,
    TariffTable,
)
from rechenwerk.providers.registry import ENDPOINTS, KINDS
from rechenwerk.routing.ports import DEFAULT_CLASSES, LEVELS

TABLES = (ProviderTable, SiteTable, DeploymentTable, TariffTable, DataClassTable, ConcentrationTable)
INNER = (
    terms.Cap,
    terms.Tier,
    terms.Tiers,
    terms.BillingStep,
    terms.FreeAllowance,
    terms.Pricing,
    terms.Overflow,
    terms.Shortfall,
    terms.Milestone,
    terms.Block,
    terms.Header,
    terms.Approval,
    tariffs.Tier,
    tariffs.Tiers,
    tariffs.Step,
)
"""Tables inside contracts and tariffs."""
DOCS = Path(__file__).parents[2] / "docs"
HEAD = """\
# Commands

This page is the help of `rechenwerk`, written down by a test: what stands here is what the program says.

Every command talks to a running installation over HTTP, except `serve` and `gateway`, which are one. Where it
is and which key to use stand in the environment (`RECHENWERK_URL`, `RECHENWERK_OFFICE_URL`,
`RECHENWERK_KEY`) or before the command. Tables are for people; `--json` prints exactly one JSON document. A
command ends with 0 when it did what was asked, with 1 when it could not (one line on standard error says why
and what to do), with 2 when it was called wrongly.
"""


def _commands(app: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for command in app.registered_commands:
        assert command.name
        yield (*path, command.name)
    for group in app.registered_groups:
        assert group.name
        assert group.typer_instance
        yield from _commands(group.typer_instance, (*path, group.name))


def _page() -> str:
    parts = [HEAD]
    app = build(width=100)
    program = typer.main.get_command(app)
    for path in _commands(app):
        out = io.StringIO()
        with redirect_stdout(out), pytest.raises(SystemExit):
            program([*path, "--help"], prog_name="rechenwerk")
        name = " ".join(("rechenwerk", *path))
        parts.append(f"\n## {name}\n\n```text\n{out.getvalue().strip()}\n```\n")
    return "".join(parts)


def test_the_page_of_commands_is_the_help() -> None:
    page = DOCS / "commands.md"
    says = _page()
    if os.environ.get("RW_WRITE_DOCS"):
        page.write_text(says, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == says, "RW_WRITE_DOCS=1 pytest writes it again"


def test_every_file_in_the_page_of_configuration_is_good() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    files = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert files
    for file in files:
        parse(file)


def test_the_page_of_configuration_names_every_word() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    fields = {
        field for table in (*TABLES, *CONTRACT_KINDS.values(), *INNER) for field in table.__struct_fields__
    }
    words = {*fields, *KINDS, *CONTRACT_KINDS, *ENDPOINTS, *BUCKETS, *LEVELS, *DEFAULT_CLASSES}
    words |= {*DIMENSIONS, *BY, *RULES}
    for word in words | {row.env for row in TABLE}:
        assert f"`{word}`" in text, word
    for kind, row in KINDS.items():
        assert re.search(rf"^\| `{re.escape(kind)}` \|.*{re.escape(row.base_url)}", text, re.MULTILINE), kind
