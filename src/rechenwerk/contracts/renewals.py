"""Contracts that go on after their last day because nobody gave notice: each renewal is a term of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from types import MappingProxyType

import msgspec

from rechenwerk.contracts.periods import add_months, day_of, ends_at
from rechenwerk.contracts.ports import Version
from rechenwerk.contracts.terms import Contract

_DAYS = MappingProxyType({"day": 1, "week": 7})
_MONTHS = MappingProxyType({"month": 1, "quarter": 3, "year": 12})


def renewed(versions: Sequence[Version], now: float) -> tuple[Version, ...]:
    """Versions with the terms that have begun since by renewal: what stands in the file says the first.

    Args:
        versions: ascending.
        now: epoch seconds.
    """
    found = with_renewals([(int(one.since), one.terms) for one in versions], int(now) + 1)
    return tuple([Version(float(since), terms) for since, terms in found])


def with_renewals(versions: Sequence[tuple[int, Contract]], until: int) -> list[tuple[int, Contract]]:
    """Versions with a version more for every time that the one in force renews before `until`.

    Who gives notice takes `renews` out of the terms before their last day is over.

    Args:
        versions: first second of each and its terms, ascending.
        until: second up to which it matters.
    """
    found: list[tuple[int, Contract]] = []
    for at, (since, terms) in enumerate(versions):
        after = versions[at + 1][0] if at + 1 < len(versions) else until
        found.append((since, terms))
        for begins, renewed in _renewed(terms, min(after, until)):
            if begins <= since:  # the days that are written were over when the version began
                found[-1] = (since, renewed)
            else:
                found.append((begins, renewed))
    return found


def _renewed(terms: Contract, until: int) -> Iterator[tuple[int, Contract]]:
    length = None
    if terms.starts is not None and terms.ends is not None:
        length = terms.ends - terms.starts + timedelta(days=1)
    while terms.renews is not None and terms.ends is not None:
        end = ends_at(terms)
        if end is None or end >= until:
            return
        last = _last(day_of(end), terms.renews, length)
        if last is None:
            return
        terms = msgspec.structs.replace(terms, starts=day_of(end), ends=last)
        yield end, terms


def _last(first: date, renews: str, length: timedelta | None) -> date | None:
    """The last day of a term that begins on a day; None: it cannot be told."""
    if renews in _MONTHS:
        return add_months(first, _MONTHS[renews]) - timedelta(days=1)
    span = timedelta(days=_DAYS[renews]) if renews in _DAYS else length
    return None if span is None else first + span - timedelta(days=1)
