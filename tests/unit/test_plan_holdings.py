"""Stakes by hand: what firms are worth, how stakes move, what falls; and a plan that joins a network."""

from __future__ import annotations

import numpy as np
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.contagion import run
from rechenwerk.planner.deals import Deals, read_deals
from rechenwerk.planner.holdings import holdings
from rechenwerk.planner.joining import join
from rechenwerk.planner.plans import Plan, load_plan
from rechenwerk.planner.running import base

HEAD = 'unit = "EUR million"\nstarts = "2026-Q1"\nperiods = 4\n'


def firm(name: str, cash: float, more: str = "") -> str:
    return f'[[firm]]\nname = "{name}"\ncash = {cash}\n{more}'


def share(of: str, holder: str, part: float, more: str = "") -> str:
    return f'[[share]]\nof = "{of}"\nholder = "{holder}"\npart = {part}\n{more}'


def deals(text: str) -> Deals:
    return read_deals(HEAD + text)


def test_worth_counts_stakes_through_a_ring() -> None:
    """a = 10 + b / 2 and b = 20 + a / 10: a = 20 / 0.95, b = 20 + 2 / 0.95."""
    text = firm("A", 10) + firm("B", 20) + share("B", "A", 0.5) + share("A", "B", 0.1)
    found = holdings(run(deals(text)))
    assert found.worth[0] == pytest.approx([20 / 0.95, 20 + 2 / 0.95])
    assert found.stakes[0] == pytest.approx([20 / 0.95 - 10, 2 / 0.95])


def test_a_stake_in_less_than_nothing_is_worth_nothing() -> None:
    debt = '[[debt]]\ndebtor = "B"\ncreditor = "C"\namount = 30\ndue = "2026-Q4"\n'
    text = firm("A", 10) + firm("B", 20, "income = 5\n") + firm("C", 0) + share("B", "A", 0.5) + debt
    found = holdings(run(deals(text)))
    # B: 25 less 30 at first; 40 less 30 in the third quarter.
    assert found.worth[:, 1] == pytest.approx([-5, 0, 5, 10])
    assert found.worth[:, 0] == pytest.approx([10, 10, 12.5, 15])
    assert found.worth[0, 2] == pytest.approx(30)


def test_equity_buys_a_part_and_thins_all_others() -> None:
    funding = '[[funding]]\ninvestor = "C"\nfirm = "A"\namount = 5\nwhen = "2026-Q2"\npart = 0.2\n'
    found = holdings(run(deals(firm("A", 10) + firm("B", 0) + firm("C", 5) + share("A", "B", 0.5) + funding)))
    assert found.parts[:, 0, 1] == pytest.approx([0.5, 0.4, 0.4, 0.4])
    assert found.parts[:, 0, 2] == pytest.approx([0, 0.2, 0.2, 0.2])


def test_equity_that_comes_in_part_buys_in_part() -> None:
    funding = '[[funding]]\ninvestor = "C"\nfirm = "A"\namount = 10\nwhen = "2026-Q2"\npart = 0.2\n'
    found = holdings(run(deals(firm("A", 10) + firm("C", 5) + funding)))
    assert found.parts[-1, 0, 1] == pytest.approx(0.1)


def test_stakes_move_in_time() -> None:
    text = firm("A", 10) + firm("B", 0)
    text += share("A", "B", 0.6, 'last = "2026-Q2"\n') + share("A", "B", 0.9, 'first = "2026-Q3"\n')
    assert holdings(run(deals(text))).parts[:, 0, 1] == pytest.approx([0.6, 0.6, 0.9, 0.9])


def test_a_stake_falls_with_its_firm() -> None:
    text = firm("A", 10, "worth = 100\n") + firm("B", 5) + share("A", "B", 0.25)
    found = holdings(run(deals(text), fails="A", at="2026-Q3"))
    assert found.worth[:, 1] == pytest.approx([30, 30, 5, 5])
    (loss,) = found.losses
    assert (loss.firm, loss.period, loss.holder, loss.amount) == ("A", "2026-Q3", "B", 25)


def test_two_stakes_at_a_time_are_not_more_than_all() -> None:
    text = firm("A", 10) + firm("B", 0) + firm("C", 0)
    later = share("A", "C", 0.6, 'first = "2026-Q3"\n')
    read_deals(HEAD + text + share("A", "B", 0.6, 'last = "2026-Q2"\n') + later)
    with pytest.raises(MistakesError, match="more than all of 'A'"):
        read_deals(HEAD + text + share("A", "B", 0.6) + later)


