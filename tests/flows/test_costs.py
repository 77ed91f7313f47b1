"""Costs of contracts in real books: accrued, allocated, idle, passed on; margins; the wall."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine
from tests.flows.cost_desk import APRIL, MARCH, Till, accrue, balances, uses, verify, vouchers
from tests.flows.office_desk import Office


@pytest.fixture
def march(office: Office, till: Till) -> Office:
    """A month of calls, seen from April."""
    till.calls(uses(MARCH))
    office.clock.at = APRIL
    return office


def euros(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def test_a_month_stands_in_the_books_of_those_who_bear_it(march: Office) -> None:
    assert accrue(march) > 0
    verify(march)
    operator = balances(march, "operator")
    assert operator == {
        ("fixed", "gpu server"): euros("1295.80"),
        ("fixed", "north units"): euros("372"),
        ("fixed", "north minimum"): euros("314"),
        ("fixed", "south on demand"): euros("-5.50"),
        ("idle", "gpu server"): euros("930"),
        ("idle", "north units"): euros("297.60"),
        ("idle", "north minimum"): euros("314"),
        ("absorbed", "gpu server"): euros("-1295.80"),
        ("absorbed", "north units"): euros("-372"),
        ("absorbed", "north minimum"): euros("-314"),
        ("absorbed", "south on demand"): euros("5.50"),
        ("accrued", "gpu server"): euros("-1295.80"),
        ("accrued", "north units"): euros("-372"),
        ("accrued", "north minimum"): euros("-314"),
        ("accrued", "south on demand"): euros("5.50"),
        # What others carry in their own books.
        ("passed_on", "gpu server"): euros("365.80"),
        ("passed_on", "north units"): euros("74.40"),
        ("passed_on", "south on demand"): euros("-5.50"),
    }
    town = balances(march, "town")
    assert town["cost", "gpu server"] == euros("83.70") + euros("274.35")
    assert town["accrued", "gpu server"] == -euros("274.35")
    assert town["payable", "gpu server"] == -euros("83.70")
    assert town["cost", "north units"] == euros("74.40")
    assert town["cost", "north minimum"] == euros("186")
    school = balances(march, "school")
    assert school["cost", "gpu server"] == euros("27.90") + euros("91.45")
    assert school["cost", "south on demand"] == euros("149.50")
    # What is payable for everybody's calls, and what accrued for the operator, are what the statements say.
    due = {"gpu server": "1407.40", "north units": "372", "north minimum": "500", "south on demand": "149.50"}
    for contract, amount in due.items():
        calls = sum(books.get(("payable", contract), Decimal(0)) for books in (town, school))
        assert -calls - operator["accrued", contract] == euros(amount), contract
        passed = sum(books.get(("accrued", contract), Decimal(0)) for books in (town, school))
        assert -passed == operator.get(("passed_on", contract), 0)


def test_run_again_it_books_only_the_difference(march: Office, till: Till) -> None:
    accrue(march)
    assert accrue(march) == 0
    till.calls(uses("2026-03-31 22-23  local  school/pupils  input=6,000,000"))
    march.clock.at = APRIL
    assert accrue(march) > 0
    verify(march)
    assert accrue(march) == 0
    # A full hour: 1/744 more of the machine's 1,240 is used; and 2.4 kW more at night for it.
    idle = balances(march, "operator")["idle", "gpu server"]
    assert idle == (1240 - Decimal(1240) * 187 / 744).quantize(Decimal("1e-9"))


def test_a_month_that_runs_is_booked_up_to_now(march: Office) -> None:
    march.clock.at = datetime(2026, 3, 15, 23, 30, tzinfo=UTC).timestamp()
    accrue(march)
    verify(march)
    fixed = balances(march, "operator")["fixed", "north units"]
    assert fixed == 15 * 24 * 2 * Decimal("0.25")
    assert ("idle", "north minimum") not in balances(march, "operator")
    march.clock.at = APRIL
    accrue(march)
    verify(march)
    assert balances(march, "operator")["idle", "north minimum"] == 314


def test_nobody_used_it_so_all_of_it_is_idle(office: Office, till: Till) -> None:
    office.clock.at = APRIL
    accrue(office)
    verify(office)
    books = balances(office, "operator")
    assert books["idle", "north units"] == 372
    assert books["idle", "north minimum"] == 500
    assert books["idle", "gpu server"] == euros("1240")
    assert not [key for key in books if key[0] == "cost"]


def test_a_period_that_has_not_begun_is_refused(march: Office) -> None:
    error = march.refused(422, "POST", "/books/accrue", json={"period": "2026-05"})
    assert error["message"] == "2026-05 has not begun; name 2026-04 or a month before"
    assert march.refused(422, "GET", "/books/margin", params={"period": "March"})["param"] == "period"


def test_unresolved_calls_are_apart(march: Office, till: Till) -> None:
    (use,) = uses("2026-03-20 3-4  big  town/clerks  input=0 requests=1")
    till.call(use, outcome="unresolved", source="none", cost=7_000_000_000)
    march.clock.at = APRIL
    accrue(march)
    verify(march)
    books = balances(march, "town")
    assert books["unresolved_cost", "north minimum"] == 7
    assert books["cost", "north minimum"] == 186
    assert balances(march, "operator")["idle", "north minimum"] == 314
    found = margin(march, by="model", organisation="town")
    (line,) = [one for one in found["lines"] if one["name"] == "big"]
    assert (line["unresolved_cost"], line["direct"]) == ("7.00", "186.00")
    settle(march, cost=5)
    (line,) = [one for one in margin(march, by="model", organisation="town")["lines"] if one["name"] == "big"]
    assert (line["unresolved_cost"], line["direct"], line["cost"]) == ("0.00", "191.00", "191.00")
    assert accrue(march) > 0, "what the bill found counts towards the minimum"
    assert balances(march, "operator")["fixed", "north minimum"] == 500 - 191
    assert accrue(march) == 0
    verify(march)


def settle(office: Office, cost: int) -> None:
    """A bill says what the unresolved call cost."""
    (call,) = office.sql(
        "select organisation_id, id, project_id, contract_id, cost from call where outcome = 'unresolved'"
    )
    unresolved = Side("unresolved_cost", call["project_id"], call["contract_id"])
    known = Side("cost", call["project_id"], call["contract_id"])
    payable = Side("payable", 0, call["contract_id"])
    paid = cost * 10**9
    lines = (VoucherLine(known, unresolved, paid), VoucherLine(payable, unresolved, int(call["cost"]) - paid))
    at = datetime(2026, 3, 31, 12, tzinfo=UTC)
    voucher = Voucher("settlement", at, "the bill", "the test", lines, call["id"], {"cost": str(paid)})
    office.runner.run(office.desk.vouchers.book(call["organisation_id"], voucher))


def test_a_reversal_is_booked_anew(march: Office) -> None:
    accrue(march)
    march.clock.at = datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp()
    (voucher,) = [
        one
        for one in vouchers(march, "operator")
        if one["kind"] == "allocation" and one["details"]["contract"] == "north units"  # type: ignore[index]
    ]
    path = f"/books/vouchers/{voucher['id']}/reverse"
    march.ok("POST", path, json={"reason": "by mistake"}, params={"organisation": "operator"})
    march.clock.at = APRIL
    found = march.ok("GET", "/books/verify", params={"organisation": "operator"})
    wrong = {one["name"] for one in found["checks"] if not one["ok"]}
    assert "all fixed cost is used, passed on or idle" in wrong
    accrue(march)
    verify(march)
    assert balances(march, "operator")["idle", "north units"] == euros("297.60")


def test_an_organisation_s_own_contract_is_its_own(march: Office, till: Till) -> None:
    own = """
