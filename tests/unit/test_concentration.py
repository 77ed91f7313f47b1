"""Concentration: shares, caps, what stops if an owner fails, and what contracts still bind. By hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts import terms
from rechenwerk.contracts.concentration import (
    Cap,
    Facts,
    Held,
    Lost,
    Served,
    Source,
    Spending,
    breaches,
    failure,
    over_cap,
    percent,
    spent_by,
    spread,
    spreads,
)
from rechenwerk.contracts.obligations import at_risk, capacity, fees, payable
from rechenwerk.contracts.ports import Drawn, HourDraw
from rechenwerk.office.concentration import facts
from rechenwerk.office.config import MistakesError, parse


def second(text: str) -> int:
    """Epoch seconds of a day."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def drawn(**days: int) -> Drawn:
    """Whole units, of money or of what the contract counts, drawn at noon: ``m0301=300``."""
    return Drawn(
        {second(f"2027-{day[1:3]}-{day[3:]}") + 12 * 3600: amount * NANO for day, amount in days.items()}
    )


NOTHING = Drawn()


# Shares


def test_shares_and_the_index_by_hand() -> None:
    found = spread("spend", "owner", {"b": 30, "a": 60, "c": 10})
    assert [(one.name, one.share) for one in found.shares] == [
        ("a", Fraction(3, 5)),
        ("b", Fraction(3, 10)),
        ("c", Fraction(1, 10)),
    ]
    assert (found.total, found.hhi) == (100, 3600 + 900 + 100)
    assert spread("spend", "owner", {"a": 7}).hhi == 10_000
    nothing = spread("spend", "owner", {"a": 0})
    assert (nothing.total, nothing.hhi, nothing.shares[0].share) == (0, 0, Fraction(0))


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 10**24), min_size=1))
def test_shares_are_a_whole(amounts: dict[str, int]) -> None:
    found = spread("spend", "provider", amounts)
    assert sum(one.share for one in found.shares) == (1 if any(amounts.values()) else 0)
    assert 0 <= found.hhi <= 10_000
    assert [one.amount for one in found.shares] == sorted(amounts.values(), reverse=True)


# A town: two clouds of one owner, one of another, and machines of its own.
#           model    provider  owner    contract  tokens a minute   data classes
SOURCES = """
            large    azure     Northco  ptu       6000              public internal confidential
            large    openai    Northco  credit    -                 public internal
            large    euro      Euro     payg      2000              public internal
            small    azure     Northco  ptu       0                 public internal confidential
            small    own       own      racks     2000              public internal confidential restricted
            vision   openai    Northco  credit    -                 public internal
"""
#           contract provider  owner    spend  payable  at risk
HELD = """
            ptu      azure     Northco  500    4000     0
            credit   openai    Northco  200    0        900
            payg     euro      Euro     200    100      0
            racks    own       own      100    0        0
"""
#           model    provider  contract  data class    service   calls
SERVED = """
            large    azure     ptu       confidential  critical  10
            large    azure     ptu       internal      standard  500
            large    euro      payg      internal      standard  300
            small    own       racks     restricted    critical  30
            small    azure     ptu       confidential  critical  60
            vision   openai    credit    public        batch     100
"""


def town() -> Facts:
    """The town as values."""
    sources = [line.split() for line in SOURCES.strip().splitlines()]
    held = [line.split() for line in HELD.strip().splitlines()]
    served = [line.split() for line in SERVED.strip().splitlines()]
    return Facts(
        tuple(
            Held(name, provider, owner, int(spend) * NANO, int(owed) * NANO, int(risk) * NANO)
            for name, provider, owner, spend, owed, risk in held
        ),
        tuple(
            Source(model, provider, owner, name, None if room == "-" else int(room), frozenset(classes))
            for model, provider, owner, name, room, *classes in sources
        ),
        tuple(
            Served(model, provider, name, data_class, service, int(calls), 0)
            for model, provider, name, data_class, service, calls in served
        ),
    )


