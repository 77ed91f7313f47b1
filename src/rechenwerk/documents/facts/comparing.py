"""Whether two amounts can both be true, after what qualifies them and the digits that are given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from rechenwerk.documents.facts.values import Fact
from rechenwerk.documents.values import Amount

_NEAR_BELOW = re.compile(r"^\s*(?:knapp|fast|nahezu|beinahe|nearly|almost|just under)\b", re.IGNORECASE)
_NEAR_ABOVE = re.compile(r"^\s*(?:gut|just over|etwas mehr als|slightly more than)\b", re.IGNORECASE)
_SCALED = re.compile(
    r"(?:tsd|tausend|mio|mill|mrd|bio|billi|trilli|thousand|\d\s?[kmb]\b|\d\s?bn|\d\s?tn|teur|t€)",
    re.IGNORECASE,
)
_HALF, _TENTH = Decimal("0.5"), Decimal("0.1")
_ABOUT_LEAST, _ABOUT_MOST, _ROUNDED_MOST = Decimal("0.05"), Decimal("0.17"), Decimal("0.08")
"""Shares of a value: what 'about' allows at least and at most, and the most that rounding to the
digits given may.
"""

_INFINITE = Decimal("Infinity")
_EPSILON = Decimal("1e-12")


def step(value: Decimal) -> Decimal:
    """The worth of the last digit that is not a zero: 1.3e9 was given to 1e8, 30 to 10."""
    if not value:
        return Decimal(0)
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(exponent)


def _digits_step(value: Decimal, quote: str) -> Decimal:
    """The worth of the last digit that is written: of '12,0 Mio.' 1e5, of '12 Mio.' 1e6, of '12.000' 1."""
    found = re.search(r"\d[\d.,'\u2019]*", quote)
    digits = found.group() if found else ""
    last = max(digits.rfind("."), digits.rfind(","))
    decimals = len(digits) - last - 1 if last >= 0 else 0
    plain = Decimal(re.sub(r"\D", "", digits) or 1)
    if not plain:
        return Decimal(1)
    written = value / plain
    one = Decimal(1).scaleb(written.adjusted())
    if decimals == 3 and last >= 0 and abs(value) >= 1000 and not _SCALED.search(quote):
        return Decimal(1)
    return one


def bounds(amount: Amount, quote: str) -> tuple[Decimal, Decimal]:
    """The least and the greatest true value that the words allow."""
    low, high = amount.low, amount.high
    kind = amount.qualifier
    if kind == "range":
        return low, high
    if kind == "about":
        margin = max(min(step(low) * _HALF, abs(low) * _ABOUT_MOST), abs(low) * _ABOUT_LEAST)
        return low - margin, high + margin
    margin = Decimal(0)
    if low and _SCALED.search(quote):
        margin = min(_digits_step(low, quote) * _HALF, abs(low) * _ROUNDED_MOST)
    if kind == "more than":
        return low - margin, (low * (1 + _TENTH) if _NEAR_ABOVE.match(quote) else _INFINITE)
    if kind == "at least":
        return low - margin, _INFINITE
    if kind == "less than":
        return (low * (1 - _TENTH) if _NEAR_BELOW.match(quote) else -_INFINITE), high + margin
    if kind == "at most":
        return -_INFINITE, high + margin
    return low - margin, high + margin


def converted(amount: Amount, unit: str, rates: Mapping[tuple[str, str], Decimal]) -> Amount | None:
    """An amount in another currency by a given rate (units of the second for one of the first), or None."""
    if amount.unit == unit:
        return amount
    rate = rates.get((amount.unit, unit))
    if rate is None:
        back = rates.get((unit, amount.unit))
        rate = 1 / back if back else None
    if rate is None:
        return None
    qualifier = amount.qualifier or "about"
    return Amount(amount.low * rate, amount.high * rate, unit, qualifier)


def compatible(left: Fact, right: Fact, rates: Mapping[tuple[str, str], Decimal]) -> bool:
    """Whether both can be true; amounts that cannot be compared can."""
    other = converted(right.amount, left.amount.unit, rates)
    if other is None:
        return True
    one = bounds(left.amount, left.evidence.quote)
    two = bounds(other, right.evidence.quote)
    tolerance = max(abs(left.amount.low), abs(other.low)) * _EPSILON
    return one[0] <= two[1] + tolerance and two[0] <= one[1] + tolerance
