"""Steps, allowances, tiers, discounts, minimums, credits: small bills by hand."""

from __future__ import annotations

import tomllib
from datetime import date
from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.bill import in_order, month, statements
from rechenwerk.contracts.periods import begins, period_at, periods
from rechenwerk.contracts.ports import Deployed, Statement, Used
from rechenwerk.contracts.terms import BillingStep, Contract, Interval, OnDemand, Pricing
from rechenwerk.ledger.prices import price_list
from tests.unit.contract_examples import calculate, cents, hour, uses

RATES = {"m": price_list({"input": "2", "output": "8", "requests": "0.01"})}


def contract(text: str) -> Contract:
    """Terms as in a file; one on demand where no kind is named."""
    table = {"name": "c", "provider": "p", "kind": "on-demand"} | tomllib.loads(text)
    found: Contract = msgspec.convert(table, Contract)
    return found


def told(bill: Statement) -> list[str]:
    return [f"{line.sort} {cents(line.amount)}" for line in bill.lines if not line.memo]


ONE_MONTH = """
    # terms                                            use                                          bill

    # every call costs as much as 1,000 tokens at least; two calls alike, one large
    pricing.step = { size = 1, least = 1000 }
        2026-09-01T08 m input=300,000 output=1,000 requests=2
        2026-09-01T09 m input=50 output=1,500
        = 0.301 * 2, (2 * 1,000 + 1,500) / 1,000,000 * 8, 0.01 * 3

    # whole thousands, by the day: 1,500 + 600 are 3,000 on the first, 1 is 1,000 on the second
    pricing.step = { size = 1000, per = "day", buckets = ["output"] }
        2026-09-01T08 m output=1,500,000
        2026-09-01T09 m output=600
        2026-09-02T09 m output=1
        = (1,501,000 + 1,000) / 1,000,000 * 8, 0.01 * 3

    # the first 3,000,000 tokens of a month are free: input first, then output; requests are not tokens
    pricing.free = { amount = "3000000", per = "month" }
        2026-09-01T08 m input=2,000,000 output=500,000
        2026-09-02T08 m output=1,000,000
        = 0, 0, 0.5 * 8, 0.01 * 2

    # 5 currency units at list rates are free, of every deployment
    pricing.free = { amount = "5", per = "month", measure = "spend", each = "deployment" }
        2026-09-01T08 m input=3,000,000 requests=0
        = 0, 0.5 * 2

    # marginal tiers by spend: the first 10 at list, up to 30 at 0.9, then at 0.8
    pricing.tiers = { measure = "spend", per = "month", steps = [{}, { above = "10", factor = "0.9" }, \
{ above = "30", factor = "0.8" }] }
        2026-09-01T08 m input=20,000,000 requests=0
        = 10, 20 * 0.9, 10 * 0.8

    # all-unit tiers by tokens: 12,000,000 are in the second, so all of them are
    pricing.tiers = { measure = "quantity", per = "month", applies = "all-unit", \
steps = [{}, { above = "10000000", factor = "0.5" }] }
        2026-09-01T08 m input=8,000,000 requests=0
        2026-09-02T08 m input=4,000,000 requests=0
        = 12 * 2 * 0.5

    # exactly at the border the last unit is still in the first tier
    pricing.tiers = { measure = "quantity", per = "month", applies = "all-unit", \
steps = [{}, { above = "10000000", factor = "0.5" }] }
        2026-09-01T08 m input=10,000,000 requests=0
        = 10 * 2

    # tiers may name rates; a discount comes last
    pricing = { discount = "0.25", tiers = { measure = "quantity", per = "month", steps = [\
{ rates = { input = "1" } }, { above = "1000000", rates = { input = "0.5" } }] } }
        2026-09-01T08 m input=3,000,000
        = 1 * 0.75, 2 * 0.5 * 0.75
"""


def one_month() -> list[tuple[str, str, list[str]]]:
    found = []
    for block in ONE_MONTH.split("\n\n")[1:]:
        lines = [line.strip() for line in block.strip().splitlines() if not line.strip().startswith("#")]
        bill = [cents(calculate(part) * NANO) for part in lines[-1][1:].split(", ")]
        found.append((lines[0], "\n".join(lines[1:-1]), bill))
    return found


