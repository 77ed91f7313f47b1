"""Plans as the office keeps them, and what it needs of storage. Named by `Desk.plans`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

RunState = Literal["waiting", "running", "done", "failed", "cancelled"]


class KeptPlan(msgspec.Struct, frozen=True):
    """A plan and its newest version.

    Attributes:
        main: whether the first page shows its runway.
        versions: how many there are.
        run: the newest that is done, its scenario, when it ended, and its headline.
    """

    id: int
    name: str
    main: bool
    made_at: datetime
    versions: int
    facts: str
    changed_by: str
    changed_at: datetime
    run: int | None
    run_scenario: str | None
    run_headline: str | None
    run_at: datetime | None


class NewVersion(msgspec.Struct, frozen=True):
    """A text of a plan.

    Attributes:
        deals: firms and what they promised each other; '' for none.
        facts: JSON: what the planner says that is in it.
    """

    format: str
    text: str
    deals: str
    facts: str
    made_by: str
    made_at: datetime


class KeptVersion(NewVersion, frozen=True):
    """A version with its number."""

    number: int


class NewRun(msgspec.Struct, frozen=True):
    """What is to be calculated."""

    version: int
    scenario: str
    without: Sequence[str]
    paths: int
    seed: int
    made_by: str
    made_at: datetime


class KeptRun(NewRun, frozen=True):
    """A calculation; its result is read apart, it is long. `headline` is JSON: `out`, `ruin`, `gap`."""

    id: int
    state: RunState
    done: int
    failed: str | None
    headline: str | None
    ended_at: datetime | None


class Work(msgspec.Struct, frozen=True):
    """A run that was taken, with the text that it is about; `turn` is lost when another takes it."""

    id: int
    turn: int
    text: str
    format: str
    scenario: str
    without: Sequence[str]
    paths: int
    seed: int


class Plans(Protocol):
    """Plans, their versions and runs. Every question names the organisation."""

    async def plans(self, organisation_id: int) -> list[KeptPlan]:
        """All of an organisation, by name."""
        ...

    async def plan(self, organisation_id: int, name: str) -> KeptPlan | None:
        """One of them."""
        ...

    async def make(self, organisation_id: int, name: str, first: NewVersion) -> bool:
        """A new plan; the organisation's first is its main one. False where the name is taken."""
        ...

    async def add(self, plan: KeptPlan, version: NewVersion, after: int) -> bool:
        """Another version; False where somebody made one since `after`."""
        ...

    async def choose(self, organisation_id: int, plan_id: int) -> None:
        """Make it the main plan."""
        ...

    async def version(self, plan_id: int, number: int | None) -> KeptVersion | None:
        """A version; the newest for None."""
        ...

    async def versions(self, plan_id: int, most: int) -> list[KeptVersion]:
        """The newest ones, without their texts."""
        ...

    async def begin(self, organisation_id: int, plan_id: int, run: NewRun, most: int) -> KeptRun | None:
        """Let it wait for its turn; None where the organisation has so many that are not over."""
        ...

    async def runs(self, plan_id: int, most: int) -> list[KeptRun]:
        """The newest ones."""
        ...

    async def run(self, plan_id: int, run_id: int) -> KeptRun | None:
        """One of them."""
        ...

    async def result(self, run_id: int) -> str | None:
        """What it found, as it was calculated."""
        ...

    async def cancel(self, run_id: int, now: datetime) -> bool:
        """End it; False where it is over."""
        ...

    async def take(self, lost_after: float) -> Work | None:
        """The next one that waits, or whose process was not heard of for so many seconds."""
        ...

    async def seen(self, work: Work, done: int) -> bool:
        """It is alive and has come so far; False where it is no longer wanted."""
        ...

    async def end(self, work: Work, result: str | None, headline: str | None, failed: str | None) -> None:
        """It is over."""
        ...
