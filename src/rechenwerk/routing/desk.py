"""Where the next call of a class goes: read from the last plan, moved by every call since.

Pure Python and quick: it stands in the road of every call. A desk belongs to one process and holds its share
of the plan; amounts are followed in proportion (the largest deficit first), then come the other supplies by
the price of their next unit. A supply whose cap is full is left out, as is what is kept for critical work.
"""

from __future__ import annotations

import math

import msgspec

from rechenwerk.base.reasons import Reason, joined, reason
from rechenwerk.routing.plan import Choice, Limit, Plan
from rechenwerk.routing.supply import Vector

FULL = 1e-9
_EVER = math.inf
_MILLION = 1e6
_SAME = 1e-6
"""Of the price of a million units: less is no difference."""


class Alternative(msgspec.Struct, frozen=True):
    """A supply in an explained decision.

    Attributes:
        place: in the order, from 1; 0 when it was left out.
        listed: price per unit of volume at its rates.
        contract: what credits, minimums and quotas change about it.
        congestion: what its room is worth to others in this window.
        price: of the next unit: the sum.
        amount: volume that the plan sends there until the next solve.
        reason: in words, why it stands where it stands or was left out.
        reserve: in words, what of it is kept for critical work; empty: nothing.
    """

    supply: int
    name: str
    place: int
    listed: float
    contract: float
    congestion: float
    price: float
    amount: float
    reason: str
    reserve: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """Why a call of a class would go where it would go now."""

    demand: int
    name: str
    plan_age: float
    alternatives: tuple[Alternative, ...]


class _Room:
    """A limit's counters in this process."""

    __slots__ = ("everybody", "limit", "ordinary", "resets_at", "weights")

    def __init__(self, limit: Limit, share: float) -> None:
        self.limit = limit
        self.everybody = limit.left * share
        self.ordinary = limit.ordinary * share
        self.resets_at = limit.resets_at
        self.weights = tuple((at, one) for at, one in enumerate(limit.weights) if one)


class _Counter:
    """A class's counters in this process: shares of the plan's amounts, and what went where since."""

    __slots__ = ("choice", "critical", "later", "ordered", "placed", "planned", "targets", "went")

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.critical = choice.critical
        self.planned = sum(option.amount for option in choice.options)
        self.ordered = tuple(option.supply for option in choice.options if option.price <= choice.penalty)
        self.targets = _shares([(option.supply, option.amount) for option in choice.options])
        self.later = _shares([(option.supply, option.later) for option in choice.options])
        self.went = {option.supply: 0.0 for option in choice.options}
        self.placed = 0.0
        if not self.targets:
            self.go_on()

    def go_on(self) -> None:
        """What was to be placed first has been: the rest follows what is expected of it."""
        self.planned = math.inf
        self.targets = self.later
        self.went = dict.fromkeys(self.went, 0.0)
        self.placed = 0.0


