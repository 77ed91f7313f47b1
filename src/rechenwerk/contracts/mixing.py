"""Offers together: a stack of those that are settled in a short interval, one over a longer one above it.

Such as provisioned capacity by the hour under a spend commitment by the year: what the capacity does not
serve counts towards the commitment. Capacity is used first.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from rechenwerk.contracts.curves import Curve, curve_of, hold_total, money
from rechenwerk.contracts.deals import Deal, stack, stack_cost
from rechenwerk.contracts.demand import DAY, Month
from rechenwerk.contracts.offers import Offer, Sheet

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
        deals = [self.deal(offer) for offer, _ in mix.inner]
        counts = [pieces for _, pieces in mix.inner]
        curve = self.curve(mix.interval)
        total = stack_cost(curve, deals, counts)
        if mix.outer is None or mix.outer[1] == 0:
            return total
        left = self._left(mix, mix.outer[0].interval)
        return (
            total
            - money(self.sheet.on_demand, left.volume)
            + self.deal(mix.outer[0]).cost(left, mix.outer[1])
        )

    def sunk(self, mix: Mix) -> Fraction:
        """What a mix costs if nothing is used."""
        return sum((self.deal(offer).sunk(pieces) for offer, pieces in mix.parts()), Fraction(0))

    def _left(self, mix: Mix, interval: str) -> Curve:
        """The curve, in a longer interval, of what the inner offers leave."""
        level = sum(pieces * offer.capacity for offer, pieces in mix.inner)
        left = tuple(
            tuple(volume - level if volume > level else 0 for volume in month)
            for month in grain(self.months, mix.interval)
        )
        return curve_of(left, interval, self.sheet.discount_rate)

    def with_outer(self, mix: Mix, outer: Offer) -> Mix:
        """The mix with as much of an outer offer as pays on what the inner ones leave."""
        return msgspec.structs.replace(
            mix, outer=(outer, self.deal(outer).best(self._left(mix, outer.interval)))
        )

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
                    one = self._under(interval, inner, outer)
                    found.append((self.cost(one), one, None))
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

    def _under(self, interval: str, inner: Sequence[Offer], outer: Offer) -> Mix:
        """The best stack under an outer offer.

        A unit more that the stack serves saves what it would have cost without: the outer offer's price, that
        beyond it, or the one on demand. A stack is made for each of these, and the best one improved step by
        step: one inner offer ends at its best size, several at a good one.
        """
        prices = {self.sheet.on_demand, self.deal(outer).beyond, self.price_of(outer)}
        curve = self.curve(interval)
        starts = []
        for price in prices:
            made = stack(curve, [self.deal(offer, price) for offer in inner])
            mix = Mix(interval, tuple(zip(inner, made.pieces, strict=True)))
            starts.append(self.with_outer(mix, outer))
        return self._downhill(min(starts, key=self.cost))

    def _downhill(self, mix: Mix) -> Mix:
        """Change one inner offer at a time, by ever smaller steps, while that saves money."""
        assert mix.outer is not None
        outer, cost = mix.outer[0], self.cost(mix)
        stride = 16
        while stride:
            better = False
            for index, way in ((index, way) for index in range(len(mix.inner)) for way in (stride, -stride)):
                offer, pieces = mix.inner[index]
                moved = pieces + way * offer.step
                if moved < offer.minimum:
                    moved = 0 if way < 0 else offer.minimum
                if moved == pieces or (offer.most is not None and moved > offer.most):
                    continue
                inner = (*mix.inner[:index], (offer, moved), *mix.inner[index + 1 :])
                there = self.with_outer(msgspec.structs.replace(mix, inner=inner), outer)
                if (new := self.cost(there)) < cost:
                    mix, cost, better = there, new, True
            stride = stride if better else stride // 2
        return mix


def grain(months: Sequence[Month], interval: str) -> tuple[Month, ...]:
    """Months in steps of a short interval: hours, days or the month as one."""
    if interval == "hour":
        return tuple(months)
    if interval == "month":
        return tuple((sum(month),) for month in months)
    return tuple(
        tuple(sum(month[begin : begin + DAY]) for begin in range(0, len(month), DAY)) for month in months
    )
