"""Bills meet what contracts say beside their calls: fees, shortfalls, tiers; in closed months, too."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.cost_desk import APRIL, MARCH, Till, accrue, balances, uses, verify
from tests.flows.office_desk import Office

MAY = datetime(2026, 5, 10, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def march(office: Office, till: Till) -> Office:
    """A month of calls, seen from April."""
    till.calls(uses(MARCH))
    office.clock.at = APRIL
    return office


def bill(provider: str, month: str, lines: str) -> dict[str, Any]:
    """Lines such as ``usage 1 big 186`` and ``fee 1 - 372``: kind, day, model, euros."""
    rows = ["date,model,kind,amount,currency"]
    for line in lines.strip().splitlines():
        kind, day, model, amount = line.split()
        rows.append(f"{month}-{int(day):02d},{model.replace('-', '')},{kind},{amount},EUR")
    return {"provider": provider, "name": f"{provider}.csv", "text": "\n".join([*rows, ""]), "settle": True}


SOUTH = bill("south", "2026-03", "usage 1 small 149.50\nusage 31 small 0")
NORTH = bill("north", "2026-03", "usage 1 big 186\nusage 31 big 0\nfee 1 - 372\nfee 31 - 314")


def open_accruals(office: Office) -> dict[str, Decimal]:
    return {
        contract: amount
        for (kind, contract), amount in balances(office, "operator").items()
        if kind == "accrued"
    }


def differences(office: Office) -> list[Decimal]:
    return [amount for (kind, _), amount in balances(office, "operator").items() if kind == "difference"]


def test_a_tier_is_no_difference_and_needs_nobody_to_accrue_first(march: Office) -> None:
    done = march.ok("POST", "/books/reconcile", json=SOUTH)
    assert done["total"]["difference"] == "0.00"
    (row,) = [one for one in done["rows"] if one["cause"] == "accrued"]
    assert (row["booked"], row["billed"]) == ("-5.50", "0.00")
    assert differences(march) == []
    assert "south on demand" not in open_accruals(march)
    verify(march)


def test_fees_and_a_shortfall_are_paid_once(march: Office) -> None:
    accrue(march)
    done = march.ok("POST", "/books/reconcile", json=NORTH)
    assert [(one["booked"], one["difference"]) for one in done["rows"] if one["cause"] == "fee"] == [
        ("372.00", "0.00"),
        ("314.00", "0.00"),
    ]
    assert set(open_accruals(march)) == {"gpu server", "south on demand"}
    accrue(march)
    assert set(open_accruals(march)) == {"gpu server", "south on demand"}
    verify(march)


def test_a_late_bill_of_a_closed_month_leaves_the_next_month_alone(march: Office) -> None:
    there = {"organisation": "operator"}
    march.ok("POST", "/books/periods/2026-03/close", json={}, params=there)
    march.ok("POST", "/books/reconcile", json=NORTH)
    march.clock.at = MAY
    accrue(march, "2026-04")
    april = march.ok("POST", "/books/reconcile", json=bill("north", "2026-04", "fee 1 - 360\nfee 30 - 500"))
    assert april["total"]["difference"] == "0.00"
    march.ok("POST", "/books/bills/1/undo", json={"reason": "a wrong file"})
    again = march.ok("POST", "/books/reconcile", json=NORTH)
    assert again["total"]["difference"] == "0.00"
    assert differences(march) == []
    verify(march)


def test_fees_of_a_month_that_runs_wait(march: Office) -> None:
    march.clock.at = datetime(2026, 3, 20, tzinfo=UTC).timestamp()
    refusal = march.refused(409, "POST", "/books/reconcile", json=NORTH)
    assert "2026-03-31 is not over" in refusal["message"]
