"""The price of the next unit, and contracts as offers to the router."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.marginal import next_unit
from rechenwerk.contracts.periods import DAY, HOUR
from rechenwerk.contracts.ports import Band, Charge, Deployed, Position, Site
from rechenwerk.contracts.position import position
from rechenwerk.contracts.terms import Contract, kind_of
from rechenwerk.ledger.prices import price_list
from rechenwerk.routing.offers import Offers, cap_name, supplies
from tests.unit.contract_examples import hour
from tests.unit.contract_strategies import contracts

NOW = hour("2026-09-15T00")
RATES = price_list({"input": "2", "output": "8"})
MILLION = Usage(input=1_000_000, output=500_000, requests=0)
"""Costs 2 + 4 = 6 at list."""


def contract(text: str, name: str = "c") -> Contract:
    table = {"name": name, "provider": "p", "kind": "on-demand"} | tomllib.loads(text.replace("; ", "\n"))
    found: Contract = msgspec.convert(table, Contract)
    return found


def deployed(name: str = "c", at: int = 1, **more: str) -> Deployed:
    return Deployed(
        name=f"m under {name}", model="m", provider="p", contract=name, rates=RATES, id=at, **more
    )


def stands(some: Contract, *, drawn: str, amount: str | None, band: str) -> Position:
    """A position that says so; `band` is low, middle and high of what will have been drawn."""
    low, middle, high = (int(Fraction(part) * NANO) for part in band.split())
    left = None if amount is None else max(0, int((Fraction(amount) - Fraction(drawn)) * NANO))
    return Position(
        contract=some.name,
        kind=kind_of(some),
        measure="spend",
        unit="",
        status="active",
        starts_at=NOW - 14 * DAY,
        ends_at=NOW + 16 * DAY,
        amount=None if amount is None else int(Fraction(amount) * NANO),
        drawn=int(Fraction(drawn) * NANO),
        remaining=left,
        shortfall=0 if amount is None else max(0, int(Fraction(amount) * NANO) - middle),
        days_left=16.0,
        forecast=Band(low, middle, high),
    )


CREDIT = 'kind = "prepaid-credit"; balance = "100"; starts = 2026-09-01; ends = 2026-09-30'
MINIMUM = 'kind = "take-or-pay"; minimum = "100"; period = "month"; starts = 2026-01-01; ends = 2026-12-31'

NEXT = f"""
    terms
        drawn, forecast low middle high: price of 1,000,000 in and 500,000 out; reason

    # on demand: list, factor, discount, tier
    kind = "on-demand"
        0, 0 0 0: 6; 2 / 8 per million in / out
    kind = "on-demand"; pricing.discount = "0.1"
        0, 0 0 0: 5.4; 1.8 / 7.2 per million in / out
    pricing.tiers = {{ measure = "spend", per = "month", steps = [{{}}, {{ above = "50", factor = "0.5" }}] }}
        49, 0 0 0: 6; 2 / 8 per million in / out, tier from 0
    pricing.tiers = {{ measure = "spend", per = "month", steps = [{{}}, {{ above = "50", factor = "0.5" }}] }}
        50, 0 0 0: 3; 1 / 4 per million in / out, tier from 50

    # a credit that would expire is free; one that will be used up is worth its money; in between with its \
chance
    {CREDIT}
        10, 20 40 60: 0; 2 / 8 per million in / out; credit 'c' pays, and would expire unused: free
    {CREDIT}
        10, 110 120 130: 6; 2 / 8 per million in / out; credit 'c' pays, and will be used up anyway: worth \
its money
    {CREDIT}
        10, 80 100 120: 3; 2 / 8 per million in / out; credit 'c' pays; 50 % that it would expire unused
    {CREDIT}
        10, 90 110 130: 4.2; 2 / 8 per million in / out; credit 'c' pays; 30 % that it would expire unused
    {CREDIT}; rolls_over = true
        10, 20 40 60: 6; 2 / 8 per million in / out; credit 'c' pays, and will be used up anyway: worth its \
money

    # take or pay: an unmet minimum is paid anyway; a safe one is list
    {MINIMUM}
        10, 20 40 60: 0; 2 / 8 per million in / out; 100 % that the minimum of 'c' is missed: 100 % of it \
would be \
paid anyway
    {MINIMUM}
        100, 110 120 130: 6; 2 / 8 per million in / out; the minimum of 'c' is safe
    {MINIMUM}
        10, 80 100 120: 3; 2 / 8 per million in / out; 50 % that the minimum of 'c' is missed: 50 % of it \