def test_owners_count_with_all_of_their_providers() -> None:
    found = {(one.dimension, one.by): one for one in spreads(town())}
    spend = found["spend", "owner"]
    assert [(one.name, one.share) for one in spend.shares] == [
        ("Northco", Fraction(7, 10)),
        ("Euro", Fraction(2, 10)),
        ("own", Fraction(1, 10)),
    ]
    assert [one.name for one in found["spend", "provider"].shares] == ["azure", "euro", "openai", "own"]
    room = found["capacity", "owner"]
    assert (room.total, room.untold) == (10_000, 2)
    assert room.shares[0].share == Fraction(6, 10)
    assert found["commitments", "owner"].shares[0].amount == 4900 * NANO


def test_what_stops_if_an_owner_fails_by_hand() -> None:
    found = failure(town(), "Northco")
    assert found.providers == ("azure", "openai")
    assert found.models == ("vision",)
    assert found.lost == (Lost("large", "confidential"),)
    assert found.classes == ()  # confidential data still has the small model of its own machines
    assert (found.calls, found.touched) == (1000, 670)
    assert found.stopped == 10 + 100  # large for confidential data, vision; 500 can go to euro, 60 to own
    assert (found.critical, found.critical_touched, found.critical_stopped) == (100, 70, 10)
    assert found.capacity == Fraction(6, 10)
    assert (found.payable, found.at_risk) == (4000 * NANO, 900 * NANO)


def test_own_machines_fail_too() -> None:
    found = failure(town(), "own")
    assert found.models == ()
    assert found.lost == (Lost("small", "restricted"),)
    assert found.classes == ("restricted",)
    assert (found.touched, found.stopped, found.critical_stopped) == (30, 30, 30)


def test_who_serves_nothing_stops_nothing() -> None:
    found = failure(town(), "somebody else")
    assert (found.providers, found.models, found.lost, found.touched, found.payable) == ((), (), (), 0, 0)


# Caps


def cap(dimension: str, at_most: str, by: str = "owner", **more: Any) -> Cap:
    """A cap."""
    return Cap("cap", dimension, by, Decimal(at_most), **more)


@pytest.mark.parametrize(
    ("rule", "above"),
    [
        (cap("spend", "0.7"), []),
        (cap("spend", "0.69"), ["Northco"]),
        (cap("spend", "0.15"), ["Northco", "Euro"]),
        (cap("spend", "0.15", of="Euro"), ["Euro"]),
        (cap("spend", "0.4", by="provider"), ["azure"]),
        (cap("capacity", "0.5"), ["Northco"]),
        (cap("commitments", "0.97"), ["Northco"]),
        (cap("spend", "0.1", active=False), []),
    ],
)
def test_caps_and_who_is_above(rule: Cap, above: list[str]) -> None:
    assert [one.name for one in breaches([rule], spreads(town()))] == above


def test_a_hard_cap_of_spend_refuses_whoever_is_above_it() -> None:
    rule = cap("spend", "0.6", hard=True)
    spent = {("owner", 30): {"Northco": 61, "Euro": 39}}
    reason = over_cap([rule], spent, "azure", "Northco")
    assert reason == (
        "The concentration cap 'cap' allows the owner 'Northco' 60.0 % of the spend of 30 days and it has"
        " 61.0 %: use another, raise the cap, or make it soft."
    )
    assert over_cap([rule], spent, "euro", "Euro") is None
    assert over_cap([rule], {("owner", 30): {"Northco": 60, "Euro": 40}}, "azure", "Northco") is None
    assert over_cap([rule], {}, "azure", "Northco") is None
    assert over_cap([rule], {("owner", 30): {"Northco": 0}}, "azure", "Northco") is None
    for other in (
        cap("spend", "0.6"),
        cap("capacity", "0.6", hard=True),
        cap("spend", "0.6", hard=True, active=False),
        cap("spend", "0.6", hard=True, of="Euro"),
        cap("spend", "0.6", hard=True, window_days=7),
    ):
        assert over_cap([other], spent, "azure", "Northco") is None
    providers = {("provider", 30): {"azure": 9, "openai": 1}}
    assert over_cap([cap("spend", "0.8", by="provider", hard=True)], providers, "azure", "Northco")


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(50, 100))
def test_a_hard_cap_that_can_hold_never_refuses_everybody(one: int, other: int, at_most: int) -> None:
    """Two owners and a cap of half or more: one of them may always be used."""
    rule = cap("spend", str(Decimal(at_most) / 100), hard=True)
    spent = {("owner", 30): {"a": one, "b": other}}
    assert None in {over_cap([rule], spent, "a", "a"), over_cap([rule], spent, "b", "b")}


