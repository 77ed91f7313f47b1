"""A wallet pays whatever the customer owes, and gets back what is taken off; undone bills with it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.ledger.periods import month_of
from rechenwerk.ledger.ports import Hold
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherKind, signed
from rechenwerk.store.budgets.paying import WalletPayments
from tests.flows.office_desk import Bookkeeper, Office

NOW = datetime.now(UTC)
MONTH = month_of(NOW)


class Customer:
    """An organisation with a wallet, and what happens on its project's receivable."""

    def __init__(self, office: Office, bookkeeper: Bookkeeper) -> None:
        self.office, self.bookkeeper = office, bookkeeper
        self.step = WalletPayments(office.pool)
        row = office.sql(
            "select p.organisation_id, p.id from project p join organisation o on o.id = p.organisation_id"
            " where o.name = 'default' and p.name = 'default'"
        )[0]
        self.organisation, self.project = int(row["organisation_id"]), int(row["id"])

    def topup(self, amount: str, **more: Any) -> None:
        self.office.ok("POST", "/wallets/topup", json={"amount": amount, **more})

    def owes(self, euros: float, kind: VoucherKind = "adjustment", **more: Any) -> int:
        """A tariff's adjustment, a share of costs: above zero it is owed, below it is taken off."""
        lines = signed(Side("receivable", self.project), Side("revenue", self.project), round(euros * NANO))
        voucher = Voucher(kind, more.get("at", NOW), "a month's rest", "test", lines)
        return self.office.runner.run(self.office.desk.vouchers.book(self.organisation, voucher))

    def call(self, euros: int, outcome: Any = "posted", held: int = 0) -> Hold:
        hold = self.bookkeeper.hold("default", (held or euros) * NANO, wallet=True)
        self.bookkeeper.post(hold, outcome, euros * NANO, euros * NANO // 2)
        return hold

    def pay(self, at: datetime = NOW) -> int:
        made = self.office.runner.run(self.step.book(self.organisation, month_of(at), "test"))
        self.sound()
        return made

    def sound(self) -> None:
        checks = self.office.ok("GET", "/books/verify")
        assert checks["ok"], [one for one in checks["checks"] if not one["ok"]]

    def stands(self) -> dict[str, str]:
        """What is owed and what is in the wallet, by the accounts and as gateways see it."""
        rows = self.office.ok("GET", "/books/balance")["accounts"]
        found = {kind: sum(float(row["balance"]) for row in rows if row["kind"] == kind) for kind in KINDS}
        found["left"] = sum(float(one["left"]) for one in self.office.ok("GET", "/wallets")["wallets"])
        return {kind: f"{amount:g}" for kind, amount in found.items() if amount}


KINDS = ("receivable", "overrun", "wallet")


@pytest.fixture
def customer(office: Office, bookkeeper: Bookkeeper) -> Customer:
    office.clock.at = NOW.timestamp()
    office.app.state.office = msgspec.structs.replace(office.app.state.office, steps=())
    return Customer(office, bookkeeper)


def test_it_pays_calls_adjustments_and_shares(customer: Customer) -> None:
    customer.topup("20")
    customer.call(3)
    customer.owes(5)
    customer.owes(1.5, "allocation")
    assert customer.stands() == {"receivable": "9.5", "wallet": "-20", "left": "17"}
    assert customer.pay() == 2  # what calls were charged, and what is owed beside it
    assert customer.stands() == {"wallet": "-10.5", "left": "10.5"}
    assert customer.pay() == 0


def test_what_exceeded_a_hold_is_paid_too(customer: Customer) -> None:
    customer.topup("20")
    customer.call(5, held=3)
    assert customer.stands() == {"receivable": "3", "overrun": "2", "wallet": "-20", "left": "17"}
    customer.pay()
    assert customer.stands() == {"wallet": "-15", "left": "15"}


def test_what_is_taken_off_comes_back(customer: Customer) -> None:
    customer.topup("20")
    customer.call(8)
    customer.pay()
    customer.owes(-3)
    customer.pay()
    assert customer.stands() == {"wallet": "-15", "left": "15"}
    moved = customer.office.ok("GET", "/wallets/statement")["movements"]
    assert sorted((one["kind"], one["amount"]) for one in moved) == [
        ("calls", "-8.00"),
        ("credit", "3.00"),
        ("topup", "20.00"),
    ]


def test_it_pays_as_far_as_it_reaches_and_the_rest_when_money_comes(customer: Customer) -> None:
    customer.topup("10")
    customer.call(4)
    customer.owes(9)
    customer.pay()
    assert customer.stands() == {"receivable": "3"}  # the wallet is empty: calls are refused
    assert customer.pay() == 0
    customer.topup("5")
    customer.pay()
    assert customer.stands() == {"wallet": "-2", "left": "2"}


def test_money_that_calls_hold_is_not_taken_from_them(customer: Customer) -> None:
    customer.topup("10")
    hold = customer.bookkeeper.hold("default", 8 * NANO, wallet=True)
    customer.owes(5)
    customer.pay()
    assert customer.stands() == {"receivable": "3", "wallet": "-8"}
    customer.bookkeeper.post(hold, "posted", 8 * NANO, 1)
    customer.pay()
    assert customer.stands() == {"receivable": "3"}


def test_an_earlier_month_that_is_paid_late_is_paid_once(customer: Customer) -> None:
    customer.topup("50")
    earlier = datetime.fromtimestamp(MONTH.starts.timestamp() - 86_400, UTC)
    customer.owes(10, at=earlier)
    customer.owes(20)
    customer.pay()
    assert customer.stands() == {"wallet": "-20", "left": "20"}
    assert customer.pay(earlier) == 0
    customer.owes(-4, at=earlier)
    customer.pay(earlier)
    assert customer.stands() == {"wallet": "-24", "left": "24"}


def test_an_adjustment_that_is_reversed_comes_back_and_the_payment_cannot_be(customer: Customer) -> None:
    customer.topup("20")
    voucher = customer.owes(5)
    customer.pay()
    payment = customer.office.ok("GET", "/books/vouchers")["vouchers"][0]
    assert payment["kind"] == "payment"
    path = f"/books/vouchers/{payment['id']}/reverse"
    refusal = customer.office.refused(409, "POST", path, json={"reason": "typing error"})
    assert "when what it paid for is reversed" in refusal["message"]
    customer.office.ok("POST", f"/books/vouchers/{voucher}/reverse", json={"reason": "an error"})
    customer.pay()
    assert customer.stands() == {"wallet": "-20", "left": "20"}


def test_a_project_with_a_wallet_of_its_own_pays_from_that_one(customer: Customer) -> None:
    customer.topup("20")
    customer.topup("7", project="default")
    customer.owes(5)
    customer.pay()
    wallets = customer.office.ok("GET", "/wallets")["wallets"]
    assert [(one["project"], one["left"]) for one in wallets] == [(None, "20.00"), ("default", "2.00")]


def test_without_a_wallet_what_is_owed_stays(customer: Customer) -> None:
    customer.owes(5)
    assert customer.pay() == 0
    assert customer.stands() == {"receivable": "5"}


def test_two_steps_at_once_pay_once(customer: Customer) -> None:
    customer.topup("20")
    customer.call(3)
    customer.owes(5)

    async def both() -> list[int]:
        return await asyncio.gather(
            *[customer.step.book(customer.organisation, MONTH, "test") for _ in range(3)]
        )

    assert sorted(customer.office.runner.run(both())) == [0, 0, 2]
    assert customer.stands() == {"wallet": "-12", "left": "12"}


def test_a_close_pays_from_the_wallet(customer: Customer) -> None:
    office = customer.office
    office.app.state.office = msgspec.structs.replace(office.app.state.office, steps=(customer.step,))
    earlier = datetime.fromtimestamp(MONTH.starts.timestamp() - 86_400, UTC)
    customer.topup("20")
    customer.owes(5, at=earlier)
    office.ok("POST", f"/books/periods/{month_of(earlier).name}/close", json={})
    assert customer.stands() == {"wallet": "-15", "left": "15"}
    customer.sound()


# -- a bill that is undone ------------------------------------------------------------------------


def settled(customer: Customer) -> None:
    """A call of 4.00 that nobody knew the usage of; the bill says that it cost a quarter."""
    customer.topup("10")
    customer.call(4, "unresolved")
    office = customer.office
    office.clock.at = datetime.now(UTC).timestamp() + 86_400
    text = f"date,model,amount,currency\n{day(customer)},smollm2-135m,0.5,EUR\n"
    body = {"provider": "embedded", "name": "bill.csv", "text": text, "settle": True}
    office.ok("POST", "/books/reconcile", json=body)
    customer.pay()
    assert customer.stands() == {"wallet": "-9", "left": "9"}


def day(customer: Customer) -> str:
    (row,) = customer.office.sql("select max(started_at) as at from call")
    return f"{row['at']:%Y-%m-%d}"


def undo(customer: Customer) -> Any:
    return customer.office.answer("POST", "/books/bills/1/undo", json={"reason": "a wrong file"})


def test_what_came_back_for_it_is_taken_back(customer: Customer) -> None:
    settled(customer)
    assert undo(customer).is_success
    customer.sound()
    assert customer.stands() == {"wallet": "-10", "left": "6"}  # as before: 4.00 stand for the call
    assert customer.pay() == 0
    kinds = [one["kind"] for one in customer.office.ok("GET", "/wallets/statement")["movements"]]
    assert sorted(kinds) == ["calls", "release", "topup", "unsettled"]


def test_it_can_be_settled_again_and_gives_back_again(customer: Customer) -> None:
    settled(customer)
    assert undo(customer).is_success
    text = f"date,model,amount,currency\n{day(customer)},smollm2-135m,1.00,EUR\n"
    body = {"provider": "embedded", "name": "again.csv", "text": text, "settle": True}
    customer.office.ok("POST", "/books/reconcile", json=body)
    customer.pay()
    assert customer.stands() == {"wallet": "-8", "left": "8"}


def test_what_is_spent_is_said_with_what_to_do(customer: Customer) -> None:
    settled(customer)
    customer.call(8)  # 1.00 of what came back is left
    refused = undo(customer)
    assert refused.status_code == 409
    assert (
        "2.00 of it are spent; book that in first: rechenwerk wallet topup 2.00 --organisation default"
        in (refused.json()["error"]["message"])
    )
    assert customer.office.ok("GET", "/books/bills")["bills"][0]["undone"] is None
    customer.topup("2")
    assert undo(customer).is_success
    customer.pay()
    assert customer.stands() == {"wallet": "-4"}


def test_undone_twice_at_once_it_is_undone_once(customer: Customer) -> None:
    settled(customer)

    async def both() -> list[object]:
        bills = customer.office.desk.bills
        two = [bills.undo(0, 1, NOW, "again", "test") for _ in range(2)]
        return list(await asyncio.gather(*two, return_exceptions=True))

    found = customer.office.runner.run(both())
    assert sorted(type(one).__name__ for one in found) == ["BookError", "int"]
    customer.sound()
    assert customer.stands() == {"wallet": "-10", "left": "6"}


def test_a_bill_is_undone_while_steps_run(customer: Customer) -> None:
    settled(customer)
    customer.owes(2)

    async def all_at_once() -> list[object]:
        undo = customer.office.desk.bills.undo(0, 1, NOW, "again", "test")
        steps = [customer.step.book(customer.organisation, MONTH, "test") for _ in range(2)]
        return list(await asyncio.gather(undo, *steps, return_exceptions=True))

    found = customer.office.runner.run(all_at_once())
    assert not [one for one in found if isinstance(one, BaseException)], found
    customer.pay()
    assert customer.stands() == {"wallet": "-8", "left": "4"}
