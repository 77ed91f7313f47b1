"""A plan's formulas as those of a workbook: every line a row, every period a column.

What looks back reads the cell further left, sums are sums of ranges, and what depends on the calendar only is
the number that it is in that period. Formulas hold for Excel and LibreOffice alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rechenwerk.planner.axis import Axis
from rechenwerk.planner.formulas import Apply, Formula, Name, Number
from rechenwerk.planner.tape import calendar

Cell = Callable[[str, int], str]
"""The address of a line or an input in a period."""
Range = Callable[[Formula, int, int], str]
"""The address of a formula's row between two periods; rows are made for formulas that are no lines."""
_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {"min": "MIN", "max": "MAX", "abs": "ABS", "exp": "EXP", "log": "LN"}
)
_COMPARES = frozenset({"<", "<=", ">", ">=", "=", "<>"})


class Translator:
    """Writes formulas for single cells.

    Args:
        axis: periods.
        cell: where a line stands.
        row: where the row of a formula stands.
    """

    def __init__(self, axis: Axis, cell: Cell, row: Range) -> None:
        self._axis = axis
        self._cell = cell
        self._row = row
        starts = [at for at, new in enumerate(axis.new_year) if new]
        self._year = [max((one for one in starts if one <= at), default=0) for at in range(axis.count)]

    def text(self, formula: Formula, at: int) -> str:
        """The formula of one period, without the equals sign."""
        match formula:
            case Number(value):
                return plain(value)
            case Name(name):
                return self._cell(name, at)
            case Apply("prev" | "past" | "total" | "year", _):
                return self._earlier(formula, at)
            case Apply("since" | "until" | "period" | "length", _):
                given = calendar(formula, self._axis)
                return plain(given if isinstance(given, float) else float(given[at]))
            case Apply("if", (condition, then, other)):
                return f"IF({self.text(condition, at)}<>0,{self.text(then, at)},{self.text(other, at)})"
            case Apply(what, arguments) if what in _FUNCTIONS:
                return f"{_FUNCTIONS[what]}({','.join(self.text(one, at) for one in arguments)})"
            case Apply(what, (left, right)):
                return self._operator(what, left, right, at)
        raise AssertionError(formula)

    def _earlier(self, formula: Apply, at: int) -> str:
        """What earlier periods are looked at for."""
        inner, *rest = formula.arguments
        if formula.what in {"total", "year"}:
            return f"SUM({self._row(inner, 0 if formula.what == 'total' else self._year[at], at)})"
        by = int(rest[0].value) if formula.what == "past" and isinstance(rest[0], Number) else 1
        if at >= by:
            return self._inner(inner, at - by)
        return self._inner(rest[0], 0) if formula.what == "prev" and rest else "0"

    def _operator(self, what: str, left: Formula, right: Formula, at: int) -> str:
        if what in {"+", "-"}:  # sums of many lines need no brackets, of which a workbook allows few
            return f"{self.text(left, at)}{what}{self._inner(right, at)}"
        one, other = self._inner(left, at), self._inner(right, at)
        if what == "/":
            return f"IF({other}=0,0,{one}/{other})"
        if what == "^":
            return f"POWER({one},{other})"
        if what == "*" and "1" in {one, other}:
            return other if one == "1" else one
        return f"({one}{what}{other})*1" if what in _COMPARES else f"{one}{what}{other}"

    def _inner(self, formula: Formula, at: int) -> str:
        """In brackets where an operator stands in it."""
        text = self.text(formula, at)
        bare = isinstance(formula, Name | Number) and not text.startswith("-")
        closed = isinstance(formula, Apply) and formula.what in {*_FUNCTIONS, "total", "year", "if", "/", "^"}
        return text if bare or closed or text.replace(".", "").isdigit() else f"({text})"


def plain(value: float) -> str:
    """A number as a formula takes it."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value).upper()