def test_shares_are_read_to_a_tenth() -> None:
    assert percent(Fraction(2, 3)) == "66.7 %"
    assert percent(Fraction(1)) == "100.0 %"


# What contracts bind. Terms of the year 2027; today is its 1 July, 181 of 365 days on.

TODAY = "2027-07-01"
YEAR: dict[str, Any] = {"starts": date(2027, 1, 1), "ends": date(2027, 12, 31)}


def test_a_minimum_is_owed_less_what_was_drawn() -> None:
    yearly = terms.TakeOrPay(name="t", provider="p", minimum=Decimal(1000), period="year", **YEAR)
    assert payable(yearly, drawn(m0301=300), second(TODAY)) == 700 * NANO
    assert payable(yearly, drawn(m0301=1300), second(TODAY)) == 0
    assert payable(yearly, NOTHING, second("2028-01-01")) == 0
    monthly = terms.TakeOrPay(name="t", provider="p", minimum=Decimal(100), period="month", **YEAR)
    july = drawn(m0630=500, m0710=40)
    assert payable(monthly, july, second("2027-07-15")) == (60 + 5 * 100) * NANO
    lenient = terms.TakeOrPay(
        name="t",
        provider="p",
        minimum=Decimal(100),
        period="month",
        shortfall=terms.Shortfall(share=Decimal("0.5")),
        **YEAR,
    )
    assert payable(lenient, july, second("2027-07-15")) == 280 * NANO


def test_an_open_contract_binds_for_the_period_that_runs() -> None:
    opened = terms.TakeOrPay(name="t", provider="p", minimum=Decimal(100), period="month")
    assert payable(opened, drawn(m0701=30), second(TODAY)) == 70 * NANO
    flexible = terms.Provisioned(
        name="t", provider="p", blocks=(terms.Block(name="PTU", units=Decimal(5), hold_fee=Decimal(1)),)
    )
    assert payable(flexible, NOTHING, second(TODAY)) == 0


def test_a_quantity_is_owed_at_its_price_and_milestones_count_from_the_start() -> None:
    tokens = terms.TakeOrPay(
        name="t",
        provider="p",
        minimum=Decimal(1_000_000),
        period="year",
        measure="quantity",
        unit_price=Decimal("0.001"),
        **YEAR,
    )
    assert payable(tokens, drawn(m0201=400_000), second(TODAY)) == 600 * NANO
    staged = terms.TakeOrPay(
        name="t",
        provider="p",
        minimum=Decimal(1000),
        milestones=(terms.Milestone(by=date(2027, 9, 30), amount=Decimal(600)),),
        **YEAR,
    )
    assert payable(staged, drawn(m0201=100), second(TODAY)) == 900 * NANO


