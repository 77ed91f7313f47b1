"""`plan run -o`, plans in other formats on the command line, and the example of a notebook."""

from __future__ import annotations

import csv
import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rechenwerk.cli.app import run
from tests.spreadsheet import cells, changed
from tests.unit.plan_texts import DOCS, EXAMPLE, FOLDER

Called = Callable[..., tuple[int, str]]


@pytest.fixture
def called(capfd: pytest.CaptureFixture[str]) -> Called:
    """The command's exit status and all that it prints."""

    def call(*arguments: str | Path) -> tuple[int, str]:
        code = run(["plan", *map(str, arguments)])
        printed = capfd.readouterr()
        return code, printed.out + printed.err

    return call


@pytest.fixture
def firm(tmp_path: Path) -> Path:
    file = tmp_path / "firm.toml"
    file.write_text(EXAMPLE, encoding="utf-8")
    return file


def test_a_workbook_goes_out_and_comes_back_edited(called: Called, firm: Path, tmp_path: Path) -> None:
    book = tmp_path / "firm.xlsx"
    code, said = called("run", firm, "--paths", "200", "-o", book, "--language", "de")
    assert code == 0, said
    assert list(cells(book.read_bytes())) == [
        "Deckblatt",
        "Treiber",
        "Zeilen",
        "Verträge",
        "Finanzierung",
        "Abschlüsse",
        "Proben",
        "Quellen",
        "Modell",
    ]
    unchanged = json.loads(called("run", book, "--paths", "200", "--json")[1])
    assert unchanged["base"] == json.loads(called("run", firm, "--paths", "200", "--json")[1])["base"]
    found = cells(book.read_bytes())["Treiber"]
    row = next(
        at[1:] for at in found if at[0] == "A" and found[at] == "users" and found.get(f"D{at[1:]}") == "value"
    )
    book.write_bytes(changed(book.read_bytes(), {("Treiber", f"E{row}"): 90}))
    code, said = called("run", book, "--paths", "200")
    assert code == 0
    assert f"Treiber!E{row}: users value 60 -> 90" in said
    edited = tmp_path / "edited.toml"
    edited.write_text(EXAMPLE.replace("value = 60", "value = 90", 1), encoding="utf-8")
    left, right = (json.loads(called("run", one, "--paths", "200", "--json")[1]) for one in (book, edited))
    assert left == right


def test_tables_go_out(called: Called, firm: Path, tmp_path: Path) -> None:
    for name in ("firm.csv", "firm.parquet"):
        assert called("run", firm, "--paths", "200", "-o", tmp_path / name)[0] == 0
    rows = list(csv.DictReader((tmp_path / "firm.csv").read_text(encoding="utf-8").splitlines()))
    assert pq.read_table(tmp_path / "firm.parquet").num_rows == len(rows)
    assert {one["statistic"] for one in rows} == {"base", "mean", "p5", "p25", "p50", "p75", "p95"}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["firm.csv", "firm.parquet", "firm.toml"]


def test_what_cannot_be_written_or_read(called: Called, firm: Path, tmp_path: Path) -> None:
    code, said = called("run", firm, "-o", tmp_path / "firm.doc")
    assert code == 2
    assert "its name ends with .xlsx, .csv or .parquet" in said.replace("\n", " ")
    assert "cannot write" in called("run", firm, "--paths", "200", "-o", tmp_path / "none" / "firm.csv")[1]
    assert "cannot read" in called("run", tmp_path / "none.toml")[1]
    assert [one.name for one in tmp_path.iterdir()] == ["firm.toml"]


def test_the_schema_is_printed(called: Called) -> None:
    code, said = called("schema")
    assert code == 0
    assert json.loads(said) == json.loads((DOCS / "plan.schema.json").read_text(encoding="utf-8"))


def test_the_notebook_of_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / "notebook.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert "cash in USD million, = ((prev(cash, opening.cash)" in said
    assert said.count("of all paths") == 5
