"""A plan as a workbook that calculates: every line a row of formulas, every number of the file a cell.

Drivers, lines, contracts, funding, statements and checks have a sheet each; what is an input is one cell,
which formulas refer to. The values that formulas have are kept beside them for readers that do not
calculate. The last sheet holds the model's text, so that `workbook_reading` makes the plan again, with what
was changed in cells.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import xlsxwriter
from xlsxwriter.utility import quote_sheetname, xl_rowcol_to_cell

from rechenwerk.planner.axis import Axis
from rechenwerk.planner.cells import Translator, plain
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.drivers import Driver
from rechenwerk.planner.engine import Line, Values, calculate, order
from rechenwerk.planner.formulas import Apply, Formula, Name, show
from rechenwerk.planner.inputs import Input, inputs
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.reading import points
from rechenwerk.planner.running import known
from rechenwerk.planner.source import Source
from rechenwerk.planner.tables import DriverTable
from rechenwerk.planner.units import read_unit
from rechenwerk.planner.workbook_words import SHEETS, Language, line_title, word

HEAD, FIRST = 2, 5
"""The row of the heads, and the column of the first period."""
FIGURE = 4
"""The column of inputs."""
TEXT = 5
"""The first row of the model's text."""
OF_TABLE: Mapping[str, str] = MappingProxyType(
    {"driver": "drivers", "contract": "contracts", "funding": "funding"}
)
"""The sheets of a file's tables; what has no sheet of its own stands on that of the statements."""
_WIDTHS = (30, 34, 20, 44, 16)


class _Row(msgspec.Struct, frozen=True):
    """A row of a sheet: an input's cell, or a line or an input by period."""

    name: str
    title: str
    unit: str
    said: str
    number: Input | None = None
    formula: Formula | None = None
    driver: Driver | None = None


def workbook(plan: Plan, source: Source, language: Language = "en") -> bytes:
    """The workbook of a plan's base case.

    Args:
        plan: as built.
        source: that it was read from.
        language: of what is written for people.
    """
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False})
    _Writer(book, plan, source, language).write()
    book.close()
    return buffer.getvalue()


def sheet_of(plan: Plan, name: str) -> str:
    """The sheet that a line or an input stands on."""
    owner = name.split(".", maxsplit=1)[0]
    if owner in {one.name for one in plan.written.drivers}:
        return "drivers"
    if owner in {one.name for one in plan.written.contracts} or owner == "unserved":
        return "contracts"
    if owner in {one.name for one in plan.written.funding}:
        return "funding"
    if owner == "check":
        return "checks"
    return "lines" if owner in {one.name for one in plan.written.lines} else "statements"


