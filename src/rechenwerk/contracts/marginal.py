"""What the next unit costs under a contract, and why.

    on-demand        the tier that the next unit falls into
    prepaid-credit   what the credit could still save later: its money while it will be used up, nothing when
                     the rest would expire
    take-or-pay      list minus what an unmet minimum would cost anyway
    provisioned      what is paid for use on top of the fee, if anything
    own-hardware     energy at the hour's price
    grant            what the machine charges, mostly nothing

Congestion, what room is worth to others, is the router's to add. A forecast is not sure, so a credit or a
minimum counts with its chance, taken from the band of its position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from rechenwerk.base.money import NANO
from rechenwerk.base.reasons import Reason, joined, reason
from rechenwerk.contracts.bill_capacity import names
from rechenwerk.contracts.bill_commitment import percent
from rechenwerk.contracts.periods import ends_at
from rechenwerk.contracts.ports import STANDARD, Deployed, NextUnit, Position
from rechenwerk.contracts.pricing import MILLION, factor_of, next_tier, tier_rates
from rechenwerk.contracts.progress import Progress
from rechenwerk.contracts.terms import (
    Contract,
    Grant,
    OwnHardware,
    PrepaidCredit,
    Pricing,
    Provisioned,
    TakeOrPay,
    Tier,
)
from rechenwerk.contracts.weights import ZERO, Vector, nano, rates_of, scaled, weights

_ONE = Fraction(1)


def next_unit(
    contract: Contract,
    deployed: Deployed,
    positions: Mapping[str, Position],
    umbrellas: Sequence[Contract] = (),
    *,
    energy: Decimal = Decimal(0),
    at: Progress | None = None,
    service_tier: str | None = None,
) -> NextUnit:
    """The price of the next unit of every bucket.

    Args:
        contract: that prices the deployment's calls.
        deployed: the deployment.
        positions: by name of the contract; one that is missing has no say.
        umbrellas: contracts that cover `contract`, in their order.
        energy: currency per kWh of a machine now, what its site draws on top included.
        at: how far the contract's tiers and allowance are drawn; None: what its position says.
        service_tier: what the call asks for; None: what the deployment asks for.
    """
    asked = deployed.service_tier if service_tier is None else service_tier
    listed = scaled(rates_of(deployed.rates), factor_of(contract.pricing, asked))
    rates, why = own_rates(contract, deployed, positions.get(contract.name), energy, at, asked)
    reasons = [why]
    for over in (contract, *umbrellas):
        position = positions.get(over.name)
        share, why = effect(over, position, covers=over is not contract)
        if why:
            rates = scaled(rates, share)
            reasons.append(why)
    return NextUnit(rates, listed, joined(reasons))


def own_rates(
    contract: Contract,
    deployed: Deployed,
    position: Position | None,
    energy: Decimal = Decimal(0),
    at: Progress | None = None,
    service_tier: str = STANDARD,
) -> tuple[Vector, Reason]:
    """What a contract charges for the next unit, before credits and minimums, and in words.

    The arguments are those of `next_unit`; `position` is the contract's own.
    """
    if isinstance(contract, Provisioned):
        return use_rates(contract), reason("bought")
    if isinstance(contract, OwnHardware):
        return energy_rates(contract, energy), reason("own_hardware", energy=f"{energy:f}")
    if isinstance(contract, Grant):
        price = nano(contract.unit_price) / Fraction(contract.usage_per_unit)
        rates = scaled(weights(contract.weights), price)
        if not contract.unit_price:
            return rates, reason("grant_free")
        return rates, reason("grant_price", price=f"{contract.unit_price:f}", unit=contract.unit)
    if isinstance(contract, TakeOrPay) and contract.unit_price is not None:
        return scaled(weights(contract.weights), nano(contract.unit_price)), reason("commitment_price")
    pricing, listed = contract.pricing, rates_of(deployed.rates)
    tier, place = current_tier(pricing, position, None if at is None else at.reached)
    rates = tier_rates(pricing, tier, listed, service_tier)
    words = [_per_million(rates)]
    if place:
        words.append(reason("tier_from", place=place))
    if service_tier != STANDARD:
        words.append(reason("service_tier", tier=service_tier))
    if pricing.step is not None:
        words.append(reason("steps", size=f"{pricing.step.size:,}"))
    left = ZERO if at is None else at.free(contract, deployed.name)
    if left and pricing.free is not None:
        weigh = weights(pricing.free.weights) if pricing.free.measure == "quantity" else listed
        rates = tuple(ZERO if weight else rate for rate, weight in zip(rates, weigh, strict=True))
        words.append(reason("free", left=f"{float(left):,.6g}"))
    return rates, joined(words, ", ")


def _per_million(rates: Vector) -> Reason:
    """Input and output as a price list says them."""
    read, written = (f"{float(rate * MILLION / NANO):g}" for rate in (rates[0], rates[3]))
    return reason("per_million", input=read, output=written)


def current_tier(
    pricing: Pricing, position: Position | None, reached: Fraction | None = None
) -> tuple[Tier, str]:
    """The tier that the next unit falls into, and from where on it holds; a flat price has no such place.

    Where nobody knows what was reached, a position that counts money says it for tiers by spend.
    """
    tiers = pricing.tiers
    if tiers is None:
        return Tier(), ""
    if reached is None:
        counts = position is not None and position.measure == tiers.measure
        reached = Fraction(position.drawn, NANO) if counts and position is not None else ZERO
    step = tiers.steps[next_tier(tiers, reached)]
    return step, f"{step.above:,f}"


def use_rates(contract: Provisioned) -> Vector:
    """What use costs on top of the fees, per unit of usage: a unit-hour spread over what it takes in one."""
    total: Vector = scaled(weights({}), ZERO)
    for blocks in names(contract).values():
        block = blocks[-1]  # those before it are full first
        if block.use_fee and block.throughput:
            price = nano(block.use_fee) / (60 * Fraction(block.throughput))
            part = scaled(weights(block.weights), price)
            total = tuple(a + b for a, b in zip(total, part, strict=True))
    return total


def energy_rates(contract: OwnHardware, energy: Decimal) -> Vector:
    """What load costs, per unit of usage: the power above idle, over what the machine does in an hour."""
    more = (Fraction(contract.load_kw) - Fraction(contract.idle_kw)) * Fraction(contract.pue)
    price = more * nano(energy) / (60 * Fraction(contract.throughput))
    return scaled(weights(contract.weights), price)


def chance_to_reach(position: Position) -> Fraction:
    """That at least the amount will have been drawn when the period ends: read off the forecast's band.

    Between its ends the chance falls in straight lines from 90 to 50 to 10 per cent; outside it is taken as
    sure.
    """
    band, amount = position.forecast, position.amount
    if amount is None or band is None:
        return ZERO
    if position.drawn >= amount or band.low >= amount:
        return _ONE
    if band.high < amount:
        return ZERO
    tenth = Fraction(1, 10)
    if amount <= band.middle:
        return Fraction(9, 10) - 4 * tenth * Fraction(amount - band.low, max(band.middle - band.low, 1))
    return _ONE / 2 - 4 * tenth * Fraction(amount - band.middle, max(band.high - band.middle, 1))


def lost_share(contract: TakeOrPay, position: Position) -> Fraction:
    """Of a shortfall, the part that is really lost.

    A prepayment is lost as far as its months will not use it at the present pace; what is carried on is lost
    only if the term ends with the period.
    """
    rule = contract.shortfall
    if rule.rule == "pay":
        return Fraction(rule.share)
    if rule.rule == "carry":
        end = ends_at(contract)
        return _ONE if end is not None and end == position.ends_at else ZERO
    if not position.shortfall or position.forecast is None or not position.days_left:
        return ZERO
    daily = (position.forecast.middle - position.drawn) / Fraction(position.days_left)
    used = min(_ONE, daily * rule.months * Fraction(365, 12) / position.shortfall)
    return Fraction(rule.share) * (1 - used)


def effect(contract: Contract, position: Position | None, *, covers: bool) -> tuple[Fraction, Reason]:
    """What a credit or a commitment makes of a price: a factor, and why; no words where it does nothing.

    Args:
        contract: the credit or commitment.
        position: of it.
        covers: it stands over the contract that prices the call, so that its discount is still to be taken.
    """
    if position is not None and position.status != "active":
        return _ONE, Reason("")
    if isinstance(contract, PrepaidCredit) and position is not None:
        return _credit(contract, position)
    if isinstance(contract, TakeOrPay):
        return _commitment(contract, position, covers=covers)
    return _ONE, Reason("")


def _credit(contract: PrepaidCredit, position: Position) -> tuple[Fraction, Reason]:
    chance = _ONE if position.forecast is None or contract.rolls_over else chance_to_reach(position)
    if chance == 1:
        why = reason("credit_worth", name=contract.name)
    elif not chance:
        why = reason("credit_expires", name=contract.name)
    else:
        why = reason("credit_chance", name=contract.name, chance=percent(1 - chance))
    return chance, why


def discount(contract: Contract, position: Position | None, *, covers: bool) -> tuple[Fraction, Reason]:
    """What a commitment takes off a price, as a factor, whether its minimum is met or not; and in words."""
    factor, words = _ONE, list[Reason]()
    if not isinstance(contract, TakeOrPay):
        return factor, Reason("")
    if covers and contract.pricing.discount:
        factor *= 1 - Fraction(contract.pricing.discount)
        share = percent(Fraction(contract.pricing.discount))
        words.append(reason("discount", share=share, name=contract.name))
    open_ = position is None or position.amount is None or position.drawn < position.amount
    if contract.committed_discount and open_:
        factor *= 1 - Fraction(contract.committed_discount)
        words.append(reason("committed_discount", share=percent(Fraction(contract.committed_discount))))
    return factor, joined(words, ", ")


def _commitment(contract: TakeOrPay, position: Position | None, *, covers: bool) -> tuple[Fraction, Reason]:
    factor, off = discount(contract, position, covers=covers)
    words = [off] if off else []
    if position is None or position.amount is None or position.forecast is None:
        return factor, off
    missed = 1 - chance_to_reach(position)
    lost = missed * lost_share(contract, position)
    if lost:
        factor *= 1 - lost
        chances = {"chance": percent(missed), "lost": percent(lost)}
        words.append(reason("minimum_missed", name=contract.name, **chances))
    elif not missed:
        words.append(reason("minimum_safe", name=contract.name))
    return factor, joined(words, ", ")