currency = "EUR"
[[provider]]
name = "attic"
kind = "openai-compatible"
base_url = "http://127.0.0.1:4/v1"
[[contract]]
name = "attic box"
provider = "attic"
kind = "own-hardware"
starts = 2026-03-01
purchase = "3100"
months = 31
throughput = "1000"
[[deployment]]
model = "attic-model"
provider = "attic"
contract = "attic box"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = { input = "0" }
[[tariff]]
model = "attic-model"
price = { input = "1" }
"""
    march.ok("POST", "/apply", json={"text": own, "organisation": "school"})
    till.calls(uses("every day 0-12  attic-model  school/pupils  input=60,000"))
    march.clock.at = APRIL
    march.ok("POST", "/books/accrue", json={"period": "2026-03", "organisation": "school"})
    verify(march)
    books = balances(march, "school")
    assert books["cost", "attic box"] == books["idle", "attic box"] == 50
    assert books["absorbed", "attic box"] == -books["fixed", "attic box"] == -100
    # Its part of what is shared was booked with it, on both sides of the wall.
    assert books["accrued", "gpu server"] == -euros("91.45")
    accrue(march)
    verify(march)
    assert balances(march, "operator")["idle", "gpu server"] == 930


# Margins and the wall


def margin(office: Office, key: str = "", **params: Any) -> Any:
    return office.ok("GET", "/books/margin", key, params={"period": "2026-03", **params})


@pytest.mark.parametrize("by", ["organisation", "project", "model", "provider", "service"])
def test_every_margin_comes_to_the_same(march: Office, by: str) -> None:
    accrue(march)
    found = margin(march, by=by, everyone=True)
    total = found["total"]
    assert (total["revenue"], total["direct"], total["allocated"]) == ("1180.48", "452.60", "434.70")
    assert (total["contribution"], total["percent"]) == ("293.18", "24.84")
    assert (found["idle_total"], found["result"]) == ("1541.60", "-1248.42")
    for name in ("revenue", "direct", "allocated", "contribution", "cost"):
        assert sum(euros(one[name]) for one in found["lines"]) == euros(total[name])
    names = {
        "organisation": {"school", "town"},
        "project": {"school/pupils", "town/citizens", "town/clerks"},
        "model": {"local", "steady", "big", "small"},
        "provider": {"machine room", "north", "south"},
        "service": {"chat", "embeddings"},
    }
    assert {one["name"] for one in found["lines"]} == names[by]
    assert [one["name"] for one in found["losses"]] == ["small"]


def test_an_operator_sees_all_and_a_tenant_its_own(march: Office) -> None:
    accrue(march)
    assert {one["name"] for one in margin(march)["lines"]} == {"school", "town"}
    key = march.key("pupils", "books", organisation="school")
    found = margin(march, key)
    assert found["organisation"] == "school"
    assert [one["name"] for one in found["lines"]] == ["school"]
    assert found["idle"] == []
    assert found["total"]["allocated"] == "85.95"
    march.refused(403, "GET", "/books/margin", key, params={"period": "2026-03", "everyone": True})
    march.refused(404, "GET", "/books/margin", key, params={"period": "2026-03", "organisation": "town"})
    march.refused(403, "POST", "/books/accrue", key, json={"period": "2026-03", "everyone": True})
    march.refused(403, "POST", "/books/accrue", key, json={"period": "2026-03"})
    march.refused(403, "GET", "/books/margin", march.key("default", "inference"))
    # Nothing of what others used, or of what the operator pays, stands in a tenant's vouchers.
    for one in march.ok("GET", "/books/vouchers", key, params={"period": "2026-03"})["vouchers"]:
        assert set(one["details"]) == {"step", "contract_id", "contract", "period", "key"}
        assert one["kind"] == "allocation"


def test_shares_and_costs_are_for_ever(march: Office) -> None:
    accrue(march)
    with pytest.raises(asyncpg.RestrictViolationError):
        march.sql("update cost_share set amount = amount + 1")
    march.sql("alter table cost_share disable trigger append_only")
    march.sql(
        "update cost_share set amount = amount + 1 where (organisation_id, voucher_id) ="
        " (select organisation_id, max(voucher_id) from cost_share group by organisation_id limit 1)"
    )
    broken = [
        check["name"]
        for one in ("town", "school", "operator")
        for check in march.ok("GET", "/books/verify", params={"organisation": one})["checks"]
        if not check["ok"]
    ]
    assert broken == ["every allocation is the sum of its shares"]
