"""What a call is booked at under a contract, and what it draws from it, version by version."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.charged import charged
from rechenwerk.contracts.draws import cap_drawn, drawn, drawn_all, version_at
from rechenwerk.contracts.ports import HourDraw, Version
from rechenwerk.contracts.position import takes
from rechenwerk.contracts.terms import (
    Block,
    Cap,
    Contract,
    Grant,
    OnDemand,
    OwnHardware,
    PrepaidCredit,
    Pricing,
    Provisioned,
    TakeOrPay,
)
from rechenwerk.ledger.prices import price_list

LISTED = price_list({"input": "2.00", "cached_input": "0.50", "output": "8.00"})
CALL = Usage(input=1000, cached_input=2000, output=500)
"""At list rates 0.002 + 0.001 + 0.004 = 0.007 units."""
OFF = Pricing(discount=Decimal("0.1"), factors={"standard": Decimal("0.5"), "batch": Decimal("0.25")})
CONTRACTS: tuple[tuple[Contract, str], ...] = (
    (OnDemand(name="c", provider="p"), "0.007"),
    (OnDemand(name="c", provider="p", pricing=OFF), "0.00315"),
    (PrepaidCredit(name="c", provider="p", balance=Decimal(5)), "0.007"),
    (TakeOrPay(name="c", provider="p", minimum=Decimal(5), period="month", pricing=OFF), "0.00315"),
    (
        TakeOrPay(
            name="c",
            provider="p",
            minimum=Decimal(10**6),
            period="month",
            measure="quantity",
            weights={"input": Decimal(1), "cached_input": Decimal("0.5"), "output": Decimal(4)},
            unit_price=Decimal("0.000001"),
        ),
        "0.004",  # 1000 + 1000 + 2000 weighted units
    ),
    (
        Provisioned(
            name="c", provider="p", blocks=(Block(name="PTU", units=Decimal(9), hold_fee=Decimal(1)),)
        ),
        "0",
    ),
    (
        OwnHardware(
            name="c", provider="p", purchase=Decimal(1), months=1, throughput=Decimal(1), pricing=OFF
        ),
        "0.007",
    ),
    (Grant(name="c", provider="p", quantity=Decimal(9), unit="GPU-hour"), "0"),
    (
        Grant(
            name="c",
            provider="p",
            quantity=Decimal(9),
            unit="thousand",
            usage_per_unit=Decimal(1000),
            unit_price=Decimal("0.01"),
        ),
        "0.035",
    ),
)


@pytest.mark.parametrize(("contract", "amount"), CONTRACTS)
def test_what_a_call_is_booked_at(contract: Contract, amount: str) -> None:
    assert charged(contract, LISTED).amount(CALL) == int(Decimal(amount) * NANO)


def test_a_price_without_an_effect_stays_the_same_list() -> None:
    assert charged(OnDemand(name="c", provider="p"), LISTED) is LISTED


def draw(contract: str, hour: int, cost: int, listed: int | None = None, output: int = 1) -> HourDraw:
    return HourDraw(contract, hour, Usage(output=output), cost, cost if listed is None else listed)


UMBRELLA = TakeOrPay(name="umbrella", provider="p", minimum=Decimal(1), period="month", covers=("a", "b"))
DRAWS = (
    draw("a", 3600, 5),
    draw("b", 3600, 7),
    draw("b", 7200, 11),
    draw("c", 7200, 13),
    draw("umbrella", 7200, 17),
)


def test_an_umbrella_counts_what_it_covers_and_its_own() -> None:
    assert drawn([Version(0.0, UMBRELLA)], DRAWS).hours == {3600: 12, 7200: 28}
    found = drawn_all(
        {"umbrella": [Version(0.0, UMBRELLA)], "c": [Version(0.0, OnDemand(name="c", provider="p"))]}, DRAWS
    )
    assert {name: dict(one.hours) for name, one in found.items()} == {
        "umbrella": {3600: 12, 7200: 28},
        "c": {7200: 13},
    }


def test_hours_before_a_change_count_by_the_terms_of_their_time() -> None:
    narrower = TakeOrPay(name="umbrella", provider="p", minimum=Decimal(1), period="month", covers=("a",))
    versions = [Version(0.0, UMBRELLA), Version(5000.0, narrower)]
    assert drawn(versions, DRAWS).hours == {3600: 12, 7200: 17}
    assert version_at(versions, 4999.0) is UMBRELLA
    assert version_at(versions, 5000.0) is narrower
    assert version_at([Version(99.0, narrower)], 1.0) is narrower, "the first holds for what came before"
    both = [Version(0.0, UMBRELLA), Version(0.0, narrower)]
    assert version_at(both, 1.0) is narrower, "of two from the same moment the later one"


def test_list_rates_count_where_the_contract_says_so() -> None:
    at_list = TakeOrPay(
        name="u", provider="p", minimum=Decimal(1), period="month", covers=("a",), counts="list"
    )
    assert drawn([Version(0.0, at_list)], [draw("a", 3600, 5, listed=50)]).hours == {3600: 50}


@given(
    st.sampled_from([contract for contract, _ in CONTRACTS]),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**12)), min_size=1, max_size=5),
)
def test_many_hours_are_counted_as_one_by_one(contract: Contract, hours: list[tuple[int, int]]) -> None:
    draws = [
        HourDraw("c", 3600 * at, Usage(input=tokens, output=tokens // 3, seconds=tokens % 7), cost, cost + 1)
        for at, (tokens, cost) in enumerate(hours)
    ]
    one_by_one = {draw.hour: takes(contract, draw.usage, draw.cost, draw.listed) for draw in draws}
    assert drawn([Version(0.0, contract)], draws).hours == one_by_one


def test_a_cap_counts_in_its_own_measure() -> None:
    money = Cap(amount=Decimal(1), per="day", measure="spend")
    weighed = Cap(amount=Decimal(1), per="day", weights={"output": Decimal(3)})
    contract = OnDemand(name="a", provider="p", caps=(money, weighed))
    draws = [draw("a", 3600, 5, output=2), draw("b", 3600, 9)]
    assert cap_drawn(contract, money, draws).hours == {3600: 5}
    assert cap_drawn(contract, weighed, draws).hours == {3600: 6 * NANO}
