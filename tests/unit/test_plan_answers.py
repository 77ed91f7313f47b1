"""Answers of plans against sums that can be done by hand, and where they come from."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.differences import bridge
from rechenwerk.planner.economics import break_even, services, usage
from rechenwerk.planner.explaining import explain, readable
from rechenwerk.planner.formulas import read_formula
from rechenwerk.planner.late import late
from rechenwerk.planner.measures import amortised, measures
from rechenwerk.planner.outputs import Figure, obligations, provisions
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.solving import Target, solve
from tests.unit.plan_texts import EXAMPLE

# Twelve months: 100 users pay 10 a month and need 2 hours; 300 a month are bought at 2.4, others cost 3.
SMALL = """
title = "Small"
currency = "EUR"
shown_in = "EUR"
starts = "2026-01"
periods = 12
[opening]
unit = "EUR"
cash = {cash}
[policy]
discount = "10%"
[[driver]]
name = "users"
unit = "users"
value = 100
source = "count of members"
date = "2025-12"
status = "reported"
{noise}
[[driver]]
name = "price"
unit = "EUR/user/month"
value = {price}
[[line]]
name = "sold"
formula = "users * price * length()"
unit = "EUR"
group = "revenue"
service = "chat"
[[line]]
name = "hours"
formula = "users * 24 * length()"
unit = "users year"
service = "chat"
[[line]]
name = "staff"
formula = "300"
unit = "EUR"
group = "operating"
[[contract]]
name = "bound"
kind = "take-or-pay"
need = "hours"
total = 8640
unit = "EUR"
first = "2026-01"
last = "2026-12"
price = "2.4 EUR/user/year"
settled = "period"
[[contract]]
name = "open"
kind = "on-demand"
need = "hours"
price = "3 EUR/user/year"
"""


def small(cash: int = 1000, price: str = "10", noise: str = "") -> Plan:
    return load_plan(SMALL.format(cash=cash, price=price, noise=noise))


def answers(plan: Plan) -> dict[str, Figure]:
    return {one.key: one for one in measures(plan, base(plan))}


def test_a_firm_that_can_be_reckoned_by_hand() -> None:
    """A month: 1000 revenue, 720 minimum of which 480 is used, 300 staff: 20 are lost."""
    found = answers(small(cash=90))
    assert found["gross_margin"].value == pytest.approx(0.28)
    assert (found["runway"].value, found["runway"].note) == (4.0, "2026-05")
    assert found["funding_gap"].value == pytest.approx(12 * 20 - 90)
    assert found["commitments"].value == pytest.approx(8640)
    assert found["commitments_to_revenue"].value == pytest.approx(8640 / 12000)
    assert found["shortfall"].value == pytest.approx(12 * 240)
    assert found["provision"].value == pytest.approx(12 * 240)
    assert found["bound.used"].value == pytest.approx(2 / 3)
    assert found["bound.break_even_market"].value == pytest.approx(2.4 / 3)
    assert found["bound.break_even"].value == pytest.approx(720 / (300 * 1000 / 200))
    assert found["break_even_all"].value == pytest.approx((720 + 300) / (300 * 1000 / 200))
    present = sum(-20 / 1.1 ** (month / 12) for month in range(1, 13))
    assert found["present_value"].value == pytest.approx(present)
    assert found["service.chat.covering_price"].value == pytest.approx(7.2)
    assert found["service.chat.cost_per_users"].value == pytest.approx(7.2)
    assert found["service.chat.revenue_per_users"].unit == "EUR/user/month"
    assert found["obligations.2026"].value == pytest.approx(8640)


def test_what_a_free_offering_costs() -> None:
    plan = small(price="0")
    (chat,) = services(plan, base(plan))
    per = {one.name: one for one in chat.per_unit}
    assert per["users"].revenue == 0
    assert per["users"].cost == pytest.approx(7.2)
    assert chat.prices[0].covering is None
    assert answers(plan)["service.chat.covering_price"].value is None


def test_a_covering_price_covers_exactly() -> None:
    plan = load_plan(EXAMPLE)
    (assistant,) = services(plan, base(plan))
    (price,) = assistant.prices
    assert price.covering is not None
    factor = np.full(plan.axis.count, price.covering / price.now)
    assert base(plan, {"price": factor})["service.assistant.margin"].sum() == pytest.approx(0, abs=1e-3)


def test_obligations_and_provisions_by_year() -> None:
    text = SMALL.format(cash=0, price="10", noise="").replace("periods = 12", "periods = 18")
    text = text.replace('last = "2026-12"', 'last = "2027-12"').replace("8640", "17280")
    plan = load_plan(text)
    values = base(plan)
    due, later = obligations(plan, values), provisions(plan, values)
    assert [name for name, _ in (*due.rows, *later.rows)] == ["bound", "bound"]
    assert due.rows[0][1] == pytest.approx([8640, 4320, 4320])
    assert later.rows[0][1] == pytest.approx([6 * 240, 0, 0])
    assert [one.contract for one in usage(plan, values)] == ["bound"]
    assert break_even(plan, values) is not None


def test_provisioned_capacity_goes_on_behind_the_plan() -> None:
    text = SMALL.format(cash=0, price="10", noise="")
    text = text[: text.index("[[contract]]")] + (
        '[[contract]]\nname = "rack"\nkind = "provisioned"\nneed = "hours"\nunits = "2"\n'
        'fee = "30 EUR/month"\ncapacity = "2400 users"\nfirst = "2026-01"\nlast = "2027-03"\n'
    )
    plan = load_plan(text)
    ((_, cells),) = obligations(plan, base(plan)).rows
    assert cells == pytest.approx([720, 180])
    (rack,) = usage(plan, base(plan))
    assert rack.used == pytest.approx(200 / 400)


@pytest.mark.parametrize(
    ("flow", "back"),
    [([-10, 4, 4, 4], 3), ([5, -3, 4], None), ([-10, 4], None), ([-5, 5], 1), ([1, -3, 1, 1, 1], 3)],
)
def test_when_what_was_invested_is_back(flow: list[float], back: int | None) -> None:
    assert amortised(np.cumsum(np.asarray(flow, dtype=float))) == back


def test_own_machines_pay_for_themselves_against_the_market() -> None:
    """1200 invested save 200 hours a month at 3 less 1 of energy each: 400 a month."""
    text = SMALL.format(cash=0, price="10", noise="")
    machine = (
        '[[contract]]\nname = "rack"\nkind = "owned"\nneed = "hours"\ntotal = 1200\nunit = "EUR"\n'
        'first = "2026-01"\nlast = "2026-01"\ncapacity = "2400 users"\nenergy = "1 EUR/user/year"\nlife = 1\n'
    )
    at = text.index("[[contract]]")
    plan = load_plan(text[:at] + machine + text[text.index("[[contract]]", at + 5) :])
    found = answers(plan)
    assert (found["rack.payback"].value, found["rack.payback"].note) == (3.0, "2026-03")
    assert found["rack.payback_discounted"].note == "2026-04"


# -- where it comes from ---------------------------------------------------------------------------------


def test_a_line_is_explained_down_to_its_source() -> None:
    plan = small()
    found = explain(plan, base(plan), "sold", "2026-03")
    assert found.formula == "users * price * length()"
    assert found.value == pytest.approx(1000)
    assert (found.unit, found.period) == ("EUR", "2026-03")
    users = found.inputs[0]
    assert (users.name, users.value, users.unit) == ("users", 100, "users")
    assert (users.source, users.date, users.status) == ("count of members", "2025-12", "reported")
    assert found.inputs[1].value == pytest.approx(10)
    assert found.inputs[1].unit == "EUR/user/month"


def test_what_was_before_has_its_own_period_and_sums_are_sums() -> None:
    plan = load_plan(EXAMPLE)
    values = base(plan)
    cash = explain(plan, values, "cash", "2026-05", deep=1)
    before = next(one for one in cash.inputs if one.how == "before")
    assert (before.name, before.period) == ("cash", "2026-04")
    shortfall = explain(plan, values, "cloud.shortfall", "2026-12", deep=1)
    minimum = next(one for one in shortfall.inputs if one.name == "cloud.minimum")
    assert minimum.value == pytest.approx(10)
    assert (minimum.how, minimum.status) == ("year", "contracted")


def test_every_answer_is_explained_with_its_inputs() -> None:
    plan = load_plan(EXAMPLE)
    values = base(plan)
    for one in measures(plan, values):
        found = explain(plan, values, one.key)
        assert found.formula
        assert found.inputs, one.key
        assert found.value == one.value


def test_what_a_formula_names_gives_its_value() -> None:
    """Every line's inputs, put into its formula, give the line: the tree is no decoration."""
    plan = load_plan(EXAMPLE)
    values = base(plan)
    for name in ("gross_profit", "net_profit", "free_cash_flow", "assets"):
        found = explain(plan, values, name, "2027-12", deep=1)
        known = {one.name: float(one.value or 0.0) for one in found.inputs}
        assert eval(found.formula, {"__builtins__": {}}, known) == pytest.approx(found.value)


