"""The purchase adviser: how much to commit, for how long, and what it costs to be wrong. Pure.

Separate from routing: routing spends what was bought, this says what to buy. Method and assumptions stand in
docs/adviser.md; the arithmetic of one offer is in `deals`, of staggered terms in `ladder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm

import msgspec

from rechenwerk.contracts.curves import curve_of, hold_total, intervals, money
from rechenwerk.contracts.deals import Deal
from rechenwerk.contracts.demand import Load, Month, Outlook, first_month, project
from rechenwerk.contracts.ladder import Ladder, build
from rechenwerk.contracts.mixing import SHORT, Scene
from rechenwerk.contracts.offers import Offer, Sheet

SCENARIOS = ("base", "lower", "higher")
FACTORS = (Fraction(1), Fraction(7, 10), Fraction(13, 10))
"""Demand as expected, 30 % less, 30 % more."""


class OfferAdvice(msgspec.Struct, frozen=True):
    """What is to be said of one offer, over one term of it; nano-units, in today's value.

    Attributes:
        pieces: that cost least if demand comes as expected.
        level: what they allow per interval, in billionths of a unit.
        break_even: share of a commitment that must be used; None: it never pays.
        used: share of the commitment that is used; None: nothing is committed.
        cost, on_demand: of the term's demand, with the pieces and without.
        lower, higher: the same if demand is 30 % less or more: with the pieces.
        regret_lower, regret_higher: above what the best number of pieces would have cost then.
        pieces_lower: that would be best if demand is 30 % less.
        sunk: the worst case: paid although nothing is used.
        cautious: pieces whose worst regret over the three is least.
        expected: cost over the common horizon, weighed by the chances, when at each end of the term the
            commitment is made anew and right.
    """

    offer: Offer
    pieces: int
    level: int
    break_even: Fraction | None
    used: Fraction | None
    cost: Fraction
    on_demand: Fraction
    lower: Fraction
    higher: Fraction
    regret_lower: Fraction
    regret_higher: Fraction
    pieces_lower: int
    sunk: Fraction
    cautious: int
    expected: Fraction

    @property
    def saving(self) -> Fraction:
        """Against buying everything on demand."""
        return self.on_demand - self.cost


class Part(msgspec.Struct, frozen=True):
    """An offer in a combination."""

    offer: str
    pieces: int
    level: int


class Combination(msgspec.Struct, frozen=True):
    """Several offers together, held over the whole horizon (shorter ones renewed).

    Attributes:
        gap: nano-units by which it costs more, at most, than the best of offers in one interval; None: not
            told, where a commitment over a longer interval is among them.
        expected: weighed by the chances; nothing is changed at renewals.
    """

    parts: tuple[Part, ...]
    cost: Fraction
    on_demand: Fraction
    gap: Fraction | None
    regret_lower: Fraction
    regret_higher: Fraction
    sunk: Fraction
    expected: Fraction


class Advice(msgspec.Struct, frozen=True):
    """What to buy.

    Attributes:
        starts: year and month of the projection's first month.
        horizon: months after which all terms end together.
        on_demand: expected nano-units over the horizon without any commitment.
        combination: where several offers together are cheaper than each alone.
        recommended: name of an offer, "combination", or empty: buy nothing.
        ladders: of what is recommended, where it can be staggered.
    """

    starts: tuple[int, int]
    horizon: int
    on_demand: Fraction
    offers: tuple[OfferAdvice, ...]
    combination: Combination | None
    recommended: str
    ladders: tuple[Ladder, ...]

    def offer(self, name: str) -> OfferAdvice | None:
        """What is said of an offer."""
        return next((one for one in self.offers if one.offer.name == name), None)


Futures = Mapping[str, tuple[Month, ...]]
"""Scenario -> months of demand over the horizon."""


def horizon(sheet: Sheet) -> int:
    """Months after which the terms of all offers end together."""
    return lcm(*(offer.term_months for offer in sheet.offers))


def futures(sheet: Sheet, load: Load) -> Futures:
    """Demand in every scenario."""
    months = horizon(sheet)
    return {
        name: project(load, months, Outlook(factor, sheet.growth, sheet.season))
        for name, factor in zip(SCENARIOS, FACTORS, strict=True)
    }


def deal_of(sheet: Sheet, offer: Offer, months: Sequence[Month], since: int = 0) -> Deal:
    """An offer over some months."""
    return Deal(offer, hold_total(offer, months, sheet.discount_rate, since), sheet.on_demand)


def advise(sheet: Sheet, load: Load) -> Advice:
    """How much to commit, to which offer, for how long."""
    coming = futures(sheet, load)
    chances = (1 - sheet.chances[0] - sheet.chances[1], *sheet.chances)
    whole = {name: curve_of(months, "month", sheet.discount_rate) for name, months in coming.items()}
    nothing = sum(
        (
            chance * money(sheet.on_demand, whole[name].volume)
            for name, chance in zip(SCENARIOS, chances, strict=True)
        ),
        Fraction(0),
    )
    offers = tuple(_offer_advice(sheet, offer, coming, chances) for offer in sheet.offers)
    combination = _combination(sheet, coming, chances)
    best = min(offers, key=lambda one: one.expected)
    recommended = best.offer.name if best.pieces and best.expected < nothing else ""
    ladders: tuple[Ladder, ...] = ()
    if combination and combination.expected < min(best.expected, nothing):
        recommended = "combination"
        ladders = _ladders(sheet, coming["base"], combination)
    elif recommended:
        deal = deal_of(sheet, best.offer, coming["base"])
        found = build(deal, best.pieces, coming["base"], sheet.discount_rate, bridges=sheet.offers)
        ladders = (found,) if found else ()
    return Advice(first_month(load), horizon(sheet), nothing, offers, combination, recommended, ladders)


def _ladders(sheet: Sheet, months: tuple[Month, ...], combination: Combination) -> tuple[Ladder, ...]:
    """A ladder for each part that can be staggered; with costs where it is the only one that can."""
    offers = {offer.name: offer for offer in sheet.offers}
    inner = [part for part in combination.parts if offers[part.offer].interval in SHORT]
    outer = [offers[part.offer] for part in combination.parts if offers[part.offer].interval not in SHORT]
    scene = Scene(sheet, months)
    price = min((scene.price_beyond(offer) for offer in outer), default=sheet.on_demand)
    made = (
        build(
            scene.deal(offers[part.offer], price),
            part.pieces,
            months,
            sheet.discount_rate,
            alone=len(inner) == 1,
        )
        for part in inner
    )
    return tuple(ladder for ladder in made if ladder)


def _offer_advice(sheet: Sheet, offer: Offer, coming: Futures, chances: Sequence[Fraction]) -> OfferAdvice:
    term = {name: months[: offer.term_months] for name, months in coming.items()}
    curves = {name: curve_of(months, offer.interval, sheet.discount_rate) for name, months in term.items()}
    deal = deal_of(sheet, offer, term["base"])
    pieces = deal.best(curves["base"])
    base, lower, higher = (deal.cost(curves[name], pieces) for name in SCENARIOS)
    best = {name: deal.best(curves[name]) for name in SCENARIOS}
    return OfferAdvice(
        offer=offer,
        pieces=pieces,
        level=pieces * offer.capacity,
        break_even=deal.break_even(curves["base"]),
        used=deal.used(curves["base"], pieces),
        cost=base,
        on_demand=deal.cost(curves["base"], 0),
        lower=lower,
        higher=higher,
        regret_lower=lower - deal.cost(curves["lower"], best["lower"]),
        regret_higher=higher - deal.cost(curves["higher"], best["higher"]),
        pieces_lower=best["lower"],
        sunk=deal.sunk(pieces),
        cautious=deal.cautious(tuple(curves.values())),
        expected=sum(
            (
                chance * _renewed(sheet, offer, coming[name], pieces)
                for name, chance in zip(SCENARIOS, chances, strict=True)
            ),
            Fraction(0),
        ),
    )


def _renewed(sheet: Sheet, offer: Offer, months: Sequence[Month], pieces: int) -> Fraction:
    """The cost over the horizon: the first term with these pieces, each later one with what is best then."""
    total = Fraction(0)
    for since in range(0, len(months), offer.term_months):
        term = months[since : since + offer.term_months]
        curve = curve_of(term, offer.interval, sheet.discount_rate, since)
        deal = deal_of(sheet, offer, term, since)
        total += deal.cost(curve, deal.best(curve) if since else pieces)
    return total


def _combination(sheet: Sheet, coming: Futures, chances: Sequence[Fraction]) -> Combination | None:
    """The best of several offers together; None where one alone is as good."""
    scenes = [Scene(sheet, coming[name]) for name in SCENARIOS]
    found = scenes[0].best()
    if found is None or len(found[0].parts()) < 2:
        return None
    mix, bound = found
    costs = [scene.cost(mix) for scene in scenes]
    regrets = [Fraction(0)]
    for scene, cost in zip(scenes[1:], costs[1:], strict=True):
        other = scene.best()
        assert other is not None
        regrets.append(max(Fraction(0), cost - scene.cost(other[0])))
    return Combination(
        parts=tuple(Part(offer.name, pieces, pieces * offer.capacity) for offer, pieces in mix.parts()),
        cost=costs[0],
        on_demand=money(sheet.on_demand, scenes[0].curve("month").volume),
        gap=None if bound is None else costs[0] - bound,
        regret_lower=regrets[1],
        regret_higher=regrets[2],
        sunk=scenes[0].sunk(mix),
        expected=sum((cost * chance for cost, chance in zip(costs, chances, strict=True)), Fraction(0)),
    )


class Picture(msgspec.Struct, frozen=True):
    """What a chart of one offer needs; volumes in billionths of a unit, money in nano-units.

    Attributes:
        loads: per interval of a term, highest first.
        costs: pieces, then the term's cost in each scenario.
    """

    offer: Offer
    loads: tuple[int, ...]
    costs: tuple[tuple[int, Fraction, Fraction, Fraction], ...]


def picture(sheet: Sheet, load: Load, name: str, points: int = 120) -> Picture:
    """The load duration curve and the cost over the commitment, for one offer."""
    offer = next(one for one in sheet.offers if one.name == name)
    coming = {key: months[: offer.term_months] for key, months in futures(sheet, load).items()}
    curves = [curve_of(coming[key], offer.interval, sheet.discount_rate) for key in SCENARIOS]
    deal = deal_of(sheet, offer, coming["base"])
    top = curves[0].levels[-1] // offer.capacity + 1
    every = max(1, -(-top // (points * offer.step))) * offer.step
    counts = [0, *range(offer.minimum, top + every, every)]
    if offer.most is not None:
        counts = [count for count in counts if count <= offer.most]
    loads = sorted((volume for volume, _ in intervals(coming["base"], offer.interval)), reverse=True)
    return Picture(
        offer,
        tuple(loads),
        tuple((count, *(deal.cost(curve, count) for curve in curves)) for count in counts),
    )
