"""Admission: a call gets a place at a deployment, waits for one, or is told when to come back.

It stands on the road between the plan and the hold: who waits has drawn on no budget yet. How it hangs in:

1. `main_gateway` makes one `Admission`; after each snapshot it is told of the pools (`configure`).
2. The road, when the plan's steps are in their order, calls `enter` with the ids of their deployments, in
   that order. A `Refusal` is the answer. `Granted.index` says which of them has a place for the call.
3. Each attempt says where it goes: `Granted.started(index)`. Where there is no room it is False; then the
   next step is tried, or, when none is left, `ended` and the call enters once more.
4. A relay may tell of tokens as they come (`wrote`). However it ends, `ended` gives the place back, with
   the usage that is booked. It must be called for every `Granted`, and may be called twice.

Where no pool is configured, `enter` costs a coroutine and nothing else, and `limited` says so beforehand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import Refusal, unavailable
from rechenwerk.base.settings import Settings
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.lots import SERVICES, PoolUse
from rechenwerk.routing.deal import ALONE, Deal
from rechenwerk.routing.delay import Full
from rechenwerk.routing.lines import InUse, PoolRow
from rechenwerk.routing.room import Ask
from rechenwerk.routing.waiting import Ticket, Waiting

GONE = unavailable("The client was gone before there was room for its call.", "client_gone", 503, None)
CLOSING = unavailable("This process is about to end; try again, another will serve you.", "shutting_down")


class Client(Protocol):
    """Who waits for the answer; `server.Connection` is one."""

    gone: bool
    on_gone: Callable[[], None] | None


class Granted:
    """A place at one of a call's candidates."""

    __slots__ = ("_admission", "_ticket")

    def __init__(self, admission: Admission | None, ticket: Ticket | None) -> None:
        self._admission = admission
        self._ticket = ticket

    @property
    def index(self) -> int:
        """The candidate that has a place for the call."""
        return self._ticket.index if self._ticket is not None else 0

    def started(self, index: int) -> bool:
        """The call goes to this candidate now; its place goes with it. False: there is no room."""
        if self._admission is None or self._ticket is None:
            return True
        return self._admission.move(self._ticket, index)

    def wrote(self, tokens: int) -> None:
        """So many more tokens of the answer have come."""
        if self._admission is not None and self._ticket is not None:
            self._admission.wrote(self._ticket, tokens)

    def ended(self, usage: Usage | None = None) -> None:
        """The call has ended; its place is free. `usage`: None when it is not known."""
        if self._admission is not None and self._ticket is not None:
            self._admission.end(self._ticket, usage)


FREE = Granted(None, None)
"""Where nothing is limited: a place at every candidate, which nobody has to give back."""


