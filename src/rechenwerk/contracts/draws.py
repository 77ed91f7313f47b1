"""What was drawn from contracts, from the hours that the books keep: from booked calls to positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.contracts.ports import Drawn
from rechenwerk.contracts.position import takes
from rechenwerk.contracts.terms import Contract


class HourDraw(msgspec.Struct, frozen=True, gc=False):
    """Calls under one contract that began in the same hour.

    Attributes:
        contract: name of the one that they were booked under.
        hour: when it began, epoch seconds.
        usage: of all of them together.
        cost: nano-units that were booked for them.
        listed: the same at list rates.
    """

    contract: str
    hour: int
    usage: Usage
    cost: int
    listed: int


class Version(msgspec.Struct, frozen=True):
    """Terms and the moment (epoch seconds) from which they hold."""

    since: float
    terms: Contract


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