@pytest.mark.parametrize(
    "text",
    [
        "a + b * c",
        "(a + b) * c",
        "a - (b - c)",
        "a - b - c",
        "a / (b * c)",
        "-a + b",
        "-(a + b)",
        "a * -b",
        "a ^ (b + 1)",
    ],
)
def test_brackets_that_change_nothing_are_left_out(text: str) -> None:
    formula = read_formula(text)
    assert read_formula(readable(formula)) == formula
    assert readable(read_formula("((a + b)) + (c)")) == "a + b + c"


@pytest.mark.parametrize(
    ("name", "at", "says"),
    [
        ("cahs", "", "did you mean 'cash'?"),
        ("cash", "2040-01", "outside of the plan"),
        ("runaway", "", "did you mean 'runway'?"),
    ],
)
def test_what_cannot_be_explained(name: str, at: str, says: str) -> None:
    plan = small()
    with pytest.raises(PlanError, match=says.replace("?", r"\?")):
        explain(plan, base(plan), name, at)


# -- why two differ --------------------------------------------------------------------------------------


def test_differences_add_up_and_each_is_named() -> None:
    plan = load_plan(EXAMPLE)
    other = load_plan(EXAMPLE.replace("value = 20\n", "value = 25\n").replace("cash = 12", "cash = 14"))
    found = bridge(plan.written, build(scenario(other.written, "both")).written)
    assert {(one.table, one.name) for step in found.steps for one in step.changes} == {
        ("opening", ""),
        ("driver", "price"),
        ("funding", "round_b"),
        ("shock", "demand"),
        ("shock", "no_round"),
    }
    assert sum(one.effect for one in found.steps) == pytest.approx(found.after - found.before)
    opening = next(step for step in found.steps if step.changes[0].table == "opening")
    assert opening.changes[0].fields == (("cash", "12", "14"),)
    # With three years of interest, some of it taxed.
    assert 2 * (1 + 0.03 / 12 * 0.75) ** 35 < opening.effect < 2 * (1 + 0.03 / 12) ** 36
    assert (found.line, found.at, found.unit) == ("cash", "2028-12", "USD million")


