"""Calls that are settled late count in tariffs like posted ones: what is finally booked is the month."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from rechenwerk.ledger.periods import month_of
from rechenwerk.ledger.ports import Hold
from rechenwerk.store.tariffs import TariffStep
from tests.flows.office_desk import Bookkeeper, Office

EUR = 1_000_000_000
IN, OUT, ABOVE = 1_500, 3_000, 1_000
"""Nano-units of a token; output above 25 tokens in a month costs `ABOVE`."""
PRICE = 10 * IN + 20 * OUT
"""Of a call of the bookkeeper: 10 tokens in, 20 out."""
COST = PRICE // 3
TERMS = {
    "price": {"input": "1.50", "output": "3.00"},
    "tiers": [{"bucket": "output", "steps": [{"above": "25", "rate": "1.00"}]}],
}


class Shop:
    """An office whose model has tiers, and a bookkeeper of its calls."""

    def __init__(self, office: Office, bookkeeper: Bookkeeper) -> None:
        self.office, self._bookkeeper = office, bookkeeper
        self.step = TariffStep(office.pool)
        self.period = month_of(datetime.now(UTC))
        body = {"period": "month", "amount": "100"}
        office.ok("PUT", "/projects/default/budget", json=body)
        (row,) = office.sql("select id from tariff where model = 'smollm2-135m'")
        self.tariff = row["id"]

    def call(self, outcome: Any = "posted") -> Hold:
        hold = self._bookkeeper.hold("default", EUR)
        self._bookkeeper.post(hold, outcome, PRICE, COST, tariff=self.tariff)
        return hold

    def killed(self) -> Hold:
        """A call of which a process that died left nothing but its hold."""
        hold = self._bookkeeper.hold("default", EUR)
        self.office.sql("select book_unresolved($1::bigint[], 'killed')", [hold.id])
        return hold

    def month(self) -> int:
        """Book the month; what stands on revenue then."""
        run, organisation = self.office.runner.run, self._organisation()
        run(self.step.book(organisation, self.period, "the test"))
        assert run(self.step.book(organisation, self.period, "the test")) == 0
        checks = self.office.ok("GET", "/books/verify")
        assert checks["ok"], [one for one in checks["checks"] if not one["ok"]]
        rows = run(self.office.desk.books.balance(organisation))
        return sum(row.credit - row.debit for row in rows if row.kind == "revenue")

    def _organisation(self) -> int:
        (row,) = self.office.sql("select id from organisation where name = 'default'")
        return int(row["id"])

    def bill(self, *lines: str, head: str = "date,model,amount,currency") -> Any:
        """A bill of the day of the calls, settled the day after."""
        (row,) = self.office.sql("select max(started_at) as at from call")
        day = f"{row['at']:%Y-%m-%d}"
        text = "\n".join([head, *[f"{day},smollm2-135m,{line}" for line in lines], ""])
        self.office.clock.at = row["at"].timestamp() + 86_400
        body = {"provider": "embedded", "name": "bill.csv", "text": text, "settle": True}
        return self.office.ok("POST", "/books/reconcile", json=body)

    def usage_of(self, hold: Hold) -> Any:
        (row,) = self.office.sql("select usage from settled_call where call_id = $1", hold.id)
        return msgspec.json.decode(row["usage"])


@pytest.fixture
def shop(office: Office, bookkeeper: Bookkeeper) -> Shop:
    office.app.state.office = msgspec.structs.replace(office.app.state.office, steps=())
    office.sql("alter table tariff disable trigger user")  # as if it had stood here since long
    office.sql(
        "update tariff set valid_from = 'epoch', terms = $1 where model = 'smollm2-135m'",
        msgspec.json.encode(TERMS).decode(),
    )
    office.sql("alter table tariff enable trigger user")
    return Shop(office, bookkeeper)


def tiered(into: int, out: int) -> int:
    return into * IN + min(out, 25) * OUT + max(0, out - 25) * ABOVE


def euros(nano: int) -> str:
    return f"{nano // EUR}.{nano % EUR:09d},EUR"


def test_an_unclear_call_enters_the_tiers_when_it_is_settled(shop: Shop) -> None:
    shop.call()
    unclear = shop.call("unresolved")
    assert shop.month() == PRICE * 2  # 20 tokens are in no tier; the unclear call stands as it was booked
    shop.bill(euros(COST + COST // 2))  # half of what it could have cost
    assert {"input": 5, "output": 10}.items() <= shop.usage_of(unclear).items()
    assert shop.month() == tiered(15, 30)


def test_usage_that_the_bill_tells_is_what_counts(shop: Shop) -> None:
    shop.call()
    unclear = shop.call("unresolved")
    shop.bill(f"{euros(2 * COST)},14,32", head="date,model,amount,currency,input,output")
    assert {"input": 4, "output": 12}.items() <= shop.usage_of(unclear).items()
    assert shop.month() == tiered(14, 32)


def test_a_call_that_nobody_counted_is_counted_like_the_others_of_its_day(shop: Shop) -> None:
    shop.call()
    killed = shop.killed()
    shop.bill(euros(3 * COST))  # as two calls more
    assert {"input": 20, "output": 40}.items() <= shop.usage_of(killed).items()
    assert shop.month() == tiered(30, 60)


def test_what_nobody_can_tell_the_usage_of_stays_at_its_price(shop: Shop) -> None:
    shop.killed()
    shop.bill(euros(EUR // 2))
    assert shop.month() == EUR // 2


def test_a_settlement_that_is_undone_leaves_the_tiers_again(shop: Shop) -> None:
    shop.call()
    shop.call("unresolved")
    shop.bill(euros(2 * COST))
    assert shop.month() == tiered(20, 40)
    shop.office.ok("POST", "/books/bills/1/undo", json={"reason": "a wrong file"})
    assert shop.month() == PRICE * 2


def test_a_month_that_was_booked_before_is_mended(shop: Shop) -> None:
    for _ in range(3):
        shop.call()
    shop.call("unresolved")
    assert shop.month() == tiered(30, 60) + PRICE
    shop.bill(euros(4 * COST))
    assert shop.month() == tiered(40, 80)


def test_the_proof_finds_a_settlement_that_moved_something_else(shop: Shop) -> None:
    shop.call()
    shop.call("unresolved")
    shop.bill(euros(2 * COST))
    for table in ("transfer_voucher", "transfer"):
        shop.office.sql(f"alter table {table} disable trigger user")
    shop.office.sql("update transfer set amount = amount + 1 where call_id < 0")
    checks = shop.office.ok("GET", "/books/verify")["checks"]
    assert [one for one in checks if not one["ok"] and one["name"].startswith("every settlement moved")]
