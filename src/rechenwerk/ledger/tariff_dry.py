"""What a past period would have cost under other tariffs. Exact. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction

import msgspec

from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.tariff_months import Discount, Month, MonthUse, Version, months, priced, segments


class Repriced(msgspec.Struct, frozen=True):
    """A project's use of a model in a period.

    Attributes:
        booked: what is in the books: its calls, and what vouchers adjusted.
        old: the period under the tariffs that it was sold at, in nano-units; of calls from before versions
            were kept what they were booked at.
        new: under the other tariff; None: that one does not sell the model.
        bound: by how much roundings of single calls can be off the sum, in nano-units: half of one per call.
            The month's voucher books it, so `new` is what the books come to.
        months: of the other tariff, with their lines.
    """

    project: int
    model: str
    calls: int
    booked: int
    old: int
    new: int | None
    bound: Fraction
    months: tuple[Month, ...]


def reprice(
    organisation: int,
    period: Period,
    use: Sequence[MonthUse],
    standing: Sequence[Version],
    other: Sequence[Version],
    discounts: Sequence[Discount],
    adjusted: Mapping[tuple[int, str, int], int],
    projects: Sequence[int],
) -> list[Repriced]:
    """Each project and model of a period under another tariff, with the discounts that hold.

    Args:
        organisation: whose.
        period: which.
        use: of the period.
        standing: versions that it was sold at.
        other: versions of the other tariff; a model's only one holds for the whole period.
        discounts: of the organisation.
        adjusted: (project, model, version) -> what vouchers of the period adjusted.
        projects: all of the organisation.
    """
    old: dict[tuple[int, str], int] = defaultdict(int)
    known = {one.id for one in standing}
    for one in use:
        if one.tariff not in known:
            old[one.project, one.model] += one.booked
    for month in months(organisation, period, use, standing, discounts, projects):
        old[month.project, month.model] += month.price
    rows: dict[tuple[int, str], list[MonthUse]] = defaultdict(list)
    for one in use:
        rows[one.project, one.model].append(one)
    new, sold = _under(period, use, other, discounts, projects)
    found = []
    for project, model in sorted({*rows, *old, *new}):
        mine = rows[project, model]
        calls = sum(one.calls for one in mine)
        moved = sum(amount for key, amount in adjusted.items() if key[:2] == (project, model))
        months_of = new.get((project, model), [])
        price = sum(month.price for month in months_of)
        found.append(
            Repriced(
                project,
                model,
                calls,
                sum(one.booked for one in mine) + moved,
                old[project, model],
                price if model in sold else None,
                Fraction(calls, 2),
                tuple(months_of),
            )
        )
    return found


def _under(
    period: Period,
    use: Sequence[MonthUse],
    other: Sequence[Version],
    discounts: Sequence[Discount],
    projects: Sequence[int],
) -> tuple[dict[tuple[int, str], list[Month]], set[str]]:
    """Months under other versions by project and model; models that these sell in the whole period."""
    found: dict[tuple[int, str], list[Month]] = defaultdict(list)
    sold = set()
    whole = (period.ends - period.starts) // _TICK
    for model in {one.model for one in other if one.terms is not None}:
        versions = [one for one in other if one.model == model and one.terms is not None]
        left = [one for one in use if one.model == model]
        if len(versions) == 1:
            spans = [(period.starts, period.ends, versions[0])]
        else:
            spans = [
                (max(one.starts, period.starts), min(one.ends or period.ends, period.ends), one.version)
                for one in segments(other, 0, model)
            ]
        for since, until, version in spans:
            if until <= since:
                continue
            mine = [one for one in left if since.date() <= one.day < until.date()]
            left = [one for one in left if not since.date() <= one.day < until.date()]
            share = Fraction((until - since) // _TICK, whole)
            for month in priced(version, mine, discounts, projects, share):
                found[month.project, model].append(month)
        if not left:
            sold.add(model)
    return found, sold


_TICK = timedelta(microseconds=1)
