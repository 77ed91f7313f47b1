"""The scenario: two weeks of demand in five-minute buckets, seven suppliers, three portfolios.

Prices are built from public terms, not invoices. The first week is history, the second is judged.
Units: a request's weight is input + 4 x output tokens, scaled so that week 1 has a mean of 1 per bucket.
"""

from __future__ import annotations

from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.routing.clients import DAYS, SPAN, WINDOW, Clients
from rechenwerk.routing.market import Arrival, Outage, World
from rechenwerk.routing.supply import Cap, Credit, Demand, Minimum, Supply, Vector

Array = NDArray[np.float64]

BUCKET = 300
DAY = 288
WEEK = 7 * DAY
TOTAL = DAYS * DAY
EVERY = BUCKET * TOTAL
RATE = 5.0
"""Requests per second, all clients together, over 14 days."""

PORTFOLIOS = MappingProxyType({"generous": 0.20, "tight": 0.45, "oversized": 0.75})
"""The minimum of c as a share of week 1's volume."""

NAMES = ("open, short answers", "open, long answers", "restricted, short", "restricted, long", "critical")
CHUNKS = (8, 8, 8, 8, 4)
A, B, C, D, E, F, G = range(1, 8)
LETTERS = MappingProxyType(dict(zip((A, B, C, D, E, F, G), "abcdefg", strict=True)))
STATIC = (E, F, G, D, C, B, A)
"""The best static order."""


class Scenario(msgspec.Struct, frozen=True):
    """One seed and one portfolio.

    Attributes:
        world: of week 2; time 0 is the beginning of week 1.
        arrivals: week 2's, in order.
        tokens: 14 days' buckets x class x (input, output).
        weights: of a token as volume: (input, output).
    """

    seed: int
    portfolio: str
    world: World
    arrivals: tuple[Arrival, ...]
    tokens: Array
    weights: tuple[float, float]

    @property
    def volumes(self) -> Array:
        """14 days' buckets x class, in units of volume."""
        return np.asarray(self.tokens @ np.array(self.weights))


def vector(per_input: float, per_output: float) -> Vector:
    """Weights of input and output tokens; the scenario has no other usage."""
    return (per_input, 0.0, 0.0, per_output, 0.0, 0.0, 0.0, 0.0)


