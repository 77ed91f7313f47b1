"""Positions: the same however they come about; forecasts, and what is told in time."""

from __future__ import annotations

import random
import tomllib
from datetime import date
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.alerts import alerts
from rechenwerk.contracts.bill import month
from rechenwerk.contracts.periods import DAY, HOUR, begins, day_of
from rechenwerk.contracts.ports import Charge, Drawn, Position
from rechenwerk.contracts.position import apply, cap_standing, fold, position, standing, takes
from rechenwerk.contracts.terms import (
    Cap,
    Contract,
    Grant,
    OnDemand,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
)
from rechenwerk.ledger.prices import price_list
from tests.unit.contract_examples import hour, uses
from tests.unit.contract_strategies import contracts

FIRST = hour("2026-09-01T00")
CHARGES = st.lists(
    st.builds(
        Charge,
        hour=st.integers(-60 * 24, 20 * 24).map(lambda step: FIRST + HOUR * step),
        amount=st.integers(-5 * NANO, 200 * NANO),
    ),
    max_size=30,
)


def contract(text: str) -> Contract:
    table = {"name": "c", "provider": "p", "kind": "on-demand"} | tomllib.loads(text)
    found: Contract = msgspec.convert(table, Contract)
    return found


@settings(deadline=None, max_examples=100)
@given(contracts(), CHARGES, st.integers(0, 30 * DAY), st.randoms(use_true_random=False))
def test_a_position_is_the_same_charge_by_charge_and_all_at_once(
    some: Contract, charges: list[Charge], later: int, chance: random.Random
) -> None:
    """The fold that is kept call by call, in whatever order they are booked, is the recomputation."""
    now = FIRST + later
    shuffled = list(charges)
    chance.shuffle(shuffled)
    kept = Drawn()
    for charge in shuffled:
        kept = apply(kept, charge)
    assert kept == fold(charges)
    assert standing(some, kept, now) == position(some, charges, now)


@settings(deadline=None, max_examples=60)
@given(contracts((TakeOrPay, PrepaidCredit, Grant)), CHARGES, st.integers(0, 20 * DAY))
def test_what_was_drawn_and_what_remains_add_up(some: Contract, charges: list[Charge], later: int) -> None:
    found = position(some, charges, FIRST + later)
    assert found.total == sum(charge.amount for charge in charges if charge.hour <= FIRST + later)
    if found.amount is not None and 0 <= found.drawn <= found.amount:
        assert found.remaining is not None
        assert found.drawn + found.remaining == found.amount
    if found.forecast is not None:
        assert found.forecast.low <= found.forecast.high
    if found.reached_at is not None:
        assert found.reached_at.low <= found.reached_at.middle <= found.reached_at.high


def daily(amount: str, days: int, until: str = "2026-09-15T00") -> list[Charge]:
    """The same at noon of each of so many days."""
    end = hour(until)
    return [Charge(end - DAY * back + 12 * HOUR, int(Fraction(amount) * NANO)) for back in range(1, days + 1)]


POSITIONS = """
    kind=credit balance=300 starts=2026-09-01 ends=2026-09-30; 10 x 14
        amount 300 drawn 140 remaining 160 unused 0 forecast 300
    kind=credit balance=300 starts=2026-09-01 ends=2026-09-30; 5 x 14
        amount 300 drawn 70 remaining 230 unused 150 forecast 150
    kind=credit balance=100 starts=2026-09-01 ends=2026-09-30; 10 x 14
        amount 100 drawn 140 remaining 0 unused 0 forecast 300
    kind=commitment minimum=300 period=month starts=2026-01-01 ends=2026-12-31; 5 x 14
        amount 300 drawn 70 remaining 230 shortfall 150 forecast 150
    kind=commitment minimum=300 period=month starts=2026-01-01 ends=2026-12-31; 12 x 14
        amount 300 drawn 168 remaining 132 shortfall 0 forecast 360
    kind=commitment minimum=7300 period=year starts=2026-01-01 ends=2026-12-31; 10 x 28
        amount 7300 drawn 280 remaining 7020 shortfall 5940 forecast 1360
    kind=grant quantity=60 per=month starts=2026-07-01 ends=2026-12-31; 1 x 14
        amount 60 drawn 14 remaining 46 unused 30 forecast 30
    kind=grant quantity=60 per=month carries=true starts=2026-08-01 ends=2026-12-31; 1 x 21
        amount 113 drawn 14 remaining 99 unused 83 forecast 30
    kind=plain; 2 x 14
        amount None drawn 28 remaining None forecast 60
"""

KINDS = {
    "credit": "prepaid-credit",
    "commitment": "take-or-pay",
    "grant": 'grant"\nunit = "GPU-hour',
    "plain": "on-demand",
}