def _shares(amounts: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """(supply, its share of all amounts), of those that get any."""
    some = [(supply, amount) for supply, amount in amounts if amount > FULL]
    whole = sum(amount for _, amount in some)
    return tuple((supply, amount / whole) for supply, amount in some)


class Desk:
    """The plan in one process.

    Args:
        plan: the last one; replaced by `load`.
        share: of all calls that this process sees, 0..1: it may use that part of each limit.
    """

    def __init__(self, plan: Plan, share: float = 1.0) -> None:
        self.load(plan, share)

    def load(self, plan: Plan, share: float = 1.0) -> None:
        """Follow another plan from now on."""
        self.plan = plan
        self.share = share
        self._rooms = tuple(_Room(limit, share) for limit in plan.limits)
        self._counters = {choice.demand: _Counter(choice) for choice in plan.choices}
        down = frozenset(plan.down)
        self.known = frozenset(plan.names) | frozenset(plan.closed)
        self._at = {
            supply: tuple(room for room in self._rooms if supply in room.limit.supplies)
            for supply in plan.names
            if supply not in down
        }
        self._measure = tuple((at, one) for at, one in enumerate(plan.measure) if one)
        self._turns = min(
            (room.resets_at for room in self._rooms if room.limit.seconds), default=float("inf")
        )

    def order(self, demand: int, now: float) -> list[int]:
        """Supply ids, best first; empty when there is no room anywhere, or none that is worth its price.

        Args:
            demand: id of the class; an unknown one has no place.
            now: epoch seconds, as the plan's.
        """
        counter = self._counters.get(demand)
        if counter is None:
            return []
        if now >= self._turns:
            self._turn(now)
        at = self._at
        found: list[int] = []
        least = -math.inf if counter.critical else FULL
        for supply in counter.ordered:
            for room in at.get(supply, _NOWHERE):
                if room.everybody <= FULL or room.ordinary <= least:
                    break
            else:
                found.append(supply)
        if counter.targets:
            self._lead(counter, found)
        return found

    @staticmethod
    def _lead(counter: _Counter, found: list[int]) -> None:
        """The supplies with amounts come first, the one furthest behind its share before the others."""
        went, placed = counter.went, counter.placed
        behind = [
            (went[supply] - target * placed, -target, supply)
            for supply, target in counter.targets
            if supply in found
        ]
        behind.sort(reverse=True)
        for _, _, supply in behind:
            found.remove(supply)
            found.insert(0, supply)

    def placed(self, demand: int, supply: int, usage: Vector, now: float) -> None:
        """A call went to a supply: count it at once, as expected, and the difference when its usage is known.

        Args:
            demand: id of the class.
            supply: id.
            usage: of it, or the difference to what was expected, which may be negative.
            now: epoch seconds.
        """
        if now >= self._turns:
            self._turn(now)
        counter = self._counters.get(demand)
        if counter is None:
            return
        if supply in counter.went:
            volume = 0.0
            for at, weight in self._measure:
                volume += weight * usage[at]
            counter.went[supply] += volume
            counter.placed += volume
            if counter.placed >= counter.planned * self.share:
                counter.go_on()
        critical = counter.critical
        for room in self._at.get(supply, ()):
            takes = 0.0
            for at, weight in room.weights:
                takes += weight * usage[at]
            room.everybody -= takes
            if not critical:
                room.ordinary -= takes

    def took(self, supply: int, usage: Vector, ordinary: Vector, now: float, since: float = _EVER) -> None:
        """A supply was given something that no class of the plan accounts for.

        Args:
            supply: id.
            usage: what it was given.
            ordinary: of that, by work that is not critical.
            now: epoch seconds.
            since: when; limits whose windows began later are not concerned.
        """
        if now >= self._turns:
            self._turn(now)
        for room in self._at.get(supply, ()):
            if room.limit.seconds and since < room.resets_at - room.limit.seconds:
                continue
            for at, weight in room.weights:
                room.everybody -= weight * usage[at]
                room.ordinary -= weight * ordinary[at]

    def admits(self, supply: int, now: float, *, critical: bool) -> bool:
        """Whether a supply has room for a class that the plan does not know; one unknown to it has."""
        if supply not in self.known:
            return True
        if now >= self._turns:
            self._turn(now)
        least = -math.inf if critical else FULL
        rooms = self._at.get(supply, _NOWHERE)
        return all(room.everybody > FULL and room.ordinary > least for room in rooms)

    def _turn(self, now: float) -> None:
        """Windows that have ended begin again, full."""
        for room in self._rooms:
            limit = room.limit
            if limit.seconds and now >= room.resets_at:
                room.everybody = limit.amount * self.share
                room.ordinary = (limit.amount - limit.kept) * self.share
                room.resets_at += limit.seconds * (1 + (now - room.resets_at) // limit.seconds)
        self._turns = min(
            (room.resets_at for room in self._rooms if room.limit.seconds), default=float("inf")
        )

    def explain(self, demand: int, now: float) -> Explanation | None:
        """Why: a value for people, built only when somebody asks; None for an unknown class."""
        counter = self._counters.get(demand)
        if counter is None:
            return None
        order = self.order(demand, now)
        prices = {option.supply: option.price for option in counter.choice.options}
        first = prices[order[0]] if order else 0.0
        found = []
        for option in counter.choice.options:
            place = order.index(option.supply) + 1 if option.supply in order else 0
            found.append(
                Alternative(
                    supply=option.supply,
                    name=self.plan.names.get(option.supply, str(option.supply)),
                    place=place,
                    listed=option.listed,
                    contract=option.contract,
                    congestion=option.congestion,
                    price=option.price,
                    amount=option.amount,
                    reason=self._reason(counter, option.supply, place, option.price - first),
                    reserve=self._reserve(counter, option.supply),
                )
            )
        found.sort(key=lambda one: one.place or len(found) + 1)
        return Explanation(demand, counter.choice.name, now - self.plan.made_at, tuple(found))

    def _reason(self, counter: _Counter, supply: int, place: int, dearer: float) -> Reason:
        """In words that a header need not escape; `dearer` than the first, per unit of volume."""
        if place:
            share = dict(counter.targets).get(supply)
            if share is not None:
                everything = share > 1 - FULL
                return reason("planned_all") if everything else reason("planned", share=f"{100 * share:.0f}")
            if place == 1:
                return reason("cheapest")
            if abs(dearer) * _MILLION < _SAME:
                return reason("same_price")
            return reason("cheaper_for_others" if dearer < 0 else "dearer")
        if supply not in self._at:
            return reason("no_calls_now")
        for room in self._at[supply]:
            name = room.limit.name
            if room.everybody <= FULL:
                return reason("cap_reached" if room.limit.seconds else "exhausted", name=name)
            if not counter.critical and room.ordinary <= FULL:
                return reason("kept", name=name)
        return reason("dearer_than_refusing")

    def _reserve(self, counter: _Counter, supply: int) -> Reason:
        """The reserve's part in a decision, in words."""
        words = []
        for room in self._at.get(supply, ()):
            kept, amount = room.limit.kept, room.limit.amount or room.limit.left
            if kept > 0 and amount > 0:
                share = f"{100 * min(1.0, kept / amount):.0f}"
                code = "reserve_for_this" if counter.critical else "reserve"
                words.append(reason(code, share=share, name=room.limit.name))
        return joined(words)


class _Shut:
    """The room of a supply that takes no calls."""

    everybody = ordinary = 0.0


_NOWHERE = (_Shut(),)
