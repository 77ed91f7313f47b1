"""Calls that no contract has room for now wait their turn: until a cap's next window, or the next plan.

By service class, and within a class by fair shares, like those that wait for places at deployments (see
`admission`). A call whose wait would pass its deadline is told at once when to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from math import ceil

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import Refusal
from rechenwerk.base.settings import Settings
from rechenwerk.gateway.admission import CLOSING, GONE, Client
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.dispatch import Dispatch
from rechenwerk.gateway.plans import Step
from rechenwerk.gateway.refusals import no_room
from rechenwerk.routing.fair import INPUT, OUTPUT, Shares
from rechenwerk.routing.supply import CLASSES

_LOOK = 0.05
"""Seconds between looks for room while somebody waits."""


class _Waiter:
    """A call in line."""

    __slots__ = ("call", "turn")

    def __init__(self, call: Call, turn: asyncio.Future[Sequence[Step]]) -> None:
        self.call = call
        self.turn = turn


class _Line:
    """Those who wait for the same supplies, by class: room for none of them is room for nobody."""

    __slots__ = ("shares",)

    def __init__(self) -> None:
        self.shares: dict[str, Shares[_Waiter]] = {service: Shares() for service in CLASSES}

    def before(self, service: str) -> int:
        """Calls that are served before a new one of a class."""
        ahead = 0
        for name in CLASSES:
            ahead += sum(len(flow.waiting) for flow in self.shares[name].backlogged.values())
            if name == service:
                break
        return ahead


def _cost(call: Call) -> float:
    """What a call counts in its project's share, as far as one can tell before it is served."""
    read, _, _, written, thought, *_ = call.estimate
    return max(1.0, INPUT * read + OUTPUT * (written + thought))


def _give_up(waiter: _Waiter) -> None:
    waiter.turn.cancel()


class Turnstile:
    """Orders the deployments of a call, or lets it wait until one has room.

    Args:
        dispatch: knows where there is room.
        clock: time.
        settings: how long calls may wait.
    """

    def __init__(self, dispatch: Dispatch, clock: Clock, settings: Settings) -> None:
        self._dispatch = dispatch
        self._clock = clock
        self._patience = {
            "critical": settings.queue_deadline,
            "standard": settings.queue_deadline,
            "batch": settings.queue_deadline_batch,
        }
        self._lines: dict[frozenset[int], _Line] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._first = 0
        self.waiting = 0

    async def order(self, call: Call, client: Client) -> Sequence[Step] | Refusal:
        """The deployments for a call, best first, now or when it is its turn; none if no rule permits any."""
        if not call.plan.steps:
            return ()
        self._dispatch.arrived(call)
        line = self._lines.get(frozenset(call.plan.groups)) if self.waiting else None
        if line is None or not line.before(call.service):
            steps = self._dispatch.order(call)
            if steps:
                return steps
        return await self._wait(call, client)

    def close(self) -> None:
        """Refuse everybody who waits: this process is about to end."""
        self._closed = True
        for line in self._lines.values():
            for shares in line.shares.values():
                for flow in list(shares.backlogged.values()):
                    for waiter in list(flow.waiting):
                        waiter.turn.cancel()

    async def _wait(self, call: Call, client: Client) -> Sequence[Step] | Refusal:
        if refusal := self._in_vain(client):
            return refusal
        key = frozenset(call.plan.groups)
        line = self._lines.get(key) or _Line()
        patience = self._patience[call.service]
        if self._expected(line, call) > patience:
            return self._refuse(line, call)
        loop = asyncio.get_running_loop()
        waiter = _Waiter(call, loop.create_future())
        row = call.tenant.row
        now = self._clock.monotonic()
        shares = line.shares[call.service]
        flow = shares.flow(row.project, float(row.weight), now)
        shares.wait(flow, waiter)
        self._lines[key] = line
        self.waiting += 1
        client.on_gone = partial(_give_up, waiter)
        self._look_soon()
        try:
            async with asyncio.timeout(patience):
                return await waiter.turn
        except TimeoutError:
            return self._refuse(line, call)
        except asyncio.CancelledError:
            if refusal := self._in_vain(client):
                return refusal
            raise
        finally:
            client.on_gone = None
            self.waiting -= 1
            if waiter in flow.waiting:
                shares.leave(flow, waiter)
            if not self.waiting:
                self._lines.clear()

    def _in_vain(self, client: Client) -> Refusal | None:
        """Why nobody should wait here, if so it is."""
        if client.gone:
            return GONE
        return CLOSING if self._closed else None

    def _expected(self, line: _Line, call: Call) -> float:
        """Seconds until a new call would be served: whole windows, at what the last one served."""
        frees_in, window, each = self._dispatch.frees_in(call)
        return frees_in + line.before(call.service) // each * window

    def _refuse(self, line: _Line, call: Call) -> Refusal:
        self._dispatch.refused(call)
        return no_room(call.plan.offer.model, ceil(self._expected(line, call)))

    def _look_soon(self) -> None:
        if self._timer is None and self.waiting:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        """Let in everybody for whom there is room, in order."""
        self._timer = None
        try:
            self._let_in()
        finally:
            self._look_soon()

    def _let_in(self) -> None:
        lines = list(self._lines.values())
        self._first += 1
        at = self._first % max(1, len(lines))
        for service in CLASSES:  # lines may share a supply: each in turn, and another one first each time
            some = [line.shares[service] for line in (*lines[at:], *lines[:at])]
            while some := [shares for shares in some if self._admit(shares)]:
                pass

    def _admit(self, shares: Shares[_Waiter]) -> bool:
        """Let the next one in; False when nobody waits, or there is no room."""
        while (flow := shares.first()) is not None:
            waiter = next(iter(flow.waiting))
            if waiter.turn.done():  # it has left
                shares.leave(flow, waiter)
                continue
            steps = self._dispatch.order(waiter.call)
            if not steps:
                return False
            shares.leave(flow, waiter)
            shares.begin(flow, _cost(waiter.call))
            shares.end(flow, 0.0)
            self._dispatch.left(waiter.call, steps[0])
            waiter.turn.set_result(steps)
            return True
        return False
