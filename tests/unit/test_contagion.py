"""Deals over periods: who falls, who loses, whose money a revenue is; and files with mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.contagion import falls, instalments, run
from rechenwerk.planner.deals import Deals, Purchase, read_deals

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "plan" / "circular-deals.toml"
HEAD = 'unit = "EUR million"\nstarts = "2026-Q1"\nperiods = 4\n'


def firms(**cash: float) -> str:
    return "".join(f'[[firm]]\nname = "{name}"\ncash = {amount}\n' for name, amount in cash.items())


def deals(text: str, **cash: float) -> Deals:
    return read_deals(HEAD + firms(**cash) + text)


PURCHASE = '[[purchase]]\nbuyer = "A"\nsupplier = "B"\ntotal = 40\nfirst = "2026-Q1"\nlast = "2026-Q4"\n'


def test_a_purchase_becomes_a_debt_each_period() -> None:
    course = run(deals(PURCHASE, A=100, B=0))
    assert course.cash[:, 0].tolist() == [90, 80, 70, 60]
    assert course.cash[:, 1].tolist() == [10, 20, 30, 40]
    assert not course.failures


def test_who_cannot_pay_falls_and_pays_what_it_has() -> None:
    course = run(deals(PURCHASE, A=25, B=0))
    (failure,) = course.failures
    assert (failure.firm, failure.period, failure.lacked, failure.lost) == ("A", "2026-Q3", 5, {"B": 5})
    assert course.cash[-1].tolist() == [0, 25]


def test_later_debts_are_due_at_once_when_a_firm_falls() -> None:
    later = '[[debt]]\ndebtor = "A"\ncreditor = "C"\namount = 10\ndue = "2026-Q4"\n'
    course = run(deals(PURCHASE + later, A=25, B=0, C=0))
    assert course.failures[0].period == "2026-Q3"
    # 5 are left for debts of 10 and 10
    assert course.failures[0].lost == {"B": 7.5, "C": 7.5}


def test_seniority_is_who_is_paid_first() -> None:
    later = '[[debt]]\ndebtor = "A"\ncreditor = "C"\namount = 10\ndue = "2026-Q4"\nseniority = 0\n'
    course = run(deals(PURCHASE + later, A=25, B=0, C=0))
    assert course.failures[0].lost == {"B": 10, "C": 5}


def test_one_failure_brings_down_the_next() -> None:
    chain = '[[debt]]\ndebtor = "B"\ncreditor = "C"\namount = 15\ndue = "2026-Q2"\n'
    text = PURCHASE + chain
    assert not run(deals(text, A=100, B=0, C=0)).failures
    found = {one.firm: one for one in falls(deals(text, A=100, B=0, C=0))}
    assert found["A"].falls == ("B",)
    assert found["B"].falls == ()
    assert found["C"].falls == ()


def test_a_guarantor_pays_one_period_later() -> None:
    guarantee = '[[guarantee]]\nguarantor = "G"\ndebtor = "A"\ncreditor = "B"\namount = 3\n'
    course = run(deals(PURCHASE + guarantee, A=25, B=0, G=50))
    assert course.cash[:, 2].tolist() == [50, 50, 50, 47]
    assert course.cash[-1, 1] == 28


def test_funding_ends_with_the_investor() -> None:
    funding = '[[funding]]\ninvestor = "I"\nfirm = "A"\namount = 30\nwhen = "2026-Q2"\n'
    whole = run(deals(PURCHASE + funding, A=15, B=0, I=30))
    assert not whole.failures
    without = run(deals(PURCHASE + funding, A=15, B=0, I=30), fails="I")
    assert without.fallen == {"I", "A"}
    assert without.unpaid_funding == (("2026-Q2", "I", "A", 30),)


def test_a_loan_comes_back_with_interest() -> None:
    loan = (
        '[[funding]]\ninvestor = "I"\nfirm = "A"\namount = 10\nwhen = "2026-Q1"\nkind = "loan"\n'
        'due = "2026-Q3"\ninterest = 0.1\n'
    )
    course = run(deals(loan, A=5, I=30))
    assert course.cash[:, 0].tolist() == [15, 15, 4, 4]
    assert course.cash[:, 1].tolist() == [20, 20, 31, 31]


def test_own_money_that_comes_back_is_counted() -> None:
    """All of A's cash is the supplier's; half of it when A has as much of its own."""
    funding = '[[funding]]\ninvestor = "B"\nfirm = "A"\namount = 40\nwhen = "2026-Q1"\n'
    assert run(deals(PURCHASE + funding, A=0, B=40)).returned[1] == pytest.approx(40)
    assert run(deals(PURCHASE + funding, A=40, B=40)).returned[1] == pytest.approx(20)
    assert run(deals(PURCHASE, A=40, B=40)).returned[1] == 0


def test_cash_never_comes_from_nowhere() -> None:
    """What all firms have at the end is what they had, plus income, minus deliveries, while nobody fails."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("cash = 20", "cash = 200")
    course = run(read_deals(text))
    assert not course.failures
    income = -26 + 8 + 40
    spent = 60 * 0.4 + 24 * 0.3
    assert course.cash[-1].sum() == pytest.approx(200 + 12 + 60 + 30 + income - spent)


