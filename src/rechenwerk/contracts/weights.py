"""Weights and rates per bucket, as exact vectors."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.terms import Bucket
from rechenwerk.ledger.prices import PriceList, price_list

Vector: TypeAlias = tuple[Fraction, ...]
"""One number per bucket of `base.usage.BUCKETS`."""

ZERO = Fraction(0)
_LIKE: tuple[tuple[Bucket, Bucket], ...] = (
    ("cached_input", "input"),
    ("cache_write", "input"),
    ("reasoning", "output"),
)
_TOKENS = frozenset({"input", "cached_input", "cache_write", "output", "reasoning"})


def weights(given: Mapping[Bucket, Decimal]) -> Vector:
    """What a unit of each bucket weighs; where nothing is given every token weighs 1."""
    if not given:
        return tuple(Fraction(bucket in _TOKENS) for bucket in BUCKETS)
    exact: dict[str, Fraction] = {bucket: Fraction(weight) for bucket, weight in given.items()}
    for bucket, like in _LIKE:
        exact.setdefault(bucket, exact.get(like, ZERO))
    return tuple(exact.get(bucket, ZERO) for bucket in BUCKETS)


def counts(usage: Usage) -> Vector:
    """Usage as exact numbers."""
    return tuple(Fraction(count) for count in usage.counts())


def dot(one: Vector, other: Vector) -> Fraction:
    """The sum of the products."""
    return sum((a * b for a, b in zip(one, other, strict=True) if a and b), ZERO)


def scaled(vector: Vector, factor: Fraction) -> Vector:
    """Every number times a factor."""
    return tuple(value * factor for value in vector)


def rates_of(prices: PriceList) -> Vector:
    """A price list as nano-units per unit."""
    return tuple(Fraction(numerator, prices.denominator) for numerator in prices.numerators)


def rates_from(given: Mapping[Bucket, Decimal]) -> Vector:
    """Rates as people write them, as nano-units per unit.

    Raises:
        RechenwerkError: a rate is below zero.
    """
    return rates_of(price_list({bucket: str(rate) for bucket, rate in given.items()}))


def nano(amount: Decimal | Fraction) -> Fraction:
    """Whole units as nano-units, exactly."""
    return Fraction(amount) * NANO


def nano_whole(amount: Decimal | Fraction) -> int:
    """Whole units as nano-units, rounded half-even."""
    return round(nano(amount))
