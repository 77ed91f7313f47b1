"""Allocation of shared costs (Umlage) at the close: by the declared key, to the nano-unit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from rechenwerk.ledger.periods import Period, parse_period
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine
from rechenwerk.office.closing.step import AllocationStep
from tests.flows.closing import Ledger, balance, content_of, day, is_sound, ledger_of
from tests.flows.office_desk import Office


@pytest.fixture
def ledger(office: Office, database_url: str) -> Iterator[Ledger]:
    """Three projects in March 2026 and a server that costs 100 euros, of which 40 were idle."""
    office.clock.at = day("2026-04-02").timestamp()
    with ledger_of(office, database_url) as ledger:
        (row,) = office.sql("select id from contract where name = 'embedded on demand'")
        contract: int = row["id"]
        ledger.call("a", day("2026-03-15"), "klein", input=10_000_000)
        ledger.call("b", day("2026-03-15"), "klein", input=20_000_000)
        fixed, idle, accrued = (Side(kind, 0, contract) for kind in ("fixed", "idle", "accrued"))
        absorbed, cost = Side("absorbed", 0, contract), Side("cost", ledger.project("a"), contract)
        at = day("2026-03-31")
        ledger.voucher("accrual", at, "server", VoucherLine(fixed, accrued, 100_000_000_001))
        ledger.voucher("accrual", at, "idle capacity", VoucherLine(idle, absorbed, 40_000_000_000))
        ledger.voucher("allocation", at, "used", VoucherLine(cost, absorbed, 30_000_000_000))
        yield ledger


def close(office: Office, period: str = "2026-03") -> list[str]:
    found: list[str] = office.ok("POST", f"/books/periods/{period}/close", json={})["documents"]
    return found


KEYS = """
key   | shares         | a            | b            | default
use   |                | 23.333333334 | 46.666666667 |
equal |                | 23.333333334 | 23.333333334 | 23.333333333
fixed | a=75 default=25 | 52.500000001 |              | 17.50
none  |                |              |              |
"""


@pytest.mark.parametrize("row", KEYS.strip().splitlines()[1:])
def test_shared_costs_are_allocated_by_the_key(office: Office, ledger: Ledger, row: str) -> None:
    key, shares, *parts = (cell.strip() for cell in row.split("|"))
    wish: dict[str, Any] = {"allocation": key}
    if shares:
        wish["shares"] = dict(one.split("=") for one in shares.split())
    office.ok("PUT", "/books/statement-settings", json=wish)
    contents = [content_of(office, number) for number in close(office)]
    found = {
        content.project: [(one.text, one.exact) for one in content.rows if one.kind == "allocation"]
        for content in contents[:-1]
    }
    for project, part in zip(("a", "b", "default"), parts, strict=True):
        assert found.get(project, []) == ([("embedded on demand", part)] if part else [])
    booked = sum(map(Decimal, filter(None, parts)))
    assert booked == (Decimal(0) if key == "none" else Decimal("70.000000001"))
    summary = contents[-1]
    assert Decimal(summary.totals.exact) == Decimal("4.5") + booked
    assert sum(map(Decimal, balance(office, "revenue").values())) == Decimal(summary.totals.exact)
    if key == "none":
        assert summary.pools == ()
    else:
        (pool,) = summary.pools
        assert (pool.fixed, pool.idle, pool.absorbed, pool.amount) == (
            "100.000000001",
            "40.00",
            "30.00",
            "70.000000001",
        )
        assert sum(Decimal(share.amount) for share in pool.shares) == Decimal(pool.amount)
    assert is_sound(office)


def test_the_step_books_only_what_is_missing(office: Office, ledger: Ledger) -> None:
    office.ok("PUT", "/books/statement-settings", json={"allocation": "equal"})
    step = AllocationStep(office.desk.closing, office.clock)
    period = parse_period("2026-03")

    def book() -> int:
        return office.runner.run(step.book(ledger.organisation, period, "the test"))

    assert (book(), book()) == (1, 0)
    (row,) = office.sql("select id from contract where name = 'embedded on demand'")
    more = VoucherLine(Side("fixed", 0, row["id"]), Side("accrued", 0, row["id"]), 3_000_000_000)
    ledger.voucher("accrual", day("2026-03-31"), "energy", more)
    assert (book(), book()) == (1, 0)
    content = content_of(office, close(office)[0])
    assert [one.exact for one in content.rows if one.kind == "allocation"] == ["24.333333334"]
    assert is_sound(office)


class Late:
    """A step that finds something to book in March."""

    name = "late fee"

    def __init__(self, ledger: Ledger, office: Office) -> None:
        self._ledger = ledger
        self._office = office
        self._project = ledger.project("a")

    async def book(self, organisation: int, period: Period, by: str) -> int:
        line = VoucherLine(Side("receivable", self._project), Side("revenue", self._project), 1_000_000_000)
        voucher = Voucher("adjustment", period.last, "fee of the month", by, (line,))
        await self._office.desk.vouchers.book(organisation, voucher)
        return 1


def test_a_close_runs_the_steps_before_it_writes(office: Office, ledger: Ledger) -> None:
    office.step(Late(ledger, office))
    content = content_of(office, close(office)[0])
    assert [(one.kind, one.text) for one in content.rows][-1] == ("adjustment", "fee of the month")
    assert is_sound(office)


WRONG = """
{"shares": {"a": "60", "b": "30"}} | shares: percentages above 0 that sum to 100, not to 90
{"shares": {"a": "100", "b": "0"}} | shares: percentages above 0 that sum to 100, not to 100
{"allocation": "fixed"} | allocation: the key 'fixed' needs shares that sum to 100
{"shares": {"nobody": "100"}} | there is no project 'nobody'
{"vat_rate": "19", "reverse_charge": true} | reverse_charge: needs a vat_rate of 0, the recipient owes the tax
{"vat_rate": "-1"} | vat_rate: '-1' is not a percentage
{"prefix": "r w"} | prefix: 'r w' does not fit the pattern
{"allocation": "size"} | allocation: input should be 'none', 'use', 'equal' or 'fixed'
"""


@pytest.mark.parametrize("row", WRONG.strip().splitlines())
def test_wrong_settings_are_refused_and_change_nothing(office: Office, ledger: Ledger, row: str) -> None:
    body, said = (cell.strip() for cell in row.split("|"))
    before = office.ok("GET", "/books/statement-settings")
    answer = office.answer("PUT", "/books/statement-settings", json=json.loads(body))
    assert answer.status_code in {404, 422}
    assert answer.json()["error"]["message"].startswith(said)
    assert office.ok("GET", "/books/statement-settings") == before


def test_reverse_charge_is_said_in_the_words_of_the_law(office: Office, ledger: Ledger) -> None:
    office.ok("PUT", "/books/statement-settings", json={"reverse_charge": True})
    number = close(office)[0]
    page = office.answer("GET", f"/books/documents/{number}.html").text
    assert "Steuerschuldnerschaft des Leistungsempfängers" in page
    assert content_of(office, number).totals.vat == "0.00"
