"""Leases: a process enlarges its slices of budgets and limits, and gives back what lies idle.

Before anybody is refused, everything that is left is asked for, other processes' idle slices included.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import RechenwerkError
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import Draw, Guard, GuardRow, Unit, Window, draw, undo
from rechenwerk.ledger.ports import Book, Grant

_log = logging.getLogger("rechenwerk.leases")
_POLL = 0.004
_PATIENCE = 1.0
"""Seconds that others have to answer a recall; a process that is stuck longer keeps its slice."""
_IDLE = 10.0
_HASTE = 1.0
"""Seconds: what was leased in advance and is gone sooner was too little."""
_MODESTY = 2.0
"""Seconds after a recall in which nothing is leased in advance: whoever asked may still be waiting."""

Waiter = tuple[int, asyncio.Future[Window | None]]
"""What a call needs, and the window that it was taken from; None when there is not enough left."""


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
        self._turns: dict[tuple[int, int], asyncio.Lock] = {}
        self._rounds: dict[int, asyncio.Task[None]] = {}
        self._waiters: dict[int, list[Waiter]] = {}
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
                self._return(guard.window, 0)

    def keep_only(self, ids: Iterable[int]) -> None:
        """Give back what lies idle in guards that do not exist any more.

        They stay known: their calls still run, and a guard that is set again has the same slices.
        """
        for gone in set(self._guards) - set(ids):
            self._return(self._guards[gone].window, 0)

    # -- taking -----------------------------------------------------------------------------------

    async def take(self, guards: tuple[Guard, ...], amounts: dict[Unit, int]) -> list[Draw] | Guard:
        """Draw on all guards, enlarging slices as needed; returns the guard that has not enough left."""
        draws = draw(guards, amounts, self._clock.now())
        if draws is not None:
            return draws
        draws = []
        try:
            for guard in guards:
                need = amounts[guard.row.unit]
                window: Window | None = guard.at(self._clock.now())
                if window is not None and window.free >= need:
                    window.free -= need
                else:
                    window = await self._enlarge(guard, need)
                if window is None:
                    undo(draws)
                    return guard
                window.used_at = self._clock.now()
                draws.append((window, need))
        except (OSError, RechenwerkError):
            undo(draws)
            raise
        return draws

    async def _enlarge(self, guard: Guard, need: int) -> Window | None:
        """Wait for the next round of leasing; the window that `need` was taken from for us."""
        future: asyncio.Future[Window | None] = asyncio.get_running_loop().create_future()
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
                except Exception as error:  # whatever it is, nobody may wait for ever
                    for _, future in waiters:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for _, future in left:
                    if not future.done():
                        future.set_result(None)
        finally:
            del self._rounds[key]

    async def _round(self, guard: Guard, window: Window, waiters: list[Waiter]) -> list[Waiter]:
        """One round: lease, and before anybody is refused recall what others have idle."""
        cushion = self._cushion(window)
        self._windows[guard.row.id, window.starts] = window
        if guard.row.unit == "money":
            await self._till.posted()  # what ended calls did not use is free again
        left = self._serve(window, waiters)
        recalled = False
        until = asyncio.get_running_loop().time() + _PATIENCE
        while left:
            grant = await self._lease(window, left, 0 if recalled else cushion)
            if grant is None:  # the guard was removed: nothing holds these calls back, they draw on no slice
                for _, future in left:
                    if not future.done():
                        future.set_result(Window(guard.row, window.starts, window.ends))
                return []
            left = self._serve(window, left)
            if left and not recalled:
                recalled = True
                await self._book.recall(guard.row.id, window.starts)
            elif left:
                if grant.waiting == 0 or asyncio.get_running_loop().time() > until:
                    return left
                await asyncio.sleep(_POLL)
        return []

    def _cushion(self, window: Window) -> int:
        """What to lease in advance: the busier, the more, so that calls rarely wait for a lease."""
        row = window.guard
        if row.unit == "calls":
            return min(4, row.amount // 8)
        hasty = asyncio.get_running_loop().time() - window.leased_at < _HASTE
        return min(row.amount // 4, window.cushion * 2) if hasty and window.cushion else row.amount // 16

    async def _lease(self, window: Window, waiters: list[Waiter], cushion: int) -> Grant | None:
        """Ask the books for what is missing, and put what they grant into the window."""
        needs = [need for need, _ in waiters]
        async with self._turn(window):
            modest = asyncio.get_running_loop().time() - window.recalled_at < _MODESTY
            want = max(1, sum(needs) - window.free) + (0 if modest else cushion)
            try:
                grant = await self._book.lease(
                    window.guard.id, window.starts, want, max(1, min(needs) - window.free)
                )
            except OSError:
                window.doubtful = True
                raise
        if grant is None:
            return None
        window.slice_id = grant.slice_id
        window.free += grant.got
        window.granted += grant.got
        window.pool = grant.pool
        if grant.got and cushion:
            window.leased_at, window.cushion = asyncio.get_running_loop().time(), cushion
        if window.doubtful:
            # An answer was lost: what the books say counts.
            window.free += grant.granted - window.granted
            window.granted = grant.granted
            window.doubtful = False
        return grant

    def _serve(self, window: Window, waiters: list[Waiter]) -> list[Waiter]:
        """Give to whoever can be served, in order; a small need is not held up by a large one."""
        left = []
        for need, future in waiters:
            if future.done():
                continue  # the caller is gone
            if window.free >= need:
                window.free -= need
                future.set_result(window)
            else:
                left.append((need, future))
        return left

    # -- giving back ------------------------------------------------------------------------------

    def on_recall(self, guard: int, starts: int, epoch: int) -> None:
        """Another process asks for what lies idle here."""
        window = self._windows.get((guard, starts))
        if window is not None:
            window.recalled_at = asyncio.get_running_loop().time()
            self._return(window, epoch)

    def tidy(self) -> None:
        """Give back what was not used for a while, and forget windows that are over."""
        now = self._clock.now()
        for key, window in list(self._windows.items()):
            if now > window.ends + _IDLE and window.guard.period == "minute":
                self._forget(key)  # the next minute has a slice of its own; the old one ends unused
            elif window.free > 0 and (now > window.ends or now - window.used_at > _IDLE):
                self._return(window, 0)
            elif window.free == 0 and now > window.ends + 86_400:
                self._forget(key)

    async def close(self) -> None:
        """Give everything back; what a minute's limit has let through stays used."""
        for window in self._windows.values():
            self._return(window, 0)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _return(self, window: Window, epoch: int) -> None:
        """Give back what lies idle."""
        if window.free > 0 or epoch:
            task = asyncio.get_running_loop().create_task(self._give_back(window, epoch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _give_back(self, window: Window, epoch: int) -> None:
        try:
            if epoch and window.guard.unit == "money":
                await self._till.posted()  # what ended calls did not use is free again
            async with self._turn(window):
                idle = max(0, window.free)
                window.free -= idle
                window.granted -= idle
                await self._book.give_back(window.slice_id, idle, epoch)
                window.pool += idle
        except (OSError, RechenwerkError) as error:
            window.doubtful = True
            _log.warning("a slice could not be given back: %s", error)

    def _turn(self, window: Window) -> asyncio.Lock:
        """Leases and give-backs of a window take turns.

        What is on its way into the slice is in it before a recall is answered, and what is on its way out
        is back in the pool before anybody here is refused for the lack of it.
        """
        return self._turns.setdefault((window.guard.id, window.starts), asyncio.Lock())

    def _forget(self, key: tuple[int, int]) -> None:
        del self._windows[key]
        self._turns.pop(key, None)