def test_bought_capacity_is_owed_to_its_end_and_what_was_paid_ahead_is_at_risk() -> None:
    block = terms.Block(
        name="PTU", units=Decimal(10), hold_fee=Decimal(2), per="day", throughput=Decimal(2500)
    )
    plain = terms.Provisioned(name="t", provider="p", blocks=(block,), **YEAR)
    assert payable(plain, NOTHING, second(TODAY)) == 184 * 20 * NANO
    assert payable(plain, NOTHING, second("2026-12-01")) == 365 * 20 * NANO  # signed, not begun
    assert at_risk(plain, NOTHING, second(TODAY)) == 0
    half = terms.Provisioned(name="t", provider="p", blocks=(block,), upfront=Decimal("0.5"), **YEAR)
    assert payable(half, NOTHING, second(TODAY)) == at_risk(half, NOTHING, second(TODAY)) == 184 * 10 * NANO
    assert fees(half, (second("2027-06-01"), second(TODAY))) == 30 * 20 * NANO
    assert capacity(half) == 25_000
    termly = terms.Provisioned(
        name="t",
        provider="p",
        blocks=(terms.Block(name="PTU", units=Decimal(1), hold_fee=Decimal(365), per="term"),),
        **YEAR,
    )
    assert payable(termly, NOTHING, second(TODAY)) == 0
    assert at_risk(termly, NOTHING, second(TODAY)) == 184 * NANO


def test_what_is_left_of_a_credit_is_at_risk_at_what_was_paid_for_it() -> None:
    credit = terms.PrepaidCredit(name="t", provider="p", balance=Decimal(1000), paid=Decimal(800), **YEAR)
    assert at_risk(credit, drawn(m0301=250), second(TODAY)) == 600 * NANO
    assert payable(credit, NOTHING, second(TODAY)) == 0
    assert at_risk(credit, NOTHING, second("2028-01-01")) == 0
    gift = terms.PrepaidCredit(name="t", provider="p", balance=Decimal(1000), paid=Decimal(0), **YEAR)
    assert at_risk(gift, NOTHING, second(TODAY)) == 0


def test_own_machines_wear() -> None:
    racks = terms.OwnHardware(
        name="t",
        provider="p",
        purchase=Decimal(36_000),
        months=36,
        upkeep=Decimal(100),
        throughput=Decimal(5000),
        starts=date(2027, 1, 1),
    )
    assert fees(racks, (second("2027-06-01"), second(TODAY))) == 1100 * NANO
    assert capacity(racks) == 5000
    assert payable(racks, NOTHING, second(TODAY)) == 0


def test_an_on_demand_contract_binds_nothing() -> None:
    plain = terms.OnDemand(name="t", provider="p")
    assert (payable(plain, NOTHING, 0), at_risk(plain, NOTHING, 0), fees(plain, (0, 9)), capacity(plain)) == (
        0,
        0,
        0,
        None,
    )
    capped = terms.OnDemand(name="t", provider="p", caps=(terms.Cap(amount=Decimal(9), per="minute"),))
    assert capacity(capped) == 9


def test_what_gateways_keep_in_memory_counts_like_the_report() -> None:
    block = terms.Block(name="PTU", units=Decimal(10), hold_fee=Decimal(2), per="day")
    bought = terms.Provisioned(name="p", provider="azure", blocks=(block,), **YEAR)
    rows = [
        Spending("azure", "Northco", bought, 0),
        Spending("openai", "Northco", terms.OnDemand(name="d", provider="openai"), 100 * NANO),
        Spending("euro", "Euro", terms.OnDemand(name="e", provider="euro"), 300 * NANO),
    ]
    spent = spent_by(rows, 30, second(TODAY))
    assert spent["owner", 30] == {"Northco": 700 * NANO, "Euro": 300 * NANO}
    assert spent["provider", 30] == {"azure": 600 * NANO, "openai": 100 * NANO, "euro": 300 * NANO}
    assert over_cap([cap("spend", "0.69", hard=True)], spent, "openai", "Northco")


# From configuration

