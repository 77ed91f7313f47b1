"""Calls that no contract has room for now wait their turn: until a cap's next window, or the next plan.

By service class, and within a class by fair shares, like those that wait for places at deployments (see
`admission`). A call whose wait would pass its deadline is told at once when to come back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
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
from rechenwerk.routing.fair import INPUT, Shares
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
    """Those who wait for one model, by class; and how many were served in a window of late."""

    __slots__ = ("shares", "waiting")

    def __init__(self) -> None:
        self.shares: dict[str, Shares[_Waiter]] = {service: Shares() for service in CLASSES}
        self.waiting = 0

    def before(self, service: str) -> int:
        """Calls that are served before a new one of a class."""
        ahead = 0
        for name in CLASSES:
            ahead += sum(len(flow.waiting) for flow in self.shares[name].backlogged.values())
            if name == service:
                break
        return ahead


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
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)
        self._timer: asyncio.TimerHandle | None = None
        self._served = 0
        self._closed = False
        self.waiting = 0

    async def order(self, call: Call, client: Client) -> Sequence[Step] | Refusal:
        """The deployments for a call, best first, now or when it is its turn; none if no rule permits any."""
        if not call.plan.steps:
            return ()
        self._dispatch.arrived(call)
        if not self.waiting or not self._lines[call.plan.offer.model].before(call.service):
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
        line = self._lines[call.plan.offer.model]
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
        self.waiting += 1
        client.on_gone = partial(_give_up, waiter)
        self._look_soon()
        try:
            async with asyncio.timeout(patience):
                return await waiter.turn
        except TimeoutError:
            return self._refuse(line, call)
        except asyncio.CancelledError:
            if client.gone:
                return GONE
            if self._closed:
                return CLOSING
            raise
        finally:
            client.on_gone = None
            self.waiting -= 1
            if waiter in flow.waiting:
                shares.leave(flow, waiter)

    def _expected(self, line: _Line, call: Call) -> float:
        """Seconds until a new call would be served: whole windows, at what the last one served."""
        frees_in, window = self._dispatch.frees_in(call)
        each = max(1, self._served)
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
        served = sum(self._admit(line) for line in self._lines.values())
        if served:
            self._served = served
        self._look_soon()

    def _admit(self, line: _Line) -> int:
        served = 0
        for service in CLASSES:
            shares = line.shares[service]
            while (flow := shares.first()) is not None:
                waiter = next(iter(flow.waiting))
                steps = () if waiter.turn.done() else self._dispatch.order(waiter.call)
                if not steps and not waiter.turn.done():
                    break
                shares.leave(flow, waiter)
                if steps:
                    shares.begin(flow, max(1.0, INPUT * waiter.call.estimate[0]))
                    self._dispatch.left(waiter.call, steps[0])
                    waiter.turn.set_result(steps)
                    served += 1
        return served
