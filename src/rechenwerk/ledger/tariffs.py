"""Tariffs: what an organisation charges for a model. Exact; rounded once per line, half-even. Pure.

    price of a call     rates x usage, or cost x (1 + share) + additions x usage; x (1 - discount)
    price of a month    units - allowance, rounded up to steps, in tiers, x rate x (1 - discount);
                        less what is included in money; at least the minimum; and the fee

What is known when a call ends is booked with it. What depends on the sum of a month (tiers, allowance,
steps, minimum, fee), and what rounding made of many small calls, is booked as a voucher: price of the month
less what its calls were booked at. Months are those of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, lcm
from types import MappingProxyType
from typing import Literal

import msgspec

from rechenwerk.base.money import NANO, divide_half_even
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.ledger.prices import FREE, PriceList, price_list

Bucket = Literal[
    "input", "cached_input", "cache_write", "output", "reasoning", "images", "seconds", "requests"
]
"""As `base.usage.BUCKETS`."""
Applies = Literal["marginal", "all-unit"]
Owed = Literal["used", "always"]
Each = Literal["project", "organisation"]
Form = Literal["per unit", "cost plus", "flat"]

MILLION = 1_000_000
LIKE: Mapping[str, str] = MappingProxyType(
    {"cached_input": "input", "cache_write": "input", "reasoning": "output"}
)
"""A bucket that a tariff does not name is counted in another one."""
_PIECES = frozenset({"images", "seconds", "requests"})
_ZERO = Fraction(0)
_ONE = Fraction(1)


class _Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all parts of a tariff share: unknown fields are refused."""


class Tier(_Terms, frozen=True):
    """Units `above` so many cost `rate`: per million tokens, or per piece of images, seconds, requests."""

    above: Decimal
    rate: Decimal


class Tiers(_Terms, frozen=True):
    """The price of one bucket changes with the units of a month; up to the first tier it is the tariff's.

    Attributes:
        applies: ``marginal``: each unit at the tier that it falls into; ``all-unit``: all units at the tier
            that the last one falls into.
        steps: ascending.
    """

    bucket: Bucket
    steps: tuple[Tier, ...]
    applies: Applies = "marginal"


class Step(_Terms, frozen=True):
    """The units of a month are billed per started `size`, each of the buckets by itself."""

    size: int = MILLION
    buckets: tuple[Bucket, ...] = ("input", "output")


class Terms(_Terms, frozen=True):
    """What a version of a tariff says. Money in whole units of the currency, per month.

    Attributes:
        price: rates per bucket, as `ledger.prices.price_list` takes them; with `cost_plus` added to it.
        cost_plus: share that is put on what a call cost: ``"0.15"`` is fifteen per cent.
        tiers: prices by volume.
        free: units of a bucket that are included.
        included: use worth so much is included, after discount: an allowance of money.
        step: rounding of what is billed.
        fee: is owed whatever is used. Without `price` and `cost_plus` use is included in it: a flat rate.
        minimum: use is billed at no less.
        owed: fee and minimum are owed by each project that used the model in the month, or by every project.
        each: whose units are counted together, and who owes fee and minimum: each project, or the
            organisation, whose projects share what it comes to.
    """

    price: dict[str, str] = {}
    cost_plus: Decimal | None = None
    tiers: tuple[Tiers, ...] = ()
    free: dict[Bucket, int] = {}
    included: Decimal = Decimal(0)
    step: Step | None = None
    fee: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    owed: Owed = "used"
    each: Each = "project"

    @property
    def form(self) -> Form:
        """How a call is priced."""
        if self.cost_plus is not None:
            return "cost plus"
        return "per unit" if self.price else "flat"


# -- one call ------------------------------------------------------------------------------------


