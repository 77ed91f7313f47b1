"""What else a gateway can be told to do: orders by price, at random or fixed, pacing, prices alone.

Each is a `market.Policy` and a `Book` knows what all of them are told. They exist to be compared with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec
import numpy as np

from rechenwerk.routing.market import Market, Policy, World, dot
from rechenwerk.routing.supply import Vector

COMMITTED = ("take-or-pay", "prepaid-credit", "provisioned")
"""Kinds of contracts in the order in which other gateways are told to use them up."""
PAID = ("provisioned", "grant", "own-hardware", "prepaid-credit", "take-or-pay")
"""What was paid before or is nearly free, then what was promised."""


class Book(msgspec.Struct, frozen=True):
    """What a policy is told before it begins.

    Attributes:
        kinds: of contracts, by supply id.
        lists: list rates by supply id.
        seed: of what is drawn.
    """

    world: World
    kinds: Mapping[int, str]
    lists: Mapping[int, Vector]
    seed: int = 0

    def dearness(self, rates: Mapping[int, Vector]) -> dict[int, dict[int, float]]:
        """By class and supply: currency per unit of volume for the class's mean usage."""
        return {
            demand.id: {one: dot(rates[one], demand.usage) for one in demand.supplies}
            for demand in self.world.demands
        }

    @property
    def margins(self) -> dict[int, Vector]:
        """What using a supply costs, by id; nothing for what was paid before."""
        return {one.id: one.rates for one in self.world.supplies}


class Fixed:
    """An order for each class that never changes; who is full or out is passed by."""

    def __init__(self, orders: Mapping[int, Sequence[int]]) -> None:
        self._orders = {demand: tuple(order) for demand, order in orders.items()}

    def tick(self, now: float, market: Market) -> None:
        """Nothing is looked at."""

    def order(self, demand: int, now: float) -> Sequence[int]:
        """Always the same."""
        del now
        return self._orders[demand]

    def placed(self, demand: int, supply: int, usage: Vector, now: float) -> None:
        """Nothing is learnt."""

    def refused(self, demand: int, usage: Vector, now: float) -> None:
        """Nothing is learnt."""


def _ranked(prices: Mapping[int, Mapping[int, float]]) -> dict[int, tuple[int, ...]]:
    """Supplies of each class from cheap to dear; at the same price as the file has them."""
    return {demand: tuple(sorted(of, key=lambda one: (of[one], one))) for demand, of in prices.items()}


def cheapest_list(book: Book) -> Policy:
    """Cheapest list price first: provisioned capacity counts as dear as the provider's list says."""
    return Fixed(_ranked(book.dearness(book.lists)))


def cheapest_marginal(book: Book) -> Policy:
    """The same with provisioned capacity at 0, because it is paid already."""
    sunk = tuple(0.0 for _ in book.world.measure)
    rates = {one: sunk if book.kinds[one] == "provisioned" else book.lists[one] for one in book.lists}
    return Fixed(_ranked(book.dearness(rates)))


def static(book: Book, names: Sequence[str]) -> Policy:
    """One order for all, by names of supplies; those not named get nothing."""
    place = {one.name: one.id for one in book.world.supplies}
    order = tuple(place[name] for name in names)
    return Fixed({one.id: tuple(at for at in order if at in one.supplies) for one in book.world.demands})


def as_given(book: Book) -> Policy:
    """The order of the file."""
    return Fixed({one.id: tuple(sorted(one.supplies)) for one in book.world.demands})


def by_kind(book: Book, first: Sequence[str]) -> Policy:
    """A static order: kinds of contracts in turn, then cheapest list price."""
    prices = book.dearness(book.lists)
    rank = {kind: at for at, kind in enumerate(first)}
    return Fixed(
        {
            demand: tuple(sorted(of, key=lambda one: (rank.get(book.kinds[one], len(rank)), of[one], one)))
            for demand, of in prices.items()
        }
    )


