"""Staggered terms: a commitment in parts that expire one after another, so that it can follow demand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.money import divide_half_even
from rechenwerk.contracts.curves import curve_of, hold_total
from rechenwerk.contracts.deals import Deal, around, stack_cost
from rechenwerk.contracts.demand import Month
from rechenwerk.contracts.offers import Offer

SPACINGS = (1, 3, 6, 12)
"""Months between two renewals that people keep a calendar for."""
MOST_RUNGS = 12
FALL = Fraction(3, 10)
"""How far demand falls, in a straight line over a year, when a ladder is tried."""


class Rung(msgspec.Struct, frozen=True):
    """A part of the commitment: bought at the start of a month, from 0, free again at another."""

    buy: int
    expires: int
    pieces: int


class Renewal(msgspec.Struct, frozen=True):
    """A date at which a rung ends, if demand falls by 30 % in a year.

    Attributes:
        month: from the start of the first full year of the ladder.
        wanted: pieces that are best for demand then.
        committed: pieces after the rung was renewed, made smaller or let go.
    """

    month: int
    wanted: int
    committed: int

    @property
    def over(self) -> int:
        """Pieces that are bound and not wanted."""
        return max(0, self.committed - self.wanted)


class Costs(msgspec.Struct, frozen=True):
    """What staggering costs, over a term; nano-units.

    Attributes:
        building: more, until the last rung is bought, than to buy all at once.
        bridge: name of the offer that stands in for rungs that are not bought yet; None: on demand.
        regret: above the best at every moment, if demand falls by 30 % in a year.
        block_regret: the same for all at once.
    """

    building: Fraction
    regret: Fraction
    block_regret: Fraction
    bridge: str | None = None

    @property
    def pays(self) -> bool:
        """Whether one such fall saves more than the building costs."""
        return self.block_regret - self.regret > self.building


class Ladder(msgspec.Struct, frozen=True):
    """A commitment in rungs.

    Attributes:
        every: months between two renewals.
        rungs: to buy, in order.
        renewals: one term of the falling path, with all rungs in place.
        costs: None where other offers share the demand.
    """

    offer: str
    every: int
    rungs: tuple[Rung, ...]
    renewals: tuple[Renewal, ...]
    costs: Costs | None

    @property
    def follows(self) -> bool:
        """Whether at every renewal the commitment could come down to what is wanted."""
        return all(renewal.over == 0 for renewal in self.renewals)


def spacing(offer: Offer, pieces: int) -> int | None:
    """Months between renewals: the shortest that leaves every rung what the offer sells at least.

    None where there is nothing to stagger: a term of a month, too few pieces, or a commitment that is settled
    over more than a month.
    """
    if offer.interval not in ("hour", "day", "month"):
        return None
    for every in SPACINGS:
        count, rest = divmod(offer.term_months, every)
        if rest == 0 and 2 <= count <= MOST_RUNGS and pieces >= count * offer.minimum:
            return every
    return None


def split(offer: Offer, pieces: int, count: int) -> list[int]:
    """Pieces per rung, as even as the offer's steps allow, the larger ones first."""
    spare = (pieces - count * offer.minimum) // offer.step
    each, more = divmod(spare, count)
    return [offer.minimum + (each + (index < more)) * offer.step for index in range(count)]


