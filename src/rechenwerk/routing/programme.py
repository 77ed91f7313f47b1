"""Linear programmes as HiGHS takes them (Huangfu and Hall 2018), built column by column."""

from __future__ import annotations

from operator import mul
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.supply import Vector

Array = NDArray[np.float64]

INFINITE = float(highspy.kHighsInf)


def dot(left: Vector, right: Vector) -> float:
    """Weights times usage."""
    total: float = sum(map(mul, left, right))
    return total


class Columns:
    """A programme as it grows: rows first, then columns with what they put into rows; all at least 0."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.starts = [0]
        self.index: list[int] = []
        self.value: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def row(self, low: float, high: float) -> int:
        """A new row between two bounds; its number."""
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def column(self, cost: float, entries: list[tuple[int, float]], upper: float = INFINITE) -> int:
        """A new column with (row, value) entries; its number."""
        self.cost.append(cost)
        self.upper.append(upper)
        for row, value in entries:
            if value:
                self.index.append(row)
                self.value.append(value)
        self.starts.append(len(self.index))
        return len(self.cost) - 1


class Quiet(highspy.Highs):
    """HiGHS greets on standard output when callbacks are set up, unless it was told to be quiet before."""

    def enableCallbacks(self) -> None:  # noqa: N802 - HiGHS' name
        """Be quiet first."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


class Programme:
    """A model in a solver of its own, quiet and on one thread; solved again it starts from where it was.

    Costs are handed over as multiples of their largest, rows as multiples of their largest entry, bounds as
    multiples of the largest that must be reached: caps may be counted in tokens beside volumes in millions,
    a token costs a millionth of a currency unit, and the solver takes a difference of 1e-7 for none.
    """

    def __init__(self) -> None:
        self._cost = self._size = 1.0
        # HiGHS' Python types are incomplete.
        self._highs: Any = Quiet()  # type: ignore[no-untyped-call]
        for name, value in (
            ("output_flag", False),
            ("log_to_console", False),
            ("threads", 1),
            ("presolve", "off"),
            ("solver", "simplex"),
        ):
            self._highs.setOptionValue(name, value)
        self._columns = np.zeros(0, dtype=np.int32)
        self._rows = np.zeros(0, dtype=np.int32)
        self._factors = np.zeros(0)

    def load(self, parts: Columns) -> None:
        """Replace the model."""
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(parts.cost), len(parts.low)
        self._cost = _largest(np.array(parts.cost))
        index, value = np.array(parts.index, dtype=np.int32), np.array(parts.value)
        self._factors = _factors(len(parts.low), index, value)
        low, high = np.array(parts.low) * self._factors, np.array(parts.high) * self._factors
        self._size = _size(low, high)
        lp.col_cost_ = np.array(parts.cost) / self._cost
        lp.col_lower_ = np.zeros(len(parts.cost))
        lp.col_upper_ = np.array(parts.upper) / self._size
        lp.row_lower_, lp.row_upper_ = low / self._size, high / self._size
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.array(parts.starts, dtype=np.int32)
        lp.a_matrix_.index_ = index
        lp.a_matrix_.value_ = value * self._factors[index]
        self._highs.passModel(lp)
        self._columns = np.arange(len(parts.cost), dtype=np.int32)
        self._rows = np.arange(len(parts.low), dtype=np.int32)
        self._zeros = np.zeros(len(parts.cost))

    def columns(self, cost: Array, upper: Array) -> None:
        """Change all columns' costs, and upper bounds, which are nothing or no bound at all."""
        if len(self._columns):
            self._cost = _largest(cost)
            self._highs.changeColsCost(len(cost), self._columns, cost / self._cost)
            self._highs.changeColsBounds(len(cost), self._columns, self._zeros, upper)

    def rows(self, low: Array, high: Array, which: NDArray[np.int32] | None = None) -> None:
        """Change rows' bounds: all, or those."""
        factors = self._factors if which is None else self._factors[which]
        low, high = low * factors, high * factors
        if which is None:
            which = self._rows
            self._size = _size(low, high)
        if len(low):
            self._highs.changeRowsBounds(len(low), which, low / self._size, high / self._size)

    def solve(self) -> tuple[float, Array, Array]:
        """Least cost, columns' values, rows' duals (by how much cost rises with a bound)."""
        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            # A basis from another time may be in the way: once more from the beginning.
            self._highs.clearSolver()
            self._highs.run()
        solution = self._highs.getSolution()
        objective = float(self._highs.getInfo().objective_function_value)
        # What is below nothing by less than the solver's tolerance is nothing.
        values = np.maximum(np.array(solution.col_value) * self._size, 0.0)
        duals = np.array(solution.row_dual) * self._cost * self._factors
        return objective * self._cost * self._size, values, duals


def _factors(rows: int, index: NDArray[np.int32], value: Array) -> Array:
    """One over the largest entry of each row; 1 where a row has none."""
    top = np.zeros(rows)
    np.maximum.at(top, index, np.abs(value))
    return np.asarray(1.0 / np.where(top > 0, top, 1.0))


def _size(low: Array, high: Array) -> float:
    """The largest amount that must be reached; where nothing must be, the largest that may."""
    must = float(low[np.isfinite(low)].max(initial=0.0))
    return must if must > 0 else _largest(high)


def _largest(*series: Array) -> float:
    """The largest finite number, without its sign; 1 where there is none."""
    found = [np.abs(one[np.isfinite(one)]).max(initial=0.0) for one in series]
    return float(max(found)) or 1.0
