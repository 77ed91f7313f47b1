"""What a call is booked at under a contract: the part of its price that is known when the call ends.

    on-demand, prepaid-credit, take-or-pay   list rates x factor of the standard tier x (1 - discount)
    take-or-pay by quantity, grant           unit price x weighted usage
    provisioned                              nothing: what was paid does not grow with a call
    own-hardware                             the rates as written: what the operator reckons a unit to cost

What depends on the rest of a month (tiers, allowances, rounding of sums, committed discounts, fees,
shortfalls) is settled by the month's statement, not call by call.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from rechenwerk.base.money import NANO
from rechenwerk.contracts.ports import STANDARD
from rechenwerk.contracts.pricing import factor_of
from rechenwerk.contracts.terms import Contract, Grant, OwnHardware, Provisioned, TakeOrPay
from rechenwerk.contracts.weights import Vector, rates_of, scaled, weights
from rechenwerk.ledger.prices import FREE, PriceList


def charged(contract: Contract, listed: PriceList) -> PriceList:
    """What a call is booked at.

    Args:
        contract: its terms.
        listed: list rates of the deployment.
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
    pricing = contract.pricing
    factor = factor_of(pricing, STANDARD) * (1 - Fraction(pricing.discount))
    return listed if factor == 1 else _list_of(scaled(rates_of(listed), factor))


def _list_of(rates: Vector) -> PriceList:
    """Nano-units per unit as a price list."""
    denominator = lcm(*(rate.denominator for rate in rates))
    a, b, c, d, e, f, g, h = (int(rate * denominator) for rate in rates)
    return PriceList((a, b, c, d, e, f, g, h), denominator)
