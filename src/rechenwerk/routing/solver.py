"""From a situation to a plan: forecast, strategic prices, amounts for the next seconds.

Runs beside the data plane, in a process of its own, and in simulations in place: the same code.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.forecast import Forecast, Outlook, Period, Present
from rechenwerk.routing.plan import Choice, Limit, Option, Plan, Situation
from rechenwerk.routing.programme import dot
from rechenwerk.routing.strategy import Prices, Strategist, edges
from rechenwerk.routing.supply import Vector
from rechenwerk.routing.tactics import Rest, Tactician, Weighed

SURE = 1e-9

EARLY = 0.2
"""Less of a window than this says nothing about its pace."""

SOON = 0.25
"""At most this share of what is to come in a window is placed for sure: more of a class than expected may
come even before the next solve, and others' room must survive that."""


class Habits(msgspec.Struct, frozen=True):
    """How often and how carefully.

    Attributes:
        strategic_every: seconds between strategic solves, at most; see `Solver._pause`.
        remembers: half-life of prices, in such pauses: each solve sees other scenarios, and prices are their
            mean.
        haste: factor on the worth of credits, below 1 because they expire: where scenarios see no difference,
            what may be lost is used before what will stay.
        scenarios: of the rest of a window.
        doubt: factor on the forecast's doubts: above 1 protects more.
        prices: False: no strategic part, contracts at their list prices.
        protects: False: the rest of the window is not looked at.
    """

    strategic_every: float = 900.0
    remembers: float = 2.0
    haste: float = 0.85
    scenarios: int = 8
    doubt: float = 1.0
    prices: bool = True
    protects: bool = True


class Solver:
    """Makes plans; remembers forecasts, prices and models between them."""

    def __init__(self, forecast: Forecast, habits: Habits | None = None) -> None:
        self.forecast = forecast
        self.habits = habits or Habits()
        self.strategist = Strategist()
        self.tactician = Tactician(self.habits.scenarios)
        self._prices: Prices | None = None
        self._due = 0.0
        self._solved = 0.0
        self._began: float | None = None
        self._terms: object = None
        self._present: Present | None = None
        self._window = -1.0
        self._usage: tuple[Vector, ...] = ()
        self._lumps = Lumps()

    def solve(self, situation: Situation) -> Plan:
        """The plan until the next solve."""
        window = situation.window_began
        if window != self._window or self._present is None:
            self._present = self.forecast.present(situation.now)
            self._window = window
        arrived = tuple(dot(situation.measure, one) for one in situation.arrived)
        self._lumps.see(situation.now, window, arrived)
        terms = (
            tuple((credit.name, credit.ends_at) for credit in situation.credits),
            tuple((least.name, least.amount, least.ends_at) for least in situation.minimums),
            situation.caps,
        )
        if self._prices is None or situation.now >= self._due or terms != self._terms:
            self._usage = _usage(situation, self._present)
            fresh = self._strategic(situation)
            pause = self._pause(situation)
            if self._prices is not None and terms == self._terms:
                passed = max(situation.now - self._solved, 0.0)
                fresh = _blend(
                    self._prices, fresh, 0.5 ** (passed / max(pause * self.habits.remembers, SURE))
                )
            self._prices = fresh
            self._solved, self._due = situation.now, situation.now + pause
            self._terms = terms
        rest = self._rest(situation, self._present, arrived)
        weighed = self.tactician.weigh(situation, self._usage, rest, self._prices)
        return _plan(situation, weighed, self._prices)

    def _pause(self, situation: Situation) -> float:
        """Seconds until the next strategic solve: shorter at first, and shorter before a commitment ends."""
        now = situation.now
        if self._began is None:
            self._began = now
        ends = [credit.ends_at for credit in situation.credits] + [one.ends_at for one in situation.minimums]
        left = min((end - now for end in ends if end > now), default=math.inf)
        pause = min(self.habits.strategic_every, (now - self._began) / 4, left / 16)
        return max(pause, min(situation.next_in, self.habits.strategic_every))

    def _strategic(self, situation: Situation) -> Prices:
        listed = Prices(
            (0.0,) * len(situation.minimums), (1.0,) * len(situation.credits), (0.0,) * len(situation.caps)
        )
        if not self.habits.prices:
            return listed
        cuts = edges(situation)
        outlook = self.forecast.outlook(situation.now, cuts)
        if not any(volume for one in outlook.periods for _, volumes in one.kinds for volume in volumes):
            outlook = at_this_pace(situation, cuts)
            if not outlook.periods:
                # Nothing is known and nothing came: what was bought must not look free because of that.
                return listed
        found = self.strategist.prices(situation, outlook, self._usage)
        return msgspec.structs.replace(found, credits=tuple(self.habits.haste * one for one in found.credits))

    def _rest(self, situation: Situation, present: Present, arrived: tuple[float, ...]) -> Rest:
        """What is still to come in the window, by class: see `still_to_come`."""
        passed = min(max((situation.now - situation.window_began) / situation.window, 0.0), 1.0)
        soon_share = min(SOON, situation.next_in / (situation.window * max(1.0 - passed, 1e-9)))
        means, doubts, soons = [], [], []
        for at, seen in enumerate(arrived):
            mean, doubt = present.mean[at], present.doubt[at] * self.habits.doubt
            rest, deviation = still_to_come(mean, doubt, self._lumps.of(at, mean), seen, passed)
            means.append(rest)
            doubts.append(deviation)
            soons.append(rest * soon_share)
        if not self.habits.protects:
            means = soons
        return Rest(tuple(means), tuple(doubts), tuple(soons))