@pytest.mark.parametrize(("terms", "use", "bill"), one_month())
def test_a_month(terms: str, use: str, bill: list[str]) -> None:
    made = month(contract(terms), RATES, uses(use), date(2026, 9, 1))
    assert sorted(cents(line.amount) for line in made.lines) == sorted(bill)
    assert sum(charge.amount for charge in made.charges) == made.due


def test_all_unit_tiers_reprice_what_came_before() -> None:
    """A year's tier that is reached in September makes August cheaper, on September's bill."""
    terms = contract(
        'pricing.tiers = { measure = "quantity", per = "year", applies = "all-unit", '
        'steps = [{}, { above = "10000000", factor = "0.5" }] }'
    )
    use = uses("""
        2026-08-01T08 m input=8,000,000 requests=0
        2026-09-01T08 m input=4,000,000 requests=0""")
    august = month(terms, RATES, use, date(2026, 8, 1))
    september = month(terms, RATES, use, date(2026, 9, 1))
    assert told(august) == ["use 16.00"]
    assert told(september) == ["use 4.00", "use -8.00"]
    assert august.due + september.due == 12 * NANO


def test_a_credit_pays_in_order_of_time_until_it_is_empty() -> None:
    terms = contract('kind = "prepaid-credit"\nbalance = "10"\nstarts = 2026-09-02\nends = 2026-09-20')
    use = uses("""
        2026-09-01T08 m input=1,000,000 requests=0
        2026-09-03T08 m input=4,000,000 requests=0
        2026-09-04T08 m input=2,000,000 requests=0
        2026-09-21T08 m input=1,000,000 requests=0""")
    bill = month(terms, RATES, use, date(2026, 9, 1))
    # bought for 10; 2 before it began, 8 + 2 of 4 paid, 2 of 4 not, 2 after it ended
    assert told(bill) == ["credit 10.00", "use 16.00", "credit -10.00"]
    assert cents(bill.due) == "16.00"
    assert [cents(line.amount) for line in bill.lines if line.memo] == ["0.00"]


def test_two_credits_pay_one_after_the_other() -> None:
    deployed = [
        Deployed(name="m", model="m", provider="p", contract="on demand", rates=RATES["m"]),
    ]
    some = [
        contract(
            'name = "second"\nkind = "prepaid-credit"\nbalance = "10"\ncovers = ["on demand"]\norder = 2'
        ),
        contract('name = "first"\nkind = "prepaid-credit"\nbalance = "3"\ncovers = ["on demand"]\norder = 1'),
        contract('name = "on demand"'),
    ]
    use = uses("2026-09-03T08 m input=4,000,000 requests=0")
    bills = statements(some, deployed, use, [date(2026, 9, 1)])
    assert {bill.contract: cents(bill.due) for bill in bills} == {
        "on demand": "8.00",
        "first": "-3.00",
        "second": "-5.00",
    }


MINIMUMS = """
    # what is missing is carried on until the last period; then it is paid
    shortfall = { rule = "carry" }
        = memo, 14 - 8

    # half of what is missing is due
    shortfall = { rule = "pay", share = "0.5" }
        = (10 - 6) / 2, (4 + 10 - 8 - 4) / 2

    # what is paid for a miss counts as met
    shortfall = { rule = "pay" }
        = 10 - 6, 10 - 8
"""


def minimums() -> list[tuple[str, list[str]]]:
    found = []
    for block in MINIMUMS.strip("\n").split("\n\n"):
        lines = [line.strip() for line in block.strip().splitlines() if not line.strip().startswith("#")]
        found.append((lines[0], lines[1][2:].split(", ")))
    return found


