"""What use costs under a contract's `Pricing`: steps, allowance, tiers, factors, discount. Exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts.periods import DAY, Span, day_of, month_span, period_at, whole_period
from rechenwerk.contracts.ports import STANDARD, Charge, Line, Used
from rechenwerk.contracts.terms import BillingStep, Common, FreeAllowance, Pricing, Tier, Tiers
from rechenwerk.contracts.weights import ZERO, Vector, counts, dot, rates_from, rates_of, scaled, weights
from rechenwerk.ledger.prices import PriceList

MILLION = 1_000_000
UNITS = ("million tokens",) * 5 + ("image", "second", "request")
"""What a line counts, per bucket."""
_PER_LINE = (MILLION,) * 5 + (1, 1, 1)
_ONE = Fraction(1)


class Lot(msgspec.Struct, frozen=True):
    """A part of the use of one hour, all at the same rates.

    Attributes:
        counts: billed units per bucket.
        rates: nano-units per unit, after everything.
        listed: nano-units at list rates.
        note: for people: why these rates.
    """

    hour: int
    deployment: str
    service_tier: str
    counts: Vector
    rates: Vector
    listed: Fraction
    note: str = ""

    @property
    def amount(self) -> Fraction:
        """Nano-units."""
        return dot(self.counts, self.rates)


class _Item(msgspec.Struct, frozen=True):
    hour: int
    deployment: str
    service_tier: str
    counts: Vector
    free: bool = False


def lots(contract: Common, rates: Mapping[str, PriceList], use: Iterable[Used]) -> list[Lot]:
    """Price use.

    Args:
        contract: under whose terms.
        rates: list rates by deployment.
        use: all of it since the beginning of any allowance or tier interval that matters.

    Raises:
        RechenwerkError: use of a deployment without rates.
    """
    ordered = sorted(use, key=lambda used: used.hour)
    for used in ordered:
        if used.deployment not in rates:
            raise RechenwerkError(f"use of {used.deployment!r}, which has no list rates; give its rates")
    listed = {name: rates_of(prices) for name, prices in rates.items()}
    pricing = contract.pricing
    items = list(_stepped(pricing.step, ordered))
    if pricing.free is not None:
        items = list(_allowed(contract, pricing.free, items, listed, {}))
    return list(_tiered(contract, pricing, items, listed))


def reached(contract: Common, rates: Mapping[str, PriceList], use: Sequence[Used], now: int) -> Fraction:
    """What counts for a contract's tiers in the interval of now, in their measure; zero without tiers."""
    tiers = contract.pricing.tiers
    if tiers is None:
        return ZERO
    listed, items = _seen(contract, rates, use)
    if contract.pricing.free is not None:
        items = list(_allowed(contract, contract.pricing.free, items, listed, {}))
    here = period_at(contract, tiers.per, now)[0]
    return sum(
        (
            size
            for item, period, size in _sizes(contract, tiers, items, listed, contract.pricing)
            if period == here and not item.free
        ),
        ZERO,
    )


def allowance_left(
    contract: Common, rates: Mapping[str, PriceList], use: Sequence[Used], now: int
) -> dict[str, Fraction]:
    """What the interval of now has left of an allowance, in its measure: of every deployment that drew on it.

    Under the empty name where the deployments share it.
    """
    free = contract.pricing.free
    if free is None:
        return {}
    listed, items = _seen(contract, rates, use)
    left: dict[tuple[int, str], Fraction] = {}
    for _ in _allowed(contract, free, items, listed, left):
        pass
    here = whole_period(contract, free.per, now)[0]
    return {name: room for (period, name), room in left.items() if period == here}


def _seen(
    contract: Common, rates: Mapping[str, PriceList], use: Sequence[Used]
) -> tuple[dict[str, Vector], list[_Item]]:
    listed = {name: rates_of(prices) for name, prices in rates.items()}
    return listed, list(_stepped(contract.pricing.step, sorted(use, key=lambda used: used.hour)))


def step_up(step: BillingStep, count: Fraction) -> Fraction:
    """A count of one bucket rounded up."""
    if count <= 0:
        return ZERO
    return Fraction(max(step.least, ceil(count / step.size) * step.size))


def _stepped(step: BillingStep | None, use: Sequence[Used]) -> Iterator[_Item]:
    """Round each bucket up: of calls alike, or of the sum of an hour, day or month."""
    if step is None or step.per == "call":
        for used in use:
            calls = max(used.usage.requests, 1)
            each = counts(used.usage)
            if step is not None:
                each = _rounded(step, scaled(each, Fraction(1, calls)))
                each = scaled(each, Fraction(calls))
            yield _Item(used.hour, used.deployment, used.service_tier, each)
        return
    sums: dict[tuple[str, str, int], _Item] = {}
    for used in use:
        key = (used.deployment, used.service_tier, _group(step, used.hour))
        before = sums.get(key)
        total = counts(used.usage)
        if before is not None:
            total = tuple(a + b for a, b in zip(before.counts, total, strict=True))
        hour = used.hour if before is None else before.hour
        sums[key] = _Item(hour, used.deployment, used.service_tier, total)
    for item in sums.values():
        yield msgspec.structs.replace(item, counts=_rounded(step, item.counts))


