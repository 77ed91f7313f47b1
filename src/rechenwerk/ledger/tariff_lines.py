"""Lines of a month under a tariff as text: exact decimals, or a fraction where no decimal is exact. Pure."""

from __future__ import annotations

from fractions import Fraction

from rechenwerk.base.money import NANO, plain_money
from rechenwerk.ledger.tariffs import MILLION, Line

_PIECES = frozenset({"images", "seconds", "requests"})


def exact(value: Fraction) -> str:
    """``0.375``, or ``1/3``."""
    two_five, digits = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while two_five % prime == 0:
            two_five //= prime
            count += 1
        digits = max(digits, count)
    if two_five != 1:
        return f"{value.numerator}/{value.denominator}"
    whole = abs(value.numerator) * 10**digits // value.denominator
    text = f"{whole:0{digits + 1}d}"
    sign = "-" if value < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"


def line_fields(line: Line) -> dict[str, str]:
    """A line for vouchers, the API and people.

    ``quantity`` is in units, of `cost` in currency; ``rate`` per million tokens, per piece, or per unit
    of currency.
    """
    per, count = Fraction(1, NANO), Fraction(1)
    if line.sort == "cost":
        per, count = Fraction(1), Fraction(1, NANO)
    elif line.sort in ("use", "free") and line.bucket not in _PIECES:
        per = Fraction(MILLION, NANO)
    return {
        "sort": line.sort,
        "bucket": line.bucket,
        "quantity": exact(line.quantity * count),
        "rate": exact(line.rate * per),
        "discount": exact(line.discount),
        "above": "" if line.tier is None else exact(line.tier),
        "amount": plain_money(line.amount),
    }
