"""What must hold of bills whatever is used: sums over months, minimums, credits, parts of use."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.bill import month
from rechenwerk.contracts.periods import day_of
from rechenwerk.contracts.ports import Used
from rechenwerk.contracts.terms import (
    Block,
    Contract,
    FreeAllowance,
    Interval,
    OnDemand,
    Overflow,
    PrepaidCredit,
    Pricing,
    Provisioned,
    Shortfall,
    TakeOrPay,
    Tier,
    Tiers,
)
from rechenwerk.ledger.prices import price_list
from tests.unit.contract_examples import hour

RATES = {"m": price_list({"input": "2"})}
MONTHS = [date(2026, number, 1) for number in range(1, 13)]
USE = st.lists(
    st.builds(
        Used,
        hour=st.integers(0, 365 * 24 - 1).map(lambda step: hour("2026-01-01T00") + 3600 * step),
        deployment=st.just("m"),
        usage=st.builds(Usage, input=st.integers(0, 30_000_000), requests=st.just(0)),
    ),
    max_size=8,
)
FEW = settings(deadline=None, max_examples=40)


def due(some: Contract, use: list[Used]) -> list[int]:
    return [month(some, RATES, use, day).due for day in MONTHS]


def million(use: list[Used]) -> Fraction:
    return Fraction(sum(used.usage.input for used in use), 10**6)


def near(nano: int, exact: Fraction, rounded: int = 60) -> bool:
    """To the nano-units that as many rounded lines can be off."""
    return abs(nano - exact * NANO) <= rounded


@FEW
@given(USE, st.sampled_from(("marginal", "all-unit")), st.sampled_from(("quarter", "year")))
def test_tiers_over_the_months_come_to_the_tiers_of_the_interval(
    use: list[Used], applies: str, per: Interval
) -> None:
    steps = (
        Tier(),
        Tier(above=Decimal(10), factor=Decimal("0.8")),
        Tier(above=Decimal(40), factor=Decimal("0.5")),
    )
    tiers = Tiers(
        measure="spend", per=per, steps=steps, applies="marginal" if applies == "marginal" else "all-unit"
    )
    bills = due(OnDemand(name="c", provider="p", pricing=Pricing(tiers=tiers)), use)
    length = 3 if per == "quarter" else 12
    for first in range(0, 12, length):
        inside = [used for used in use if first < day_of(used.hour).month <= first + length]
        listed = million(inside) * 2
        if applies == "marginal":
            none, ten, forty = Fraction(0), Fraction(10), Fraction(40)
            wanted = min(listed, ten) + max(none, min(listed, forty) - 10) * Fraction(4, 5)
            wanted += max(none, listed - 40) / 2
        else:
            wanted = listed * (1 if listed <= 10 else Fraction(4, 5) if listed <= 40 else Fraction(1, 2))
        assert near(sum(bills[first : first + length]), Fraction(wanted))


@FEW
@given(USE, st.integers(1, 200))
def test_a_minimum_is_paid_at_least_and_charges_if_they_are_more(use: list[Used], minimum: int) -> None:
    some = TakeOrPay(
        name="c",
        provider="p",
        starts=date(2026, 1, 1),
        ends=date(2026, 12, 31),
        minimum=Decimal(minimum),
        period="year",
    )
    assert near(sum(due(some, use)), max(Fraction(minimum), million(use) * 2))


@FEW
@given(USE, st.integers(1, 60), st.sampled_from(("0", "0.25")))
def test_every_month_has_its_minimum(use: list[Used], minimum: int, off: str) -> None:
    some = TakeOrPay(
        name="c",
        provider="p",
        starts=date(2026, 1, 1),
        ends=date(2026, 12, 31),
        minimum=Decimal(minimum),
        period="month",
        committed_discount=Decimal(off),
    )
    for bill, day in zip(due(some, use), MONTHS, strict=True):
        listed = million([used for used in use if day_of(used.hour).month == day.month]) * 2
        cover = Fraction(minimum) / (1 - Fraction(off))
        assert near(bill, Fraction(minimum) + max(Fraction(0), listed - cover))


@FEW
@given(USE, st.integers(1, 60), st.integers(1, 24))
def test_a_prepaid_shortfall_is_paid_once(use: list[Used], minimum: int, months: int) -> None:
    """In all a year costs no more than with a lost shortfall, and no less than what was used."""
    lost, kept = (
        TakeOrPay(
            name="c",
            provider="p",
            starts=date(2026, 1, 1),
            ends=date(2026, 12, 31),
            minimum=Decimal(minimum),
            period="quarter",
            shortfall=shortfall,
        )
        for shortfall in (Shortfall(), Shortfall(rule="prepayment", months=months))
    )
    paid = [sum(due(some, use)) for some in (lost, kept)]
    assert paid[1] >= million(use) * 2 * NANO - 60
    assert paid[1] <= paid[0] + 60
    first = [month(some, RATES, use, day).due for some in (lost, kept) for day in MONTHS[:3]]
    assert first[:3] == first[3:], "until the first shortfall there is no difference"


@FEW
@given(USE, st.integers(1, 100))
def test_a_credit_and_what_it_does_not_pay_come_to_what_was_used(use: list[Used], balance: int) -> None:
    some = PrepaidCredit(
        name="c", provider="p", starts=date(2026, 1, 1), ends=date(2026, 12, 31), balance=Decimal(balance)
    )
    assert near(sum(due(some, use)), max(Fraction(balance), million(use) * 2))


@FEW
@given(USE, st.integers(1, 60))
def test_an_allowance_is_free_once(use: list[Used], free: int) -> None:
    pricing = Pricing(free=FreeAllowance(amount=Decimal(free) * 10**6, per="term"))
    some = OnDemand(name="c", provider="p", starts=date(2026, 1, 1), ends=date(2026, 12, 31), pricing=pricing)
    assert near(sum(due(some, use)), max(Fraction(0), million(use) - free) * 2)


@FEW
@given(USE, st.integers(1, 60))
def test_what_fits_into_capacity_costs_its_fee_only(use: list[Used], units: int) -> None:
    block = Block(
        name="unit", units=Decimal(units), hold_fee=Decimal(1), per="hour", throughput=Decimal(10_000)
    )
    some = Provisioned(name="c", provider="p", blocks=(block,), overflow=Overflow(rule="shared"))
    room = units * 10_000 * 60
    by_hour: dict[int, int] = {}
    for used in use:
        by_hour[used.hour] = by_hour.get(used.hour, 0) + used.usage.input
    past = sum(max(0, wanted - room) for wanted in by_hour.values())
    exact = Fraction(units * 365 * 24) + Fraction(past * 2, 10**6)
    # a spilled share is rounded to whole tokens, 2,000 nano-units each
    assert near(sum(due(some, use)), exact, 60 + 2_000 * ceil(len(use)))


@FEW
@given(USE, st.data())
def test_use_in_parts_costs_the_same(use: list[Used], data: st.DataObject) -> None:
    """Whether an hour comes as one sum or call by call, where nothing rounds by the call."""
    parts = []
    for used in use:
        cut = data.draw(st.integers(0, used.usage.input))
        parts += [
            Used(hour=used.hour, deployment="m", usage=Usage(input=count, requests=0))
            for count in (cut, used.usage.input - cut)
        ]
    tiers = Tiers(
        measure="quantity", per="month", steps=(Tier(), Tier(above=Decimal(10**7), factor=Decimal("0.5")))
    )
    some = OnDemand(name="c", provider="p", pricing=Pricing(tiers=tiers, discount=Decimal("0.1")))
    assert due(some, use) == due(some, parts)