def test_a_ramp_divides_the_time_into_equal_parts() -> None:
    one = Purchase(buyer="A", supplier="B", total=60, first="2026-Q1", last="2027-Q4", ramp=(1, 2, 3, 4))
    assert instalments(one, Axis.of("2026-Q1", 8)).tolist() == [3, 3, 6, 6, 9, 9, 12, 12]
    assert instalments(one, Axis.of("2026-Q3", 2)).tolist() == [6, 6]


def test_statuses_can_be_left_out() -> None:
    whole = read_deals(EXAMPLE.read_text(encoding="utf-8"))
    firm = whole.only("letter-of-intent")
    assert (len(whole.funding), len(firm.funding)) == (2, 1)
    assert run(firm).failures[0].lacked > run(whole).failures[0].lacked


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PURCHASE.replace('"B"', '"Bb"'), "line 15: no firm 'Bb'; did you mean 'B'?"),
        (PURCHASE.replace("first", "frist"), "unknown field 'frist'"),
        (PURCHASE.replace("2026-Q4", "2025-Q4"), "line 18: the purchase ends"),
        (PURCHASE.replace("2026-Q4", "2026-12"), "counts in other periods"),
        (PURCHASE.replace("2026-Q4", "December"), "is no period"),
        (PURCHASE.replace("40", "-40"), "total is negative"),
        (PURCHASE + "cost = 1.5\n", "cost is a share"),
        (PURCHASE + "ramp = [0, 0]\n", "a ramp has weights"),
        (PURCHASE + 'status = "sure"\n', "unknown word 'sure'"),
        ('[[debt]]\ndebtor = "A"\ncreditor = "A"\namount = 1\ndue = "2026-Q1"\n', "same firm on two sides"),
        (
            '[[funding]]\ninvestor = "A"\nfirm = "B"\namount = 1\nwhen = "2026-Q2"\nkind = "loan"\n',
            "does not say when it is due",
        ),
        (
            '[[share]]\nof = "A"\nholder = "B"\npart = 0.7\n[[share]]\nof = "A"\nholder = "C"\npart = 0.7\n',
            "more than all of 'A'",
        ),
        ("[[dept]]\nx = 1\n", "unknown table or key 'dept'"),
    ],
)
def test_a_mistake_has_its_line_and_its_fix(text: str, says: str) -> None:
    with pytest.raises(MistakesError, match=says.replace("?", r"\?")):
        deals(text, A=1, B=1, C=1)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ('starts = "2026-Q1"\nperiods = 2\n', "does not say its unit"),
        ('unit = "EUR"\nstarts = "soon"\nperiods = 2\n', "starts is no period"),
        ('unit = "EUR"\nstarts = "2026-01"\nperiods = 0\n', "write a number from 1"),
        ('unit = "EUR"\nstarts = "2026-01"\nperiods = 2\nassets_left = 2\n', "a share between 0 and 1"),
    ],
)
def test_the_head_is_checked(head: str, says: str) -> None:
    with pytest.raises(MistakesError, match=says):
        read_deals(head + firms(A=1))


def test_a_shock_needs_a_firm_and_a_period() -> None:
    read = deals(PURCHASE, A=1, B=1)
    with pytest.raises(PlanError, match="no firm 'Z'"):
        run(read, fails="Z")
    with pytest.raises(PlanError, match="none of the periods"):
        run(read, fails="A", at="2031-Q1")


def test_the_example_falls_as_its_page_says() -> None:
    course = run(read_deals(EXAMPLE.read_text(encoding="utf-8")))
    assert [(one.firm, one.period) for one in course.failures] == [("Lab", "2027-Q1"), ("Cloud", "2027-Q4")]
    assert np.round(course.returned[2], 2) == 4.27