def sampled(clients: Clients, draw: np.random.Generator) -> Array:
    """Tokens of those clients that a seed keeps: client x bucket x (input, output)."""
    kept = draw.random(len(clients.rates)) < 0.7
    rates = clients.rates[kept] * draw.lognormal(0, 0.5, (int(kept.sum()), 1))
    rates *= RATE / rates.sum(axis=0).mean()
    mean = np.repeat(rates, WINDOW // BUCKET, axis=1) * BUCKET
    spread = np.clip(np.repeat(clients.spread[kept], WINDOW // BUCKET, axis=1), 0.3, 10)
    bursty = (spread > 1) & (mean > 0)
    shape = np.where(bursty, mean / np.where(bursty, spread**2 - 1, 1), 1)
    rate = np.where(bursty, draw.gamma(shape) * mean / np.where(bursty, shape, 1), mean)
    count = draw.poisson(rate).astype(float)[:, :, None]
    lengths, sigmas = _filled(clients, kept, draw)
    each = np.repeat(lengths, SPAN // BUCKET, axis=1)
    deviation = each * np.sqrt(np.expm1(np.repeat(sigmas, SPAN // BUCKET, axis=1) ** 2))
    sums = count * each + draw.normal(0, 1, each.shape) * np.sqrt(count) * deviation
    return np.asarray(np.maximum(sums, 0.2 * count * each))


def _filled(clients: Clients, kept: NDArray[np.bool_], draw: np.random.Generator) -> tuple[Array, Array]:
    """Lengths and sigmas without holes: a client's own mean, else the model's times lognormal(0, 0.6)."""
    found = []
    for table, jitter in ((clients.lengths, 0.6), (clients.sigmas, 0.0)):
        part = table[kept]
        known = ~np.isnan(part)
        counts = known.sum(axis=1, keepdims=True)
        own = np.where(known, part, 0).sum(axis=1, keepdims=True) / np.maximum(counts, 1)
        model = np.nanmean(table, axis=(0, 1))[None, None] * draw.lognormal(0, jitter, (len(part), 1, 1))
        found.append(np.where(known, part, np.where(counts > 0, own, model)))
    return found[0], found[1]


def _classes(tokens: Array, draw: np.random.Generator) -> Array:
    """Tokens by class: bucket x class x (input, output)."""
    weight = tokens @ np.array([1.0, 4.0])
    whole = weight.sum(axis=1)
    order = draw.permutation(len(whole))
    before = np.cumsum(whole[order]) - whole[order]
    restricted = np.zeros(len(whole), dtype=bool)
    restricted[order[before < 0.4 * whole.sum()]] = True
    ratio = tokens[:, :, 1].sum(axis=1) / np.maximum(tokens[:, :, 0].sum(axis=1), 1e-9)
    found = np.zeros((TOTAL, 5, 2))
    for at, group in enumerate((~restricted, restricted)):
        inside = np.flatnonzero(group)
        ranked = inside[np.argsort(ratio[inside])]
        low = np.cumsum(whole[ranked]) <= 0.5 * whole[ranked].sum()
        found[:, 2 * at] = tokens[ranked[low]].sum(axis=0)
        found[:, 2 * at + 1] = tokens[ranked[~low]].sum(axis=0)
    mean = whole.sum() / TOTAL
    critical = 0.015 * mean * np.ones(TOTAL) + _bursts(0.015 * mean, draw)
    base = found[:, 2] + found[:, 3]
    share = np.minimum(critical / np.maximum(base @ np.array([1.0, 4.0]), 1e-9), 1.0)[:, None]
    found[:, 4] = share * base
    found[:, 2] *= 1 - share
    found[:, 3] *= 1 - share
    return found


def _bursts(mean: float, draw: np.random.Generator) -> Array:
    """Four bursts a day, 30 to 90 minutes, amplitude lognormal(0, 0.4), with that mean per bucket."""
    found = np.zeros(TOTAL)
    for _ in range(draw.poisson(4 * DAYS)):
        start, length = draw.integers(TOTAL), draw.integers(6, 19)
        found[start : start + length] += draw.lognormal(0, 0.4)
    return np.asarray(found * mean / found.mean())


def _outages(draw: np.random.Generator) -> tuple[Outage, ...]:
    """Two hours of b somewhere in the week, one daytime hour of c."""
    hours = draw.choice(7 * 24, 2, replace=False)
    day, hour = draw.integers(7), draw.integers(8, 18)
    starts = [(B, int(one)) for one in hours] + [(C, int(day * 24 + hour))]
    week = WEEK * BUCKET
    return tuple(Outage(one, week + at * 3600.0, week + (at + 1) * 3600.0) for one, at in starts)


def _world(tokens: Array, weights: tuple[float, float], share: float, outages: tuple[Outage, ...]) -> World:
    """Suppliers, caps and contracts, in the measures of week 1."""
    first = tokens[:WEEK]
    volume = float((first @ np.array(weights)).sum())
    per_raw = volume / first.sum()
    raw = vector(per_raw, per_raw)
    per_gpu = volume / (first @ np.array([0.5, 5.0])).sum()
    gpu = vector(0.5 * per_gpu, 5.0 * per_gpu)
    weight = vector(*weights)
    peak = float(np.quantile((first @ np.array(weights)).sum(axis=1), 0.99))

    def priced(price: float, by: Vector = weight) -> Vector:
        return tuple(price * one for one in by)

    window = {"seconds": float(BUCKET)}
    caps = (
        Cap("b", (B,), raw, 0.40 * peak, **window),
        Cap("c", (C,), weight, 0.65 * peak, **window),
        Cap("e", (E,), weight, 0.15 * peak, kept=0.015 * peak, **window),
        Cap("f", (F,), raw, 0.08 * volume / 7, 86400.0),
        Cap("g", (G,), gpu, 0.10 * peak, kept=0.010 * peak, **window),
    )
    supplies = tuple(
        Supply(one, LETTERS[one], priced(price, by))
        for one, price, by in (
            (A, 1.0, weight),
            (B, 0.9, weight),
            (C, 0.7, weight),
            (D, 1.0, weight),
            (E, 0.0, weight),
            (F, 0.0, weight),
            (G, 0.15, gpu),
        )
    )
    end = float(TOTAL * BUCKET)
    return World(
        measure=weight,
        supplies=supplies,
        caps=caps,
        credits=(Credit("d", (D,), 0.15 * volume, 12 * 86400.0, overflow=False),),
        minimums=(Minimum("c", (C,), 0.7 * share * volume, 0.0, end),),
        demands=_demands(first, weights),
        begins_at=float(WEEK * BUCKET),
        ends_at=end,
        outages=outages,
    )


def _demands(first: Array, weights: tuple[float, float]) -> tuple[Demand, ...]:
    """The five classes with their mean usage in week 1."""
    found = []
    for at, name in enumerate(NAMES):
        sums = first[:, at].sum(axis=0)
        per = sums / max(float(sums @ np.array(weights)), 1e-9)
        anywhere = (A, B, C, D, E, F, G) if at < 2 else (C, E, G)
        critical = at == 4
        found.append(
            Demand(
                id=at,
                name=name,
                usage=vector(float(per[0]), float(per[1])),
                supplies=anywhere,
                penalty=10.0 if critical else 3.0,
                service="critical" if critical else "standard",
            )
        )
    return tuple(found)


def _arrivals(tokens: Array, draw: np.random.Generator) -> tuple[Arrival, ...]:
    """Week 2 in equal chunks, in an order that is the same for all policies."""
    order = np.repeat(np.arange(5), CHUNKS)
    found: list[Arrival] = []
    for bucket in range(WEEK, TOTAL):
        usages = {
            at: vector(*(float(one) / CHUNKS[at] for one in tokens[bucket, at]))
            for at in range(5)
            if tokens[bucket, at].sum() > 0
        }
        draw.shuffle(order)
        found.extend(
            Arrival(BUCKET * (bucket + (place + 0.5) / len(order)), at, usages[at])
            for place, at in enumerate(order.tolist())
            if at in usages
        )
    return tuple(found)


def scenarios(clients: Clients, seed: int) -> tuple[Scenario, ...]:
    """A seed's three portfolios: the same demand, arrivals and outages."""
    draw = np.random.default_rng([4, seed])
    tokens = _classes(sampled(clients, draw), draw)
    scale = WEEK / float((tokens[:WEEK] @ np.array([1.0, 4.0])).sum())
    weights = (scale, 4 * scale)
    outages = _outages(draw)
    arrivals = _arrivals(tokens, draw)
    return tuple(
        Scenario(seed, name, _world(tokens, weights, share, outages), arrivals, tokens, weights)
        for name, share in PORTFOLIOS.items()
    )