def test_a_line_that_needs_a_new_driver_comes_with_it() -> None:
    plan = load_plan(EXAMPLE)
    more = EXAMPLE.replace("users * price * length()", "users * price * length() * share").replace(
        '[[line]]\nname = "gpu_need"',
        '[[driver]]\nname = "share"\nunit = "1"\nvalue = 0.5\n[[line]]\nname = "gpu_need"',
    )
    found = bridge(plan.written, load_plan(more).written, "revenue", "2026-06")
    assert found.after == pytest.approx(found.before / 2)
    assert sum(one.effect for one in found.steps) == pytest.approx(-found.before / 2)


def test_nothing_but_words_is_no_effect() -> None:
    plan = load_plan(EXAMPLE)
    other = load_plan(EXAMPLE.replace('title = "Subscriptions"', 'title = "Abos"'))
    found = bridge(plan.written, other.written)
    assert (found.steps, found.before) == ((), found.after)
    assert [one.name for one in found.silent] == ["subscriptions"]


@pytest.mark.parametrize(
    ("other", "line", "at", "says"),
    [
        (SMALL.format(cash=1, price=1, noise=""), "cash", "", "cannot be compared"),
        (EXAMPLE, "cahs", "", "did you mean 'cash'?"),
        (EXAMPLE, "cash", "2031-01", "outside of"),
    ],
)
def test_what_cannot_be_compared(other: str, line: str, at: str, says: str) -> None:
    with pytest.raises(PlanError, match=says.replace("?", r"\?")):
        bridge(load_plan(EXAMPLE).written, load_plan(other).written, line, at)


