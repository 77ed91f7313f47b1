"""Corrections of closed periods: a credit note and a new document, in the open period; what stands stays."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from rechenwerk.ledger.vouchers import Side, VoucherLine
from tests.flows.closing import Ledger, balance, content_of, day, is_sound, ledger_of
from tests.flows.office_desk import Office


@pytest.fixture
def ledger(office: Office, database_url: str) -> Iterator[Ledger]:
    """Calls of March and April 2026, one of them unresolved; March is closed."""
    office.clock.at = day("2026-04-02").timestamp()
    office.ok("PUT", "/books/statement-settings", json={"vat_rate": "19"})
    with ledger_of(office, database_url) as ledger:
        ledger.call("recht", day("2026-03-15"), "klein", input=10_000_000)
        yield ledger


def close(office: Office, period: str, **body: object) -> list[str]:
    found: list[str] = office.ok("POST", f"/books/periods/{period}/close", json=body)["documents"]
    return found


def reverse(office: Office, number: str, reason: str = "wrong") -> tuple[str, str]:
    made = office.ok("POST", f"/books/documents/{number}/reverse", json={"reason": reason})
    assert made["reverses"] == number
    return made["credit_note"], made["correction"]


def test_a_call_settled_later_corrects_the_month_that_it_began_in(office: Office, ledger: Ledger) -> None:
    call = ledger.unresolved("recht", day("2026-03-20"), 500_000_000)
    first, _ = close(office, "2026-03", with_unresolved=True)
    original = content_of(office, first)
    project = ledger.project("recht")
    lines = (
        VoucherLine(Side("receivable", project), Side("unresolved_price", project), 300_000_000),
        VoucherLine(Side("revenue", project), Side("unresolved_price", project), 200_000_000),
    )
    ledger.voucher("settlement", day("2026-04-10"), "the provider's bill", *lines, call=call)
    ledger.call("recht", day("2026-04-12"), "klein", input=20_000_000)

    back, new = (content_of(office, number) for number in reverse(office, first, "usage was found"))
    assert (back.number, new.number) == ("RW-2026-000003", "RW-2026-000004")
    assert content_of(office, first) == original
    assert [(one.text, one.quantity, one.amount) for one in back.rows] == [
        ("klein", "-10000000", "-1.50"),
        ("groß", "-1", "-0.50"),
    ]
    assert (back.totals.net, back.totals.vat, back.totals.gross) == ("-2.00", "-0.38", "-2.38")
    assert [(one.kind, one.amount) for one in new.rows] == [
        ("usage", "1.50"),
        ("unresolved", "0.50"),
        ("settlement", "-0.20"),
    ]
    assert new.difference is not None
    assert (new.difference.net, new.difference.gross) == ("-0.20", "-0.24")
    assert (new.kind, new.period, new.booked_in, new.reverses) == ("correction", "2026-03", "2026-04", first)
    assert new.reason == "usage was found"

    # April's own statement has what is on no other document, its summary all three.
    office.clock.at = day("2026-05-02").timestamp()
    april, summary = (content_of(office, number) for number in close(office, "2026-04"))
    assert [(one.kind, one.amount) for one in april.rows] == [("usage", "3.00")]
    assert [(one.reference, one.amount, one.note) for one in summary.rows] == [
        ("RW-2026-000003", "-2.00", "reversal"),
        ("RW-2026-000004", "1.80", "correction"),
        ("RW-2026-000005", "3.00", ""),
    ]
    months = (original, back, new, april)
    total = sum(Decimal(one.totals.exact) for one in months)
    assert total == Decimal(balance(office, "revenue")["recht"]) == Decimal("4.80")
    assert is_sound(office)


def test_a_wrong_tax_is_corrected_without_any_voucher(office: Office, ledger: Ledger) -> None:
    first, _ = close(office, "2026-03")
    office.ok("PUT", "/books/statement-settings", json={"vat_rate": "7", "recipient": ["Rechtsamt"]})
    back, new = (content_of(office, number) for number in reverse(office, first))
    assert (back.totals.vat, new.totals.vat) == ("-0.28", "0.10")
    assert new.recipient == ("Rechtsamt",)
    assert new.difference is not None
    assert (new.difference.exact, new.difference.vat) == ("0.00", "-0.18")
    page = office.answer("GET", f"/books/documents/{new.number}.html", params={"language": "en"}).text
    assert f"Replaces document {first}, which was taken back." in page
    assert f"Difference to {first}: net 0.00 EUR, total -0.18 EUR." in page
    page = office.answer("GET", f"/books/documents/{back.number}.html").text
    assert "Gutschrift" in page
    assert f"Storniert Dokument {first} vollständig." in page
    assert is_sound(office)


def test_a_voucher_of_the_closed_month_reversed_later(office: Office, ledger: Ledger) -> None:
    number = ledger.charge("adjustment", "recht", day("2026-03-31"), "minimum fee", 1_000_000_000)
    first, _ = close(office, "2026-03")
    office.ok("POST", f"/books/vouchers/{number}/reverse", json={"reason": "agreed otherwise"})
    _, new = (content_of(office, one) for one in reverse(office, first))
    assert [(one.kind, one.amount) for one in new.rows] == [
        ("usage", "1.50"),
        ("adjustment", "1.00"),
        ("reversal", "-1.00"),
    ]
    office.clock.at = day("2026-05-02").timestamp()
    close(office, "2026-04")
    assert is_sound(office)


def test_what_replaced_a_document_can_be_corrected_again_the_document_not(
    office: Office, ledger: Ledger
) -> None:
    first, summary = close(office, "2026-03")
    back, new = reverse(office, first)
    for number, said in (
        (first, f"{first} was taken back by {back}; reverse what replaced it"),
        (back, f"{back} is a credit note itself; it stands"),
        (summary, f"{summary} only sums up its projects' documents; reverse one of them: {first}"),
    ):
        path = f"/books/documents/{number}/reverse"
        assert office.refused(409, "POST", path, json={"reason": "again"})["message"] == said
    office.refused(404, "POST", "/books/documents/RW-2026-000077/reverse", json={"reason": "nothing"})
    office.refused(422, "POST", f"/books/documents/{new}/reverse", json={"reason": ""})
    reverse(office, new)
    shown = {one["number"]: one["reversed_by"] for one in office.ok("GET", "/books/documents")["documents"]}
    assert shown == {
        "RW-2026-000001": "RW-2026-000003",
        "RW-2026-000002": None,
        "RW-2026-000003": None,
        "RW-2026-000004": "RW-2026-000005",
        "RW-2026-000005": None,
        "RW-2026-000006": None,
    }
    booked = office.ok("GET", "/books/documents", params={"period": "2026-04"})["documents"]
    assert [one["number"] for one in booked] == [f"RW-2026-00000{n}" for n in (3, 4, 5, 6)]
    assert is_sound(office)


# -- whose documents ------------------------------------------------------------------------------


def test_nobody_sees_or_touches_a_neighbours_documents(
    office: Office, ledger: Ledger, neighbour: str
) -> None:
    first, _ = close(office, "2026-03")
    assert office.ok("GET", "/books/documents", neighbour)["documents"] == []
    assert office.ok("GET", "/books/periods", neighbour)["periods"] == []
    for form in ("html", "pdf", "xlsx", "json"):
        office.refused(404, "GET", f"/books/documents/{first}.{form}", neighbour)
        office.refused(
            404, "GET", f"/books/documents/{first}.{form}", neighbour, params={"organisation": "default"}
        )
    for method, path, body in (
        ("POST", "/books/periods/2026-03/close", {}),
        ("POST", f"/books/documents/{first}/reverse", {"reason": "mine"}),
        ("PUT", "/books/statement-settings", {"prefix": "N"}),
        ("PUT", "/books/cost-centres/default", {"cost_centre": "1"}),
    ):
        error = office.refused(403, method, path, neighbour, json=body)
        assert "'operator'" in error["message"]
    office.refused(404, "GET", "/books/statement-settings", neighbour, params={"organisation": "default"})
    inference = office.key("default", "inference")
    office.refused(403, "GET", f"/books/documents/{first}.pdf", inference)
    office.refused(401, "GET", f"/books/documents/{first}.pdf", None)


def test_an_organisations_person_sees_its_own(office: Office, ledger: Ledger, neighbour: str) -> None:
    close(office, "2026-03")
    found = office.ok("POST", "/books/periods/2026-03/close", json={}, params={"organisation": "neighbour"})
    assert found["documents"] == ["RW-2026-000001"]
    (document,) = office.ok("GET", "/books/documents", neighbour)["documents"]
    assert document["project"] is None
    answer = office.answer("GET", "/books/documents/RW-2026-000001.html", neighbour)
    assert "neighbour" in answer.text
    assert "recht" not in answer.text