def at_this_pace(situation: Situation, cuts: Sequence[float]) -> Outlook:
    """What comes if all goes on as in the window of now; no periods if nothing came in it."""
    passed = max((situation.now - situation.window_began) / situation.window, EARLY)
    pace = tuple(dot(situation.measure, one) / passed for one in situation.arrived)
    if not any(pace):
        return Outlook((), ())
    periods = [Period(a, b, (((b - a) / situation.window, pace),)) for a, b in itertools.pairwise(cuts)]
    return Outlook(tuple(periods), ())


def still_to_come(mean: float, doubt: float, lump: float, seen: float, passed: float) -> tuple[float, float]:
    """What the rest of a window brings: volume and relative standard deviation.

    The whole has a prior (mean, doubt). What was seen by a share of the window is that share of the whole,
    give or take the unevenness of lumps, a bridge of variance lump * mean * passed * (1 - passed). The best
    linear estimate (Kalman 1960) weighs both. If the prior's variance is that of lumps alone (a Poisson
    process of known rate), the rest does not depend on what was seen; if the prior says nothing, the rest
    comes at the rate that was seen; if it is certain, the rest is what is missing.
    """
    if mean <= SURE:
        rest = seen * (1 - passed) / max(passed, 0.05)
        return max(rest, SURE), 1.0
    variance = max(doubt, 0.02) ** 2 * mean**2
    noise = max(lump, SURE) * mean * passed * (1 - passed)
    gain = passed * variance / (passed**2 * variance + noise) if passed > 0 else 0.0
    whole = mean + gain * (seen - passed * mean)
    left = math.sqrt(max(variance * (1 - gain * passed), 0.0))
    rest = max(whole - seen, 0.0)
    # What cannot be less than nothing is more than its estimate on average.
    rest = max(rest, 0.25 * left, 0.02 * mean * (1 - passed), SURE)
    return rest, min(left / rest, 2.0)


class Lumps:
    """How unevenly work arrives: variance over mean of what comes between solves, by class."""

    def __init__(self) -> None:
        self._window = -1.0
        self._parts: list[tuple[float, tuple[float, ...]]] = []
        self._over: NDArray[np.float64] | None = None
        self._under: NDArray[np.float64] | None = None

    def see(self, now: float, window: float, arrived: tuple[float, ...]) -> None:
        """What had arrived by now in the window that began then."""
        if window != self._window:
            self._close()
            self._window = window
            self._parts = []
        self._parts.append((now, arrived))

    def _close(self) -> None:
        if len(self._parts) < 4:
            return
        times = np.diff([at for at, _ in self._parts])
        steps = np.diff(np.array([one for _, one in self._parts]), axis=0)
        share = (times / times.sum())[:, None]
        total = steps.sum(axis=0)
        over = ((steps - share * total) ** 2).sum(axis=0) * len(times) / (len(times) - 1)
        if self._over is None or self._under is None or len(self._over) != len(over):
            self._over, self._under = np.zeros_like(over), np.zeros_like(over)
        self._over = 0.98 * self._over + over
        self._under = 0.98 * self._under + total

    def of(self, at: int, mean: float) -> float:
        """The size of a lump of class `at`: a twentieth of a window's mean while nothing is known."""
        if self._over is None or self._under is None or at >= len(self._over) or self._under[at] <= SURE:
            return mean / 20
        return float(self._over[at] / self._under[at])