def positions() -> list[tuple[Contract, list[Charge], dict[str, str]]]:
    found = []
    lines = POSITIONS.strip().splitlines()
    for line, says in zip(lines[::2], lines[1::2], strict=True):
        terms, drawn = line.split(";")
        told = says.split()
        fields = dict(part.split("=") for part in terms.split())
        kind = KINDS[fields.pop("kind")]
        dates = {key: value for key, value in fields.items() if key in {"starts", "ends", "carries"}}
        text = "\n".join(
            [f'kind = "{kind}"', *(f"{key} = {value}" for key, value in dates.items())]
            + [f'{key} = "{value}"' for key, value in fields.items() if key not in dates]
        )
        each, days = drawn.split(" x ")
        found.append((contract(text), daily(each, int(days)), dict(zip(told[::2], told[1::2], strict=True))))
    return found


def whole(value: int | None) -> str:
    return str(value) if value is None else f"{value / NANO:g}"


@pytest.mark.parametrize(("terms", "charges", "told"), positions())
def test_a_position(terms: Contract, charges: list[Charge], told: dict[str, str]) -> None:
    """At midnight after the 14th of September, with an even draw: the forecast has no width."""
    found = position(terms, charges, hour("2026-09-15T00"))
    says = {key: whole(getattr(found, key)) for key in told if key != "forecast"}
    assert found.forecast is not None
    says["forecast"] = whole(found.forecast.middle)
    assert says == told
    assert found.forecast.low == found.forecast.middle == found.forecast.high


STATUSES = """
    terms                                                        drawn  now         status
    starts=2026-10-01                                            0      2026-09-15  proposed
    status=proposed                                              0      2026-09-15  proposed
    starts=2026-09-01 ends=2026-09-30                            0      2026-09-30  active
    starts=2026-09-01 ends=2026-09-30                            0      2026-10-01  expired
    starts=2026-09-01 ends=2026-09-30                            10     2026-09-15  exhausted
    starts=2026-09-01 ends=2026-09-30                            9      2026-09-15  active
"""


@pytest.mark.parametrize("line", STATUSES.strip().splitlines()[1:])
def test_status(line: str) -> None:
    terms, drawn, now, status = line.rsplit(None, 3)
    fields = dict(part.split("=") for part in terms.split())
    said = {key: date.fromisoformat(value) for key, value in fields.items() if key != "status"}
    credit = msgspec.convert(
        {"name": "c", "provider": "p", "kind": "prepaid-credit", "balance": "10", **fields, **said}, Contract
    )
    charges = [Charge(hour("2026-09-10T00"), int(drawn) * NANO)]
    assert position(credit, charges, begins(date.fromisoformat(now))).status == status


def test_a_grant_that_nobody_uses_is_called_back() -> None:
    terms = contract(
        'kind = "grant"\nquantity = "10"\nunit = "GPU-hour"\nuse_by = 2026-09-10\nstarts = 2026-09-01'
    )
    late, early = (Charge(hour(f"2026-09-{day}T00"), NANO) for day in ("11", "10"))
    now = hour("2026-09-12T00")
    assert [position(terms, some, now).status for some in ([], [late], [early])] == [
        "expired",
        "expired",
        "active",
    ]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 10 * NANO), min_size=1, max_size=40),
    st.sampled_from(("pay", "prepayment", "carry")),
    st.sampled_from(("0", "0.28")),
)
def test_a_minimum_stands_where_its_bill_will_see_it(amounts: list[int], rule: str, off: str) -> None:
    """What the position says is missing at the end of a month is what that month's bill asks for."""
    terms = contract(
        'kind = "take-or-pay"\nminimum = "100"\nperiod = "month"\nstarts = 2026-08-01\nends = 2026-10-31\n'
        f'committed_discount = "{off}"\n[shortfall]\nrule = "{rule}"\nmonths = 12'
    )
    charges = [Charge(hour("2026-08-10T00") + DAY * step, amount) for step, amount in enumerate(amounts)]
    last = hour("2026-09-30T23")
    found = position(terms, charges, last)
    bill = month(terms, {}, [], date(2026, 9, 1), covered=charges)
    short = next((line for line in bill.lines if line.sort == "shortfall"), None)
    missed = max(0, (found.amount or 0) - found.drawn)
    if rule == "carry":
        assert (short is None) == (missed == 0)
    else:
        assert abs((0 if short is None else short.amount) - missed) <= 1  # each rounded by itself


