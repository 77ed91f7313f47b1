"""Allocation (Umlage): an amount shared out by weights, exactly: the parts sum to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

Key = Literal["none", "use", "equal", "fixed"]
"""By what shared costs are allocated to projects: by nothing, use, equal parts, fixed percentages."""


def share_out(amount: int, weights: Sequence[int | Fraction]) -> tuple[int, ...]:
    """Parts of `amount` in proportion to `weights`, by the method of largest remainders (Hare-Niemeyer).

    Each part differs from its exact share by less than one nano-unit; of equal remainders the first wins.
    Without any weight every part is equal, so that nothing is left over.

    Args:
        amount: nano-units, also below zero.
        weights: not below zero; at least one.

    Raises:
        ValueError: no weights, or one below zero.
    """
    if not weights:
        raise ValueError("nobody to share out to")
    if min(weights) < 0:
        raise ValueError("a weight is below zero")
    total = sum(weights, Fraction(0))
    if not total:
        weights = [1] * len(weights)
        total = Fraction(len(weights))
    exact = [abs(amount) * weight / total for weight in weights]
    parts = [int(share) for share in exact]  # never below zero, so this is the floor
    left = abs(amount) - sum(parts)
    order = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in order[:left]:
        parts[place] += 1
    return tuple(-part for part in parts) if amount < 0 else tuple(parts)
