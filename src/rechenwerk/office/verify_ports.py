"""The proof of the books: values, and what the office needs of storage for it. Named by `Desk.verifier`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol

import msgspec

from rechenwerk.office.seal_ports import Wrong


class Check(msgspec.Struct, frozen=True):
    """One thing that must be true of the books, and whether it is."""

    name: str
    ok: bool
    detail: str


class Days(msgspec.Struct, frozen=True):
    """Days (UTC) whose rows are proved; both are among them."""

    first: date
    last: date


class Progress(msgspec.Struct, frozen=True):
    """How far a proof is: `done` of `whole` (rows, weighed by how long they take), and what comes next."""

    done: int
    whole: int
    what: str


class Proved(msgspec.Struct, frozen=True):
    """What a proof found.

    Attributes:
        checks: what must be true of rows and sums.
        leaves: sealed rows that were computed anew.
        wrong: of these and their trees.
    """

    checks: Sequence[Check]
    leaves: int
    wrong: Sequence[Wrong]


class ProofRun:
    """A proof of the books that goes on beside the requests that ask for it.

    Args:
        organisation_id: whose books.
        days: see `Verifier.prove`.
    """

    def __init__(self, organisation_id: int, days: Days | None) -> None:
        self.organisation_id = organisation_id
        self.days = days
        self.progress = Progress(0, 1, "beginning")
        self.checks: Sequence[Check] | None = None
        self.failed: str | None = None
        self.task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.checks is not None or self.failed is not None

    def tell(self, progress: Progress) -> None:
        """It has come so far."""
        self.progress = progress
        self.moved()

    def moved(self) -> None:
        """Wake whoever waits."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until it has moved or ended, but no longer."""
        if not self.over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), seconds)


Tell = Callable[[Progress], None]


class Verifier(Protocol):
    """Computes the books again from their parts."""

    async def prove(self, organisation_id: int, days: Days | None, tell: Tell) -> Proved:
        """Prove an organisation's books, in pieces that each take a moment of the database.

        Args:
            organisation_id: whose.
            days: only what rows of these days show by themselves, and their seals; None: everything.
            tell: is told before each piece.
        """
        ...

    async def calls(self, organisation_id: int, days: Days | None) -> int:
        """How many calls there are to prove."""
        ...