would be \
paid anyway
    {MINIMUM}; shortfall = {{ rule = "pay", share = "0.4" }}
        10, 20 40 60: 3.6; 2 / 8 per million in / out; 100 % that the minimum of 'c' is missed: 40 % of it \
would be \
paid anyway
    {MINIMUM}; committed_discount = "0.5"
        10, 110 120 130: 3; 2 / 8 per million in / out; 50 % off up to its minimum, the minimum of 'c' is safe
    {MINIMUM}; committed_discount = "0.5"
        100, 110 120 130: 6; 2 / 8 per million in / out; the minimum of 'c' is safe

    # what is missed is carried on: nothing is lost yet
    {MINIMUM}; shortfall = {{ rule = "carry" }}
        10, 20 40 60: 6; 2 / 8 per million in / out

    # 60 would be missed and prepaid; 30 in 16 days are 57.03 a month: a month later nearly all is used
    {MINIMUM}; shortfall = {{ rule = "prepayment", months = 1 }}
        10, 20 40 60: 5.7031; 2 / 8 per million in / out; 100 % that the minimum of 'c' is missed: 4.94792 \
% of it \
would be paid anyway
    {MINIMUM}; shortfall = {{ rule = "prepayment", months = 12 }}
        10, 20 40 60: 6; 2 / 8 per million in / out
