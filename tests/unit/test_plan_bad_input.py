"""Everything that can be wrong in a plan's file, in three ways of writing it: its place and its fix."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from rechenwerk.base.errors import PlanError, RechenwerkError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.loading import load
from rechenwerk.planner.workbook import workbook
from tests.spreadsheet import cells, changed
from tests.unit.plan_texts import EXAMPLE

MATRIX = "".join(
    f'[[driver]]\nname = "{name}"\nunit = "1"\nvalue = 1\nnoise = "level"\nspread = 0.1\n' for name in "abc"
) + "".join(
    f'[[correlation]]\nbetween = ["{left}", "{right}"]\nvalue = {value}\n'
    for left, right, value in (("a", "b", 0.9), ("b", "c", 0.9), ("a", "c", -0.9))
)
CASES = (Path(__file__).parent / "plan_mistakes.txt").read_text(encoding="utf-8")
"""What is wrong | in the example this | becomes that | and is told so."""


def table() -> list[tuple[str, str, str, str]]:
    found = []
    for row in CASES.strip().splitlines():
        name, old, new, says = (cell.strip().replace("\\n", "\n") for cell in row.split(" | "))
        found.append((name, old, new.replace("{matrix}", MATRIX), says))
    return found


TABLE = table()


@pytest.mark.parametrize(("name", "old", "new", "says"), TABLE, ids=[one[0] for one in TABLE])
def test_a_mistake_is_one_line_with_its_place_and_its_fix(name: str, old: str, new: str, says: str) -> None:
    assert old in EXAMPLE, name
    text = EXAMPLE.replace(old, new, 1)
    with pytest.raises(MistakesError) as told:
        load("plan.toml", text.encode())
    said = str(told.value)
    assert says in said
    assert "\n" not in said
    line = re.match(r"line (\d+): ", said)
    assert line is not None, said
    if "[[correlation]]" in new:  # that they contradict each other is told at the first
        assert int(line[1]) == text[: text.index("[[correlation]]")].count("\n") + 1
        return
    table_of = text[: EXAMPLE.index(old) + 1].rfind("\n[")
    near = text.count("\n", 0, max(table_of, 0)) + 1
    assert abs(int(line[1]) - near) < 12, "the line is that of the table, or of one that it names"


def yaml(text: str) -> str:
    found = io.StringIO()
    YAML(typ="safe", pure=True).dump(tomllib.loads(text), found)
    return found.getvalue()


YAML_CASES = [one for one in TABLE if "nan" not in one[2]]


@pytest.mark.parametrize(("name", "old", "new", "says"), YAML_CASES, ids=[one[0] for one in YAML_CASES])
def test_so_it_is_in_yaml(name: str, old: str, new: str, says: str) -> None:
    text = yaml(EXAMPLE.replace(old, new, 1))
    with pytest.raises(MistakesError) as told:
        load(f"{name}.yaml", text.encode())
    said = str(told.value)
    assert says in said
    line = re.match(r"line (\d+): ", said)
    assert line is not None, said
    assert 1 <= int(line[1]) <= text.count("\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title: [", "line 1: this is not YAML: "),
        ("- title: x", "line 1: the file is no table"),
        ("title: x\ntitle: y", "line 2: this is not YAML: found duplicate key"),
        (
            "a: &a [1, 2]\nb: &b [*a, *a]\n"
            + "".join(
                f"{chr(at + 1)}: &{chr(at + 1)} [{', '.join(f'*{chr(at)}' for _ in range(9))}]\n"
                for at in range(98, 106)
            ),
            "the file's references multiply",
        ),
    ],
)
def test_what_is_no_yaml(text: str, says: str) -> None:
    with pytest.raises(MistakesError) as told:
        load("plan.yml", text.encode())
    assert says in str(told.value)


def book() -> bytes:
    made = load("plan.toml", EXAMPLE.encode())
    return workbook(made.plan, made.source)


def where(content: bytes, sheet: str, name: str, field: str) -> str:
    found = cells(content)[sheet]
    rows = [at[1:] for at in found if at[0] == "A" and found[at] == name and found.get(f"D{at[1:]}") == field]
    return f"E{rows[0]}"


@pytest.mark.parametrize(
    ("sheet", "name", "field", "value", "says"),
    [
        ("Drivers", "users", "value", "many", "'many' is no number; write one such as 12"),
        ("Drivers", "users", "value", None, "is empty; write the number of users value"),
        ("Drivers", "users", "value", True, "True is no number"),
        ("Drivers", "users", "value", "#REF!", "'#REF!' is no number"),
        ("Drivers", "users", "spread", -0.2, "spread is -0.2; write a number from 0"),
        ("Contracts", "cloud", "total", -5, "the total of cloud is -5.0; write what is bought"),
        ("Funding", "bank", "interest", 80, "interest is 80.0; write a number from -1 to 10"),
        ("Statements", "policy", "tax", 25, "tax is 25.0; write a number from 0 to 1"),
    ],
)
def test_a_bad_cell_is_named(sheet: str, name: str, field: str, value: object, says: str) -> None:
    content = book()
    at = where(content, sheet, name, field)
    with pytest.raises(RechenwerkError) as told:
        load("book.xlsx", changed(content, {(sheet, at): value}))
    said = str(told.value)
    assert said.startswith(f"{sheet}!{at}")
    assert says in said
    assert "\n" not in said


def test_bad_text_in_a_workbook_is_named_at_its_cell() -> None:
    content = book()
    found = cells(content)["Model"]
    at = next(one for one, value in found.items() if value == 'unit = "thousand users"')
    with pytest.raises(MistakesError, match=r"^Model!A\d+: the unit 'thousand \*users' is not understood"):
        load("book.xlsx", changed(content, {("Model", at): 'unit = "thousand *users"'}))
    with pytest.raises(MistakesError, match=rf"^Model!{at}: this is not TOML"):
        load("book.xlsx", changed(content, {("Model", at): "unit = thousand users"}))


def test_what_is_no_workbook_of_a_plan() -> None:
    with pytest.raises(PlanError, match=r"no \.xlsx workbook; write one with plan run FILE -o"):
        load("book.xlsx", b"PK\x03\x04 something else")
    with pytest.raises(PlanError, match=r"is no UTF-8 text; name a \.toml, \.yaml or \.xlsx file"):
        load("plan.toml", b"\xff\xfe\x00")


def test_a_row_that_is_gone_or_stands_twice() -> None:
    content = book()
    at = where(content, "Drivers", "users", "value")
    with pytest.raises(PlanError, match=r"^Drivers has no row users value; put it back"):
        load("book.xlsx", changed(content, {("Drivers", f"A{at[1:]}"): None}))
    other = where(content, "Drivers", "users", "growth")
    with pytest.raises(PlanError, match="users value stands twice on this sheet"):
        load("book.xlsx", changed(content, {("Drivers", f"D{other[1:]}"): "value"}))
