"""A pool of capacity and the lines before it: what is free, who waits, and how fast it went of late."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, floor
from typing import Generic, Literal, TypeVar

import msgspec

from rechenwerk.routing.fair import FORGET, INPUT, Flow, Shares
from rechenwerk.routing.reserve import MINUTE, Lot, Minute, Owner, Reserve, Second, faults, hand
from rechenwerk.routing.supply import CLASSES

Limited = Literal["calls", "tokens"]


class Limit(msgspec.Struct, frozen=True):
    """How much a pool carries: calls at once, or tokens per minute, and what of it is kept for whom."""

    unit: Limited
    amount: int
    lots: tuple[Lot, ...] = ()


class PoolRow(msgspec.Struct, frozen=True):
    """Deployments that share a capacity.

    Attributes:
        id: of the pool.
        name: as people call it.
        deployments: their ids; a deployment is in one pool at most.
        limits: one of a unit at most; none: no limit.
    """

    id: int
    name: str
    deployments: tuple[int, ...]
    limits: tuple[Limit, ...]

    def faults(self) -> list[str]:
        """What is wrong with it, one line each."""
        units = [limit.unit for limit in self.limits]
        found = [f"pool {self.name}: {line}" for one in self.limits for line in faults(one.amount, one.lots)]
        if len(set(units)) < len(units):
            found.append(f"pool {self.name}: a unit is limited twice; leave one of the two out")
        return found

    def part(self, place: int, players: int) -> PoolRow:
        """What one of several gateway processes has of it; see `reserve.hand`."""
        limits = [Limit(one.unit, *hand(one.amount, one.lots, place, players)) for one in self.limits]
        return msgspec.structs.replace(self, limits=tuple(limits))


class Ask(msgspec.Struct, frozen=True, gc=False):
    """What a call asks for.

    Attributes:
        project: who pays with its share.
        organisation: of the project.
        service: one of `supply.CLASSES`.
        weight: of the project, above zero; 1 is ordinary.
        input: tokens that it will read, as far as one can tell.
        output: the most that it may write: tokens per minute are taken for as many, until it has ended.
    """

    project: int
    organisation: int
    service: str
    weight: float
    input: int
    output: int

    @property
    def cost(self) -> float:
        """What it counts when it begins."""
        return max(1.0, INPUT * self.input)


T = TypeVar("T")
_ONE_CALL = (1,)
_NOTHING: frozenset[Limited] = frozenset()


class Line(Generic[T]):
    """Those who wait for what an owner may have, and how fast they were served.

    Attributes:
        owner: a class, or whose bought lot it is.
        shares: who is next.
        count: calls that wait.
        load: the same, calls that wait at several pools in parts.
    """

    __slots__ = ("_backlogged", "_seen_at", "_served", "count", "load", "owner", "shares")

    def __init__(self, owner: Owner, now: float) -> None:
        self.owner = owner
        self.shares: Shares[T] = Shares()
        self.count = 0
        self.load = 0.0
        self._served = self._backlogged = 0.0
        self._seen_at = now

    def join(self, flow: Flow[T], call: T, load: float, now: float) -> None:
        """A call waits."""
        self._see(now)
        flow.comes(load, now)
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
                found += min(other.load + other.pace(now) * seconds, share)
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


class Held(msgspec.Struct, frozen=True):
    """What a call has taken of a pool's limits, as whom, and out of whose lot if that is another's."""

    owner: Owner
    calls: Reserve | None
    minute: Minute | None
    second: Second | None
    tokens: int
    lender: Owner | None

    def give(self, used: int | None) -> None:
        """The call has ended. `used`: its tokens, None when nobody knows better than was thought."""
        if self.calls is not None:
            self.calls.give(self.owner, 1)
        if self.minute is not None and self.second is not None and used is not None:
            self.minute.correct(self.owner, self.second, used - self.tokens)


class Tally:
    """What was counted for an owner: tokens.

    Attributes:
        used: by its calls.
        lent: out of its lot, used by others.
        reclaimed: asked for by its calls that had to wait for what was lent.
    """

    __slots__ = ("lent", "reclaimed", "used")

    def __init__(self) -> None:
        self.used = self.lent = self.reclaimed = 0


class Pool(Generic[T]):
    """Capacity as it is used, with its lines.

    Attributes:
        row: as configured.
        recent: of its calls.
        waiting: calls in its lines.
        lines: of owners; every class has one, and every organisation that bought a lot.
    """

    def __init__(self, row: PoolRow, now: float) -> None:
        self.recent = Recent()
        self._tallies: dict[Owner, Tally] = {}
        self.lines: dict[Owner, Line[T]] = {(name, 0): Line((name, 0), now) for name in CLASSES}
        self.waiting = 0
        self.row = row
        self.minute: Minute | None = None
        self._reserves: dict[Limited, Reserve] = {}
        self.reform(row, now)

    def reform(self, row: PoolRow, now: float) -> None:
        """Other numbers from now on; nobody waits while this happens."""
        self.row = row
        old = self._reserves
        self._reserves = {one.unit: old.get(one.unit) or Reserve(one.amount) for one in row.limits}
        for limit in row.limits:
            self._reserves[limit.unit].reform(limit.amount, limit.lots)
        tokens = self._reserves.get("tokens")
        if tokens is None or self.minute is None or self.minute.reserve is not tokens:
            self.minute = Minute(tokens) if tokens is not None else None
        self._limits = tuple(self._reserves.items())
        owners = {lot.owner for limit in row.limits for lot in limit.lots}
        for owner in owners:
            if owner not in self.lines:
                self.lines[owner] = Line(owner, now)
        # Who calls its own back comes in this order: critical work, what was bought, the other classes.
        ranks = {(name, 0): 3 * at for at, name in enumerate(CLASSES)}
        self.kept = [self.lines[owner] for owner in sorted(owners, key=lambda one: (ranks.get(one, 1), one))]
        self.classes = [self.lines[name, 0] for name in CLASSES]
        self._owners: dict[tuple[str, int], tuple[Owner, ...]] = {}

    # -- room -------------------------------------------------------------------------------------

    def owners(self, ask: Ask) -> tuple[Owner, ...]:
        """As whom a call may come, most special first; the last is its class."""
        key = ask.service, ask.organisation
        found = self._owners.get(key)
        if found is None:
            kept = {line.owner for line in self.kept}
            bought = [one for one in (key, ("", ask.organisation)) if ask.organisation and one in kept]
            found = self._owners[key] = (*bought, (ask.service, 0))
        return found

    def room(self, ask: Ask) -> Owner | None:
        """As whom a call can be served at once; None when it cannot. For the case that nobody waits."""
        owners = self.owners(ask)
        for owner in owners:
            needs = self.needs(owner, ask)
            if (owner is owners[-1] or self.owns(owner, needs)) and not self.short(owner, needs):
                return owner
        return None

    def needs(self, owner: Owner, ask: Ask) -> Sequence[int]:
        """What a call takes of each limit; one that is larger than all that there is takes all of it."""
        if self.minute is None:
            return _ONE_CALL[: len(self._limits)]
        return [
            1
            if unit == "calls"
            else max(1, min(ask.input + ask.output, reserve.most(owner, self.recent.seconds)))
            for unit, reserve in self._limits
        ]

    def able(self, ask: Ask) -> bool:
        """Whether a call could be served if the pool were empty."""
        return any(
            all(reserve.most(owner, self.recent.seconds) > 0 for _, reserve in self._limits)
            for owner in self.owners(ask)
        )

    def owns(self, owner: Owner, needs: Sequence[int], ahead: int = 0) -> bool:
        """Whether a call, and so many like it before, are within what is kept for its owner."""
        found = False
        for (_, reserve), need in zip(self._limits, needs, strict=True) if self.kept else ():
            if reserve.has_lot(owner):
                if not reserve.owns(owner, need * (ahead + 1)):
                    return False
                found = True
        return found

    def short(
        self, owner: Owner, needs: Sequence[int], held: frozenset[Limited] = _NOTHING
    ) -> frozenset[Limited]:
        """Of what there is not enough. `held`: units of which what becomes free is another's."""
        found = _NOTHING
        for (unit, reserve), need in zip(self._limits, needs, strict=True):
            if not reserve.fits(owner, need, self.recent.seconds, alone=unit in held):
                found |= {unit}
        return found

    def take(self, owner: Owner, needs: Sequence[int], now: float) -> Held:
        """A call has its place."""
        calls = second = lender = None
        tokens = 0
        if self.kept:
            unit, reserve = self._limits[-1]
            lender = reserve.lender(owner, needs[-1])
        for (unit, reserve), need in zip(self._limits, needs, strict=True):
            if unit == "tokens" and self.minute is not None:
                second, tokens = self.minute.take(owner, need, now), need
            else:
                calls = reserve
                reserve.take(owner, need)
        return Held(owner, calls, self.minute, second, tokens, lender)

    # -- for the report of utilisation ------------------------------------------------------------

    def use(self, now: float) -> list[tuple[Limited, Owner, int, int]]:
        """What each owner has and uses, by unit."""
        if self.minute is not None:
            self.minute.pass_by(now)
        found: list[tuple[Limited, Owner, int, int]] = []
        for unit, reserve in self._limits:
            nominal = {lot.owner: lot.nominal for lot in reserve.lots}
            found += [(unit, owner, nominal.get(owner, 0), reserve.used(owner)) for owner in self.lines]
        return found

    def ended(self, held: Held, tokens: int) -> None:
        """A call used so many tokens."""
        self._tally(held.owner).used += tokens
        if held.lender is not None:
            self._tally(held.lender).lent += tokens

    def called_back(self, ask: Ask) -> None:
        """A call waits for what its owner has lent."""
        for owner in self.owners(ask):
            if any(reserve.has_lot(owner) for _, reserve in self._limits):
                self._tally(owner).reclaimed += ask.input + ask.output
                break

    def counted(self) -> dict[Owner, Tally]:
        """What was counted for each owner since this was asked last."""
        found, self._tallies = self._tallies, {}
        return found

    def _tally(self, owner: Owner) -> Tally:
        return self._tallies.setdefault(owner, Tally())

    # -- how long it takes ------------------------------------------------------------------------

    def seconds(self, line: Line[T], ahead: float, ask: Ask, now: float) -> float:
        """How long a call waits with so many before it in a line of a class; 0 when nothing is known."""
        recent = self.recent
        tokens = recent.tokens or ask.input + ask.output
        guesses = []
        for unit, reserve in self._limits:
            most = reserve.most(line.owner, recent.seconds)
            if unit == "tokens":
                guesses.append((most / MINUTE / max(1.0, tokens), MINUTE))
            elif recent.seconds:
                guesses.append((most / recent.seconds, recent.seconds))
        rate = line.rate(*min(guesses, default=(0.0, 0.0)), now)
        wait = ahead / rate if rate > 0 else 0.0
        if self.minute is not None:
            need = int(ahead * tokens)
            free = max(0, self.minute.reserve.amount - self.minute.reserve.taken)
            wait = max(wait, self.minute.free_in(need, free, now))
        before = sum(other.load for other in self.classes[: self.classes.index(line)])
        return wait + (before / rate if rate > 0 else 0.0)
