"""The command line without a server."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from rich.console import Console

import rechenwerk
from rechenwerk.cli.app import run
from rechenwerk.cli.configuration import details
from rechenwerk.cli.remote import explain
from rechenwerk.cli.show import plain, print_json, table


def _run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    return code, out.getvalue(), err.getvalue()


def test_version() -> None:
    assert _run("--version") == (0, f"rechenwerk {rechenwerk.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("key", "create"),
        ("key", "create", "--name", "x", "--rpm", "many"),
        ("serve", "--port", "99999"),
        ("serve", "--processes", "0"),
        ("apply",),
        ("project", "budget", "x", "--amount", "1", "--remove"),
    ],
)
def test_a_usage_error_ends_with_2(arguments: tuple[str, ...]) -> None:
    code, out, err = _run(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_help_of_every_command_ends_with_0() -> None:
    assert _run("--help")[0] == 0
    assert _run("key", "create", "-h")[0] == 0


def test_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, None], "b": "ü"})
    assert json.loads(capsys.readouterr().out) == {"a": [1, None], "b": "ü"}


def test_tables_show_names_as_they_are_and_align_money(capsys: pytest.CaptureFixture[str]) -> None:
    table("Title [x]", ("name", "amount"), [("[red]a[/red]", "1.00"), ("b", "1000.00")], right=("amount",))
    out = capsys.readouterr().out
    assert "[red]a[/red]" in out
    assert "Title [x]" in out
    assert "│    1.00 │" in out


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "yes"), (False, "no"), ([1, "a"], "1, a"), (0, "0"), ("x", "x")]
)
def test_cells(value: object, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize("body", [None, [], {}, {"error": "x"}, {"error": {"message": ""}}])
def test_an_error_without_a_message_still_gets_a_line(body: Any) -> None:
    assert "answered 502" in explain(502, body, "http://there")


def test_the_details_of_a_change_are_what_differs() -> None:
    before = {"model": "m", "rates": {"input": "1", "output": "2"}}
    after = {"model": "m", "rates": {"input": "1", "output": "3", "images": "4"}}
    change = {"action": "change", "before": before, "after": after}
    assert details(change) == "output 2 → 3, images nothing → 4"
    assert details({"action": "change", "before": "EUR", "after": "USD"}) == "currency EUR → USD"
    assert details({"action": "create", "before": None, "after": before}) == "model m, input 1, output 2"


@pytest.mark.parametrize(("width", "drawn"), [(80, True), (40, False)])
def test_a_table_that_does_not_fit_is_told_in_paragraphs(width: int, drawn: bool) -> None:
    """No word is broken in a column: its rows are written one below the other, empty cells left out."""
    out = Console(width=width, file=io.StringIO(), record=True)
    columns = ("contract", "provider", "until", "shortfall")
    rows = [
        ("azure commitment", "azure-in-Frankfurt", "2026-12-31", "1,800.00"),
        ("credit", "ionos", None, "0.00"),
    ]
    table("Positions", columns, rows, right=("shortfall",), out=out)
    text = out.export_text()
    assert ("┃ contract" in text) is drawn
    for word in ("commitment", "azure-in-Frankfurt", "2026-12-31", "1,800.00", "ionos"):
        assert word in text
    if not drawn:
        assert "\n credit  provider ionos  shortfall 0.00" in text
        assert "\n   until 2026-12-31  shortfall 1,800.00" in text, "a name and its value stay together"