def _blend(old: Prices, new: Prices, keep: float) -> Prices:
    """Prices between two solves'; quotas begin again with their windows, so theirs are the new ones."""
    return Prices(
        minimums=tuple(keep * a + (1 - keep) * b for a, b in zip(old.minimums, new.minimums, strict=True)),
        credits=tuple(keep * a + (1 - keep) * b for a, b in zip(old.credits, new.credits, strict=True)),
        quotas=new.quotas,
        expected=new.expected,
    )


def _usage(situation: Situation, present: Present) -> tuple[Vector, ...]:
    """Of a unit of volume: as seen lately, else as the demand says."""
    found = []
    for at, demand in enumerate(situation.demands):
        seen = present.usage[at] if at < len(present.usage) else ()
        found.append(seen or demand.usage)
    return tuple(found)


def _plan(situation: Situation, weighed: Weighed, prices: Prices) -> Plan:
    place = {supply.id: at for at, supply in enumerate(situation.supplies)}
    choices = []
    for at, demand in enumerate(situation.demands):
        options = [
            Option(
                supply=supply,
                amount=float(weighed.amounts[at, place[supply]]),
                listed=float(weighed.listed[at, place[supply]]),
                contract=float(weighed.contract[at, place[supply]]),
                congestion=float(weighed.congestion[at, place[supply]]),
                later=float(weighed.later[at, place[supply]]),
            )
            for supply in demand.supplies
            if supply in place
        ]
        options.sort(key=lambda one: one.price)
        choices.append(
            Choice(demand.id, demand.name, demand.service == "critical", demand.penalty, tuple(options))
        )
    notes = {
        f"minimum {one.name}": worth for one, worth in zip(situation.minimums, prices.minimums, strict=True)
    }
    notes |= {
        f"credit {one.name}": worth for one, worth in zip(situation.credits, prices.credits, strict=True)
    }
    notes |= {
        f"quota {cap.name}": worth for cap, worth in zip(situation.caps, prices.quotas, strict=True) if worth
    }
    return Plan(
        made_at=situation.now,
        window_ends=situation.window_began + situation.window,
        measure=situation.measure,
        names={supply.id: supply.name for supply in situation.supplies},
        choices=tuple(choices),
        limits=_limits(situation),
        down=situation.down,
        notes=notes,
    )


def _limits(situation: Situation) -> tuple[Limit, ...]:
    now = situation.now
    found = []
    for cap, taken, ordinary in zip(situation.caps, situation.taken, situation.ordinary, strict=True):
        began = cap.starts_at + cap.seconds * ((now - cap.starts_at) // cap.seconds)
        found.append(
            Limit(
                name=cap.name,
                supplies=cap.supplies,
                weights=cap.weights,
                left=cap.amount - taken,
                ordinary=cap.amount - cap.kept - ordinary,
                amount=cap.amount,
                kept=cap.kept,
                resets_at=began + cap.seconds,
                seconds=cap.seconds,
            )
        )
    rates = {supply.id: supply.rates for supply in situation.supplies}
    for credit in situation.credits:
        if credit.overflow:
            continue
        left = credit.left if now < credit.ends_at else 0.0
        # Each supply charges at its own rates: one limit for each, all of what is left.
        found.extend(
            Limit(credit.name, (one,), rates[one], left, left, 0.0, 0.0, credit.ends_at, 0.0)
            for one in credit.supplies
            if one in rates
        )
    return tuple(found)