"""


def nexts() -> list[tuple[str, str]]:
    lines = [line.strip() for line in NEXT.strip().splitlines() if line.strip()][2:]
    lines = [line for line in lines if not line.startswith("#")]
    return list(zip(lines[::2], lines[1::2], strict=True))


@pytest.mark.parametrize(("terms", "told"), nexts())
def test_the_next_unit(terms: str, told: str) -> None:
    some = contract(terms)
    where, _, says = told.partition(": ")
    drawn, band = where.split(", ")
    amount = "100" if kind_of(some) != "on-demand" else None
    found = next_unit(some, deployed(), {"c": stands(some, drawn=drawn, amount=amount, band=band)})
    price, _, reason = says.partition("; ")
    assert (f"{float(found.of(MILLION) / NANO):.5g}", found.reason) == (price, reason)
    assert found.list_rates[0] == 2 * NANO // 10**6


def test_bought_capacity_costs_nothing_more_but_for_its_use_fee() -> None:
    block = 'name = "node", units = "2", hold_fee = "6", throughput = "1000", weights = { input = "1", '
    block += 'output = "5" }'
    fixed = contract(f'kind = "provisioned"; blocks = [{{ {block} }}]')
    flex = contract(f'kind = "provisioned"; blocks = [{{ {block}, use_fee = "18" }}]')
    assert next_unit(fixed, deployed(), {}).of(MILLION) == 0
    # a node takes 60,000 an hour for 18: 1,000,000 + 5 x 500,000 = 3,500,000 take 58.3 of them
    assert next_unit(flex, deployed(), {}).of(MILLION) == Fraction(3_500_000, 60_000) * 18 * NANO


def test_own_hardware_costs_the_energy_of_the_hour() -> None:
    some = contract(
        'kind = "own-hardware"; purchase = "1"; months = 1; throughput = "600000"; idle_kw = "2"; '
        'load_kw = "8"; weights = { input = "1", output = "4" }'
    )
    found = next_unit(some, deployed(), {}, energy=Decimal("0.30"))
    # 6 kW more at 36,000,000 an hour; 3,000,000 of them are half a kWh
    assert found.of(MILLION) == Fraction("0.15") * NANO
    assert found.reason == "own hardware: energy at 0.30 per kWh"


def test_a_grant_costs_what_the_machine_charges() -> None:
    grant = 'kind = "grant"; quantity = "10"; unit = "GPU-hour"; weights = { seconds = "4" }'
    grant += '; usage_per_unit = "3600"'
    free, charged = contract(grant), contract(f'{grant}; unit_price = "0.9"')
    usage = Usage(input=5, seconds=900)
    assert next_unit(free, deployed(), {}).of(usage) == 0
    assert next_unit(charged, deployed(), {}).of(usage) == Fraction("0.9") * NANO
    assert next_unit(charged, deployed(), {}).reason == "grant: 0.9 per GPU-hour"


def test_umbrellas_change_the_price_of_what_they_cover() -> None:
    own = contract("", "on demand")
    edp = contract(f'{MINIMUM}; covers = ["on demand"]; pricing.discount = "0.1"', "edp")
    credit = contract(f'{CREDIT}; covers = ["on demand"]', "credit")
    positions = {
        "edp": stands(edp, drawn="10", amount="100", band="80 100 120"),
        "credit": stands(credit, drawn="10", amount="100", band="20 40 60"),
    }
    found = next_unit(own, deployed("on demand"), positions, [edp])
    assert found.of(MILLION) == Fraction("2.7") * NANO  # 6 less a tenth, half of it paid anyway
    assert next_unit(own, deployed("on demand"), positions, [edp, credit]).of(MILLION) == 0
    spent = positions | {"credit": msgspec.structs.replace(positions["credit"], status="exhausted")}
    assert next_unit(own, deployed("on demand"), spent, [credit]).of(MILLION) == 6 * NANO


@settings(deadline=None, max_examples=100)
@given(contracts(), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_next_unit_never_costs_less_than_nothing(
    some: Contract, drawn: int, more: int, wide: int
) -> None:
    band = f"{drawn + more} {drawn + more + wide} {drawn + more + 2 * wide}"
    at = {some.name: stands(some, drawn=str(drawn), amount="40", band=band)}
    assert all(rate >= 0 for rate in next_unit(some, deployed(some.name), at).rates)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_more_is_used_the_dearer_a_credit_and_a_minimum_become(more: int, other: int) -> None:
    """Prices follow the forecast: they never fall when more will be drawn."""
    for terms in (CREDIT, MINIMUM):
        some = contract(terms)
        low, high = sorted((more, other))
        prices = [
            next_unit(
                some,
                deployed(),
                {"c": stands(some, drawn="10", amount="100", band=f"{50 + m} {70 + m} {90 + m}")},
            ).of(MILLION)
            for m in (low, high)
        ]
        assert prices[0] <= prices[1]


def rate(offers: Offers, at: int, bucket: str = "input") -> float:
    (supply,) = [one for one in offers.supplies if one.id == at]
    return supply.rates[BUCKETS.index(bucket)] * 10**6


def test_offers_of_every_kind() -> None:
    some = [
        contract('caps = [{ amount = "1000", per = "minute", weights = { output = "4" } }]', "plain"),
        contract(f'{CREDIT}; covers = ["plain"]; overflow = {{ rule = "shared" }}', "credit"),
        contract(f'{MINIMUM}; pricing.discount = "0.1"; covers = ["plain"]', "edp"),
        contract(
            'kind = "provisioned"; blocks = '
            '[{ name = "PTU", units = "2", hold_fee = "1", throughput = "50" }]',
            "ptu",
        ),
        contract(
            'kind = "own-hardware"; purchase = "1"; months = 1; throughput = "600"; idle_kw = "2"; '
            'load_kw = "8"; site = "here"; starts = 2026-01-01',
            "own",
        ),
        contract(
            'kind = "grant"; quantity = "30"; unit = "h"; usage_per_unit = "3600"; '
            'weights = { seconds = "4" }; per = "month"',
            "grant",
        ),
    ]
    charges = {
        "credit": [Charge(NOW - DAY, 40 * NANO)],
        "edp": [Charge(NOW - DAY, 30 * NANO)],
        "grant": [Charge(NOW - DAY, 10 * NANO)],
    }
    positions = {at.name: position(at, charges.get(at.name, []), NOW) for at in some}
    offers = supplies(
        [deployed(name, at) for at, name in enumerate(("plain", "ptu", "own", "grant"), 1)],
        some,
        positions,
        NOW,
        energy={"here": Decimal("0.3")},
        kept={"ptu": 0.1},
        sites=[Site(name="here", prices=(), power_cap_kw=Decimal(5), pue=Decimal("1.25"))],
    )
    assert [supply.id for supply in offers.supplies] == [1, 2, 3, 4]
    assert rate(offers, 1) == pytest.approx(1.8)  # 2 less the commitment's discount
    assert rate(offers, 2) == 0
    assert rate(offers, 3) == pytest.approx(6 * 0.3 / 36_000 * 10**6)
    assert rate(offers, 4) == 0
    caps = {cap.name: cap for cap in offers.caps}
    assert set(caps) == {"plain, per minute", "ptu: PTU", "own", "grant", "here: power"}
    minute = caps["plain, per minute"]
    assert (minute.supplies, minute.amount, minute.seconds, minute.starts_at % 60) == ((1,), 1000, 60, 0)
    assert minute.weights[BUCKETS.index("reasoning")] == 4
    assert (caps["ptu: PTU"].amount, caps["ptu: PTU"].kept) == (100, 10)
    assert caps["own"].amount == 600
    # twenty of thirty hours are left of the month, which has sixteen days to go
    assert (caps["grant"].amount, caps["grant"].seconds, caps["grant"].starts_at) == (20, 16 * DAY, NOW)
    assert caps["grant"].weights[BUCKETS.index("seconds")] == pytest.approx(4 / 3600)
    # the machine idles at 2.5 kW of 5: 2.5 kW are left, and 36,000 an hour draw 7.5
    room = caps["here: power"].amount * 60 / caps["here: power"].weights[0]
    assert room == pytest.approx(36_000 * 2.5 / 7.5)
    (credit,) = offers.credits
    assert (credit.supplies, credit.left, credit.overflow) == ((1,), 60, True)
    assert credit.ends_at == hour("2026-10-01T00")
    (minimum,) = offers.minimums
    assert (minimum.supplies, minimum.amount, minimum.drawn, minimum.lost) == ((1,), 100, 30, 1)
    assert minimum.ends_at == hour("2026-10-01T00")


NOT_OFFERED = """
    starts = 2026-10-01
    ends = 2026-09-14
    status = "proposed"
    status = "expired"
    models = ["other"]
    kind = "prepaid-credit"; balance = "10"
