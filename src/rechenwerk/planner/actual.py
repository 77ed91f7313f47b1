"""Plan against actual: by month, and what volume, mix and price made different.

Within models that count the same units (tokens, or calls), of revenue and of cost:

    volume = (Q - q) * p        all units, at the planned average price
    mix    = sum Q * (S - s) p  other shares of dearer and cheaper models, at planned prices
    price  = sum Q (P - p)      other prices, at actual volumes

small letters planned, great ones actual; the three add up to the deviation. What the plan does not know
stands apart as not planned. Costs are compared at list rates, as the plan's drivers have them: what contracts
make of them is no deviation of price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.book_series import Books, Sold, sold
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.plans import Plan

Places = NDArray[np.intp]
PARTS = ("volume", "mix", "price", "not planned")


class Deviation(msgspec.Struct, frozen=True):
    """A month's plan and actual, and what lies between them.

    Args:
        month: such as 2027-03; of one model in all months its name.
        planned, actual: in currency.
        parts: by `PARTS`, which add up to actual less planned.
    """

    month: str
    planned: float
    actual: float
    parts: Mapping[str, float]

    @property
    def deviation(self) -> float:
        """Actual less planned."""
        return self.actual - self.planned


class Compared(msgspec.Struct, frozen=True):
    """All months of a plan that are over.

    Args:
        months: that are compared.
        revenue, cost: by month.
        models: revenue of each model over all of them.
    """

    months: tuple[str, ...]
    revenue: tuple[Deviation, ...]
    cost: tuple[Deviation, ...]
    models: tuple[Deviation, ...]


class _Both(msgspec.Struct, frozen=True):
    """A model's units and prices by month, planned and actual; (months,) each."""

    model: str
    unit: str
    planned: Floats
    planned_price: Floats
    actual: Floats
    actual_price: Floats
    known: bool


def planned_months(plan: Plan, last: str) -> tuple[str, ...]:
    """Months of a plan that are over.

    Args:
        plan: by months.
        last: month that is over.

    Raises:
        PlanError: the plan is by quarters, none of it is over, or no driver names its books.
    """
    if plan.axis.months != 1:
        raise PlanError('the plan is by quarters; write starts = "2027-01" to compare it month by month')
    if not any(one.books for one in plan.written.drivers):
        fix = 'write books = "volume:MODEL", or begin with plan from-books'
        raise PlanError("no driver of the plan names its books; {fix}", fix=fix)
    over = tuple(name for name in plan.axis.names if name <= last)
    if not over:
        raise PlanError(
            "the plan begins with {period}: none of its months is over; wait for its end",
            period=plan.axis.name(0),
        )
    return over


def compare(plan: Plan, values: Values, books: Books) -> Compared:
    """The months that `books` tell against a plan's base case."""
    actual = {one.model: one for one in sold(books)}
    drivers = {one.books: one.name for one in plan.written.drivers if one.books}
    models = dict.fromkeys([*(key.partition(":")[2] for key in drivers), *actual])
    at = np.asarray([plan.axis.index(month) for month in books.months])
    revenue: list[_Both] = []
    cost: list[_Both] = []
    for model in models:
        planned = _planned(values, drivers, model, at)
        there = actual.get(model)
        unit = there.unit if there else "million tokens"
        scale = _scale(there)
        zero = np.zeros(len(at))
        volume = planned("volume") / scale / 12
        paid, listed = (there.price, there.cost) if there else (zero, zero)
        for rows, key, price in ((revenue, "price", paid), (cost, "cost", listed)):
            rows.append(
                _Both(
                    model,
                    unit,
                    volume,
                    planned(key) * scale,
                    there.volume if there else zero,
                    price,
                    f"volume:{model}" in drivers,
                )
            )
    return Compared(
        books.months,
        tuple(_month(month, index, revenue) for index, month in enumerate(books.months)),
        tuple(_month(month, index, cost) for index, month in enumerate(books.months)),
        tuple(_whole(one) for one in revenue),
    )


def _scale(there: Sold | None) -> float:
    """Base units of a unit of volume."""
    return 1.0 if there is not None and there.unit == "calls" else 1e6


def _planned(values: Values, drivers: Mapping[str, str], model: str, at: Places) -> Callable[[str], Floats]:
    """Tells what the plan says of a model's volume, price or cost, (months,) in base units."""

    def told(what: str) -> Floats:
        name = drivers.get(f"{what}:{model}")
        if name is None:
            return np.zeros(len(at))
        found: Floats = values[name][at, 0]
        return found

    return told


def _month(month: str, index: int, rows: Sequence[_Both]) -> Deviation:
    parts = dict.fromkeys(PARTS, 0.0)
    for unit in dict.fromkeys(one.unit for one in rows):
        alike = [one for one in rows if one.unit == unit and one.known]
        for name, effect in _effects(index, alike).items():
            parts[name] += effect
    parts["not planned"] = sum(_worth(one, index) for one in rows if not one.known)
    planned = sum(float(one.planned[index] * one.planned_price[index]) for one in rows)
    actual = sum(_worth(one, index) for one in rows)
    return Deviation(month, planned, actual, parts)


def _worth(one: _Both, index: int) -> float:
    return float(one.actual[index] * one.actual_price[index])


def _effects(index: int, rows: Sequence[_Both]) -> dict[str, float]:
    """Volume, mix and price of models with one unit."""
    old = np.asarray([one.planned[index] for one in rows])
    new = np.asarray([one.actual[index] for one in rows])
    before = np.asarray([one.planned_price[index] for one in rows])
    after = np.asarray([one.actual_price[index] for one in rows])
    price = float((new * (after - before)).sum())
    if not old.sum():
        return {"volume": float((new * before).sum()), "mix": 0.0, "price": price}
    average = float((old * before).sum() / old.sum())
    volume = float(new.sum() - old.sum()) * average
    mix = float((new * before).sum()) - float(new.sum()) * average
    return {"volume": volume, "mix": mix, "price": price}


def _whole(one: _Both) -> Deviation:
    """A model over all months: its volume at planned prices, and its prices at actual volumes."""
    planned = float((one.planned * one.planned_price).sum())
    actual = float((one.actual * one.actual_price).sum())
    if not one.known:
        return Deviation(one.model, planned, actual, {**dict.fromkeys(PARTS, 0.0), "not planned": actual})
    volume = float(((one.actual - one.planned) * one.planned_price).sum())
    price = float((one.actual * (one.actual_price - one.planned_price)).sum())
    return Deviation(
        one.model, planned, actual, {"volume": volume, "mix": 0.0, "price": price, "not planned": 0.0}
    )
