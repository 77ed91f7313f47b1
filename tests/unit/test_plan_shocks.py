"""Every kind of shock, its effect by hand: quarters of 2026 and 2027, amounts in millions."""

from __future__ import annotations

import numpy as np
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.shocks import library
from rechenwerk.planner.stress import reverse, stress, strike

# A quarter brings 10 of revenue and needs a million GPU hours: 0.5 million of a contract with Alpha at 2, of
# which 1 is due a quarter at the least; 0.2 million of own machines; the rest on demand at 3. So it costs
# 1 + 0.2 x 0.1 + 0.3 x 3 = 1.92 in cash. Half a quarter's revenue is still owed. A loan of 8 is due at the
# end; an investor brings 5 in the second year.
FILE = """
title = "T"
currency = "EUR"
shown_in = "EUR million"
starts = "2026-Q1"
periods = 8
[opening]
unit = "EUR million"
cash = 100
[policy]
receivable_days = 45.65625
[[driver]]
name = "use"
unit = "GPUhours/quarter"
value = 1_000_000
[[driver]]
name = "sold"
unit = "EUR million/quarter"
value = 10
[[line]]
name = "need"
formula = "use * length()"
unit = "GPUhours"
[[line]]
name = "sales"
formula = "sold * length()"
unit = "EUR million"
group = "revenue"
service = "chat"
[[contract]]
name = "alpha"
kind = "take-or-pay"
need = "need"
provider = "Alpha"
total = 8
unit = "EUR million"
first = "2026-Q1"
last = "2027-Q4"
price = "2 EUR/GPUhour"
[[contract]]
name = "own"
kind = "owned"
need = "need"
total = 0.0008
unit = "EUR million"
first = "2026-Q1"
last = "2026-Q1"
capacity = "800_000 GPUhours/year"
energy = "0.1 EUR/GPUhour"
[[contract]]
name = "spot"
kind = "on-demand"
need = "need"
price = "3 EUR/GPUhour"
[[funding]]
name = "round"
kind = "equity"
amount = 5
unit = "EUR million"
when = "2027-Q1"
investor = "Anna"
[[funding]]
name = "bank"
kind = "loan"
amount = 8
unit = "EUR million"
when = "2026-Q1"
due = "2027-Q4"
investor = "Bank"
[[funding]]
name = "waits"
kind = "vendor"
contract = "spot"
part = 0.5
months = 3
"""


def cash(shock: str) -> list[float]:
    plan = load_plan(FILE + '[[shock]]\nname = "s"\n' + shock)
    _, values = strike(plan.written, plan.written.shocks)
    return change(values["cash"])


def change(series: np.ndarray) -> list[float]:
    """In millions, less what it would have been."""
    usual = base(load_plan(FILE))["cash"][:, 0] / 1e6
    found: list[float] = (series[:, 0] / 1e6 - usual).round(6).tolist()
    return found


def test_the_plan_is_what_its_comment_says() -> None:
    found = base(load_plan(FILE))
    assert (found["cost_of_revenue"][:, 0] / 1e6).round(2).tolist() == [1.92] * 8
    # 100 + 8 of the loan + 5 of 10 received - 1.92 + 0.45 that a vendor waits for - 0.0008 invested
    assert found["cash"][0, 0] / 1e6 == pytest.approx(100 + 8 + 5 - 1.92 + 0.45 - 0.0008)
    # 10 received, 1.92 less 0.45 paid, 0.45 paid for the quarter before
    assert np.diff(found["cash"][:, 0] / 1e6)[0] == pytest.approx(10 - 1.92)


