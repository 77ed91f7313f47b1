"""Which price covers cost: of a model in a period, with idle capacity and without. Exact. Pure.

cost          of a contract: calls + other vouchers on them + absorbed + fixed + idle
of a model    its share of that, by what its calls cost at list rates (else by tokens, else in equal parts)
grows         calls + other + absorbed: what use adds; fixed + idle are there without use
price         cost / (1 - margin), split over units in the proportions of the present prices
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.usage import BUCKETS

_ZERO = Fraction(0)
_TOKENS = 5
"""So many of the buckets are tokens."""


class Spent(msgspec.Struct, frozen=True):
    """What a contract cost in a period, in nano-units: see `office.tariff_ports.ContractCost`."""

    contract: int
    grows: int
    fixed: int
    idle: int
    models: tuple[str, ...]


class Used(msgspec.Struct, frozen=True):
    """What was used of a model under a contract; `counts` in the order of `BUCKETS`, money in nano-units."""

    model: str
    contract: int
    counts: tuple[int, ...]
    price: int
    listed: int


class Cover(msgspec.Struct, frozen=True):
    """What a model cost and brought in a period, in nano-units.

    Attributes:
        counts: units used, in the order of `BUCKETS`.
        revenue: what was booked for them.
        grows: cost that use adds.
        fixed: cost that is there without use, as far as it was used.
        idle: paid and not used.
        with_idle, without_idle: nano-units per unit of each bucket that cover cost and the margin; None:
            nothing was used.
        break_even: tokens (pieces, where no tokens are used) at the period's mix and prices that cover all
            cost; None: no volume does.
    """

    model: str
    counts: tuple[int, ...]
    revenue: int
    grows: Fraction
    fixed: Fraction
    idle: Fraction
    with_idle: tuple[Fraction, ...] | None
    without_idle: tuple[Fraction, ...] | None
    break_even: Fraction | None

    @property
    def cost(self) -> Fraction:
        """All of it."""
        return self.grows + self.fixed + self.idle

    @property
    def margin(self) -> Fraction | None:
        """Share of revenue that is left; None without revenue."""
        return (self.revenue - self.cost) / self.revenue if self.revenue else None


def covers(
    spent: Sequence[Spent], used: Sequence[Used], prices: Mapping[str, Sequence[Fraction]], margin: Fraction
) -> tuple[list[Cover], list[Spent]]:
    """What each model needs, and contracts whose cost belongs to no model.

    Args:
        spent: per contract.
        used: per model and contract; contract 0: money without calls.
        prices: of a model now, nano-units per unit in the order of `BUCKETS`: the proportions of its prices.
        margin: share of the price that is to be left, below 1.
    """
    grows: dict[str, Fraction] = defaultdict(Fraction)
    fixed: dict[str, Fraction] = defaultdict(Fraction)
    idle: dict[str, Fraction] = defaultdict(Fraction)
    nobodys = []
    for one in spent:
        shares = _shares(one, [row for row in used if row.contract == one.contract])
        if not shares:
            nobodys.append(one)
        for model, share in shares.items():
            grows[model] += one.grows * share
            fixed[model] += one.fixed * share
            idle[model] += one.idle * share
    models = sorted({row.model for row in used} | grows.keys())
    found = []
    for model in models:
        rows = [row for row in used if row.model == model]
        counts = tuple(sum(row.counts[at] for row in rows) for at in range(len(BUCKETS)))
        revenue = sum(row.price for row in rows)
        parts = (grows[model], fixed[model], idle[model])
        found.append(_cover(model, counts, revenue, parts, prices.get(model), margin))
    return found, nobodys


def _cover(
    model: str,
    counts: tuple[int, ...],
    revenue: int,
    parts: tuple[Fraction, Fraction, Fraction],
    prices: Sequence[Fraction] | None,
    margin: Fraction,
) -> Cover:
    grows, fixed, idle = parts
    volume = sum(counts[:_TOKENS]) or sum(counts[_TOKENS:])
    gain = revenue - grows
    even = None
    if volume and gain > 0:
        even = (fixed + idle) / (gain / volume)
    return Cover(
        model,
        counts,
        revenue,
        grows,
        fixed,
        idle,
        _prices(counts, prices, (grows + fixed + idle) / (1 - margin)),
        _prices(counts, prices, (grows + fixed) / (1 - margin)),
        even,
    )


def _prices(
    counts: Sequence[int], prices: Sequence[Fraction] | None, needed: Fraction
) -> tuple[Fraction, ...] | None:
    """Prices in the proportions of those of now that bring what is needed; else the same for every token."""
    used = [(0 if at >= _TOKENS and any(counts[:_TOKENS]) else 1) for at in range(len(counts))]
    shape = list(prices) if prices is not None else [Fraction(one) for one in used]
    brings = sum((count * price for count, price in zip(counts, shape, strict=True)), _ZERO)
    if not brings and prices is not None:
        return _prices(counts, None, needed)
    return tuple(price * needed / brings for price in shape) if brings else None


def _shares(spent: Spent, used: Sequence[Used]) -> dict[str, Fraction]:
    """Model -> its share of a contract's cost."""
    for weights in (
        {row.model: row.listed for row in used},
        {row.model: sum(row.counts[:_TOKENS]) for row in used},
        dict.fromkeys((row.model for row in used), 1),
        dict.fromkeys(spent.models, 1),
    ):
        whole = sum(weights.values())
        if whole > 0:
            return {model: Fraction(weight, whole) for model, weight in weights.items() if weight}
    return {}
