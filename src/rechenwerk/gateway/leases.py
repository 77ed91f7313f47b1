"""Leases: a process enlarges its slices of budgets and limits, and gives back what lies idle.

Before anybody is refused, everything that is left is asked for, other processes' idle slices included.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import RechenwerkError
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import Draw, Guard, GuardRow, Unit, Window, draw, undo
from rechenwerk.ledger.ports import Book

_log = logging.getLogger("rechenwerk.leases")
_POLL = 0.01
_PATIENCE = 1.0
"""Seconds that others have to answer a recall; a process that is stuck longer keeps its slice."""
_IDLE = 10.0


class Leases:
    """All guards of this process.

    Args:
        book: where slices come from.
        till: to wait for the money of calls that have ended.
        clock: wall time for windows.
    """

    def __init__(self, book: Book, till: Till, clock: Clock) -> None:
        self._book = book
        self._till = till
        self._clock = clock
        self._guards: dict[int, Guard] = {}
        self._windows: dict[tuple[int, int], Window] = {}
        self._rounds: dict[int, asyncio.Task[None]] = {}
        self._waiters: dict[int, list[tuple[int, asyncio.Future[bool]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def guard(self, row: GuardRow) -> Guard:
        """The guard of a row."""
        guard = self._guards.get(row.id)
        if guard is None:
            guard = self._guards[row.id] = Guard(row, self._clock.now())
        return guard

    def refresh(self, row: GuardRow) -> None:
        """Let a changed amount take effect at once: what lies idle goes back and is leased anew."""
        guard = self._guards.get(row.id)
        if guard is not None and guard.row != row:
            guard.row = row
            guard.window.guard = row
            if guard.window.slice_id:
                self._spawn(self._return(guard.window, 0))

    def keep_only(self, ids: Iterable[int]) -> None:
        """Forget guards that do not exist any more."""
        for gone in set(self._guards) - set(ids):
            del self._guards[gone]

    # -- taking -----------------------------------------------------------------------------------

    async def take(self, guards: tuple[Guard, ...], amounts: dict[Unit, int]) -> list[Draw] | Guard:
        """Draw on all guards, enlarging slices as needed; returns the guard that has not enough left."""
        draws = draw(guards, amounts, self._clock.now())
        if draws is not None:
            return draws
        draws = []
        for guard in guards:
            need = amounts[guard.row.unit]
            window = guard.at(self._clock.now())
            if window.free >= need:
                window.free -= need
            elif not await self._enlarge(guard, need):
                undo(draws)
                return guard
            window.used_at = self._clock.now()
            draws.append((window, need))
        return draws

    async def _enlarge(self, guard: Guard, need: int) -> bool:
        """Wait for the next round of leasing; True when `need` was taken from the slice for us."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(guard.row.id, []).append((need, future))
        if guard.row.id not in self._rounds:
            self._rounds[guard.row.id] = asyncio.create_task(self._lease_rounds(guard))
        return await future

    async def _lease_rounds(self, guard: Guard) -> None:
        """Serve everybody who waits; those who come during a round are served by the next."""
        key = guard.row.id
        try:
            while waiters := self._waiters.pop(key, None):
                try:
                    left = await self._round(guard, guard.at(self._clock.now()), waiters)
                except (OSError, RechenwerkError) as error:
                    for _, future in waiters:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for _, future in left:
                    if not future.done():
                        future.set_result(False)
        finally:
            del self._rounds[key]

    async def _round(
        self, guard: Guard, window: Window, waiters: list[tuple[int, asyncio.Future[bool]]]
    ) -> list[tuple[int, asyncio.Future[bool]]]:
        """One round: lease, and before anybody is refused recall what others have idle."""
        cushion = guard.row.amount // 16 if guard.row.unit != "calls" else min(4, guard.row.amount // 8)
        self._windows[guard.row.id, window.starts] = window
        if guard.row.unit == "money":
            await self._till.posted()  # what ended calls did not use is free again
        left = self._serve(window, waiters)
        recalled = False
        until = asyncio.get_running_loop().time() + _PATIENCE
        while left:
            missing = max(1, sum(need for need, _ in left) - window.free)
            grant = await self._book.lease(
                guard.row.id, window.starts, missing + (0 if recalled else cushion)
            )
            if grant is None:  # the guard was removed: nothing holds these calls back any more
                for _, future in left:
                    future.set_result(True)
                return []
            window.slice_id = grant.slice_id
            window.free += grant.got
            window.pool = grant.pool
            left = self._serve(window, left)
            if left and not recalled:
                recalled = True
                await self._book.recall(guard.row.id, window.starts)
            elif left and (grant.waiting == 0 or asyncio.get_running_loop().time() > until):
                return left
            elif left:
                await asyncio.sleep(_POLL)
        return []

    def _serve(
        self, window: Window, waiters: list[tuple[int, asyncio.Future[bool]]]
    ) -> list[tuple[int, asyncio.Future[bool]]]:
        """Give to whoever can be served, in order; a small need is not held up by a large one."""
        left = []
        for need, future in waiters:
            if future.done():
                continue  # the caller is gone
            if window.free >= need:
                window.free -= need
                future.set_result(True)
            else:
                left.append((need, future))
        return left

    # -- giving back ------------------------------------------------------------------------------

    def on_recall(self, guard: int, starts: int, epoch: int) -> None:
        """Another process asks for what lies idle here."""
        window = self._windows.get((guard, starts))
        if window is not None:
            self._spawn(self._return(window, epoch))

    def tidy(self) -> None:
        """Give back what was not used for a while, and forget windows that are over."""
        now = self._clock.now()
        for key, window in list(self._windows.items()):
            if now > window.ends + _IDLE and window.guard.period == "minute":
                del self._windows[key]  # the next minute has a slice of its own; the old one ends unused
            elif window.free > 0 and (now > window.ends or now - window.used_at > _IDLE):
                self._spawn(self._return(window, 0))
            elif window.free == 0 and now > window.ends + 86_400:
                del self._windows[key]

    async def _return(self, window: Window, epoch: int) -> None:
        try:
            idle, window.free = max(0, window.free), min(0, window.free)
            window.pool += idle
            if idle or epoch:
                await self._book.give_back(window.slice_id, idle, epoch)
        except (OSError, RechenwerkError) as error:
            _log.warning("a slice could not be given back: %s", error)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
