"""What the office needs of totals from storage. Named by `Desk.sums`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal, Protocol

import msgspec

By = Literal["organisation", "project", "key", "model", "deployment", "contract", "outcome"]
Step = Literal["day", "month", "all"]


class Total(msgspec.Struct, frozen=True):
    """Calls of a day, a month or a whole span; money in nano-units.

    Attributes:
        starts: the first day of what was summed.
        name: whose: of the project, key, model ...; empty where that is gone.
        attempts: of the calls: failed attempts of others.
        usage: bucket -> count, as in `base.usage.BUCKETS`.
    """

    starts: date
    name: str
    calls: int
    attempts: int
    price: int
    cost: int
    listed: int
    charged: int
    usage: Mapping[str, int]


class Sums(Protocol):
    """Totals that are kept beside the rows."""

    async def totals(self, organisation_id: int, starts: date, ends: date, by: By, step: Step) -> list[Total]:
        """Totals of calls that began in [starts, ends) of UTC, oldest first, then by name."""
        ...
