"""Which service tiers served an hour, read from what it was booked at."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.charged import by_tier as booked_at
from rechenwerk.contracts.ports import Deployed
from rechenwerk.contracts.terms import Block, Contract, Header, OnDemand, Overflow, Pricing, Provisioned
from rechenwerk.ledger.prices import PriceList, price_list
from rechenwerk.office.costing.ports import HourUse
from rechenwerk.office.costing.tiers import by_tier

RATES = price_list({"input": "1", "output": "4"})
FAST = OnDemand(
    name="c", provider="p", pricing=Pricing(discount=Decimal("0.1"), factors={"priority": Decimal("1.75")})
)
BOUGHT = Provisioned(
    name="c",
    provider="p",
    overflow=Overflow(rule="shared"),
    header=Header(name="x-tier", dedicated="dedicated", shared="shared"),
    blocks=(Block(name="u", units=Decimal(1), hold_fee=Decimal(1)),),
)
MILLION = 1_000_000

CASES: dict[str, tuple[Contract, str, dict[str, int]]] = {
    # contract, what is asked for, and how many calls each tier served
    "all as asked": (FAST, "priority", {"priority": 4}),
    "all at the standard tier": (FAST, "priority", {"standard": 3}),
    "some of both": (FAST, "priority", {"standard": 1, "priority": 3}),
    "nothing asked for": (FAST, "standard", {"standard": 2}),
    "within bought capacity": (BOUGHT, "standard", {"standard": 2}),
    "some past it": (BOUGHT, "standard", {"standard": 2, "shared": 6}),
    "all past it": (BOUGHT, "standard", {"shared": 1}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_tiers_of(name: str) -> None:
    terms, asked, served = CASES[name]
    each = Usage(input=3 * MILLION, output=MILLION)
    rates = booked_at(terms, RATES, asked)
    amount = listed = 0
    for tier, calls in served.items():
        cost = _cost(terms, rates, tier)
        amount += calls * cost[0].amount(each)
        listed += calls * cost[1].amount(each)
    calls = sum(served.values())
    usage = Usage(*(count * calls for count in each.counts()))
    at = Deployed(name="d", model="m", provider="p", contract="c", rates=RATES, service_tier=asked)
    found = list(by_tier(terms, at, HourUse(1, 0, usage, amount, listed)))
    assert {one.service_tier: one.usage.requests for one in found} == served
    assert {one.service_tier: one.usage.input for one in found} == {
        tier: 3 * MILLION * calls for tier, calls in served.items()
    }


def _cost(terms: Contract, rates: object, tier: str) -> tuple[PriceList, PriceList]:
    """What the till books a call at that this tier served: cost, and at list rates."""
    assert isinstance(rates, dict)
    if isinstance(terms, Provisioned) and tier != "shared":
        return price_list({"input": "0"}), price_list({"input": "0"})
    found = rates[tier]
    return found.cost, found.listed or found.cost


def test_what_rounding_leaves_is_no_tier() -> None:
    at = Deployed(name="d", model="m", provider="p", contract="c", rates=RATES, service_tier="priority")
    usage = Usage(input=3, output=1)
    for wrong in (-2, -1, 1, 2):
        (one,) = by_tier(FAST, at, HourUse(1, 0, usage, 0, 7000 + wrong))
        assert (one.service_tier, one.usage) == ("standard", usage)
    (one,) = by_tier(FAST, at, HourUse(1, 0, usage, 0, 7 * NANO))  # more than any tier costs
    assert one.service_tier == "priority"
    assert list(by_tier(FAST, at, HourUse(1, 0, Usage(requests=0), 0, 0))) == []
