"""Who takes part in a simulation, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import msgspec

from rechenwerk.routing.baselines import BASELINES, Baseline, Book, static
from rechenwerk.routing.contest import Course, Figures, play
from rechenwerk.routing.hindsight import bound
from rechenwerk.routing.market import Policy
from rechenwerk.routing.portfolios import PortfolioError
from rechenwerk.routing.worlds import Case


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


def _baseline(one: Baseline) -> Entrant:
    def make(case: Case) -> Policy:
        return one.make(book_of(case), case.window)

    return Entrant(one.words, make, static=one.static)


def book_of(case: Case) -> Book:
    """What baselines are told of a case."""
    return Book(case.world, case.kinds, case.lists, case.seed)


ENTRANTS: Mapping[str, Entrant] = MappingProxyType({name: _baseline(one) for name, one in BASELINES.items()})


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
