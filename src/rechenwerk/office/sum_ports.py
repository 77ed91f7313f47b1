"""What the office needs of totals from storage. Named by `Desk.sums`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
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


class Beat(msgspec.Struct, frozen=True):
    """The last minutes at a provider.

    Attributes:
        calls: that began, failed attempts among them.
        answers: of them: posted.
        failed: of them: failed or unresolved.
        first_byte_us: of answers: the middle one, and the one that 19 of 20 were faster than.
    """

    provider: str
    calls: int
    answers: int
    failed: int
    first_byte_us: int | None
    slow_byte_us: int | None


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of time at a provider: a `Beat` with its beginning."""

    starts: datetime
    beat: Beat


class Marks(msgspec.Struct, frozen=True):
    """What of an organisation is another value whenever something has changed; the values mean nothing.

    Attributes:
        calls: calls that are booked.
        budgets: what budgets there are.
        audit: what the audit has.
        jobs: of documents.
        configuration: of the whole installation.
    """

    calls: str
    budgets: str
    audit: str
    jobs: str
    configuration: str


class Sums(Protocol):
    """Totals that are kept beside the rows."""

    async def totals(self, organisation_id: int, starts: date, ends: date, by: By, step: Step) -> list[Total]:
        """Totals of calls that began in [starts, ends) of UTC, oldest first, then by name."""
        ...

    async def pulse(self, organisation_id: int, since: datetime) -> list[Beat]:
        """Calls that began since then and are booked, by provider."""
        ...

    async def health(
        self, organisation_id: int | None, since: datetime, seconds: int, provider: str
    ) -> list[Stretch]:
        """Calls that began since then, by provider and stretches of so many seconds, oldest first.

        Args:
            organisation_id: whose; None: everybody's, as far as shared providers served them.
            since: the beginning of the first stretch.
            seconds: how long each is.
            provider: only this one; '' for all.
        """
        ...

    async def marks(self, organisations: Sequence[int]) -> Mapping[int, Marks]:
        """What shows that something has changed in organisations; quick, however much there is."""
        ...