@pytest.mark.parametrize(("terms", "owed"), minimums())
def test_a_missed_minimum(terms: str, owed: list[str]) -> None:
    """Two months with a minimum of 10: 6 are used in the first, 8 in the second."""
    text = 'kind = "take-or-pay"\nminimum = "10"\nperiod = "month"\nstarts = 2026-08-01\nends = 2026-09-30\n'
    use = uses("""
        2026-08-03T08 m input=3,000,000 requests=0
        2026-09-03T08 m input=4,000,000 requests=0""")
    for day, wanted in zip((date(2026, 8, 1), date(2026, 9, 1)), owed, strict=True):
        bill = month(contract(text + terms), RATES, use, day)
        short = [line for line in bill.lines if line.sort == "shortfall"]
        if wanted == "memo":
            assert [line.memo for line in short] == [True]
        else:
            assert [cents(line.amount) for line in short] == [cents(calculate(wanted) * NANO)]
        assert sum(charge.amount for charge in bill.charges) == bill.due


def test_a_minimum_in_tokens() -> None:
    terms = contract(
        'kind = "take-or-pay"\nmeasure = "quantity"\nminimum = "10000000"\nperiod = "month"\n'
        'starts = 2026-09-01\nunit_price = "0.000002"\nweights = { input = "1", output = "4" }'
    )
    bill = month(terms, RATES, uses("2026-09-03T08 m input=1,000,000 output=500,000"), date(2026, 9, 1))
    # 1,000,000 + 4 x 500,000 = 3,000,000 of 10,000,000 at 2 per million
    assert told(bill) == ["use 6.00", "shortfall 14.00"]


def test_a_period_cut_short_has_a_smaller_minimum() -> None:
    terms = contract(
        'kind = "take-or-pay"\nminimum = "30"\nperiod = "month"\nstarts = 2026-09-16\nends = 2026-12-31'
    )
    assert told(month(terms, RATES, [], date(2026, 9, 1))) == ["shortfall 15.00"]
    assert told(month(terms, RATES, [], date(2026, 10, 1))) == ["shortfall 30.00"]


FEES = """
    per      anchor    starts      ends        upfront  days of September  bill
    hour     calendar  2026-09-11  2026-12-31  0        20                 20 * 24 * 6
    day      calendar  2026-09-11  2026-09-20  0        10                 10 * 6
    week     calendar  2026-09-07  2026-09-20  0        14                 2 * 6
    week     starts    2026-09-11  2026-12-31  0        20                 3 * 6
    month    calendar  2026-09-16  2026-12-31  0        15                 15 / 30 * 6
    month    starts    2026-08-16  2026-12-31  0        30                 1 * 6
    quarter  calendar  2026-07-01  2026-12-31  0        30                 30 / 92 * 6
    year     calendar  2026-01-01  2026-12-31  0        30                 30 / 365 * 6
    year     starts    2026-01-01  2026-12-31  0        30                 0
    term     calendar  2026-09-16  2027-09-15  0        15                 6
    month    starts    2026-09-01  2027-08-31  1        30                 12 * 6
    month    starts    2026-09-01  2027-08-31  0.5      30                 12 * 6 / 2 + 6 / 2
    month    starts    2026-08-01  2027-07-31  1        30                 0
"""


@pytest.mark.parametrize("line", FEES.strip().splitlines()[1:])
def test_fees(line: str) -> None:
    """Two units for 3 each."""
    per, anchor, starts, ends, upfront, _, sum_ = line.split(None, 6)
    terms = contract(
        f"""
        kind = "provisioned"
        anchor = "{anchor}"
        starts = {starts}
        ends = {ends}
        upfront = "{upfront}"
        blocks = [{{ name = "unit", units = "2", hold_fee = "3", per = "{per}" }}]""".replace("        ", "")
    )
    bill = month(terms, RATES, [], date(2026, 9, 1))
    assert cents(bill.due) == cents(calculate(sum_) * NANO)
    assert sum(charge.amount for charge in bill.charges) == bill.due


PERIODS = """
    interval  anchor    starts      at             begins      ends
    month     calendar  2026-01-31  2026-03-10T05  2026-03-01  2026-04-01
    month     starts    2026-01-31  2026-03-10T05  2026-02-28  2026-03-31
    month     starts    2026-01-15  2026-03-15T00  2026-03-15  2026-04-15
    quarter   calendar  2026-02-10  2026-03-10T05  2026-02-10  2026-04-01
    quarter   starts    2026-02-10  2026-03-10T05  2026-02-10  2026-05-10
    year      calendar  2026-02-10  2027-03-10T05  2027-01-01  2028-01-01
    year      starts    2024-02-29  2026-03-10T05  2026-02-28  2027-02-28
    week      calendar  2026-01-01  2026-09-16T05  2026-09-14  2026-09-21
    week      starts    2026-01-01  2026-09-16T05  2026-09-10  2026-09-17
    day       calendar  2026-01-01  2026-09-16T05  2026-09-16  2026-09-17
    term      calendar  2026-01-01  2026-09-16T05  2026-01-01  2029-01-01
"""


