"""Bills that tell several days in one line, and bills of commitments: matched with the books of the whole."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader

from tests.flows.cost_desk import APRIL, CONTRACTS, MARCH, Till, accrue, balances, uses, verify
from tests.flows.office_desk import Office

HEAD = (
    "ChargePeriodStart,ChargePeriodEnd,ChargeCategory,x_Model,BilledCost,EffectiveCost,ContractedCost,"
    "BillingCurrency,CommitmentDiscountId,CommitmentDiscountStatus,ChargeDescription"
)


def focus(*rows: str) -> dict[str, Any]:
    """Rows such as ``01..31 Usage big 0/6/5 sp-1 Used``: days, category, model, costs, commitment, status."""
    lines = [HEAD]
    for row in rows:
        days, category, model, costs, commitment, status = row.split()
        first, _, last = days.partition("..")
        billed, effective, contracted = costs.split("/")
        after = int(last or first) + 1
        end = f"2026-03-{after:02d}T00:00:00Z" if after <= 31 else "2026-04-01T00:00:00Z"
        cells = (f"2026-03-{int(first):02d}T00:00:00Z", end, category, model.strip("-"), billed, effective)
        more = (contracted, "EUR", commitment.strip("-"), status.strip("-"), category.lower())
        lines.append(",".join([*cells, *more]))
    text = "\n".join([*lines, ""])
    return {"provider": "north", "name": "north.csv", "text": text, "settle": True}


def csv(provider: str, *rows: str) -> dict[str, Any]:
    """Rows such as ``2026-03-01 2026-03-31 small 155.00``."""
    lines = ["from,to,model,amount,currency", *[",".join([*row.split(), "EUR"]) for row in rows]]
    return {"provider": provider, "name": f"{provider}.csv", "text": "\n".join([*lines, ""]), "settle": True}


@pytest.fixture
def march(office: Office, till: Till) -> Office:
    till.calls(uses(MARCH))
    office.clock.at = APRIL
    return office


def shown(done: Any) -> list[tuple[str, str | None, str, str, str, str]]:
    names = ("day", "until", "model", "booked", "difference", "cause")
    return [tuple(one[name] for name in names) for one in done["rows"]]


def test_a_line_of_a_month_is_matched_with_all_its_days(march: Office) -> None:
    done = march.ok("POST", "/books/reconcile", json=csv("south", "2026-03-01 2026-03-31 small 149.50"))
    assert shown(done) == [
        ("2026-03-01", "2026-03-31", "small", "155.00", "-5.50", "unknown"),
        (None, None, "", "-5.50", "5.50", "accrued"),
    ]
    assert (done["first_day"], done["last_day"]) == ("2026-03-01", "2026-03-31")
    assert not [key for key in balances(march, "operator") if key[0] == "difference"]
    verify(march)
    (kept,) = march.ok("GET", "/books/bills")["bills"]
    assert kept["rows"] == done["rows"]
    refusal = march.refused(
        409, "POST", "/books/reconcile", json=csv("south", "2026-03-30 2026-03-30 small 1")
    )
    assert "has this file or days of it already" in refusal["message"]


def test_weeks_and_days_stand_side_by_side(march: Office) -> None:
    rows = (
        "2026-03-01 2026-03-07 small 35",
        "2026-03-08 2026-03-08 small 5",
        "2026-03-09 2026-03-31 small 115",
    )
    done = march.ok("POST", "/books/reconcile", json=csv("south", *rows) | {"settle": False})
    assert [one[:5] for one in shown(done)] == [
        ("2026-03-01", "2026-03-07", "small", "35.00", "0.00"),
        ("2026-03-08", None, "small", "5.00", "0.00"),
        ("2026-03-09", "2026-03-31", "small", "115.00", "0.00"),
    ]


def test_lines_that_overlap_are_one(march: Office) -> None:
    rows = (
        "2026-03-01 2026-03-20 small 90",
        "2026-03-11 2026-03-31 small 60",
        "2026-03-05 2026-03-05 small 5",
    )
    done = march.ok("POST", "/books/reconcile", json=csv("south", *rows) | {"settle": False})
    assert [one[:5] for one in shown(done)] == [("2026-03-01", "2026-03-31", "small", "155.00", "0.00")]


def test_a_call_that_nobody_knew_is_settled_by_the_line_of_its_month(march: Office, till: Till) -> None:
    (unclear,) = uses("2026-03-20 10-11  small  school/pupils  input=2,000,000")
    till.call(unclear, outcome="unresolved", source="estimated")
    done = march.ok("POST", "/books/reconcile", json=csv("south", "2026-03-01 2026-03-31 small 159"))
    row = done["rows"][0]
    assert (row["booked"], row["open"], row["settled"], row["difference"]) == (
        "155.00",
        "5.00",
        "4.00",
        "0.00",
    )
    verify(march)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2026-03-15 2026-04-14 small 1", "line 2: 2026-04-14 is not in 2026-03; say --period"),
        ("2026-03-15 2026-03-14 small 1", "line 2: to '2026-03-14' is before 2026-03-15"),
        ("2026-03-15 soon small 1", "line 2: to 'soon' is no day"),
    ],
)
def test_days_that_are_none_are_said_in_one_line(march: Office, row: str, said: str) -> None:
    assert said in march.refused(422, "POST", "/books/reconcile", json=csv("south", row))["message"]


def test_the_report_says_the_days_and_the_contract(march: Office) -> None:
    march.ok("POST", "/books/reconcile", json=csv("south", "2026-03-01 2026-03-31 small 149.50"))
    for language, days in (("de", "01.03.2026 bis 31.03.2026"), ("en", "to")):
        data = march.answer("GET", "/books/bills/1.pdf", params={"language": language}).content
        text = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages)
        assert days in text
        assert "south on demand" in text
    march.ok("POST", "/apply", json={"text": CONTRACTS.replace("south on demand", "south paygo")})
    (kept,) = march.ok("GET", "/books/bills")["bills"]
    assert kept["rows"][0]["contract"] == "south on demand"  # as it was called then


# -- commitments ----------------------------------------------------------------------------------


def test_use_that_a_commitment_covers_is_what_it_costs_effectively(march: Office) -> None:
    """A minimum of 500, of which 186 was used: billed is the purchase alone."""
    rows = [f"{day:02d} Usage big 0/6/6 sp-1 Used" for day in range(1, 32)]
    rows += [
        "01..31 Usage - 0/314/0 sp-1 Unused",
        "01..31 Purchase - 500/0/500 sp-1 -",
        "01 Purchase - 372/0/372 - -",
    ]
    done = march.ok("POST", "/books/reconcile", json=focus(*rows))
    assert {one[5] for one in shown(done) if one[2]} == {"agrees"}
    fees = [
        (one["billed"], one["booked"], one["difference"]) for one in done["rows"] if one["cause"] == "fee"
    ]
    assert sorted(fees) == [("314.00", "314.00", "0.00"), ("372.00", "372.00", "0.00")]
    assert done["total"]["billed"] == "872.00"
    assert done["total"]["difference"] == "0.00"
    accrue(march)
    assert not [key for key in balances(march, "operator") if key[0] == "difference"]
    verify(march)


def test_a_month_of_a_commitment_in_one_line_each(march: Office) -> None:
    rows = ("01..31 Usage big 0/186/186 sp-1 Used", "01..31 Purchase - 500/0/500 sp-1 -")
    done = march.ok("POST", "/books/reconcile", json=focus(*rows))
    assert [one[5] for one in shown(done) if one[2] != "steady"] == ["agrees", "fee"]
    assert done["total"]["difference"] == "0.00"
    verify(march)


def test_a_committed_discount_is_booked_and_billed(office: Office, till: Till) -> None:
    """Ten per cent off for the commitment: 186 at list rates are billed at 167.40, and 332.60 unused."""
    text = CONTRACTS.replace(
        'name = "north minimum"\n', 'name = "north minimum"\ncommitted_discount = "0.10"\n', 1
    )
    office.ok("POST", "/apply", json={"text": text})
    office.sql("alter table contract_version disable trigger user")
    office.sql(
        "delete from contract_version"
        " where terms ->> 'kind' = 'take-or-pay' and not terms ? 'committed_discount'"
    )
    office.sql("update contract_version set valid_from = '-infinity'")
    till.forget()
    till.calls(uses(MARCH))
    office.clock.at = APRIL
    accrue(office)
    verify(office)
    booked = -balances(office, "town")["payable", "north minimum"]
    accrued = -balances(office, "operator").get(("accrued", "north minimum"), Decimal(0))
    assert booked + accrued == 500
    assert booked == 186  # what is known when a call ends; the discount comes with the month
    each = booked / 31 * Decimal("0.9")
    rows = [f"{day:02d} Usage big 0/{each}/{each} sp-1 Used" for day in range(1, 32)]
    rows += ["01..31 Purchase - 500/0/500 sp-1 -"]
    done = office.ok("POST", "/books/reconcile", json=focus(*rows))
    assert {one[5] for one in shown(done) if one[2] == "big"} == {"committed-discount"}
    rest = [(one["cause"], one["booked"], one["difference"]) for one in done["rows"] if not one["model"]]
    assert rest == [("fee", "332.60", "0.00"), ("accrued", "-18.60", "18.60")]
    assert done["total"]["difference"] == "0.00"
    left = balances(office, "operator")
    assert ("accrued", "north minimum") not in left
    assert not [key for key in left if key[0] == "difference"]
    verify(office)


def test_a_purchase_alone_is_a_fee_as_before(march: Office) -> None:
    rows = ("01..31 Usage big 186/186/186 - -", "01 Purchase - 314/0/314 sp-1 -")
    done = march.ok("POST", "/books/reconcile", json=focus(*rows))
    found = [(one["cause"], one["detail"]) for one in done["rows"] if one["model"] != "steady"]
    assert found == [("agrees", ""), ("fee", "purchase")]
