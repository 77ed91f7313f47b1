"""A market in a computer: what placing calls costs, exactly, under caps, credits, minimums and outages.

Policies are compared in it, and the solver runs its shadow orders in it. It is generic over the values of
`routing.supply`; it keeps no clock: times come with the calls and must not go backwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import mul
from typing import Protocol

import msgspec

from rechenwerk.routing.supply import Cap, Credit, Demand, Minimum, Supply, Vector

NOTHING = 1e-9
"""Shares below this are rounding."""


class Outage(msgspec.Struct, frozen=True, gc=False):
    """A supply takes no calls from `begins_at` until before `ends_at`, epoch seconds."""

    supply: int
    begins_at: float
    ends_at: float


class World(msgspec.Struct, frozen=True):
    """Everything that a market consists of.

    Attributes:
        measure: what a unit of usage counts as volume; demands, penalties and plans are in volume.
        begins_at: epoch seconds of the first call that may come.
        ends_at: epoch seconds until which costs are counted.
    """

    measure: Vector
    supplies: tuple[Supply, ...]
    caps: tuple[Cap, ...]
    credits: tuple[Credit, ...]
    minimums: tuple[Minimum, ...]
    demands: tuple[Demand, ...]
    begins_at: float
    ends_at: float
    outages: tuple[Outage, ...] = ()


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """Calls of one class that come together; they may be split among supplies.

    Attributes:
        at: epoch seconds.
        demand: id of the class.
        usage: of all of them.
    """

    at: float
    demand: int
    usage: Vector


class Load(msgspec.Struct, frozen=True, gc=False):
    """An arrival as the market sees it: dot products that are taken once.

    Attributes:
        takes: of each cap.
        charges: at each supply, by position in `World.supplies`.
    """

    demand: int
    critical: bool
    volume: float
    penalty: float
    takes: tuple[float, ...]
    charges: tuple[float, ...]


class Tally(msgspec.Struct, frozen=True):
    """What a period came to.

    Attributes:
        cost: charges that no credit paid, shortfalls of minimums, and penalties.
        charges: by supply id, at its rates, whether a credit paid them or not.
        credited: paid by credits.
        expired: credit that is left when the period ends.
        shortfall: of minimums, as far as it is lost.
        penalties: for refused work.
        volume: that arrived, by demand id.
        refused: volume, by demand id.
        used: by the name of a cap: taken in all windows over amount times windows.
        placed: volume by demand and supply id.
        reserve_violations: how often ordinary work took what is kept; `Market.take` refuses that, so 0.
    """

    cost: float
    charges: dict[int, float]
    credited: float
    expired: float
    shortfall: float
    penalties: float
    volume: dict[int, float]
    refused: dict[int, float]
    used: dict[str, float]
    placed: dict[tuple[int, int], float]
    reserve_violations: int = 0


class Policy(Protocol):
    """Who decides where calls go."""

    def tick(self, now: float, market: Market) -> None:
        """Time has come to `now`: at the beginning of each window, and before each arrival.

        What it may look at: the market's counters, and which supplies are out now; not the outages to come.
        """
        ...

    def order(self, demand: int, now: float) -> Sequence[int]:
        """Supply ids for the next call of a class, best first; those left out get none of it."""
        ...

    def placed(self, demand: int, supply: int, usage: Vector, now: float) -> None:
        """That much went to a supply."""
        ...

    def refused(self, demand: int, usage: Vector, now: float) -> None:
        """That much found no place."""
        ...


def dot(weights: Vector, usage: Vector) -> float:
    """What an amount of usage comes to under weights."""
    return math.fsum(map(mul, weights, usage)) if weights else 0.0


class Market:
    """The counters of a period: caps by window, credits, minimums, and what it has cost so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.position = {supply.id: at for at, supply in enumerate(world.supplies)}
        self.demands = {demand.id: demand for demand in world.demands}
        self.taken = [0.0] * len(world.caps)
        self.ordinary = [0.0] * len(world.caps)
        self.windows = [-1] * len(world.caps)
        self.left = [credit.left for credit in world.credits]
        self.drawn = [minimum.drawn for minimum in world.minimums]
        self.volume = {demand.id: 0.0 for demand in world.demands}
        self.refusals = {demand.id: 0.0 for demand in world.demands}
        self.charged = {supply.id: 0.0 for supply in world.supplies}
        self.moved = {(demand.id, at): 0.0 for demand in world.demands for at in demand.supplies}
        self.credited = 0.0
        self.penalties = 0.0
        self._total = [0.0] * len(world.caps)
        self._caps = {
            supply.id: tuple(at for at, cap in enumerate(world.caps) if supply.id in cap.supplies)
            for supply in world.supplies
        }
        self._credits = {
            supply.id: tuple(at for at, credit in enumerate(world.credits) if supply.id in credit.supplies)
            for supply in world.supplies
        }
        self._minimums = {
            supply.id: tuple(at for at, least in enumerate(world.minimums) if supply.id in least.supplies)
            for supply in world.supplies
        }

    def advance(self, now: float) -> None:
        """Windows that have ended begin again, empty."""
        for at, cap in enumerate(self.world.caps):
            window = int((now - cap.starts_at) // cap.seconds)
            if window != self.windows[at]:
                self._total[at] += self.taken[at]
                self.windows[at] = window
                self.taken[at] = self.ordinary[at] = 0.0

    def down(self, now: float) -> frozenset[int]:
        """Supplies that take no calls now."""
        return frozenset(one.supply for one in self.world.outages if one.begins_at <= now < one.ends_at)

    def load(self, demand: int, usage: Vector) -> Load:
        """What `fits` and `take` ask for."""
        known = self.demands[demand]
        volume = dot(self.world.measure, usage)
        return Load(
            demand=demand,
            critical=known.service == "critical",
            volume=volume,
            penalty=known.penalty * volume,
            takes=tuple(dot(cap.weights, usage) for cap in self.world.caps),
            charges=tuple(dot(supply.rates, usage) for supply in self.world.supplies),
        )

    def fits(self, load: Load, supply: int, now: float) -> float:
        """The share of a load for which a supply has room: at least 0, perhaps above 1.

        The rules: windows' caps; ordinary work takes at most what is not kept; a credit without overflow
        pays everything or nothing goes. Outages are the caller's business: see `down`.
        """
        share = math.inf
        caps = self.world.caps
        for at in self._caps[supply]:
            takes = load.takes[at]
            if takes > 0:
                cap = caps[at]
                room = cap.amount - self.taken[at]
                if not load.critical:
                    room = min(room, cap.amount - cap.kept - self.ordinary[at])
                share = min(share, room / takes)
        for at in self._credits[supply]:
            credit = self.world.credits[at]
            if not credit.overflow:
                if now >= credit.ends_at:
                    return 0.0
                charge = load.charges[self.position[supply]]
                if charge > 0:
                    share = min(share, self.left[at] / charge)
        return share if share > 0 else 0.0

    def take(self, load: Load, supply: int, share: float, now: float) -> None:
        """Book a share of a load at a supply; `fits` must have granted it."""
        for at in self._caps[supply]:
            takes = share * load.takes[at]
            self.taken[at] += takes
            if not load.critical:
                self.ordinary[at] += takes
        charge = share * load.charges[self.position[supply]]
        self.charged[supply] += charge
        for at in self._minimums[supply]:
            if now < self.world.minimums[at].ends_at:
                self.drawn[at] += charge
        for at in self._credits[supply]:
            if now < self.world.credits[at].ends_at:
                paid = min(charge, self.left[at])
                self.left[at] -= paid
                self.credited += paid
                charge -= paid
        self.moved[load.demand, supply] += share * load.volume

    def refuse(self, load: Load, share: float) -> None:
        """Book the penalty for a share of a load that nobody takes."""
        self.refusals[load.demand] += share * load.volume
        self.penalties += share * load.penalty

    def cost(self) -> float:
        """Of everything so far, as if all periods ended now."""
        short = sum(
            least.lost * max(0.0, least.amount - drawn)
            for least, drawn in zip(self.world.minimums, self.drawn, strict=True)
        )
        return sum(self.charged.values()) - self.credited + short + self.penalties

    def tally(self) -> Tally:
        """What it came to."""
        span = self.world.ends_at - self.world.begins_at
        return Tally(
            cost=self.cost(),
            charges=dict(self.charged),
            credited=self.credited,
            expired=sum(self.left),
            shortfall=sum(
                least.lost * max(0.0, least.amount - drawn)
                for least, drawn in zip(self.world.minimums, self.drawn, strict=True)
            ),
            penalties=self.penalties,
            volume=dict(self.volume),
            refused=dict(self.refusals),
            used={
                cap.name: (total + now) / (cap.amount * span / cap.seconds) if cap.amount > 0 else 0.0
                for cap, total, now in zip(self.world.caps, self._total, self.taken, strict=True)
            },
            placed=dict(self.moved),
        )


def place(
    policy: Policy, market: Market, arrival: Arrival, down: frozenset[int], pieces: int
) -> list[tuple[int, float]]:
    """Place an arrival: as many calls of equal size as `pieces`, each where the policy says, as far as fits.

    Returns:
        (supply id, share of the arrival), a supply perhaps more than once; what is missing was refused.
    """
    load = market.load(arrival.demand, arrival.usage)
    market.volume[arrival.demand] += load.volume
    allowed = market.demands[arrival.demand].supplies
    went: list[tuple[int, float]] = []
    for _ in range(pieces):
        rest = 1.0 / pieces
        for supply in policy.order(arrival.demand, arrival.at):
            if supply in down or supply not in allowed:
                continue
            share = min(rest, market.fits(load, supply, arrival.at))
            if share > NOTHING:
                market.take(load, supply, share, arrival.at)
                policy.placed(arrival.demand, supply, _part(arrival.usage, share), arrival.at)
                went.append((supply, share))
                rest -= share
            if rest <= NOTHING:
                break
        if rest > NOTHING:
            market.refuse(load, rest)
            policy.refused(arrival.demand, _part(arrival.usage, rest), arrival.at)
    return went


def _part(usage: Vector, share: float) -> Vector:
    return tuple([share * one for one in usage])


def run(
    policy: Policy, world: World, arrivals: Iterable[Arrival], window: float, pieces: int = 4
) -> tuple[Tally, list[tuple[int, int, int, float]]]:
    """Let a policy place everything that arrives in a period.

    Args:
        policy: is told of everything as it happens.
        world: the period.
        arrivals: in order of time.
        window: seconds between ticks, counted from `World.begins_at`; outages become known at ticks.
        pieces: calls that an arrival consists of.

    Returns:
        What it came to, and the trace: (position of the arrival, demand id, supply id, share of the arrival).
    """
    market = Market(world)
    trace: list[tuple[int, int, int, float]] = []
    due = world.begins_at
    down: frozenset[int] = frozenset()
    for at, arrival in enumerate(arrivals):
        while due <= arrival.at:
            market.advance(due)
            down = market.down(due)
            policy.tick(due, market)
            due += window
        market.advance(arrival.at)
        policy.tick(arrival.at, market)
        trace.extend(
            (at, arrival.demand, supply, share)
            for supply, share in place(policy, market, arrival, down, pieces)
        )
    return market.tally(), trace
