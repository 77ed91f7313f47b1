"""How far tiers and allowances are drawn: what the price of the next unit, and of a month's, depend on.

The same steps as on the bill (`pricing`) are played over what was used, so that the next unit costs what the
bill will say. Use comes by the hour, so where rounding is per call the calls of an hour count as alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.periods import DAY, period_at, whole_period
from rechenwerk.contracts.ports import Measure, Position, Used
from rechenwerk.contracts.pricing import allowance_left, next_tier, reached
from rechenwerk.contracts.terms import Common, Contract
from rechenwerk.contracts.weights import ZERO
from rechenwerk.ledger.prices import PriceList


class Progress(msgspec.Struct, frozen=True):
    """Where a contract's prices stand in their intervals.

    Attributes:
        reached: of the tiers, in their measure: currency units or weighted usage.
        left: of the allowance, in its measure: by deployment where each has its own, else under the empty
            name; one that is missing is untouched.
    """

    reached: Fraction = ZERO
    left: Mapping[str, Fraction] = {}

    def free(self, contract: Common, deployment: str) -> Fraction:
        """What is left of the allowance for a deployment."""
        free = contract.pricing.free
        if free is None:
            return ZERO
        name = deployment if free.each == "deployment" else ""
        return self.left.get(name, Fraction(free.amount))


def matters(contract: Common) -> bool:
    """Whether the next unit's price depends on what was used before."""
    return contract.pricing.tiers is not None or contract.pricing.free is not None


def progress(contract: Common, rates: Mapping[str, PriceList], use: Iterable[Used], now: int) -> Progress:
    """Where a contract's prices stand.

    Args:
        contract: its terms.
        rates: list rates by deployment; use of others is left out.
        use: by hour, of its own deployments.
        now: epoch seconds; what is used later does not count.
    """
    since = _since(contract, now)
    past = [used for used in use if since <= used.hour <= now and used.deployment in rates]
    if contract.pricing.step is None:
        past = _by_day(past)
    return Progress(reached(contract, rates, past, now), allowance_left(contract, rates, past, now))


def _since(contract: Common, now: int) -> int:
    """The first second that matters."""
    tiers, free = contract.pricing.tiers, contract.pricing.free
    begin = now if tiers is None else period_at(contract, tiers.per, now)[0]
    return begin if free is None else min(begin, whole_period(contract, free.per, begin)[0])


def _by_day(use: Sequence[Used]) -> list[Used]:
    """The same use in fewer pieces: intervals of prices begin with a day, or within an hour."""
    sums: dict[tuple[int, str, str], list[int]] = {}
    last = max((used.hour // DAY for used in use), default=0)
    for used in use:
        at = used.hour if used.hour // DAY == last else used.hour // DAY * DAY
        total = sums.setdefault((at, used.deployment, used.service_tier), [0] * len(BUCKETS))
        for index, count in enumerate(used.usage.counts()):
            total[index] += count
    return [
        Used(hour=at, deployment=name, usage=Usage(*total), service_tier=tier)
        for (at, name, tier), total in sums.items()
    ]


def price_positions(contract: Contract, at: Progress, now: int) -> list[Position]:
    """The same as positions: of the tier that holds, with the next one as the amount, and of allowances."""
    found = []
    tiers, free = contract.pricing.tiers, contract.pricing.free
    if tiers is not None:
        step = next_tier(tiers, at.reached)
        above = None if step + 1 == len(tiers.steps) else Fraction(tiers.steps[step + 1].above)
        span = period_at(contract, tiers.per, now)
        found.append(_position(contract, "tier", tiers.measure, span, at.reached, above))
    if free is not None:
        span = whole_period(contract, free.per, now)
        amount = Fraction(free.amount)
        lefts = sorted(at.left.items()) or [("", amount)]
        for name, left in lefts:
            kind = f"allowance of {name}" if name else "allowance"
            found.append(_position(contract, kind, free.measure, span, amount - left, amount))
    return found


def _position(
    contract: Contract,
    kind: str,
    measure: Measure,
    span: tuple[int, int],
    drawn: Fraction,
    amount: Fraction | None,
) -> Position:
    left = None if amount is None else max(ZERO, amount - drawn)
    return Position(
        contract=contract.name,
        kind=kind,
        measure=measure,
        unit="" if measure == "spend" else "weighted unit",
        status="exhausted" if left == 0 else "active",
        starts_at=span[0],
        ends_at=span[1],
        amount=None if amount is None else round(amount * NANO),
        drawn=round(drawn * NANO),
        remaining=None if left is None else round(left * NANO),
    )