class CallPrice(msgspec.Struct, frozen=True, gc=False):
    """What a call is booked at; made once, used for every call.

    Attributes:
        tariff: id of the version.
        prices: of units, after discount.
        on_cost: what a nano-unit of cost is multiplied by, times `prices.denominator`; 0: no cost plus.
    """

    tariff: int
    prices: PriceList
    on_cost: int = 0

    def amount(self, usage: Usage, cost: int) -> int:
        """Nano-units, rounded half-even once.

        Args:
            usage: of the call.
            cost: what it cost, in nano-units.
        """
        if not self.on_cost:
            return self.prices.amount(usage)
        whole = cost * self.on_cost + usage.weighted(self.prices.numerators)
        return divide_half_even(whole, self.prices.denominator)

    def highest(self, input_tokens: int, output_tokens: int, requests: int, cost: int) -> int:
        """The most that a call can be booked at; nano-units, rounded up.

        Args:
            input_tokens: the most that it can use.
            output_tokens: likewise.
            requests: likewise.
            cost: the most that it can cost.
        """
        most = self.prices.highest(input_tokens, output_tokens, requests)
        return most + -(-cost * self.on_cost // self.prices.denominator) if self.on_cost else most


def call_price(terms: Terms, discount: Decimal | Fraction = _ZERO, tariff: int = 0) -> CallPrice:
    """What calls are booked at under a version of a tariff.

    Args:
        terms: its terms.
        discount: share off, 0 to 1.
        tariff: its id.

    Raises:
        RechenwerkError: a rate that is none.
    """
    listed = price_list(terms.price) if terms.price else FREE
    keep = 1 - Fraction(discount)
    if keep == 1 and terms.cost_plus is None:
        return CallPrice(tariff, listed)
    rates = [Fraction(n, listed.denominator) * keep for n in listed.numerators]
    on_cost = _ZERO if terms.cost_plus is None else (1 + Fraction(terms.cost_plus)) * keep
    denominator = lcm(on_cost.denominator, *(rate.denominator for rate in rates))
    a, b, c, d, e, f, g, h = (int(rate * denominator) for rate in rates)
    prices = PriceList((a, b, c, d, e, f, g, h), denominator)
    return CallPrice(tariff, prices, int(on_cost * denominator))


# -- one month -----------------------------------------------------------------------------------


class DayUse(msgspec.Struct, frozen=True):
    """What a project used of a model on a day, under one version of its tariff.

    Attributes:
        counts: units in the order of `BUCKETS`.
        cost: what it cost, in nano-units.
        discount: share off that day.
    """

    counts: tuple[int, ...]
    cost: int = 0
    discount: Fraction = _ZERO


Sort = Literal["use", "free", "cost", "included", "fee", "minimum"]


class Line(msgspec.Struct, frozen=True):
    """A line of what a month comes to.

    Attributes:
        sort: use: as billed, started steps whole; free: units that are included; cost: cost plus; included:
            money that is taken off; fee; minimum: what is missing to it.
        bucket: which units; empty where it is no use.
        quantity: units, or nano-units of cost.
        rate: nano-units of one, before discount.
        discount: share off: the mean over the units.
        amount: nano-units, rounded half-even.
        tier: units above so many; None without tiers.
    """

    sort: Sort
    bucket: str
    quantity: Fraction
    rate: Fraction
    discount: Fraction
    amount: int
    tier: Fraction | None = None


def period_price(terms: Terms, use: Sequence[DayUse], share: Fraction = _ONE) -> tuple[Line, ...]:
    """What use of one month comes to.

    Allowances, the borders of tiers, fee and minimum are taken in the share of the month in which the version
    holds. Where it holds for none of it (calls that a late gateway still priced by it), use costs its rates.

    Args:
        terms: of one version.
        use: of one project and model in the month, under this version.
        share: of the month.
    """
    if not share:
        terms = msgspec.structs.replace(
            terms,
            tiers=(),
            free={},
            included=Decimal(0),
            step=None,
            fee=Decimal(0),
            minimum=Decimal(0),
        )
    lines = [] if terms.cost_plus is None else list(_on_cost(terms.cost_plus, use))
    for bucket, units, discount in _units(terms, use):
        lines += _of_bucket(terms, bucket, units, discount, share)
    included = min(total(lines), round(Fraction(terms.included) * NANO * share))
    if included > 0:
        lines.append(Line("included", "", _ONE, Fraction(-included), _ZERO, -included))
    owes = bool(use) or terms.owed == "always"
    if terms.minimum and owes:
        missing = round(Fraction(terms.minimum) * NANO * share) - sum(line.amount for line in lines)
        if missing > 0:
            lines.append(Line("minimum", "", _ONE, Fraction(missing), _ZERO, missing))
    if terms.fee and owes:
        fee = Fraction(terms.fee) * NANO
        lines.append(Line("fee", "", share, fee, _ZERO, round(fee * share)))
    return tuple(lines)


def total(lines: Sequence[Line]) -> int:
    """Nano-units of all lines."""
    return sum(line.amount for line in lines)


def at_rates(price: CallPrice, day: DayUse) -> Fraction:
    """Nano-units of use at what calls are booked at, not rounded."""
    units = sum(count * rate for count, rate in zip(day.counts, price.prices.numerators, strict=True))
    return Fraction(units + day.cost * price.on_cost, price.prices.denominator)


def named(terms: Terms) -> frozenset[str]:
    """Buckets that a tariff counts by themselves; the others are counted as what they are like."""
    tiered = {tiers.bucket for tiers in terms.tiers}
    stepped = terms.step.buckets if terms.step is not None else ()
    return frozenset({*terms.price, *tiered, *terms.free, *stepped})


def _units(terms: Terms, use: Sequence[DayUse]) -> list[tuple[str, int, Fraction]]:
    """Units of each bucket that has any, with their mean discount."""
    own = named(terms)
    sums: dict[str, tuple[int, Fraction]] = {}
    for bucket, at in _AT:
        target = bucket if bucket in own else LIKE.get(bucket, bucket)
        for day in use:
            if count := day.counts[at]:
                units, off = sums.get(target, (0, _ZERO))
                sums[target] = units + count, off + count * day.discount
    return [(name, units, off / units) for name, (units, off) in sorted(sums.items(), key=_place)]


_AT = tuple((bucket, at) for at, bucket in enumerate(BUCKETS))


def _place(item: tuple[str, object]) -> int:
    return BUCKETS.index(item[0])


def _of_bucket(terms: Terms, bucket: str, units: int, off: Fraction, share: Fraction) -> list[Line]:
    lines = []
    free: Mapping[str, int] = {str(name): count for name, count in terms.free.items()}
    included = min(Fraction(units), free.get(bucket, 0) * share)
    if included:
        lines.append(Line("free", bucket, included, _ZERO, _ZERO, 0))
    billed = units - included
    if terms.step is not None and bucket in terms.step.buckets:
        billed = Fraction(ceil(billed / terms.step.size) * terms.step.size)
    for above, count, rate in _tiered(terms, bucket, billed, share):
        if rate or bucket in terms.price:
            lines.append(Line("use", bucket, count, rate, off, round(count * rate * (1 - off)), above))
    return lines


def rate_of(terms: Terms, bucket: str) -> Fraction:
    """Nano-units of a unit, before tiers and discount."""
    listed = price_list(terms.price) if terms.price else FREE
    return Fraction(listed.numerators[BUCKETS.index(bucket)], listed.denominator)


def per_unit(bucket: str, rate: Decimal) -> Fraction:
    """Nano-units of a unit, of a rate as people write it."""
    return Fraction(rate) * NANO / (1 if bucket in _PIECES else MILLION)


def _tiered(
    terms: Terms, bucket: str, units: Fraction, share: Fraction
) -> list[tuple[Fraction | None, Fraction, Fraction]]:
    """Units with their rates: (lower border of the tier, units in it, nano-units of one)."""
    first = rate_of(terms, bucket)
    tiers = next((one for one in terms.tiers if one.bucket == bucket), None)
    if tiers is None:
        return [(None, units, first)] if units else []
    borders = [_ZERO, *[Fraction(step.above) * share for step in tiers.steps]]
    rates = [first, *[per_unit(bucket, step.rate) for step in tiers.steps]]
    if tiers.applies == "all-unit":
        at = max(index for index, border in enumerate(borders) if not index or border < units)
        return [(borders[at], units, rates[at])] if units else []
    found: list[tuple[Fraction | None, Fraction, Fraction]] = []
    for index, (border, rate) in enumerate(zip(borders, rates, strict=True)):
        until = units if index + 1 == len(borders) else min(units, borders[index + 1])
        if until > border:
            found.append((border, until - border, rate))
    return found


def _on_cost(share: Decimal, use: Sequence[DayUse]) -> list[Line]:
    cost = sum(day.cost for day in use)
    if not cost:
        return []
    off = sum((day.cost * day.discount for day in use), _ZERO) / cost
    rate = 1 + Fraction(share)
    return [Line("cost", "", Fraction(cost), rate, off, round(cost * rate * (1 - off)))]
