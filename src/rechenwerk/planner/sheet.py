"""The lines of a plan while they are put together."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.drivers import Driver
from rechenwerk.planner.formulas import read_formula
from rechenwerk.planner.program import Line
from rechenwerk.planner.units import ONE, Unit, read_unit


class Origin(msgspec.Struct, frozen=True):
    """The number in the file that an input comes from.

    Args:
        table: such as 'contract'.
        name: of the row; empty where there is one table only.
        field: of the number.
        figure: as it stands there.
        per: (periods,) what the input is for each 1 of it.
    """

    table: str
    name: str
    field: str
    figure: float
    per: tuple[float, ...]


class Sheet:
    """Inputs and lines, by name, in the order in which people should read them.

    Args:
        axis: periods.
        currency: of all money.
        shown_in: unit of money, such as 'USD bn'.
    """

    def __init__(self, axis: Axis, currency: str, shown_in: str) -> None:
        self.axis = axis
        self.money = read_unit(shown_in)
        if self.money.powers != ((currency, 1),):
            raise PlanError(
                "shown_in is {shown_in!r}, which is not money in {currency}",
                shown_in=shown_in,
                currency=currency,
            )
        self.inputs: dict[str, Driver] = {}
        self.lines: dict[str, Line] = {}
        self.sources: dict[str, str] = {}
        self.titles: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}

    def put(
        self, name: str, values: Floats | Iterable[float], unit: Unit, *, title: str = "", source: str = ""
    ) -> str:
        """A figure that is known for every period, in base units."""
        path = tuple(np.broadcast_to(np.asarray(values, dtype=np.float64), (self.axis.count,)).tolist())
        return self.add_input(Driver(name, path, unit=unit), title=title, source=source)

    def scaled(
        self,
        name: str,
        at: tuple[str, str, str],
        figure: float,
        per: Floats | float,
        unit: Unit,
        *,
        title: str = "",
        source: str = "",
    ) -> str:
        """A number of the file, times what it means in each period.

        Args:
            name: of the input.
            at: table, row and field of the number.
            figure: the number.
            per: (periods,) or one for all; base units for each 1 of the number.
            unit: of the input.
            title: for people.
            source: of the number.
        """
        each = np.broadcast_to(np.asarray(per, dtype=np.float64), (self.axis.count,))
        self.origins[name] = Origin(*at, figure, tuple(each.tolist()))
        return self.put(name, figure * each, unit, title=title, source=source)

    def add_input(self, driver: Driver, *, title: str = "", source: str = "") -> str:
        """A driver."""
        self._new(driver.name)
        self.inputs[driver.name] = driver
        self.titles[driver.name] = title
        self.sources[driver.name] = source
        return driver.name

    def line(
        self,
        name: str,
        formula: str,
        unit: Unit | None = None,
        *,
        title: str = "",
        group: str = "",
        source: str = "",
    ) -> str:
        """A line with its formula; money unless a unit says otherwise."""
        self._new(name)
        self.lines[name] = Line(name, read_formula(formula), unit or self.money, title, group, source)
        return name

    def sum(self, name: str, parts: Iterable[str], *, title: str = "", group: str = "") -> str:
        """A line that adds others up; 0 without any."""
        return self.line(name, " + ".join(parts) or "0", title=title, group=group)

    def within(self, first: str, last: str) -> str:
        """A formula that is 1 from a period to another, both included; always where neither is said."""
        parts = [f'since("{first}")'] if first else []
        if last:
            behind = Axis.of(last, 2).name(1)
            parts.append(f'until("{behind}")')
        return " * ".join(parts) or "1"

    def at(self, period: str) -> str:
        """A formula that is 1 in the one period that a month or quarter lies in."""
        index = self.axis.index(period)
        return f'(since("{self.axis.name(index)}") - since("{self.axis.name(index + 1)}"))'

    def number(self, at: tuple[str, str, str], text: str, unit: Unit) -> str:
        """A figure of a table that may be a formula, or a number with its unit such as "3 USD/kWh"."""
        name = f"{at[1]}.{at[2]}"
        amount, _, rest = text.strip().partition(" ")
        try:
            value = float(amount.replace("_", ""))
        except ValueError:
            return self.line(name, text, unit)
        given = read_unit(rest) if rest else ONE
        if given.powers != unit.powers:
            raise PlanError("{name} is {text!r}; it must be in {unit}", name=name, text=text, unit=unit)
        return self.scaled(name, at, value, given.scale, unit)

    def _new(self, name: str) -> None:
        if name in self.inputs or name in self.lines:
            raise PlanError("{name!r} stands twice; rename one of them", name=name)
