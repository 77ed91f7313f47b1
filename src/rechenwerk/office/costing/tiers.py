"""Which service tiers served the use of an hour, read from what it was booked at. Pure.

The hours that the books keep are sums over all tiers; a tier has its price, so the sums say how much of the
use each of two tiers had. A provider serves what was asked for, or its standard tier; of bought capacity what
fits, or what ran past it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from rechenwerk.base.usage import Usage
from rechenwerk.contracts.ports import SHARED, STANDARD, Contract, Deployed, Used
from rechenwerk.contracts.pricing import factor_of
from rechenwerk.contracts.terms import Grant, OwnHardware, Provisioned, TakeOrPay
from rechenwerk.contracts.weights import ZERO, counts, dot, rates_of
from rechenwerk.office.costing.ports import HourUse

_ONE = Fraction(1)


def by_tier(terms: Contract, at: Deployed, hour: HourUse) -> Iterator[Used]:
    """The use of an hour, in one part or in two.

    Args:
        terms: of the deployment's contract, in that hour.
        at: the deployment, at the list rates of that hour.
        hour: its sums.
    """
    one, other, share = _mix(terms, at, hour)
    part = Usage(*(round(count * share) for count in hour.usage.counts()))
    rest = Usage(*(a - b for a, b in zip(hour.usage.counts(), part.counts(), strict=True)))
    for usage, tier in ((rest, one), (part, other)):
        if any(usage.counts()):
            yield Used(hour=hour.hour, deployment=at.name, usage=usage, service_tier=tier)


def _mix(terms: Contract, at: Deployed, hour: HourUse) -> tuple[str, str, Fraction]:
    """Two tiers, and the share of the second."""
    asked = at.service_tier
    plain = dot(rates_of(at.rates), counts(hour.usage))
    if isinstance(terms, OwnHardware | Grant) or not plain:
        return asked, asked, ZERO
    if isinstance(terms, TakeOrPay) and terms.unit_price is not None:
        return asked, asked, ZERO
    if isinstance(terms, Provisioned):
        past = plain * factor_of(terms.pricing, SHARED) * (1 - Fraction(terms.pricing.discount))
        return STANDARD, SHARED, _share(hour.amount, past) if past else ZERO
    low, high = factor_of(terms.pricing, STANDARD), factor_of(terms.pricing, asked)
    if low == high:
        return asked, asked, ZERO
    return STANDARD, asked, _share(hour.listed - plain * low, plain * (high - low))


def _share(part: Fraction | int, whole: Fraction) -> Fraction:
    return min(_ONE, max(ZERO, Fraction(part) / whole))
