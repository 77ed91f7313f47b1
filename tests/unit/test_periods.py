"""Periods: months of UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.ledger.periods import month_of, parse_period


def test_a_moment_lies_in_its_month_of_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    assert month_of(datetime(2026, 4, 1, 0, 30, tzinfo=berlin)).name == "2026-03"
    assert month_of(datetime(2026, 4, 1, 1, 0, tzinfo=berlin)).name == "2026-04"


@pytest.mark.parametrize(
    ("name", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-12", 31), ("2100-02", 28)]
)
def test_a_month_ends_where_the_next_begins(name: str, days: int) -> None:
    period = parse_period(f" {name}\n")
    assert period.name == name
    assert period.ends - period.starts == timedelta(days=days)
    assert month_of(period.last) == period
    assert month_of(period.ends) == month_of(period.last + timedelta(microseconds=1)) > period


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "2026-3", "26-03", "9999-12", "٢٠٢٦-03"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(RechenwerkError, match="write a month such as 2026-03"):
        parse_period(text)
