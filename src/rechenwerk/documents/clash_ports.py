"""Contradictions as they are kept, what people decided about them, and the facts of earlier jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from rechenwerk.base.cursors import Order, Place
from rechenwerk.documents.choice_ports import ALL, Stretch
from rechenwerk.documents.facts.values import Fact

STATES: Mapping[str, str] = MappingProxyType({"side": "side", "both": "both", "reject": "rejected"})
"""Action -> the state of a contradiction after it."""


class Earlier(msgspec.Struct, frozen=True):
    """A document of an earlier job with its facts."""

    document_id: int
    document: str
    job_id: int
    facts: tuple[Fact, ...]


class NewClash(msgspec.Struct, frozen=True):
    """A contradiction to keep.

    Attributes:
        content: what it is about, and its sides with their quotes, as JSON shows them.
        documents: whose quotes it has.
    """

    content: Mapping[str, Any]
    documents: frozenset[int]


class Clash(msgspec.Struct, frozen=True):
    """A contradiction of a job.

    Attributes:
        state: open, side (one is right), both (both stand: they speak of different things) or rejected (none
            is right).
        side: number of the one that is right, from 0.
        gone: the documents do not contradict each other any more.
        by, at, note: of the last decision.
    """

    id: int
    job_id: int
    state: str
    side: int | None
    gone: bool
    version: int
    content: Mapping[str, Any]
    made_at: datetime
    by: str = ""
    at: datetime | None = None
    note: str = ""


class ClashDecision(msgspec.Struct, frozen=True):
    """What a person said of a contradiction.

    Attributes:
        version: of the contradiction, after it.
        action: side, both or reject.
        content: the contradiction as it was seen.
        id: of one that is kept.
    """

    clash_id: int
    version: int
    action: str
    side: int | None
    by_key: int
    by_name: str
    made_at: datetime
    content: Mapping[str, Any]
    note: str
    id: int = 0


class Change(msgspec.Struct, frozen=True):
    """How the contradictions of a job change.

    Attributes:
        add: new ones.
        keep: id -> what it is now.
        gone: ids of those that are no contradiction any more.
    """

    add: Sequence[NewClash] = ()
    keep: Mapping[int, NewClash] = {}
    gone: Sequence[int] = ()


class Stamps(msgspec.Struct, frozen=True):
    """What the contradictions of a job were reckoned from, and what there is now; equal: nothing changed.

    Attributes:
        documents: of the job that are done.
    """

    facts_now: str
    clashes_of: str
    clashes_now: str
    documents: int = 0


class Sheet(msgspec.Struct, frozen=True, array_like=True):
    """A part of what a job's documents say together: facts, each once; copies stand in the first part."""

    facts: Sequence[Mapping[str, Any]]
    copies: Sequence[Sequence[str]] = ()


class Clashes(Protocol):
    """Contradictions of an organisation."""

    async def stamps(self, organisation_id: int, job_id: int) -> Stamps:
        """Whether they are up to date."""
        ...

    async def earlier(self, organisation_id: int, job_id: int, most: int) -> list[Earlier]:
        """Facts of earlier jobs of the project that are no stricter in class; without files of the job."""
        ...

    async def settle(
        self,
        organisation_id: int,
        job_id: int,
        stamps: Stamps,
        facts: Mapping[int, Sequence[Fact]],
        sheets: Sequence[Sheet],
        change: Callable[[Sequence[Clash]], Change],
    ) -> None:
        """Keep the facts of a job's documents, and change its contradictions; all or nothing."""
        ...

    async def sheets(self, organisation_id: int, job_id: int, first: int, most: int) -> list[Sheet]:
        """What a job's documents say together, as it was reckoned last: from a part on, so many parts."""
        ...

    async def clashes(
        self,
        organisation_id: int,
        job_id: int,
        *,
        only_open: bool = False,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Clash]:
        """Of a job, oldest first: those after an id, so many at most; all, or those that need a person."""
        ...

    async def ordered(
        self, organisation_id: int, job_id: int, order: Order, *, only_open: bool, limit: int
    ) -> tuple[list[Clash], Place]:
        """Of a job in another order, so many at most, and where the last of them stands."""
        ...

    async def left(self, organisation_id: int, job_id: int) -> int:
        """How many contradictions of a job need a person."""
        ...

    async def raw_facts(
        self, organisation_id: int, job_id: int
    ) -> tuple[list[msgspec.Raw], Sequence[Sequence[str]]]:
        """All facts of a job as they are kept, each by itself and opened by nobody yet; and the copies."""
        ...

    async def parts(self, organisation_id: int, job_id: int) -> int:
        """In how many parts it is kept what a job's documents say together."""
        ...

    async def want(self, organisation_id: int, job_id: int, seen: Stamps) -> None:
        """A worker shall reckon a job's facts anew, unless one has since they were seen."""
        ...

    async def clash(self, organisation_id: int, clash_id: int) -> Clash | None:
        """One."""
        ...

    async def decide(self, organisation_id: int, decision: ClashDecision) -> bool:
        """Decide about version `decision.version - 1`; False when it has another version by now."""
        ...

    async def decisions(
        self, organisation_id: int, job_id: int, stretch: Stretch = ALL
    ) -> list[ClashDecision]:
        """About a job's contradictions, oldest first."""
        ...

    async def unreckoned(self) -> list[tuple[int, int]]:
        """(organisation, job) of jobs whose facts are wanted, or that ended of late and have none yet."""
        ...

    def alone(self, organisation_id: int, job_id: int) -> AbstractAsyncContextManager[bool]:
        """Whether this worker shall reckon a job, alone until it is left: nobody else does, nor has since."""
        ...

    async def give_up(self, organisation_id: int, job_id: int) -> None:
        """The facts of a job cannot be reckoned: nobody tries it unasked again."""
        ...