FILE = """
currency = "EUR"
[[provider]]
name = "azure"
kind = "openai-compatible"
base_url = "http://127.0.0.1:1/v1"
owner = "Northco"
[[provider]]
name = "euro"
kind = "openai-compatible"
base_url = "http://127.0.0.1:2/v1"
[[contract]]
name = "ptu"
provider = "azure"
kind = "provisioned"
starts = 2027-01-01
ends = 2027-12-31
[[contract.blocks]]
name = "PTU"
units = "10"
hold_fee = "2"
per = "day"
throughput = "300"
[[contract]]
name = "payg"
provider = "euro"
kind = "on-demand"
[[deployment]]
model = "m"
provider = "azure"
contract = "ptu"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = { input = "1" }
jurisdiction = "DE"
level = "no-retention"
[[deployment]]
model = "m"
provider = "euro"
contract = "payg"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = { input = "1" }
tokens_per_minute = 1000
[[tariff]]
model = "m"
price = { input = "1" }
"""
CAP = """
[[concentration]]
name = "nobody has most"
dimension = "spend"
at_most = "0.6"
rule = "hard"
"""


def test_caps_are_read_from_the_file() -> None:
    found = parse(FILE + CAP)
    assert found.caps == (Cap("nobody has most", "spend", "owner", Decimal("0.6"), hard=True),)
    assert found.cap_lines == {"nobody has most": FILE.count("\n") + 2}


@pytest.mark.parametrize(
    ("word", "by", "message"),
    [
        ('"spend"', '"money"', "unknown dimension 'money'; choose from spend, capacity, commitments"),
        ('"hard"', '"strict"', "unknown rule 'strict'; choose from soft, hard"),
        ('"0.6"', '"60 %"', "'60 %' is no share; write a share of the whole in quotes"),
        ('"0.6"', '"0"', "'0' is no share"),
        ('"0.6"', '"1.2"', "'1.2' is no share"),
        ('"0.6"', "0.6", "at_most: "),
        ('"0.6"', '"0.4"', "a hard cap of 40.0 % for each of 2 owners can never hold; raise it"),
        ('"0.6"', '"0.6"\nof = "Nortco"', "there is no owner 'Nortco' in this file; did you mean 'Northco'?"),
        ('"0.6"', '"0.6"\nby = "provider"\nof = "Northco"', "there is no provider 'Northco' in this file"),
        ('"0.6"', '"0.6"\nby = "country"', "unknown by 'country'; choose from provider, owner"),
        ('"0.6"', '"0.6"\nwindow_days = 0', "window_days must be 1 to 366"),
        ('"nobody has most"', '""', "'' is not a name"),
        (
            "dimension",
            "dimensoin",
            "unknown field 'dimensoin' in [[concentration]]; did you mean 'dimension'?",
        ),
    ],
)
def test_a_wrong_cap_gets_its_line_and_its_fix(word: str, by: str, message: str) -> None:
    with pytest.raises(MistakesError) as caught:
        parse(FILE + CAP.replace(word, by))
    first = caught.value.mistakes[0]
    assert f"{first.message}; {first.fix}".startswith(message)
    assert first.line > FILE.count("\n") + 1


def test_two_caps_with_one_name_are_one_too_many() -> None:
    with pytest.raises(MistakesError, match="'nobody has most' stands here twice"):
        parse(FILE + CAP + CAP)


def test_facts_come_from_contracts_draws_and_classes() -> None:
    def hour(contract: str, day: str, cost: int) -> HourDraw:
        return HourDraw(contract, second(day) + 9 * 3600, Usage(input=5), cost * NANO, cost * NANO)

    draws = [
        hour("payg", "2027-06-15", 400),
        hour("payg", "2027-05-15", 999),
        hour("ptu", "2027-06-15", 0),
    ]
    served = [Served("m", "euro", "payg", "internal", "standard", 3, 400 * NANO)]
    found = facts(parse(FILE), (), draws, served, second(TODAY), 30)
    # 30 days of ten units at 2 a day, whether used or not.
    assert [(one.contract, one.owner, one.spend, one.payable) for one in found.held] == [
        ("ptu", "Northco", 600 * NANO, 184 * 20 * NANO),
        ("payg", "euro", 400 * NANO, 0),
    ]
    assert {(one.provider, one.capacity): one.permits for one in found.sources} == {
        ("azure", 3000): {"public", "internal", "confidential"},
        ("euro", 1000): {"public", "internal"},
    }
    assert failure(found, "Northco").lost == (Lost("m", "confidential"),)