def _rounded(step: BillingStep, vector: Vector) -> Vector:
    return tuple(
        step_up(step, count) if bucket in step.buckets else count
        for bucket, count in zip(BUCKETS, vector, strict=True)
    )


def _group(step: BillingStep, hour: int) -> int:
    if step.per == "month":
        return month_span(day_of(hour))[0]
    return hour // DAY if step.per == "day" else hour


def _allowed(
    contract: Common,
    free: FreeAllowance,
    items: Sequence[_Item],
    listed: Mapping[str, Vector],
    left: dict[tuple[int, str], Fraction],
) -> Iterator[_Item]:
    """Take the allowance off: in order of time, then of buckets. `left` learns what each interval keeps."""
    for item in items:
        each = item.deployment if free.each == "deployment" else ""
        key = (whole_period(contract, free.per, item.hour)[0], each)
        room = left.get(key, Fraction(free.amount))
        weigh = (
            weights(free.weights)
            if free.measure == "quantity"
            else scaled(listed[item.deployment], Fraction(1, NANO))
        )
        taken = []
        for count, weight in zip(item.counts, weigh, strict=True):
            part = min(count, room / weight) if weight else ZERO
            room -= part * weight
            taken.append(part)
        left[key] = room
        if any(taken):
            yield msgspec.structs.replace(item, counts=tuple(taken), free=True)
        rest = tuple(a - b for a, b in zip(item.counts, taken, strict=True))
        if any(rest):
            yield msgspec.structs.replace(item, counts=rest)


def _tiered(
    contract: Common, pricing: Pricing, items: Sequence[_Item], listed: Mapping[str, Vector]
) -> Iterator[Lot]:
    tiers = pricing.tiers
    if tiers is None:
        for item in items:
            yield _lot(pricing, item, listed, Tier(), "free" if item.free else "")
        return
    sizes = _sizes(contract, tiers, items, listed, pricing)
    if tiers.applies == "all-unit":
        totals: dict[int, Fraction] = {}
        for item, period, size in sizes:
            totals[period] = totals.get(period, ZERO) + (ZERO if item.free else size)
        for item, period, _ in sizes:
            at = _tier_of(tiers, totals[period])
            yield _lot(pricing, item, listed, tiers.steps[at], _tier_note(tiers, at, free=item.free))
        return
    reached: dict[int, Fraction] = {}
    for item, period, size in sizes:
        if item.free:
            yield _lot(pricing, item, listed, Tier(), "free")
            continue
        so_far = reached.get(period, ZERO)
        for index, share in _shares(tiers, so_far, size):
            part = msgspec.structs.replace(item, counts=scaled(item.counts, share))
            yield _lot(pricing, part, listed, tiers.steps[index], _tier_note(tiers, index, free=False))
        reached[period] = so_far + size


def _sizes(
    contract: Common,
    tiers: Tiers,
    items: Sequence[_Item],
    listed: Mapping[str, Vector],
    pricing: Pricing,
) -> list[tuple[_Item, int, Fraction]]:
    """Each item with the beginning of its interval and its size in the measure of the tiers."""
    weigh = weights(tiers.weights)
    sized = []
    for item in items:
        if tiers.measure == "quantity":
            size = dot(item.counts, weigh)
        else:
            size = dot(item.counts, listed[item.deployment]) * factor_of(pricing, item.service_tier) / NANO
        sized.append((item, period_at(contract, tiers.per, item.hour)[0], size))
    return sized


def _tier_of(tiers: Tiers, reached: Fraction) -> int:
    """The tier that the last of so many units falls into."""
    return max(index for index, step in enumerate(tiers.steps) if index == 0 or step.above < reached)


def next_tier(tiers: Tiers, reached: Fraction) -> int:
    """The tier that the next unit falls into."""
    return max(index for index, step in enumerate(tiers.steps) if index == 0 or step.above <= reached)


def _shares(tiers: Tiers, reached: Fraction, size: Fraction) -> Iterator[tuple[int, Fraction]]:
    """Tiers that an amount falls into, each with its share of it."""
    at, end = reached, reached + size
    index = next_tier(tiers, at)
    while True:
        last = index + 1 == len(tiers.steps)
        until = end if last else min(end, Fraction(tiers.steps[index + 1].above))
        if until >= end:
            yield index, (end - at) / size if size else _ONE
            return
        yield index, (until - at) / size
        at, index = until, index + 1


