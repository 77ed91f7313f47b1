"""Money: whole nano-units, exact at any size, rounded once and half to even."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO, divide_half_even, format_money, parse_decimal, parse_money

ANY_SIZE = st.integers(-(10**40), 10**40)
DIVISORS = st.integers(1, 10**20)

ROUNDINGS = """
    numerator   denominator   rounded
            0             7         0
            1             2         0
            3             2         2
            5             2         2
            7             2         4
           -1             2         0
           -3             2        -2
           -5             2        -2
            1             3         0
            2             3         1
           -2             3        -1
           10             4         2
           14             4         4
"""

AMOUNTS = """
    text               nano
    12.50              12500000000
    0                  0
    0.000000001        1
    -3                 -3000000000
    1e3                1000000000000
    4000000000000      4000000000000000000000
    0.0375             37500000
"""

FOR_PEOPLE = """
    nano               text
    0                  0.00
    1                  0.000000001
    1500000000         1.50
    -1500000000        -1.50
    37500000           0.0375
    1234567000000000   1,234,567.00
    -1                 -0.000000001
"""


def rows(table: str) -> list[tuple[str, ...]]:
    """The rows of a table below its heading."""
    return [tuple(line.split()) for line in table.strip().splitlines()[1:]]


@pytest.mark.parametrize(("numerator", "denominator", "rounded"), rows(ROUNDINGS))
def test_halves_go_to_the_even_neighbour(numerator: str, denominator: str, rounded: str) -> None:
    assert divide_half_even(int(numerator), int(denominator)) == int(rounded)


@given(ANY_SIZE, DIVISORS)
@example(10**40 + 5, 10)
def test_division_agrees_with_decimal(numerator: int, denominator: int) -> None:
    with localcontext(prec=120):
        exact = Decimal(numerator) / Decimal(denominator)
        assert divide_half_even(numerator, denominator) == exact.to_integral_value(ROUND_HALF_EVEN)


@given(ANY_SIZE, DIVISORS)
def test_division_agrees_with_fractions(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        divide_half_even(1, 0)


@pytest.mark.parametrize(("text", "nano"), rows(AMOUNTS))
def test_amounts_are_read_exactly(text: str, nano: str) -> None:
    assert parse_money(text) == int(nano)


@pytest.mark.parametrize("text", ["", "abc", "1,5", "12.50 EUR", "0x10", "nan", "inf", "-Infinity", "sNaN"])
def test_what_is_no_amount_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(RechenwerkError, match=r"write it like 12\.50"):
        parse_money(text)


def test_a_tenth_of_a_nano_is_refused() -> None:
    with pytest.raises(RechenwerkError, match="finer than a billionth"):
        parse_money("0.0000000001")


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "-1E+5000"])
def test_absurd_exponents_cost_nothing(text: str) -> None:
    """An exact fraction of such a number would fill the memory."""
    with pytest.raises(RechenwerkError, match="not a number"):
        parse_decimal(text)


def test_zero_may_have_any_exponent_that_people_write() -> None:
    assert parse_decimal("0.000000000000") == 0


@given(st.fractions().map(lambda value: value.limit_denominator(1)))
def test_whole_numbers_are_read_as_they_are(value: Fraction) -> None:
    assert parse_decimal(str(value)) == value


@given(ANY_SIZE)
def test_what_is_written_reads_back(nano: int) -> None:
    assert parse_money(format_money(nano).replace(",", "")) == nano


@pytest.mark.parametrize(("nano", "text"), rows(FOR_PEOPLE))
def test_amounts_for_people(nano: str, text: str) -> None:
    assert format_money(int(nano)) == text


def test_currency_and_places() -> None:
    assert format_money(3 * NANO // 2, "EUR") == "1.50 EUR"
    assert format_money(2 * NANO, "EUR", places=0) == "2 EUR"
    assert format_money(5 * NANO // 2, places=0) == "2.5"
