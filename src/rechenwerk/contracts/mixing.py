"""Offers together: a stack of those that are settled in a short interval, one over a longer one above it.

Such as provisioned capacity by the hour under a spend commitment by the year: what the capacity does not
serve counts towards the commitment. Capacity is used first.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.contracts.curves import Curve, curve_of, hold_total, money, today
from rechenwerk.contracts.deals import Deal, stack, stack_cost
from rechenwerk.contracts.demand import DAY, Month
from rechenwerk.contracts.offers import INTERVALS, Offer, Sheet

SHORT = ("hour", "day", "month")
_ORDER = ("hour", "day", "month", "quarter", "year", "term")


class Mix(msgspec.Struct, frozen=True):
    """Offers and how many pieces of each.

    Attributes:
        inner: settled in one short interval, with their pieces.
        outer: over a longer interval, on what the inner ones leave; None: on demand.
    """

    interval: str
    inner: tuple[tuple[Offer, int], ...]
    outer: tuple[Offer, int] | None = None

    def parts(self) -> tuple[tuple[Offer, int], ...]:
        """What is bought at all."""
        everything = (*self.inner, self.outer) if self.outer else self.inner
        return tuple((offer, pieces) for offer, pieces in everything if pieces)


class Scene(msgspec.Struct, frozen=True):
    """Demand to buy for, over the whole horizon, at the prices of a sheet."""

    sheet: Sheet
    months: tuple[Month, ...]

    def deal(self, offer: Offer, on_demand: Fraction | None = None) -> Deal:
        """An offer over all months, against the on-demand price or another."""
        hold = hold_total(offer, self.months, self.sheet.discount_rate)
        return Deal(offer, hold, self.sheet.on_demand if on_demand is None else on_demand)

    def curve(self, interval: str) -> Curve:
        """The load duration curve of all demand."""
        return curve_of(self.months, interval, self.sheet.discount_rate)

    def cost(self, mix: Mix) -> Fraction:
        """What demand costs under a mix."""
        if mix.outer is None or mix.outer[1] == 0:
            deals = [self.deal(offer) for offer, _ in mix.inner]
            return stack_cost(self.curve(mix.interval), deals, [pieces for _, pieces in mix.inner])
        return Under(self, mix.interval, [offer for offer, _ in mix.inner], mix.outer[0]).cost(
            [pieces for _, pieces in mix.inner], mix.outer[1]
        )

    def sunk(self, mix: Mix) -> Fraction:
        """What a mix costs if nothing is used."""
        return sum((self.deal(offer).sunk(pieces) for offer, pieces in mix.parts()), Fraction(0))

    def best(self) -> tuple[Mix, Fraction | None] | None:
        """The cheapest mix that was found, and a lower bound where there is no outer offer.

        None where no offer is settled in a short interval.
        """
        found: list[tuple[Fraction, Mix, Fraction | None]] = []
        for interval in SHORT:
            inner = [one for one in self.sheet.offers if one.interval == interval and one.beyond is None]
            if not inner:
                continue
            alone = stack(self.curve(interval), [self.deal(offer) for offer in inner])
            mix = Mix(interval, tuple(zip(inner, alone.pieces, strict=True)))
            found.append((alone.cost, mix, alone.bound))
            longer = _ORDER[_ORDER.index(interval) + 1 :]
            for outer in self.sheet.offers:
                if outer.interval in longer or (outer.interval == interval and outer.beyond is not None):
                    cost, one = Under(self, interval, inner, outer).search()
                    found.append((cost, one, None))
        if not found:
            return None
        _, mix, bound = min(found, key=lambda one: one[0])
        return mix, bound

    def price_of(self, outer: Offer) -> Fraction:
        """What a unit of volume costs under an offer that is used to the full."""
        full = money(Fraction(1), outer.capacity * self.curve(outer.interval).weight)
        return self.deal(outer).hold / full + outer.use

    def price_beyond(self, outer: Offer) -> Fraction:
        """What a unit of volume costs beyond an outer offer; on demand where it has no such price."""
        return self.deal(outer).beyond


class Under:
    """Inner offers under an outer one: all that does not depend on how many pieces there are.

    Args:
        scene: demand and prices.
        interval: of the inner offers.
        inner: offers.
        outer: the offer over a longer interval, or one with a price beyond it in the same.
    """

    def __init__(self, scene: Scene, interval: str, inner: Sequence[Offer], outer: Offer) -> None:
        self._scene = scene
        self._interval = interval
        self._inner = [scene.deal(offer) for offer in inner]
        self._outer = scene.deal(outer)
        self._curve = scene.curve(interval)
        rate = scene.sheet.discount_rate
        self._single = outer.interval == interval
        self._parts = [
            (Curve((volume, NANO) for volume in volumes), today(rate, month))
            for volumes, month in (
                [] if self._single else _parts(grain(scene.months, interval), outer.interval)
            )
        ]

    def best(self, pieces: Sequence[int], *, least: int = 0) -> int:
        """How many pieces of the outer offer pay above so many of the inner ones."""
        return self._outer.best(self._left(pieces), least=least)

    def _bought(self, pieces: Sequence[int]) -> Fraction:
        """What demand costs if some of the outer offer is bought."""
        return self.cost(pieces, self.best(pieces, least=1))

    def cost(self, pieces: Sequence[int], outer: int) -> Fraction:
        """What demand costs."""
        left = self._left(pieces)
        served = stack_cost(self._curve, self._inner, pieces) - money(self._outer.on_demand, left.volume)
        return served + self._outer.cost(left, outer)

    def _left(self, pieces: Sequence[int]) -> Curve:
        """The curve of the longer interval, of what the inner offers leave."""
        level = sum(count * deal.offer.capacity for count, deal in zip(pieces, self._inner, strict=True))
        if self._single:
            rate = self._scene.sheet.discount_rate
            months = grain(self._scene.months, self._interval)
            left = tuple(tuple(max(0, load - level) for load in month) for month in months)
            return curve_of(left, "hour", rate)  # in steps of the interval already
        return Curve(((part.volume - part.within(level)) // NANO, worth) for part, worth in self._parts)

    def search(self) -> tuple[Fraction, Mix]:
        """The best stack under the outer offer, of which some is bought: none is a valley apart.

        A unit more that the stack serves saves what it would have cost without: the outer offer's price, that
        beyond it, or the one on demand. A stack is made for each of these, and the best one improved step by
        step: one inner offer ends at its best size, several at a good one.
        """
        outer = self._outer.offer
        prices = {self._outer.on_demand, self._outer.beyond, self._scene.price_of(outer)}
        starts = []
        for price in sorted(prices):
            priced = [msgspec.structs.replace(deal, on_demand=price) for deal in self._inner]
            pieces = stack(self._curve, priced).pieces
            starts.append((self._bought(pieces), pieces))
        cost, pieces = self._downhill(*min(starts))
        inner = tuple((deal.offer, count) for deal, count in zip(self._inner, pieces, strict=True))
        return cost, Mix(self._interval, inner, (outer, self.best(pieces, least=1)))

    def _downhill(self, cost: Fraction, pieces: tuple[int, ...]) -> tuple[Fraction, tuple[int, ...]]:
        """Change one inner offer at a time, by ever smaller steps, while that saves money."""
        stride = 16
        while stride:
            better = False
            for index, way in ((index, way) for index in range(len(pieces)) for way in (stride, -stride)):
                offer = self._inner[index].offer
                moved = pieces[index] + way * offer.step
                if moved < offer.minimum:
                    moved = 0 if way < 0 else offer.minimum
                if moved == pieces[index] or (offer.most is not None and moved > offer.most):
                    continue
                there = (*pieces[:index], moved, *pieces[index + 1 :])
                new = self._bought(there)
                if new < cost:
                    pieces, cost, better = there, new, True
            stride = stride if better else stride // 2
        return cost, pieces


def _parts(months: Sequence[Month], outer: str) -> list[tuple[Sequence[int], int]]:
    """The volumes of each longer interval, and the number of the month in which it ends."""
    if outer == "day":
        return [
            (month[begin : begin + DAY], number)
            for number, month in enumerate(months)
            for begin in range(0, len(month), DAY)
        ]
    span = INTERVALS[outer] or len(months)
    return [
        (
            [volume for month in months[begin : begin + span] for volume in month],
            min(begin + span, len(months)) - 1,
        )
        for begin in range(0, len(months), span)
    ]


def grain(months: Sequence[Month], interval: str) -> tuple[Month, ...]:
    """Months in steps of a short interval: hours, days or the month as one."""
    if interval == "hour":
        return tuple(months)
    if interval == "month":
        return tuple((sum(month),) for month in months)
    return tuple(
        tuple(sum(month[begin : begin + DAY]) for begin in range(0, len(month), DAY)) for month in months
    )
