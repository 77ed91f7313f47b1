"""The router in a market: the solver and the desk that the gateway runs, with a simulation's clock."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rechenwerk.routing.desk import Desk
from rechenwerk.routing.market import Market, World
from rechenwerk.routing.plan import Situation
from rechenwerk.routing.solver import Solver
from rechenwerk.routing.supply import Vector


def situation(
    market: Market,
    now: float,
    began: float,
    window: float,
    arrived: Sequence[Sequence[float]],
    next_in: float,
) -> Situation:
    """A market's counters as a solver is given them."""
    world = market.world
    return Situation(
        now=now,
        measure=world.measure,
        supplies=world.supplies,
        caps=world.caps,
        credits=tuple(
            msgspec.structs.replace(credit, left=max(0.0, left))
            for credit, left in zip(world.credits, market.left, strict=True)
        ),
        minimums=tuple(
            msgspec.structs.replace(least, drawn=drawn)
            for least, drawn in zip(world.minimums, market.drawn, strict=True)
        ),
        demands=world.demands,
        taken=tuple(market.taken),
        ordinary=tuple(market.ordinary),
        arrived=tuple(tuple(one) for one in arrived),
        window_began=began,
        window=window,
        down=tuple(sorted(market.down(began))),
        next_in=next_in,
    )


class Router:
    """A policy of `market.run`: solves every few seconds, asks its desk for each call.

    Args:
        world: its demands, in order, are the forecast's classes.
        solver: with the history up to `World.begins_at` observed.
        window: seconds.
        every: seconds between solves.
    """

    def __init__(self, world: World, solver: Solver, window: float, every: float) -> None:
        self.solver = solver
        self.window = window
        self.every = every
        self.place = {demand.id: at for at, demand in enumerate(world.demands)}
        self.width = len(world.measure)
        self.began = -1.0
        self.due = 0.0
        self.desk: Desk | None = None
        self.arrived = self._nothing()
        self.solves = 0

    def _nothing(self) -> list[list[float]]:
        return [[0.0] * self.width for _ in self.place]

    def tick(self, now: float, market: Market) -> None:
        """Solve when it is time; a new window begins with a solve."""
        began = market.world.begins_at
        began += self.window * ((now - began) // self.window)
        if began != self.began:
            if self.began >= 0:
                self.solver.forecast.observe(self.began, [tuple(one) for one in self.arrived])
            self.arrived = self._nothing()
            self.began = began
            self.due = began
        if now >= self.due:
            self.due += self.every * (1 + (now - self.due) // self.every)
            next_in = max(min(self.due, began + self.window) - now, 1e-6)
            plan = self.solver.solve(situation(market, now, began, self.window, self.arrived, next_in))
            self.solves += 1
            if self.desk is None:
                self.desk = Desk(plan)
            else:
                self.desk.load(plan)

    def order(self, demand: int, now: float) -> list[int]:
        """See `market.Policy`."""
        assert self.desk is not None
        return self.desk.order(demand, now)

    def placed(self, demand: int, supply: int, usage: Vector, now: float) -> None:
        """See `market.Policy`."""
        assert self.desk is not None
        self.desk.placed(demand, supply, usage, now)
        self._count(demand, usage)

    def refused(self, demand: int, usage: Vector, now: float) -> None:  # noqa: ARG002 - the protocol's
        """See `market.Policy`."""
        self._count(demand, usage)

    def _count(self, demand: int, usage: Vector) -> None:
        sums = self.arrived[self.place[demand]]
        for at, one in enumerate(usage):
            sums[at] += one
