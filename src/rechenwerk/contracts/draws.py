"""What was drawn from contracts, from the hours that the books keep: from booked calls to positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rechenwerk.base.money import NANO
from rechenwerk.contracts.ports import Drawn, HourDraw, Version
from rechenwerk.contracts.position import takes
from rechenwerk.contracts.terms import Cap, Contract
from rechenwerk.contracts.weights import counts, dot, weights


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
    hours: dict[int, int] = {}
    for draw in draws:
        terms = version_at(versions, draw.hour)
        if draw.contract == terms.name or draw.contract in terms.covers:
            taken = takes(terms, draw.usage, draw.cost, draw.listed)
            hours[draw.hour] = hours.get(draw.hour, 0) + taken
    return Drawn(hours)


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
