"""The price of the next unit is what the bill says that it costs: tiers, allowances, service tiers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.marginal import next_unit
from rechenwerk.contracts.ports import Deployed, Used
from rechenwerk.contracts.pricing import lots
from rechenwerk.contracts.progress import Progress, price_positions, progress
from rechenwerk.contracts.terms import (
    FreeAllowance,
    Interval,
    Measure,
    OnDemand,
    Pricing,
    Tier,
    Tiers,
)
from rechenwerk.ledger.prices import price_list
from tests.unit.contract_examples import hour, uses

RATES = {"m": price_list({"input": "2", "output": "8"}), "n": price_list({"input": "1", "output": "1"})}
NOW = hour("2026-05-20T12")
STEPS = (
    Tier(),
    Tier(above=Decimal(10), factor=Decimal("0.75")),
    Tier(above=Decimal(40), factor=Decimal("0.5")),
)
COUNTS = tuple(msgspec.structs.replace(step, above=step.above * 1_000_000) for step in STEPS)
INTERVALS = st.sampled_from(("day", "week", "month", "quarter", "year"))
USED = st.lists(
    st.builds(
        Used,
        hour=st.integers(0, 139 * 24 + 12).map(lambda step: hour("2026-01-01T00") + 3600 * step),
        deployment=st.sampled_from(("m", "n")),
        usage=st.builds(
            Usage,
            input=st.integers(0, 9_000_000),
            output=st.integers(0, 3_000_000),
            requests=st.just(0),
        ),
        service_tier=st.sampled_from(("standard", "priority")),
    ),
    max_size=12,
)


def deployed(name: str, tier: str) -> Deployed:
    return Deployed(name=name, model=name, provider="p", contract="c", rates=RATES[name], service_tier=tier)


def tiers(measure: Measure, per: Interval) -> Tiers:
    return Tiers(measure=measure, per=per, steps=STEPS if measure == "spend" else COUNTS)


def free(measure: Measure, per: Interval, each: str) -> FreeAllowance:
    amount = Decimal(5) if measure == "spend" else Decimal(4_000_000)
    return FreeAllowance(
        amount=amount, per=per, measure=measure, each="deployment" if each == "deployment" else "contract"
    )


PRICINGS = st.builds(
    Pricing,
    discount=st.sampled_from((Decimal(0), Decimal("0.25"))),
    factors=st.just({"priority": Decimal(2)}),
    tiers=st.none() | st.builds(tiers, st.sampled_from(("spend", "quantity")), INTERVALS),
    free=st.none()
    | st.builds(
        free,
        st.sampled_from(("spend", "quantity")),
        INTERVALS,
        st.sampled_from(("deployment", "contract")),
    ),
)


@settings(deadline=None, max_examples=200)
@given(USED, PRICINGS, st.sampled_from(("m", "n")), st.sampled_from(("standard", "priority")), st.data())
def test_the_next_unit_costs_what_it_adds_to_the_bill(
    use: list[Used], pricing: Pricing, name: str, tier: str, data: st.DataObject
) -> None:
    contract = OnDemand(name="c", provider="p", pricing=pricing)
    bucket = data.draw(st.sampled_from(("input", "output")))
    one = Used(hour=NOW, deployment=name, usage=Usage(**{bucket: 1}, requests=0), service_tier=tier)

    def bill(some: list[Used]) -> Fraction:
        return sum((lot.amount for lot in lots(contract, RATES, some)), Fraction(0))

    past = [used for used in use if used.hour < NOW]
    at = progress(contract, RATES, past, NOW)
    left = at.free(contract, name)
    assume(not 0 < left < 20)  # a unit that is free in part only
    added = bill([*past, one]) - bill(past)
    said = next_unit(contract, deployed(name, tier), {}, at=at).rates[BUCKETS.index(bucket)]
    if pricing.tiers is not None:  # a unit may stand across the line between two tiers
        later = progress(contract, RATES, [*past, one], NOW)
        beyond = next_unit(contract, deployed(name, tier), {}, at=later).rates[BUCKETS.index(bucket)]
        assert min(said, beyond) <= added <= max(said, beyond)
    else:
        assert added == said


# Tokens so far by month; million tokens at 2 and 8 a million.
@pytest.mark.parametrize(
    ("use", "pricing", "rows"),
    [
        (
            "2026-05-01T10 m input=3,000,000",
            Pricing(tiers=tiers("spend", "month")),
            ["tier spend 6 of 10"],
        ),
        (
            "2026-04-30T10 m input=9,000,000",
            Pricing(tiers=tiers("spend", "month")),
            ["tier spend 0 of 10"],
        ),
        (
            "2026-04-30T10 m input=9,000,000",
            Pricing(tiers=tiers("spend", "year")),
            ["tier spend 18 of 40"],
        ),
        (
            "2026-05-02T10 m input=50,000,000",
            Pricing(tiers=tiers("quantity", "month")),
            ["tier quantity 50000000 of -"],
        ),
        (
            "2026-05-02T10 m input=1,000,000",
            Pricing(free=free("quantity", "month", "contract")),
            ["allowance quantity 1000000 of 4000000"],
        ),
        ("", Pricing(free=free("quantity", "month", "contract")), ["allowance quantity 0 of 4000000"]),
        (
            "2026-05-02T10 m input=3,000,000\n2026-05-03T10 m input=3,000,000",
            Pricing(free=free("spend", "month", "deployment"), tiers=tiers("spend", "month")),
            ["tier spend 7 of 10", "allowance of m spend 5 of 5"],
        ),
    ],
)
def test_positions_of_prices(use: str, pricing: Pricing, rows: list[str]) -> None:
    contract = OnDemand(name="c", provider="p", pricing=pricing)
    found = price_positions(contract, progress(contract, RATES, uses(use), NOW), NOW)
    whole = [(at, "-" if at.amount is None else at.amount // NANO) for at in found]
    assert [f"{at.kind} {at.measure} {at.drawn // NANO} of {amount}" for at, amount in whole] == rows
    for at in found:
        assert at.remaining == (None if at.amount is None else at.amount - at.drawn)


def test_what_nobody_used_is_untouched() -> None:
    contract = OnDemand(name="c", provider="p", pricing=Pricing(free=free("quantity", "month", "contract")))
    assert Progress().free(contract, "m") == 4_000_000
    assert next_unit(contract, deployed("m", "standard"), {}, at=Progress()).rates[0] == 0
