"""What contracts cost in a month, what is only paid in it, and who bears it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import assume, find, given, settings
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.bill import Billed, Piece, bill
from rechenwerk.contracts.check_terms import check_alone
from rechenwerk.contracts.costs import Cost, Served, cost_of, pieces_of, share_out
from rechenwerk.contracts.periods import HOUR, Span, add_months, begins, month_span
from rechenwerk.contracts.ports import Charge, Contract, Energy, Used
from rechenwerk.contracts.terms import (
    Block,
    FreeAllowance,
    Grant,
    OnDemand,
    Overflow,
    OwnHardware,
    PrepaidCredit,
    Pricing,
    Provisioned,
    Shortfall,
    TakeOrPay,
    Tier,
    Tiers,
)
from rechenwerk.ledger.prices import price_list
from tests.unit.contract_examples import hour, uses

RATES = {"m": price_list({"input": "1"})}
JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))


def cost(
    contract: Contract,
    use: Sequence[Used] | str,
    span: Span | date,
    covered: Sequence[Charge] = (),
    energy: Energy | None = None,
) -> Cost:
    """Of a month, or of a part of one."""
    span = month_span(span) if isinstance(span, date) else span
    use = uses(use) if isinstance(use, str) else use
    found = bill(contract, RATES, use, span, covered=covered, energy=energy)
    result = cost_of(Billed(Piece(span, contract), found, use), RATES)
    assert result.due == found.due == result.prepaid + sum(part.amount for part in result.parts)
    return result


def euros(nano: int) -> str:
    return f"{Decimal(nano) / NANO:.2f}"


def told(found: Cost) -> str:
    """Due, prepaid, and each part as ``sort amount @ share in use``."""
    parts = ", ".join(f"{part.sort} {euros(part.amount)} @ {float(part.used):g}" for part in found.parts)
    return f"{euros(found.due)} = {euros(found.prepaid)} prepaid + {parts}"


# A million input tokens cost 1.00.
CREDIT = PrepaidCredit(
    name="c",
    provider="p",
    starts=JANUARY,
    ends=date(2026, 2, 28),
    balance=Decimal(120),
    paid=Decimal(100),
)
CREDIT_USE = """
2026-01-10T10  m  input=60,000,000
2026-02-10T10  m  input=30,000,000
"""
TERM = Provisioned(
    name="c",
    provider="p",
    starts=JANUARY,
    ends=date(2026, 3, 31),
    upfront=Decimal("0.5"),
    blocks=(Block(name="u", units=Decimal(1), hold_fee=Decimal(10), per="day", throughput=Decimal(1000)),),
)
ANCHORED = Provisioned(
    name="c",
    provider="p",
    starts=date(2026, 1, 15),
    anchor="starts",
    blocks=(Block(name="u", units=Decimal(1), hold_fee=Decimal(31), per="month"),),
)
LATER = TakeOrPay(
    name="c",
    provider="p",
    starts=JANUARY,
    ends=date(2026, 12, 31),
    minimum=Decimal(100),
    period="month",
    shortfall=Shortfall(rule="prepayment", months=1),
)
LATER_USE = """
2026-01-10T10  m  input=40,000,000
2026-02-10T10  m  input=50,000,000
"""

MONTHS: dict[str, tuple[Contract, str, date, str]] = {
    # 60 of 120 drawn: it cost 100, so that is 50; the other half is prepaid.
    "a credit, bought": (
        CREDIT,
        CREDIT_USE,
        JANUARY,
        "100.00 = 50.00 prepaid + use 60.00 @ 1, discount -10.00 @ 1",
    ),
    # 30 drawn for 25; the last 30 of the credit, for which 25 were paid, expire.
    "a credit, expired": (
        CREDIT,
        CREDIT_USE,
        FEBRUARY,
        "0.00 = -50.00 prepaid + use 30.00 @ 1, discount -5.00 @ 1, expired 25.00 @ 0",
    ),
    "a credit that rolls over is lost to nobody": (
        msgspec.structs.replace(CREDIT, rolls_over=True),
        CREDIT_USE,
        FEBRUARY,
        "0.00 = -25.00 prepaid + use 30.00 @ 1, discount -5.00 @ 1",
    ),
    # 90 days of 10; half of it at once. 310 of January were used for a day of 24 hours' throughput: 1/31.
    "a term, half of it upfront": (
        TERM,
        "2026-01-10T00 x24  m  input=60,000",
        JANUARY,
        "605.00 = 295.00 prepaid + fee 310.00 @ 0.0322581",
    ),
    "a term, in its last month": (TERM, "", MARCH, "155.00 = -155.00 prepaid + fee 310.00 @ 0"),
    # The month from the 15th is paid when it begins; 17 of its 31 days are January's.
    "months from the first day": (ANCHORED, "", JANUARY, "31.00 = 14.00 prepaid + fee 17.00 @ 0"),
    # 14 days of it, and 14 of the 28 of the next one.
    "months from the first day, second": (ANCHORED, "", FEBRUARY, "31.00 = 1.50 prepaid + fee 29.50 @ 0"),
    # The month from the 15th is paid whole, though the contract ends after 20 of its days, 3 in February.
    "months from the first day, cut short": (
        msgspec.structs.replace(ANCHORED, ends=date(2026, 2, 3)),
        "",
        FEBRUARY,
        "0.00 = -4.65 prepaid + fee 4.65 @ 0",
    ),
    # Nothing is told of its size: an hour in which it was used was used whole.
    "capacity of unknown size": (
        ANCHORED,
        "2026-01-20T00 x204  m  input=1",
        JANUARY,
        "31.00 = 14.00 prepaid + fee 17.00 @ 0.5",
    ),
    "a shortfall that pays later charges": (
        LATER,
        LATER_USE,
        JANUARY,
        "100.00 = 60.00 prepaid + use 40.00 @ 1",
    ),
    # 50 of the 60 pay February's use, which then counts nothing: 100 are missed. The last 10 expire in March.
    "a shortfall, used": (
        LATER,
        LATER_USE,
        FEBRUARY,
        "100.00 = 40.00 prepaid + use 50.00 @ 1, expired 10.00 @ 0",
    ),
    "a shortfall that is lost": (
        msgspec.structs.replace(LATER, shortfall=Shortfall()),
        LATER_USE,
        FEBRUARY,
        "100.00 = 0.00 prepaid + use 50.00 @ 1, shortfall 50.00 @ 0",
    ),
}


@pytest.mark.parametrize("name", MONTHS)
def test_a_month_of(name: str) -> None:
    contract, use, day, expected = MONTHS[name]
    assert told(cost(contract, use, day)) == expected


def test_a_machine_with_its_site_s_energy() -> None:
    machine = OwnHardware(
        name="c",
        provider="p",
        starts=date(2025, 12, 20),
        purchase=Decimal(3000),
        residual=Decimal(600),
        months=24,
        upkeep=Decimal(62),
        idle_kw=Decimal("0.5"),
        load_kw=Decimal(2),
        throughput=Decimal(1000),
    )

    def energy(second: int) -> Decimal:
        return Decimal("0.40") if second // HOUR % 24 < 12 else Decimal("0.20")

    # Twelve hours at full load by day: 1.5 kW more at 0.40. The rest draws 0.5 kW at 0.30 in the mean.
    found = cost(machine, "2026-01-05T00 x12  m  input=60,000", JANUARY, energy=energy)
    load = "@ 0.016129"
    assert told(found) == (
        f"280.80 = 0.00 prepaid + depreciation 100.00 {load}, upkeep 62.00 {load}, energy 111.60 {load},"
        " energy 7.20 @ 1"
    )
    # Ten days of it: 10/31 of what does not depend on use.
    part = (begins(JANUARY), begins(date(2026, 1, 11)))
    found = cost(machine, "2026-01-05T00 x12  m  input=60,000", part, energy=energy)
    assert [euros(one.amount) for one in found.parts] == ["32.26", "20.00", "36.00", "7.20"]
    assert {one.used for one in found.parts} == {Fraction(12, 240), Fraction(1)}


def served(**fields: object) -> Served:
    base = {
        "organisation": 1,
        "project": 1,
        "deployment": 1,
        "endpoint": "chat",
        "contract": "c",
        "usage": (0, 0, 0, 0, 0, 0, 0, 1),
        "booked": 0,
        "listed": 0,
    }
    return Served(**{**base, **fields})  # type: ignore[arg-type]


CALLS = st.builds(
    served,
    project=st.integers(1, 3),
    contract=st.sampled_from(("c", "another")),
    usage=st.tuples(*[st.integers(0, 10**9)] * 8),
    booked=st.integers(0, 10**15),
    listed=st.integers(0, 10**15),
)


def test_what_is_shared_out_adds_up_whatever_the_key() -> None:
    found = cost(TERM, "2026-01-10T00 x24  m  input=60,000", JANUARY)
    calls = [
        served(project=at, usage=(n, 0, 0, 0, 0, 0, 0, 1)) for at, n in enumerate((480_000, 480_000, 480_000))
    ]
    shared = share_out([found], calls)
    assert shared.key == "weighted units"
    assert shared.idle == 300 * NANO
    assert shared.amounts == (3_333_333_333, 3_333_333_334, 3_333_333_333)
    tokens = share_out([found], [served(usage=(0, 0, 0, 0, 0, 3, 0, 1)), served(project=2)])
    assert (tokens.key, tokens.amounts) == ("requests", (5 * NANO, 5 * NANO))
    assert share_out([found], []) == share_out([found], ())
    assert share_out([found], []).idle == 310 * NANO


def test_what_calls_were_booked_at_is_part_of_what_use_bears() -> None:
    tiers = OnDemand(name="c", provider="p", pricing=Pricing(discount=Decimal("0.25")))
    found = cost(tiers, "2026-01-10T10  m  input=4,000,000", JANUARY)
    calls = [
        served(booked=2 * NANO, listed=2 * NANO),
        served(project=2, booked=2 * NANO, listed=2 * NANO),
    ]
    shared = share_out([found], calls)
    assert (shared.key, shared.idle) == ("spend at list rates", 0)
    assert shared.amounts == (-NANO // 2, -NANO // 2)


def test_the_discount_of_an_umbrella_goes_to_those_that_it_covers() -> None:
    umbrella = TakeOrPay(
        name="u",
        provider="p",
        starts=JANUARY,
        ends=date(2026, 1, 31),
        minimum=Decimal(80),
        pricing=Pricing(discount=Decimal("0.1")),
        covers=("c",),
    )
    charge = Charge(hour("2026-01-10T10"), 60 * NANO)
    found = cost(umbrella, "", JANUARY, covered=[charge])
    # 60 less 10 % are 54 of 80: 26 are missed.
    assert told(found) == "20.00 = 0.00 prepaid + discount -6.00 @ 1, shortfall 26.00 @ 0"
    shared = share_out([found], [served(booked=60 * NANO, listed=60 * NANO), served(contract="other")])
    assert shared.amounts == (-6 * NANO, 0)
    assert shared.idle == 26 * NANO


def test_terms_cut_a_month() -> None:
    one, two = OnDemand(name="c", provider="p"), OnDemand(name="c", provider="q")
    middle = begins(date(2026, 1, 16))
    span = month_span(JANUARY)
    assert list(pieces_of([(0, one)], span)) == [(span, one)]
    assert list(pieces_of([(0, one), (middle + 1800, two)], span)) == [
        ((span[0], middle), one),
        ((middle, span[1]), two),
    ]
    assert list(pieces_of([(0, one), (span[0] - 5, two)], span)) == [(span, two)]
    assert list(pieces_of([(0, one), (span[1], two)], span)) == [(span, one)]


AMOUNTS = st.decimals("0.01", "5000", places=2)
SHARES = st.decimals("0", "0.9", places=1)
STARTS = st.dates(date(2025, 10, 1), date(2026, 2, 27))
LENGTHS = st.integers(20, 400)
PRICINGS = st.builds(
    Pricing,
    discount=SHARES,
    free=st.none() | st.builds(FreeAllowance, amount=AMOUNTS, per=st.sampled_from(("day", "month", "term"))),
    tiers=st.none()
    | st.builds(
        Tiers,
        measure=st.just("quantity"),
        per=st.sampled_from(("month", "year")),
        applies=st.sampled_from(("marginal", "all-unit")),
        steps=st.builds(lambda above, factor: (Tier(), Tier(above=above, factor=factor)), AMOUNTS, SHARES),
    ),
)
BLOCKS = st.builds(
    Block,
    name=st.sampled_from(("in", "out")),
    units=st.decimals("1", "9", places=0),
    hold_fee=AMOUNTS,
    use_fee=st.none() | AMOUNTS,
    per=st.sampled_from(("hour", "day", "week", "month", "term")),
    throughput=st.none() | AMOUNTS,
    measure=st.sampled_from(("spend", "quantity")),
)
SENSIBLE: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    OnDemand: {"pricing": PRICINGS},
    PrepaidCredit: {"balance": AMOUNTS, "paid": st.none() | AMOUNTS, "rolls_over": st.booleans()},
    TakeOrPay: {
        "minimum": AMOUNTS,
        "period": st.sampled_from(("hour", "month", "quarter", "term")),
        "pricing": PRICINGS,
        "committed_discount": SHARES,
        "shortfall": st.builds(Shortfall, rule=st.sampled_from(("pay", "carry")))
        | st.builds(Shortfall, rule=st.just("prepayment"), months=st.integers(1, 3)),
    },
    Provisioned: {
        "blocks": st.lists(BLOCKS, min_size=1, max_size=3).map(tuple),
        "upfront": SHARES,
        "overflow": st.builds(Overflow, rule=st.sampled_from(("refuse", "shared"))),
    },
    OwnHardware: {
        "purchase": AMOUNTS,
        "months": st.integers(1, 60),
        "throughput": AMOUNTS,
        "upkeep": AMOUNTS,
        "idle_kw": SHARES,
        "load_kw": AMOUNTS,
    },
    Grant: {"quantity": AMOUNTS, "unit": st.just("token"), "unit_price": SHARES, "carries": st.booleans()},
}


@st.composite
def sensible(draw: st.DrawFn) -> Contract:
    """A contract that may be applied."""
    kind = draw(st.sampled_from(list(SENSIBLE)))
    starts = draw(STARTS)
    fields = {
        "name": "c",
        "provider": "p",
        "starts": starts,
        "ends": starts + timedelta(days=draw(LENGTHS)),
        "anchor": draw(st.sampled_from(("calendar", "starts"))),
        **{name: draw(strategy) for name, strategy in SENSIBLE[kind].items()},
    }
    found: Contract = kind(**fields)
    assume(not check_alone(found))
    return found


def test_there_are_sensible_contracts_of_every_kind() -> None:
    for kind in SENSIBLE:
        find(sensible(), lambda one, kind=kind: isinstance(one, kind))  # type: ignore[misc]


@settings(max_examples=300, deadline=None)
@given(sensible(), st.lists(st.tuples(st.integers(0, 58 * 24), st.integers(0, 10**9)), max_size=4), st.data())
def test_whatever_the_terms_nothing_is_lost(
    contract: Contract, spikes: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Due is what was prepaid and what use bears and what was idle; `cost` asserts the first."""
    use = [
        Used(hour=begins(JANUARY) + at * HOUR, deployment="m", usage=Usage(input=count))
        for at, count in sorted(spikes)
    ]
    found = cost(contract, use, FEBRUARY)
    assert all(0 <= part.used <= 1 for part in found.parts)
    calls = data.draw(st.lists(CALLS, max_size=4))
    shared = share_out([found], calls)
    booked = sum(one.booked for one in calls if one.contract == contract.name)
    assert sum(shared.amounts) + shared.idle + booked == sum(part.amount for part in found.parts)
    assert not any(n for n, one in zip(shared.amounts, calls, strict=True) if one.contract == "another")


@settings(max_examples=100, deadline=None)
@given(sensible())
def test_over_its_term_everything_that_was_paid_becomes_cost(contract: Contract) -> None:
    """Nothing stays prepaid when a contract has ended, nor is more used up than was paid."""
    months = [add_months(date(2025, 10, 1), n) for n in range(22)]
    prepaid = 0
    for month in months:
        prepaid += cost(contract, [], month).prepaid
        assert prepaid >= -len(months)
    rolls = isinstance(contract, PrepaidCredit) and contract.rolls_over
    assert rolls or abs(prepaid) <= len(months)  # a nano-unit of rounding a month
