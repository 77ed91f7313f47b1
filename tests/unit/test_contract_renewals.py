"""Contracts that go on because nobody gave notice."""

from __future__ import annotations

from datetime import date

import pytest

from rechenwerk.contracts.periods import begins, day_of
from rechenwerk.contracts.renewals import with_renewals
from rechenwerk.contracts.terms import Interval, OnDemand


def contract(renews: Interval | None, starts: str | None, ends: str | None) -> OnDemand:
    return OnDemand(
        name="minimum",
        provider="north",
        renews=renews,
        starts=date.fromisoformat(starts) if starts else None,
        ends=date.fromisoformat(ends) if ends else None,
    )


TERMS = (
    # renews, starts, ends, until: when each term begins and its last day
    ("year", "2025-03-01", "2026-02-28", "2027-06-01", "2026-03-01..2027-02-28 2027-03-01..2028-02-29"),
    ("month", "2026-01-15", "2026-02-14", "2026-04-10", "2026-02-15..2026-03-14 2026-03-15..2026-04-14"),
    ("quarter", None, "2026-03-31", "2026-04-02", "2026-04-01..2026-06-30"),
    ("week", None, "2026-03-31", "2026-04-10", "2026-04-01..2026-04-07 2026-04-08..2026-04-14"),
    ("term", "2026-01-01", "2026-01-10", "2026-01-15", "2026-01-11..2026-01-20"),
    ("term", None, "2026-01-10", "2026-01-15", ""),
    (None, "2025-03-01", "2026-02-28", "2027-06-01", ""),
    ("year", "2025-03-01", None, "2027-06-01", ""),
    ("year", "2025-03-01", "2026-02-28", "2026-03-01", ""),
)  # fmt: skip


@pytest.mark.parametrize(("renews", "starts", "ends", "until", "expected"), TERMS)
def test_each_renewal_is_a_term_of_its_own(
    renews: Interval | None, starts: str | None, ends: str | None, until: str, expected: str
) -> None:
    terms = contract(renews, starts, ends)
    found = with_renewals([(0, terms)], begins(date.fromisoformat(until)))
    assert found[0] == (0, terms)
    assert " ".join(f"{one.starts}..{one.ends}" for _, one in found[1:]) == expected
    assert all(one.starts == day_of(since) for since, one in found[1:])


def test_who_gives_notice_ends_it() -> None:
    first, second = contract("year", "2025-03-01", "2026-02-28"), contract(None, "2025-03-01", "2026-02-28")
    noticed = begins(date(2025, 11, 30))
    until = begins(date(2028, 1, 1))
    assert with_renewals([(0, first), (noticed, second)], until) == [(0, first), (noticed, second)]


def test_terms_that_change_after_a_renewal_keep_it() -> None:
    first, second = contract("year", "2025-03-01", "2026-02-28"), contract("year", "2025-03-01", "2026-02-28")
    changed = begins(date(2026, 6, 1))
    found = with_renewals([(0, first), (changed, second)], begins(date(2026, 7, 1)))
    assert [(day_of(since), one.starts, one.ends) for since, one in found[1:]] == [
        (date(2026, 3, 1), date(2026, 3, 1), date(2027, 2, 28)),
        (date(2026, 6, 1), date(2026, 3, 1), date(2027, 2, 28)),
    ]
