"""Cap tables by hand: rounds, tranches, pools, warrants, keepers, offerings, and what does not fit."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.ownership import CapTable, cap_table, shown
from rechenwerk.planner.plans import build, load_plan
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import scenario

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "plan" / "rounds.toml"
HEAD = """
title = "T"
currency = "EUR"
shown_in = "EUR million"
starts = "2026-Q1"
periods = 4
[opening]
unit = "EUR million"
cash = 1
[policy]
[[line]]
name = "late"
formula = 'since("2026-Q3")'
unit = "1"
"""
FOUNDERS = '[[holder]]\nname = "Founders"\nshares = 900\n[[holder]]\nname = "Foundation"\nshares = 100\n'


def money(name: str, amount: float, when: str, investor: str = "Anna", more: str = "") -> str:
    head = f'[[funding]]\nname = "{name}"\nkind = "equity"\namount = {amount}\nunit = "EUR million"\n'
    return f'{head}when = "{when}"\ninvestor = "{investor}"\n{more}'


def round_(funding: str, pre: float = 10, when: str = "2026-Q2", more: str = "") -> str:
    head = f'[[round]]\nname = "a"\nwhen = "{when}"\npre_money = {pre}\nunit = "EUR million"\n'
    return f"{head}funding = [{funding}]\n{more}"


def owners(text: str, name: str = "") -> CapTable:
    plan = load_plan(HEAD + text)
    plan = build(scenario(plan.written, name)) if name else plan
    found = cap_table(plan, base(plan))
    assert found is not None
    return found


def last(found: CapTable) -> dict[str, int]:
    return dict(zip(found.holders, found.shares[-1], strict=True))


def test_a_round_buys_at_what_the_firm_was_worth_before_it() -> None:
    """10 million for 1,000 shares are 10,000 each; 2.5 million buy 250, a fifth."""
    found = owners(FOUNDERS + money("m", 2.5, "2026-Q2") + round_('"m"', more="post_money = 12.5\n"))
    (one,) = found.rounds
    assert (one.price, one.issued, one.dilution) == (Fraction(10_000), 250, Fraction(1, 5))
    assert (one.pre_money, one.raised, one.post_money) == (
        Fraction(10_000_000),
        Fraction(2_500_000),
        Fraction(12_500_000),
    )
    assert found.shares == ((900, 100, 0), (900, 100, 250), (900, 100, 250), (900, 100, 250))
    assert found.parts(3) == (Fraction(18, 25), Fraction(2, 25), Fraction(1, 5))


def test_a_tranche_is_of_the_same_price_and_counts_when_it_comes() -> None:
    text = FOUNDERS + money("m", 1, "2026-Q2") + money("n", 1.5, "2026-Q4", more='condition = "late > 0"\n')
    found = owners(text + round_('"m", "n"'))
    assert [row[2] for row in found.shares] == [0, 100, 100, 250]


def test_a_tranche_whose_condition_fails_brings_nobody_shares() -> None:
    text = FOUNDERS + money("m", 1, "2026-Q2") + money("n", 1.5, "2026-Q4", more='condition = "late > 1"\n')
    found = owners(text + round_('"m", "n"'))
    assert last(found)["Anna"] == 100
    assert found.rounds[0].raised == 1_000_000


def test_what_a_scenario_leaves_out_brings_nobody_shares() -> None:
    text = FOUNDERS + money("m", 2.5, "2026-Q2", more='status = "conditional"\n') + round_('"m"')
    found = owners(text + '[[scenario]]\nname = "s"\nwithout = ["conditional"]\n', "s")
    assert last(found) == {"Founders": 900, "Foundation": 100}


def test_a_pool_has_its_part_after_the_round_and_earlier_holders_pay_for_it() -> None:
    """Of 1,250 x (1000 + o) / 1000 shares o shall be a tenth: o = 142.86, so 143."""
    text = FOUNDERS + money("m", 2.5, "2026-Q2") + round_('"m"', more='pool = "10%"\n')
    found = owners(text)
    (one,) = found.rounds
    assert one.options == 143
    assert one.price == Fraction(10_000_000, 1143)
    total = sum(found.shares[-1])
    assert last(found)["option pool"] == 143
    assert Fraction(143, total) >= Fraction(1, 10)
    assert Fraction(142, total - 1) < Fraction(1, 10)


def test_a_foundation_that_keeps_its_part_is_given_just_enough_shares() -> None:
    keeping = FOUNDERS.replace('name = "Foundation"\n', 'name = "Foundation"\nkeeps = "10%"\n')
    found = owners(keeping + money("m", 2.5, "2026-Q2") + round_('"m"'))
    # (100 + x) / (1250 + x) = 1/10: x = 27.8
    assert last(found)["Foundation"] == 128
    assert found.parts(3)[1] >= Fraction(1, 10)


def test_a_warrant_that_is_paid_for_brings_the_money_that_funding_names() -> None:
    text = FOUNDERS + money("w", 0.5, "2026-Q3", "Bank")
    text += '[[warrant]]\nname = "x"\nholder = "Bank"\nshares = 100\nstrike = "5_000 EUR"\n'
    text += 'when = "2026-Q3"\nfunding = "w"\n'
    found = owners(text)
    assert [sum(row) for row in found.shares] == [1000, 1000, 1100, 1100]
    assert found.events[-1].money == 500_000


def test_a_warrant_without_money_is_settled_in_shares() -> None:
    """A right to 100 shares at 4,000, worth 10,000 each: 60 shares. It waits for its condition."""
    text = FOUNDERS + money("m", 2.5, "2026-Q2") + round_('"m"')
    text += '[[warrant]]\nname = "x"\nholder = "Cloud"\nshares = 100\nstrike = "0.004 EUR million"\n'
    text += 'when = "2026-Q1"\ncondition = "late"\n'
    found = owners(text)
    assert [row[-1] for row in found.shares] == [0, 0, 60, 60]


def test_a_warrant_above_the_price_is_not_taken() -> None:
    text = FOUNDERS + money("m", 2.5, "2026-Q2") + round_('"m"')
    text += '[[warrant]]\nname = "x"\nholder = "Cloud"\nshares = 100\nstrike = "10_000 EUR"\n'
    assert "Cloud" not in owners(text + 'when = "2026-Q3"\n').holders


def test_compute_is_paid_in_shares_at_the_price_of_the_round() -> None:
    """Need 1 million at 3, a third of it in shares: 1 million a quarter buys 100 shares at 10,000."""
    text = FOUNDERS + money("m", 2.5, "2026-Q2")
    text += '[[driver]]\nname = "use"\nunit = "hours/quarter"\nvalue = 1_000_000\n'
    text = text.replace("hours/quarter", "GPUhours/quarter")
    text += '[[line]]\nname = "need"\nformula = "use * length()"\nunit = "GPUhours"\n'
    text += '[[contract]]\nname = "c"\nkind = "on-demand"\nneed = "need"\nprice = "3 EUR/GPUhour"\n'
    text += '[[funding]]\nname = "s"\nkind = "shares"\ncontract = "c"\npart = 0.3333333333\n'
    text += 'investor = "Cloud"\nwhen = "2026-Q3"\n'
    found = owners(text + round_('"m", "s"'))
    assert last(found)["Cloud"] == pytest.approx(200, abs=2)


def test_in_an_offering_holders_may_sell() -> None:
    more = 'kind = "ipo"\nsold = { Founders = "50%" }\n'
    found = owners(FOUNDERS + money("m", 2.5, "2026-Q2", "public") + round_('"m"', more=more))
    assert last(found) == {"Founders": 450, "Foundation": 100, "public": 700}
    sale = next(event for event in found.events if event.seller)
    assert (sale.seller, sale.shares, sale.money) == ("Founders", 450, Fraction(4_500_000))


def test_every_table_of_the_example_sums_to_exactly_one() -> None:
    plan = load_plan(EXAMPLE.read_text(encoding="utf-8"))
    for name in ("", "no_second_tranche"):
        other = build(scenario(plan.written, name))
        found = cap_table(other, base(other))
        assert found is not None
        assert all(sum(found.parts(at)) == 1 for at in range(len(found.periods)))
        assert [sum(row) for row in found.shares] == sorted(sum(row) for row in found.shares)
        # All that funding brings is paid for shares, and nothing else is.
        values = base(other)
        raised = sum(one.money for one in found.events if not one.seller)
        assert float(raised) == pytest.approx(
            float(values["equity_raised"].sum() + values["paid_in_shares"].sum()), abs=1
        )


def test_a_cap_table_for_machines() -> None:
    document = shown(owners(FOUNDERS + money("m", 2.5, "2026-Q2") + round_('"m"')))
    assert document["holders"] == ("Founders", "Foundation", "Anna")
    assert document["parts"][3] == ("0.720000000000", "0.080000000000", "0.200000000000")  # type: ignore[index]


def test_a_firm_without_holders_has_no_cap_table() -> None:
    plan = load_plan(HEAD + money("m", 2.5, "2026-Q2"))
    assert cap_table(plan, base(plan)) is None


def test_parts_count_from_the_day_on_that_they_are_known() -> None:
    parts = '[ownership]\nas_of = "2026-Q2"\nshares = 1000\n[[holder]]\nname = "F"\npart = "90%"\n'
    parts += '[[holder]]\nname = "G"\npart = 0.1\n'
    found = owners(parts + money("m", 2.5, "2026-Q3") + round_('"m"', when="2026-Q3"))
    assert found.periods == ("2026-Q2", "2026-Q3", "2026-Q4")
    assert found.shares[0] == (900, 100, 0)


A = money("m", 2.5, "2026-Q2")
WARRANT = '[[warrant]]\nname = "x"\nholder = "B"\nshares = 10\nwhen = "2026-Q2"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (A + round_('"m"'), "rounds need holders before the first one"),
        (FOUNDERS + A + round_('"n"'), "names no funding 'n'; choose from m"),
        (FOUNDERS + A + round_('"m"', more="post_money = 13\n"), "make 12.5 EUR million, not 13"),
        (FOUNDERS + A + round_('"m"') + round_('"m"').replace('"a"', '"b"'), "it is one money"),
        (FOUNDERS + A, "'m' brings Anna no shares; name it in a [[round]]"),
        (FOUNDERS + money("m", 1, "2026-Q1") + round_('"m"'), "comes in 2026-Q1, before its round"),
        (FOUNDERS + A.replace('investor = "Anna"\n', "") + round_('"m"'), "names no investor"),
        (FOUNDERS + A + round_('"m"', pre=0), "write pre_money above 0"),
        (FOUNDERS + A + round_('"m"', more="sold = { Founders = 0.1 }\n"), 'write kind = "ipo"'),
        (FOUNDERS + A + round_('"m"', more='pool = "120%"\n'), "pool is 120%"),
        (FOUNDERS + '[[holder]]\nname = "Founders"\nshares = 1\n', "stands twice"),
        (FOUNDERS + '[[holder]]\nname = "X"\n', "needs either shares or a part"),
        (FOUNDERS + '[[holder]]\nname = "X"\nshares = 0\n', "write a number above 0"),
        (FOUNDERS + '[[holder]]\nname = "X"\npart = "5%"\n', "need a number of shares"),
        ('[ownership]\nshares = 100\n[[holder]]\nname = "X"\npart = "33.5%"\n', "no whole share"),
        ('[ownership]\nshares = 100\n[[holder]]\nname = "X"\npart = "33%"\n', "together have 33.0000%"),
        (FOUNDERS.replace("shares = ", "keeps = 0.1\nshares = "), "both keep their part"),
        (FOUNDERS + '[ownership]\nas_of = "2026-Q3"\n' + A + round_('"m"'), "write 2026-Q4 or later"),
        (FOUNDERS + WARRANT + 'strike = "5"\n', 'write an amount such as strike = "0.01 EUR"'),
        (FOUNDERS + WARRANT + 'strike = "much"\n', "the strike of 'x' is 'much'"),
        (FOUNDERS + WARRANT.replace("10", "0"), "is on 0 shares"),
        (FOUNDERS + WARRANT + 'funding = "n"\n' + A + round_('"m"'), "names no funding 'n'"),
        (
            FOUNDERS + A + WARRANT + 'strike = "5 EUR"\nfunding = "m"\n',
            "costs 50.00 and 'm' brings 2,500,000.00",
        ),
        (FOUNDERS + A + round_('"m"') + WARRANT + 'funding = "m"\n', "it is one money; take another"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(MistakesError) as told:
        load_plan(HEAD + text)
    assert says in " ".join(f"{one.message}; {one.fix}" for one in told.value.mistakes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FOUNDERS + A + round_('"m"', more='kind = "ipo"\nsold = { X = 0.5 }\n'), "of 'X', who has none"),
        (FOUNDERS + A + round_('"m"', more='kind = "ipo"\nsold = { Founders = 2 }\n'), "sells 200%"),
        (FOUNDERS + money("m", 0.005, "2026-Q2") + round_('"m"'), "does not buy one share"),
        (FOUNDERS + WARRANT + 'condition = "lat"\n', "depends on no line 'lat'; did you mean 'late'?"),
    ],
)
def test_what_only_the_course_shows(text: str, says: str) -> None:
    with pytest.raises(PlanError) as told:
        owners(text)
    assert says in str(told.value)
