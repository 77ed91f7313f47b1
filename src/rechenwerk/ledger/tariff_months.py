"""Months under tariffs: which version and discount holds when, and what each project owes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest

import msgspec

from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.tariffs import DayUse, Line, Terms, at_rates, call_price, period_price, total

_ZERO = Fraction(0)


class Version(msgspec.Struct, frozen=True):
    """A version of a tariff as it was written.

    Attributes:
        organisation: whose; 0: the operator's, which holds for all that have none of their own.
        terms: None: from `starts` on this organisation has no tariff of its own for the model.
    """

    id: int
    organisation: int
    model: str
    terms: Terms | None
    starts: datetime


class Discount(msgspec.Struct, frozen=True):
    """A discount as it was written.

    Attributes:
        project: 0: the whole organisation.
        model: empty: all.
        starts, ends: first and last day; None: until another one begins.
        share: off; 0 ends the one before.
    """

    id: int
    project: int
    model: str
    starts: date
    ends: date | None
    share: Decimal
    reason: str = ""
    made_by: str = ""


class MonthUse(msgspec.Struct, frozen=True):
    """What a project used of a model on a day, and what its calls were booked at; posted and settled calls.

    Attributes:
        tariff: id of the version that priced them; 0: from before versions were kept.
        counts: units in the order of `BUCKETS`.
        booked, cost: nano-units.
    """

    project: int
    model: str
    tariff: int
    day: date
    calls: int
    counts: tuple[int, ...]
    booked: int
    cost: int


class Segment(msgspec.Struct, frozen=True):
    """A time in which one version holds for an organisation; no end: until something changes."""

    starts: datetime
    ends: datetime | None
    version: Version


class Month(msgspec.Struct, frozen=True):
    """What a project owes for a model in a period, under one version.

    Attributes:
        share: of the period in which the version holds.
        part: the project's of what `lines` come to; below 1 where all of its organisation are counted
            together.
        booked: what its calls were booked at, in nano-units.
        price: what the month comes to for the project, in nano-units.
    """

    project: int
    model: str
    version: Version
    share: Fraction
    part: Fraction
    calls: int
    booked: int
    price: int
    lines: tuple[Line, ...]


def in_force(versions: Iterable[Version], at: datetime) -> Version | None:
    """Of versions of one organisation and model the one that holds, whether it sells or not."""
    begun = [one for one in versions if one.starts <= at]
    return max(begun, key=lambda one: (one.starts, one.id)) if begun else None


def segments(versions: Sequence[Version], organisation: int, model: str) -> list[Segment]:
    """Which version holds for an organisation when: its own, else the operator's."""
    mine = [one for one in versions if one.model == model and one.organisation == organisation]
    shared = [one for one in versions if one.model == model and one.organisation == 0]
    borders = sorted({one.starts for one in (*mine, *shared)})
    found: list[Segment] = []
    for at, until in zip_longest(borders, borders[1:]):
        holds = in_force(mine, at)
        if holds is None or holds.terms is None:
            holds = in_force(shared, at)
        if holds is None or holds.terms is None:
            continue
        last = found[-1] if found else None
        if last is not None and last.ends == at and _same(last.version, holds):
            found[-1] = Segment(last.starts, until, last.version)
        else:
            found.append(Segment(at, until, holds))
    return found


def sold_by(versions: Sequence[Version], organisation: int, model: str, at: datetime) -> int:
    """The id of the version that a call of a moment would have been priced by; 0: none holds."""
    for segment in segments(versions, organisation, model):
        if segment.starts <= at and (segment.ends is None or at < segment.ends):
            return segment.version.id
    return 0


def _same(one: Version, other: Version) -> bool:
    """A version that says what the one before it said goes on with it: tiers and fees do not begin anew."""
    return (one.organisation, one.terms) == (other.organisation, other.terms)


def discount_on(discounts: Iterable[Discount], project: int, model: str, day: date) -> Fraction:
    """The share off on a day: the most special that holds."""
    best: dict[tuple[bool, bool], Discount] = {}
    for one in discounts:
        if one.project in (0, project) and one.model in ("", model) and one.starts <= day:
            key = (one.project != 0, one.model != "")
            before = best.get(key)
            if before is None or (before.starts, before.id) < (one.starts, one.id):
                best[key] = one
    for key in sorted(best, reverse=True):
        one = best[key]
        if one.ends is None or day <= one.ends:
            return Fraction(one.share)
    return _ZERO


