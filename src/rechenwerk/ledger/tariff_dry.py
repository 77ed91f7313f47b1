"""What a past period would have cost under other tariffs. Exact. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
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
    always = {one.model for one in other if one.terms is not None and one.terms.owed == "always"}
    keys = {*rows, *old, *((project, model) for project in projects for model in always)}
    found = []
    for project, model in sorted(keys):
        mine = rows[project, model]
        calls = sum(one.calls for one in mine)
        moved = sum(amount for key, amount in adjusted.items() if key[:2] == (project, model))
        new = _under(period, mine, [one for one in other if one.model == model], discounts, project)
        found.append(
            Repriced(
                project,
                model,
                calls,
                sum(one.booked for one in mine) + moved,
                old[project, model],
                None if new is None else sum(month.price for month in new),
                Fraction(calls, 2),
                tuple(new or ()),
            )
        )
    return found


def _under(
    period: Period,
    rows: Sequence[MonthUse],
    versions: Sequence[Version],
    discounts: Sequence[Discount],
    project: int,
) -> list[Month] | None:
    """None: a part of it would not be sold."""
    sold = [one for one in versions if one.terms is not None]
    if not sold:
        return None
    if len(sold) == 1:
        return [priced(sold[0], rows, discounts, project, Fraction(1))]
    whole = (period.ends - period.starts).total_seconds()
    left = list(rows)
    found = []
    for segment in segments(versions, 0, versions[0].model):
        since = max(segment.starts, period.starts)
        until = period.ends if segment.ends is None else min(segment.ends, period.ends)
        if until <= since:
            continue
        mine = [one for one in left if since.date() <= one.day < until.date()]
        left = [one for one in left if one not in mine]
        share = Fraction(int((until - since).total_seconds()), int(whole))
        found.append(priced(segment.version, mine, discounts, project, share))
    return None if left else found
