"""What customers owe is paid or written off, providers are paid, and shares of contracts are cleared."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import NANO
from rechenwerk.ledger.vouchers import Side, Voucher, signed
from rechenwerk.office.payment_ports import Receipt
from tests.flows.cost_desk import APRIL, MARCH, Till, accrue, uses, verify
from tests.flows.cost_desk import balances as of_costs
from tests.flows.office_desk import Office

DAY = datetime(2026, 3, 15, 12, tzinfo=UTC)
LATER = datetime(2026, 4, 10, 12, tzinfo=UTC)


class Ledger:
    """An organisation with two projects that owe something, in March 2026."""

    def __init__(self, office: Office) -> None:
        self.office = office
        office.clock.at = LATER.timestamp()
        office.app.state.office = msgspec.structs.replace(office.app.state.office, steps=())
        office.ok("POST", "/projects", json={"name": "web"})
        rows = office.sql(
            "select p.organisation_id, p.id, p.name from project p"
            " join organisation o on o.id = p.organisation_id where o.name = 'default'"
        )
        self.organisation = int(rows[0]["organisation_id"])
        self.projects = {row["name"]: int(row["id"]) for row in rows}

    def owes(self, project: str, euros: str, kind: str = "receivable") -> None:
        """Booked in March."""
        of = self.projects[project]
        amount = int(Decimal(euros) * NANO)
        voucher = Voucher(
            "adjustment", DAY, "a month's use", "test", signed(Side(kind, of), Side("revenue", of), amount)
        )
        self.office.runner.run(self.office.desk.vouchers.book(self.organisation, voucher))

    def close(self, vat: str = "19") -> list[str]:
        self.office.ok("PUT", "/books/statement-settings", json={"vat_rate": vat})
        made: list[str] = self.office.ok("POST", "/books/periods/2026-03/close", json={})["documents"]
        return made

    def pays(self, amount: str, **more: Any) -> Any:
        return self.office.ok("POST", "/books/payments", json={"amount": amount, **more})

    def refused(self, amount: str, what: str = "payments", **more: Any) -> str:
        body = {"amount": amount, **more}
        message: str = self.office.refused(409, "POST", f"/books/{what}", json=body)["message"]
        return message

    def stands(self) -> dict[str, str]:
        """Accounts that are not zero, of all projects together."""
        found: dict[str, Decimal] = {}
        for row in self.office.ok("GET", "/books/balance")["accounts"]:
            found[row["kind"]] = found.get(row["kind"], Decimal(0)) + Decimal(row["balance"])
        return {kind: f"{amount:f}" for kind, amount in found.items() if amount and kind != "revenue"}

    def sound(self) -> None:
        checks = self.office.ok("GET", "/books/verify")
        assert checks["ok"], [one for one in checks["checks"] if not one["ok"]]

    def open(self) -> dict[str, str]:
        found = self.office.ok("GET", "/books/receivables")
        shown = {one["project"]: one["open"] for one in found["projects"]}
        return shown | {one["number"]: one["open"] for one in found["documents"]}


@pytest.fixture
def ledger(office: Office) -> Ledger:
    return Ledger(office)


def test_a_payment_is_bank_against_what_the_project_owes(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    ledger.owes("web", "5", "overrun")
    ledger.owes("default", "40")
    shown = ledger.pays("102", project="web", reference="RE-1")
    assert ledger.open() == {"web": "3.00", "default": "40.00"}
    assert ledger.stands() == {"bank": "102.00", "receivable": "40.00", "overrun": "3.00"}
    assert shown["open"] == "43.00"
    ledger.pays("43")  # of whatever the organisation owes
    assert ledger.stands() == {"bank": "145.00"}
    ledger.sound()


def test_no_more_is_paid_than_is_open_unless_it_is_said(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    said = "100.01 is more than the 100.00 that web owes; pay no more, or say --beyond"
    assert ledger.refused("100.01", project="web") == said
    assert "that default, web owes; pay no more" in ledger.refused("100.01")
    assert "say --project with --beyond" in ledger.refused("100.01", beyond=True)
    assert ledger.stands() == {"receivable": "100.00"}
    ledger.pays("110", project="web", beyond=True)
    assert ledger.open()["web"] == "-10.00"  # a credit of the customer
    ledger.sound()


def test_a_statement_is_paid_with_its_tax_in_parts_and_to_the_cent(ledger: Ledger) -> None:
    ledger.owes("web", "100.004")
    statement, _ = ledger.close()
    assert ledger.open()[statement] == "119.00"
    ledger.pays("50", document=statement)
    assert ledger.open()[statement] == "69.00"
    assert "is more than the 69.00 that are open" in ledger.refused("69.01", document=statement)
    ledger.pays("69", document=statement)
    assert ledger.open() == {"web": "0.00", "default": "0.00", statement: "0.00"}
    # What rounding to cents took off is a difference, and nothing is left on the receivable.
    assert ledger.stands() == {"bank": "119.00", "vat": "-19.00", "difference": "0.004"}
    assert "is more than the 0.00 that are open" in ledger.refused("0.01", document=statement)
    ledger.sound()


def test_the_organisations_statement_pays_those_that_it_sums_up(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    ledger.owes("default", "10")
    first, second, both = ledger.close(vat="0")
    ledger.pays("10.50", document=both)
    assert sorted((ledger.open()[first], ledger.open()[second])) == ["0.00", "99.50"]
    ledger.pays("99.50", document=both)
    assert ledger.stands() == {"bank": "110.00"}
    ledger.sound()


def test_what_a_wallet_paid_is_not_paid_again(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    statement, _ = ledger.close(vat="0")
    ledger.pays("80", project="web")  # without naming the statement
    said = ledger.refused("100", document=statement)
    assert said.startswith(f"{statement}: project 'web' owes only 20.00 any more")
    ledger.pays("20", document=statement)
    assert ledger.stands() == {"bank": "100.00"}


def test_a_banks_reference_is_booked_once_and_free_after_a_reversal(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    voucher = ledger.pays("30", project="web", reference="RE-1")["voucher"]
    assert "'RE-1' was booked before; nothing was booked now" in ledger.refused(
        "30", project="web", reference="RE-1"
    )
    ledger.office.refused(409, "POST", "/wallets/topup", json={"amount": "30", "reference": "RE-1"})
    ledger.office.ok("POST", f"/books/vouchers/{voucher}/reverse", json={"reason": "another customer's"})
    assert ledger.stands() == {"receivable": "100.00"}
    ledger.pays("30", project="web", reference="RE-1")
    assert ledger.open()["web"] == "70.00"
    ledger.sound()


def test_what_will_never_be_paid_is_bad_debt_and_comes_back_by_a_reversal(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    statement, _ = ledger.close()
    body = {"amount": "59.50", "document": statement, "reason": "insolvent"}
    voucher = ledger.office.ok("POST", "/books/write-offs", json=body)["voucher"]
    assert ledger.open()[statement] == "59.50"
    assert ledger.stands() == {"receivable": "50.00", "bad_debt": "50.00"}  # the tax is not owed either
    assert "more than" in ledger.refused("60", "write-offs", document=statement, reason="insolvent")
    ledger.sound()
    ledger.office.ok("POST", f"/books/vouchers/{voucher}/reverse", json={"reason": "they paid"})
    assert ledger.open()[statement] == "119.00"
    ledger.sound()


def test_a_statement_that_was_taken_back_is_paid_by_what_replaced_it(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    statement, _ = ledger.close(vat="0")
    ledger.pays("60", document=statement)
    path = f"/books/documents/{statement}/reverse"
    made = ledger.office.ok("POST", path, json={"reason": "wrong recipient"})
    assert "nothing is to be paid of" in ledger.refused("1", document=statement)
    assert "is a credit note" in ledger.refused("1", document=made["credit_note"])
    assert "there is no document 'RW-9'" in ledger.refused("1", document="RW-9")
    assert ledger.open()[made["correction"]] == "40.00"
    ledger.pays("40", document=made["correction"])
    assert ledger.stands() == {"bank": "100.00"}
    ledger.sound()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1", "on": "2026-04-11"}, "on"),
        ({"amount": "1", "reference": ""}, "reference"),
    ],
)
def test_what_is_no_payment_is_refused(ledger: Ledger, body: dict[str, Any], param: str) -> None:
    assert ledger.office.refused(422, "POST", "/books/payments", json=body)["param"] == param


def test_a_payment_belongs_to_an_open_month(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    ledger.close()
    assert "the books are closed until 2026-04-01" in ledger.refused("1", project="web", on="2026-03-20")
    ledger.pays("1", project="web", on="2026-04-02")
    ledger.sound()


def test_two_payments_at_once_never_pay_more_than_is_open(ledger: Ledger) -> None:
    ledger.owes("web", "100")
    project = ledger.projects["web"]

    async def both() -> list[object]:
        payments = ledger.office.desk.payments
        receipt = Receipt("payment", 60 * NANO, project, None, None, "paid", LATER, "test", beyond=False)
        two = [payments.receive(ledger.organisation, receipt) for _ in range(3)]
        return list(await asyncio.gather(*two, return_exceptions=True))

    found = ledger.office.runner.run(both())
    assert sum(isinstance(one, int) for one in found) == 1
    assert sum(isinstance(one, BookError) for one in found) == 2
    assert ledger.open()["web"] == "40.00"


def test_a_neighbour_neither_sees_nor_pays_our_debts(ledger: Ledger, neighbour: str) -> None:
    ledger.owes("web", "100")
    theirs = ledger.office.ok("GET", "/books/receivables", neighbour)
    assert [(one["project"], one["open"]) for one in theirs["projects"]] == [("default", "0.00")]
    statement, _ = ledger.close()
    body = {"amount": "1", "document": statement, "organisation": "neighbour"}
    refusal = ledger.office.refused(409, "POST", "/books/payments", json=body)
    assert "there is no document" in refusal["message"]
    ledger.office.refused(403, "POST", "/books/payments", neighbour, json={"amount": "1"})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("update transfer set amount = amount + 1 where call_id = $1", "customers' payments and write-offs"),
        (
            (
                "update voucher set details = jsonb_set(details, '{documents}',"
                " jsonb_build_object(d.number, '120.00')) from document d where d.project_id <> 0 and id = $1"
            ),
            "no statement is paid beyond",
        ),
    ],
)
def test_the_proof_finds_a_payment_that_does_not_agree(ledger: Ledger, damage: str, said: str) -> None:
    ledger.owes("web", "100")
    statement, _ = ledger.close()
    voucher = ledger.pays("119", document=statement)["voucher"]
    for table in ("voucher", "transfer_voucher", "transfer"):
        ledger.office.sql(f"alter table {table} disable trigger user")
    ledger.office.sql(damage, voucher)
    checks = ledger.office.ok("GET", "/books/verify")["checks"]
    assert [one["name"] for one in checks if not one["ok"] and one["name"].startswith(said)]


# -- providers ------------------------------------------------------------------------------------


@pytest.fixture
def march(office: Office, till: Till) -> Office:
    """The month of docs/costs.md, accrued."""
    till.calls(uses(MARCH))
    office.clock.at = APRIL
    accrue(office)
    return office


def owed(office: Office) -> dict[tuple[str, str], tuple[str, str, str]]:
    """(Contract, organisation) -> payable, accrued, passed on."""
    return {
        (one["contract"], one["organisation"]): (one["payable"], one["accrued"], one["passed_on"])
        for one in office.ok("GET", "/books/payables")["payables"]
    }


def test_a_provider_is_paid_in_the_books_that_owe_it(march: Office) -> None:
    assert owed(march)["north minimum", "town"] == ("186.00", "0.00", "0.00")
    assert owed(march)["north minimum", "operator"] == ("0.00", "314.00", "0.00")
    body = {"provider": "north", "contract": "north minimum", "amount": "200", "reference": "R 7"}
    done = march.ok("POST", "/books/provider-payments", json=body)
    assert sorted((one["organisation"], one["amount"]) for one in done["vouchers"]) == [
        ("operator", "14.00"),
        ("town", "186.00"),
    ]
    assert ("north minimum", "town") not in owed(march)
    assert owed(march)["north minimum", "operator"] == ("0.00", "300.00", "0.00")
    refusal = march.refused(409, "POST", "/books/provider-payments", json=body)
    assert "'R 7' was booked before" in refusal["message"]
    verify(march)


def test_it_is_paid_no_more_than_is_owed_unless_it_is_said(march: Office) -> None:
    body = {"provider": "north", "contract": "north minimum", "amount": "500.01"}
    refusal = march.refused(409, "POST", "/books/provider-payments", json=body)
    assert refusal["message"] == "500.01 is more than the 500.00 that are owed; pay that or say --beyond"
    for wrong in ({"provider": "nobody"}, {"contract": "none"}):
        refusal = march.refused(409, "POST", "/books/provider-payments", json=body | wrong)
        assert "rechenwerk contract list" in refusal["message"]
    march.ok("POST", "/books/provider-payments", json=body | {"beyond": True})
    assert owed(march)["north minimum", "operator"] == ("-0.01", "0.00", "0.00")
    verify(march)


def test_a_payment_in_several_books_is_reversed_in_all_of_them(march: Office) -> None:
    before = owed(march)
    body = {"provider": "north", "amount": "872"}
    done = march.ok("POST", "/books/provider-payments", json=body)
    assert len(done["vouchers"]) == 2
    first = done["vouchers"][0]
    march.ok(
        "POST",
        f"/books/vouchers/{first['voucher']}/reverse",
        json={"reason": "another bank"},
        params={"organisation": first["organisation"]},
    )
    assert owed(march) == before
    verify(march)


def test_what_was_passed_on_is_cleared_between_the_books(march: Office) -> None:
    assert owed(march)["gpu server", "town"][1] == "274.35"
    assert owed(march)["gpu server", "operator"][2] == "365.80"
    march.ok("POST", "/books/clearings", json={"tenant": "town"})
    assert owed(march)["gpu server", "operator"][2] == "91.45"
    done = march.ok("POST", "/books/clearings", json={})
    assert {one["organisation"] for one in done["vouchers"]} == {"operator", "school"}
    kinds = {kind for name in ("town", "school") for kind, _ in of_costs(march, name)}
    assert "accrued" not in kinds
    assert "passed_on" not in {kind for kind, _ in of_costs(march, "operator")}
    banks = [of_costs(march, name).get(("bank", ""), Decimal(0)) for name in ("operator", "town", "school")]
    assert sum(banks) == 0  # money that went from one book into another
    assert march.ok("POST", "/books/clearings", json={})["vouchers"] == []
    assert accrue(march) == 0  # what was cleared is not booked again
    verify(march)


def test_the_proof_finds_what_was_cleared_on_one_side_only(march: Office) -> None:
    march.ok("POST", "/books/clearings", json={})
    for table in ("transfer_voucher", "transfer"):
        march.sql(f"alter table {table} disable trigger user")
    march.sql(
        "update transfer set amount = amount + 1 where (organisation_id, call_id, line) in ("
        " select organisation_id, id, 1 from voucher where kind = 'clearing' and organisation_id = 0)"
    )
    checks = march.ok("GET", "/books/verify", params={"organisation": "operator"})["checks"]
    assert [one for one in checks if not one["ok"] and one["name"].startswith("what was cleared")]


def test_the_operator_alone_pays(march: Office) -> None:
    mine = march.key("default", "books", "keys")
    march.refused(403, "GET", "/books/payables", mine)
    march.refused(403, "POST", "/books/provider-payments", mine, json={"provider": "north", "amount": "1"})
    march.refused(403, "POST", "/books/clearings", mine, json={})
    march.refused(403, "POST", "/books/write-offs", mine, json={"amount": "1", "reason": "no"})
