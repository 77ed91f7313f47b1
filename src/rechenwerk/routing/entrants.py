"""Who takes part in a simulation, by name: the router that the gateway runs, its ablations, the baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.baselines import BASELINES, Baseline, Book, Repriced, static
from rechenwerk.routing.contest import Course, Figures, play
from rechenwerk.routing.corrected import Corrected
from rechenwerk.routing.forecast import Forecast, Seasonal
from rechenwerk.routing.foresight import Biased, Foreseen
from rechenwerk.routing.hindsight import bound
from rechenwerk.routing.market import Market, Policy
from rechenwerk.routing.portfolios import PortfolioError
from rechenwerk.routing.programme import dot
from rechenwerk.routing.rehearsal import Router, situation
from rechenwerk.routing.solver import Habits, Solver
from rechenwerk.routing.strategy import Prices, Strategist, edges
from rechenwerk.routing.worlds import Case

Array = NDArray[np.float64]

SOLVES = 12
"""Per window: every 25 seconds in windows of five minutes; an installation solves more often."""


class Entrant(msgspec.Struct, frozen=True):
    """A policy by name.

    Attributes:
        words: what it does.
        make: one that has seen nothing but what is known before.
        static: an order that never changes.
        usual: takes part if nobody is named.
    """

    words: str
    make: Callable[[Case], Policy]
    static: bool = False
    usual: bool = True


def seasonal(case: Case) -> Seasonal:
    """The gateway's forecast, with the history of the case observed."""
    found = Seasonal(case.world.measure, len(case.world.demands), case.window)
    begins = case.world.begins_at - case.window * len(case.history)
    for at, usages in enumerate(case.history.tolist()):
        found.observe(begins + case.window * at, [tuple(one) for one in usages])
    return found


def router(case: Case, forecast: Forecast | None = None, habits: Habits | None = None) -> Policy:
    """The solver and the desk of the gateway, on the clock of the simulation."""
    solver = Solver(Corrected(forecast or seasonal(case), case.world.measure), habits)
    return Router(case.world, solver, case.window, case.window / SOLVES)


