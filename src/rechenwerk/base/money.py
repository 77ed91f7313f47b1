"""Money: whole nano-units of a currency as Python integers, never a float.

1 EUR = 1,000,000,000 nano. Rounding happens once, at posting, half-even.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction

from rechenwerk.base.errors import RechenwerkError

NANO = 1_000_000_000
_MOST_DIGITS = 1_000


def divide_half_even(numerator: int, denominator: int) -> int:
    """Integer division rounded half to even; exact for any size.

    Raises:
        ZeroDivisionError: denominator is zero.
    """
    quotient, rest = divmod(numerator, denominator)
    twice = rest * 2
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def parse_decimal(text: str) -> Fraction:
    """Read a decimal number such as ``0.0375`` exactly.

    Raises:
        RechenwerkError: the text is not a finite decimal number.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RechenwerkError(f"{text!r} is not a number; write it like 12.50") from None
    if not value.is_finite():
        raise RechenwerkError(f"{text!r} is not a finite number; write it like 12.50")
    if not -_MOST_DIGITS <= value.adjusted() <= _MOST_DIGITS:  # its exact fraction would fill the memory
        raise RechenwerkError(f"{text!r} is not a number that people use; write it like 12.50")
    return Fraction(value)


def parse_money(text: str) -> int:
    """Read an amount such as ``12.50`` as nano-units.

    Raises:
        RechenwerkError: not a number, or finer than a nano-unit.
    """
    nano = parse_decimal(text) * NANO
    if nano.denominator != 1:
        raise RechenwerkError(f"{text!r} is finer than a billionth of a unit")
    return nano.numerator


def format_money(nano: int, currency: str = "", places: int = 2) -> str:
    """Write nano-units for people: at least `places` decimals, more where the amount needs them.

    ``format_money(1_500_000_000, "EUR") == "1.50 EUR"``; ``format_money(1) == "0.000000001"``.
    """
    sign = "-" if nano < 0 else ""
    whole, rest = divmod(abs(nano), NANO)
    digits = f"{rest:09d}".rstrip("0").ljust(places, "0")
    text = f"{sign}{whole:,}.{digits}" if digits else f"{sign}{whole:,}"
    return f"{text} {currency}" if currency else text


def plain_money(nano: int) -> str:
    """Nano-units as programs and commands take them: no separators, at least two decimals."""
    return format_money(nano).replace(",", "")
