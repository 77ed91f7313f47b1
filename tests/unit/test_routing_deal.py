"""Processes share what is limited by what arrives at each; the parts add up to the unit, always."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.routing.deal import ALONE, by_arrivals, equal

ARRIVED = st.dictionaries(st.integers(0, 1023), st.floats(0, 1e9), min_size=1, max_size=9)


@given(ARRIVED, st.integers(0, 5000), st.integers(0, 5000))
def test_parts_add_up(arrived: dict[int, float], one: int, other: int) -> None:
    begin, end = sorted((one, other))
    parts = [by_arrivals(arrived, me) for me in arrived]
    assert sum(part.count(begin, end) for part in parts) == end - begin
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert len({part.turns for part in parts}) == 1, "all are told the same"


@given(ARRIVED)
def test_who_has_more_arrivals_has_no_smaller_part(arrived: dict[int, float]) -> None:
    by_volume = sorted(arrived, key=arrived.__getitem__)
    shares = [by_arrivals(arrived, me).share for me in by_volume]
    turn = 1 / (12 * len(arrived))
    assert all(later >= sooner - turn - 1e-9 for sooner, later in pairwise(shares))
    assert min(shares) >= 0.25 / len(arrived) - turn, "nobody is left without"


@pytest.mark.parametrize(
    ("arrived", "shares"),
    [
        ({3: 5.0}, [1.0]),
        ({1: 0.0, 2: 0.0}, [0.5, 0.5]),
        ({1: 100.0, 2: 100.0, 7: 100.0}, [1 / 3, 1 / 3, 1 / 3]),
        ({1: 100.0, 2: 0.0}, [21 / 24, 3 / 24]),
        ({1: 300.0, 2: 100.0}, [17 / 24, 7 / 24]),
        ({4: 0.0, 5: 10.0, 6: 0.0, 9: 0.0}, [3 / 48, 39 / 48, 3 / 48, 3 / 48]),
    ],
)
def test_parts(arrived: dict[int, float], shares: list[float]) -> None:
    assert [by_arrivals(arrived, me).share for me in sorted(arrived)] == pytest.approx(shares)


def test_few_places_are_spread_over_the_processes() -> None:
    """Four calls at once, and one process with three times the arrivals of the other."""
    busy, calm = (by_arrivals({0: 300.0, 1: 100.0}, me) for me in (0, 1))
    assert (busy.count(0, 4), calm.count(0, 4)) == (3, 1)


def test_equal_parts_are_dealt_like_cards() -> None:
    assert [equal(place, 3).count(0, 8) for place in range(3)] == [3, 3, 2]
    assert by_arrivals({5: 1.0, 6: 1.0}, 5).turns[:4] == (0, 1, 0, 1)


def test_a_process_that_nobody_knows_is_alone() -> None:
    assert by_arrivals({1: 1.0}, 2) is ALONE
    assert ALONE.alone
    assert ALONE.share == 1
    assert not equal(0, 2).alone
