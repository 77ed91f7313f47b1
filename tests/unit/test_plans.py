"""Plans from their file to their statements: contracts by hand, identities, scenarios, paths, mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.explaining import explain
from rechenwerk.planner.measures import key_figures
from rechenwerk.planner.outputs import obligations, onerous
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.reading import read_plan
from rechenwerk.planner.running import base, run
from rechenwerk.planner.scenarios import factors, scenario
from tests.plain_plan import plainly
from tests.unit.plan_texts import EXAMPLE

HEAD = """
title = "T"
currency = "EUR"
shown_in = "EUR million"
starts = "2026-Q1"
periods = 8
[opening]
unit = "EUR million"
cash = 100
[policy]
"""
NEED = """
[[driver]]
name = "use"
unit = "GPUhours/quarter"
path = { "2026-Q1" = 1_000_000, "2027-Q1" = 3_000_000 }
shape = "steps"
[[line]]
name = "need"
formula = "use * length()"
unit = "GPUhours"
"""
SPOT = '[[contract]]\nname = "spot"\nkind = "on-demand"\nneed = "need"\nprice = "3 EUR/GPUhour"\n'


def values(text: str) -> dict[str, list[float]]:
    """Every line in millions."""
    plan = load_plan(HEAD + NEED + text)
    return {name: (np.broadcast_to(one[:, 0], 8) / 1e6).round(9).tolist() for name, one in base(plan).items()}


def test_take_or_pay_is_settled_by_year() -> None:
    """6 million due each year; 4 quarters x 1 million hours at 1 EUR in 2026 are 2 short, 2027 is full."""
    found = values(
        '[[contract]]\nname = "c"\nkind = "take-or-pay"\nneed = "need"\ntotal = 12\nunit = "EUR million"\n'
        'first = "2026-Q1"\nlast = "2027-Q4"\nprice = "1 EUR/GPUhour"\n' + SPOT
    )
    assert found["c.minimum"] == [1.5] * 8
    assert found["c.drawn"] == [1, 1, 1, 1, 1.5, 1.5, 1.5, 1.5]
    assert found["c.shortfall"] == [0, 0, 0, 2, 0, 0, 0, 0]
    assert found["spot.cost"] == [0, 0, 0, 0, 4.5, 4.5, 4.5, 4.5]
    assert found["c.obligation"] == [10.5, 9, 7.5, 6, 4.5, 3, 1.5, 0]
    assert found["cost_of_revenue"] == [1, 1, 1, 3, 6, 6, 6, 6]
    assert found["cash"][-1] == 100 - 30


def test_prepaid_credit_is_used_and_expires() -> None:
    found = values(
        '[[contract]]\nname = "c"\nkind = "prepaid"\nneed = "need"\ntotal = 5\nunit = "EUR million"\n'
        'first = "2026-Q1"\nlast = "2026-Q3"\nprice = "1 EUR/GPUhour"\n' + SPOT
    )
    assert found["c.paid"] == [5, 0, 0, 0, 0, 0, 0, 0]
    assert found["c.balance"] == [4, 3, 0, 0, 0, 0, 0, 0]
    assert found["c.shortfall"] == [0, 0, 2, 0, 0, 0, 0, 0]
    assert found["credits"][:3] == [4, 3, 0]
    assert found["cash"][0] == 95


def test_provisioned_capacity_is_paid_idle_or_not() -> None:
    found = values(
        '[[contract]]\nname = "c"\nkind = "provisioned"\nneed = "need"\nunits = "4"\n'
        'fee = "2 EUR million/year"\n'
        'capacity = "2_000_000 GPUhours/year"\nfirst = "2026-Q1"\nlast = "2026-Q4"\n' + SPOT
    )
    assert found["c.room"] == [2, 2, 2, 2, 0, 0, 0, 0]
    assert found["c.cost"] == [2, 2, 2, 2, 0, 0, 0, 0]
    assert found["c.idle"] == [1, 1, 1, 1, 0, 0, 0, 0]
    assert found["spot.drawn"] == [0, 0, 0, 0, 3, 3, 3, 3]


def test_own_machines_wear_and_take_energy() -> None:
    found = values(
        '[[contract]]\nname = "c"\nkind = "owned"\nneed = "need"\ntotal = 8\nunit = "EUR million"\nlife = 1\n'
        'first = "2026-Q1"\nlast = "2026-Q1"\ncapacity = "2_000_000 GPUhours/year"\n'
        'energy = "0.1 EUR/GPUhour"\n' + SPOT
    )
    assert found["c.depreciation"] == [2, 2, 2, 2, 0, 0, 0, 0]
    assert found["c.drawn"] == [0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0]
    assert found["c.running"] == [0.05, 0.05, 0.05, 0.05, 0, 0, 0, 0]
    assert found["fixed_assets"] == [6, 4, 2, 0, 0, 0, 0, 0]
    assert found["cash"][0] == pytest.approx(100 - 8 - 0.05 - 1.5)


def test_loans_covenants_vendors_and_shares() -> None:
    found = values(
        SPOT
        + '[[funding]]\nname = "bank"\nkind = "loan"\namount = 8\nunit = "EUR million"\nwhen = "2026-Q1"\n'
        'due = "2027-Q4"\ninterest = "10%"\ncovenant = "prev(cash, 100e6) > 95e6"\n'
        '[[funding]]\nname = "wait"\nkind = "vendor"\ncontract = "spot"\npart = 0.5\nmonths = 6\n'
        '[[funding]]\nname = "paid_in"\nkind = "shares"\ncontract = "spot"\npart = 0.1\n'
    )
    assert found["wait.drawn"] == [1.5] * 4 + [4.5] * 4
    assert found["wait.repaid"] == [0, 0, 1.5, 1.5, 1.5, 1.5, 4.5, 4.5]
    assert found["paid_in.issued"] == [0.3] * 4 + [0.9] * 4
    assert found["bank.interest"][1] == pytest.approx(0.2)
    first = found["bank.breached"].index(1e-6)
    assert found["bank.repaid"][first] == 8
    assert sum(found["bank.repaid"]) == 8


def test_a_condition_lets_a_round_come_or_not() -> None:
    round_ = (
        '[[funding]]\nname = "r"\nkind = "equity"\namount = 8\nunit = "EUR million"\nwhen = "2027-Q1"\n'
        'condition = "prev(cash) > {}e6"\n'
    )
    assert values(SPOT + round_.format(85))["r.received"][4] == 8
    assert values(SPOT + round_.format(90))["r.received"][4] == 0


def test_a_loss_is_used_against_later_profit() -> None:
    text = HEAD.replace("[policy]\n", '[policy]\ntax = "25%"\n') + NEED + SPOT
    text += (
        '[[driver]]\nname = "sold"\nunit = "EUR million/quarter"\npath = { "2026-Q1" = 1, "2027-Q1" = 20 }\n'
    )
    text += 'shape = "steps"\n[[line]]\nname = "sales"\nformula = "sold * length()"\nunit = "EUR million"\n'
    text += 'group = "revenue"\n'
    found = base(load_plan(text))
    profit = found["profit_before_tax"][:, 0] / 1e6
    assert profit.tolist() == [-2, -2, -2, -2, 11, 11, 11, 11]
    assert (found["tax"][:, 0] / 1e6).tolist() == [0, 0, 0, 0, 0.75, 2.75, 2.75, 2.75]
    assert (found["losses"][:, 0] / 1e6).tolist() == [2, 4, 6, 8, 0, 0, 0, 0]


@pytest.fixture(scope="module")
def example() -> Plan:
    return load_plan(EXAMPLE)


def test_the_whole_example_is_what_plain_python_says(example: Plan) -> None:
    found = base(example)
    plain = plainly(example.program, {name: one.path for name, one in example.inputs.items()})
    for name, series in plain.items():
        shown = np.broadcast_to(found[name][:, 0], example.axis.count)
        np.testing.assert_allclose(shown, series, rtol=1e-9, atol=1e-3, err_msg=name)


def test_identities_hold_on_every_path(example: Plan) -> None:
    outcome = run(example, paths=3000)
    assert outcome.violations == 0
    assert outcome.checked == 3000 * example.axis.count


def test_a_plan_that_does_not_balance_is_seen(example: Plan) -> None:
    lines = list(example.program.lines.values())
    assert any(line.name == "check.balance" for line in lines)
    found = base(example)
    assert abs(found["check.balance"]).max() < 1e-3
    # Money that appears in cash from nowhere is found by the same line.
    found["cash"] = found["cash"] + 5e6
    wrong = found["cash"] + found["receivables"] + found["credits"] + found["fixed_assets"]
    assert abs(wrong - found["liabilities"] - found["equity"]).max() == pytest.approx(5e6)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_workers(example: Plan) -> None:
    """18 blocks in five batches, the last one short: every worker has several."""
    paths = 34_500
    one = run(example, paths=paths, workers=1)
    for workers in (2, 3):
        other = run(example, paths=paths, workers=workers)
        for name, band in one.bands.items():
            assert band.quantiles.tobytes() == other.bands[name].quantiles.tobytes()
            assert band.mean.tobytes() == other.bands[name].mean.tobytes()
        assert one.runs_out.tobytes() == other.runs_out.tobytes()
        assert one.gap.tobytes() == other.gap.tobytes()
    assert run(example, paths=paths, seed=2).bands["cash"].mean.tobytes() != one.bands["cash"].mean.tobytes()


def test_scenarios_and_shocks(example: Plan) -> None:
    written = example.written
    halves = build(scenario(written, "demand_falls"))
    shocked = base(halves)
    usual = base(example)
    at = example.axis.index("2027-01")
    assert (shocked["revenue"][:at] == usual["revenue"][:at]).all()
    np.testing.assert_allclose(shocked["revenue"][at:], usual["revenue"][at:] * 0.67)
    assert not [
        one for one in build(scenario(written, "no_round_b")).written.funding if one.name == "round_b"
    ]
    half = factors(written, halves.written.happening, severity=0.5)
    assert half["users"][-1] == pytest.approx(0.835)


def test_a_contract_that_ends_is_owed_no_more(example: Plan) -> None:
    text = (
        EXAMPLE
        + '[[shock]]\nname = "gone"\nends = "cloud"\nat = "2027-07"\n'
        + '[[scenario]]\nname = "g"\nshocks = ["gone"]\n'
    )
    written, _ = read_plan(text)
    plan = build(scenario(written, "g"))
    found = base(plan)
    at = plan.axis.index("2027-07")
    assert not found["cloud.minimum"][at:].any()
    assert not found["cloud.drawn"][at:].any()
    np.testing.assert_allclose(found["spot.drawn"][at:], found["gpu_need"][at:])


def test_what_people_ask(example: Plan) -> None:
    found = base(example)
    figures = {one.name: one for one in key_figures(example, found)}
    assert figures["runway"].value is None
    assert figures["commitments"].value == pytest.approx(60)
    assert obligations(example, found).rows[0][1] == pytest.approx((10, 20, 30, 0))
    assert sum(onerous(example, found).rows[0][1]) == pytest.approx(figures["take-or-pay shortfall"].value)
    told = explain(example, found, "cloud.shortfall", "2027-12")
    assert "year(cloud.minimum)" in told.formula
    assert [one.name for one in told.inputs] == ["cloud.year_ends", "cloud.minimum", "cloud.value"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('unit = "thousand users"\n', "", "[[driver]] has no unit"),
        ('formula = "users * price * length()"', 'formula = "users * prize * length()"', "needs 'prize'"),
        ('formula = "users * price * length()"', 'formula = "users * price"', "is said to be in USD"),
        ('first = "2026-01"\n', "", "needs first"),
        ('last = "2028-12"', 'last = "2025-12"', "ends (2025-12) before it begins"),
        ('due = "2028-03"', 'due = "2026-01"', "before it is paid out"),
        ('spread = "20%"', 'spread = "-20%"', "spread is -20%"),
        ('spread = "20%"\n', "", "a noise without a spread"),
        ('growth = "60%"', 'growth = "much"', "'much' is no number"),
        ('need = "gpu_need"', 'need = "gpu"', "no line 'gpu'"),
        ('name = "subscriptions"', 'name = "Subscriptions"', "cannot stand in a formula"),
        ('kind = "take-or-pay"', 'kind = "take-and-pay"', "unknown word 'take-and-pay'"),
        ('price = "2.1 USD/GPUhour"', 'price = "2.1 USD/user"', "it must be in"),
        ('shown_in = "USD million"', 'shown_in = "EUR million"', "which is not money in USD"),
        ("periods = 36", "periods = 0", "write a number from 1"),
        ('starts = "2026-01"', 'starts = "January"', "is no period"),
        ('condition = "prev(year(revenue)) > 15e6"', 'condition = "cash > 0"', "circular"),
        ("[policy]", "[polizy]", "unknown table or key 'polizy'"),
        ('title = "A firm that buys compute"', "", "the file has no title"),
    ],
)
def test_a_mistake_has_its_place_and_its_fix(old: str, new: str, says: str) -> None:
    assert old in EXAMPLE
    with pytest.raises((MistakesError, PlanError)) as told:
        load_plan(EXAMPLE.replace(old, new, 1))
    assert says in str(told.value)
    assert str(told.value).startswith("line ")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            '[[scenario]]\nname = "x"\nshocks = ["demnd"]\n',
            "no shock 'demnd' in the file; did you mean 'demand'?",
        ),
        ('[[scenario]]\nname = "x"\ndrop = ["rond_b"]\n', "nothing is called 'rond_b'"),
        ('[[scenario]]\nname = "x"\n[scenario.driver.usrs]\nvalue = 1\n', "no driver 'usrs'"),
        (
            '[[shock]]\nname = "s"\nends = "nobody"\n[[scenario]]\nname = "x"\nshocks = ["s"]\n',
            "which is nowhere",
        ),
    ],
)
def test_a_scenario_that_does_not_fit(change: str, says: str) -> None:
    written, _ = read_plan(EXAMPLE + change)
    with pytest.raises(PlanError, match=says.replace("?", r"\?")):
        scenario(written, "x")