@pytest.mark.parametrize(
    ("shock", "by_hand"),
    [
        pytest.param(
            'kind = "provider-fails"\nwho = "Alpha"\nat = "2027-Q1"',
            # 0.5 million hours at 3 instead of 2 cost 0.5 more, half of the 1.5 paid a quarter later
            [0, 0, 0, 0, 0.25, -0.25, -0.75, -1.25],
            id="a provider fails: others serve, at their price",
        ),
        pytest.param(
            'kind = "provider-reprices"\nwho = "Alpha"\nfactor = 2\nat = "2027-Q3"',
            # the minimum of 1 buys 0.25 million hours, the other 0.25 cost 3: 0.75, half of it later
            [0, 0, 0, 0, 0, 0, -0.375, -1.125],
            id="a provider reprices: the same money buys less",
        ),
        pytest.param(
            'kind = "demand-short"\nwho = "sold"\nfactor = 0.5\nat = "2027-Q4"',
            # 5 less sold, of which half would have been received in the quarter
            [0, 0, 0, 0, 0, 0, 0, -2.5],
            id="demand is short",
        ),
        pytest.param(
            'kind = "energy-price"\nfactor = 3\nat = "2027-Q2"\nuntil = "2027-Q4"',
            # 0.2 million hours at 0.2 more, for two quarters
            [0, 0, 0, 0, 0, -0.04, -0.08, -0.08],
            id="energy is dearer for a while",
        ),
        pytest.param(
            'kind = "gpu-scarcity"\nfactor = 2\nat = "2027-Q3"',
            # 0.3 million hours at 3 more: 0.9, half of it a quarter later
            [0, 0, 0, 0, 0, 0, -0.45, -1.35],
            id="what is not under contract is scarce",
        ),
        pytest.param(
            'kind = "tranche-missing"\nwho = "round"',
            [0, 0, 0, 0, -5, -5, -5, -5],
            id="a tranche does not arrive",
        ),
        pytest.param(
            'kind = "investor-defaults"\nwho = "Anna"\nat = "2026-Q3"',
            [0, 0, 0, 0, -5, -5, -5, -5],
            id="an investor defaults",
        ),
        pytest.param(
            'kind = "investor-defaults"\nwho = "Anna"\nat = "2027-Q2"',
            [0] * 8,
            id="an investor that has paid defaults",
        ),
        pytest.param(
            'kind = "customer-defaults"\nwho = "chat"\nfactor = 0.6\nat = "2027-Q3"',
            # 4 a quarter less is sold: 2 less received in the quarter, 4 in the next. Of the 5 still owed
            # for the second quarter 40 % never come: 2
            [0, 0, 0, 0, 0, 0, -4, -8],
            id="customers default on what they owe",
        ),
        pytest.param(
            'kind = "customer-defaults"\nwho = "sales"\nat = "2027-Q4"',
            [0, 0, 0, 0, 0, 0, 0, -10],
            id="all customers default",
        ),
        pytest.param(
            'kind = "credit-withdrawn"\nwho = "Bank"\nat = "2026-Q3"',
            [0, 0, -8, -8, -8, -8, -8, 0],
            id="a loan is due at once",
        ),
        pytest.param(
            'kind = "credit-withdrawn"\nwho = "waits"\nat = "2027-Q1"',
            # what it waited for is paid as agreed; 0.45 a quarter is paid at once from then on
            [0, 0, 0, 0, -0.45, -0.45, -0.45, -0.45],
            id="a vendor waits no more",
        ),
        pytest.param(
            'kind = "credit-withdrawn"\nwho = "bank"',
            [-8, -8, -8, -8, -8, -8, -8, 0],
            id="a loan does not come",
        ),
    ],
)
def test_a_shock_by_hand(shock: str, by_hand: list[float]) -> None:
    assert cash(shock) == pytest.approx(by_hand, abs=1e-6)


def test_every_struck_plan_still_balances() -> None:
    plan = load_plan(FILE)
    for shock in library(plan.written, "2026-Q4"):
        _, values = strike(plan.written, [shock])
        for line in ("check.balance", "check.cash"):
            assert abs(values[line]).max() < 1e-3, shock.name


def test_half_as_severe_is_half_as_bad_where_it_is_linear() -> None:
    text = FILE + '[[shock]]\nname = "s"\nkind = "gpu-scarcity"\nfactor = 2\nat = "2027-Q3"\n'
    plan = load_plan(text)
    _, values = strike(plan.written, plan.written.shocks, 0.5)
    assert change(values["cash"]) == pytest.approx([0, 0, 0, 0, 0, 0, -0.225, -0.675], abs=1e-6)


TWO = """
[[shock]]
name = "scarce"
kind = "gpu-scarcity"
factor = 2
at = "2027-Q3"
[[shock]]
name = "gone"
kind = "tranche-missing"
who = "round"
[[scenario]]
name = "both"
shocks = ["scarce", "gone"]
"""


def test_shocks_together_and_in_sequence() -> None:
    plan = load_plan(FILE + TWO)
    found = {one.shocks: one for one in stress(plan.written, [["scarce@2026-Q1", "gone"]])}
    usual = found[()]
    # The lowest cash is that of the first quarter, when 0.45 more is paid if scarcity begins then.
    assert found["scarce", "gone"].lowest == usual.lowest
    moved = found["scarce@2026-Q1", "gone"]
    assert moved.lowest == pytest.approx(usual.lowest - 0.45e6)
    assert build(scenario(plan.written, "both")).written.happening == plan.written.shocks