class ByCapacity(Fixed):
    """At random, weighted by capacity, anew for every call: who has no cap counts as the largest cap."""

    def __init__(self, book: Book) -> None:
        super().__init__({one.id: one.supplies for one in book.world.demands})
        self._draw = np.random.default_rng([book.seed, 1])
        mean = _mean_usage(book.world)
        room: dict[int, float] = {}
        for cap in book.world.caps:
            takes = dot(cap.weights, mean)
            for supply in cap.supplies:
                pace = cap.amount / cap.seconds / takes if takes > 0 else math.inf
                room[supply] = min(room.get(supply, math.inf), pace)
        for credit in book.world.credits:
            length = max(credit.ends_at - book.world.begins_at, 1.0)
            for supply in credit.supplies:
                price = dot(book.lists[supply], mean)
                if not credit.overflow and price > 0:
                    room[supply] = min(room.get(supply, math.inf), credit.left / price / length)
        finite = [one for one in room.values() if 0 < one < math.inf]
        largest = max(finite, default=1.0)
        self._weights = {
            one.id: np.array(
                [max(min(room.get(at, largest), largest), 1e-9 * largest) for at in one.supplies]
            )
            for one in book.world.demands
        }
        self._pool: dict[int, list[tuple[int, ...]]] = {one.id: [] for one in book.world.demands}

    def order(self, demand: int, now: float) -> Sequence[int]:
        """Without replacement, by weight: exponential races (Efraimidis and Spirakis 2006)."""
        del now
        pool = self._pool[demand]
        if not pool:
            weights, supplies = self._weights[demand], self._orders[demand]
            ranks = np.argsort(self._draw.exponential(size=(256, len(supplies))) / weights, axis=1)
            pool.extend(tuple(supplies[at] for at in row) for row in ranks.tolist())
        return pool.pop()


def _mean_usage(world: World) -> Vector:
    """Of all classes alike."""
    count = max(len(world.demands), 1)
    return tuple(sum(column) / count for column in zip(*(one.usage for one in world.demands), strict=True))


class Repriced:
    """Supplies in the order of prices that change from window to window."""

    def __init__(self, book: Book, window: float) -> None:
        self.book, self.window = book, window
        self.prices = book.dearness(book.margins)
        self._orders = _ranked(self.prices)
        self._next = -math.inf

    def tick(self, now: float, market: Market) -> None:
        """New prices once per window."""
        if now >= self._next:
            self._next = now + self.window
            self._orders = _ranked(self.reprice(now, market))

    def reprice(self, now: float, market: Market) -> Mapping[int, Mapping[int, float]]:
        """By class and supply: currency per unit of volume."""
        raise NotImplementedError

    def order(self, demand: int, now: float) -> Sequence[int]:
        """From cheap to dear."""
        del now
        return self._orders[demand]

    def placed(self, demand: int, supply: int, usage: Vector, now: float) -> None:
        """The market counts."""

    def refused(self, demand: int, usage: Vector, now: float) -> None:
        """The market counts."""


class Paced(Repriced):
    """Committed first with linear pacing: a minimum or credit that is behind its course goes before all."""

    def reprice(self, now: float, market: Market) -> Mapping[int, Mapping[int, float]]:
        """Behind the course: below every price, the further behind the earlier."""
        world = self.book.world
        behind: dict[int, float] = {}
        for credit, left in zip(world.credits, market.left, strict=True):
            course = credit.left * _passed(world, credit.ends_at, now + self.window)
            late = (course - (credit.left - left)) / max(credit.left, 1e-12)
            for supply in credit.supplies if now < credit.ends_at and left > 0 else ():
                behind[supply] = max(behind.get(supply, 0.0), late)
        for least, drawn in zip(world.minimums, market.drawn, strict=True):
            course = least.drawn + (least.amount - least.drawn) * _passed(
                world, least.ends_at, now + self.window
            )
            for supply in least.supplies if now < least.ends_at else ():
                late = (course - drawn) / max(least.amount, 1e-12)
                behind[supply] = max(behind.get(supply, 0.0), late)
        return {
            demand: {
                one: -1.0 - behind[one] if behind.get(one, 0.0) > 0 else price for one, price in of.items()
            }
            for demand, of in self.prices.items()
        }


def _passed(world: World, ends_at: float, now: float) -> float:
    """The share of a commitment's time that is over."""
    length = max(ends_at - world.begins_at, 1e-9)
    return min(max((now - world.begins_at) / length, 0.0), 1.0)


