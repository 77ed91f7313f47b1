"""Vouchers: what stands in the books that is not a call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from rechenwerk.ledger.vouchers import Side, Voucher, VoucherKind, VoucherLine, signed
from tests.flows.office_desk import Office

MARCH = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
FIXED, ACCRUED = Side("fixed", 0, 1), Side("accrued", 0, 1)


def book(office: Office, *lines: VoucherLine, kind: VoucherKind = "accrual", at: datetime = MARCH) -> int:
    """Book a voucher in the organisation of the first run."""
    voucher = Voucher(kind, at, "hardware of March", "the test", lines, details={"months": 1})
    (row,) = office.sql("select id from organisation where name = $1", office.first.organisation)
    organisation: int = row["id"]
    return office.runner.run(office.desk.vouchers.book(organisation, voucher))


def balances(office: Office) -> dict[str, str]:
    """Kind -> balance, of what is booked on at all."""
    rows = office.ok("GET", "/books/balance")["accounts"]
    return {one["kind"]: one["balance"] for one in rows if one["debit"] != "0.00" or one["credit"] != "0.00"}


def is_sound(office: Office) -> bool:
    found: Any = office.ok("GET", "/books/verify")
    return bool(found["ok"])


def test_a_voucher_moves_what_it_says_and_is_shown(office: Office) -> None:
    number = book(office, *signed(FIXED, ACCRUED, 1_500_000_001), *signed(FIXED, ACCRUED, -500_000_001))
    assert number < 0
    (shown,) = office.ok("GET", "/books/vouchers")["vouchers"]
    assert (shown["id"], shown["kind"], shown["details"]) == (number, "accrual", {"months": 1})
    assert [one["amount"] for one in shown["transfers"]] == ["1.500000001", "0.500000001"]
    assert [one["debit"].partition("(")[0] for one in shown["transfers"]] == ["fixed", "accrued"]
    assert (balances(office)["fixed"], balances(office)["accrued"]) == ("1.00", "-1.00")
    assert office.ok("GET", "/books/vouchers", params={"period": "2026-03"})["vouchers"] == [shown]
    assert office.ok("GET", "/books/vouchers", params={"period": "2026-04"})["vouchers"] == []
    assert is_sound(office)


def test_pages_go_back_in_time(office: Office) -> None:
    numbers = [book(office, VoucherLine(FIXED, ACCRUED, 1 + n)) for n in range(5)]
    seen = []
    before = None
    for _ in range(3):
        params = {"limit": 2} | ({} if before is None else {"before": before})
        page = office.ok("GET", "/books/vouchers", params=params)
        seen += [one["id"] for one in page["vouchers"]]
        before = page["next"]
    assert seen == numbers[::-1]
    assert before is None


def test_a_reversal_mirrors_once(office: Office) -> None:
    number = book(office, VoucherLine(FIXED, ACCRUED, 7), VoucherLine(Side("bank"), Side("wallet"), 9))
    path = f"/books/vouchers/{number}/reverse"
    made = office.ok("POST", path, json={"reason": "entered twice"})
    assert balances(office) == dict.fromkeys(("fixed", "accrued", "bank", "wallet"), "0.00")
    again = office.refused(409, "POST", path, json={"reason": "once more"})
    assert "reversed before" in again["message"]
    both = office.refused(409, "POST", f"/books/vouchers/{made['voucher']}/reverse", json={"reason": "back"})
    assert "is a reversal" in both["message"]
    office.refused(404, "POST", "/books/vouchers/-999999/reverse", json={"reason": "nothing"})
    shown = office.ok("GET", "/books/vouchers")["vouchers"]
    assert [(one["reverses"], one["reversed_by"]) for one in shown] == [
        (number, None),
        (None, made["voucher"]),
    ]
    assert is_sound(office)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ((), asyncpg.CheckViolationError),
        ((VoucherLine(FIXED, ACCRUED, 0),), asyncpg.CheckViolationError),
        ((VoucherLine(FIXED, ACCRUED, -1),), asyncpg.CheckViolationError),
        ((VoucherLine(FIXED, FIXED, 1),), asyncpg.CheckViolationError),
        ((VoucherLine(Side("pocket"), ACCRUED, 1),), asyncpg.ForeignKeyViolationError),
    ],
)
def test_the_database_refuses_what_is_no_voucher(
    office: Office, lines: tuple[VoucherLine, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        book(office, *lines)
    assert office.sql("select count(*) as n from voucher")[0]["n"] == 0


@pytest.mark.parametrize(
    "statement", ["update voucher set reason = 'other'", "delete from voucher", "truncate voucher cascade"]
)
def test_a_voucher_is_for_ever(office: Office, statement: str) -> None:
    book(office, VoucherLine(FIXED, ACCRUED, 1))
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        office.sql(statement)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("delete from transfer", "every voucher moves something"),
        (
            "update transfer set amount = 8 where call_id = (select min(call_id) from transfer)",
            "every reversal mirrors",
        ),
        ("delete from voucher where reverses is not null", "every transfer belongs to"),
    ],
)
def test_the_proof_finds_damage(office: Office, damage: str, said: str) -> None:
    number = book(office, VoucherLine(FIXED, ACCRUED, 7))
    office.ok("POST", f"/books/vouchers/{number}/reverse", json={"reason": "entered twice"})
    assert is_sound(office)
    office.sql("alter table transfer disable trigger user")
    office.sql("alter table voucher disable trigger user")
    office.sql(damage)
    wrong = [one["name"] for one in office.ok("GET", "/books/verify")["checks"] if not one["ok"]]
    assert [name for name in wrong if name.startswith(said)]


def test_a_neighbour_sees_none_and_reverses_none(office: Office, neighbour: str) -> None:
    number = book(office, VoucherLine(FIXED, ACCRUED, 7))
    path = f"/books/vouchers/{number}/reverse"
    mine = office.key("default", "books")
    assert len(office.ok("GET", "/books/vouchers", mine)["vouchers"]) == 1
    office.refused(403, "POST", path, mine, json={"reason": "not mine to do"})
    office.refused(403, "POST", path, neighbour, json={"reason": "not mine to do"})
    for answer in (
        office.answer("GET", "/books/vouchers", neighbour),
        office.answer("GET", "/books/vouchers", neighbour, params={"organisation": "default"}),
    ):
        assert answer.status_code in {403, 404} or answer.json()["vouchers"] == []
    there = {"organisation": "neighbour"}
    assert office.ok("GET", "/books/vouchers", params=there)["vouchers"] == []
    office.refused(404, "POST", path, params=there, json={"reason": "of another"})
