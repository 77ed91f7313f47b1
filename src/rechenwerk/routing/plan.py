"""What a solve is given and what it gives: values that travel between processes as JSON or MessagePack."""

from __future__ import annotations

import msgspec

from rechenwerk.routing.supply import Cap, Credit, Demand, Minimum, Supply, Vector


class Situation(msgspec.Struct, frozen=True):
    """How things stand when a solve begins: the sum of what all gateway processes have reported.

    Attributes:
        now: epoch seconds.
        measure: weights that make a volume of usage; a demand's own usage measures 1.
        credits: with what is left now.
        minimums: with what has been drawn by now.
        taken: of each cap, in its window of now.
        ordinary: of that, by work that is not critical.
        arrived: by demand, in order: usage since the window of now began, refused or not.
        window_began: epoch seconds.
        window: seconds; a plan is made for the rest of one window. Usually the shortest cap's.
        down: ids of supplies that take no calls now.
        next_in: seconds until the next solve, about.
    """

    now: float
    measure: Vector
    supplies: tuple[Supply, ...]
    caps: tuple[Cap, ...]
    credits: tuple[Credit, ...]
    minimums: tuple[Minimum, ...]
    demands: tuple[Demand, ...]
    taken: tuple[float, ...]
    ordinary: tuple[float, ...]
    arrived: tuple[Vector, ...]
    window_began: float
    window: float
    down: tuple[int, ...] = ()
    next_in: float = 5.0


class Option(msgspec.Struct, frozen=True, gc=False):
    """A supply for a class of demand, all prices in currency per unit of volume.

    Attributes:
        amount: volume that should go there now, at first.
        later: what is expected to go there after that, in the rest of the window.
        listed: what using it costs at its rates.
        contract: what credits, minimums and quotas change about that: negative where a minimum is unmet.
        congestion: what its windows' caps are worth to others now, beyond those prices.
    """

    supply: int
    amount: float
    listed: float
    contract: float
    congestion: float
    later: float = 0.0

    @property
    def price(self) -> float:
        """Of the next unit."""
        return self.listed + self.contract + self.congestion


class Choice(msgspec.Struct, frozen=True):
    """The options of a class, cheapest next unit first."""

    demand: int
    name: str
    critical: bool
    penalty: float
    options: tuple[Option, ...]


class Limit(msgspec.Struct, frozen=True):
    """A cap, or a credit that must not be overdrawn, as a desk keeps it between solves.

    Attributes:
        left: in the current window.
        ordinary: of that, at most, for work that is not critical.
        amount: of a new window; 0 for what does not come again.
        resets_at: epoch seconds at which the next window begins.
        seconds: its length; 0 for what does not come again.
    """

    name: str
    supplies: tuple[int, ...]
    weights: Vector
    left: float
    ordinary: float
    amount: float
    kept: float
    resets_at: float
    seconds: float


class Plan(msgspec.Struct, frozen=True):
    """What to do until the next plan.

    Each gateway process holds a share of the calls; amounts and what is left of limits count for all.

    Attributes:
        made_at: epoch seconds, of the situation.
        window_ends: epoch seconds: amounts are for the time before.
        names: of supplies, by id.
        down: ids of supplies that took no calls.
        closed: ids of supplies that exist, and whose contracts pay for nothing now.
        notes: what the solve believed, for people: prices of minimums, credits, quotas.
    """

    made_at: float
    window_ends: float
    measure: Vector
    names: dict[int, str]
    choices: tuple[Choice, ...]
    limits: tuple[Limit, ...]
    down: tuple[int, ...] = ()
    notes: dict[str, float] = {}
    closed: tuple[int, ...] = ()
