"""A plan calculated again, one path and one period at a time: the second book of the planner."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rechenwerk.planner.axis import Axis
from rechenwerk.planner.engine import Program
from rechenwerk.planner.formulas import Apply, Formula, Name, Number, Text


def plainly(program: Program, inputs: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Every line of one path, period by period, by looking up what each formula names."""
    book = _Book(program, inputs)
    for period in range(program.axis.count):
        for name in program.lines:
            book.value(name, period)
    return {name: [float(one or 0.0) for one in values] for name, values in book.found.items()}


class _Book:
    def __init__(self, program: Program, inputs: Mapping[str, Sequence[float]]) -> None:
        self.axis = program.axis
        self.formulas = {name: line.formula for name, line in program.lines.items()}
        self.found: dict[str, list[float | None]] = {name: list(values) for name, values in inputs.items()}
        self.found |= {name: [None] * self.axis.count for name in self.formulas}

    def value(self, name: str, period: int) -> float:
        known = self.found[name][period]
        if known is None:
            known = self.found[name][period] = self.of(self.formulas[name], period)
        return known

    def of(self, formula: Formula, period: int) -> float:
        if isinstance(formula, Number):
            return formula.value
        if isinstance(formula, Name):
            return self.value(formula.name, period)
        assert isinstance(formula, Apply)
        if formula.what in {"prev", "past", "total", "year"}:
            return self.of_others(formula.what, formula.arguments, period)
        if formula.what == "if":
            condition, then, other = formula.arguments
            return self.of(then if self.of(condition, period) else other, period)
        if formula.what in {"since", "until", "period", "length"}:
            return self.of_calendar(formula, period)
        return _operate(formula.what, [self.of(one, period) for one in formula.arguments])

    def of_others(self, what: str, arguments: Sequence[Formula], period: int) -> float:
        inner, *rest = arguments
        if what == "prev":
            return self.of(inner, period - 1) if period else (self.of(rest[0], 0) if rest else 0.0)
        if what == "past":
            assert isinstance(rest[0], Number)
            return self.of(inner, period - int(rest[0].value)) if period >= rest[0].value else 0.0
        start = period if what == "year" else 0
        while what == "year" and start and not self.axis.new_year[start]:
            start -= 1
        return sum(self.of(inner, one) for one in range(start, period + 1))

    def of_calendar(self, formula: Apply, period: int) -> float:
        if formula.what in {"since", "until"}:
            month = formula.arguments[0]
            assert isinstance(month, Text)
            return float((period >= self.axis.index(month.value)) == (formula.what == "since"))
        return float(period) if formula.what == "period" else self.axis.length


_OPERATORS: Mapping[str, Callable[..., float]] = MappingProxyType(
    {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "^": operator.pow,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "=": operator.eq,
        "<>": operator.ne,
        "min": min,
        "max": max,
        "abs": abs,
        "exp": math.exp,
        "log": math.log,
    }
)


def _operate(what: str, a: list[float]) -> float:
    if what == "/":
        return a[0] / a[1] if a[1] else 0.0
    return float(_OPERATORS[what](*a))


def axis(starts: str = "2026-01", count: int = 12) -> Axis:
    """Twelve months unless said otherwise."""
    return Axis.of(starts, count)