class Dual(Repriced):
    """Dual descent: each commitment and each quota has a multiplier that follows its pace.

    A minimum's lowers the price of its supplies while they are behind; a credit's and a quota's raises it
    while they are ahead. After Balseiro, Lu and Mirrokni (2023), *The best of many worlds: dual mirror
    descent for online allocation problems*; the step is a share of a window's pace.
    """

    STEP = 0.01

    def __init__(self, book: Book, window: float) -> None:
        super().__init__(book, window)
        world = book.world
        self._least = [0.5] * len(world.minimums)
        self._credit = [0.5] * len(world.credits)
        self._quota = [0.0] * len(world.caps)
        self._seen = [least.drawn for least in world.minimums]
        self._left = [credit.left for credit in world.credits]
        self._taken = [0.0] * len(world.caps)
        self._top = max((max(of.values(), default=0.0) for of in self.prices.values()), default=0.0)

    def _step(self, value: float, over: float, top: float, *, move: bool) -> float:
        """A multiplier after a window: up by what was used over the pace."""
        return min(max(value + (self.STEP * over if move else 0.0), 0.0), top)

    def _pace(self, amount: float, ends_at: float) -> float:
        """Per window, for the whole of the period; at least a trace."""
        begins = self.book.world.begins_at
        return max(amount * self.window / max(ends_at - begins, self.window), 1e-12)

    def reprice(self, now: float, market: Market) -> Mapping[int, Mapping[int, float]]:
        """A step of every multiplier, then prices."""
        world = self.book.world
        passed = now > world.begins_at
        factor: dict[int, float] = {one.id: 1.0 for one in world.supplies}
        extra: dict[int, float] = {one.id: 0.0 for one in world.supplies}
        for at, least in enumerate(world.minimums):
            short = 1 - (market.drawn[at] - self._seen[at]) / self._pace(least.amount, least.ends_at)
            move = passed and now <= least.ends_at
            self._least[at] = self._step(self._least[at], short, least.lost, move=move)
            self._seen[at] = market.drawn[at]
            if market.drawn[at] < least.amount and now < least.ends_at:
                for supply in least.supplies:
                    factor[supply] -= self._least[at]
        for at, credit in enumerate(world.credits):
            over = (self._left[at] - market.left[at]) / self._pace(credit.left, credit.ends_at) - 1
            move = passed and now <= credit.ends_at
            self._credit[at] = self._step(self._credit[at], over, 1.0, move=move)
            self._left[at] = market.left[at]
            if market.left[at] > 0 and now < credit.ends_at:
                for supply in credit.supplies:
                    factor[supply] *= self._credit[at]
        for at, cap in enumerate(world.caps):
            if cap.seconds > self.window:
                took = max(market.taken[at] - self._taken[at], 0.0)
                over = took / max(cap.amount * self.window / cap.seconds, 1e-12) - 1
                self._quota[at] = self._step(self._quota[at], over, 1.0, move=passed)
                self._taken[at] = market.taken[at]
                for supply in cap.supplies:
                    extra[supply] += self._quota[at] * self._top
        return {
            demand: {one: factor[one] * price + extra[one] for one, price in of.items()}
            for demand, of in self.prices.items()
        }


class Baseline(msgspec.Struct, frozen=True):
    """A policy to be compared with.

    Attributes:
        words: what it does.
        make: from what it is told and the seconds of a window, one that has not seen anything.
        static: an order that never changes: what other gateways can be configured to do.
    """

    words: str
    make: Callable[[Book, float], Policy]
    static: bool = False


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "list-price": Baseline("cheapest list price", lambda book, _: cheapest_list(book), static=True),
        "list-price-sunk": Baseline(
            "cheapest list price, provisioned at 0", lambda book, _: cheapest_marginal(book), static=True
        ),
        "random": Baseline("at random, weighted by capacity", lambda book, _: ByCapacity(book)),
        "as-given": Baseline("the order of the file", lambda book, _: as_given(book), static=True),
        "commitments-first": Baseline(
            "take-or-pay, prepaid, provisioned, then cheapest",
            lambda book, _: by_kind(book, COMMITTED),
            static=True,
        ),
        "paid-first": Baseline(
            "provisioned, grant, own, prepaid, take-or-pay, then cheapest",
            lambda book, _: by_kind(book, PAID),
            static=True,
        ),
        "linear-pacing": Baseline("commitments first while behind a linear course", Paced),
        "dual-descent": Baseline("prices that follow the pace of every commitment", Dual),
    }
)
