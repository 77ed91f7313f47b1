"""What the ledger needs from storage: the Book, and the values that go into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.ledger.periods import Period

Outcome = Literal["posted", "failed", "unresolved", "void"]
UsageSource = Literal["reported", "counted", "estimated", "none"]

WRITERS = 2
"""Batches of posts that a book takes at the same time."""


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """A debit and a credit of the same amount; account ids and nano-units above zero."""

    debit: int
    credit: int
    amount: int


class Accounts(msgspec.Struct, frozen=True, gc=False):
    """Account ids of one project under one contract."""

    receivable: int
    revenue: int
    cost: int
    payable: int
    failed: int
    unresolved_cost: int
    unresolved_price: int
    overrun: int


class Hold(msgspec.Struct, frozen=True, gc=False):
    """The most that a call can cost, reserved before it leaves.

    `amount` is the highest price, `cost_bound` the highest cost, in nano-units. `slices` are the ids of
    the budget slices that it draws on, as PostgreSQL writes an array: ``{1,2}``. An attempt that failed after
    it had left, while another served the call, is booked like a call: `attempt_of` is the call's id.
    """

    id: int
    organisation: int
    project: int
    key: int
    deployment: int
    contract: int
    endpoint: str
    model: str
    streamed: bool
    amount: int
    cost_bound: int
    slices: str
    started_us: int
    expires_s: int
    attempt_of: int | None = None


class Post(msgspec.Struct, frozen=True, gc=False):
    """How a call ended: settles its hold.

    Money in nano-units, times in microseconds, energy in microwatt-hours, carbon dioxide in micrograms.
    `listed`: the cost at the provider's list rates, where that is another one. `tariff`: the id of the tariff
    version that priced it.
    """

    hold: Hold
    deployment: int
    contract: int
    outcome: Outcome
    reason: str | None
    source: UsageSource
    usage: Usage
    raw_usage: str | None
    price: int
    cost: int
    status: int
    first_byte_us: int
    total_us: int
    decision: str
    transfers: tuple[Transfer, ...]
    energy_uwh: int = 0
    co2_ug: int = 0
    listed: int | None = None
    tariff: int = 0


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What a lease brought: how much, and what is left in the pool for others.

    `waiting`: slices of other living processes that have not yet answered the last recall.
    `granted`: the whole slice now.
    """

    slice_id: int
    got: int
    pool: int
    waiting: int
    granted: int


class Book(Protocol):
    """The books, as one gateway process writes them."""

    async def open(self, on_recall: Callable[[int, int, int], None]) -> int:
        """Register this process; returns its number (0..1023), unique among living processes.

        Args:
            on_recall: called with guard id, start of the window (epoch seconds) and recall number when
                another process asks for what lies idle.
        """
        ...

    def intend(self, hold: Hold) -> None:
        """Note that a call is about to leave, so that it outlives a sudden end of this process.

        At once and without a commit; whoever buries this process books the call if its hold is missing.
        """
        ...

    async def write_holds(self, holds: Sequence[Hold]) -> None:
        """Take holds in one durable transaction; a hold that is there already is left as it is.

        Raises:
            FencedError, BookError, OSError: as `write_posts`.
        """
        ...

    async def write_posts(self, posts: Sequence[Post]) -> None:
        """Settle holds in one durable transaction; a post whose hold is gone changes nothing.

        May be called again, with other posts, while up to `WRITERS` - 1 others run.

        Raises:
            FencedError: this process was declared dead.
            BookError: the database refused the batch for what is in it; nothing was written.
            OSError: the database cannot be reached; whether the batch was written is unknown.
        """
        ...

    async def lease(self, guard: int, starts: int, want: int, least: int = 1) -> Grant | None:
        """Add up to `want`, and nothing if there is less than `least`, to this process's slice of a window.

        None when the guard is gone.
        """
        ...

    async def recall(self, guard: int, starts: int) -> None:
        """Ask every other process for what lies idle in its slice."""
        ...

    async def give_back(self, slice_id: int, amount: int, epoch: int) -> None:
        """Return an idle part of a slice, as the answer to recall number `epoch` (0: unasked)."""
        ...

    async def accounts(self, organisation: int, project: int, contract: int) -> Accounts:
        """The accounts of a project under a contract, made when missing."""
        ...

    async def beat(self, silence: float) -> int:
        """Say that this process lives, and bury those that were silent for so many seconds.

        Returns how many holds of dead processes were booked as unresolved.

        Raises:
            FencedError: this process was declared dead.
        """
        ...

    async def close(self) -> None:
        """End this process in the books: gives back all slices."""
        ...


class PeriodStep(Protocol):
    """Something that has to be booked before a period is looked at or closed."""

    @property
    def name(self) -> str:
        """What it books, for people: ``tariff adjustments``."""
        ...

    async def book(self, organisation: int, period: Period, by: str) -> int:
        """Book what is missing, by vouchers; run again it books only the difference. Returns how many.

        Args:
            organisation: whose books.
            period: a period that runs is booked up to now.
            by: who asked for it.
        """
        ...