@pytest.mark.parametrize("line", PERIODS.strip().splitlines()[1:])
def test_periods(line: str) -> None:
    interval, anchor, starts, at, begin, end = line.split()
    terms = contract(f'anchor = "{anchor}"\nstarts = {starts}\nends = 2028-12-31')
    days = (begins(date.fromisoformat(begin)), begins(date.fromisoformat(end)))
    assert period_at(terms, msgspec.convert(interval, Interval), hour(at)) == days


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(("day", "week", "month", "quarter", "year")),
    st.sampled_from(("calendar", "starts")),
    st.dates(date(2024, 1, 1), date(2026, 12, 31)),
    st.integers(0, 900),
)
def test_periods_follow_each_other(interval: Interval, anchor: str, starts: date, days: int) -> None:
    ends = date.fromordinal(starts.toordinal() + days)
    terms = contract(f'anchor = "{anchor}"\nstarts = {starts}\nends = {ends}')
    span = (begins(starts), begins(ends) + 86400)
    found = list(periods(terms, interval, span))
    assert (found[0][0], found[-1][1]) == span
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(
        period_at(terms, interval, second) == (begin, end)
        for begin, end in found
        for second in (begin, end - 1)
    )


@given(
    st.lists(
        st.builds(
            Used,
            hour=st.integers(0, 40).map(lambda step: hour("2026-09-01T00") + 3600 * step),
            deployment=st.just("m"),
            usage=st.builds(Usage, input=st.integers(0, 10**9), output=st.integers(0, 10**9)),
        ),
        max_size=6,
    )
)
def test_without_terms_a_bill_is_the_sum_of_the_prices(use: list[Used]) -> None:
    """To the rounding of each line: half a nano-unit."""
    bill = month(OnDemand(name="c", provider="p"), RATES, use, date(2026, 9, 1))
    exact = sum(
        (
            Fraction(u.usage.input * 2 + u.usage.output * 8, 10**6) + Fraction(u.usage.requests, 100)
            for u in use
        ),
        Fraction(0),
    )
    assert abs(bill.due - exact * NANO) <= Fraction(len(bill.lines), 2)
    assert sum(charge.amount for charge in bill.charges) == bill.due


def test_what_cannot_be_billed_is_named() -> None:
    with pytest.raises(RechenwerkError, match="'x', which has no list rates; give its rates"):
        month(OnDemand(name="c", provider="p"), RATES, uses("2026-09-01T08 x input=1"), date(2026, 9, 1))
    with pytest.raises(RechenwerkError, match="'x', which no contract prices; name its contract"):
        statements([], [], uses("2026-09-01T08 x input=1"), [date(2026, 9, 1)])
    ring = [
        contract('name = "a"\nkind = "prepaid-credit"\nbalance = "1"\ncovers = ["b"]'),
        contract('name = "b"\nkind = "prepaid-credit"\nbalance = "1"\ncovers = ["a"]'),
    ]
    with pytest.raises(RechenwerkError, match="in a circle: a, b"):
        in_order(ring)


def test_steps_of_calls_need_calls() -> None:
    """One `Used` of several calls takes them as alike; one each is exact."""
    terms = OnDemand(name="c", provider="p", pricing=Pricing(step=BillingStep(size=1000)))
    apart = uses("""
        2026-09-01T08 m input=1
        2026-09-01T08 m input=1,999""")
    together = uses("2026-09-01T08 m input=2,000 requests=2")
    bill = [month(terms, RATES, use, date(2026, 9, 1)).lines[0].quantity for use in (apart, together)]
    assert bill == [Fraction(3000, 10**6), Fraction(2000, 10**6)]