def test_a_forecast_has_a_band_that_widens_with_the_draws() -> None:
    terms = contract('kind = "prepaid-credit"\nbalance = "300"\nstarts = 2026-09-01\nends = 2026-09-30')
    end = hour("2026-09-15T00")
    uneven = [
        Charge(end - DAY * back + HOUR, (16 if back % 2 else 4) * NANO) for back in range(1, 15)
    ]  # ten a day
    found = position(terms, uneven, end)
    # 14 days of 10 with a deviation of 6.2: sixteen more are 160 with one of 6.2 x root(16 + 16 x 16 / 14)
    assert found.forecast is not None
    assert [round(value / NANO) for value in msgspec.structs.astuple(found.forecast)] == [253, 300, 347]
    assert found.reached_at is not None
    assert [str(day_of(at)) for at in (found.reached_at.low, found.reached_at.middle)] == [
        "2026-09-27",
        "2026-10-01",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_the_band_holds_what_it_says(seed: int) -> None:
    """Draws of an uneven week, with noise: eight in ten ends lie within the band, give or take."""
    chance = random.Random(seed)
    terms = contract('kind = "prepaid-credit"\nbalance = "9"\nstarts = 2026-08-01\nends = 2026-09-30')
    start, now, end = (hour(f"2026-{day}T00") for day in ("08-01", "09-05", "10-01"))
    inside = 0
    for _ in range(200):
        level = chance.uniform(5, 15)
        draws = [
            Charge(
                at, round(NANO * level * chance.uniform(0.3, 1.7) * (0.2 if (at // DAY) % 7 in {2, 3} else 1))
            )
            for at in range(start, end, DAY)
        ]
        found = position(terms, [charge for charge in draws if charge.hour < now], now)
        assert found.forecast is not None
        inside += found.forecast.low <= sum(charge.amount for charge in draws) <= found.forecast.high
    assert 140 <= inside <= 195


def test_on_the_first_day_the_forecast_goes_on_as_it_began() -> None:
    terms = contract('kind = "prepaid-credit"\nbalance = "300"\nstarts = 2026-09-01\nends = 2026-09-10')
    found = position(terms, [Charge(FIRST + HOUR, 3 * NANO)], FIRST + 6 * HOUR)
    assert found.forecast is not None
    assert whole(found.forecast.middle) == "120"  # 3 in a quarter of a day, ten days
    nothing = position(terms, [], FIRST + 6 * HOUR)
    assert nothing.forecast is not None
    assert msgspec.structs.astuple(nothing.forecast) == (0, 0, 0)
    assert nothing.unused == 300 * NANO


def test_provisioned_capacity_and_hardware_count_use() -> None:
    block = 'name = "PTU"\nunits = "2"\nhold_fee = "1"\nthroughput = "1000"\nweights = { output = "4" }'
    bought = contract(f'kind = "provisioned"\n[[blocks]]\n{block}')
    machine = contract(
        'kind = "own-hardware"\npurchase = "1"\nmonths = 1\nthroughput = "2000"\nstarts = 2026-01-01'
    )
    assert takes(bought, Usage(input=10, output=5, reasoning=5), cost=7) == 40 * NANO
    assert takes(machine, Usage(input=10, output=5), cost=7) == 15 * NANO
    for terms in (bought, machine):
        found = position(terms, [Charge(FIRST, 1_296_000 * NANO)], FIRST + HOUR)
        assert (whole(found.amount), whole(found.drawn)) == ("8.64e+07", "1.296e+06")  # 2,000 x 60 x 720


def test_what_a_call_draws() -> None:
    usage = Usage(input=1_000_000, output=500_000, seconds=9)
    grant = contract(
        'kind = "grant"\nquantity = "1"\nunit = "h"\nweights = { seconds = "4" }\nusage_per_unit = "3600"'
    )
    assert takes(grant, usage, cost=0) == NANO // 100
    macc = contract('kind = "take-or-pay"\nminimum = "1"\ncounts = "list"')
    assert (takes(macc, usage, 5, listed=9), takes(macc, usage, 5)) == (9, 5)
    assert takes(contract(""), usage, 5, listed=9) == 5


def test_a_cap_stands_like_a_contract() -> None:
    terms = contract("")
    cap = msgspec.convert({"amount": "300", "per": "month", "measure": "spend"}, Cap)
    found = cap_standing(terms, cap, fold(daily("15", 14)), hour("2026-09-15T00"))
    assert (whole(found.drawn), whole(found.remaining), found.status) == ("210", "90", "active")
    assert found.reached_at is not None
    assert str(day_of(found.reached_at.middle)) == "2026-09-21"


ALERTS = """
    # terms; a day x days -> sort, days ahead, message

    kind = "prepaid-credit"; balance = "300"; starts = 2026-09-01; ends = 2026-09-30; 5 x 14
        credit-expires 16 150.00 will expire unused on 2026-09-30; send it more work before
        ends 16 it ends on 2026-09-30; what takes its work after that?

    # nine months ahead, but sure
    kind = "prepaid-credit"; balance = "3000"; starts = 2026-09-01; ends = 2027-06-30; 5 x 14
        credit-expires 289 1,485.00 will expire unused on 2027-06-30; send it more work before

    kind = "prepaid-credit"; balance = "200"; starts = 2026-09-01; ends = 2027-06-30; 10 x 14
        credit-empty 6 60.00 are left and will be gone on 2026-09-21; buy more, or let others take the work

    kind = "take-or-pay"; minimum = "300"; period = "month"; starts = 2026-01-01; ends = 2026-12-31; 5 x 14
        minimum-missed 16 the minimum will be missed by 150.00 on 2026-09-30; send it more work, or talk to \
the provider

    # an hourly commitment is the router's affair
    kind = "take-or-pay"; minimum = "300"; period = "hour"; starts = 2026-01-01; ends = 2026-12-31; 5 x 14

    kind = "on-demand"; starts = 2026-01-01; ends = 2026-10-20; notice_days = 30; renews = "year"; 0 x 1
        notice 6 give notice by 2026-09-20 or it goes on for a year; it ends on 2026-10-20

    kind = "grant"; quantity = "500"; unit = "GPU-hour"; starts = 2026-09-01; ends = 2027-08-31; \
use_by = 2026-09-30; 0 x 1
        idle 16 nothing was drawn yet; it is called back after 2026-09-30, 500.00 GPU-hour are left
        credit-expires 351 500.00 GPU-hour will expire unused on 2027-08-31; send it more work before

    kind = "prepaid-credit"; balance = "300"; rolls_over = true; starts = 2026-09-01; ends = 2026-12-31; \
1 x 14

    status = "proposed"; kind = "prepaid-credit"; balance = "300"; starts = 2026-09-01; \
ends = 2026-09-30; 0 x 1
"""


def told_in_time() -> list[tuple[str, list[str]]]:
    found = []
    for block in ALERTS.strip("\n").split("\n\n")[1:]:
        lines = [line.strip() for line in block.strip().splitlines() if not line.strip().startswith("#")]
        found.append((lines[0], lines[1:]))
    return found


@pytest.mark.parametrize(("terms", "wanted"), told_in_time())
def test_what_is_told_in_time(terms: str, wanted: list[str]) -> None:
    fields, drawn = terms.rsplit(";", 1)
    each, days = drawn.strip().split(" x ")
    some = contract(fields.replace("; ", "\n"))
    now = hour("2026-09-15T00")
    found = alerts(some, position(some, daily(each, int(days)), now), now)
    assert [f"{alert.sort} {alert.days:.0f} {alert.message}" for alert in found] == wanted


def test_a_grant_that_lies_idle() -> None:
    some = contract('kind = "grant"\nquantity = "500"\nunit = "GPU-hour"\nstarts = 2026-08-01')
    charges = [Charge(hour("2026-08-20T00"), 5 * NANO)]
    now = hour("2026-09-15T00")
    assert [alert.message for alert in alerts(some, position(some, charges, now), now)] == [
        "nothing was drawn since 2026-08-20, 495.00 GPU-hour are left"
    ]


@settings(deadline=None, max_examples=100)
@given(contracts(), CHARGES, st.integers(0, 30 * DAY))
def test_alerts_are_one_line_and_lie_ahead(some: Contract, charges: list[Charge], later: int) -> None:
    now = FIRST + later
    for alert in alerts(some, position(some, charges, now), now):
        assert "\n" not in alert.message
        assert alert.at >= now


def test_every_kind_has_a_position() -> None:
    kinds = (OnDemand, PrepaidCredit, TakeOrPay, Provisioned, OwnHardware, Grant)
    assert {kind.__struct_config__.tag for kind in kinds} == {
        "on-demand",
        "prepaid-credit",
        "take-or-pay",
        "provisioned",
        "own-hardware",
        "grant",
    }
    assert isinstance(position(OnDemand(name="c", provider="p"), [], FIRST), Position)


def test_a_bill_and_a_position_count_the_same_credit() -> None:
    terms = contract('kind = "prepaid-credit"\nbalance = "10"\nstarts = 2026-09-01\nends = 2026-09-30')
    rates = {"m": price_list({"input": "2"})}
    bill = month(terms, rates, uses("2026-09-03T08 m input=1,500,000"), date(2026, 9, 1))
    found = position(terms, bill.charges, hour("2026-09-29T00"))
    (left,) = [line.amount for line in bill.lines if line.memo]
    assert (found.drawn, found.remaining) == (3 * NANO, 7 * NANO)
    assert left == 7 * NANO
