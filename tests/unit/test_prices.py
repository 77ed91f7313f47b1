"""Prices: exact rationals per unit, rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.ledger.prices import FREE, price_list

PER_PIECE = {"images", "seconds", "requests"}
LIKE = {"cached_input": "input", "cache_write": "input", "reasoning": "output"}
RATES = st.dictionaries(
    st.sampled_from(BUCKETS),
    st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=9).map(str),
)
COUNTS = st.integers(0, 10**12)
USAGES = st.builds(Usage, *[COUNTS] * 7, st.integers(0, 5))

BOOKINGS = """
    rates                                             usage                        nano
    input=2.50 output=10                              input=1000 output=500        7500000
    input=2.50 output=10                              cached_input=1000            2500000
    input=2.50 output=10 cached_input=1.25            cached_input=1000            1250000
    input=2.50 output=10                              cache_write=1000             2500000
    input=2.50 cache_write=3.125                      cache_write=1000             3125000
    input=2.50 output=10                              reasoning=500                5000000
    input=2.50 output=10 reasoning=0                  reasoning=500                0
    output=10                                         input=1000000                0
    images=0.04                                       images=3                     120000000
    seconds=0.0001                                    seconds=60                   6000000
    requests=0.01                                     input=9                      10000000
    input=0.0005                                      input=1                      0
    input=0.0005                                      input=3                      2
    input=0.0015                                      input=1                      2
    input=0.0025                                      input=1                      2
"""


def pairs(text: str) -> dict[str, str]:
    return dict(part.split("=") for part in text.split())


def bookings() -> list[tuple[str, str, int]]:
    lines = BOOKINGS.strip().splitlines()[1:]
    return [(line[:54].strip(), line[54:83].strip(), int(line[83:])) for line in lines]


@pytest.mark.parametrize(("rates", "used", "nano"), bookings())
def test_what_a_call_costs(rates: str, used: str, nano: int) -> None:
    usage = Usage(**{bucket: int(count) for bucket, count in pairs(used).items()})
    assert price_list(pairs(rates)).amount(usage) == nano


def exactly(rates: dict[str, str], usage: Usage) -> Fraction:
    """The same sum, slowly: whole currency units per million tokens or per piece."""
    total = Fraction(0)
    for bucket, count in zip(BUCKETS, usage.counts(), strict=True):
        rate = rates.get(bucket, rates.get(LIKE.get(bucket, ""), "0"))
        total += count * Fraction(Decimal(rate)) * NANO / (1 if bucket in PER_PIECE else 10**6)
    return total


@given(RATES, USAGES)
def test_price_lists_agree_with_fractions(rates: dict[str, str], usage: Usage) -> None:
    assert price_list(rates).amount(usage) == round(exactly(rates, usage))


@given(RATES, COUNTS, COUNTS, st.data())
def test_no_split_into_buckets_costs_more_than_the_highest_price(
    rates: dict[str, str], prompt: int, answer: int, data: st.DataObject
) -> None:
    cached = data.draw(st.integers(0, prompt))
    written = data.draw(st.integers(0, prompt - cached))
    thought = data.draw(st.integers(0, answer))
    usage = Usage(prompt - cached - written, cached, written, answer - thought, thought)
    prices = price_list(rates)
    assert prices.amount(usage) <= prices.highest(prompt, answer)


@given(RATES, COUNTS, COUNTS, COUNTS, COUNTS)
def test_more_tokens_never_hold_less(rates: dict[str, str], a: int, b: int, more: int, still: int) -> None:
    prices = price_list(rates)
    assert prices.highest(a, b) <= prices.highest(a + more, b + still)


def test_the_highest_price_is_rounded_up() -> None:
    assert price_list({"input": "0.0001"}).highest(1, 0) == 1
    assert price_list({"output": "0.0001"}).highest(0, 10) == 1
    assert price_list({"requests": "0.01"}).highest(0, 0) == 10_000_000


def test_free_is_free() -> None:
    assert price_list({}) == FREE
    assert FREE.amount(Usage(10**12, output=10**12)) == FREE.highest(10**12, 10**12) == 0


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"tokens": "1"}, "unknown bucket 'tokens'; the buckets are input, cached_input"),
        ({"input": "cheap"}, "'cheap' is not a number"),
        ({"input": "nan"}, "not a finite number"),
        ({"output": "-0.01"}, "the rate of output is below zero: -0.01"),
    ],
)
def test_wrong_rates_are_refused(rates: dict[str, str], message: str) -> None:
    with pytest.raises(RechenwerkError, match=message):
        price_list(rates)
