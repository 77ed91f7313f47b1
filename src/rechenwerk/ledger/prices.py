"""What a call costs: exact rationals per unit, rounded once, half-even, to whole nano-units."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO, divide_half_even, parse_decimal
from rechenwerk.base.usage import BUCKETS, Usage

_MILLION = 1_000_000
_PER_PIECE = frozenset({"images", "seconds", "requests"})


class PriceList(msgspec.Struct, frozen=True, gc=False):
    """Prices of all buckets over one common denominator.

    Attributes:
        numerators: per bucket of `BUCKETS`, nano-units per unit times `denominator`.
        denominator: greater than zero.
    """

    numerators: tuple[int, int, int, int, int, int, int, int]
    denominator: int

    def amount(self, usage: Usage) -> int:
        """Nano-units for this usage, rounded half-even once."""
        return divide_half_even(usage.weighted(self.numerators), self.denominator)

    def highest(self, input_tokens: int, output_tokens: int, requests: int = 1) -> int:
        """The most that this can cost, whatever buckets the tokens fall into; nano-units, rounded up."""
        n = self.numerators
        total = input_tokens * max(n[0], n[1], n[2]) + output_tokens * max(n[3], n[4]) + requests * n[7]
        return -(-total // self.denominator)


FREE = PriceList((0, 0, 0, 0, 0, 0, 0, 0), 1)


def price_list(rates: Mapping[str, str]) -> PriceList:
    """Build a price list from rates as people write them.

    Args:
        rates: bucket -> decimal text in whole currency units: per million tokens, or per piece for
            images, seconds and requests. A missing ``cached_input`` or ``cache_write`` costs as ``input``,
            a missing ``reasoning`` as ``output``; any other missing bucket is free.

    Raises:
        RechenwerkError: an unknown bucket, not a number, or below zero.
    """
    unknown = sorted(set(rates) - set(BUCKETS))
    if unknown:
        raise RechenwerkError(f"unknown bucket {unknown[0]!r}; the buckets are {', '.join(BUCKETS)}")
    exact: dict[str, Fraction] = {}
    for bucket, text in rates.items():
        value = parse_decimal(text)
        if value < 0:
            raise RechenwerkError(f"the rate of {bucket} is below zero: {text}")
        exact[bucket] = value * NANO / (1 if bucket in _PER_PIECE else _MILLION)
    for bucket, like in (("cached_input", "input"), ("cache_write", "input"), ("reasoning", "output")):
        exact.setdefault(bucket, exact.get(like, Fraction(0)))
    row = [exact.get(bucket, Fraction(0)) for bucket in BUCKETS]
    denominator = lcm(*(value.denominator for value in row))
    a, b, c, d, e, f, g, h = (int(value * denominator) for value in row)
    return PriceList((a, b, c, d, e, f, g, h), denominator)