"""


@pytest.mark.parametrize("terms", NOT_OFFERED.strip().splitlines())
def test_what_does_not_run_is_not_offered(terms: str) -> None:
    some = contract(terms.strip())
    at = {"c": position(some, [Charge(NOW - HOUR, 10 * NANO)], NOW)}
    assert supplies([deployed()], [some], at, NOW).supplies == ()


def test_an_empty_credit_with_overflow_goes_on_at_list() -> None:
    some = contract('kind = "prepaid-credit"; balance = "10"; overflow = { rule = "shared" }')
    at = {"c": position(some, [Charge(NOW - HOUR, 12 * NANO)], NOW)}
    offers = supplies([deployed()], [some], at, NOW)
    assert rate(offers, 1) == pytest.approx(2)
    assert offers.credits[0].left == 0


LATER = """
    one credit refuses what it cannot pay                    60          c1 60 refuses
    of two the first lets the second pay                     60 100      c1 60, c2 100 refuses
    an empty one is left out where the other pays            0 100       c2 100 refuses
    the other way round as well                              60 0        c1 60 refuses
    when both are empty nothing goes any more                0 0         c1 0 refuses, c2 0 refuses
"""


@pytest.mark.parametrize("line", LATER.strip().splitlines())
def test_credits_that_follow_each_other(line: str) -> None:
    row = line.strip()
    left, told = row[57:69].split(), row[69:].strip()
    own = contract("", "on demand")
    some = [
        contract(f'{CREDIT}; covers = ["on demand"]; order = {at}', f"c{at}")
        for at in range(1, len(left) + 1)
    ]
    positions = {
        one.name: position(one, [Charge(NOW - HOUR, (100 - int(rest)) * NANO)], NOW)
        for one, rest in zip(some, left, strict=True)
    }
    offers = supplies([deployed("on demand")], [own, *some], positions, NOW)
    found = [f"{one.name} {one.left:g}{'' if one.overflow else ' refuses'}" for one in offers.credits]
    assert ", ".join(found) == told


def test_a_long_cap_offers_what_is_left_of_it() -> None:
    some = contract('caps = [{ amount = "300", per = "month", measure = "spend" }]')
    fresh = supplies([deployed()], [some], {}, NOW).caps[0]
    assert fresh.amount == pytest.approx(160)  # nobody knows: the sixteen days that are left of thirty
    position_of_cap = stands(some, drawn="210", amount="300", band="210 210 210")
    known = supplies([deployed()], [some], {cap_name(some, some.caps[0]): position_of_cap}, NOW).caps[0]
    assert (known.amount, known.seconds) == (90, 16 * DAY)
    assert known.weights[0] == pytest.approx(2e-6)


@settings(deadline=None, max_examples=100)
@given(st.lists(contracts(), max_size=3, unique_by=lambda one: one.name))
def test_offers_name_only_what_is_there(some: list[Contract]) -> None:
    """Whatever the terms: ids of supplies only, nothing below zero, windows of some length."""
    deployments = [
        msgspec.structs.replace(deployed(one.name, at), model=next(iter(one.models), "m"))
        for at, one in enumerate(some, 1)
    ]
    positions = {one.name: position(one, [], NOW) for one in some}
    offers = supplies(deployments, some, positions, NOW)
    ids = {supply.id for supply in offers.supplies}
    named = (
        *(cap.supplies for cap in offers.caps),
        *(credit.supplies for credit in offers.credits),
        *(minimum.supplies for minimum in offers.minimums),
    )
    assert all(set(bound) <= ids for bound in named)
    assert all(cap.seconds > 0 and cap.amount >= 0 for cap in offers.caps)
    assert all(value >= 0 for supply in offers.supplies for value in supply.rates)
