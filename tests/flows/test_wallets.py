"""Prepaid wallets: never below zero, every cent in the books, and only the operator pays in or back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.ledger.periods import month_of
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine
from rechenwerk.office.budgets.ports import Note
from rechenwerk.office.ports import Guard
from rechenwerk.store.budgets.paying import WalletPayments
from tests.caller import ask, chat_body
from tests.fakes.provider import FakeProvider, running_fake
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.test_budget import HOLD, Rush, priced, processes
from tests.installation import Town

NOTE = Note(datetime(2026, 1, 2, tzinfo=UTC), "somebody", "paid in")
SPENT = 20 * 99_900
"""What a call of `chat_body` really costs: twenty tokens."""


class Till(Rush):
    """A rush that is refused for want of money paid in."""

    async def _caller(self, address: str) -> None:
        while not self.over:
            self.running += 1
            self.started += 1
            alone, mine = self.running == 1, self.started
            reply = await ask(address, self.tenant.key, self.body)
            self.running -= 1
            if reply.status == 200:
                await self._served()
            else:
                assert (reply.status, reply.code) == (402, "wallet_empty"), reply
                self.refused += 1
                await self._turned_away(reply, alone=alone and mine == self.started)


def test_a_wallet_is_spent_to_the_last_call_and_never_passed(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_spent(database_url, fake))


async def _spent(url: str, fake: FakeProvider) -> None:
    paid = 3 * HOLD
    async with priced(url, fake) as there:
        tenant = await there.tenant(project=(Guard("money", "total", 1_000 * NANO),))
        wallets, organisation = there.desk.budgets.wallets, tenant.organisation
        guard = await wallets.open(organisation, None)
        with processes(url, 3) as addresses:
            refused = await ask(addresses[0], tenant.key, chat_body(1_000))
            assert (refused.status, refused.code) == (402, "wallet_empty")
            assert "wallet of this organisation has 0.00 EUR left" in refused.json["error"]["message"]
            await wallets.topup(organisation, None, paid, NOTE)
            rush = Till(there, tenant, chat_body(1_000, x_fake={"latency_ms": 5}), 1_000 * NANO)
            await rush.run(addresses, 60)
            await there.settled(rush.good)
            left = paid - rush.good * SPENT
            assert 0 <= left < HOLD
            assert await _paid_back(there, organisation, guard) == left
            assert (await ask(addresses[1], tenant.key, chat_body(1_000))).status == 402
            await _all_paid(there, organisation, rush.good * SPENT)
            assert await wallets.close(organisation, guard)
            async with asyncio.timeout(20):
                while (await ask(addresses[2], tenant.key, chat_body(1_000))).status != 200:
                    pass
            await there.settled(rush.good + 1)
        await there.assert_books_verify(organisation)


async def _paid_back(there: Town, organisation: int, guard: int) -> int:
    """Ask gateways for what lies idle, and pay back what is left once it is all there."""
    wallets = there.desk.budgets.wallets
    await wallets.recall(guard)
    async with asyncio.timeout(20):
        while await there.pool.fetchval("select sum(granted - posted) from slice where guard_id = $1", guard):
            pass
    left = await there.pool.fetchval(
        "select amount - granted from guard_window where guard_id = $1 and starts_at = to_timestamp(0)", guard
    )
    assert await wallets.refund(organisation, guard, int(left) + 1, NOTE) is None
    assert await wallets.refund(organisation, guard, None, NOTE) is not None
    return int(left)


async def _all_paid(there: Town, organisation: int, spent: int) -> None:
    """The step pays every call once, however often it runs."""
    steps, now = WalletPayments(there.pool), month_of(datetime.now(UTC))
    assert [await steps.book(organisation, now, "test") for _ in range(3)] == [1, 0, 0]
    balances = {one.kind: one for one in await there.desk.books.balance(organisation)}
    assert balances["receivable"].debit == balances["receivable"].credit == spent
    assert balances["wallet"].debit == balances["wallet"].credit
    assert balances["bank"].debit - balances["bank"].credit == spent


@pytest.mark.parametrize("rounds", [40])
def test_refunds_and_calls_at_once_never_share_a_cent(database_url: str, rounds: int) -> None:
    asyncio.run(_race(database_url, rounds))


async def _race(url: str, rounds: int) -> None:
    """Leases and refunds, both at once, from one pool of money: what was got is what was there."""
    async with asyncpg.create_pool(url, min_size=4, max_size=8) as pool:
        there = Town(url, pool)
        tenant = await there.tenant()
        wallets = there.desk.budgets.wallets
        guard = await wallets.open(tenant.organisation, None)
        await wallets.topup(tenant.organisation, None, 1_000, NOTE)
        process = await pool.fetchval("select process_id from process_start('test')")

        async def lease() -> int:
            return int(
                await pool.fetchval("select got from lease($1, to_timestamp(0), $2, 17, 17)", guard, process)
            )

        async def refund() -> int:
            return 17 * (await wallets.refund(tenant.organisation, guard, 17, NOTE) is not None)

        got = await asyncio.gather(*[work() for _ in range(rounds) for work in (lease, refund)])
        assert sum(got) == 58 * 17  # as many as fit into 1,000, however they came
        assert await pool.fetchval("select granted <= amount from guard_window where guard_id = $1", guard)
        await there.assert_books_verify(tenant.organisation)


def test_what_moves_in_a_wallet_stands_in_its_statement(office: Office, bookkeeper: Bookkeeper) -> None:
    office.clock.at = datetime.now(UTC).timestamp()
    (wallet,) = office.ok("POST", "/wallets/topup", json={"amount": "10", "reference": "RE-1"})["wallets"]
    assert (wallet["project"], wallet["paid_in"], wallet["left"]) == (None, "10.00", "10.00")
    assert wallet["state"] == "open"
    bookkeeper.post(bookkeeper.hold("default", 3 * NANO, wallet=True), "posted", 3 * NANO, 1)
    open_hold = bookkeeper.hold("default", 2 * NANO, wallet=True)
    (wallet,) = office.ok("GET", "/wallets")["wallets"]
    assert (wallet["used"], wallet["held"], wallet["left"]) == ("3.00", "2.00", "5.00")
    office.refused(409, "POST", "/wallets/refund", json={"amount": "5.01"})
    office.refused(409, "POST", "/wallets/close", json={})
    back = office.ok("POST", "/wallets/refund", json={"amount": None, "reason": "end of contract"})
    assert back["wallets"][0]["state"] == "empty"
    bookkeeper.post(open_hold, "posted", 2 * NANO, 1)
    shown = office.ok("GET", "/wallets/statement")
    moved = [(one["kind"], one["calls"], one["amount"], one["text"]) for one in shown["movements"]]
    assert moved == [  # calls stand on their day
        ("calls", 2, "-5.00", ""),
        ("topup", 0, "10.00", "RE-1"),
        ("refund", 0, "-5.00", "end of contract"),
    ]
    assert (shown["opening"], shown["closing"]) == ("0.00", "0.00")
    checks = office.ok("GET", "/books/verify")
    assert checks["ok"], checks


def test_a_banks_reference_pays_once(office: Office) -> None:
    body = {"amount": "10", "reference": "RE-1"}
    office.ok("POST", "/wallets/topup", json=body)
    error = office.refused(409, "POST", "/wallets/topup", json=body)
    assert error["message"] == "the reference 'RE-1' was booked before; nothing was booked now"
    office.refused(409, "POST", "/wallets/topup", json={**body, "project": "default"})
    shown = office.ok("GET", "/wallets")["wallets"]
    assert [(one["project"], one["paid_in"]) for one in shown] == [(None, "10.00")]


def test_a_topup_is_undone_by_a_refund_only(office: Office) -> None:
    voucher = office.ok("POST", "/wallets/topup", json={"amount": "10"})["voucher"]
    error = office.refused(409, "POST", f"/books/vouchers/{voucher}/reverse", json={"reason": "typing error"})
    assert "undone by a refund" in error["message"]


def test_a_project_with_a_wallet_of_its_own_pays_from_that(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_own(database_url, fake))


async def _own(url: str, fake: FakeProvider) -> None:
    async with priced(url, fake) as there:
        tenant = await there.tenant()
        wallets, organisation = there.desk.budgets.wallets, tenant.organisation
        await wallets.open(organisation, None)  # empty
        await wallets.topup(organisation, tenant.project, NANO, NOTE)
        with processes(url, 1) as (address,):
            assert (await ask(address, tenant.key, chat_body(1_000))).status == 200
            await there.settled(1)
        assert await WalletPayments(there.pool).book(organisation, month_of(datetime.now(UTC)), "test") == 1
        await there.assert_books_verify(organisation)


def test_an_unclear_call_that_is_settled_for_less_gives_the_rest_back(
    office: Office, bookkeeper: Bookkeeper
) -> None:
    office.ok("POST", "/wallets/topup", json={"amount": "10"})
    hold = bookkeeper.hold("default", 4 * NANO, wallet=True)
    bookkeeper.post(hold, "unresolved", 4 * NANO, 1)
    step, now = WalletPayments(office.pool), month_of(datetime.now(UTC))

    def book() -> int:
        return office.runner.run(step.book(hold.organisation, now, "test"))

    assert book() == 0  # nobody knows yet what is due
    assert office.ok("GET", "/wallets")["wallets"][0]["left"] == "6.00"
    lines = (
        VoucherLine(Side("receivable", hold.project), Side("unresolved_price", hold.project), NANO),
        VoucherLine(Side("revenue", hold.project), Side("unresolved_price", hold.project), 3 * NANO),
    )
    settled = Voucher("settlement", datetime.now(UTC), "the bill came", "test", lines, hold.id)
    office.runner.run(office.desk.vouchers.book(hold.organisation, settled))
    assert [book(), book()] == [1, 0]
    (wallet,) = office.ok("GET", "/wallets")["wallets"]
    assert (wallet["left"], wallet["paid_in"]) == ("9.00", "13.00")
    balances = {one.kind: one for one in office.runner.run(office.desk.books.balance(hold.organisation))}
    assert balances["wallet"].credit - balances["wallet"].debit == 9 * NANO


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/wallets/topup", {"amount": "0"}, "amount"),
        ("/wallets/topup", {"amount": "-1"}, "amount"),
        ("/wallets/topup", {"amount": "1", "reference": ""}, "reference"),
        ("/wallets/refund", {"amount": "0"}, "amount"),
        ("/wallets/refund", {}, "amount"),
    ],
)
def test_what_is_no_payment_is_refused(office: Office, path: str, body: dict[str, Any], param: str) -> None:
    office.ok("POST", "/wallets", json={})
    assert office.refused(422, "POST", path, json=body)["param"] == param


def test_a_neighbour_neither_sees_nor_moves_our_money(office: Office, neighbour: str) -> None:
    office.ok("POST", "/wallets/topup", json={"amount": "10"})
    office.ok("POST", "/wallets/topup", json={"amount": "3", "organisation": "neighbour"})
    (theirs,) = office.ok("GET", "/wallets", neighbour)["wallets"]
    assert theirs["paid_in"] == "3.00"
    office.refused(404, "GET", "/wallets", neighbour, params={"organisation": "default"})
    office.refused(404, "GET", "/wallets/statement", neighbour, params={"organisation": "default"})
    office.refused(404, "GET", "/wallets/statement", neighbour, params={"project": "nowhere"})
    for path in ("/wallets", "/wallets/topup", "/wallets/refund", "/wallets/close"):
        office.refused(403, "POST", path, neighbour, json={"amount": "1"})
    assert office.ok("GET", "/wallets")["wallets"][0]["paid_in"] == "10.00"