PLAN = """
title = "P"
currency = "EUR"
shown_in = "EUR million"
starts = "2025-10"
periods = 18
[opening]
unit = "EUR million"
cash = 40
[policy]
[[driver]]
name = "use"
unit = "GPUhours/month"
value = 1_000_000
[[driver]]
name = "sold"
unit = "EUR million/month"
value = 2
[[line]]
name = "need"
formula = "use * length()"
unit = "GPUhours"
[[line]]
name = "sales"
formula = "sold * length()"
unit = "EUR million"
group = "revenue"
[[line]]
name = "fee"
formula = "sales / 10"
unit = "EUR million"
group = "operating"
[[contract]]
name = "c"
kind = "on-demand"
need = "need"
provider = "Cloud"
price = "3 EUR/GPUhour"
[[funding]]
name = "f"
kind = "equity"
amount = 6
unit = "EUR million"
when = "2026-05"
investor = "Anna"
[[funding]]
name = "g"
kind = "equity"
amount = 4
unit = "EUR million"
when = "2026-08"
investor = "Bert"
[[holder]]
name = "Anna"
shares = 40
[[holder]]
name = "Founders"
shares = 60
[[round]]
name = "r"
when = "2026-05"
pre_money = 10
unit = "EUR million"
funding = ["f", "g"]
"""
NETWORK = (
    firm("Lab", 0)
    + firm("Cloud", 1)
    + firm("Anna", 10)
    + '[plan]\nfile = "p.toml"\nfirm = "Lab"\ncosts = { Cloud = 0.5 }\npays = { fee = "Anna" }\n'
)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(PLAN)


def test_a_plan_joins_with_its_money_contracts_and_owners(plan: Plan) -> None:
    """40 less 3 months of 1.2 - 0: 2 sold, 3 for compute and 0.2 of fees a month lose 1.2."""
    joined = join(deals(NETWORK), plan, base(plan))
    lab = joined.firms[0]
    assert float(lab.cash) == pytest.approx(40 - 3 * 1.2)
    # From outside: sales, and the 4 of Bert, who is no firm here.
    assert isinstance(lab.income, tuple)
    assert [float(one) for one in lab.income] == pytest.approx([6, 6, 10, 6])
    bought = {one.supplier: (float(one.total), float(one.cost)) for one in joined.purchases}
    assert bought == {"Cloud": (36.0, 0.5), "Anna": (pytest.approx(2.4), 0.0)}
    assert [(one.investor, float(one.amount), one.when) for one in joined.funding] == [
        ("Anna", 6.0, "2026-Q2")
    ]
    course = run(joined)
    values = base(plan)["cash"][:, 0] / 1e6
    assert course.cash[:, 0] == pytest.approx(values[5::3][:4])
    # 40 of 100, then 100 of 160, then 100 of 200 shares.
    assert holdings(course).parts[:, 0, 2] == pytest.approx([0.4, 0.625, 0.5, 0.5])
    assert np.isclose(course.gross[0, 2], 6)


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (NETWORK.replace("fee = ", "fees = "), "no line 'fees' in the plan; did you mean 'fee'?"),
        (NETWORK[: NETWORK.index("[plan]")], "the deals name no plan"),
    ],
)
def test_what_cannot_join(plan: Plan, network: str, says: str) -> None:
    with pytest.raises(PlanError) as told:
        join(deals(network), plan, base(plan))
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (HEAD.replace("EUR", "USD"), "the deals are in 'USD million', the plan in 'EUR million'"),
        (HEAD.replace("2026-Q1", "2026-Q4"), "the plan does not reach 2027-Q3"),
    ],
)
def test_what_does_not_cover_the_deals(plan: Plan, head: str, says: str) -> None:
    with pytest.raises(PlanError) as told:
        join(read_deals(head + NETWORK), plan, base(plan))
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('firm = "Lab"', 'firm = "Lob"', "no firm 'Lob'; did you mean 'Lab'?"),
        ("Cloud = 0.5", "Clout = 0.5", "no firm 'Clout'; did you mean 'Cloud'?"),
        ('fee = "Anna"', 'fee = "Ana"', "no firm 'Ana'; did you mean 'Anna'?"),
        ('file = "p.toml"', 'flie = "p.toml"', "unknown field `flie`"),
    ],
)
def test_a_mistake_in_whose_plan_it_is(old: str, new: str, says: str) -> None:
    with pytest.raises(MistakesError) as told:
        deals(NETWORK.replace(old, new))
    assert says in str(told.value)
