"""Whether to try again, and when."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.routing.retries import RetryBudget, backoff, retry_after

CHANCE = random.Random(0)


def retried(budget: RetryBudget, now: float, seconds: int, calls: int) -> int:
    """How many of the calls per second are tried again when all of them fail, in all."""
    done = 0
    for step in range(seconds * calls):
        at = now + step / calls
        budget.deposit(at)
        done += budget.withdraw(at)
    return done


def test_in_an_outage_a_share_of_the_calls_is_tried_again() -> None:
    budget = RetryBudget(share=0.2, floor=0, lasts=10)
    assert retried(budget, 1000, 60, 500) == pytest.approx(0.2 * 60 * 500, rel=0.1)


def test_a_quiet_installation_may_retry() -> None:
    budget = RetryBudget(share=0.0, floor=2, lasts=10)
    assert sum(budget.withdraw(5000) for _ in range(100)) == 20
    assert sum(budget.withdraw(5001) for _ in range(100)) == 1  # of 2 a second, as it fills up
    assert sum(budget.withdraw(6000) for _ in range(100)) == 20


def test_a_quiet_hour_saves_up_nothing() -> None:
    budget = RetryBudget(share=0.5, floor=1, lasts=10)
    for at in range(1000):
        budget.deposit(at / 10)
    assert sum(budget.withdraw(100) for _ in range(1000)) == pytest.approx(10 + 0.5 * 100, rel=0.1)
    for at in range(1000):
        budget.deposit(at / 10 + 200)
    assert sum(budget.withdraw(4000) for _ in range(1000)) == 10


def test_time_that_runs_back_changes_nothing() -> None:
    budget = RetryBudget(share=1.0, floor=0, lasts=10)
    budget.deposit(100)
    assert budget.withdraw(50)
    assert not budget.withdraw(20)


@given(st.integers(0, 5000), st.floats(0.001, 10), st.floats(0.001, 100))
def test_backoff_is_bounded(attempt: int, base: float, most: float) -> None:
    bound = min(most, base * 2.0 ** min(attempt, 60))
    assert 0 <= backoff(attempt, base, most, CHANCE) <= bound


def test_backoff_uses_all_of_a_bound_that_doubles() -> None:
    for attempt, bound in enumerate((0.5, 1.0, 2.0, 3.0, 3.0)):
        seen = [backoff(attempt, 0.5, 3.0, CHANCE) for _ in range(2000)]
        assert min(seen) < 0.05 * bound
        assert 0.95 * bound < max(seen) <= bound
        assert sum(seen) / 2000 == pytest.approx(bound / 2, rel=0.1)


NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the date in RFC 9110


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (b"", None),
        (b"0", 0.0),
        (b"120", 120.0),
        (b" 7 ", 7.0),
        (b"1.5", 1.5),
        (b"99999999999999", 3600.0),
        (b"-5", None),
        (b"1e9", None),
        (b"nan", None),
        (b"soon", None),
        (b"1" * 100, None),
        ("١٢".encode(), None),
        (b"Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        (b"Sunday, 06-Nov-94 08:49:47 GMT", 10.0),
        (b"Sun Nov  6 08:49:47 1994", 10.0),
        (b"Sun, 06 Nov 1994 08:49:47 -0000", 10.0),
        (b"Sun, 06 Nov 1994 08:49:07 GMT", 0.0),
        (b"Mon, 07 Nov 1994 08:49:47 GMT", 3600.0),
        (b"Sun, 06 Nov 199999 08:49:47 GMT", None),
        (b"Sun, 99 Nov 1994 99:49:47 GMT", None),
    ],
)
def test_retry_after(value: bytes | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.binary(max_size=64) | st.text("0123456789:+-, GMTSunNov", max_size=40).map(str.encode))
def test_no_header_breaks_it(value: bytes) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 3600
