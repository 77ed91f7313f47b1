"""The least that a period could have cost, had everything been known: one linear programme.

Every placement of the same arrivals that keeps the rules of `routing.market` is feasible in it, so no policy
can cost less. It is solved with HiGHS (Huangfu and Hall 2018).
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

import highspy
import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.market import Arrival, World
from rechenwerk.routing.programme import Quiet

Array = NDArray[np.float64]


class Bound(msgspec.Struct, frozen=True):
    """The optimum.

    Attributes:
        cost: as `market.Tally.cost`.
        refused: volume by demand id.
        placed: volume by demand and supply id.
    """

    cost: float
    refused: dict[int, float]
    placed: dict[tuple[int, int], float]


class Cells:
    """Arrivals summed by class and by stretch of time in which nothing changes.

    Attributes:
        edges: where stretches begin, epoch seconds.
        usage: stretch x class x bucket of usage.
        volume: stretch x class.
    """

    def __init__(self, world: World, arrivals: Sequence[Arrival]) -> None:
        self.edges = _edges(world)
        place = {demand.id: at for at, demand in enumerate(world.demands)}
        stretch = np.searchsorted(self.edges, [one.at for one in arrivals], side="right") - 1
        width = len(world.measure)
        self.usage = np.zeros((len(self.edges), len(world.demands), width))
        usages = np.array([one.usage for one in arrivals], dtype=float).reshape(len(arrivals), width)
        classes = np.array([place[one.demand] for one in arrivals], dtype=np.intp)
        np.add.at(self.usage, (stretch.astype(np.intp), classes), usages)
        self.volume: Array = self.usage @ np.array(world.measure)


def _edges(world: World) -> list[float]:
    """Moments at which a cap's window begins, a supply goes or comes, a credit or a minimum ends."""
    found = {world.begins_at}
    for cap in world.caps:
        # Windows of one length and beginning give the same moments.
        first = cap.starts_at + cap.seconds * -((cap.starts_at - world.begins_at) // cap.seconds)
        found.update(np.arange(first, world.ends_at, cap.seconds).tolist())
    for outage in world.outages:
        found.update((outage.begins_at, outage.ends_at))
    found.update(credit.ends_at for credit in world.credits)
    found.update(least.ends_at for least in world.minimums)
    return sorted(one for one in found if world.begins_at <= one < world.ends_at)


class _Rows:
    """A sparse programme as it grows: columns first, then rows of (columns, values)."""

    def __init__(self) -> None:
        self.cost: list[Array] = []
        self.columns = 0
        self.upper: list[Array] = []
        self.index: list[NDArray[np.int32]] = []
        self.value: list[Array] = []
        self.starts = [0]
        self.low: list[float] = []
        self.high: list[float] = []

    def add(self, cost: Array, upper: Array) -> int:
        """New columns from 0 to `upper`; returns the first one's number."""
        first = self.columns
        self.cost.append(cost)
        self.upper.append(upper)
        self.columns += len(cost)
        return first

    def row(self, low: float, high: float, index: NDArray[np.int32], value: Array) -> None:
        """A constraint."""
        kept = value != 0
        self.index.append(index[kept])
        self.value.append(value[kept])
        self.starts.append(self.starts[-1] + int(kept.sum()))
        self.low.append(low)
        self.high.append(high)

    def solve(self) -> tuple[float, Array]:
        """The least cost and where it is."""
        highs: Any = Quiet()  # type: ignore[no-untyped-call]
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        programme = highspy.HighsLp()
        programme.num_col_, programme.num_row_ = self.columns, len(self.low)
        programme.col_cost_ = np.concatenate(self.cost)
        programme.col_lower_ = np.zeros(self.columns)
        programme.col_upper_ = np.concatenate(self.upper)
        programme.row_lower_, programme.row_upper_ = np.array(self.low), np.array(self.high)
        programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        programme.a_matrix_.start_ = np.array(self.starts, dtype=np.int32)
        programme.a_matrix_.index_ = np.concatenate(self.index)
        programme.a_matrix_.value_ = np.concatenate(self.value)
        highs.passModel(programme)
        highs.run()
        status = highs.getModelStatus()
        assert status == highspy.HighsModelStatus.kOptimal, status
        return highs.getInfo().objective_function_value, np.array(highs.getSolution().col_value)


def bound(world: World, arrivals: Sequence[Arrival]) -> Bound:
    """Solve it: some ten thousand columns for a week of five-minute windows."""
    cells = Cells(world, arrivals)
    rows = _Rows()
    stretches = len(cells.edges)
    supplies = {supply.id: supply for supply in world.supplies}
    open_ = {
        supply: np.array([_open(world, supply, moment) for moment in cells.edges]) for supply in supplies
    }
    first: dict[tuple[int, int], int] = {}
    refused: dict[int, int] = {}
    charge: dict[tuple[int, int], Array] = {}
    # A column is the share of a cell that goes somewhere: coefficients are the cell's own sums.
    for at, demand in enumerate(world.demands):
        some = cells.volume[:, at] > 0
        for supply in demand.supplies:
            charge[demand.id, supply] = cells.usage[:, at] @ np.array(supplies[supply].rates)
            upper = (some & open_[supply]).astype(float)
            first[demand.id, supply] = rows.add(charge[demand.id, supply], upper)
        refused[demand.id] = rows.add(demand.penalty * cells.volume[:, at], some.astype(float))
        span = np.arange(stretches, dtype=np.int32)
        columns = np.stack([start + span for (own, _), start in first.items() if own == demand.id])
        columns = np.concatenate([columns, (refused[demand.id] + span)[None]])
        ones = np.ones(len(columns))
        for stretch in np.flatnonzero(some):
            rows.row(1.0, 1.0, columns[:, stretch].astype(np.int32), ones)
    _caps(world, cells, rows, first)
    _money(world, cells, rows, first, charge)
    cost, values = rows.solve()
    volume = {demand.id: cells.volume[:, at] for at, demand in enumerate(world.demands)}
    return Bound(
        cost=cost,
        refused={one: float(values[at : at + stretches] @ volume[one]) for one, at in refused.items()},
        placed={
            (one, supply): float(values[at : at + stretches] @ volume[one])
            for (one, supply), at in first.items()
        },
    )


def _open(world: World, supply: int, moment: float) -> bool:
    """Whether a supply may be used in the stretch that begins then."""
    if any(one.supply == supply and one.begins_at <= moment < one.ends_at for one in world.outages):
        return False
    return not any(
        supply in one.supplies and not one.overflow and moment >= one.ends_at for one in world.credits
    )


def _caps(world: World, cells: Cells, rows: _Rows, first: dict[tuple[int, int], int]) -> None:
    """A row for each cap and window, and one for what ordinary work may take of it."""
    edges = np.array(cells.edges)
    for cap in world.caps:
        window = ((edges - cap.starts_at) // cap.seconds).astype(int)
        bounds = np.flatnonzero(np.diff(window, prepend=window[0] - 1))
        takes = cells.usage @ np.array(cap.weights)
        for critical in (True, False):
            parts = [
                (first[demand.id, supply], takes[:, at])
                for at, demand in enumerate(world.demands)
                for supply in demand.supplies
                if supply in cap.supplies and (critical or demand.service != "critical")
            ]
            if not parts or (not critical and cap.kept <= 0):
                continue
            limit = cap.amount if critical else cap.amount - cap.kept
            for start, end in zip(bounds, [*bounds[1:], len(edges)], strict=True):
                index = np.concatenate([np.arange(at + start, at + end, dtype=np.int32) for at, _ in parts])
                rows.row(
                    -highspy.kHighsInf, limit, index, np.concatenate([one[start:end] for _, one in parts])
                )


def _money(
    world: World,
    cells: Cells,
    rows: _Rows,
    first: dict[tuple[int, int], int],
    charge: dict[tuple[int, int], Array],
) -> None:
    """Credits pay what is left and charged in time, at most; minimums are reached or their rest is paid."""
    infinite = highspy.kHighsInf
    for credit in world.credits:
        end = bisect.bisect_left(cells.edges, credit.ends_at)
        parts = [(at, charge[key][:end]) for key, at in first.items() if key[1] in credit.supplies]
        index = [np.arange(at, at + end, dtype=np.int32) for at, _ in parts]
        values = [one for _, one in parts]
        paid = rows.add(np.array([-1.0]), np.array([credit.left]))
        index.append(np.array([paid], dtype=np.int32))
        values.append(np.array([-1.0]))
        high = infinite if credit.overflow else 0.0
        rows.row(0.0, high, np.concatenate(index), np.concatenate(values))
    for least in world.minimums:
        end = bisect.bisect_left(cells.edges, least.ends_at)
        parts = [(at, charge[key][:end]) for key, at in first.items() if key[1] in least.supplies]
        short = rows.add(np.array([least.lost]), np.array([infinite]))
        index = [np.arange(at, at + end, dtype=np.int32) for at, _ in parts]
        index.append(np.array([short], dtype=np.int32))
        values = [*(one for _, one in parts), np.array([1.0])]
        rows.row(least.amount - least.drawn, infinite, np.concatenate(index), np.concatenate(values))
