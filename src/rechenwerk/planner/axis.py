"""The periods of a plan: months or quarters, one after the other."""

from __future__ import annotations

import re

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.clearing import Floats

_PERIOD = re.compile(r"(\d{4})-(?:Q([1-4])|(0[1-9]|1[0-2]))")
_LONGEST = 600


def month_number(text: str) -> int:
    """A month or a quarter's first month, counted from year 0.

    Raises:
        PlanError: it is neither.
    """
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise PlanError('{text!r} is no period; write one such as "2026-01" or "2026-Q1"', text=text)
    month = 3 * int(found[2]) - 2 if found[2] else int(found[3])
    return int(found[1]) * 12 + month - 1


def is_period(text: str) -> bool:
    """Whether it is a month or a quarter as people write them."""
    return _PERIOD.fullmatch(text) is not None


class Axis(msgspec.Struct, frozen=True):
    """Periods that follow each other.

    Args:
        first: number of the first month.
        count: of periods.
        months: of one period, 1 or 3.
    """

    first: int
    count: int
    months: int

    @classmethod
    def of(cls, starts: str, count: int) -> Axis:
        """From the first period as written; a quarter makes them quarters.

        Raises:
            PlanError: it is no period, or there are none or too many.
        """
        first = month_number(starts)
        if not 1 <= count <= _LONGEST:
            raise PlanError(
                "{count} periods; write a number from 1 to {longest}", count=count, longest=_LONGEST
            )
        return cls(first, count, 3 if "Q" in starts else 1)

    @property
    def length(self) -> float:
        """Of a period, in years."""
        return self.months / 12

    @property
    def names(self) -> tuple[str, ...]:
        """As people write them."""
        return tuple(self.name(one) for one in range(self.count))

    def name(self, index: int) -> str:
        """The name of a period, also of one outside."""
        year, month = divmod(self.first + index * self.months, 12)
        return f"{year}-Q{month // 3 + 1}" if self.months == 3 else f"{year}-{month + 1:02}"

    @property
    def years(self) -> tuple[int, ...]:
        """The calendar year of each period."""
        return tuple((self.first + index * self.months) // 12 for index in range(self.count))

    def index(self, text: str) -> int:
        """Where a month or quarter lies; below 0 or beyond the last where it does not.

        Raises:
            PlanError: it is no period.
        """
        return (month_number(text) - self.first) // self.months

    def since(self, text: str) -> Floats:
        """(periods,): 1 from a month on."""
        return (np.arange(self.count) >= self.index(text)).astype(np.float64)

    @property
    def new_year(self) -> Floats:
        """(periods,): 1 in the first period of a calendar year."""
        return np.asarray(
            [(self.first + one * self.months) % 12 == 0 for one in range(self.count)], dtype=float
        )
