"""Who is served when everything is full: places in pools, given in order, or refused with an honest time.

Nobody waits while there is room that is meant for them. When a place becomes free, it goes

1. to an owner who has less than its lot's nominal (critical work first): what it has lent comes back like
   this,
2. else to the classes in their order, critical, standard, batch: what is nobody's or lies idle,

and within a class to the project that was served least, see `fair`. A call that is too large for what is
free waits for more, and nobody of its class or below passes it by: else small calls could hold it up for
ever.

Time is an argument: seconds that never run backwards. A call that waits is told through its `told`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Literal

from rechenwerk.base.usage import Usage
from rechenwerk.routing.delay import Delay, Full, Wait
from rechenwerk.routing.fair import OUTPUT, Flow, Shares, service
from rechenwerk.routing.lines import Line, Pool, PoolRow
from rechenwerk.routing.room import NOTHING, Ask, Held


class Ticket:
    """A call that waits for a place, has one, or is over.

    Attributes:
        ask: what it asks for.
        candidates: deployments that may serve it, the preferred first.
        state: what has become of it.
        index: the candidate at which it has its place.
        full: why it was refused.
        told: called once when it need not wait any longer.
        waits: where it stands in line.
        load: what it counts in each of its pools while it waits.
        patience: seconds that it would wait.
        since: when it began to wait, then when it was placed.
        pool, shares, flow, held: where it has its place, who was charged, and what was taken.
        charged: what was counted for it so far.
    """

    __slots__ = (
        "ask",
        "candidates",
        "charged",
        "flow",
        "full",
        "held",
        "index",
        "load",
        "patience",
        "pool",
        "shares",
        "since",
        "state",
        "told",
        "waits",
    )

    def __init__(self, ask: Ask, candidates: Sequence[int]) -> None:
        self.ask = ask
        self.candidates = candidates
        self.state: Literal["waiting", "placed", "over"] = "over"
        self.index = -1
        self.full: Full | None = None
        self.told: Callable[[], None] | None = None
        self.waits: tuple[Wait[Ticket], ...] = ()
        self.load = 1.0
        self.patience = 0.0
        self.pool: Pool[Ticket] | None = None
        self.shares: Shares[Ticket]
        self.flow: Flow[Ticket]
        self.held: tuple[Held, ...]
        self.charged = self.since = 0.0


_Next = tuple[Line[Ticket], Flow[Ticket], Ticket, int]
_LOOKED_AT = 64
"""Calls of a project that are looked at for one with room, where deployments have limits of their own."""


class Waiting:
    """All pools of a gateway process, and everybody who waits for them."""

    def __init__(self) -> None:
        self._pools: dict[int, Pool[Ticket]] = {}
        self._of: dict[int, Pool[Ticket]] = {}
        self._deadlines: list[tuple[float, int, Ticket]] = []
        self._serial = 0
        self.waiting = 0

    @property
    def pools(self) -> Iterable[Pool[Ticket]]:
        """Each, as it is used now."""
        return self._pools.values()

    def configure(self, rows: Iterable[PoolRow], now: float) -> None:
        """Other pools from now on. Running calls keep their places, and those that wait are placed anew."""
        waiting = [ticket for _, _, ticket in sorted(self._deadlines) if ticket.state == "waiting"]
        waiting.sort(key=lambda ticket: ticket.since)
        for ticket in waiting:
            self._leave(ticket, now)
        old = self._pools
        self._pools = {}
        for row in rows:
            pool = old.get(row.id)
            if pool is None:
                pool = Pool(row, now)
            else:
                pool.reform(row, now)
            self._pools[row.id] = pool
        self._of = {one: pool for pool in self._pools.values() for one in pool.row.deployments}
        for ticket in waiting:
            free = self._without_pool(ticket.candidates)
            if free is not None:
                ticket.index = free
                self._tell(ticket, "placed")
            else:
                self._join(ticket, now)
        for pool in self._pools.values():
            self._serve(pool, now)

    # -- coming and going -------------------------------------------------------------------------

    def enter(
        self, ask: Ask, candidates: Sequence[int], patience: float, longest: float, now: float
    ) -> Ticket | Full:
        """A call comes.

        Args:
            ask: what it asks for.
            candidates: deployments that may serve it, the preferred first.
            patience: seconds that it may wait.
            longest: the same, for a call that is within what is kept for its owner: it is not refused because
                what was lent takes longer to come back.
            now: see above.

        Returns:
            A ticket that is placed or waits, or the refusal.
        """
        ticket = Ticket(ask, candidates)
        for index, deployment in enumerate(candidates):
            pool = self._of.get(deployment)
            if pool is None:
                ticket.index, ticket.state = index, "placed"
                return ticket
            if self._at_once(ticket, pool, index, now):
                return ticket
        pools = {self._of[one].row.id: self._of[one] for one in candidates}
        if not any(pool.able(ask) for pool in pools.values()):
            return Full(None, 0)
        kept = [pool for pool in pools.values() if pool.within(ask)]
        ticket.since = now
        self._join(ticket, now)
        for pool in pools.values():
            self._serve(pool, now)
        if ticket.state == "placed":
            return ticket
        for pool in kept:
            pool.called_back(ask)
        if not kept:
            delay = self._delay(ticket, now)
            if not delay.surely_within(patience) and delay.ahead()[1] > patience:
                full = delay.refuse(patience)
                ticket.state = "over"
                self._leave(ticket, now)
                return full
        ticket.patience = patience
        self._set_deadline(ticket, now + (longest if kept else patience))
        return ticket

    def leave(self, ticket: Ticket, now: float) -> None:
        """The client is gone before its call has left: whatever the ticket has becomes free."""
        if ticket.state == "waiting":
            ticket.state = "over"
            for pool in self._leave(ticket, now):
                self._serve(pool, now)
        elif ticket.pool is not None:
            pool, ticket.pool = ticket.pool, None
            ticket.state = "over"
            ticket.shares.end(ticket.flow, -ticket.charged)
            _give(ticket.held, 0)
            self._serve(pool, now)

    def wrote(self, ticket: Ticket, tokens: int) -> None:
        """A running call has put out so many more tokens."""
        if ticket.pool is not None:
            ticket.charged += OUTPUT * tokens
            ticket.shares.charge(ticket.flow, OUTPUT * tokens)

    def end(self, ticket: Ticket, usage: Usage | None, now: float) -> None:
        """A placed call has ended; only the first word counts.

        Args:
            ticket: its.
            usage: what it used; None when it served nobody and what it used is not known.
            now: see above.
        """
        pool, ticket.pool = ticket.pool, None
        ticket.state = "over"
        if pool is None:
            return
        cost = ticket.charged if usage is None else service(usage)
        ticket.shares.end(ticket.flow, cost - ticket.charged)
        _give(ticket.held, None if usage is None else usage.tokens)
        if usage is not None:
            pool.recent.add(now - ticket.since, usage.tokens, cost, now)
            pool.ended(ticket.held[0], usage.tokens)
        if pool.waiting:
            self._serve(pool, now)

    def move(self, ticket: Ticket, index: int, now: float) -> bool:
        """A placed call goes to another of its candidates; if that has no room now, it stays and it is False.

        What it used where it was is forgotten: nobody was served there.
        """
        if index == ticket.index:
            return True
        pool, target = ticket.pool, self._of.get(ticket.candidates[index])
        if pool is not None and pool is target:
            return self._move_within(ticket, pool, index, now)
        before = (ticket.shares, ticket.flow, ticket.held, ticket.charged) if pool is not None else None
        if target is None:
            ticket.pool = None
            ticket.index = index
        elif not self._at_once(ticket, target, index, now):
            return False
        if pool is not None and before is not None:
            shares, flow, held, charged = before
            shares.end(flow, -charged)
            _give(held, 0)
            self._serve(pool, now)
        return True

    def _move_within(self, ticket: Ticket, pool: Pool[Ticket], index: int, now: float) -> bool:
        """To another deployment of the same pool."""
        deployment = ticket.candidates[index]
        pool.pass_by(now)
        if not pool.fits(deployment, ticket.ask):
            return False
        _give(ticket.held[1:], 0)
        own = pool.own.get(deployment)
        mine = (pool.take_own(own, ticket.ask, now),) if own is not None else ()
        ticket.held = (ticket.held[0], *mine)
        ticket.index = index
        self._serve(pool, now)
        return True

    def dismiss(self, now: float) -> None:
        """Nobody waits any longer: this process is about to end. They are told without a `Full`."""
        for _, _, ticket in self._deadlines:
            if ticket.state == "waiting":
                self._leave(ticket, now)
                self._tell(ticket, "over")
        self._deadlines = []

    def tick(self, now: float) -> None:
        """Time has passed: tokens of a minute ago are free again, and deadlines have come."""
        for pool in self._pools.values():
            if pool.waiting:
                self._serve(pool, now)
        heap = self._deadlines
        while heap and (heap[0][0] <= now or heap[0][2].state != "waiting"):
            _, _, ticket = heapq.heappop(heap)
            if ticket.state == "waiting":
                ticket.full = self._delay(ticket, now).refuse(ticket.patience)
                pools = self._leave(ticket, now)
                self._tell(ticket, "over")
                for pool in pools:
                    self._serve(pool, now)

    def next_tick(self) -> float | None:
        """When `tick` is due next; None while nothing happens by itself."""
        if not self.waiting:
            return None
        ends = [pool.next_end for pool in self._pools.values() if pool.waiting]
        times = [end for end in ends if end is not None]
        if self._deadlines:
            times.append(self._deadlines[0][0])
        return min(times, default=None)

    # -- placing ----------------------------------------------------------------------------------

    def _without_pool(self, candidates: Sequence[int]) -> int | None:
        for index, deployment in enumerate(candidates):
            if deployment not in self._of:
                return index
        return None

    def _at_once(self, ticket: Ticket, pool: Pool[Ticket], index: int, now: float) -> bool:
        """Place a call where nobody waits before it."""
        pool.pass_by(now)
        if pool.waiting or not pool.fits(ticket.candidates[index], ticket.ask):
            return False
        found = pool.line_with_room(ticket.ask)
        if found is None:
            return False
        line, needs = found
        flow = line.shares.flow(ticket.ask.project, ticket.ask.weight, now)
        line.comes(flow, 1.0, now)
        ticket.index = index
        self._place(ticket, pool, line, flow, needs, now)
        return True

    def _place(
        self,
        ticket: Ticket,
        pool: Pool[Ticket],
        line: Line[Ticket],
        flow: Flow[Ticket],
        needs: Sequence[int],
        now: float,
    ) -> None:
        ask = ticket.ask
        ticket.held = pool.take(line, needs, ticket.candidates[ticket.index], ask, now)
        ticket.pool, ticket.shares, ticket.flow = pool, line.shares, flow
        ticket.charged = cost = ask.cost
        ticket.since = now
        line.shares.begin(flow, cost)
        ticket.state = "placed"

    def _join(self, ticket: Ticket, now: float) -> None:
        """Stand in every line that may serve the call."""
        ask = ticket.ask
        pools = {self._of[one].row.id: self._of[one] for one in ticket.candidates}.values()
        ticket.load = 1.0 / len(pools)
        waits = []
        for pool in pools:
            pool.waiting += 1
            for line in pool.lines(ask):
                flow = line.shares.flow(ask.project, ask.weight, now)
                line.join(flow, ticket, ticket.load, now)
                waits.append(Wait(pool, line, flow))
        ticket.waits = tuple(waits)
        ticket.state = "waiting"
        self.waiting += 1

    def _leave(self, ticket: Ticket, now: float, served: Line[Ticket] | None = None) -> set[Pool[Ticket]]:
        """Stand in no line any more; the pools that others may profit of."""
        pools = set()
        for wait in ticket.waits:
            wait.line.leave(wait.flow, ticket, ticket.load, now, served=wait.line is served)
            if wait.pool not in pools:
                wait.pool.waiting -= 1
                pools.add(wait.pool)
        ticket.waits = ()
        self.waiting -= 1
        if len(self._deadlines) > 2 * self.waiting + 64:
            self._deadlines = [entry for entry in self._deadlines if entry[2].state == "waiting"]
            heapq.heapify(self._deadlines)
        return pools

    def _serve(self, pool: Pool[Ticket], now: float) -> None:
        """Give what is free in a pool, and in those where somebody need not wait any more because of it."""
        todo = [pool]
        while todo:
            one = todo.pop()
            one.pass_by(now)
            while one.waiting:
                found = self._following(one)
                if found is None:
                    break
                line, flow, ticket, index = found
                ticket.index = index
                todo.extend(self._leave(ticket, now, line) - {one})
                self._place(ticket, one, line, flow, one.needs(line, ticket.ask), now)
                self._tell(ticket, "placed")

    def _tell(self, ticket: Ticket, state: Literal["placed", "over"]) -> None:
        ticket.state = state
        told, ticket.told = ticket.told, None
        if told is not None:
            told()

    def _following(self, pool: Pool[Ticket]) -> _Next | None:
        """Who is served next, if there is room for it."""
        held = NOTHING
        for line in pool.kept:
            found = self._head(pool, line)
            if found is not None:
                needs = pool.needs(line, found[2].ask)
                if pool.room.owns(line.owner, needs):
                    short = pool.short(line, needs, held)
                    if not short:
                        return found
                    held |= short
        if held:
            return None
        for line in pool.classes:
            found = self._head(pool, line)
            if found is not None:
                return None if pool.short(line, pool.needs(line, found[2].ask)) else found
        return None

    def _head(self, pool: Pool[Ticket], line: Line[Ticket]) -> _Next | None:
        """The first in a line, of those for whom one of its deployments has room by its own limits."""
        flow = line.shares.first()
        if flow is None:
            return None
        if not pool.own:
            ticket = next(iter(flow.waiting))
            return line, flow, ticket, self._index(pool, ticket)
        for flow in sorted(line.shares.backlogged.values(), key=lambda one: one.counter):
            for ticket in islice(flow.waiting, _LOOKED_AT):
                for index, deployment in enumerate(ticket.candidates):
                    if self._of.get(deployment) is pool and pool.fits(deployment, ticket.ask):
                        return line, flow, ticket, index
        return None

    def _index(self, pool: Pool[Ticket], ticket: Ticket) -> int:
        return next(at for at, one in enumerate(ticket.candidates) if self._of.get(one) is pool)

    # -- deadlines and what is said of them -------------------------------------------------------

    def _set_deadline(self, ticket: Ticket, deadline: float) -> None:
        self._serial += 1
        heapq.heappush(self._deadlines, (deadline, self._serial, ticket))

    def _delay(self, ticket: Ticket, now: float) -> Delay[Ticket]:
        waits = [wait for wait in ticket.waits if not wait.line.owner[1]]
        return Delay(waits, ticket.load, ticket.ask, now)


def _give(held: Iterable[Held], used: int | None) -> None:
    for one in held:
        one.give(used)
