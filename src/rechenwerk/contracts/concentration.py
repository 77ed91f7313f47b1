"""Concentration: what hangs on one provider or owner, caps on it, and what stops if an owner fails. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import msgspec

from rechenwerk.base.money import divide_half_even
from rechenwerk.base.reasons import reason
from rechenwerk.contracts.obligations import charged_by_use, fees
from rechenwerk.contracts.periods import DAY, Span
from rechenwerk.contracts.renewals import with_renewals
from rechenwerk.contracts.terms import Contract

DIMENSIONS = ("spend", "capacity", "commitments")
BY = ("provider", "owner")
RULES = ("soft", "hard")


class Cap(msgspec.Struct, frozen=True):
    """The most that one provider, or all providers of one owner, may have.

    Attributes:
        dimension: one of `DIMENSIONS`.
        by: one of `BY`.
        at_most: share of the whole, such as 0.6.
        of: only this provider or owner; empty: whichever.
        hard: refuse beyond it: calls, where it is of spend; else the configuration. A soft one only warns.
        window_days: over which spend is summed.
    """

    name: str
    dimension: str
    by: str
    at_most: Decimal
    of: str = ""
    hard: bool = False
    window_days: int = 30
    active: bool = True


class Held(msgspec.Struct, frozen=True):
    """What a contract weighs; nano-units.

    Attributes:
        owner: the provider's ultimate owner; the provider itself where nobody said so.
        spend: in the window.
        payable: still owed whether used or not.
        at_risk: paid before and lost if the provider is gone.
    """

    contract: str
    provider: str
    owner: str
    spend: int
    payable: int
    at_risk: int


class Source(msgspec.Struct, frozen=True):
    """A deployment: who is behind it, and who may use it.

    Attributes:
        capacity: tokens per minute; None: not told. Of several under one contract that is told only as a
            whole, one carries it all.
        permits: names of the data classes that may be served there.
    """

    model: str
    provider: str
    owner: str
    contract: str
    capacity: int | None
    permits: frozenset[str]


class Served(msgspec.Struct, frozen=True):
    """Calls of the window that were alike; `spend` in nano-units."""

    model: str
    provider: str
    contract: str
    data_class: str
    service_class: str
    calls: int
    spend: int


class Share(msgspec.Struct, frozen=True):
    """One name's part of a whole."""

    name: str
    amount: int
    share: Fraction


class Spread(msgspec.Struct, frozen=True):
    """How something is spread, the largest first.

    Attributes:
        total: nano-units, or tokens per minute.
        hhi: the Herfindahl-Hirschman index: squares of the per cents, summed: 10,000 where one has all.
        untold: deployments whose capacity nobody told.
    """

    dimension: str
    by: str
    total: int
    shares: tuple[Share, ...]
    hhi: int
    untold: int = 0


class Breach(msgspec.Struct, frozen=True):
    """A cap that does not hold."""

    cap: Cap
    name: str
    share: Fraction


class Lost(msgspec.Struct, frozen=True):
    """A data class that no deployment of a model would be left for, though others have one."""

    model: str
    data_class: str


class Failure(msgspec.Struct, frozen=True):
    """What stops if an owner fails.

    Attributes:
        providers: that go with it.
        models: left without any deployment.
        lost: data classes that lose their last permitted deployment of a model that stays.
        classes: data classes that no model at all is left for.
        calls: of the window; `touched` of them were served there, `stopped` have nowhere else to go.
        critical, critical_touched, critical_stopped: the same for critical work.
        capacity: share of the told capacity that goes.
        payable: nano-units still owed to it.
        at_risk: nano-units paid ahead to it.
    """

    owner: str
    providers: tuple[str, ...]
    models: tuple[str, ...]
    lost: tuple[Lost, ...]
    classes: tuple[str, ...]
    calls: int
    touched: int
    stopped: int
    critical: int
    critical_touched: int
    critical_stopped: int
    capacity: Fraction
    payable: int
    at_risk: int


class Facts(msgspec.Struct, frozen=True):
    """What concentration is measured from."""

    held: tuple[Held, ...]
    sources: tuple[Source, ...]
    served: tuple[Served, ...] = ()


def spread(dimension: str, by: str, amounts: Mapping[str, int], untold: int = 0) -> Spread:
    """Shares of a whole; nobody has a share of nothing."""
    total = sum(amounts.values())
    ordered = sorted(amounts.items(), key=lambda one: (-one[1], one[0]))
    shares = tuple(
        Share(name, amount, Fraction(amount, total) if total else Fraction(0)) for name, amount in ordered
    )
    squares = sum((10_000 * one.share**2 for one in shares), Fraction(0))
    return Spread(
        dimension, by, total, shares, divide_half_even(squares.numerator, squares.denominator), untold
    )


def spreads(facts: Facts) -> tuple[Spread, ...]:
    """Spend, capacity and commitments, each by provider and by owner."""
    untold = sum(source.capacity is None for source in facts.sources)
    found = []
    for by in BY:
        spend = _sums((getattr(one, by), one.spend) for one in facts.held)
        bound = _sums((getattr(one, by), one.payable + one.at_risk) for one in facts.held)
        capacity = _sums((getattr(one, by), one.capacity or 0) for one in facts.sources)
        found += [
            spread("spend", by, spend),
            spread("capacity", by, capacity, untold),
            spread("commitments", by, bound),
        ]
    return tuple(sorted(found, key=lambda one: (DIMENSIONS.index(one.dimension), BY.index(one.by))))