def _foreseen(case: Case) -> Policy:
    world = case.world
    windows = round((world.ends_at - world.begins_at) / case.window)
    volumes = np.zeros((windows, len(world.demands)))
    place = {one.id: at for at, one in enumerate(world.demands)}
    for one in case.arrivals:
        at = min(int((one.at - world.begins_at) // case.window), windows - 1)
        volumes[at, place[one.demand]] += dot(world.measure, one.usage)
    return router(case, Foreseen(seasonal(case), world.begins_at, case.window, volumes))


def _ignorant(case: Case) -> Policy:
    return router(case, Seasonal(case.world.measure, len(case.world.demands), case.window))


class PricesAlone(Repriced):
    """A rolling programme whose duals are prices, and nothing else: no amounts, no look at the window."""

    def __init__(self, case: Case) -> None:
        super().__init__(book_of(case), case.window)
        self._forecast = seasonal(case)
        self._strategist = Strategist()
        self._usage = tuple(one.usage for one in case.world.demands)
        self._arrived = [[0.0] * len(case.world.measure) for _ in case.world.demands]
        self._place = {one.id: at for at, one in enumerate(case.world.demands)}
        self._worth: Prices | None = None
        self._due = 0.0

    def reprice(self, now: float, market: Market) -> Mapping[int, Mapping[int, float]]:
        """Duals of the periods to come as prices of the next unit."""
        if now > market.world.begins_at:
            self._forecast.observe(now - self.window, [tuple(one) for one in self._arrived])
            self._arrived = [[0.0] * len(one) for one in self._arrived]
        stand = situation(market, now, now, self.window, self._arrived, self.window)
        if self._worth is None or now >= self._due:
            outlook = self._forecast.outlook(now, edges(stand))
            self._worth = self._strategist.prices(stand, outlook, self._usage)
            self._due = now + Habits().strategic_every
        worth = self._worth
        factor = {one.id: 1.0 for one in stand.supplies}
        extra = {one.id: [0.0] * len(stand.measure) for one in stand.supplies}
        for value, least in zip(worth.minimums, stand.minimums, strict=True):
            for supply in least.supplies if now < least.ends_at else ():
                factor[supply] -= value
        for value, credit in zip(worth.credits, stand.credits, strict=True):
            for supply in credit.supplies if now < credit.ends_at and credit.left > 0 else ():
                factor[supply] -= 1.0 - value
        for value, cap in zip(worth.quotas, stand.caps, strict=True):
            for supply in cap.supplies if value else ():
                extra[supply] = [a + value * b for a, b in zip(extra[supply], cap.weights, strict=True)]
        mean = {one.id: one.usage for one in stand.demands}
        return {
            demand: {
                one: max(factor[one], 0.0) * price + dot(tuple(extra[one]), mean[demand])
                for one, price in of.items()
            }
            for demand, of in self.prices.items()
        }

    def placed(self, demand: int, supply: int, usage: tuple[float, ...], now: float) -> None:
        """Counted for the forecast."""
        del supply, now
        sums = self._arrived[self._place[demand]]
        for at, one in enumerate(usage):
            sums[at] += one

    def refused(self, demand: int, usage: tuple[float, ...], now: float) -> None:
        """Counted for the forecast."""
        self.placed(demand, 0, usage, now)


def book_of(case: Case) -> Book:
    """What baselines are told of a case."""
    return Book(case.world, case.kinds, case.lists, case.seed)


def _baseline(one: Baseline) -> Entrant:
    def make(case: Case) -> Policy:
        return one.make(book_of(case), case.window)

    return Entrant(one.words, make, static=one.static)


def _biased(case: Case, factor: float) -> Policy:
    return router(case, Biased(seasonal(case), factor))


def _habits(case: Case, habits: Habits) -> Policy:
    return router(case, habits=habits)


ENTRANTS: Mapping[str, Entrant] = MappingProxyType(
    {
        "rechenwerk": Entrant("the router of the gateway", router),
        **{name: _baseline(one) for name, one in BASELINES.items()},
        "prices-alone": Entrant("a rolling programme's duals as prices, no amounts", PricesAlone),
        "foreseen": Entrant(
            "rechenwerk, true volumes of the time to come as forecast", _foreseen, usual=False
        ),
        "no-history": Entrant("rechenwerk, nothing known before", _ignorant, usual=False),
        "forecast-half": Entrant(
            "rechenwerk, forecasts always half too low", partial(_biased, factor=0.5), usual=False
        ),
        "forecast-more": Entrant(
            "rechenwerk, forecasts always half too high", partial(_biased, factor=1.5), usual=False
        ),
        "no-prices": Entrant(
            "rechenwerk, contracts at list price", partial(_habits, habits=Habits(prices=False)), usual=False
        ),
        "no-protection": Entrant(
            "rechenwerk, the rest of the window is not looked at",
            partial(_habits, habits=Habits(protects=False)),
            usual=False,
        ),
    }
)


def chosen(names: Sequence[str], orders: Sequence[str]) -> dict[str, Entrant]:
    """Those that are named, or the usual ones, and static orders such as ``c,d,e``.

    Raises:
        KeyError: with a name that nobody has.
    """
    found = {name: ENTRANTS[name] for name in names}
    if not names:
        found = {name: one for name, one in ENTRANTS.items() if one.usual}
    for order in orders:
        found[order] = Entrant(f"static order {order}", partial(ordered, order=order), static=True)
    return found


def ordered(case: Case, order: str) -> Policy:
    """A static order by names of contracts.

    Raises:
        PortfolioError: there is no such supply.
    """
    known = [one.name for one in case.world.supplies]
    names = [name.strip() for name in order.split(",")]
    for name in names:
        if name not in known:
            raise PortfolioError(f"--order names {name!r}; choose from {', '.join(known)}")
    return static(book_of(case), names)


def contest(case: Case, portfolio: str, entrants: Mapping[str, Entrant]) -> Iterator[tuple[Figures, Course]]:
    """Run everybody on a case, one after the other; what each came to, and how."""
    best = bound(case.world, case.arrivals)
    for name, entrant in entrants.items():
        yield play(case, portfolio, name, entrant.make(case), best)
