"""The next seconds: amounts per class and supply, so that the rest of the window still fits.

A two-stage stochastic programme (Birge and Louveaux, Introduction to Stochastic Programming): what comes
until the next solve is placed now, once; the rest of the window is placed in each of a few scenarios as suits
it. So flexible work leaves the room that others will need as far as that is likely to matter, no further.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.plan import Situation
from rechenwerk.routing.programme import INFINITE, Columns, Programme, dot
from rechenwerk.routing.strategy import Prices
from rechenwerk.routing.supply import Vector

Array = NDArray[np.float64]


class Rest(msgspec.Struct, frozen=True):
    """What is still to come in the window, by class.

    Attributes:
        mean: volume.
        doubt: relative standard deviation.
        soon: of the mean, what comes until the next solve.
    """

    mean: tuple[float, ...]
    doubt: tuple[float, ...]
    soon: tuple[float, ...]


class Weighed(msgspec.Struct, frozen=True):
    """What the programme found.

    Attributes:
        amounts: class x supply, volume to be placed first; supplies that are not permitted have 0.
        later: the same, of the rest of the window, the mean over scenarios.
        listed: class x supply, currency per volume.
        contract: the same, what credits, minimums and quotas change.
        congestion: the same, what caps of the window add.
    """

    amounts: Array
    later: Array
    listed: Array
    contract: Array
    congestion: Array


def quantiles(count: int) -> Array:
    """Middles of equally likely slices of the standard normal distribution, with variance 1."""
    found = []
    for at in range(count):
        low, high = -8.0, 8.0
        for _ in range(60):
            middle = (low + high) / 2
            if 0.5 * (1 + math.erf(middle / math.sqrt(2))) < (at + 0.5) / count:
                low = middle
            else:
                high = middle
        found.append((low + high) / 2)
    table = np.array(found)
    return np.asarray(table / math.sqrt(float((table**2).mean()))) if count > 1 else table


class Tactician:
    """Solves the small programme; keeps the model between solves while contracts and mixes stay.

    Args:
        scenarios: of the rest of the window; 1 is its mean.
    """

    def __init__(self, scenarios: int = 8) -> None:
        self.scenarios = scenarios
        self.programme = Programme()
        self.key: object = None
        self.normal = quantiles(scenarios)
        self.turns = np.zeros((scenarios, 0))

    def weigh(self, situation: Situation, usage: tuple[Vector, ...], rest: Rest, prices: Prices) -> Weighed:
        """Amounts and prices.

        Args:
            situation: how things stand.
            usage: of a unit of volume, by class.
            rest: of the window.
            prices: from the strategic programme.
        """
        key = (situation.supplies, situation.caps, situation.demands, usage, len(situation.credits))
        if key != self.key:
            self._build(situation, usage)
            self.key = key
        listed, contract = self._prices(situation, prices)
        cost = listed + contract
        stages = 1 + self.scenarios
        share = np.full(stages, 1.0 / self.scenarios)
        share[0] = 1.0
        flat = cost[self.pair_class, self.pair_supply]
        penalty = np.array([one.penalty for one in situation.demands])
        costs = (share[:, None] * np.concatenate([flat, penalty])[None]).ravel()
        down = np.array([one.id in situation.down for one in situation.supplies], dtype=bool)
        upper = np.where(down[self.pair_supply] | self._spent(situation)[self.pair_supply], 0.0, INFINITE)
        uppers = np.tile(np.concatenate([upper, np.full(len(penalty), INFINITE)]), stages)
        self.programme.columns(costs, uppers)
        volumes = self._volumes(rest)
        rooms = np.tile(self._rooms(situation), self.scenarios)
        low = np.concatenate([volumes.ravel(), np.full(len(rooms), -INFINITE)])
        self.programme.rows(low, np.concatenate([volumes.ravel(), rooms]))
        _, value, duals = self.programme.solve()
        amounts = np.zeros((len(situation.demands), len(situation.supplies)))
        amounts[self.pair_class, self.pair_supply] = value[: len(flat)]
        later = np.zeros_like(amounts)
        recourse = value[len(flat) + len(penalty) :].reshape(self.scenarios, -1)[:, : len(flat)]
        later[self.pair_class, self.pair_supply] = recourse.mean(axis=0)
        dual = duals[volumes.size :].reshape(self.scenarios, -1).sum(axis=0)
        congestion = np.zeros_like(amounts)
        congestion[self.pair_class, self.pair_supply] = self.takes @ np.maximum(-dual, 0.0)
        return Weighed(amounts, later, listed, contract, congestion)

    def _build(self, situation: Situation, usage: tuple[Vector, ...]) -> None:
        """The model's matrix: first stage, then scenarios; columns are pairs and refusals."""
        place = {supply.id: at for at, supply in enumerate(situation.supplies)}
        pairs = [
            (at, place[supply])
            for at, demand in enumerate(situation.demands)
            for supply in demand.supplies
            if supply in place
        ]
        self.pair_class = np.array([one for one, _ in pairs], dtype=np.intp)
        self.pair_supply = np.array([one for _, one in pairs], dtype=np.intp)
        self.charge = np.array([[dot(supply.rates, one) for supply in situation.supplies] for one in usage])
        self.charge = self.charge.reshape(len(usage), len(situation.supplies))
        taken = np.array([[dot(cap.weights, one) for cap in situation.caps] for one in usage])
        self.cap_takes = taken.reshape(len(usage), len(situation.caps))
        self.within = np.array(
            [[supply.id in cap.supplies for cap in situation.caps] for supply in situation.supplies],
            dtype=float,
        ).reshape(len(situation.supplies), len(situation.caps))
        normal = np.array([one.service != "critical" for one in situation.demands], dtype=float)
        both = self.cap_takes[self.pair_class] * self.within[self.pair_supply]
        kept = [at for at, cap in enumerate(situation.caps) if cap.kept > 0]
        money = np.array(
            [[supply.id in one.supplies for one in situation.credits] for supply in situation.supplies]
        )
        money = money.reshape(len(situation.supplies), len(situation.credits)).astype(float)
        hard = [at for at, one in enumerate(situation.credits) if not one.overflow]
        charged = self.charge[self.pair_class, self.pair_supply][:, None] * money[self.pair_supply]
        self.takes = np.concatenate(
            [both, both[:, kept] * normal[self.pair_class][:, None], charged[:, hard]], axis=1
        )
        self.kept, self.hard = kept, hard
        self._pass(len(situation.demands))

    def _pass(self, classes: int) -> None:
        pairs, rooms = self.takes.shape
        stages = 1 + self.scenarios
        parts = Columns()
        for _ in range(stages * classes + self.scenarios * rooms):
            parts.row(-INFINITE, INFINITE)
        some = [[(int(at), float(one[at])) for at in np.flatnonzero(one)] for one in self.takes]
        for stage in range(stages):
            scenarios = range(self.scenarios) if stage == 0 else (stage - 1,)
            for pair in range(pairs):
                entries = [(stage * classes + int(self.pair_class[pair]), 1.0)]
                for scenario in scenarios:
                    base = stages * classes + scenario * rooms
                    entries.extend((base + at, one) for at, one in some[pair])
                parts.column(0.0, entries)
            for one in range(classes):
                parts.column(0.0, [(stage * classes + one, 1.0)])
        self.programme.load(parts)
        # Each class takes the slices in an order of its own, so that highs and lows meet in all ways.
        turns = [np.random.default_rng(at).permutation(self.scenarios) for at in range(classes)]
        self.turns = np.array([self.normal[one] for one in turns]).reshape(classes, self.scenarios).T

    def _prices(self, situation: Situation, prices: Prices) -> tuple[Array, Array]:
        """Class x supply: what is listed, and what contracts change about it."""
        factor = np.zeros(len(situation.supplies))
        for at, supply in enumerate(situation.supplies):
            for worth, least in zip(prices.minimums, situation.minimums, strict=True):
                if supply.id in least.supplies and situation.now < least.ends_at:
                    factor[at] -= worth
            for worth, credit in zip(prices.credits, situation.credits, strict=True):
                if supply.id in credit.supplies and situation.now < credit.ends_at and credit.left > 0:
                    factor[at] -= 1.0 - worth
        quotas = (self.cap_takes * np.array(prices.quotas)[None]) @ self.within.T if situation.caps else 0.0
        return self.charge, np.asarray(self.charge * np.maximum(factor, -1.0)[None] + quotas)

    def _spent(self, situation: Situation) -> NDArray[np.bool_]:
        """Supplies that nothing may be charged to: a credit without overflow has expired."""
        return np.array(
            [
                any(
                    supply.id in one.supplies and not one.overflow and situation.now >= one.ends_at
                    for one in situation.credits
                )
                for supply in situation.supplies
            ],
            dtype=bool,
        )

    def _rooms(self, situation: Situation) -> Array:
        """What is left: of caps, of what ordinary work may take, of credits."""
        left = [cap.amount - taken for cap, taken in zip(situation.caps, situation.taken, strict=True)]
        ordinary = [
            situation.caps[at].amount - situation.caps[at].kept - situation.ordinary[at] for at in self.kept
        ]
        money = [situation.credits[at].left for at in self.hard]
        return np.asarray(np.maximum(np.array([*left, *ordinary, *money], dtype=float), 0.0))

    def _volumes(self, rest: Rest) -> Array:
        """Stage x class: what comes soon; what is then left of each scenario, a slice of a lognormal."""
        soon, mean, doubt = np.array(rest.soon), np.array(rest.mean), np.array(rest.doubt)
        sigma = np.sqrt(np.log1p(doubt**2))
        later: Array = np.maximum(mean * np.exp(sigma * self.turns - sigma**2 / 2) - soon, 0.0)
        return np.concatenate((soon[None, :], later))
