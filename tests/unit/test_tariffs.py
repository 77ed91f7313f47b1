"""What a call is booked at, and laws that every tariff obeys."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.tariff_lines import exact, line_fields
from rechenwerk.ledger.tariffs import (
    DayUse,
    Step,
    Terms,
    Tier,
    Tiers,
    call_price,
    period_price,
    total,
)

PRICE = {"input": "2.50", "output": "10.00"}
COUNTS = st.integers(0, 50_000_000)
OFF = st.fractions(0, 1, max_denominator=100)


def units(**counts: int) -> tuple[int, ...]:
    """Counts in the order of the buckets; no request is counted unless it is named."""
    return Usage(**{"requests": 0, **counts}).counts()


def month(terms: Terms, *days: DayUse, share: Fraction = Fraction(1)) -> int:
    return total(period_price(terms, days, share))


def days_of(counts: int, per_day: int) -> DayUse:
    return DayUse(units(input=counts, output=per_day))


@pytest.mark.parametrize(
    ("terms", "off", "usage", "cost", "price"),
    [
        # per unit: 3 x 2500 + 7 x 10000 nano-units
        (Terms(price=PRICE), "0", {"input": 3, "output": 7}, 999, 77_500),
        (Terms(price=PRICE), "0.10", {"input": 3, "output": 7}, 999, 69_750),
        (Terms(price=PRICE), "1", {"input": 3, "output": 7}, 999, 0),
        # cached tokens are counted once: as input where they have no price, else at their own
        (Terms(price=PRICE), "0", {"input": 2, "cached_input": 1}, 0, 7_500),
        (Terms(price={**PRICE, "cached_input": "0.50"}), "0", {"input": 2, "cached_input": 1}, 0, 5_500),
        (Terms(price=PRICE), "0", {"output": 2, "reasoning": 5}, 0, 70_000),
        # half-even, once: 0.5 is 0, 1.5 is 2
        (Terms(price={"input": "0.0005"}), "0", {"input": 1}, 0, 0),
        (Terms(price={"input": "0.0005"}), "0", {"input": 3}, 0, 2),
        (Terms(price={"input": "0.001"}), "0.5", {"input": 3}, 0, 2),
        # cost plus, and what is added to it
        (Terms(cost_plus=Decimal("0.15")), "0", {"input": 3}, 1_000, 1_150),
        (Terms(cost_plus=Decimal("0.15")), "0.10", {"input": 3}, 1_000, 1_035),
        (Terms(cost_plus=Decimal(0)), "0", {"input": 3}, 7, 7),
        (Terms(cost_plus=Decimal("0.5")), "0", {"input": 3}, 1, 2),
        (Terms(cost_plus=Decimal("0.5"), price={"requests": "0.000000001"}), "0", {"requests": 1}, 1, 2),
        (Terms(cost_plus=Decimal("0.15"), price={"input": "1"}), "0", {"input": 3}, 1_000, 4_150),
        # a flat rate: use is included; tiers, allowance and minimum wait for the month
        (Terms(fee=Decimal(99)), "0", {"input": 3, "output": 7}, 1_000, 0),
        (Terms(price=PRICE, minimum=Decimal(50), free={"input": 100}), "0", {"input": 3}, 0, 7_500),
    ],
)
def test_a_call_is_booked_at(terms: Terms, off: str, usage: dict[str, int], cost: int, price: int) -> None:
    assert call_price(terms, Decimal(off)).amount(Usage(**{"requests": 0, **usage}), cost) == price


TIERS = st.lists(
    st.tuples(st.integers(1, 40_000_000), st.integers(0, 5_000)), max_size=4, unique_by=lambda one: one[0]
)


@st.composite
def linear(draw: Any) -> Terms:
    """Tariffs that price every unit by itself."""
    price = {"input": str(draw(st.decimals(0, 9, places=3)))}
    for bucket in ("cached_input", "output", "reasoning", "requests"):
        if draw(st.booleans()):
            price[bucket] = str(draw(st.decimals(0, 9, places=3)))
    plus = draw(st.none() | st.decimals("0", "3", places=2))
    return Terms(price=price, cost_plus=plus)


@st.composite
def tiered(draw: Any, applies: Any = "marginal") -> Terms:
    """Tariffs with tiers of input."""
    steps = tuple(
        Tier(above=Decimal(above), rate=Decimal(rate) / 1000) for above, rate in sorted(draw(TIERS))
    )
    tiers = (Tiers(bucket="input", steps=steps, applies=applies),) if steps else ()
    return Terms(price={"input": str(draw(st.decimals(0, 5, places=3)))}, tiers=tiers)


@given(linear(), st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS), st.integers(0, 10**12), OFF)
def test_a_hold_bounds_every_call(terms: Terms, usage: Usage, cost: int, off: Fraction) -> None:
    price = call_price(terms, off)
    into, out = usage.input + usage.cached_input + usage.cache_write, usage.output + usage.reasoning
    assert price.amount(usage, cost) <= price.highest(into, out, 1, cost)


@given(linear(), st.lists(st.tuples(COUNTS, COUNTS, COUNTS), max_size=6), st.integers(0, 10**9), OFF)
def test_a_linear_month_is_the_sum_of_its_parts(
    terms: Terms, parts: list[tuple[int, int, int]], cost: int, off: Fraction
) -> None:
    days = [DayUse(units(input=a, cached_input=b, output=c), cost, off) for a, b, c in parts]
    whole = DayUse(
        tuple(map(sum, zip(units(), *[day.counts for day in days], strict=True))), cost * len(days), off
    )
    assert month(terms, *days) == month(terms, whole)
    assert month(terms, *days) == month(terms, *reversed(days))
    # The exact sums are equal; each line is rounded once, so parts are off by half a nano-unit a line.
    lines = sum(len(period_price(terms, [day])) for day in days)
    assert abs(month(terms, *days) - sum(month(terms, day) for day in days)) <= lines + 1


@given(tiered(), COUNTS, COUNTS)
def test_marginal_tiers_never_fall(terms: Terms, less: int, more: int) -> None:
    assert month(terms, days_of(less, 0)) <= month(terms, days_of(less + more, 0))


@given(tiered(), COUNTS)
def test_marginal_tiers_lie_between_their_lowest_and_highest_rate(terms: Terms, count: int) -> None:
    rates = [Fraction(terms.price["input"]) * 1000]
    rates += [Fraction(step.rate) * 1000 for tiers in terms.tiers for step in tiers.steps]
    lines = 1 + len(rates)
    assert count * min(rates) - lines <= month(terms, days_of(count, 0)) <= count * max(rates) + lines


@given(tiered("all-unit"), COUNTS)
def test_all_unit_tiers_bill_every_unit_at_one_rate(terms: Terms, count: int) -> None:
    lines = period_price(terms, [days_of(count, 0)])
    assert len(lines) <= 1
    steps = [step for tiers in terms.tiers for step in tiers.steps if step.above < count]
    rate = Fraction(steps[-1].rate) if steps else Fraction(terms.price["input"])
    assert total(lines) == round(count * rate * 1000)


@given(st.integers(1, 10**6), COUNTS, st.integers(0, 10**7))
def test_a_step_bills_whole_steps(size: int, count: int, free: int) -> None:
    step = Step(size=size, buckets=("input",))
    terms = Terms(price={"input": "1"}, step=step, free={"input": free} if free else {})
    left = max(count - free, 0)
    assert month(terms, days_of(count, 0)) == -(-left // size) * size * 1000


@given(linear(), COUNTS, st.decimals(0, 10**6, places=2), st.fractions("1/1000", 1, max_denominator=1000))
def test_a_month_is_never_below_its_minimum(
    terms: Terms, count: int, minimum: Decimal, share: Fraction
) -> None:
    with_minimum = Terms(price=terms.price, cost_plus=terms.cost_plus, minimum=minimum)
    use = DayUse(units(input=count, output=count), count)
    least = round(Fraction(minimum) * NANO * share)
    assert month(with_minimum, use, share=share) == max(month(terms, use, share=share), least)


@given(linear(), COUNTS, st.decimals(0, 10**6, places=2), st.fractions("1/1000", 1, max_denominator=1000))
def test_what_is_included_in_money_comes_off_use_and_never_more(
    terms: Terms, count: int, included: Decimal, share: Fraction
) -> None:
    with_included = Terms(price=terms.price, cost_plus=terms.cost_plus, included=included)
    use = DayUse(units(input=count, output=count), count)
    most = round(Fraction(included) * NANO * share)
    assert month(with_included, use, share=share) == max(0, month(terms, use, share=share) - most)


def test_a_million_small_calls_drift_and_the_month_mends_it() -> None:
    """0.4 nano-units a call are booked as nothing, 0.6 as one: the month knows the sum."""
    for rate, booked, owed in (
        ("0.0004", 0, 400_000),
        ("0.0006", 1_000_000, 600_000),
        ("0.0005", 0, 500_000),
    ):
        terms = Terms(price={"input": rate})
        price = call_price(terms)
        each = price.amount(Usage(input=1, requests=0), 0)
        assert each * 1_000_000 == booked
        assert month(terms, days_of(1_000_000, 0)) == owed


def test_fee_and_minimum_are_owed_by_who_used_or_by_everybody() -> None:
    used = Terms(price=PRICE, fee=Decimal(20), minimum=Decimal(5))
    always = Terms(price=PRICE, fee=Decimal(20), minimum=Decimal(5), owed="always")
    assert month(used) == 0
    assert month(always) == 25 * NANO
    assert month(used, days_of(1, 0)) == 25 * NANO


def test_calls_that_a_late_gateway_priced_by_a_version_that_is_over_cost_its_rates() -> None:
    terms = Terms(
        price=PRICE,
        tiers=(Tiers(bucket="input", steps=(Tier(above=Decimal(1), rate=Decimal(1)),)),),
        free={"output": 1000},
        fee=Decimal(20),
        minimum=Decimal(5),
    )
    assert month(terms, days_of(1000, 10), share=Fraction(0)) == 1000 * 2500 + 10 * 10_000


def test_a_discount_of_some_days_is_the_mean_over_the_units() -> None:
    terms = Terms(price={"input": "1"}, free={"input": 1000})
    days = [DayUse(units(input=3000)), DayUse(units(input=1000), 0, Fraction(1, 2))]
    # 3,000 billed units, an eighth off: a quarter of the units at half price
    assert month(terms, *days) == 3000 * 1000 * 7 // 8


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(3), "3"),
        (Fraction(-3, 8), "-0.375"),
        (Fraction(1, 3), "1/3"),
        (Fraction(1, 10**9), "0.000000001"),
        (Fraction(101, 100), "1.01"),
    ],
)
def test_exact_text(value: Fraction, text: str) -> None:
    assert exact(value) == text


@given(st.fractions())
def test_exact_text_reads_back(value: Fraction) -> None:
    assert Fraction(exact(value)) == value


def test_a_line_as_text() -> None:
    (line,) = period_price(
        Terms(price={"input": "2.50"}), [DayUse(units(input=3_200_000), 0, Fraction(1, 10))]
    )
    assert line_fields(line) == {
        "sort": "use",
        "bucket": "input",
        "quantity": "3200000",
        "rate": "2.5",
        "discount": "0.1",
        "above": "",
        "amount": "7.20",
    }
    (line,) = period_price(Terms(cost_plus=Decimal("0.15")), [DayUse(units(), 40 * NANO)])
    assert (line_fields(line)["quantity"], line_fields(line)["rate"]) == ("40", "1.15")