def months(
    organisation: int,
    period: Period,
    use: Sequence[MonthUse],
    versions: Sequence[Version],
    discounts: Sequence[Discount],
    projects: Sequence[int],
) -> list[Month]:
    """What each project owes for each model in a period; calls from before versions were kept are left out.

    Args:
        organisation: whose.
        period: which.
        use: of the period.
        versions: that hold for it.
        discounts: of the organisation.
        projects: all that were there, for what is owed without use.
    """
    known = {one.id: one for one in versions}
    shares = _shares(organisation, period, versions)
    grouped: dict[int, list[MonthUse]] = defaultdict(list)
    for one in use:
        if one.tariff in known:
            grouped[one.tariff].append(one)
    found: list[Month] = []
    for tariff in sorted({*grouped, *shares}):
        found += priced(known[tariff], grouped[tariff], discounts, projects, shares.get(tariff, _ZERO))
    return found


def priced(
    version: Version,
    use: Sequence[MonthUse],
    discounts: Sequence[Discount],
    projects: Sequence[int],
    share: Fraction,
) -> list[Month]:
    """What use under one version comes to, for each project that owes something."""
    terms = version.terms
    if terms is None:
        return []
    rows: dict[int, list[MonthUse]] = {one: [] for one in projects if terms.owed == "always" and share}
    for one in use:
        rows.setdefault(one.project, []).append(one)
    days = {
        project: [
            DayUse(one.counts, one.cost, discount_on(discounts, project, version.model, one.day))
            for one in mine
        ]
        for project, mine in sorted(rows.items())
    }
    if terms.each == "project":
        lines_of = {project: period_price(terms, mine, share) for project, mine in days.items()}
        return [
            _month(version, project, rows[project], share, Fraction(1), total(lines), lines)
            for project, lines in lines_of.items()
        ]
    together = period_price(terms, [day for mine in days.values() for day in mine], share)
    offs = {day.discount for mine in days.values() for day in mine}
    prices = {off: call_price(terms, off) for off in offs}
    worth = {
        project: sum((at_rates(prices[day.discount], day) for day in mine), _ZERO)
        for project, mine in days.items()
    }
    parts = _parts(worth, rows)
    amounts = _split(total(together), parts)
    return [
        _month(version, project, rows[project], share, parts[project], amounts[project], together)
        for project in days
    ]


def _month(
    version: Version,
    project: int,
    rows: Sequence[MonthUse],
    share: Fraction,
    part: Fraction,
    price: int,
    lines: tuple[Line, ...],
) -> Month:
    calls, booked = sum(one.calls for one in rows), sum(one.booked for one in rows)
    return Month(project, version.model, version, share, part, calls, booked, price, lines)


def _parts(
    at_rates_of: Mapping[int, Fraction], rows: Mapping[int, Sequence[MonthUse]]
) -> dict[int, Fraction]:
    """Each project's part: by its use at rates, else by its calls, else the same for all."""
    for weights in (
        at_rates_of,
        {project: Fraction(sum(one.calls for one in mine)) for project, mine in rows.items()},
        {project: Fraction(1) for project in rows},
    ):
        whole = sum(weights.values(), _ZERO)
        if whole:
            return {project: weight / whole for project, weight in weights.items()}
    return {}


def _split(amount: int, parts: Mapping[int, Fraction]) -> dict[int, int]:
    """Whole nano-units in these parts that add up to the amount."""
    found, given, seen = {}, 0, _ZERO
    for project in sorted(parts):
        seen += parts[project]
        upto = round(amount * seen)
        found[project] = upto - given
        given = upto
    return found


def _shares(organisation: int, period: Period, versions: Sequence[Version]) -> Mapping[int, Fraction]:
    """The part of a period in which each version holds."""
    shares: dict[int, Fraction] = defaultdict(Fraction)
    whole = period.ends - period.starts
    for model in {one.model for one in versions}:
        for segment in segments(versions, organisation, model):
            since = max(segment.starts, period.starts)
            until = period.ends if segment.ends is None else min(segment.ends, period.ends)
            if until > since:
                shares[segment.version.id] += Fraction((until - since) // _TICK, whole // _TICK)
    return shares


_TICK = timedelta(microseconds=1)
