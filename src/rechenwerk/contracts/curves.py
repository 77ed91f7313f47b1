"""Load duration curves: how long demand lies above a level, and what a commitment up to it comes to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate

from rechenwerk.base.money import NANO
from rechenwerk.contracts.demand import DAY, Month
from rechenwerk.contracts.offers import INTERVALS, Offer


class Curve:
    """Volumes per interval, sorted, each with a weight: today's value of money spent then.

    Args:
        loads: (volume in billionths of a unit, weight in billionths) per interval.
    """

    def __init__(self, loads: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(loads)
        self.levels = tuple(volume for volume, _ in ordered)
        self._weights = (0, *accumulate(weight for _, weight in ordered))
        self._volumes = (0, *accumulate(volume * weight for volume, weight in ordered))
        self.weight = self._weights[-1]
        self.volume = self._volumes[-1]

    def above(self, level: int) -> int:
        """The weight of intervals in which demand is above a level."""
        return self.weight - self._weights[bisect_right(self.levels, level)]

    def within(self, level: int) -> int:
        """The weighted volume below a level: what a commitment of that level can serve."""
        count = bisect_right(self.levels, level)
        return self._volumes[count] + level * (self.weight - self._weights[count])

    def quantile(self, limit: Fraction) -> int:
        """The lowest level, 0 or one of the curve's own, that is passed for at most this weight."""
        low, high = 0, len(self.levels)
        while low < high:
            middle = (low + high) // 2
            if self.weight - self._weights[middle] <= limit:
                high = middle
            else:
                low = middle + 1
        return self.levels[low - 1] if low else 0


def money(price: Fraction, volume: int) -> Fraction:
    """Nano-units for a weighted volume at a price per unit."""
    return price * volume / (NANO * NANO)


def intervals(months: Sequence[Month], interval: str) -> list[tuple[int, int]]:
    """Volume per interval with the number of the month in which it ends, from 0."""
    if interval == "hour":
        return [(volume, number) for number, month in enumerate(months) for volume in month]
    if interval == "day":
        return [
            (sum(month[begin : begin + DAY]), number)
            for number, month in enumerate(months)
            for begin in range(0, len(month), DAY)
        ]
    span = INTERVALS[interval] or len(months)
    return [
        (sum(sum(month) for month in months[begin : begin + span]), min(begin + span, len(months)) - 1)
        for begin in range(0, len(months), span)
    ]


def today(rate: Fraction, month: int, *, at_start: bool = False) -> int:
    """Today's value of a unit of money in a month, in billionths; within a year it is the same.

    Args:
        rate: of discount, per year.
        month: number, from 0.
        at_start: paid as the month begins, not spread over its year.
    """
    if rate == 0:
        return NANO
    years = Decimal(month) / 12 if at_start else month // 12 + Decimal("0.5")
    with localcontext() as context:
        context.prec = 40
        base = 1 + Decimal(rate.numerator) / Decimal(rate.denominator)
        return int((NANO / base**years).to_integral_value())


def curve_of(months: Sequence[Month], interval: str, rate: Fraction, since: int = 0) -> Curve:
    """The load duration curve of some months; `since` is how many lie between today and them."""
    worth = [today(rate, since + number) for number in range(len(months))]
    return Curve((volume, worth[number]) for volume, number in intervals(months, interval))


def hold_total(offer: Offer, months: Sequence[Month], rate: Fraction, since: int = 0) -> Fraction:
    """Nano-units, in today's value, that one piece of an offer costs over some months, used or not.

    A term that goes on beyond the months counts with the part inside them.
    """
    if offer.hold_per == "term":
        starts = range(0, len(months), offer.term_months)
        share = Fraction(len(months), offer.term_months * len(starts))
        paid = sum(today(rate, since + start, at_start=True) for start in starts)
        return offer.hold * paid * share / NANO
    worth = [today(rate, since + number) for number in range(len(months))]
    if offer.hold_per == "month":
        paid = sum(worth)
    elif offer.hold_per == "hour":
        paid = sum(len(month) * worth[number] for number, month in enumerate(months))
    else:
        paid = sum(worth[number] for _, number in intervals(months, offer.interval))
    return offer.hold * paid / NANO
