"""What a call is booked at under a contract: the part of its price that is known when the call ends.

    on-demand, prepaid-credit, take-or-pay   list rates x factor of the service tier x (1 - discount)
    take-or-pay by quantity, grant           unit price x weighted usage
    provisioned                              nothing: what was paid does not grow with a call; list rates
                                             where the provider says that it ran past the capacity
    own-hardware                             the rates as written: what the operator reckons a unit to cost

What depends on the rest of a month (tiers, allowances, rounding of sums, committed discounts, fees,
shortfalls) is settled by the month's statement, not call by call.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.contracts.ports import SHARED, STANDARD
from rechenwerk.contracts.pricing import factor_of
from rechenwerk.contracts.terms import Contract, Grant, OwnHardware, Pricing, Provisioned, TakeOrPay
from rechenwerk.contracts.weights import Vector, rates_of, scaled, weights
from rechenwerk.ledger.prices import FREE, PriceList


class Rates(msgspec.Struct, frozen=True, gc=False):
    """What a call is booked at: its `cost`, and the same at list rates where that is something else."""

    cost: PriceList
    listed: PriceList | None = None


def by_tier(contract: Contract, listed: PriceList, asked: str) -> dict[str, Rates]:
    """What calls are booked at by the service tier that served them, where that is not all the same.

    A call that ran past bought capacity, at a contract that lets the provider serve it all the same, costs
    list rates. That a provider speaks of its standard tier says so only where capacity was asked for by name.

    Args:
        contract: its terms.
        listed: list rates of the deployment.
        asked: the service tier that its requests ask for; empty: none.
    """
    pricing = contract.pricing
    if isinstance(contract, Provisioned):
        named = contract.header is not None or asked not in ("", STANDARD)
        if contract.overflow.rule != "shared" or not named:
            return {}
        past = _rates(pricing, listed, SHARED)
        return {STANDARD: past, SHARED: past}
    if not _by_list(contract) or not (pricing.factors or asked):
        return {}
    return {tier: _rates(pricing, listed, tier) for tier in (STANDARD, asked or STANDARD, *pricing.factors)}


def _by_list(contract: Contract) -> bool:
    """Whether it is list rates that a contract charges."""
    if isinstance(contract, Provisioned | OwnHardware | Grant):
        return False
    return not (isinstance(contract, TakeOrPay) and contract.unit_price is not None)


def _rates(pricing: Pricing, listed: PriceList, tier: str) -> Rates:
    factor = factor_of(pricing, tier)
    at_list = listed if factor == 1 else _list_of(scaled(rates_of(listed), factor))
    off = 1 - Fraction(pricing.discount)
    if off == 1:
        return Rates(at_list)
    return Rates(_list_of(scaled(rates_of(at_list), off)), at_list)


def charged(contract: Contract, listed: PriceList, tier: str = STANDARD) -> PriceList:
    """What a call is booked at.

    Args:
        contract: its terms.
        listed: list rates of the deployment.
        tier: the service tier that it asks for.
    """
    if isinstance(contract, Provisioned):
        return FREE
    if isinstance(contract, OwnHardware):
        return listed
    if isinstance(contract, TakeOrPay) and contract.unit_price is not None:
        return _list_of(scaled(weights(contract.weights), Fraction(contract.unit_price) * NANO))
    if isinstance(contract, Grant):
        price = Fraction(contract.unit_price) * NANO / Fraction(contract.usage_per_unit)
        return _list_of(scaled(weights(contract.weights), price))
    return _rates(contract.pricing, listed, tier or STANDARD).cost


def _list_of(rates: Vector) -> PriceList:
    """Nano-units per unit as a price list."""
    denominator = lcm(*(rate.denominator for rate in rates))
    a, b, c, d, e, f, g, h = (int(rate * denominator) for rate in rates)
    return PriceList((a, b, c, d, e, f, g, h), denominator)