def breaches(caps: Iterable[Cap], found: Sequence[Spread]) -> tuple[Breach, ...]:
    """Which caps do not hold, and for whom."""
    return tuple(
        Breach(cap, one.name, one.share)
        for cap in caps
        for whole in found
        if cap.active and (whole.dimension, whole.by) == (cap.dimension, cap.by)
        for one in whole.shares
        if one.share > Fraction(cap.at_most) and cap.of in {"", one.name}
    )


class Spending(msgspec.Struct, frozen=True):
    """What was booked under a contract in a window; nano-units."""

    provider: str
    owner: str
    terms: Contract
    cost: int


def spent_under(terms: Contract, cost: int, span: Span) -> int:
    """What a window of a contract cost: what was booked for its calls, and what is paid used or not."""
    held = with_renewals([(0, terms)], span[1])
    return sum(fees(one, span) for _, one in held) + (cost if charged_by_use(terms) else 0)


Spent = Mapping[tuple[str, int], Mapping[str, int]]
"""(by, days of the window) -> name -> nano-units spent: what a gateway keeps in memory for hard caps."""


def spent_by(rows: Iterable[Spending], window_days: int, now: int) -> dict[tuple[str, int], dict[str, int]]:
    """One window of `Spent`, ended at `now` (epoch seconds)."""
    sums: dict[tuple[str, int], dict[str, int]] = {(by, window_days): defaultdict(int) for by in BY}
    for row in rows:
        amount = spent_under(row.terms, row.cost, (now - window_days * DAY, now))
        for by in BY:
            sums[by, window_days][getattr(row, by)] += amount
    return sums


def over_cap(caps: Sequence[Cap], spent: Spent, provider: str, owner: str) -> str | None:
    """Why no call may go to a provider now: it, or its owner, is above a hard cap of spend. None: it may.

    Where nothing is spent yet no cap can be passed. One that is left alone has all, and is refused: that is
    what a hard cap means; a soft one would only warn.
    """
    for cap in caps:
        if not (cap.active and cap.hard and cap.dimension == "spend"):
            continue
        name = owner if cap.by == "owner" else provider
        amounts = spent.get((cap.by, cap.window_days), {})
        total = sum(amounts.values())
        if cap.of in {"", name} and total and amounts.get(name, 0) > Fraction(cap.at_most) * total:
            has = percent(Fraction(amounts[name], total))
            most, code = percent(Fraction(cap.at_most)), f"{cap.by}_above_cap"
            return reason(code, cap=cap.name, name=name, most=most, days=cap.window_days, has=has)
    return None


def failure(facts: Facts, owner: str) -> Failure:
    """What stops if an owner fails, with all of its providers at once."""
    gone = [source for source in facts.sources if source.owner == owner]
    left = [source for source in facts.sources if source.owner != owner]
    models = {source.model for source in gone} - {source.model for source in left}
    ways = _ways(left)
    lost = sorted({one for one in _ways(gone) - ways if one[0] not in models})
    reached = {data_class for _, data_class in ways}
    touched = [one for one in facts.served if _of(facts, one) == owner]
    stopped = [one for one in touched if (one.model, one.data_class) not in ways]
    told = sum(source.capacity or 0 for source in facts.sources)
    here = [one for one in facts.held if one.owner == owner]
    return Failure(
        owner=owner,
        providers=tuple(sorted({one.provider for one in here} | {one.provider for one in gone})),
        models=tuple(sorted(models)),
        lost=tuple(Lost(*one) for one in lost),
        classes=tuple(sorted({data_class for _, data_class in _ways(gone)} - reached)),
        calls=_calls(facts.served),
        touched=_calls(touched),
        stopped=_calls(stopped),
        critical=_calls(facts.served, "critical"),
        critical_touched=_calls(touched, "critical"),
        critical_stopped=_calls(stopped, "critical"),
        capacity=Fraction(sum(source.capacity or 0 for source in gone), told) if told else Fraction(0),
        payable=sum(one.payable for one in here),
        at_risk=sum(one.at_risk for one in here),
    )


def percent(share: Fraction) -> str:
    """A share as ``64.2 %``."""
    tenths = divide_half_even(share.numerator * 1000, share.denominator)
    return f"{tenths // 10}.{tenths % 10} %"


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for name, amount in pairs:
        sums[name] += amount
    return dict(sums)


def _ways(sources: Iterable[Source]) -> set[tuple[str, str]]:
    """(model, data class) that can be served."""
    return {(source.model, data_class) for source in sources for data_class in source.permits}


def _of(facts: Facts, served: Served) -> str:
    """The owner behind calls; of a contract that is gone, its provider."""
    owners = {one.provider: one.owner for one in facts.sources}
    owners |= {one.provider: one.owner for one in facts.held}
    return owners.get(served.provider, served.provider)


def _calls(served: Iterable[Served], service_class: str | None = None) -> int:
    return sum(one.calls for one in served if service_class in {None, one.service_class})
