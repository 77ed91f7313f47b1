"""A provider's bill meets the books of a whole installation."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from pypdf import PdfReader

from rechenwerk.ledger.ports import Hold
from tests.flows.office_desk import Bookkeeper, Office

CENT = 10_000_000
EUR = 100 * CENT


def day_of(hold: Hold) -> str:
    return f"{datetime.fromtimestamp(hold.started_us / 1e6, UTC):%Y-%m-%d}"


def bill(hold: Hold, *amounts: str, model: str = "smollm2-135m", currency: str = "EUR") -> dict[str, Any]:
    """A bill of the day of a call."""
    lines = [f"{day_of(hold)},{model},{amount},{currency}" for amount in amounts]
    return {
        "provider": "embedded",
        "name": "march.csv",
        "text": "\n".join(["date,model,amount,currency", *lines, ""]),
    }


def balances(office: Office, organisation: str | None = None) -> dict[str, str]:
    """Kind -> balance of what is not zero."""
    params = {} if organisation is None else {"organisation": organisation}
    rows = office.ok("GET", "/books/balance", params=params)["accounts"]
    return {row["kind"]: row["balance"] for row in rows if row["balance"] != "0.00"}


def sound(office: Office, *organisations: str) -> bool:
    names = organisations or ("default", "neighbour", "operator")
    found = [office.answer("GET", "/books/verify", params={"organisation": name}) for name in names]
    return all(one.json()["ok"] for one in found if one.is_success)


def three(bookkeeper: Bookkeeper, organisation: str = "default") -> Hold:
    """A posted call at 1.00 (price 2.00), a failed one at 0.10, an unresolved one at 0.40 (price 0.80)."""
    holds = [bookkeeper.hold(organisation, 3 * EUR) for _ in range(3)]
    bookkeeper.post(holds[0], "posted", 2 * EUR, EUR)
    bookkeeper.post(holds[1], "failed", 0, 10 * CENT)
    bookkeeper.post(holds[2], "unresolved", 80 * CENT, 40 * CENT)
    return holds[2]


@pytest.fixture
def funded(office: Office, neighbour: str) -> Office:
    assert neighbour
    # These calls' costs are made up: no contract's statement agrees with them. See test_reconcile_costs.py.
    office.app.state.office = msgspec.structs.replace(office.app.state.office, steps=())
    for name in ("default", "neighbour"):
        body = {"period": "month", "amount": "100", "organisation": name}
        office.ok("PUT", "/projects/default/budget", json=body)
    return office


def test_a_bill_is_looked_at_and_then_settled(funded: Office, bookkeeper: Bookkeeper) -> None:
    office, last = funded, three(bookkeeper)
    before = balances(office)
    seen = office.ok("POST", "/books/reconcile", json=bill(last, "0.50", "0.80"))
    (row,) = seen["rows"]
    assert (row["billed"], row["booked"], row["open"]) == ("1.30", "1.10", "0.40")
    assert (row["settled"], row["difference"], row["cause"]) == ("0.20", "0.00", "settled")
    assert seen["bill"] is None
    assert balances(office) == before

    done = office.ok("POST", "/books/reconcile", json=bill(last, "0.50", "0.80") | {"settle": True})
    assert done["bill"] == 1
    assert balances(office) == {
        "cost": "1.20",
        "failed": "0.10",
        "payable": "-1.30",
        "receivable": "2.40",
        "revenue": "-2.40",
    }
    assert office.sql("select sum(amount) as amount from draw")[0]["amount"] == 130 * CENT  # the position
    assert sound(office)
    (kept,) = office.ok("GET", "/books/bills")["bills"]
    assert kept["rows"] == [row]
    assert row["contract"] == "embedded on demand"
    assert (kept["total"], kept["vouchers"], kept["said"]) == (seen["total"], 1, "1.3")


def test_what_is_left_is_on_the_difference_account_of_who_owns_the_provider(
    funded: Office, bookkeeper: Bookkeeper
) -> None:
    office = funded
    three(bookkeeper)
    last = three(bookkeeper, "neighbour")
    done = office.ok("POST", "/books/reconcile", json=bill(last, "3.25") | {"settle": True})
    (row,) = done["rows"]
    assert (row["booked"], row["settled"], row["difference"]) == ("2.20", "0.80", "0.25")
    assert balances(office)["payable"] == balances(office, "neighbour")["payable"] == "-1.50"
    assert balances(office, "operator") == {"difference": "0.25", "payable": "-0.25"}
    assert sound(office)


def test_a_bill_in_another_currency_needs_a_rate(funded: Office, bookkeeper: Bookkeeper) -> None:
    office, last = funded, three(bookkeeper)
    asked = bill(last, "1.50", currency="usd")
    refusal = office.refused(422, "POST", "/books/reconcile", json=asked)
    assert refusal["message"] == (
        "the bill is in USD, the books are in EUR; say what one USD was worth: --rate USD=0.92"
    )
    for rate, said in (("0", "above zero"), ("-1", "above zero"), ("x", "not a number")):
        refusal = office.refused(422, "POST", "/books/reconcile", json=asked | {"rates": {"USD": rate}})
        assert said in refusal["message"]
    done = office.ok("POST", "/books/reconcile", json=asked | {"rates": {"USD": "0.8"}, "settle": True})
    assert (done["total"]["billed"], done["total"]["settled"]) == ("1.20", "0.10")
    assert sound(office)


def test_a_bill_is_booked_once_and_undone_once(funded: Office, bookkeeper: Bookkeeper) -> None:
    office, last = funded, three(bookkeeper)
    before = balances(office)
    asked = bill(last, "2.00") | {"settle": True}
    office.ok("POST", "/books/reconcile", json=asked)
    for again in (asked, bill(last, "2.01") | {"settle": True}):
        refusal = office.refused(409, "POST", "/books/reconcile", json=again)
        assert "bill 1 has this file or days of it already; undo it first" in refusal["message"]
    assert office.ok("POST", "/books/reconcile", json=bill(last, "2.01"))["billed_by"] == 1
    undone = office.ok("POST", "/books/bills/1/undo", json={"reason": "a wrong file"})
    assert undone == {"bill": 1, "reversed": 2}
    assert balances(office) == before
    assert balances(office, "operator") == {}
    office.refused(409, "POST", "/books/bills/1/undo", json={"reason": "again"})
    office.refused(404, "POST", "/books/bills/7/undo", json={"reason": "nothing"})
    assert sound(office)
    assert office.ok("POST", "/books/reconcile", json=asked)["bill"] > 1
    assert sound(office)


def test_usage_alone_settles_and_the_bill_comes_later(funded: Office, bookkeeper: Bookkeeper) -> None:
    """At 0.01 and 0.05 a million; the money that is really asked is booked when it is known."""
    office, last = funded, three(bookkeeper)
    text = f"date,model,input,output\n{day_of(last)},smollm2-135m,50000000,20000000\n"
    usage = {"provider": "embedded", "name": "usage.csv", "text": text, "settle": True}
    done = office.ok("POST", "/books/reconcile", json=usage)
    assert (done["total"]["billed"], done["total"]["settled"]) == ("1.50", "0.40")
    assert balances(office)["payable"] == "-1.50"
    later = office.ok("POST", "/books/reconcile", json=bill(last, "1.45") | {"settle": True})
    assert (later["total"]["booked"], later["total"]["difference"]) == ("1.50", "-0.05")
    assert balances(office, "operator") == {"difference": "-0.05", "payable": "0.05"}
    assert sound(office)


def test_calls_under_way_are_waited_for(funded: Office, bookkeeper: Bookkeeper) -> None:
    office, last = funded, three(bookkeeper)
    hold = bookkeeper.hold("default", EUR)
    refusal = office.refused(409, "POST", "/books/reconcile", json=bill(last, "2.00") | {"settle": True})
    assert "1 calls of" in refusal["message"]
    bookkeeper.post(hold, "void", 0, 0)
    office.ok("POST", "/books/reconcile", json=bill(last, "2.00") | {"settle": True})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"text": "what\nis this\n"}, "line 1: this is no bill that is known"),
        (
            {"text": "date,model,amount,currency\n2026-03-01,gpt-9,1,EUR\n"},
            "line 2: the model 'gpt-9' is bound to",
        ),
        ({"names": {"a": "b"}}, "--map a=b: the provider has no deployment of 'b'; it has smollm2"),
        ({"period": "March"}, "'March' is not a period"),
        ({"period": "2020-01"}, "is not in 2020-01; say --period"),
    ],
)
def test_a_bill_that_cannot_be_read_is_said_in_one_line(
    funded: Office, bookkeeper: Bookkeeper, more: dict[str, Any], said: str
) -> None:
    office, last = funded, three(bookkeeper)
    refusal = office.refused(422, "POST", "/books/reconcile", json=bill(last, "1") | more | {"settle": True})
    assert said in refusal["message"]
    assert office.ok("GET", "/books/bills")["bills"] == []


def test_the_operator_alone_reconciles(funded: Office, bookkeeper: Bookkeeper, neighbour: str) -> None:
    office, last = funded, three(bookkeeper)
    mine = office.key("default", "books", "keys")
    for key in (neighbour, mine):
        office.refused(403, "POST", "/books/reconcile", key, json=bill(last, "1"))
        office.refused(403, "GET", "/books/bills", key)
        office.refused(403, "POST", "/books/bills/1/undo", key, json={"reason": "no"})
    there = {"organisation": "neighbour"}
    office.refused(404, "POST", "/books/reconcile", json=bill(last, "1"), params=there)
    office.refused(404, "POST", "/books/reconcile", json=bill(last, "1") | {"provider": "nobody"})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("update bill set billed = billed + 1, difference = difference + 1", "every bill is what"),
        ("update call set cost = cost + 1 where outcome = 'posted'", "every day's totals are"),
        ("update call_day set cost = cost + 1 where outcome = 'posted'", "every bill is what"),
        ("update transfer set amount = amount + 1 where call_id < 0", "every bill is what"),
    ],
)
def test_the_proof_finds_a_bill_that_does_not_agree(
    funded: Office, bookkeeper: Bookkeeper, damage: str, said: str
) -> None:
    office, last = funded, three(bookkeeper)
    office.ok("POST", "/books/reconcile", json=bill(last, "2.00") | {"settle": True})
    for table in ("bill", "call", "transfer"):
        office.sql(f"alter table {table} disable trigger user")
    office.sql(damage)
    found = [
        one
        for organisation in ("operator", "default")
        for one in office.ok("GET", "/books/verify", params={"organisation": organisation})["checks"]
    ]
    assert [one["name"] for one in found if not one["ok"] and one["name"].startswith(said)]


def test_the_database_settles_a_call_once(funded: Office, bookkeeper: Bookkeeper) -> None:
    """Whoever asks: a second settlement, and one of a call that was never unresolved, are refused."""
    office, last = funded, three(bookkeeper)
    office.ok("POST", "/books/reconcile", json=bill(last, "2.00") | {"settle": True})
    (posted,) = office.sql("select id from call where outcome = 'posted'")
    for call in (last.id, posted["id"]):
        with pytest.raises(asyncpg.PostgresError) as refused:
            office.sql(
                "select book_voucher(1, 'settlement', now(), 'again', 'test', $1, null, '{}',"
                " array[row('cost', 1, 1, 'payable', 0, 1, 5)::voucher_line])",
                call,
            )
        assert refused.value.sqlstate == "RW004"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "de",
            (
                "Rechnungsabgleich 1",
                "embedded on demand",
                "unbekannt",
                "Summe 2,00 1,10 0,40 0,50",
                "Geprüft",
            ),
        ),
        (
            "en",
            (
                "Reconciliation of a bill 1",
                "billed is 1.333 times",
                "Total 2.00 1.10 0.40 0.50",
                "Checked by",
            ),
        ),
    ],
)
def test_the_report_is_to_be_signed(
    funded: Office, bookkeeper: Bookkeeper, language: str, said: tuple[str, ...]
) -> None:
    office, last = funded, three(bookkeeper)
    office.ok("POST", "/books/reconcile", json=bill(last, "2.00") | {"settle": True})
    answers = [office.answer("GET", "/books/bills/1.pdf", params={"language": language}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answers[0].content)).pages)
    plain = " ".join(text.split())
    assert [one for one in said if one not in plain] == [], plain
    office.refused(404, "GET", "/books/bills/2.pdf")
    office.refused(403, "GET", "/books/bills/1.pdf", office.key("default", "books"))
