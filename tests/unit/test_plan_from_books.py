"""Books as a plan: every kind of contract with what remains of it, and where actuals deviate."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.contracts.terms import Contract
from rechenwerk.planner.actual import compare, planned_months
from rechenwerk.planner.book_series import Books, Bound, Month, Standing, months_before, sold
from rechenwerk.planner.from_books import draft
from rechenwerk.planner.plans import Plan, load_plan
from rechenwerk.planner.running import base, run
from rechenwerk.planner.tables import ContractTable

MONTHS = months_before("2026-12", 24)
# model, millions of tokens a month, price and cost of a million, contract
MODELS = """
big    100  3.00  1.50  one
small  400  0.50  0.20  two
"""


def books(
    bound: Sequence[Bound] = (), models: str = MODELS, months: Sequence[str] = MONTHS, **balances: str
) -> Books:
    rows, drawn = [], []
    for line in models.strip().splitlines():
        name, volume, price, cost, contract = line.split()
        for month in months:
            usage = {"input": int(float(volume) * 1e6)}
            brought, borne = Decimal(volume) * Decimal(price), Decimal(volume) * Decimal(cost)
            rows.append(Month(f"{month}-01", name, 1000, brought, borne, borne, usage))
            drawn.append(Month(f"{month}-01", contract, 1000, brought, borne, borne, usage))
    known = {kind: Decimal(amount) for kind, amount in balances.items()}
    return Books("town", "EUR", tuple(months), tuple(rows), tuple(drawn), tuple(bound), known)


def bound(terms: dict[str, Any], models: Sequence[str] = ("big",), **at: Any) -> Bound:
    standing = {"unit": "EUR", "measure": "spend", "amount": None, "remaining": None}
    standing |= {"starts_at": None, "ends_at": None, "expires_at": None} | at
    made = msgspec.convert({"provider": "cloud", **terms}, Contract, strict=False)
    return Bound(
        terms["name"], "cloud", tuple(models), made, msgspec.convert(standing, Standing, strict=False)
    )


def planned(*contracts: Bound, **more: Any) -> tuple[Plan, dict[str, ContractTable]]:
    drafted = draft(books(contracts, **more), 12, 100)
    plan = load_plan(drafted.text)
    assert run(plan, paths=50).violations == 0
    return plan, {one.title: one for one in plan.written.contracts if one.title}


def test_a_minimum_of_the_term_stands_with_what_remains() -> None:
    terms = {"name": "one", "kind": "take-or-pay", "minimum": "5000", "period": "term", "ends": "2027-06-30"}
    plan, found = planned(bound(terms, remaining="1200"))
    assert (found["one"].total, found["one"].first, found["one"].last) == (1200, "2027-01", "2027-06")
    values = base(plan)
    # 150 a month at list rates are used of 200 that are due.
    assert values["one.minimum"][:6, 0] == pytest.approx([200] * 6)
    assert values["one.shortfall"].sum() == pytest.approx(6 * 50)


@pytest.mark.parametrize(
    ("terms", "at", "total"),
    [
        ({"minimum": "100", "period": "month"}, {"remaining": "40"}, 600),
        (
            {"minimum": "1200", "period": "year"},
            {"remaining": "300", "ends_at": "2026-12-31T00:00:00Z"},
            300 + 600,
        ),
        (
            {"minimum": "9", "period": "month", "measure": "quantity", "unit_price": "10"},
            {"remaining": "4"},
            540,
        ),
    ],
)
def test_minimums_by_period_until_the_contract_ends(
    terms: dict[str, Any], at: dict[str, Any], total: float
) -> None:
    whole = {"name": "one", "kind": "take-or-pay", "ends": "2027-06-30", **terms}
    _, found = planned(bound(whole, **at))
    assert float(found["one"].total or 0) == pytest.approx(total)


def test_a_credit_was_paid_before_and_lapses() -> None:
    terms = {"name": "credit", "kind": "prepaid-credit", "balance": "1000", "ends": "2027-03-31"}
    plan, found = planned(bound(terms, remaining="600"), bank="1000", receivable="350", payable="-230")
    assert (found["credit"].kind, found["credit"].total, found["credit"].first) == ("prepaid", 600, "2026-12")
    values = base(plan)
    assert values["opening.equity"][0, 0] == pytest.approx(1000 + 350 + 600 - 230)
    assert values["credit.cash"].sum() == 0
    assert values["credit.value"][:3, 0] == pytest.approx([150] * 3)
    assert values["credit.shortfall"].sum() == pytest.approx(600 - 3 * 150)


def test_capacity_costs_its_fee_and_holds_what_it_is_said_to_take() -> None:
    """A thousand tokens a minute at 1.50 a million."""
    block = {"name": "PTU", "units": "2", "hold_fee": "0.05", "per": "hour", "throughput": "500"}
    terms = {
        "name": "ptu",
        "kind": "provisioned",
        "blocks": [block],
        "starts": "2026-01-01",
        "ends": "2027-12-31",
    }
    plan, _ = planned(bound(terms))
    values = base(plan)
    assert values["ptu.cost"][0, 0] == pytest.approx(2 * 0.05 * 8766 / 12)
    assert values["ptu.room"][0, 0] == pytest.approx(1000 * 60 * 8766 / 12 / 1e6 * 1.5)
    assert values["ptu.idle"][0, 0] == 0


def test_own_machines_and_grants_serve_before_what_is_bought() -> None:
    machine = {
        "name": "rack",
        "kind": "own-hardware",
        "purchase": "3600",
        "months": 36,
        "upkeep": "20",
        "throughput": "1000",
    }
    grant = {"name": "share", "kind": "grant", "quantity": "5", "unit": "GPU-hour"}
    drafted = draft(books([bound(machine), bound(grant)], MODELS.replace(" one", " share")), 12, 100)
    plan = load_plan(drafted.text)
    values = base(plan)
    assert values["rack.cost"][0, 0] == pytest.approx(100 + 20)
    assert values["share.cost"].sum() == 0
    assert values["share.drawn"][0, 0] == pytest.approx(150)
    assert values["rack.drawn"][0, 0] == pytest.approx(0)
    assert any("busiest month" in note for note in drafted.notes)


def test_contracts_that_are_over_or_empty_are_left_out() -> None:
    over = {"name": "old", "kind": "take-or-pay", "minimum": "9", "ends": "2026-10-31"}
    empty = {"name": "credit", "kind": "prepaid-credit", "balance": "1000"}
    _, found = planned(bound(over, remaining="9"), bound(empty, remaining="0"))
    assert found == {}


def test_models_of_one_contract_share_its_cost() -> None:
    terms = {"name": "one", "kind": "take-or-pay", "minimum": "3000", "period": "term", "ends": "2027-12-31"}
    plan, _ = planned(bound(terms, ("big", "small"), remaining="2760"))
    values = base(plan)
    assert [one.need for one in plan.written.contracts] == ["compute_1", "compute_1"]
    costs = {name: float(values[f"service.{name}.cost"].sum()) for name in ("big", "small")}
    assert costs["big"] / costs["small"] == pytest.approx(150 / 80)
    assert sum(costs.values()) == pytest.approx(float(values["cost_of_revenue"].sum()))


def test_names_that_no_formula_can_have() -> None:
    odd = "claude-3.5/Größe  10 1 1 x\n3-turbo 10 1 1 x\nclaude_3_5_gr_e 10 1 1 x"
    plan = load_plan(draft(books((), odd), 3, 10).text)
    names = [one.name for one in plan.written.drivers if one.books.startswith("volume")]
    assert len(set(names)) == 3


def test_old_debts_are_settled_in_the_first_month() -> None:
    drafted = draft(books(receivable="5000", payable="-100"), 3, 10)
    plan = load_plan(drafted.text)
    assert plan.written.policy.receivable_days == pytest.approx(365.25 / 12)
    assert plan.written.policy.payable_days == pytest.approx(100 / 230 * 365.25 / 12)
    assert any("receivables" in note for note in drafted.notes)


def test_nothing_called_is_no_plan() -> None:
    with pytest.raises(PlanError, match="no calls in 2025-01 to 2026-12"):
        draft(books(models=""), 3, 10)


def test_models_without_tokens_count_calls() -> None:
    row = Month("2026-12-01", "voice", 50, Decimal(10), Decimal(5), Decimal(5), {"seconds": 900})
    (found,) = sold(Books("town", "EUR", ("2026-12",), (row,), (), (), {}))
    assert (found.unit, found.volume[0], found.price[0]) == ("calls", 50, 0.2)


# -- plan against actual ---------------------------------------------------------------------------------


def test_volume_mix_and_price_add_up() -> None:
    """Planned 100 at 3 and 400 at 0.5; actual 150 at 3 and 300 at 0.6, and 10 that nobody planned."""
    plan = load_plan(draft(books(), 12, 10).text)
    actual = "big 150 3 1.5 one\nsmall 300 0.6 0.2 two\nnew 10 2 1 two"
    found = compare(plan, base(plan), books((), actual, ["2027-01"]))
    (row,) = found.revenue
    assert row.planned == pytest.approx(500)
    assert row.actual == pytest.approx(450 + 180 + 20)
    assert row.parts["volume"] == pytest.approx((450 - 500) * 1.0)
    assert row.parts["mix"] == pytest.approx(150 * 3 + 300 * 0.5 - 450 * 1.0)
    assert row.parts["price"] == pytest.approx(300 * 0.1)
    assert row.parts["not planned"] == pytest.approx(20)
    assert sum(row.parts.values()) == pytest.approx(row.deviation)
    (cost,) = found.cost
    assert cost.planned == pytest.approx(100 * 1.5 + 400 * 0.2)
    assert sum(cost.parts.values()) == pytest.approx(cost.deviation)
    models = {one.month: one for one in found.models}
    assert models["small"].parts["price"] == pytest.approx(30)


def test_which_months_are_over() -> None:
    plan = load_plan(draft(books(), 12, 10).text)
    assert planned_months(plan, "2027-03") == ("2027-01", "2027-02", "2027-03")
    with pytest.raises(PlanError, match="none of its months is over"):
        planned_months(plan, "2026-12")
    quarters = plan.written.head
    text = draft(books(), 12, 10).text.replace(f'starts = "{quarters.starts}"', 'starts = "2027-Q1"')
    with pytest.raises(PlanError, match="by quarters"):
        planned_months(load_plan(text), "2027-03")