def _tier_note(tiers: Tiers, index: int, *, free: bool) -> str:
    if free:
        return "free"
    return f"from {tiers.steps[index].above:,f}" if len(tiers.steps) > 1 else ""


def factor_of(pricing: Pricing, service_tier: str) -> Fraction:
    """What list rates are multiplied by for a service tier; 1 where nothing is said."""
    return Fraction(pricing.factors.get(service_tier, 1))


def tier_rates(pricing: Pricing, tier: Tier, listed: Vector, service_tier: str = STANDARD) -> Vector:
    """Nano-units per unit at a tier."""
    base = rates_from(tier.rates) if tier.rates else scaled(listed, Fraction(tier.factor))
    return scaled(base, factor_of(pricing, service_tier) * (1 - Fraction(pricing.discount)))


def _lot(pricing: Pricing, item: _Item, listed: Mapping[str, Vector], tier: Tier, note: str) -> Lot:
    base = listed[item.deployment]
    rates = scaled(base, ZERO) if item.free else tier_rates(pricing, tier, base, item.service_tier)
    return Lot(
        item.hour,
        item.deployment,
        item.service_tier,
        item.counts,
        rates,
        dot(item.counts, base) * factor_of(pricing, item.service_tier),
        note,
    )


def use_lines(priced: Iterable[Lot], span: Span) -> tuple[Line, ...]:
    """Lines of the lots in a span: one for each deployment, service tier, price and bucket."""
    sums: dict[tuple[str, str, str, int, Fraction], Fraction] = {}
    for lot in priced:
        if span[0] <= lot.hour < span[1]:
            for bucket, count in enumerate(lot.counts):
                if count and (lot.rates[bucket] or lot.note == "free"):
                    key = (lot.deployment, lot.service_tier, lot.note, bucket, lot.rates[bucket])
                    sums[key] = sums.get(key, ZERO) + count
    return tuple(
        Line(
            what=", ".join(
                filter(None, (f"{name}: {BUCKETS[bucket]}", "" if tier == STANDARD else tier, note))
            ),
            sort="free" if note == "free" else "use",
            quantity=count / _PER_LINE[bucket],
            unit=UNITS[bucket],
            rate=rate * _PER_LINE[bucket] / NANO,
            amount=round(count * rate),
        )
        for (name, tier, note, bucket, rate), count in sums.items()
    )


def repriced(
    contract: Common, rates: Mapping[str, PriceList], use: Sequence[Used], span: Span
) -> tuple[Line, ...]:
    """With all-unit tiers, what use before a span costs more, or less, at the tier that was reached in it."""
    tiers = contract.pricing.tiers
    if tiers is None or tiers.applies != "all-unit":
        return ()
    first = period_at(contract, tiers.per, span[0])[0]
    now = lots(contract, rates, (used for used in use if used.hour < span[1]))
    then = lots(contract, rates, (used for used in use if used.hour < span[0]))
    change = sum(
        (
            sign * lot.amount
            for sign, priced in ((1, now), (-1, then))
            for lot in priced
            if first <= lot.hour < span[0]
        ),
        ZERO,
    )
    if not change:
        return ()
    what = "earlier use of the interval, at the tier reached now"
    return (Line(what=what, sort="use", quantity=_ONE, unit="change", rate=None, amount=round(change)),)


def charges_of(priced: Iterable[Lot], span: Span, total: int) -> tuple[Charge, ...]:
    """What the lots of a span come to, hour by hour; they add up to `total` nano-units."""
    hours: dict[int, Fraction] = {}
    listed: dict[int, Fraction] = {}
    for lot in priced:
        if span[0] <= lot.hour < span[1]:
            hours[lot.hour] = hours.get(lot.hour, ZERO) + lot.amount
            listed[lot.hour] = listed.get(lot.hour, ZERO) + lot.listed
    return spread(hours, total, listed)


def spread(
    hours: Mapping[int, Fraction], total: int, listed: Mapping[int, Fraction] | None = None
) -> tuple[Charge, ...]:
    """Whole nano-units per hour, in proportion, that add up to `total`."""
    whole = sum(hours.values(), ZERO)
    charges, seen, given = [], ZERO, 0
    for hour in sorted(hours):
        seen += hours[hour]
        upto = round(total * seen / whole) if whole else 0
        at_list = None if listed is None else round(listed[hour])
        amount = upto - given
        charges.append(Charge(hour, amount, None if at_list == amount else at_list))
        given = upto
    return tuple(charge for charge in charges if charge.amount or charge.listed)
