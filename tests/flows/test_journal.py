"""The journal: calls that fit, as pages and as a file; accounts down to calls; what a close would write."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.flows.closing import Ledger, content_of, day, ledger_of
from tests.flows.office_desk import Office

APRIL_2 = 1_775_120_400.0


@pytest.fixture
def ledger(office: Office, database_url: str) -> Iterator[Ledger]:
    """February and March 2026 of two projects, booked in April: ids that are far from their times."""
    office.clock.at = APRIL_2
    with ledger_of(office, database_url) as ledger:
        for date in ("2026-02-03", "2026-02-27", "2026-03-02", "2026-03-30"):
            ledger.call("bürger", day(date), input=1_000_000, output=2_000)
        ledger.call("bürger", day("2026-03-31"), "klein", input=99, output=1)
        ledger.call("recht", day("2026-03-05"), "klein", input=5, cached_input=7)
        ledger.unresolved("recht", day("2026-03-20"), 500_000_000)
        ledger.call("bürger", day("2026-04-01"), "klein", output=3)
        yield ledger


def asked(office: Office, query: dict[str, str], limit: int = 1000) -> list[dict[str, Any]]:
    """All calls that fit, page by page."""
    found: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while True:
        page = office.ok("GET", "/books/journal", params={**query, "limit": str(limit), **before})
        found += page["calls"]
        if page["next"] is None:
            return found
        before = {"before": page["next"]}


FITTING = """
    project=bürger                                      | 6
    project=recht                                       | 2
    model=klein                                         | 3
    model=nothing                                       | 0
    outcome=unresolved                                  | 1
    provider=embedded                                   | 8
    provider=nobody                                     | 0
    contract=embedded on demand                         | 8
    key=nobody                                          | 0
    bucket=cached_input                                 | 1
    bucket=output&project=bürger&period=2026-03         | 3
    period=2026-02                                      | 2
    since=2026-03-05&until=2026-03-20                   | 2
    since=2026-03-05T12:00:01Z                          | 4
    until=2026-03-02&project=bürger                     | 3
    price_from=1                                        | 4
    price_to=0.01&model=klein                           | 3
    project=bürger&model=klein&since=2026-04-01         | 1
    since=0001-01-01&until=9999-12-30                   | 8
    since=9999-12-30                                    | 0
    until=0001-01-01                                    | 0
    project=recht&since=0001-01-01&until=9999-12-30     | 2
"""


def test_calls_that_fit_whatever_the_size_of_a_page(office: Office, ledger: Ledger) -> None:
    for row in FITTING.strip().splitlines():
        text, count = row.split("|")
        query = dict(part.split("=") for part in text.strip().split("&"))
        whole = [one["id"] for one in asked(office, query)]
        assert len(whole) == int(count), row
        assert whole == sorted(whole, reverse=True)
        assert [one["id"] for one in asked(office, query, 1)] == whole, row
        assert [one["id"] for one in asked(office, query, 3)] == whole, row
        lines = office.answer("GET", "/books/journal.csv", params=query).text
        assert [one["id"] for one in csv.DictReader(io.StringIO(lines))] == whole, row


ORDERS = {
    "started_at": lambda one: one["id"],
    "price": lambda one: (Decimal(one["price"]), one["id"]),
    "cost": lambda one: (Decimal(one["cost"]), one["id"]),
    "total_us": lambda one: (one["total_us"], one["id"]),
}


@pytest.mark.parametrize("sort", [way + name for name in ORDERS for way in ("", "-")])
def test_every_order_has_each_call_once(office: Office, ledger: Ledger, sort: str) -> None:
    for row in FITTING.strip().splitlines():
        text, count = row.split("|")
        query = dict(part.split("=") for part in text.strip().split("&"))
        plain = {one["id"]: one for one in asked(office, query)}
        key = ORDERS[sort.removeprefix("-")]
        right = [one["id"] for one in sorted(plain.values(), key=key, reverse=sort.startswith("-"))]
        assert len(right) == int(count)
        found = asked(office, {**query, "sort": sort}, 2)
        assert [one["id"] for one in found] == right, row
        assert all(one == plain[one["id"]] for one in found)


def test_an_order_of_too_many_calls_is_refused(office: Office, ledger: Ledger, database_url: str) -> None:
    # The sums of days say how many calls lie there; the calls themselves need not.
    async def swell() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute("update call_day set calls = 200001 where day = '2026-03-20'")
        await connection.close()

    office.runner.run(swell())
    for query in ({}, {"since": "2026-03-20"}, {"project": "recht"}, {"period": "2026-03"}):
        office.ok("GET", "/books/journal", params={**query, "sort": "started_at"})
        error = office.refused(422, "GET", "/books/journal", params={**query, "sort": "-price"})
        assert (error["param"], error["code"]) == ("sort", "too_many_to_sort")
        assert "at most 200,000" in error["message"]
    for query in (
        {"period": "2026-02"},
        {"until": "2026-03-18"},
        {"since": "2026-03-22"},
        {"project": "bürger"},
    ):
        office.ok("GET", "/books/journal", params={**query, "sort": "-price"})


REFUSED = """
    bucket=password            | bucket
    outcome=lost               |
    since=yesterday            | since
    until=2026-02-30           | until
    since=0001-01-01T00:00:00+14:00 | since
    until=9999-12-31           | until
    since=2026-03              | since
    price_from=much            | price_from
    period=2026-13             | period
    nonsense=1                 |
    sort=password              | sort
    sort=-                     | sort
