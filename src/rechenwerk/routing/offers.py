"""Contracts with their positions, as what the router weighs: supplies, caps, credits, minimums.

Amounts become floats here: nothing of it is booked. What an interval of a week or less takes is a cap of its
own windows, full; what a longer one still has is one window from now to its end, so that every new set of
offers says what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.base.money import NANO
from rechenwerk.contracts import terms
from rechenwerk.contracts.bill_capacity import names, per_minute
from rechenwerk.contracts.marginal import discount, lost_share, own_rates
from rechenwerk.contracts.periods import NEVER, begins, ends_at, period_at, runs
from rechenwerk.contracts.ports import Deployed, Position, Site
from rechenwerk.contracts.progress import Progress
from rechenwerk.contracts.terms import Contract, Grant, OwnHardware, PrepaidCredit, Provisioned, TakeOrPay
from rechenwerk.contracts.weights import Vector as Exact
from rechenwerk.contracts.weights import rates_of, scaled, weights
from rechenwerk.routing.supply import Cap, Credit, Minimum, Supply, Vector

NOTHING: Mapping[str, Decimal] = MappingProxyType({})
_SHORT = frozenset({"minute", "hour", "day", "week"})
_MINUTE = 60.0
_NANO = Fraction(NANO)


class Offers(NamedTuple):
    """What can be had now."""

    supplies: tuple[Supply, ...]
    caps: tuple[Cap, ...]
    credits: tuple[Credit, ...]
    minimums: tuple[Minimum, ...]


class _Stand(NamedTuple):
    """The arguments, as the parts need them."""

    contracts: Mapping[str, Contract]
    positions: Mapping[str, Position]
    members: Mapping[str, tuple[Deployed, ...]]
    umbrellas: Mapping[str, tuple[Contract, ...]]
    energy: Mapping[str, Decimal]
    kept: Mapping[str, float]
    drawn: Mapping[str, Progress]
    now: int


def supplies(
    deployments: Sequence[Deployed],
    contracts: Sequence[Contract],
    positions: Mapping[str, Position],
    now: int,
    *,
    energy: Mapping[str, Decimal] = NOTHING,
    kept: Mapping[str, float] = MappingProxyType({}),
    sites: Sequence[Site] = (),
    drawn: Mapping[str, Progress] = MappingProxyType({}),
) -> Offers:
    """Turn contracts into offers.

    Args:
        deployments: with their ids.
        contracts: as they hold now.
        positions: by name of the contract, and of its longer caps under `cap_name`; without one a contract
            counts as fresh.
        now: epoch seconds.
        energy: currency per kWh of a machine now, by site, what the site draws on top included.
        kept: by contract, the share 0..1 of its capacity that only critical work may draw.
        sites: whose power is capped.
        drawn: by contract, how far its tiers and allowance are drawn.
    """
    known = {at.name: at for at in contracts}
    stand = _Stand(
        contracts=known,
        positions=positions,
        members={
            at.name: tuple(d for d in deployments if d.contract == at.name and serves(at, d, positions, now))
            for at in contracts
        },
        umbrellas={
            at.name: tuple(
                sorted(
                    (over for over in contracts if at.name in over.covers), key=lambda over: over.order or 0
                )
            )
            for at in contracts
        },
        energy=energy,
        kept=kept,
        drawn=drawn,
        now=now,
    )
    return Offers(
        supplies=tuple(_supply(stand, known[d.contract], d) for d in _all(stand)),
        caps=(*(cap for at in contracts for cap in _caps(stand, at)), *_power(stand, sites)),
        credits=tuple(_credits(stand)),
        minimums=tuple(_minimums(stand)),
    )


def cap_name(contract: Contract, cap: terms.Cap) -> str:
    """What a cap is called, and the key of its position."""
    return f"{contract.name}, per {cap.per}"


def serves(contract: Contract, deployed: Deployed, positions: Mapping[str, Position], now: int) -> bool:
    """Whether a contract pays for calls of a deployment now."""
    position = positions.get(contract.name)
    status = contract.status if position is None else position.status
    if status in {"proposed", "expired"} or not runs(contract, now):
        return False
    if status == "exhausted" and contract.overflow.rule == "refuse":
        return False
    return not contract.models or deployed.model in contract.models


def _all(stand: _Stand) -> Iterator[Deployed]:
    for members in stand.members.values():
        yield from members


def _floats(vector: Exact) -> Vector:
    return tuple(float(value) for value in vector)


def _supply(stand: _Stand, contract: Contract, deployed: Deployed) -> Supply:
    """Its rates with discounts, without credits and minimums: those are values of their own."""
    site = contract.site if isinstance(contract, OwnHardware) else ""
    rates, _ = own_rates(
        contract,
        deployed,
        stand.positions.get(contract.name),
        stand.energy.get(site, Decimal(0)),
        stand.drawn.get(contract.name),
        deployed.service_tier,
    )
    for over in (contract, *stand.umbrellas[contract.name]):
        off, _ = discount(over, stand.positions.get(over.name), covers=over is not contract)
        rates = scaled(rates, off)
    return Supply(deployed.id, deployed.name, _floats(scaled(rates, 1 / _NANO)))


def _ids(members: Sequence[Deployed]) -> tuple[int, ...]:
    return tuple(at.id for at in members)


def _listed(members: Sequence[Deployed]) -> Exact:
    """List rates in currency units: the highest of several, bucket by bucket."""
    every = [scaled(rates_of(at.rates), 1 / _NANO) for at in members]
    return tuple(max(column) for column in zip(*every, strict=True))


def _caps(stand: _Stand, contract: Contract) -> Iterator[Cap]:
    members = stand.members[contract.name]
    if not members:
        return
    share = stand.kept.get(contract.name, 0.0)
    for cap in contract.caps:
        weigh = weights(cap.weights) if cap.measure == "quantity" else _listed(members)
        position = stand.positions.get(cap_name(contract, cap))
        left = None if position is None or position.remaining is None else Fraction(position.remaining, NANO)
        yield _window(
            stand,
            contract,
            cap_name(contract, cap),
            members,
            weigh,
            Fraction(cap.amount),
            cap.per,
            left,
            share,
        )
    if isinstance(contract, Provisioned):
        for name, blocks in names(contract).items():
            minute = per_minute(blocks)
            if minute is not None:
                spend = blocks[0].measure == "spend"
                weigh = _listed(members) if spend else weights(blocks[0].weights)
                yield _minute(f"{contract.name}: {name}", members, weigh, minute, share)
    if isinstance(contract, OwnHardware):
        weigh = weights(contract.weights)
        yield _minute(contract.name, members, weigh, Fraction(contract.throughput), share)
    if isinstance(contract, Grant):
        position = stand.positions.get(contract.name)
        left = None if position is None or position.remaining is None else Fraction(position.remaining, NANO)
        weigh = scaled(weights(contract.weights), 1 / Fraction(contract.usage_per_unit))
        quota = Fraction(contract.quantity)
        yield _window(
            stand,
            contract,
            contract.name,
            members,
            weigh,
            quota,
            contract.per,
            left,
            share,
            whole=contract.carries,
        )


def _minute(name: str, members: Sequence[Deployed], weigh: Exact, amount: Fraction, kept: float) -> Cap:
    return Cap(name, _ids(members), _floats(weigh), float(amount), _MINUTE, kept * float(amount))


def _window(
    stand: _Stand,
    contract: Contract,
    name: str,
    members: Sequence[Deployed],
    weigh: Exact,
    amount: Fraction,
    per: terms.Interval,
    left: Fraction | None,
    kept: float,
    *,
    whole: bool = False,
) -> Cap:
    """A cap of whole windows, or, of a long or carrying interval, what is left until it ends."""
    begin, end = period_at(contract, per, stand.now)
    if per in _SHORT and not whole:
        seconds, starts = float(end - begin), float(begin)
    else:
        if left is None:
            left = amount * Fraction(end - stand.now, end - begin) if per != "term" else amount
        amount, seconds, starts = left, float(end - stand.now), float(stand.now)
    return Cap(name, _ids(members), _floats(weigh), float(amount), seconds, kept * float(amount), starts)


def _power(stand: _Stand, sites: Sequence[Site]) -> Iterator[Cap]:
    """What the machines of a site may do together: kWh per minute above what they draw idle."""
    for site in sites:
        if site.power_cap_kw is None:
            continue
        machines = [
            at for at in stand.contracts.values() if isinstance(at, OwnHardware) and at.site == site.name
        ]
        members = [d for at in machines for d in stand.members[at.name]]
        if not members:
            continue
        idle = sum(Fraction(at.idle_kw) * Fraction(at.pue) for at in machines) * Fraction(site.pue)
        room = max(Fraction(0), Fraction(site.power_cap_kw) - idle) / 60
        each = [
            scaled(
                weights(at.weights),
                (Fraction(at.load_kw) - Fraction(at.idle_kw))
                * Fraction(at.pue)
                * Fraction(site.pue)
                / (60 * Fraction(at.throughput)),
            )
            for at in machines
        ]
        weigh = tuple(max(column) for column in zip(*each, strict=True))
        yield Cap(f"{site.name}: power", _ids(members), _floats(weigh), float(room), _MINUTE)


def _covered(stand: _Stand, contract: Contract) -> tuple[int, ...]:
    """Supplies whose charges a credit pays or a minimum counts."""
    found = [*stand.members[contract.name]]
    for name in contract.covers:
        found += stand.members.get(name, ())
    return _ids(found)


def _active(stand: _Stand, contract: Contract) -> bool:
    position = stand.positions.get(contract.name)
    status = contract.status if position is None else position.status
    return status not in {"proposed", "expired"} and runs(contract, stand.now)


def _credits(stand: _Stand) -> Iterator[Credit]:
    """Credits in the order in which they are drawn; an empty one is left out where another pays instead.

    A credit refuses what it cannot pay only when no later one pays that.
    """
    found = [
        (contract, _covered(stand, contract), _left(stand, contract))
        for contract in stand.contracts.values()
        if isinstance(contract, PrepaidCredit) and _active(stand, contract)
    ]
    found.sort(key=lambda one: (one[0].order is None, one[0].order or 0, ends_at(one[0]) or begins(NEVER)))
    for index, (contract, ids, left) in enumerate(found):
        others = [
            at for at, (_, paid, more) in enumerate(found) if at != index and more and set(ids) <= set(paid)
        ]
        if left or not others:
            yield Credit(
                contract.name,
                ids,
                left,
                float(ends_at(contract) or begins(NEVER)),
                contract.overflow.rule != "refuse" or any(at > index for at in others),
            )


def _left(stand: _Stand, contract: PrepaidCredit) -> float:
    position = stand.positions.get(contract.name)
    if position is None or position.remaining is None:
        return float(contract.balance)
    return position.remaining / NANO


def _minimums(stand: _Stand) -> Iterator[Minimum]:
    for contract in stand.contracts.values():
        if not isinstance(contract, TakeOrPay) or not _active(stand, contract):
            continue
        position = stand.positions.get(contract.name)
        worth = float(contract.unit_price or 1)
        if position is None or position.amount is None or position.ends_at is None:
            end = period_at(contract, contract.period or "term", stand.now)[1]
            yield Minimum(
                contract.name, _covered(stand, contract), float(contract.minimum) * worth, 0.0, float(end)
            )
            continue
        yield Minimum(
            contract.name,
            _covered(stand, contract),
            position.amount / NANO * worth,
            position.drawn / NANO * worth,
            float(position.ends_at),
            float(lost_share(contract, position)),
        )
