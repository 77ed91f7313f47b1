"""Contracts and a stream as a market's world: supplies, caps, credits, minimums, classes, outages.

A simulation judges a period of its own, so amounts that hold for another are taken for as long as it lasts: a
minimum of a month counts with seven thirtieths in a week, and the same for quotas by the month or longer. A
balance is what it is. Tiers count at their first step, allowances do not count: a simulation compares ways to
place calls, it writes no bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts import terms
from rechenwerk.contracts.terms import (
    Contract,
    Grant,
    Interval,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
    kind_of,
)
from rechenwerk.routing.market import Outage
from rechenwerk.routing.portfolios import Deployment, Portfolio, Sized, seconds
from rechenwerk.routing.streams import DAY, Stream
from rechenwerk.routing.supply import Cap, Credit, Minimum, Supply, Vector

Array = NDArray[np.float64]

LENGTHS: Mapping[Interval, float] = MappingProxyType(
    {
        "minute": 60.0,
        "hour": 3600.0,
        "day": DAY,
        "week": 7 * DAY,
        "month": 30 * DAY,
        "quarter": 91 * DAY,
        "year": 365 * DAY,
    }
)
"""Seconds; those of months and longer are used for shares only."""
_LIKE = MappingProxyType({"cached_input": "input", "cache_write": "input", "reasoning": "output"})
_TOKENS = BUCKETS[:5]


def vector(weights: Mapping[Any, object]) -> Vector:
    """Weights by bucket, as price lists fill them up; none: every token weighs 1."""
    if not weights:
        return tuple(float(bucket in _TOKENS) for bucket in BUCKETS)
    return tuple(float(str(weights.get(one, weights.get(_LIKE.get(one, ""), 0)))) for one in BUCKETS)


def moment(day: date) -> float:
    """Epoch seconds at which a day begins, UTC."""
    return datetime.combine(day, time(), UTC).timestamp()


class Draft:
    """A world as it grows.

    Attributes:
        of: supply ids by contract.
    """

    def __init__(self, portfolio: Portfolio, stream: Stream) -> None:
        self.portfolio, self.stream = portfolio, stream
        self.span = stream.ends_at - stream.begins_at
        self.supplies: dict[int, Supply] = {}
        self.deployments: dict[int, Deployment] = {}
        self.kinds: dict[int, str] = {}
        self.lists: dict[int, Vector] = {}
        self.caps: list[tuple[str, Cap]] = []
        self.credits: list[tuple[str, Credit]] = []
        self.minimums: list[tuple[str, Minimum]] = []
        self.outages: list[Outage] = []
        self.of: dict[str, tuple[int, ...]] = {}
        running = [one for one in portfolio.contracts if one.status in ("active", "exhausted")]
        for contract in running:
            own = [one for one in portfolio.deployments if one.contract == contract.name]
            names = [contract.name if len(own) == 1 else f"{one.model} at {one.provider}" for one in own]
            found = [self._supply(contract, one, name) for one, name in zip(own, names, strict=True)]
            self.of[contract.name] = tuple(found)
            if isinstance(contract, Provisioned) and contract.overflow.rule == "shared":
                for one, name in zip(own, names, strict=True):
                    self._shared(contract, one, f"{name} (shared)")
        for contract in running:
            self._terms(contract)

    def _shared(self, contract: Contract, deployment: Deployment, name: str) -> None:
        """What a provider serves past bought capacity, at list price."""
        found = self._supply(contract, deployment, name)
        off = 1.0 - float(contract.pricing.discount)
        rates = tuple(off * rate for rate in self.lists[found])
        self.supplies[found] = msgspec.structs.replace(self.supplies[found], rates=rates)
        self.kinds[found] = "on-demand"

    def _supply(self, contract: Contract, deployment: Deployment, name: str) -> int:
        """A deployment under its contract; its number."""
        found = len(self.supplies) + 1
        self.lists[found] = deployment.rates
        self.supplies[found] = Supply(found, name, _margin(contract, self.lists[found]))
        self.deployments[found] = deployment
        self.kinds[found] = kind_of(contract)
        begins, ends = self.stream.begins_at, self.stream.ends_at
        if contract.starts is not None and moment(contract.starts) > begins:
            self.outages.append(Outage(found, begins, moment(contract.starts)))
        # A credit's end is its own business: what it charges then is not paid by it.
        last = None if isinstance(contract, PrepaidCredit) else _end(contract)
        if last is not None and last < ends:
            self.outages.append(Outage(found, last, ends))
        if deployment.tokens_per_minute is not None:
            self._cap(contract.name, (found,), vector({}), deployment.tokens_per_minute, "minute")
        return found

    def _cap(
        self,
        name: str,
        ids: tuple[int, ...],
        weights: Vector,
        amount: float,
        per: Interval,
        *,
        kept: bool = False,
    ) -> None:
        """A cap; those by the minute count over the simulation's window."""
        window = self.stream.window
        begins = 0.0
        if per in ("minute", "hour") and LENGTHS[per] < window:
            amount, length = amount * window / LENGTHS[per], window
        elif per in ("minute", "hour", "day"):
            length = LENGTHS[per]
        elif per == "week" and self.span > LENGTHS[per]:
            length, begins = LENGTHS[per], self.stream.begins_at
        else:
            amount *= min(1.0, self.span / LENGTHS[per]) if per in LENGTHS else 1.0
            length, begins = max(self.span, LENGTHS["week"]), self.stream.begins_at
        reserve = self.portfolio.simulation.reserve * amount if kept else 0.0
        self.caps.append((name, Cap(name, ids, weights, amount, length, reserve, begins)))

    def _terms(self, contract: Contract) -> None:
        """Caps, credit and minimum of a contract."""
        own = self.of[contract.name]
        covered = (*own, *(one for name in contract.covers for one in self.of.get(name, ())))
        for cap in contract.caps:
            self._cap_terms(contract, own, cap)
        if isinstance(contract, Provisioned):
            for block in contract.blocks:
                if block.throughput is not None:
                    amount = float(block.units * block.throughput)
                    self._cap(contract.name, own, vector(block.weights), amount, "minute", kept=True)
        elif isinstance(contract, OwnHardware):
            amount = float(contract.throughput)
            self._cap(contract.name, own, vector(contract.weights), amount, "minute", kept=True)
        elif isinstance(contract, Grant):
            amount = float(contract.quantity * contract.usage_per_unit)
            self._cap(contract.name, own, vector(contract.weights), amount, contract.per)
        elif isinstance(contract, PrepaidCredit):
            end = _end(contract)
            last = self.stream.ends_at if end is None else max(end, self.stream.begins_at)
            overflow = contract.overflow.rule != "refuse"
            credit = Credit(contract.name, covered, float(contract.balance), last, overflow)
            self.credits.append((contract.name, credit))
        elif isinstance(contract, TakeOrPay):
            self._minimum(contract, covered)

    def _cap_terms(self, contract: Contract, own: tuple[int, ...], cap: terms.Cap) -> None:
        weights = vector(cap.weights)
        if cap.measure == "spend":
            weights = self.supplies[own[0]].rates if own else weights
        self._cap(contract.name, own, weights, float(cap.amount), cap.per)

    def _minimum(self, contract: TakeOrPay, covered: tuple[int, ...]) -> None:
        """Take or pay, for as long as is judged."""
        amount = float(contract.minimum)
        if contract.measure == "quantity":
            amount *= float(contract.unit_price or 0)
        begins, ends = self.stream.begins_at, self.stream.ends_at
        last = _end(contract)
        last = ends if last is None else min(last, ends)
        length = LENGTHS.get(contract.period or "term")
        if length is None and contract.starts is not None and contract.ends is not None:
            length = moment(contract.ends) + DAY - moment(contract.starts)
        if length is not None:
            amount *= max(0.0, last - begins) / length
        share = contract.shortfall.share
        lost = float(share) if contract.shortfall.rule == "pay" else 0.5 * float(share)
        self.minimums.append((contract.name, Minimum(contract.name, covered, amount, 0.0, last, lost)))

    def sizes(self, usage: Array, volume: Array) -> None:
        """Make contracts as large as ``[[simulation.sized]]`` says.

        Args:
            usage: window x bucket of usage: of the history, or of the period if there is none.
            volume: of each window.
        """
        total = usage.sum(axis=0)
        whole, peak = float(volume.sum()), float(np.quantile(volume, 0.99))
        days = len(usage) * self.stream.window / DAY
        length = self.span / (len(usage) * self.stream.window)
        for one in self.portfolio.simulation.sized:
            own = self.of.get(one.contract, ())
            self._price(one, own, total, whole)
            for at, (name, cap) in enumerate(self.caps):
                mean = float(total @ np.array(cap.weights))
                amount = cap.amount
                if name == one.contract and one.cap is not None and cap.seconds < DAY:
                    amount = one.cap * peak * mean / whole * (cap.seconds / self.stream.window)
                elif name == one.contract and one.quota is not None and cap.seconds >= DAY:
                    amount = one.quota * mean / days * (cap.seconds / DAY)
                kept = cap.kept / cap.amount if cap.amount else 0.0
                sized = msgspec.structs.replace(cap, amount=amount, kept=kept * amount)
                self.caps[at] = name, sized
            for at, (name, least) in enumerate(self.minimums):
                if name == one.contract and one.minimum is not None:
                    amount = one.minimum * self._charge(own, total) * length
                    self.minimums[at] = name, msgspec.structs.replace(least, amount=amount)
            for at, (name, credit) in enumerate(self.credits):
                if name == one.contract and one.balance is not None:
                    left = one.balance * self._charge(own, total) * length
                    self.credits[at] = name, msgspec.structs.replace(credit, left=left)

    def _charge(self, own: tuple[int, ...], total: Array) -> float:
        return float(total @ np.array(self.supplies[own[0]].rates)) if own else 0.0

    def _price(self, one: Sized, own: tuple[int, ...], total: Array, whole: float) -> None:
        """Rates so that a unit of volume costs a price on average."""
        for supply in own if one.price is not None else ():
            charge = float(total @ np.array(self.lists[supply]))
            factor = (one.price or 0.0) * whole / charge if charge > 0 else 0.0
            self.lists[supply] = tuple(factor * rate for rate in self.lists[supply])
            found = self.supplies[supply]
            self.supplies[supply] = msgspec.structs.replace(
                found, rates=tuple(factor * rate for rate in found.rates)
            )

    def draw_outages(self, draw: np.random.Generator) -> None:
        """Outages as ``[[simulation.outage]]`` says."""
        begins, hours = self.stream.begins_at, int(self.span // 3600)
        for one in self.portfolio.simulation.outage:
            lasts = seconds(one.lasts)
            if one.at:
                starts = [seconds(one.at)]
            elif one.between:
                days = max(1, int(self.span // DAY))
                first, last = one.between
                starts = [
                    DAY * int(draw.integers(days)) + 3600.0 * int(draw.integers(first, last))
                    for _ in range(one.hours)
                ]
            else:
                chosen = draw.choice(max(1, hours), min(one.hours, max(1, hours)), replace=False)
                starts = [3600.0 * int(hour) for hour in chosen]
            self.outages.extend(
                Outage(supply, begins + start, begins + start + lasts)
                for start in starts
                for supply in self.of.get(one.contract, ())
            )


def _margin(contract: Contract, rates: Vector) -> Vector:
    """What using a deployment costs at the margin, without credits and minimums."""
    if isinstance(contract, Provisioned):
        return tuple(0.0 for _ in rates)
    if isinstance(contract, Grant):
        price = float(contract.unit_price / contract.usage_per_unit)
        return tuple(price * weight for weight in vector(contract.weights))
    if isinstance(contract, TakeOrPay) and contract.measure == "quantity":
        price = float(contract.unit_price or 0)
        return tuple(price * weight for weight in vector(contract.weights))
    off = 1.0 - float(contract.pricing.discount)
    if isinstance(contract, TakeOrPay):
        off *= 1.0 - float(contract.committed_discount)
    if contract.pricing.tiers is not None and contract.pricing.tiers.steps:
        off *= float(contract.pricing.tiers.steps[0].factor)
    return tuple(off * rate for rate in rates)


def _end(contract: Contract) -> float | None:
    """The moment after a contract's last day."""
    return None if contract.ends is None else moment(contract.ends + timedelta(days=1))
