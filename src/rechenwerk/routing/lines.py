"""A pool of capacity and the lines before it: what is free, who waits, and how fast it went of late."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, floor
from typing import Generic, TypeVar

import msgspec

from rechenwerk.routing.deal import Deal
from rechenwerk.routing.fair import FORGET, Flow, Pace, Shares
from rechenwerk.routing.reserve import MINUTE, Owner, faults, hand
from rechenwerk.routing.room import NOTHING, Ask, Held, Limit, Limited, Room
from rechenwerk.routing.supply import CLASSES


class PoolRow(msgspec.Struct, frozen=True):
    """Deployments that share a capacity.

    Attributes:
        id: of the pool.
        name: as people call it.
        deployments: their ids; a deployment is in one pool at most.
        limits: of all of them together, one of a unit at most.
        own: deployment and its own limits besides, which keep nothing for anybody.
    """

    id: int
    name: str
    deployments: tuple[int, ...]
    limits: tuple[Limit, ...]
    own: tuple[tuple[int, tuple[Limit, ...]], ...] = ()

    def faults(self) -> list[str]:
        """What is wrong with it, one line each."""
        units = [limit.unit for limit in self.limits]
        found = [f"pool {self.name}: {line}" for one in self.limits for line in faults(one.amount, one.lots)]
        if len(set(units)) < len(units):
            found.append(f"pool {self.name}: a unit is limited twice; leave one of the two out")
        return found

    def part(self, deal: Deal) -> PoolRow:
        """What one of several gateway processes has of it; see `reserve.hand`.

        A process has one unit at least: what no process could use would be lost to those it serves.
        """

        def dealt(limit: Limit) -> Limit:
            amount, lots = hand(limit.amount, limit.lots, deal)
            return Limit(limit.unit, max(amount, min(1, limit.amount)), lots)

        own = tuple((deployment, tuple(map(dealt, limits))) for deployment, limits in self.own)
        return msgspec.structs.replace(self, limits=tuple(map(dealt, self.limits)), own=own)


_LEAST_LEFT = 0.05
"""What is left for a class, as a part of all, though others seem to need everything."""

T = TypeVar("T")


class Line(Generic[T]):
    """Those who wait for what an owner may have, and how fast they were served.

    Attributes:
        owner: a class, or whose bought lot it is.
        service: the class of those who stand in it.
        shares: who is next.
        count: calls that wait.
        load: the same, calls that wait at several pools in parts.
        pace: how often calls come.
    """

    __slots__ = ("_backlogged", "_seen_at", "_served", "count", "load", "owner", "pace", "service", "shares")

    def __init__(self, owner: Owner, service: str, now: float) -> None:
        self.owner = owner
        self.service = service
        self.shares: Shares[T] = Shares()
        self.count = 0
        self.load = 0.0
        self.pace = Pace(now)
        self._served = self._backlogged = 0.0
        self._seen_at = now

    def comes(self, flow: Flow[T], load: float, now: float) -> None:
        """A call comes, whether it has to wait or not."""
        flow.pace.comes(load, now)
        self.pace.comes(load, now)

    def join(self, flow: Flow[T], call: T, load: float, now: float) -> None:
        """A call waits."""
        self._see(now)
        self.comes(flow, load, now)
        self.shares.wait(flow, call, load)
        self.count += 1
        self.load += load

    def leave(self, flow: Flow[T], call: T, load: float, now: float, *, served: bool) -> None:
        """A call waits no longer. `served`: here."""
        self._see(now)
        self.shares.leave(flow, call, load)
        self.count -= 1
        self.load = self.load - load if self.count else 0.0
        self._served += served

    def rate(self, first_guess: float, weight: float, now: float) -> float:
        """Calls per second served of late while somebody waited; a guess counts `weight` seconds."""
        self._see(now)
        seconds = self._backlogged + weight
        return (self._served + first_guess * weight) / seconds if seconds > 0 else 0.0

    def ahead(self, flow: Flow[T], load: float, each: float, seconds: float, now: float) -> float:
        """Calls that will be served before one that is the last of its project.

        Those of its project; of each other project as many as it will have been served when the counter of
        this one has come so far, if it has so many by then.

        Args:
            flow: the project's.
            load: of its calls before this one.
            each: what a call counts, on average.
            seconds: in which others come, as often as of late.
            now: monotonic seconds.
        """
        reached = flow.counter + load * each / flow.weight
        least = self.shares.first()
        floor_of_new = self.shares.virtual if least is None else least.counter
        found = load
        for other in self.shares.flows:
            counter = other.counter if other.waiting else max(other.counter, floor_of_new)
            if other is not flow and counter <= reached:
                share = floor((reached - counter) * other.weight / each) + 1
                found += min(other.load + other.pace.rate(now) * seconds, share)
        return found

    def _see(self, now: float) -> None:
        passed = now - self._seen_at
        if passed > 0:
            fade = exp(-passed / FORGET)
            self._served *= fade
            self._backlogged = self._backlogged * fade + (passed if self.count else 0.0)
            self._seen_at = now


class Recent:
    """Averages of the calls that ended of late, in a pool.

    Attributes:
        seconds, tokens, cost: of a call; 0 while none has ended.
    """

    __slots__ = ("_calls", "_cost", "_seconds", "_seen_at", "_tokens", "cost", "seconds", "tokens")

    def __init__(self) -> None:
        self._calls = self._seconds = self._tokens = self._cost = self._seen_at = 0.0
        self.seconds = self.tokens = self.cost = 0.0

    def add(self, seconds: float, tokens: int, cost: float, now: float) -> None:
        """A call has ended."""
        fade = exp(min(0.0, self._seen_at - now) / FORGET)
        self._seen_at = now
        self._calls = self._calls * fade + 1.0
        self._seconds = self._seconds * fade + seconds
        self._tokens = self._tokens * fade + tokens
        self._cost = self._cost * fade + cost
        self.seconds = self._seconds / self._calls
        self.tokens = self._tokens / self._calls
        self.cost = self._cost / self._calls


class Loans:
    """What became of a class's lot: tokens.

    Attributes:
        lent: out of it, used by others.
        reclaimed: asked for by calls of the class that had to wait for what was lent.
    """

    __slots__ = ("lent", "reclaimed")

    def __init__(self) -> None:
        self.lent = self.reclaimed = 0


class InUse(msgspec.Struct, frozen=True, gc=False):
    """How much of a pool an owner uses now.

    Attributes:
        pool: its name.
        unit: calls, or tokens of the last minute.
        owner: a service class, or an organisation that bought a lot.
        nominal: what is kept for it.
        used: by it.
        waiting: its calls that wait.
    """

    pool: str
    unit: Limited
    owner: Owner
    nominal: int
    used: int
    waiting: int


class Pool(Generic[T]):
    """Capacity as it is used, with its lines.

    Attributes:
        row: as configured.
        room: of all its deployments together.
        own: deployment -> its own room, where it has one.
        recent: of its calls.
        waiting: calls in its lines.
        classes: a line for each class, in their order.
        kept: lines of owners that have lots, in the order in which they call their own back.
    """

    def __init__(self, row: PoolRow, now: float) -> None:
        self.recent = Recent()
        self.waiting = 0
        self.row = row
        self.room = Room(())
        self.own: dict[int, Room] = {}
        self._lines: dict[tuple[Owner, str], Line[T]] = {}
        self._loans: dict[str, Loans] = {}
        self.reform(row, now)

    def reform(self, row: PoolRow, now: float) -> None:
        """Other numbers from now on; nobody waits while this happens."""
        self.row = row
        self.room.reform(row.limits)
        old, self.own = self.own, {}
        for deployment, limits in row.own:
            self.own[deployment] = old.get(deployment) or Room(limits)
            self.own[deployment].reform(limits)
        owners = {lot.owner for limit in row.limits for lot in limit.lots}
        self.classes = [self._line((name, 0), name, now) for name in CLASSES]
        self.kept = [
            self._line(owner, name, now)
            for name in CLASSES
            for owner in ((name, 0), *sorted(one for one in owners if one[1] and one[0] in {"", name}))
            if owner in owners
        ]
        self._lines_of: dict[tuple[str, int], tuple[Line[T], ...]] = {}

    def _line(self, owner: Owner, service: str, now: float) -> Line[T]:
        line = self._lines.get((owner, service))
        if line is None:
            line = self._lines[owner, service] = Line(owner, service, now)
        return line

    # -- room -------------------------------------------------------------------------------------

    def lines(self, ask: Ask) -> tuple[Line[T], ...]:
        """Where a call may stand: the lines of what its organisation bought, then that of its class."""
        key = service, organisation = ask.service, ask.organisation
        found = self._lines_of.get(key)
        if found is None:
            bought = [one for one in self.kept if one.owner[1] and one.owner[1] == organisation]
            mine = [one for one in bought if one.service == service]
            found = (*mine, self.classes[CLASSES.index(service)])
            self._lines_of[key] = found
        return found

    def needs(self, line: Line[T], ask: Ask) -> Sequence[int]:
        """What a call takes of each limit if it is served from a line."""
        return self.room.needs(line.owner, ask, self.recent.seconds)

    def short(
        self, line: Line[T], needs: Sequence[int], held: frozenset[Limited] = NOTHING
    ) -> frozenset[Limited]:
        """Of what there is not enough; see `Room.short`."""
        return self.room.short(line.owner, needs, self.recent.seconds, held)

    def line_with_room(self, ask: Ask) -> tuple[Line[T], Sequence[int]] | None:
        """From which line a call can be served at once, if from any, and what it takes.

        For the case that nobody waits.
        """
        lines = self.lines(ask)
        for line in lines:
            needs = self.needs(line, ask)
            if (line is lines[-1] or self.room.owns(line.owner, needs)) and not self.short(line, needs):
                return line, needs
        return None

    def fits(self, deployment: int, ask: Ask) -> bool:
        """Whether a deployment's own limits have room."""
        own = self.own.get(deployment)
        if own is None:
            return True
        owner = ask.service, 0
        return not own.short(owner, own.needs(owner, ask, 0.0), 0.0)

    def take(
        self, line: Line[T], needs: Sequence[int], deployment: int, ask: Ask, now: float
    ) -> tuple[Held, ...]:
        """A call is served from a line, by a deployment."""
        held = self.room.take(line.owner, needs, now)
        own = self.own.get(deployment)
        return (held,) if own is None else (held, self.take_own(own, ask, now))

    def take_own(self, own: Room, ask: Ask, now: float) -> Held:
        """Of a deployment's own limits."""
        owner = ask.service, 0
        return own.take(owner, own.needs(owner, ask, 0.0), now)

    def able(self, ask: Ask) -> bool:
        """Whether a call could be served if the pool were empty and calls were short."""
        return any(self.room.able(line.owner) for line in self.lines(ask))

    def within(self, ask: Ask) -> bool:
        """Whether a call is within what is kept for an owner, those that wait before it counted."""
        return self.room.kept and any(
            self.room.owns(line.owner, self.needs(line, ask), line.count) for line in self.lines(ask)
        )

    def pass_by(self, now: float) -> None:
        """Tokens of a minute ago are free again."""
        for room in (self.room, *self.own.values()) if self.own else (self.room,):
            if room.minute is not None:
                room.minute.pass_by(now)

    @property
    def next_end(self) -> float | None:
        """When tokens are free again next."""
        minutes = [room.minute for room in (self.room, *self.own.values()) if room.minute is not None]
        return min((end for one in minutes if (end := one.next_end) is not None), default=None)

    # -- for the report of utilisation ------------------------------------------------------------

    def use(self, now: float) -> list[InUse]:
        """What each owner has and uses, by unit."""
        self.pass_by(now)
        found = []
        waiting: dict[Owner, int] = {}
        for line in self._lines.values():
            waiting[line.owner] = waiting.get(line.owner, 0) + line.count
        for unit, reserve in self.room.limits:
            nominal = {lot.owner: lot.nominal for lot in reserve.lots}
            for owner, count in waiting.items():
                found.append(
                    InUse(self.row.name, unit, owner, nominal.get(owner, 0), reserve.used(owner), count)
                )
        return found

    def ended(self, held: Held, tokens: int) -> None:
        """A call used so many tokens."""
        if held.lender is not None and not held.lender[1]:
            self._loans_of(held.lender[0]).lent += tokens

    def called_back(self, ask: Ask) -> None:
        """A call waits for what its owner has lent."""
        self._loans_of(ask.service).reclaimed += ask.input + ask.output

    def loans(self, service: str) -> Loans | None:
        """What became of a class's lot since this was asked last."""
        return self._loans.pop(service, None)

    def _loans_of(self, service: str) -> Loans:
        return self._loans.setdefault(service, Loans())

    # -- how long it takes ------------------------------------------------------------------------

    def seconds(self, line: Line[T], ahead: float, ask: Ask, now: float) -> float:
        """How long a call waits with so many before it in a line of a class; 0 when nothing is known."""
        tokens = self.recent.tokens or ask.input + ask.output
        guess, left, believed = self._guess(line, tokens, now)
        rate = line.rate(left, believed, now)
        wait = ahead / rate if rate > 0 else 0.0
        minute = self.room.minute
        if minute is not None:
            free = max(0, minute.reserve.amount - minute.reserve.taken)
            wait = max(wait, minute.free_in(int(ahead * tokens), free, now))
        before = sum(other.load for other in self._above(line))
        return wait + (before / guess if guess > 0 else 0.0)

    def _guess(self, line: Line[T], tokens: float, now: float) -> tuple[float, float, float]:
        """Calls per second that a class could be served at.

        By Little's law from how long calls take, or from their tokens.

        Returns:
            The rate if nobody else came; the rate while classes above it draw from what is shared as they did
            of late; and for how many seconds that is believed.
        """
        seconds = self.recent.seconds
        guesses = []
        for unit, reserve in self.room.limits:
            span = MINUTE * max(1.0, tokens) if unit == "tokens" else seconds
            if span:
                above = sum(
                    max(0.0, other.pace.rate(now) - reserve.alone(other.owner) / span)
                    for other in self._above(line)
                )
                most = reserve.most(line.owner, seconds) / span
                left = max(_LEAST_LEFT * most, most - above)
                guesses.append((most, left, MINUTE if unit == "tokens" else seconds))
        calls = [
            reserve.amount for own in self.own.values() for unit, reserve in own.limits if unit == "calls"
        ]
        if seconds and len(calls) == len(self.row.deployments):
            guesses.append((sum(calls) / seconds, sum(calls) / seconds, seconds))
        return min(guesses, default=(0.0, 0.0, 0.0), key=lambda one: one[1])

    def _above(self, line: Line[T]) -> Sequence[Line[T]]:
        return self.classes[: self.classes.index(line)]