"""


def test_what_cannot_be_asked_for_is_one_line(office: Office) -> None:
    for row in REFUSED.strip().splitlines():
        text, param = (cell.strip() for cell in row.split("|"))
        query = dict([text.split("=")])
        error = office.refused(422, "GET", "/books/journal", params=query)
        assert not param or error["param"] == param
        office.refused(422, "GET", "/books/journal.csv", params=query)


def test_names_in_the_file_are_no_formulas(office: Office, ledger: Ledger) -> None:
    ledger.call("=1+1", day("2026-03-30"), "klein", output=3)
    assert "'=1+1," in office.answer("GET", "/books/journal.csv", params={"project": "=1+1"}).text


def test_from_the_trial_balance_to_the_call(office: Office, ledger: Ledger) -> None:
    ledger.charge("adjustment", "recht", day("2026-03-31"), "a present", -5)
    for period in ({}, {"period": "2026-03"}):
        for account in office.ok("GET", "/books/balance", params=period)["accounts"]:
            debit = credit = Decimal(0)
            for of in ("calls", "vouchers"):
                before: dict[str, str] = {}
                while True:
                    query = {"of": of, "limit": 2, **before, **period}
                    found = office.ok("GET", f"/books/accounts/{account['id']}", params=query)
                    assert found["account"] == account
                    debit += sum(Decimal(one["debit"]) for one in found["entries"])
                    credit += sum(Decimal(one["credit"]) for one in found["entries"])
                    if found["next"] is None:
                        break
                    before = {"before": found["next"]}
            assert (debit, credit) == (Decimal(account["debit"]), Decimal(account["credit"])), account
    for number in (0, 999_999, 1 << 70):
        assert office.answer("GET", f"/books/accounts/{number}").status_code in {404, 422}
    office.refused(422, "GET", "/books/accounts/1", params={"of": "vouchers", "before": "x"})
    office.refused(422, "GET", "/books/accounts/1", params={"before": "x"})


def test_an_account_of_another_organisation_is_none(office: Office, ledger: Ledger, neighbour: str) -> None:
    account = office.ok("GET", "/books/balance")["accounts"][0]["id"]
    for more in ({}, {"params": {"organisation": "default"}}):
        office.refused(404, "GET", f"/books/accounts/{account}", neighbour, **more)
    lines = office.answer("GET", "/books/journal.csv", neighbour).text
    assert len(lines.splitlines()) == 1
    office.refused(404, "GET", "/books/journal.csv", neighbour, params={"organisation": "default"})
    office.refused(403, "GET", "/books/periods/2026-02/close", neighbour)


def test_a_close_is_looked_at_before_it_is_done(office: Office, ledger: Ledger) -> None:
    early = office.ok("GET", "/books/periods/2026-03/close")
    assert early["obstacle"]["code"] == "not_closable"
    assert early["documents"] == []
    looked = office.ok("GET", "/books/periods/2026-02/close")
    assert looked["obstacle"] is None
    assert office.ok("GET", "/books/documents")["documents"] == [], "nothing was written"
    assert office.ok("GET", "/books/periods/2026-02/close") == looked
    made = office.ok("POST", "/books/periods/2026-02/close", json={})["documents"]
    assert made == [one["number"] for one in looked["documents"]]
    for one in looked["documents"]:
        totals = content_of(office, one["number"]).totals
        assert (totals.net, totals.vat, totals.gross) == (one["net"], one["vat"], one["gross"])
    done = office.ok("GET", "/books/periods/2026-02/close")
    assert done["obstacle"]["code"] == "period_closed"
    march = office.ok("GET", "/books/periods/2026-03/close")
    assert (march["obstacle"]["code"], march["unresolved"]) == ("unresolved", 1)
    assert march["unresolved_price"] == "0.50"


def test_the_calls_behind_a_line_are_what_it_says(office: Office, ledger: Ledger) -> None:
    office.ok("POST", "/books/periods/2026-02/close", json={})
    made = office.ok("POST", "/books/periods/2026-03/close", json={"with_unresolved": True})["documents"]
    lines = 0
    for number in made:
        content = content_of(office, number)
        for row in content.rows if content.scope == "project" else ():
            if row.kind == "usage":
                query = {"project": content.project, "model": row.text, "bucket": row.bucket}
                found = asked(office, {**query, "period": content.period, "outcome": "posted"})
                assert sum(one["usage"][row.bucket] for one in found) == int(row.quantity)
                lines += 1
    assert lines > 4