# -- solved for ------------------------------------------------------------------------------------------


def test_the_price_that_covers_cost_is_cost_by_volume() -> None:
    found = solve(small().written, "price", Target("net_profit"))
    assert found.first == pytest.approx((720 + 300) / 100)
    covering = solve(small().written, "price", Target("service.chat.margin"))
    assert covering.first == pytest.approx(7.2)


def test_the_growth_that_meets_commitments() -> None:
    """100 * (1 + g) ^ (11/12) users * 10 cover 720 + 300 in December."""
    found = solve(small().written, "users.growth", Target("net_profit", 0.0, "2026-12"))
    users = 100 * (1 + found.first) ** (11 / 12)
    # Users need more hours as they grow: 2 each, of which 300 are bought.
    assert users * 10 == pytest.approx(720 + 300 + max(2 * users - 300, 0) * 3, rel=1e-6)
    assert found.unit == "growth a year"


def test_the_largest_commitment_with_a_bearable_ruin_is_a_quantile() -> None:
    """One month, one level of users: cash falls below 0 where 10 users are worth less than what is due."""
    noise = 'noise = "level"\nspread = 0.3'
    text = SMALL.format(cash=0, price="10", noise=noise).replace("periods = 12", "periods = 1")
    text = text.replace('formula = "300"', 'formula = "0"').replace('last = "2026-12"', 'last = "2026-01"')
    found = solve(load_plan(text).written, "bound", Target(value=0.1, paths=40_000))
    worth = 1000 * np.exp(NormalDist().inv_cdf(0.1) * 0.3 - 0.3**2 / 2)
    assert found.first == pytest.approx(worth, rel=0.01)
    assert found.reached == pytest.approx(0.1, abs=1e-3)


def test_a_growth_of_nothing_is_refused() -> None:
    with pytest.raises(PlanError, match="did you mean 'users'"):
        solve(small().written, "user.growth", Target("cash"))


LATE = """
[[funding]]
name = "round_c"
kind = "equity"
amount = 50
unit = "USD million"
when = "2027-09"
"""


def test_a_tranche_that_comes_after_the_money_ran_out_is_told() -> None:
    plan = load_plan(EXAMPLE + LATE)
    assert late(plan, base(plan)) == ()
    poor = load_plan((EXAMPLE + LATE).replace("cash = 12", "cash = 0", 1))
    values = base(poor)
    cash = np.broadcast_to(values["cash"][:, 0], poor.axis.count) / poor.money.scale
    out = int(np.flatnonzero(cash < 0)[0])
    told = {one.name: one for one in late(poor, values)}
    assert "round_c" in told
    assert told["round_c"].when == "2027-09"
    assert told["round_c"].out == poor.axis.name(out)
    assert told["round_c"].gap == pytest.approx(-cash[out : poor.axis.index("2027-09")].min())