class Admission:
    """Who is served now, who waits, and who is refused.

    Args:
        clock: time.
        settings: how long calls may wait.
    """

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._now = clock.monotonic
        self._patience = {
            "critical": settings.queue_deadline,
            "standard": settings.queue_deadline,
            "batch": settings.queue_deadline_batch,
        }
        self._longest = settings.total_timeout
        self._core = Waiting()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.limited = False
        """Whether any deployment's capacity is limited."""

    def configure(self, rows: Iterable[PoolRow], deal: Deal = ALONE) -> None:
        """Other pools from now on; running calls keep their places, waiting ones are placed anew.

        Args:
            rows: all of them.
            deal: this process's part of them; those of all processes together are never more.
        """
        parts = [row if deal.alone else row.part(deal) for row in rows]
        self.limited = bool(parts)
        self._core.configure(parts, self._now())
        self._set_timer()

    async def enter(
        self,
        project: int,
        organisation: int,
        service: str,
        candidates: Sequence[int],
        *,
        read: int,
        write: int,
        weight: float = 1.0,
        left: float | None = None,
        client: Client | None = None,
    ) -> Granted | Refusal:
        """A place for a call, now or when it is its turn.

        Args:
            project: whose share it is.
            organisation: of the project; what it bought is its own.
            service: ``critical``, ``standard`` or ``batch``.
            candidates: ids of the deployments that may serve it, the preferred first; at least one.
            read: tokens of its input, as far as one can tell.
            write: the most tokens of its output.
            weight: of the project, above zero.
            left: seconds until the call as a whole has taken too long; `total_timeout` if left out.
            client: when it leaves, its place in line is free.
        """
        if not self.limited:
            return FREE
        longest = self._longest if left is None else left
        ask = Ask(project, organisation, service, weight, read, write)
        patience = min(self._patience[service], longest)
        found = self._core.enter(ask, candidates, patience, longest, self._now())
        if isinstance(found, Full):
            return _refusal(found, patience)
        if found.state == "waiting":
            refusal = await self._wait(found, client)
            if refusal is not None:
                return refusal
        return Granted(self, found)

    def move(self, ticket: Ticket, index: int) -> bool:
        """See `Granted.started`."""
        return self._core.move(ticket, index, self._now())

    def wrote(self, ticket: Ticket, tokens: int) -> None:
        """See `Granted.wrote`."""
        self._core.wrote(ticket, tokens)

    def end(self, ticket: Ticket, usage: Usage | None) -> None:
        """See `Granted.ended`."""
        self._core.end(ticket, usage, self._now())

    def close(self) -> None:
        """Refuse everybody who waits: this process is about to end."""
        self._core.dismiss(self._now())
        self._set_timer()

    # -- for people -------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return self._core.waiting

    def in_use(self) -> list[InUse]:
        """Who uses how much of what, now."""
        return [one for pool in self._core.pools for one in pool.use(self._now())]

    def uses(self) -> tuple[PoolUse, ...]:
        """What became of the lots of governed pools since this was asked last, for the report on them."""
        day = int(self._clock.now() // 86_400)
        return tuple(
            PoolUse(pool.row.id, day, service, loans.lent, loans.reclaimed)
            for pool in self._core.pools
            if pool.row.id > 0
            for service in SERVICES
            if (loans := pool.loans(service)) is not None
        )

    # -- waiting ----------------------------------------------------------------------------------

    async def _wait(self, ticket: Ticket, client: Client | None) -> Refusal | None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told() -> None:
            if not turn.done():
                turn.set_result(None)

        ticket.told = told
        self._set_timer()
        if client is not None:
            client.on_gone = told
        served = False
        try:
            if client is None or not client.gone:
                await turn
            served = ticket.state == "placed" and not (client is not None and client.gone)
        finally:
            if client is not None:
                client.on_gone = None
            if not served:
                self._core.leave(ticket, self._now())
        if served:
            return None
        if ticket.full is not None:
            return _refusal(ticket.full, ticket.patience)
        return GONE if client is not None and client.gone else CLOSING

    def _set_timer(self) -> None:
        """Come back when time alone makes a difference."""
        due = self._core.next_tick()
        if self._timer is not None and (due is None or due < self._timer_at):
            self._timer.cancel()
            self._timer = None
        if due is not None and self._timer is None:
            self._timer_at = due
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - self._now()), self.tick)

    def tick(self) -> None:
        """Time has passed: deadlines, and tokens of a minute ago."""
        self._timer = None
        self._core.tick(self._now())
        self._set_timer()


def _refusal(full: Full, patience: float) -> Refusal:
    """What the client is told."""
    if full.retry_after is None:
        return Refusal(
            403,
            "invalid_request_error",
            "capacity_reserved",
            "All capacity for this is kept for others; ask your operator for a part of it.",
        )
    return Refusal(
        429,
        "rate_limit_error",
        "capacity_exceeded",
        f"All capacity is in use, and this call would not be served within {patience:g} s: {full.ahead} are"
        f" before it. Try again in {full.retry_after} s.",
        None,
        full.retry_after,
    )
