"""An offer over a stretch of demand: its cost, its best size, its regret. Exact on the empirical curve.

The rule is the newsvendor's: commit up to the level that demand passes for just the share of time which the
price of holding bears to what holding saves. Several offers that differ in what holding and using cost share
the levels among themselves as power stations share a load: the more hours a level lasts, the rather does an
offer belong there that is dear to hold and cheap to use (the screening curve of capacity planning).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import msgspec

from rechenwerk.contracts.curves import Curve, money
from rechenwerk.contracts.offers import Offer

_MOST_IN_A_STACK = 6
_FAR = 4


class Deal(msgspec.Struct, frozen=True):
    """An offer over some months.

    Attributes:
        hold: nano-units that one piece costs over them, used or not.
        on_demand: nano-units per unit of volume without the offer.
    """

    offer: Offer
    hold: Fraction
    on_demand: Fraction

    @property
    def beyond(self) -> Fraction:
        """The price of volume beyond the commitment."""
        return self.on_demand if self.offer.beyond is None else self.offer.beyond

    def cost(self, curve: Curve, pieces: int) -> Fraction:
        """What demand costs with so many pieces; with none, all of it is on demand."""
        if pieces == 0:
            return money(self.on_demand, curve.volume)
        inside = curve.within(pieces * self.offer.capacity)
        paid = money(self.offer.use, inside) + money(self.beyond, curve.volume - inside)
        return self.hold * pieces + paid

    def sunk(self, pieces: int) -> Fraction:
        """What is paid if nothing at all is used."""
        return self.hold * pieces

    def break_even(self, curve: Curve) -> Fraction | None:
        """The share of a commitment that must be used so that it costs what the same would on demand.

        Above 1 it can never pay; None: using it costs as much as on demand.
        """
        gain = money(self.on_demand - self.offer.use, self.offer.capacity * curve.weight)
        return self.hold / gain if gain > 0 else None

    def used(self, curve: Curve, pieces: int) -> Fraction | None:
        """The share of a commitment that is used; None when nothing is committed."""
        level = pieces * self.offer.capacity
        return Fraction(curve.within(level), level * curve.weight) if level else None

    def best(self, curve: Curve, *, least: int = 0) -> int:
        """The number of pieces that costs least, none only where `least` is 0; among equals the fewest."""
        gain = money(self.beyond - self.offer.use, self.offer.capacity)
        level = curve.quantile(self.hold / gain) if gain > 0 else 0
        numbers = (one for one in (0, *around(self.offer, level)) if one >= least)
        return min(numbers, key=lambda pieces: (self.cost(curve, pieces), pieces))

    def cautious(self, curves: Sequence[Curve]) -> int:
        """The number of pieces whose worst regret over several curves is least; among equals the fewest."""
        bests = [self.cost(curve, self.best(curve)) for curve in curves]

        def worst(pieces: int) -> Fraction:
            return max(self.cost(curve, pieces) - best for curve, best in zip(curves, bests, strict=True))

        # The worst regret is convex in the pieces, so the first step that no longer improves is the best.
        top = max(around(self.offer, max(curve.levels[-1] for curve in curves)))
        low, high = 0, (top - self.offer.minimum) // self.offer.step
        while low < high:
            middle = (low + high) // 2
            here = self.offer.minimum + middle * self.offer.step
            if worst(here) <= worst(here + self.offer.step):
                high = middle
            else:
                low = middle + 1
        found = self.offer.minimum + low * self.offer.step
        return min((0, found), key=lambda pieces: (worst(pieces), pieces))


def around(offer: Offer, level: int) -> tuple[int, ...]:
    """The numbers of pieces that can be bought next below and above a level of volume."""
    steps = max(0, level // offer.capacity - offer.minimum) // offer.step
    least = offer.minimum + steps * offer.step
    two = (least, least + offer.step)
    if offer.most is None:
        return two
    top = offer.minimum + (offer.most - offer.minimum) // offer.step * offer.step
    return tuple(min(one, top) for one in two)


class Stack(msgspec.Struct, frozen=True):
    """Several offers together, the lowest level first.

    Attributes:
        pieces: per deal, in the order of `deals`.
        cost: nano-units.
        bound: what it would cost if offers came in pieces of any size and number: no stack costs less.
    """

    deals: tuple[Deal, ...]
    pieces: tuple[int, ...]
    cost: Fraction
    bound: Fraction


def stack_cost(curve: Curve, deals: Sequence[Deal], pieces: Sequence[int]) -> Fraction:
    """What demand costs when each offer serves a band of levels: the cheapest to use the lowest.

    Without `beyond` prices: what no band serves is on demand.
    """
    total, level, inside = Fraction(0), 0, 0
    for deal, count in sorted(zip(deals, pieces, strict=True), key=lambda one: one[0].offer.use):
        level += count * deal.offer.capacity
        reached = curve.within(level)
        total += deal.hold * count + money(deal.offer.use, reached - inside)
        inside = reached
    return total + money(deals[0].on_demand, curve.volume - inside)


def stack(curve: Curve, deals: Sequence[Deal]) -> Stack:
    """The cheapest mix of offers that are settled in the same interval.

    Exact where the levels of demand are whole pieces; otherwise rounded and improved piece by piece, and
    `bound` says how much can be left at most.

    Args:
        curve: of demand in that interval.
        deals: offers without a `beyond` price, over the same months.
    """
    bands = _bands(curve, deals)
    bound = _divisible(curve, deals, bands)
    useful = sorted(deals, key=lambda deal: deal.cost(curve, deal.best(curve)))[:_MOST_IN_A_STACK]
    found = (money(deals[0].on_demand, curve.volume), (0,) * len(deals))
    for size in range(1, len(useful) + 1):
        for chosen in combinations(useful, size):
            counts = _improved(curve, chosen, [_rounded(*band) for band in _bands(curve, chosen)])
            counted = {deal.offer.name: count for deal, count in zip(chosen, counts, strict=True)}
            pieces = tuple(counted.get(deal.offer.name, 0) for deal in deals)
            found = min(found, (stack_cost(curve, deals, pieces), pieces))
    return Stack(tuple(deals), found[1], found[0], bound)


def _bands(curve: Curve, deals: Sequence[Deal]) -> list[tuple[Deal, int]]:
    """Every deal with the height of the band of levels that is cheapest with it.

    A level that is used for a weight s costs hold + use x s per volume; on demand it costs its price x s.
    Going up, s falls; the deal changes where its line stops being the lowest.
    """
    lines = [(deal.hold / deal.offer.capacity, deal.offer.use, index) for index, deal in enumerate(deals)]
    lines.append((Fraction(0), deals[0].on_demand, len(deals)))
    heights = [0] * (len(deals) + 1)
    weight, level = Fraction(curve.weight), 0
    _, _, now = min((hold + money(use, 1) * weight, use, index) for hold, use, index in lines)
    while now < len(deals):
        hold, use, _ = lines[now]
        crossings = [
            ((hold - other) / money(more - use, 1), -more, index)
            for other, more, index in lines
            if more > use
        ]
        weight, _, following = max((cross for cross in crossings), default=(Fraction(0), 0, len(deals)))
        top = max(level, curve.quantile(weight))
        heights[now], level, now = top - level, top, following
    return list(zip(deals, heights[:-1], strict=True))


def _divisible(curve: Curve, deals: Sequence[Deal], bands: Sequence[tuple[Deal, int]]) -> Fraction:
    total, level, inside = Fraction(0), 0, 0
    for deal, height in sorted(bands, key=lambda one: one[0].offer.use):
        level += height
        reached = curve.within(level)
        total += deal.hold * height / deal.offer.capacity + money(deal.offer.use, reached - inside)
        inside = reached
    return total + money(deals[0].on_demand, curve.volume - inside)


def _rounded(deal: Deal, height: int) -> int:
    return around(deal.offer, height)[0]


def _improved(curve: Curve, deals: Sequence[Deal], start: Sequence[int]) -> tuple[int, ...]:
    """Change one or two offers by a few steps at a time while that saves money."""
    farthest = _FAR if len(deals) <= 2 else 1
    strides = [stride * way for stride in range(1, farthest + 1) for way in (1, -1)]
    moves: list[tuple[tuple[int, int], ...]] = [
        ((index, way),) for index in range(len(deals)) for way in strides
    ]
    moves += [
        ((one, way), (two, back))
        for one, two in combinations(range(len(deals)), 2)
        for way in strides
        for back in strides
    ]
    here = tuple(start)
    cost = stack_cost(curve, deals, here)
    better = True
    while better:
        better = False
        for move in moves:
            there = list(here)
            for index, way in move:
                there[index] += way * deals[index].offer.step
            if all(_allowed(deal.offer, count) for deal, count in zip(deals, there, strict=True)):
                new = stack_cost(curve, deals, there)
                if new < cost:
                    here, cost, better = tuple(there), new, True
    return here


def _allowed(offer: Offer, pieces: int) -> bool:
    return pieces >= offer.minimum and (offer.most is None or pieces <= offer.most)
