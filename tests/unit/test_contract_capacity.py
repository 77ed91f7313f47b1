"""Capacity of a pool: sweeps, what is free, what is refused, fees, and what it had on a day."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.contracts.capacity import (
    SECONDS_PER_DAY,
    UNITS,
    Member,
    PoolState,
    Sold,
    Unit,
    capacity,
    fee,
    first_fit,
    free,
    peak,
    per_minute,
    refund,
    sale_refusal,
    shrink_refusal,
)

DAY = SECONDS_PER_DAY


def rows(table: str) -> list[list[str]]:
    """The lines of a table below its heading, by words."""
    return [line.split() for line in table.strip().splitlines()[1:]]


def sold(table: str) -> tuple[Sold, ...]:
    """Sales by days: amount, from, to."""
    return tuple(
        Sold("tokens per minute", int(amount), int(since) * DAY, int(until) * DAY)
        for amount, since, until in rows(table)
    )


BOOKED = sold(
    """
    amount   from   to
        40      0   10
        30      5   15
        30     10   20
        50     20   30
    """
)
POOL = PoolState("gpus", 100, 10, BOOKED)

FREE = """
    from   to   free
       0    5     50
       0   10     20
       5   10     20
       9   11     20
      10   15     30
      10   20     30
      15   20     60
      19   21     40
      30   90     90
      15   15     90
"""


@pytest.mark.parametrize("line", rows(FREE))
def test_what_is_free_is_the_least_of_every_moment(line: list[str]) -> None:
    since, until, left = map(int, line)
    assert free(POOL, since * DAY, until * DAY) == left


FITS = """
    pace   from   days   fits on
      50      0      5   0
      50      0     10   30
      21      5      5   10
      60      4      5   15
      60      4      6   30
      90      0      1   30
      91      0      1   never
       1      3     99   3
"""


@pytest.mark.parametrize("line", rows(FITS))
def test_when_it_is_free_first(line: list[str]) -> None:
    pace, since, days = map(int, line[:3])
    expected = None if line[3] == "never" else int(line[3]) * DAY
    assert first_fit(POOL, pace, since * DAY, days * DAY) == expected


SPANS = st.lists(
    st.builds(
        lambda unit, amount, starts, length: Sold(unit, amount, starts, starts + length),
        st.sampled_from(UNITS),
        st.integers(1, 10_000),
        st.integers(0, 40),
        st.integers(0, 20),
    ),
    max_size=8,
)


@given(SPANS, st.integers(0, 60), st.integers(1, 30))
def test_the_sweep_is_what_looking_at_every_second_says(spans: list[Sold], starts: int, length: int) -> None:
    at_each = [
        sum(per_minute(one.unit, one.amount) for one in spans if one.starts <= second < one.ends)
        for second in range(starts, starts + length)
    ]
    assert peak(spans, starts, starts + length) == max(at_each)


@given(SPANS, st.integers(1, 10**6))
def test_what_first_fits_is_not_refused_and_one_more_is(spans: list[Sold], total: int) -> None:
    pool = PoolState("p", total, 0, tuple(spans))
    left = free(pool, 10, 30)
    if left > 0:
        assert sale_refusal(pool, Sold("tokens per minute", left, 10, 30), 0) is None
    more = sale_refusal(pool, Sold("tokens per minute", max(0, left) + 1, 10, 30), 0)
    assert more is not None
    assert more.code == "capacity_sold"


PACES = """
    tokens a day   a minute
               1          1
            1440          1
            1441          2
         1440000       1000
"""


@pytest.mark.parametrize("line", rows(PACES))
def test_batch_counts_as_the_pace_that_serves_it_in_a_day(line: list[str]) -> None:
    assert per_minute("tokens per day", int(line[0])) == int(line[1])


def test_a_refusal_says_what_is_free_instead() -> None:
    refusal = sale_refusal(POOL, Sold("tokens per minute", 21, 5 * DAY, 10 * DAY), 0)
    assert refusal is not None
    assert refusal.message == (
        "pool 'gpus' has 20 tokens per minute free from 1970-01-06 00:00 to 1970-01-11 00:00, not 21; the"
        " whole amount is free from 1970-01-11 00:00 on"
    )
    refusal = sale_refusal(POOL, Sold("tokens per day", 20 * 1440 + 1, 5 * DAY, 10 * DAY), 0)
    assert refusal is not None
    assert "has 28,800 tokens per day free" in refusal.message
    refusal = sale_refusal(POOL, Sold("tokens per minute", 91, 5 * DAY, 10 * DAY), 0)
    assert refusal is not None
    assert refusal.message.endswith("all that can be sold of this pool is 90 tokens per minute")


def test_a_pool_comes_down_to_what_it_promised_and_no_further() -> None:
    assert shrink_refusal(POOL, 80, 10, 0) is None, "70 at the peak from day 5 to 10"
    refusal = shrink_refusal(POOL, 79, 10, 0)
    assert refusal is not None
    assert "1 too few" in refusal.message
    assert shrink_refusal(POOL, 60, 10, 20 * DAY) is None, "what is over binds no more"
    assert shrink_refusal(POOL, 59, 10, 20 * DAY) is not None


FEES = """
    unit                amount     rate   seconds   fee
    tokens_per_minute     1000        1     86400   1000000000
    tokens_per_minute    40000     2.50    864000   1000000000000
    tokens_per_minute        1        1         1   12
    tokens_per_minute        3      0.5         1   17
    tokens_per_day     1000000        2     86400   2000000000
    tokens_per_day           1        1     86400   1000
    tokens_per_day     1000000        0     86400   0
"""


@pytest.mark.parametrize("line", rows(FEES))
def test_fees_calculated_by_hand(line: list[str]) -> None:
    unit: Unit = "tokens per day" if line[0] == "tokens_per_day" else "tokens per minute"
    assert fee(unit, int(line[1]), Fraction(line[2]), 100, 100 + int(line[3])) == int(line[4])


REFUNDS = """
    paid   starts   ends   at   back
     100        0     10    0   100
     100        0     10    4   60
     100        0     10   10   0
     100        5     10    1   100
     100        5     10   99   0
     101        0      2    1   50
     103        0      2    1   52
"""


@pytest.mark.parametrize("line", rows(REFUNDS))
def test_the_time_that_is_not_over_is_paid_back(line: list[str]) -> None:
    paid, starts, ends, at, back = map(int, line)
    assert refund(paid, starts, ends, at) == back


@given(st.integers(0, 10**18), st.integers(1, 10**7), st.integers(0, 10**7))
def test_nobody_gets_back_more_than_was_paid(paid: int, length: int, at: int) -> None:
    assert 0 <= refund(paid * NANO, 0, length, at) <= paid * NANO


MEMBERS = (
    Member(1, 0, 60),
    Member(2, 3600, 120),
    Member(1, 7200, 0),
    Member(2, 7200, 240),
)


@pytest.mark.parametrize(
    ("starts", "ends", "tokens"),
    [
        (0, 3600, 3_600),
        (3600, 7200, 3_600 + 7_200),
        (7200, 10800, 14_400),
        (0, 7200, 14_400),
        (3540, 3660, 240),
    ],
)
def test_what_a_pool_could_have_served(starts: int, ends: int, tokens: int) -> None:
    assert capacity(MEMBERS, starts, ends) == tokens
    assert capacity(tuple(reversed(MEMBERS)), starts, ends) == tokens