class _Writer:
    def __init__(self, book: Any, plan: Plan, source: Source, language: Language) -> None:
        self._book, self._plan, self._source, self._language = book, plan, source, language
        self._axis: Axis = plan.axis
        self._helpers: dict[Formula, str] = {}
        self._rows: dict[str, list[_Row]] = {name: [] for name in SHEETS}
        self._places: dict[str, tuple[str, int]] = {}
        self._figures: dict[tuple[str, str, str], str] = {}
        self._translator = Translator(plan.axis, self._cell, self._range)
        self._drivers = {one.name: one for one in plan.written.drivers}
        self._lay_out()
        parts = [Line(name, formula) for formula, name in self._helpers.items()]
        program = order(plan.axis, plan.inputs, [*plan.lines.values(), *parts])
        self._values: Values = calculate(program, known(plan, {}))
        money = f"#,##0.00{',' * (round(np.log10(plan.money.scale)) // 3)};[Red]-#,##0.00"
        money += "," * (round(np.log10(plan.money.scale)) // 3)
        self._money = book.add_format({"num_format": money})
        self._plain = book.add_format({"num_format": "#,##0.######"})
        self._zero = book.add_format({"num_format": "0.00"})
        grey = {"font_color": "#808080"}
        self._fixed = book.add_format({"num_format": "#,##0.######", **grey})
        self._fixed_money = book.add_format({"num_format": money, **grey})
        put = {"font_color": "#0000FF", "bg_color": "#FFFBE0", "border": 1, "border_color": "#D8D2B0"}
        self._input = book.add_format({**put, "num_format": "#,##0.########"})
        self._share = book.add_format({**put, "num_format": "0.0###%"})
        self._head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "bottom": 1})
        self._title = book.add_format({"bold": True, "font_size": 16, "font_color": "#17507A"})
        self._bold = book.add_format({"bold": True})
        self._wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self._code = book.add_format({"font_name": "Courier New", "font_size": 9, **grey})

    def write(self) -> None:
        """All sheets, in their order."""
        pages = {name: self._book.add_worksheet(self._word(name)) for name in SHEETS}
        self._cover(pages["cover"])
        for name in SHEETS[1:7]:
            self._periods(name, pages[name])
        self._sources(pages["sources"])
        self._model(pages["model"])

    def _word(self, name: str) -> str:
        return word(name, self._language)

    # Where everything stands

    def _lay_out(self) -> None:
        """The rows of every sheet: numbers of the file above the courses that are made of them."""
        plan = self._plan
        numbers: dict[tuple[str, str], list[Input]] = {}
        for one in inputs(plan):
            numbers.setdefault((one.table, one.name), []).append(one)
        for (table, name), ones in numbers.items():
            rows = self._rows[OF_TABLE.get(table, "statements")]
            rows += [_Row(name or table, "", one.unit, one.field, number=one) for one in ones]
        for name, driver in plan.inputs.items():
            unit, title = self._unit(driver.unit.powers, str(driver.unit)), plan.titles.get(name, "")
            self._rows[sheet_of(plan, name)].append(_Row(name, title, unit, "", driver=driver))
        for line in plan.lines.values():
            self._line(line.name, line.formula, line.title, self._unit(line.unit.powers, str(line.unit)))
        for name, rows in self._rows.items():
            for at, row in enumerate(rows, HEAD + 1):
                if row.number is not None:
                    self._figures[row.number.key] = self._address(name, at, FIGURE, fixed=True)
                else:
                    self._places[row.name] = name, at

    def _line(self, name: str, formula: Formula, title: str, unit: str) -> None:
        """A row of a line, behind rows for what is summed in it and has no name."""
        for inner in _summed(formula):
            if not isinstance(inner, Name) and inner not in self._helpers:
                self._helpers[inner] = f"{name}#{len(self._helpers) + 1}"
                self._line(self._helpers[inner], inner, "", "")
        title = line_title(name, title, self._language)
        self._rows[sheet_of(self._plan, name)].append(
            _Row(name, title, unit, "= " + show(formula), formula=formula)
        )

    def _unit(self, powers: tuple[tuple[str, int], ...], text: str) -> str:
        return self._plan.written.head.shown_in if powers == self._plan.money.powers else text

    def _address(self, sheet: str, row: int, column: int, *, fixed: bool = False) -> str:
        cell = xl_rowcol_to_cell(row, column, row_abs=fixed, col_abs=fixed)
        return f"{quote_sheetname(self._word(sheet))}!{cell}"

    def _cell(self, name: str, at: int) -> str:
        sheet, row = self._places[name]
        return self._address(sheet, row, FIRST + at)

    def _range(self, formula: Formula, first: int, last: int) -> str:
        name = formula.name if isinstance(formula, Name) else self._helpers[formula]
        sheet, row = self._places[name]
        return f"{self._address(sheet, row, FIRST + first)}:{xl_rowcol_to_cell(row, FIRST + last)}"

    # Sheets of periods

    def _periods(self, name: str, page: Any) -> None:
        heads = [self._word(one) for one in ("name", "title", "unit", "formula", "figure")]
        page.write_string(0, 0, self._word(name), self._title)
        for column, head in enumerate([*heads, *self._axis.names]):
            page.write_string(HEAD, column, head, self._head)
        page.freeze_panes(HEAD + 1, FIRST)
        for column, width in enumerate(_WIDTHS):
            page.set_column(column, column, width)
        page.set_column(FIRST, FIRST + self._axis.count, 14)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(HEAD)
        for at, row in enumerate(self._rows[name], HEAD + 1):
            for column, text in enumerate((row.name, row.title, row.unit, row.said)):
                _say(page, at, column, text, self._code if column == 3 and row.number is None else None)
            if row.number is not None:
                page.write_number(
                    at, FIGURE, row.number.value, self._share if row.number.share else self._input
                )
            elif row.driver is not None:
                self._course(page, at, row.driver)
            elif row.formula is not None:
                self._formulas(page, at, row)

    def _formulas(self, page: Any, at: int, row: _Row) -> None:
        assert row.formula is not None
        values = self._values[row.name][:, 0]
        look = self._zero if row.name.startswith("check.") else self._look(row.unit)
        for period in range(self._axis.count):
            text = self._translator.text(row.formula, period)
            page.write_formula(at, FIRST + period, f"={text}", look, float(values[period]))

    def _look(self, unit: str, *, fixed: bool = False) -> Any:
        if unit == self._plan.written.head.shown_in:
            return self._fixed_money if fixed else self._money
        return self._fixed if fixed else self._plain

    def _course(self, page: Any, at: int, driver: Driver) -> None:
        """An input by period: from the file's numbers where it is made of such, else as a figure."""
        unit = self._unit(driver.unit.powers, str(driver.unit))
        made = self._made(driver)
        for period, (text, value) in enumerate(zip(made, driver.path, strict=True)):
            if text:
                page.write_formula(at, FIRST + period, f"={text}", self._look(unit), value)
            else:
                page.write_number(at, FIRST + period, value, self._look(unit, fixed=True))

    def _made(self, driver: Driver) -> Sequence[str]:
        table = self._drivers.get(driver.name)
        if table is not None:
            return list(self._driven(table, np.asarray(driver.path)))
        origin = self._plan.origins.get(driver.name)
        if origin is None:
            return [""] * self._axis.count
        cell = self._figures[origin.table, origin.name, origin.field]
        found = []
        for per, value in zip(origin.per, driver.path, strict=True):
            each = per if origin.figure * per == value or not origin.figure else value / origin.figure
            found.append("0" if not each else _times(cell, each))
        return found

    def _driven(self, one: DriverTable, path: Floats) -> Iterator[str]:
        """A driver's formulas: `value` that grows, or points and what lies between them."""
        scale = read_unit(one.unit).scale
        plainly = points(one, self._axis) * scale
        factors = np.divide(path, plainly, out=np.ones_like(path), where=plainly != 0)
        months = self._axis.first + self._axis.months * np.arange(self._axis.count)
        growth = self._figures["driver", one.name, "growth"]
        for month, factor in zip(months.tolist(), factors.tolist(), strict=True):
            exact = 1.0 if abs(factor - 1) < 1e-12 else factor
            if one.value is not None:
                years = month - self._axis.first
                grown = f"{self._figures['driver', one.name, 'value']}*(1+{growth})^({years}/12)"
            else:
                grown = self._between(one, month, growth)
            yield _times(grown, scale * exact)

    def _between(self, one: DriverTable, month: int, growth: str) -> str:
        at = [Axis.of(period, 1).first for period in one.path]
        cells = [self._figures["driver", one.name, period] for period in one.path]
        before = max(sum(each <= month for each in at) - 1, 0)
        if one.shape == "steps" or month <= at[0]:
            return cells[before]
        if month >= at[-1]:
            return f"{cells[-1]}*(1+{growth})^({month - at[-1]}/12)"
        left, right = cells[before], cells[before + 1]
        part = f"{month - at[before]}/{at[before + 1] - at[before]}"
        if one.shape == "linear":
            return f"({left}+({right}-{left})*{part})"
        return f"{left}*({right}/{left})^({part})"

    # Sheets of words

    def _cover(self, page: Any) -> None:
        plan, head = self._plan, self._plan.written.head
        page.set_column(0, 0, 44)
        page.set_column(1, 1, 90)
        page.hide_gridlines(2)
        page.write_string(0, 0, head.title, self._title)
        last = self._axis.name(self._axis.count - 1)
        facts = (
            ("scenario", self._source.scenario or self._word("as_written")),
            ("currency", head.currency),
            ("shown_in", head.shown_in),
            ("periods", f"{self._axis.name(0)} - {last}"),
        )
        for at, (name, value) in enumerate(facts, 2):
            page.write_string(at, 0, self._word(name), self._bold)
            page.write_string(at, 1, value)
        checks = [name for name in plan.lines if name.startswith("check.")]
        ranges = [self._range(Name(name), 0, self._axis.count - 1) for name in checks]
        parts = ",".join(f"MAX({one}),-MIN({one})" for one in ranges)
        largest = max(float(np.abs(self._values[name]).max()) for name in checks)
        page.write_string(7, 0, self._word("deviation"), self._bold)
        page.write_formula(7, 1, f"=MAX({parts})", self._zero, largest)
        for at, name in enumerate(("about", "cells", "back"), 9):
            page.merge_range(at, 0, at, 1, self._word(name), self._wrap)
            page.set_row(at, 32)
        page.write_string(13, 0, self._word("sheet"), self._head)
        page.write_string(13, 1, self._word("holds"), self._head)
        for at, name in enumerate(SHEETS[1:], 14):
            page.write_url(at, 0, f"internal:{quote_sheetname(self._word(name))}!A1", string=self._word(name))
            page.write_string(at, 1, self._word(f"holds_{name}"))

    def _sources(self, page: Any) -> None:
        heads = ("table", "name", "formula", "figure", "unit", "source", "date", "status")
        page.write_string(0, 0, self._word("sources"), self._title)
        for column, (head, width) in enumerate(zip(heads, (14, 24, 28, 14, 22, 60, 14, 18), strict=True)):
            page.write_string(HEAD, column, self._word(head), self._head)
            page.set_column(column, column, width)
        page.freeze_panes(HEAD + 1, 2)
        rows: list[tuple[str, ...]] = [
            (one.table, one.name, one.field, "", one.unit, one.told.source, one.told.date, one.told.status)
            for one in inputs(self._plan)
        ]
        numbers = list(inputs(self._plan))
        rows += [
            ("line", one.name, one.formula, "", one.unit, one.source, one.date, one.status)
            for one in self._plan.written.lines
        ]
        for at, row in enumerate(rows, HEAD + 1):
            for column, text in enumerate(row):
                _say(page, at, column, text)
            if at - HEAD - 1 < len(numbers):
                number = numbers[at - HEAD - 1]
                page.write_formula(at, 3, f"={self._figures[number.key]}", self._plain, number.value)

    def _model(self, page: Any) -> None:
        page.write_string(0, 0, self._word("model"), self._title)
        page.set_column(0, 0, 120)
        for at, (name, value) in enumerate(
            (("format", self._source.format), ("scenario", self._source.scenario)), 1
        ):
            page.write_string(at, 0, f"{self._word(name)}: {value}", self._bold)
        for at, text in enumerate(self._source.text.splitlines(), TEXT):
            _say(page, at, 0, text, self._code)


def _say(page: Any, row: int, column: int, text: str, look: Any = None) -> None:
    """Write a text; nothing is no cell."""
    if text:
        page.write_string(row, column, text, look)


def _times(cell: str, factor: float) -> str:
    return cell if factor == 1 else f"{cell}*{plain(factor)}"


def _summed(formula: Formula) -> Iterator[Formula]:
    """What is summed over periods in a formula, the innermost first."""
    if isinstance(formula, Apply):
        for one in formula.arguments:
            yield from _summed(one)
        if formula.what in {"total", "year"}:
            yield formula.arguments[0]
