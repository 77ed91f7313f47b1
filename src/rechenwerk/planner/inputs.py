"""The numbers of a plan's file that people change: which they are, and how to put others in their place.

An input of the program is made of such numbers: of its value and its growth, of the points of its course, of
a contract's total times the part that falls into a period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from rechenwerk.planner.numbers import number
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.tables import DriverTable, OpeningTable, Written
from rechenwerk.planner.told import Told

_SHARES = frozenset({"growth", "spread", "tax", "loss_use", "part", "discount"})


class Input(msgspec.Struct, frozen=True):
    """A number of the file.

    Args:
        table: such as 'contract'.
        name: of the row; empty where there is one table only.
        field: of the number, or a period of a driver's course.
        value: as written.
        unit: as written; empty where it has none.
        told: the row's source, date and status.
    """

    table: str
    name: str
    field: str
    value: float
    unit: str
    told: Told

    @property
    def key(self) -> tuple[str, str, str]:
        """Which number it is."""
        return self.table, self.name, self.field

    @property
    def share(self) -> bool:
        """Whether people write it with %."""
        return self.field in _SHARES or self.field.startswith("interest")


def inputs(plan: Plan) -> tuple[Input, ...]:
    """All numbers that a plan's inputs are made of, in the order of its file."""
    found = {one.key: one for driver in plan.written.drivers for one in _of_driver(driver)}
    rows: dict[tuple[str, str], Any] = {("contract", one.name): one for one in plan.written.contracts}
    rows |= {("funding", one.name): one for one in plan.written.funding}
    rows |= {("opening", ""): plan.written.opening, ("policy", ""): plan.written.policy}
    for origin in plan.origins.values():
        row = rows.get((origin.table, origin.name))
        if row is not None:
            told = row if isinstance(row, Told) else Told()
            unit = _unit(row, origin.field)
            one = Input(origin.table, origin.name, origin.field, origin.figure, unit, told)
            found.setdefault(one.key, one)
    return tuple(found.values())


def _of_driver(one: DriverTable) -> Iterator[Input]:
    if one.value is not None:
        yield Input("driver", one.name, "value", number(one.value), one.unit, one)
    for period, value in one.path.items():
        yield Input("driver", one.name, period, number(value), one.unit, one)
    yield Input("driver", one.name, "growth", number(one.growth), "", one)
    if one.noise != "none":
        yield Input("driver", one.name, "spread", number(one.spread), "", one)


def _unit(row: Any, field: str) -> str:
    written = getattr(row, field)
    if isinstance(written, str) and " " in written.strip():
        return written.strip().partition(" ")[2]
    in_money = isinstance(row, OpeningTable) or field in {"total", "amount"}
    return str(row.unit) if in_money else ""


def put_in(raw: dict[str, Any], written: Written, scenario: str, one: Input, value: float) -> tuple[Any, ...]:
    """Put another number in the place of one of a file's.

    Args:
        raw: tables as they stand in the file; changed.
        written: of the same file.
        scenario: that the plan is in; what it says of a driver is changed there.
        one: the number.
        value: that takes its place.

    Returns:
        the path in the file.
    """
    if one.table in {"opening", "policy"}:
        raw.setdefault(one.table, {})[one.field] = value
        return one.table, one.field
    kept: tuple[Any, ...] = {
        "driver": written.drivers,
        "contract": written.contracts,
        "funding": written.funding,
    }[one.table]
    at = [row.name for row in kept].index(one.name)
    row: dict[str, Any] = raw[one.table][at]
    path: tuple[Any, ...] = (one.table, at)
    if one.table == "driver":
        row, path = _in_scenario(raw, written, scenario, one, row, path)
        if one.field not in {"value", "growth", "spread"}:
            row, path = row["path"], (*path, "path")
    in_words = isinstance(getattr(kept[at], one.field, None), str)
    row[one.field] = f"{value!r} {one.unit}".strip() if in_words else value
    return (*path, one.field)


def _in_scenario(
    raw: Mapping[str, Any],
    written: Written,
    scenario: str,
    one: Input,
    row: dict[str, Any],
    path: tuple[Any, ...],
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Where a scenario says it, else the driver's own row."""
    field = one.field if one.field in {"value", "growth", "spread"} else "path"
    for index, each in enumerate(written.scenarios):
        if each.name == scenario and field in each.driver.get(one.name, {}):
            changed = raw["scenario"][index]["driver"][one.name]
            return changed, ("scenario", index, "driver", one.name)
    return row, path
