"""Stress, reverse stress, solving for a number, and which driver matters; on the shipped example."""

from __future__ import annotations

import numpy as np
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.running import base, run
from rechenwerk.planner.scenarios import factors, scenario
from rechenwerk.planner.sensitivity import tornado
from rechenwerk.planner.sobol import sobol
from rechenwerk.planner.solving import Target, solve
from rechenwerk.planner.stress import reverse, stress
from tests.unit.plan_texts import EXAMPLE


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(EXAMPLE)


def test_each_shock_alone_and_all_together(plan: Plan) -> None:
    found = {one.shocks: one for one in stress(plan.written, [["demand", "price_war"]])}
    assert list(found) == [
        (),
        ("demand",),
        ("price_war",),
        ("no_round",),
        ("demand", "price_war", "no_round"),
        ("demand", "price_war"),
    ]
    assert found[()].out == ""
    assert found["no_round",].out == "2028-12"
    everything = found["demand", "price_war", "no_round"]
    assert everything.lowest == min(one.lowest for one in found.values())
    assert everything.gap == -everything.lowest


def test_the_mildest_that_empties_the_cash_just_does(plan: Plan) -> None:
    found = reverse(plan.written)
    assert found.struck is not None
    assert found.struck.lowest == pytest.approx(0, abs=10)
    assert found.distance < 1  # milder than either shock as written
    shocks = {one.name: one for one in plan.written.shocks}
    milder: dict[str, np.ndarray] = {}
    for name, severity in found.severities.items():
        milder |= factors(plan.written, [shocks[name]], severity * 0.99)
    assert base(plan, milder)["cash"].min() > 0


def test_a_scenarios_shocks_count_whatever_is_asked(plan: Plan) -> None:
    """Stress, solving and sensitivities start from the scenario, its shocks of drivers included."""
    falling = build(scenario(plan.written, "demand_falls"))
    assert stress(falling.written)[0].lowest == stress(plan.written)[1].lowest
    assert tornado(falling)[0].high < tornado(plan)[0].high
    target = Target("net_profit", 0.0)
    assert solve(falling.written, "price", target).scale > solve(plan.written, "price", target).scale


def test_nothing_empties_a_rich_firm() -> None:
    rich = load_plan(EXAMPLE.replace("cash = 12", "cash = 1200"))
    assert reverse(rich.written).struck is None


@pytest.mark.parametrize(
    ("what", "target"),
    [
        ("price", Target("net_profit", 0.0)),
        ("users", Target("cash", 30.0)),
        ("cloud", Target("cash", 0.0, "2028-06")),
        ("round_b", Target("cash", 30.0)),
    ],
)
def test_what_is_solved_for_is_reached(plan: Plan, what: str, target: Target) -> None:
    found = solve(plan.written, what, target)
    assert found.reached == pytest.approx(target.value, abs=1e-3)
    assert found.scale > 0


def test_the_largest_commitment_with_a_bearable_ruin(plan: Plan) -> None:
    found = solve(plan.written, "cloud", Target(value=0.05, paths=1000))
    assert found.scale < 1
    assert found.reached == pytest.approx(0.05, abs=0.003)
    assert run(plan, paths=1000, lines=("cash",)).ruined[-1] > 0.05


@pytest.mark.parametrize(
    ("what", "target", "says"),
    [
        ("prize", Target("cash"), "did you mean 'price'?"),
        ("price", Target("cahs"), "did you mean 'cash'?"),
        ("price", Target("cash", 0.0, "2040-01"), "outside of the plan"),
        ("hours_per_user", Target("revenue", 1.0), "as written it is"),
    ],
)
def test_what_cannot_be_solved(plan: Plan, what: str, target: Target, says: str) -> None:
    with pytest.raises(PlanError, match=says.replace("?", r"\?")):
        solve(plan.written, what, target)


def test_the_driver_that_matters_most_stands_first(plan: Plan) -> None:
    bars = tornado(plan)
    assert [one.driver for one in bars] == ["users", "price"]
    assert bars[0].low < bars[0].high
    indices = sobol(plan, samples=64)
    assert [one.driver for one in indices] == ["users", "price"]
    assert sum(one.first for one in indices) == pytest.approx(1, abs=0.3)


def test_shares_of_the_variance_are_those_of_a_sum() -> None:
    """a + b with spreads 0.3 and 0.1: 9 to 1, but for the lognormal's third digit."""
    text = (
        'title = "T"\ncurrency = "EUR"\nshown_in = "EUR"\nstarts = "2026-01"\nperiods = 1\n'
        '[opening]\nunit = "EUR"\n[policy]\n'
    )
    for name, spread in (("a", 0.3), ("b", 0.1)):
        text += f'[[driver]]\nname = "{name}"\nunit = "EUR"\nvalue = 1\nnoise = "level"\nspread = {spread}\n'
    text += '[[line]]\nname = "both"\nformula = "a + b"\nunit = "EUR"\n'
    found = {one.driver: one.first for one in sobol(load_plan(text), "both", samples=1024)}
    assert found["a"] == pytest.approx(0.9, abs=0.04)
    assert found["b"] == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize(
    ("line", "at", "samples", "says"),
    [
        ("cahs", "", 64, "did you mean 'cash'?"),
        ("cash", "2040-01", 64, "outside of the plan"),
        ("cash", "", 100, "a power of 2"),
        ("staff", "", 64, "the same whatever the drivers are"),
    ],
)
def test_what_cannot_be_told_apart(plan: Plan, line: str, at: str, samples: int, says: str) -> None:
    with pytest.raises(PlanError, match=says.replace("?", r"\?")):
        sobol(plan, line, at, samples)