def build(
    deal: Deal,
    pieces: int,
    months: Sequence[Month],
    rate: Fraction,
    *,
    bridges: Sequence[Offer] = (),
    alone: bool = True,
) -> Ladder | None:
    """The ladder of one offer; None where there is nothing to stagger.

    Args:
        deal: the offer, against what volume costs without it.
        pieces: what is best now.
        months: of demand, a term at least, from now on.
        rate: of discount.
        bridges: offers that could stand in for rungs that are not bought yet.
        alone: no other offer of a short interval serves the same demand.
    """
    every = spacing(deal.offer, pieces)
    if every is None:
        return None
    term = deal.offer.term_months
    sizes = split(deal.offer, pieces, term // every)
    whole = sum(sizes)
    wanted = [_wanted(deal.offer, whole, month) for month in range(term)]
    committed = _follow(sizes, every, wanted, term)
    rungs = tuple(Rung(index * every, index * every + term, size) for index, size in enumerate(sizes))
    renewals = tuple(Renewal(month, wanted[month], committed[month]) for month in range(every, term, every))
    costs = None
    if alone:
        falling = [_fallen(month, at) for at, month in enumerate(months[:term])]
        best = _path(deal, falling, wanted, rate)
        building, bridge = _building(deal, rungs, months[:term], rate, bridges)
        costs = Costs(
            building=building,
            regret=_path(deal, falling, committed, rate) - best,
            block_regret=_path(deal, falling, [whole] * term, rate) - best,
            bridge=bridge,
        )
    return Ladder(deal.offer.name, every, rungs, renewals, costs)


def _share(month: int) -> Fraction:
    return 1 - FALL * min(month, 12) / 12


def _wanted(offer: Offer, pieces: int, month: int) -> int:
    """All levels scale with demand, and so does the commitment; rounded up to what can be bought."""
    scaled = pieces * _share(month)
    steps = -(-(scaled - offer.minimum) // offer.step)
    return offer.minimum + max(0, steps) * offer.step


def _follow(sizes: Sequence[int], every: int, wanted: Sequence[int], term: int) -> list[int]:
    """Pieces per month when every rung, as it ends, is renewed only as far as it is wanted."""
    standing = list(sizes)
    done = []
    for month in range(term):
        if month and month % every == 0:
            rung = month // every - 1
            others = sum(standing) - standing[rung]
            standing[rung] = min(standing[rung], max(0, wanted[month] - others))
        done.append(sum(standing))
    return done


def _fallen(month: Month, at: int) -> Month:
    share = _share(at)
    return tuple(divide_half_even(volume * share.numerator, share.denominator) for volume in month)


def _path(deal: Deal, months: Sequence[Month], pieces: Sequence[int], rate: Fraction) -> Fraction:
    """What demand costs month by month under so many pieces each."""
    total = Fraction(0)
    for at, (month, count) in enumerate(zip(months, pieces, strict=True)):
        curve = curve_of((month,), deal.offer.interval, rate, at)
        monthly = msgspec.structs.replace(deal, hold=_monthly(deal.offer, month, rate, at))
        total += monthly.cost(curve, count)
    return total


def _building(
    deal: Deal, rungs: Sequence[Rung], months: Sequence[Month], rate: Fraction, bridges: Sequence[Offer]
) -> tuple[Fraction, str | None]:
    """What it costs more to buy rung by rung, with the best bridge or without one."""
    whole = sum(rung.pieces for rung in rungs)
    every = rungs[1].buy
    rising = [sum(rung.pieces for rung in rungs if rung.buy <= month) for month in range(len(months))]
    costs: list[tuple[Fraction, str | None]] = [(_path(deal, months, rising, rate), None)]
    fitting = (
        bridge
        for bridge in bridges
        if (bridge.interval, bridge.beyond) == (deal.offer.interval, None) and every % bridge.term_months == 0
    )
    costs += [(_bridged(deal, bridge, rising, months, rate), bridge.name) for bridge in fitting]
    cost, name = min(costs, key=lambda one: one[0])
    return cost - _path(deal, months, [whole] * len(months), rate), name


def _bridged(
    deal: Deal, bridge: Offer, rising: Sequence[int], months: Sequence[Month], rate: Fraction
) -> Fraction:
    total = Fraction(0)
    for at, (month, count) in enumerate(zip(months, rising, strict=True)):
        curve = curve_of((month,), bridge.interval, rate, at)
        held = msgspec.structs.replace(deal, hold=_monthly(deal.offer, month, rate, at))
        other = Deal(bridge, _monthly(bridge, month, rate, at), deal.on_demand)
        sizes = (0, *around(bridge, (rising[-1] - count) * deal.offer.capacity))
        total += min(stack_cost(curve, (held, other), (count, size)) for size in sizes)
    return total


def _monthly(offer: Offer, month: Month, rate: Fraction, at: int) -> Fraction:
    """A month of holding a piece; of a fee for the whole term its share."""
    return hold_total(offer, (month,), rate, at)
