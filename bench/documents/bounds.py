"""How sure a share is: the upper bound of Clopper and Pearson (exact binomial)."""

from __future__ import annotations

import math


def log_chance(found: int, tried: int, share: float) -> float:
    """Logarithm of the chance of exactly so many."""
    if share in {0.0, 1.0}:
        return 0.0 if found == tried * share else -math.inf
    ways = math.lgamma(tried + 1) - math.lgamma(found + 1) - math.lgamma(tried - found + 1)
    return ways + found * math.log(share) + (tried - found) * math.log1p(-share)


def at_most(found: int, tried: int, share: float) -> float:
    """The chance of so many or fewer."""
    return sum(math.exp(log_chance(each, tried, share)) for each in range(found + 1))


def upper(found: int, tried: int, confidence: float = 0.95) -> float:
    """The largest share with which so few would still be seen in one of twenty runs; one-sided.

    Args:
        found, tried: counts.
        confidence: of the bound.
    """
    if tried == 0 or found == tried:
        return 1.0
    low, high = found / tried, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if at_most(found, tried, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high