def test_a_scenario_with_shocks_of_a_kind_is_the_struck_plan() -> None:
    plan = load_plan(FILE + TWO)
    both = base(build(scenario(plan.written, "both")))["cash"]
    assert change(both) == pytest.approx([0, 0, 0, 0, -5, -5, -5.45, -6.35], abs=1e-6)


def poor(cash: float) -> Plan:
    """With just so much cash that it is poor in the quarter before the round."""
    text = (FILE + TWO).replace("cash = 100", f"cash = {cash}").replace('due = "2027-Q4"', 'due = "2026-Q4"')
    # Nobody buys: only costs remain.
    return load_plan(text.replace("value = 10\n", "value = 0\n"))


def test_the_mildest_combination_of_what_happens_and_what_has_a_degree() -> None:
    """Costs of 8 x 1.92 less 0.45 that waits: 14.9108. With 11 and the round's 5 there are 1.0892 left."""
    plan = poor(11)
    found = reverse(plan.written)
    assert found.struck is not None
    # Scarcity costs 1.35 up to the end, so 1.0892 / 1.35 of it is enough.
    assert found.severities == pytest.approx({"scarce": (16 - 14.9108) / 1.35}, abs=1e-3)
    assert found.distance == pytest.approx(found.severities["scarce"])
    assert found.sets == (("scarce",), ("gone",))


def test_smallest_sets_name_only_what_is_needed() -> None:
    """With 11.6 there are 1.6892 left: more than the 1.35 of scarcity, less than the 5 of the round."""
    plan = poor(11.6)
    assert reverse(plan.written).sets == (("gone",),)
    richer = poor(15.9)
    # 5.9892 are left: the round's 5 is not enough, with 1.35 of scarcity it is.
    found = reverse(richer.written)
    assert found.sets == (("scarce", "gone"),)
    assert found.severities == pytest.approx({"gone": 1.0, "scarce": 0.9892 / 1.35}, abs=1e-3)


def test_a_plan_that_runs_out_by_itself_needs_no_shock() -> None:
    found = reverse(poor(1).written)
    assert found.struck is not None
    assert (found.severities, found.distance, found.sets) == ({}, 0.0, ())


def test_what_nobody_serves_is_shown() -> None:
    plan = load_plan(FILE + '[[shock]]\nname = "s"\nkind = "provider-fails"\nwho = "spot"\nat = "2027-Q1"\n')
    (_, found) = stress(plan.written)
    assert found.unserved == pytest.approx(0.3 / 2)


def test_the_library_hits_everything_once() -> None:
    found = [one.name for one in library(load_plan(FILE).written, "2026-Q4")]
    assert found == [
        "provider-fails:Alpha",
        "provider-reprices:Alpha",
        "demand-short:sold",
        "energy-price",
        "gpu-scarcity",
        "tranche-missing:round",
        "investor-defaults:Anna",
        "customer-defaults:chat",
        "credit-withdrawn:bank",
        "credit-withdrawn:waits",
    ]


@pytest.mark.parametrize(
    ("shock", "says"),
    [
        ('kind = "provider-fails"\nwho = "Alfa"', "meets no 'Alfa'; did you mean 'Alpha'?"),
        ('kind = "customer-defaults"\nwho = "need"', "meets no 'need'; choose from"),
        ('kind = "credit-withdrawn"\nwho = "round"', "meets no 'round'; choose from"),
        ('kind = "tranche-missing"\nwho = "Anna"', "meets no 'Anna'"),
        ('kind = "demand-short"\nwho = "solt"\nfactor = 0.5', "no driver 'solt'; did you mean 'sold'?"),
    ],
)
def test_a_shock_that_meets_nothing(shock: str, says: str) -> None:
    with pytest.raises((PlanError, MistakesError)) as told:
        cash(shock)
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["scarse"], "no shock 'scarse' in the file; did you mean 'scarce'?"),
        (["scarce@soon"], "'soon' is no period"),
    ],
)
def test_what_cannot_be_combined(names: list[str], says: str) -> None:
    with pytest.raises(PlanError) as told:
        stress(load_plan(FILE + TWO).written, [names])
    assert says in str(told.value)


def test_an_unknown_kind_has_its_line() -> None:
    with pytest.raises(MistakesError, match=r"^line \d+: .*earthquake"):
        load_plan(FILE + '[[shock]]\nname = "s"\nkind = "earthquake"\n')
