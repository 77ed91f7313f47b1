"""A plan from its workbook: the text of the sheet "Model", with the numbers that now stand in input cells.

A cell that was not changed leaves the text as it is, so that a workbook that nobody touched is the plan that
it was made from. What is wrong is told at its cell.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.toml_reader import Mistake, MistakesError
from rechenwerk.planner.inputs import Input, inputs, put_in
from rechenwerk.planner.numbers import number
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.source import Source, reader_of
from rechenwerk.planner.workbook import FIGURE, HEAD, OF_TABLE, TEXT
from rechenwerk.planner.workbook_words import named


class Edited(msgspec.Struct, frozen=True):
    """A workbook's plan.

    Args:
        plan: with the numbers of its cells, in its scenario.
        source: the text that it was made from.
        changes: what differs from the text: cell, number of the text, number of the cell.
    """

    plan: Plan
    source: Source
    changes: tuple[tuple[str, Input, float], ...]


def read_workbook(data: bytes, name: str = "") -> Edited:
    """The plan of a workbook.

    Args:
        data: of the file.
        name: a scenario, if not the workbook's own.

    Raises:
        PlanError: it is no workbook of a plan, or a cell holds no number.
        MistakesError: what its text or its cells say does not fit together; every mistake with its cell.
    """
    sheets = _sheets(data)
    model = sheets["model"]
    source = _source(model)
    asked = msgspec.structs.replace(source, scenario=name or source.scenario)
    places: dict[int, str] = {}
    try:
        plan = _loaded(source, source, places, ())
        cells = _cells(sheets)
        changes = [
            (cell, one, value)
            for one in inputs(plan)
            for cell, value in [_value(cells, one, sheets)]
            if value != one.value
        ]
        plan = _loaded(source, asked, places, changes)
    except MistakesError as error:
        raise MistakesError([_placed(one, places, model.title) for one in error.mistakes]) from None
    return Edited(plan, asked, tuple(changes))


def _sheets(data: bytes) -> Mapping[str, Worksheet]:
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise PlanError("this is no .xlsx workbook; write one with plan run FILE -o BOOK.xlsx") from None
    found = {named(sheet.title): sheet for sheet in book.worksheets}
    for key, title in (("model", "Model"), *((one, one.capitalize()) for one in OF_TABLE.values())):
        if key not in found:
            said = sentence("the workbook has no sheet {title}, from which a plan could be read", title=title)
            raise PlanError(
                "{said}; write one with plan run FILE -o BOOK.xlsx, and keep its sheets", said=said
            )
    return cast("Mapping[str, Worksheet]", found)


def _source(model: Worksheet) -> Source:
    said = [str(model.cell(row, 1).value or "").partition(": ")[2] for row in (2, 3)]
    rows = [model.cell(row, 1).value for row in range(TEXT + 1, model.max_row + 1)]
    text = "\n".join("" if one is None else str(one) for one in rows)
    return Source(text + "\n", "yaml" if said[0] == "yaml" else "toml", said[1])


def _loaded(
    source: Source, asked: Source, places: dict[int, str], changed: Sequence[tuple[str, Input, float]]
) -> Plan:
    """The plan of the text, with other numbers in it, in the scenario that is asked for."""
    reader = reader_of(source)
    if changed:
        written = load_plan(reader_of(source)).written
        for cell, one, value in changed:
            places[reader.line(put_in(reader.raw, written, source.scenario, one, value))] = cell
    plan = load_plan(reader)
    return build(scenario(plan.written, asked.scenario)) if asked.scenario else plan


def _cells(sheets: Mapping[str, Worksheet]) -> dict[tuple[str, str, str], tuple[str, Any]]:
    """What stands in input cells, by sheet, name and field."""
    found: dict[tuple[str, str, str], tuple[str, Any]] = {}
    for key in (*OF_TABLE.values(), "statements"):
        sheet = sheets.get(key)
        if sheet is None:
            continue
        for row in sheet.iter_rows(min_row=HEAD + 2, max_col=FIGURE + 1):
            name, field, cell = row[0].value, row[FIGURE - 1].value, row[FIGURE]
            if name is None or field is None or str(field).startswith("="):
                continue
            at = f"{sheet.title}!{cell.coordinate}"
            if (key, str(name), str(field)) in found:
                raise PlanError(
                    "{at}: {name} {field} stands twice on this sheet; remove one of the rows",
                    at=at,
                    name=name,
                    field=field,
                )
            found[key, str(name), str(field)] = at, cell.value
    return found


def _value(
    cells: Mapping[tuple[str, str, str], tuple[str, Any]], one: Input, sheets: Mapping[str, Worksheet]
) -> tuple[str, float]:
    """The cell of a number, and what is in it.

    Raises:
        PlanError: there is no such row, or no number in it.
    """
    key = OF_TABLE.get(one.table, "statements")
    if (key, one.name or one.table, one.field) not in cells:
        said = sentence(
            "{title} has no row {known} {field}",
            title=sheets[key].title,
            known=one.name or one.table,
            field=one.field,
        )
        raise PlanError(
            "{said}; put it back, or change the model on the sheet {title}",
            said=said,
            title=sheets["model"].title,
        )
    at, value = cells[key, one.name or one.table, one.field]
    if value is None:
        raise PlanError(
            "{at} is empty; write the number of {known} {field}",
            at=at,
            known=one.name or one.table,
            field=one.field,
        )
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise PlanError("{at}: {value} is no number; write one such as 12 or 20%", at=at, value=value)
    try:
        return at, number(value)
    except PlanError as error:
        raise PlanError("{at}: {error}", at=at, error=error.said) from None


def _placed(one: Mistake, places: Mapping[int, str], model: str) -> Mistake:
    place = places.get(one.line) or f"{model}!A{TEXT + max(one.line, 1)}"
    return msgspec.structs.replace(one, place=place)
