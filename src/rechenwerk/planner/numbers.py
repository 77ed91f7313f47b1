"""Numbers as people write them in a plan's file."""

from __future__ import annotations

import re

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import halves
from rechenwerk.planner.told import Number

_NUMBER = re.compile(r"\s*([+-]?[\d_]*\.?\d+(?:[eE][+-]?\d+)?)\s*(%?)\s*")


def number(value: Number) -> float:
    """A number as written: 12, 0.5, "20%".

    Raises:
        PlanError: it is none.
    """
    if not isinstance(value, str):
        return float(value)
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise PlanError('{value!r} is no number; write one such as 12, 0.5 or "20%"', value=value)
    return float(found[1].replace("_", "")) / (100 if found[2] else 1)


def parted(error: PlanError) -> tuple[str, str]:
    """What an error says is wrong, and what it says to do."""
    what, fix = halves(error.said)
    return what, fix or "see docs/plan.md"
