"""Allocation by largest remainders: the parts are the whole."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.ledger.allocation import share_out

TABLE = """
amount | weights       | parts
100    | 1 1 1         | 34 33 33
100    | 1 2           | 33 67
-100   | 1 2           | -33 -67
7      | 0 0           | 4 3
0      | 5 1           | 0 0
1      | 1 1 1         | 1 0 0
10     | 50 30 20      | 5 3 2
1000   | 33.3 33.3 33.4| 333 333 334
5      | 0 1           | 0 5
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines()[1:])
def test_parts(row: str) -> None:
    amount, weights, parts = (cell.strip() for cell in row.split("|"))
    found = share_out(int(amount), [Fraction(one) for one in weights.split()])
    assert list(found) == [int(one) for one in parts.split()]


@given(
    st.integers(-(10**20), 10**20),
    st.lists(st.fractions(0, 10**9, max_denominator=10**6), min_size=1, max_size=30),
)
def test_the_parts_sum_to_the_whole_and_are_fair(amount: int, weights: list[Fraction]) -> None:
    parts = share_out(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        share = amount * weight / total if total else Fraction(amount, len(weights))
        assert abs(part - share) < 1


def test_nobody_and_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="nobody"):
        share_out(5, [])
    with pytest.raises(ValueError, match="below zero"):
        share_out(5, [1, -1])
