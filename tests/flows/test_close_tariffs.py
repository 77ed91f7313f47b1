"""Statements under tariffs: discounts are in the prices of units, months beyond their calls are lines."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from rechenwerk.base.usage import Usage
from rechenwerk.ledger.tariffs import Terms, call_price
from rechenwerk.store.tariffs import TariffStep
from tests.flows.closing import Ledger, balance, content_of, day, is_sound, ledger_of
from tests.flows.office_desk import Office

STAIRS = msgspec.convert(
    {
        "price": {"input": "2"},
        "tiers": [{"bucket": "input", "steps": [{"above": "10000000", "rate": "1"}]}],
        "minimum": "3",
    },
    Terms,
    strict=False,
)


@pytest.fixture
def ledger(office: Office, database_url: str) -> Iterator[Ledger]:
    """March 2026 under a tariff with tiers and a minimum, of which one project gets ten per cent off."""
    office.clock.at = day("2026-04-02").timestamp()
    with ledger_of(office, database_url) as ledger:
        office.sql(
            "insert into tariff (organisation_id, model, valid_from, currency, terms)"
            " values (0, 'stairs', '2026-01-01 00:00Z', 'EUR', $1)",
            msgspec.json.encode(STAIRS).decode(),
        )
        # What these tests tell happened in the past; nobody may write discounts for it afterwards.
        office.sql("alter table tariff_discount disable trigger all")
        office.sql(
            "insert into tariff_discount (organisation_id, project_id, valid_from, share, reason, made_by)"
            " values ($1, $2, '2026-03-01', 0.1, 'old friends', 'the test')",
            ledger.organisation,
            ledger.project("recht"),
        )
        office.step(TariffStep(office.pool))
        yield ledger


def call(ledger: Ledger, project: str, at: str, tokens: int, discount: str = "0") -> None:
    """A call as a gateway prices it."""
    usage = Usage(input=tokens)
    price = call_price(STAIRS, Decimal(discount)).amount(usage, 0)
    ledger.post(ledger.hold(project, day(at), "stairs"), usage, price=price)


def test_tiers_and_minimum_are_a_line_and_discounts_are_in_the_prices(office: Office, ledger: Ledger) -> None:
    call(ledger, "bürger", "2026-03-02", 8_000_000)
    call(ledger, "bürger", "2026-03-20", 8_000_000)
    call(ledger, "recht", "2026-03-03", 1_000_000, "0.1")
    numbers = office.ok("POST", "/books/periods/2026-03/close", json={})["documents"]
    first, second, _ = (content_of(office, number) for number in numbers)
    assert [(one.kind, one.text, one.unit_price, one.exact) for one in first.rows] == [
        ("usage", "stairs", "2", "32.00"),
        ("adjustment", "stairs", "", "-6.00"),  # 10 million at 2, 6 million at 1
    ]
    assert [(one.kind, one.text, one.unit_price, one.exact) for one in second.rows] == [
        ("usage", "stairs", "1.8", "1.80"),
        ("adjustment", "stairs", "", "1.20"),  # the minimum
    ]
    assert balance(office, "revenue") == {"bürger": "26.00", "recht": "3.00"}
    page = office.answer("GET", f"/books/documents/{numbers[0]}.html").text
    assert "Tarif von stairs: der Monat über die einzelnen Aufrufe hinaus" in page
    assert is_sound(office)


def test_a_discount_that_begins_in_the_month_makes_two_lines(office: Office, ledger: Ledger) -> None:
    office.sql(
        "insert into tariff_discount (organisation_id, project_id, valid_from, share, reason, made_by)"
        " values ($1, $2, '2026-03-16', 0.5, 'older friends', 'the test')",
        ledger.organisation,
        ledger.project("recht"),
    )
    call(ledger, "recht", "2026-03-03", 2_000_000, "0.1")
    call(ledger, "recht", "2026-03-04", 1_000_000, "0.1")
    call(ledger, "recht", "2026-03-16", 4_000_000, "0.5")
    number = office.ok("POST", "/books/periods/2026-03/close", json={})["documents"][0]
    rows = [row for row in content_of(office, number).rows if row.kind == "usage"]
    assert [(one.quantity, one.unit_price, one.amount) for one in rows] == [
        ("3000000", "1.8", "5.40"),
        ("4000000", "1", "4.00"),
    ]
    assert is_sound(office)
