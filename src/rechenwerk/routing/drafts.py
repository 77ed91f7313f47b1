"""Contracts as a market's supplies, caps, credits and minimums, for as long as a simulation lasts.

What the router is offered is made where the gateway's offers are made (`routing.offers`). A simulation judges
a period of its own, so amounts that hold for another count for as long as both last: seven thirty-firsts of a
month's minimum in a week of December, a year's credit likewise. Tiers count at their first step and
allowances not at all: a simulation compares ways to place calls, it writes no bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS
from rechenwerk.contracts.periods import HOUR, begins, ends_at, whole_period
from rechenwerk.contracts.sites import HOURS_OF_WEEK, energy_of
from rechenwerk.contracts.terms import Contract, Grant, OwnHardware, Provisioned, Site, TakeOrPay, kind_of
from rechenwerk.routing import offers
from rechenwerk.routing.market import Outage
from rechenwerk.routing.portfolios import Deployment, Portfolio, Sized, seconds
from rechenwerk.routing.streams import DAY, Stream
from rechenwerk.routing.supply import Cap, Credit, Minimum, Supply, Vector

Array = NDArray[np.float64]

_LIKE = MappingProxyType({"cached_input": "input", "cache_write": "input", "reasoning": "output"})
_TOKENS = BUCKETS[:5]


def vector(weights: Mapping[Any, object]) -> Vector:
    """Weights by bucket, as price lists fill them up; none: every token weighs 1."""
    if not weights:
        return tuple(float(bucket in _TOKENS) for bucket in BUCKETS)
    return tuple(float(str(weights.get(one, weights.get(_LIKE.get(one, ""), 0)))) for one in BUCKETS)


def moment(day: date) -> float:
    """Epoch seconds at which a day begins, UTC."""
    return float(begins(day))


class Draft:
    """A world as it grows.

    Attributes:
        of: supply ids by contract.
        lists: list rates by supply id: of own hardware and grants, what they cost at the margin.
        kinds: of contracts by supply id.
        open: what a provider serves past bought capacity, by the id of the bought one.
    """

    def __init__(self, portfolio: Portfolio, stream: Stream) -> None:
        self.portfolio, self.stream = portfolio, stream
        self.begins, self.ends = stream.begins_at, stream.ends_at
        self.span = self.ends - self.begins
        self.contracts = {one.name: one for one in portfolio.contracts}
        self.deployments = {one.deployed.id: one for one in portfolio.deployments}
        found = self._offered()
        self.supplies = {one.id: one for one in found.supplies}
        self.kinds = {one: kind_of(self.contract(one)) for one in self.supplies}
        self.lists = {one: self._list(one) for one in self.supplies}
        self.of = {
            name: tuple(one for one in self.supplies if self.deployments[one].deployed.contract == name)
            for name in self.contracts
        }
        self.caps = [self._cap(cap) for cap in found.caps]
        self.credits = [one for credit in found.credits for one in self._credit(credit)]
        self.minimums = [self._minimum(least) for least in found.minimums]
        self.outages = list(self._terms())
        self._finish()

    def contract(self, supply: int) -> Contract:
        """The one that a supply stands under."""
        return self.contracts[self.deployments[supply].deployed.contract]

    def _offered(self) -> offers.Offers:
        """The gateway's offers when the period begins; who starts later is there, but out until then."""
        now = int(self.begins)
        contracts = [
            one
            if one.starts is None or begins(one.starts) <= now
            else msgspec.structs.replace(one, starts=None)
            for one in self.portfolio.contracts
            if one.starts is None or begins(one.starts) < self.ends
        ]
        bought = [one.name for one in contracts if isinstance(one, Provisioned | OwnHardware)]
        return offers.supplies(
            [one.deployed for one in self.portfolio.deployments],
            contracts,
            {},
            now,
            energy={site.name: mean_energy(site) for site in self.portfolio.sites},
            kept=dict.fromkeys(bought, self.portfolio.simulation.reserve),
            sites=self.portfolio.sites,
        )

    def _list(self, supply: int) -> Vector:
        if self.kinds[supply] in ("own-hardware", "grant"):
            return self.supplies[supply].rates
        exact = self.deployments[supply].deployed.rates
        return tuple(one / exact.denominator / NANO for one in exact.numerators)

    def _cap(self, cap: Cap) -> Cap:
        """Caps by the minute count over the simulation's window, those of long intervals until it ends."""
        window, factor, start = cap.seconds, 1.0, cap.starts_at
        if cap.seconds < self.stream.window:
            window, start = self.stream.window, self.begins
            factor = window / cap.seconds
        elif cap.seconds > self.span:
            window, start = self.span, self.begins
            factor = 1.0 if self._interval(cap) == "term" else window / cap.seconds
        return msgspec.structs.replace(
            cap, amount=factor * cap.amount, kept=factor * cap.kept, seconds=window, starts_at=start
        )

    def _interval(self, cap: Cap) -> str:
        """What a cap is for; by the minute where its contract does not say."""
        contract = self.contract(cap.supplies[0])
        if isinstance(contract, Grant) and cap.name == contract.name:
            return contract.per
        return next(
            (one.per for one in contract.caps if offers.cap_name(contract, one) == cap.name), "minute"
        )

    def _credit(self, credit: Credit) -> Iterator[Credit]:
        """One that outlasts the period counts for its share of the time."""
        contract = self.contracts[credit.name]
        end = ends_at(contract)
        if end is None or end <= self.ends:
            yield msgspec.structs.replace(credit, ends_at=min(credit.ends_at, self.ends))
        else:
            share = self.span / (end - self.begins)
            yield msgspec.structs.replace(credit, left=share * credit.left, ends_at=self.ends)

    def _minimum(self, least: Minimum) -> Minimum:
        """Its share of the period, and what of a shortfall is lost: a prepayment as if nobody used it."""
        contract = self.contracts[least.name]
        assert isinstance(contract, TakeOrPay)
        first, after = whole_period(contract, contract.period or "term", int(self.begins))
        end = ends_at(contract)
        last = self.ends if end is None else min(float(end), self.ends)
        amount = least.amount * (last - self.begins) / (after - first)
        goes_on = contract.shortfall.rule == "carry" and (end is None or end > self.ends)
        lost = 0.0 if goes_on else float(contract.shortfall.share)
        return msgspec.structs.replace(least, amount=amount, ends_at=last, lost=lost)

    def _terms(self) -> Iterator[Outage]:
        """Times of the period in which contracts do not run."""
        hard = {one for credit in self.credits if not credit.overflow for one in credit.supplies}
        for supply in self.supplies:
            contract = self.contract(supply)
            if contract.starts is not None and begins(contract.starts) > self.begins:
                yield Outage(supply, self.begins, float(begins(contract.starts)))
            end = ends_at(contract)
            # A credit that refuses what it cannot pay ends by itself.
            if end is not None and end < self.ends and supply not in hard:
                yield Outage(supply, max(self.begins, float(end)), self.ends)

    def _finish(self) -> None:
        """Names for people, caps of deployments, and what is served past bought capacity."""
        for supply in tuple(self.supplies):
            one = self.deployments[supply]
            name = one.deployed.contract
            if len(self.of[name]) > 1:
                name = one.deployed.name
            self.supplies[supply] = msgspec.structs.replace(self.supplies[supply], name=name)
            if one.tokens_per_minute is not None:
                amount = one.tokens_per_minute * self.stream.window / 60
                self.caps.append(
                    Cap(
                        one.deployed.name, (supply,), vector({}), amount, self.stream.window, 0.0, self.begins
                    )
                )
            contract = self.contract(supply)
            if isinstance(contract, Provisioned) and contract.overflow.rule == "shared":
                self._shared(supply, one, 1.0 - float(contract.pricing.discount))

    def _shared(self, bought: int, deployment: Deployment, off: float) -> None:
        found = max(self.supplies) + max(self.deployments) + 1
        rates = tuple(off * rate for rate in self.lists[bought])
        self.supplies[found] = Supply(found, f"{self.supplies[bought].name} (shared)", rates)
        self.deployments[found] = deployment
        self.kinds[found], self.lists[found] = "on-demand", rates
        self.outages += [
            msgspec.structs.replace(one, supply=found) for one in self.outages if one.supply == bought
        ]

    def sizes(self, usage: Array, volume: Array) -> None:
        """Make contracts as large as ``[[simulation.sized]]`` says.

        Args:
            usage: window x bucket of usage: of the history, or of the period if there is none.
            volume: of each window.
        """
        total = usage.sum(axis=0)
        for one in self.portfolio.simulation.sized:
            own = self.of.get(one.contract, ())
            self._price(one, own, total, float(volume.sum()))
            self.caps = [
                self._sized(cap, one, usage, volume) if set(cap.supplies) <= set(own) else cap
                for cap in self.caps
            ]
            length = self.span / (len(usage) * self.stream.window)
            if one.minimum is not None:
                self.minimums = [
                    msgspec.structs.replace(
                        least, amount=one.minimum * length * self._charge(least.supplies, total)
                    )
                    if least.name == one.contract
                    else least
                    for least in self.minimums
                ]
            if one.balance is not None:
                self.credits = [
                    msgspec.structs.replace(
                        credit, left=one.balance * length * self._charge(credit.supplies, total)
                    )
                    if credit.name == one.contract
                    else credit
                    for credit in self.credits
                ]

    def _charge(self, supplies: tuple[int, ...], total: Array) -> float:
        """What usage costs at the first of some supplies."""
        return float(total @ np.array(self.supplies[supplies[0]].rates)) if supplies else 0.0

    def _sized(self, cap: Cap, one: Sized, usage: Array, volume: Array) -> Cap:
        """A cap of one of a contract's supplies."""
        mean = float(usage.sum(axis=0) @ np.array(cap.weights))
        amount = cap.amount
        if one.cap is not None and cap.seconds <= max(self.stream.window, HOUR):
            peak = float(np.quantile(volume, 0.99))
            amount = one.cap * peak * mean / float(volume.sum()) * (cap.seconds / self.stream.window)
        elif one.quota is not None and cap.seconds > max(self.stream.window, HOUR):
            amount = one.quota * mean / (len(usage) * self.stream.window) * cap.seconds
        kept = cap.kept / cap.amount if cap.amount else 0.0
        return msgspec.structs.replace(cap, amount=amount, kept=kept * amount)

    def _price(self, one: Sized, own: Iterable[int], total: Array, whole: float) -> None:
        """Rates so that a unit of volume costs a price on average."""
        if one.price is None:
            return
        for supply in own:
            for rates in (self.lists, {supply: self.supplies[supply].rates}):
                charge = float(total @ np.array(rates[supply]))
                factor = one.price * whole / charge if charge > 0 else 0.0
                scaled = tuple(factor * rate for rate in rates[supply])
                if rates is self.lists:
                    self.lists[supply] = scaled
                else:
                    self.supplies[supply] = msgspec.structs.replace(self.supplies[supply], rates=scaled)

    def draw_outages(self, draw: np.random.Generator) -> None:
        """Outages as ``[[simulation.outage]]`` says."""
        hours = int(self.span // 3600)
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
                Outage(supply, self.begins + start, self.begins + start + lasts)
                for start in starts
                for supply in self.of.get(one.contract, ())
            )


def mean_energy(site: Site) -> Decimal:
    """What a kWh costs on average over a week."""
    price = energy_of(site)
    return sum((price(hour * 3600) for hour in range(HOURS_OF_WEEK)), Decimal(0)) / HOURS_OF_WEEK
