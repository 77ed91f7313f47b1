"""A plan's workbook in a real spreadsheet: LibreOffice calculates it all again, before and after an edit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rechenwerk.planner.loading import load
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import base
from rechenwerk.planner.workbook import FIGURE, FIRST, workbook
from tests.spreadsheet import PROGRAM, Cells, calculated, cells, changed
from tests.unit.plan_texts import EVERYTHING, EXAMPLE, OPENAI

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="needs LibreOffice: apt-get install libreoffice-calc-nogui"
)
EXACT = 1e-9
"""Relative. Identities are 0 but for rounding: theirs is relative to the amounts that cancel out in them."""
ERRORS = ("#REF", "#NAME", "#VALUE", "#DIV", "#N/A", "#NUM", "Err:")
ROUNDING = 1e-15
"""Of the largest balance sheet, a millionth of the currency at the least: what cancels out leaves that."""


def rounding(plan: Plan) -> float:
    """What counts as 0 in a plan."""
    return max(ROUNDING * float(np.abs(base(plan)["assets"]).max()), 1e-6)


def column(number: int) -> str:
    """A, B, ..., Z, AA."""
    return (column(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


def rows(sheet: dict[str, object]) -> dict[str, int]:
    """Rows of lines by name; those of inputs have a figure."""
    found = {}
    for address, value in sheet.items():
        if address[0] == "A" and address[1:].isdigit() and f"{column(FIRST)}{address[1:]}" in sheet:
            found[str(value)] = int(address[1:])
    return found


def agree(book: Cells, plan: Plan) -> int:
    """Every line and input of a workbook is the engine's in every period; how many cells were compared."""
    values, seen, nothing = base(plan), 0, rounding(plan)
    for sheet in book.values():
        for name, row in rows(sheet).items():
            if name not in values:
                continue
            series = np.broadcast_to(values[name][:, 0], plan.axis.count)
            for at, wanted in enumerate(series.tolist()):
                found = sheet[f"{column(FIRST + at)}{row}"]
                assert isinstance(found, int | float), (name, at, found)
                seen += 1
                slack = max(EXACT * max(abs(wanted), abs(found)), nothing if abs(wanted) < 1 else 0.0)
                assert abs(found - wanted) <= slack, (name, plan.axis.name(at), wanted, found)
    assert seen == len(values) * plan.axis.count, "every line and input stands in the workbook"
    return seen


@pytest.mark.parametrize(
    ("text", "name", "language"),
    [
        (OPENAI, "", "en"),
        (EXAMPLE, "", "en"),
        (EXAMPLE, "both", "de"),
        (EVERYTHING, "", "de"),
        (EVERYTHING, "harder", "en"),
    ],
    ids=["OpenAI", "example", "scenario", "everything", "everything harder"],
)
def test_a_spreadsheet_calculates_what_the_engine_does(
    text: str, name: str, language: str, tmp_path: Path
) -> None:
    made = load("plan.toml", text.encode(), name)
    book = workbook(made.plan, made.source, "de" if language == "de" else "en")
    found = calculated(book, tmp_path)
    assert agree(found, made.plan) > 500
    assert agree(cells(book), made.plan) > 500, "and so says who does not calculate"
    cover = found["Deckblatt" if language == "de" else "Cover"]
    assert abs(float(str(cover["B8"]))) < rounding(made.plan)
    errors = [one for sheet in found.values() for one in sheet.values() if str(one).startswith(ERRORS)]
    assert errors == []


EDITS = {
    "users value": 75.0,
    "users growth": 0.4,
    "price growth": -0.1,
    "cloud total": 90.0,
    "cloud price": 1.9,
    "round_b amount": 10.0,
    "bank interest": 0.12,
    "policy tax": 0.3,
    "policy receivable_days": 60.0,
    "opening cash": 20.0,
}


def input_cells(book: Cells) -> dict[str, tuple[str, str]]:
    """Sheet and address of every input, by name and field."""
    found = {}
    for title, sheet in book.items():
        for address, value in sheet.items() if title != "Sources" else ():
            figure = f"{column(FIGURE)}{address[1:]}"
            if address[0] == "A" and address[1:].isdigit() and figure in sheet and int(address[1:]) > 3:
                found[f"{value} {sheet.get(f'D{address[1:]}')}"] = title, figure
    return found


def test_an_edited_cell_is_the_edited_plan_for_both(tmp_path: Path) -> None:
    made = load("plan.toml", EXAMPLE.encode())
    book = workbook(made.plan, made.source)
    places = input_cells(cells(book))
    edited = changed(book, {places[name]: value for name, value in EDITS.items()})
    again = load("book.xlsx", edited)
    assert sorted(one.split(": ")[1].rsplit(" ", 3)[0] for one in again.changes) == sorted(EDITS)
    assert abs(base(again.plan)["cash"] - base(made.plan)["cash"]).min() > 1e4, "each period is another one"
    agree(calculated(edited, tmp_path), again.plan)


def test_no_input_is_dead_in_one_of_the_two(tmp_path: Path) -> None:
    """All numbers of the largest plan, each a little more."""
    made = load("plan.toml", EVERYTHING.encode())
    book = workbook(made.plan, made.source)
    before = cells(book)
    places = input_cells(before)
    more = {
        at: float(str(before[at[0]][at[1]])) * 1.01 for name, at in places.items() if "loss_use" not in name
    }
    edited = changed(book, dict(more))
    again = load("book.xlsx", edited)
    assert len(again.changes) == sum(1 for value in more.values() if value)
    agree(calculated(edited, tmp_path), again.plan)
