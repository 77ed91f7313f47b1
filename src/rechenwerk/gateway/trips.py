"""Which attempt comes next: the order of deployments, retries, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import Refusal
from rechenwerk.base.settings import Settings
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.plans import Step
from rechenwerk.gateway.ways import Outgoing, Way
from rechenwerk.providers.transport import Exchange, Sink
from rechenwerk.routing.retries import backoff
from rechenwerk.wire.openai import UNREADABLE
from rechenwerk.wire.talk import Reported, UntranslatableError

_LONGEST_WAIT = 2.0
"""Seconds that a client may be kept waiting for another round; a longer wait is the client's own decision."""
_FIRST_WAIT = 0.1


class Failure(msgspec.Struct, frozen=True):
    """An attempt that served nobody.

    Attributes:
        refusal: what the client is told if nothing follows.
        reason: for the books.
        free: it cost nothing; else `reported` says what, or nobody knows.
        status: the provider's, 0 when it said nothing.
        again: another deployment may do better.
        safe: nothing was begun, so the same deployment may be asked again.
        wait: seconds that the provider asked for.
    """

    refusal: Refusal
    reason: str
    free: bool
    reported: Reported | None = None
    status: int = 0
    again: bool = True
    safe: bool = False
    wait: float | None = None


class Trip:
    """One attempt: a step, the way there, and the request."""

    __slots__ = ("_outgoing", "_ticket", "began", "call", "step", "trips", "way")

    def __init__(self, trips: Trips, call: Call, step: Step, way: Way, outgoing: Outgoing) -> None:
        self.trips = trips
        self.call = call
        self.step = step
        self.way = way
        self._outgoing = outgoing
        self._ticket: int | None = None
        self.began = 0.0

    def start(self, now: float) -> None:
        """It leaves."""
        self.began = now
        self._ticket = self.step.health.started(now)

    def end(self, now: float, *, ok: bool | None, tokens: int = 0) -> None:
        """It is over; `ok` is None when that tells nothing of the deployment. Only the first word counts."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            self.step.health.ended(now, ticket, ok=ok, seconds=now - self.began, tokens=tokens)

    @property
    def name(self) -> str:
        """As the decision names it."""
        return f"{self.step.deployment.provider.name}/{self.step.deployment.upstream}"

    async def send(self, sink: Sink) -> Exchange:
        """Send the request; the answer goes to `sink`, within what is left of the call's time.

        Raises:
            ConnectError: nothing has left.
        """
        out, upstream = self._outgoing, self.step.upstream
        also = self.step.deployment.headers
        request = upstream.request(out.path, self.call.name.encode(), out.body, out.headers, also)
        return await upstream.pool.send(request, sink, self.trips.left(self.began))


class Trips:
    """The attempts of one call.

    Attributes:
        unsaid: why a provider could not be told what the call says.

    Args:
        call: whose attempts they are.
        order: deployments, best first.
        room: whether the call has a place at a deployment; it is taken then.
        fleet: retry budget.
        way: of the call's endpoint to a kind of provider.
        settings: how many attempts, for how long.
        clock: time.
    """

    def __init__(
        self,
        call: Call,
        order: Sequence[Step],
        room: Callable[[Step], bool],
        fleet: Fleet,
        way: Callable[[str], Way],
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._call = call
        self._fleet = fleet
        self._way = way
        self._settings = settings
        self._clock = clock
        self._order = order
        self._room = room
        self._next = 0
        self._resting: list[Step] = []
        self._made = 0
        self._rounds = 1
        self._failures: list[Failure] = []
        self.unsaid: Exception | None = None

    def first(self) -> Trip | None:
        """The first attempt; None when no deployment is healthy, or none can be told what the call says."""
        return self._take()

    def left(self, now: float) -> float:
        """Seconds that the call still has."""
        return self._settings.total_timeout - (now - self._call.started)

    def after(self, failure: Failure) -> tuple[Trip, float] | None:
        """The attempt after one that failed, and how many seconds to wait before it."""
        self._failures.append(failure)
        late = self.left(self._clock.monotonic()) <= 0
        if not failure.again or late or self._made >= self._settings.attempts:
            return None
        trip = self._take()
        delay = 0.0
        if trip is None:
            delay = self._pause()
            if delay > _LONGEST_WAIT:
                return None
            self._rounds += 1
            self._next = 0
            trip = self._take(delay)
        if trip is None:
            return None
        # The first change of provider is always free: it adds no load to the one that failed.
        elsewhere = self._made == 2 and self._rounds == 1
        if not elsewhere and not self._fleet.may_retry(self._clock.monotonic()):
            return None
        return trip, delay

    def _pause(self) -> float:
        """Seconds until all deployments may be asked once more; too many when one of them may not."""
        if self._rounds > 1 or not all(failure.safe for failure in self._failures):
            return 2 * _LONGEST_WAIT
        asked = min(failure.wait or 0.0 for failure in self._failures)
        return asked + backoff(1, _FIRST_WAIT, _LONGEST_WAIT, self._fleet.chance)

    def _take(self, delay: float = 0.0) -> Trip | None:
        """The next deployment that may be asked so many seconds from now."""
        now = self._clock.monotonic() + delay
        while self._next < len(self._order):
            step = self._order[self._next]
            self._next += 1
            breaker = step.health.breaker
            if breaker.allows(now):
                trip = self._trip(step)
                if trip is not None:
                    return trip
            elif self._rounds == 1 and (breaker.rests(now) or len(self._order) > 1):
                self._resting.append(step)
        while self._resting:
            # They asked to be left alone, or have failed of late, but nobody else is left to serve the call.
            trip = self._trip(self._resting.pop(0))
            if trip is not None:
                return trip
        return None

    def _trip(self, step: Step) -> Trip | None:
        way = self._way(step.deployment.provider.kind)
        try:
            outgoing = way.outgoing(self._call, step.deployment)
        except (UntranslatableError, *UNREADABLE) as error:
            self.unsaid = error  # another provider may speak the client's own dialect
            return None
        if not self._room(step):
            return None
        self._made += 1
        return Trip(self, self._call, step, way, outgoing)
