"""What was drawn from contracts, from the hours that the books keep: from booked calls to positions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from operator import mul

from rechenwerk.base.money import NANO, divide_half_even
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.ports import Drawn, HourDraw, Version
from rechenwerk.contracts.position import measured, takes
from rechenwerk.contracts.terms import Cap, Contract, Grant, OwnHardware, Provisioned, TakeOrPay
from rechenwerk.contracts.weights import Vector, counts, dot, weights


def version_at(versions: Sequence[Version], moment: float) -> Contract:
    """The terms in force at a moment; of two from the same moment the later one in the list.

    Args:
        versions: ascending; the first holds for what came before it, too.
        moment: epoch seconds.
    """
    found = versions[0].terms
    for version in versions:
        if version.since <= moment:
            found = version.terms
    return found


def drawn(versions: Sequence[Version], draws: Iterable[HourDraw]) -> Drawn:
    """What was drawn from one contract: by its own calls, and by those of contracts that it covers.

    Each hour counts by the terms in force when it began, so that new terms leave booked calls as they are.

    Args:
        versions: of the contract, ascending.
        draws: of all contracts.
    """
    takers = [_Taker(version.terms) for version in versions]
    since = [version.since for version in versions]
    hours: dict[int, int] = {}
    for draw in draws:
        taker = takers[max(0, bisect_right(since, draw.hour) - 1)] if len(takers) > 1 else takers[0]
        if draw.contract in taker.names:
            hours[draw.hour] = hours.get(draw.hour, 0) + taker.takes(draw)
    return Drawn(hours)


class _Taker:
    """`position.takes` under terms that stay, for thousands of hours: whole numbers, no fraction for each."""

    def __init__(self, terms: Contract) -> None:
        self.names = frozenset((terms.name, *terms.covers))
        self._quantity = measured(terms)[0] == "quantity"
        self._at_list = takes(terms, Usage(), 0, 1) == 1
        each = Fraction(terms.usage_per_unit) if isinstance(terms, Grant) else 1
        weigh = [weight / each for weight in weights_of(terms)]
        self._denominator = lcm(*(weight.denominator for weight in weigh))
        self._numerators = [int(weight * self._denominator) for weight in weigh]

    def takes(self, draw: HourDraw) -> int:
        """Nano-units of what the contract counts."""
        if not self._quantity:
            return draw.listed if self._at_list else draw.cost
        total = sum(map(mul, self._numerators, draw.usage.counts()))
        return divide_half_even(total * NANO, self._denominator)


def weights_of(terms: Contract) -> Vector:
    """What a unit of usage takes of what a contract counts."""
    if isinstance(terms, Provisioned):
        return weights(terms.blocks[0].weights)
    return weights(terms.weights if isinstance(terms, OwnHardware | TakeOrPay | Grant) else {})


def drawn_all(contracts: Mapping[str, Sequence[Version]], draws: Sequence[HourDraw]) -> Mapping[str, Drawn]:
    """The same of several contracts, by name."""
    by_contract: dict[str, list[HourDraw]] = {}
    for draw in draws:
        by_contract.setdefault(draw.contract, []).append(draw)
    found = {}
    for name, versions in contracts.items():
        covered = {other for version in versions for other in version.terms.covers}
        own = [draw for other in {name, *covered} for draw in by_contract.get(other, ())]
        found[name] = drawn(versions, own)
    return found


def cap_drawn(contract: Contract, cap: Cap, draws: Iterable[HourDraw]) -> Drawn:
    """What calls of a contract drew from one of its caps, which is not one by the minute."""
    weigh = weights(cap.weights)
    hours: dict[int, int] = {}
    for draw in draws:
        if draw.contract == contract.name:
            taken = draw.cost if cap.measure == "spend" else round(dot(weigh, counts(draw.usage)) * NANO)
            hours[draw.hour] = hours.get(draw.hour, 0) + taken
    return Drawn(hours)
