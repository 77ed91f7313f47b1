"""Closing a month: what is refused, what is written, and that it agrees with the trial balance."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openpyxl
import pypdf
import pytest

from rechenwerk.ledger.vouchers import Side, VoucherLine
from tests.flows.closing import Ledger, balance, content_of, day, is_sound, ledger_of
from tests.flows.office_desk import Office

APRIL_2 = day("2026-04-02").timestamp()


@pytest.fixture
def ledger(office: Office, database_url: str) -> Iterator[Ledger]:
    """March 2026 of two projects, looked at in April."""
    office.clock.at = APRIL_2
    with ledger_of(office, database_url) as ledger:
        yield ledger


def march(ledger: Ledger) -> None:
    """What most of these tests close."""
    ledger.call("bürger", day("2026-03-02"), input=1_234_567, cached_input=1_000, output=345_678)
    ledger.call("bürger", day("2026-03-30"), "klein", input=99, output=1)
    ledger.call("bürger", day("2026-03-31"), "klein", input=1, output=7, reasoning=3)
    ledger.call("recht", day("2026-03-15"), "klein", input=7_654_321, output=1_234_567)
    ledger.charge("adjustment", "bürger", day("2026-03-31"), "minimum fee of groß", 2_500_000_001)
    ledger.charge("discount", "bürger", day("2026-03-31"), "5 % of everything", -1_000_000_000)


def close(office: Office, period: str = "2026-03", **body: object) -> list[str]:
    found: list[str] = office.ok("POST", f"/books/periods/{period}/close", json=body)["documents"]
    return found


def refused(office: Office, period: str, **body: object) -> str:
    error = office.refused(409, "POST", f"/books/periods/{period}/close", json=body)
    return str(error["message"])


def test_statements_are_what_the_trial_balance_says(office: Office, ledger: Ledger) -> None:
    march(ledger)
    numbers = close(office)
    assert numbers == ["RW-2026-000001", "RW-2026-000002", "RW-2026-000003"]
    first, second, summary = (content_of(office, number) for number in numbers)
    booked = balance(office, "revenue")
    assert (first.project, first.totals.exact) == ("bürger", booked["bürger"])
    assert (second.project, second.totals.exact) == ("recht", booked["recht"])
    assert Decimal(summary.totals.exact) == sum(map(Decimal, booked.values()))
    assert [(row.text, row.reference, row.amount) for row in summary.rows] == [
        ("bürger", "RW-2026-000001", first.totals.net),
        ("recht", "RW-2026-000002", second.totals.net),
    ]
    for content in (first, second, summary):
        assert sum(Decimal(row.exact) for row in content.rows) == Decimal(content.totals.exact)
        assert sum(Decimal(row.amount) for row in content.rows) == Decimal(content.totals.net)
        rounding = Decimal(content.totals.net) - Decimal(content.totals.exact)
        assert Decimal(content.totals.rounding) == rounding
    assert sum(Decimal(row.exact) for row in summary.usage) == Decimal(summary.totals.exact)
    assert is_sound(office)


def test_lines_are_by_model_and_bucket(office: Office, ledger: Ledger) -> None:
    march(ledger)
    content = content_of(office, close(office)[0])
    lines = [(one.text, one.bucket, one.quantity, one.unit_price, one.exact) for one in content.rows]
    assert lines == [
        ("groß", "input", "1234567", "3", "3.703701"),
        ("groß", "cached_input", "1000", "0.3", "0.0003"),
        ("groß", "output", "345678", "15", "5.18517"),
        ("groß", "requests", "1", "0.01", "0.01"),
        ("klein", "input", "100", "0.15", "0.000015"),
        ("klein", "output", "8", "0.6", "0.0000048"),
        ("klein", "reasoning", "3", "0.6", "0.0000018"),
        ("minimum fee of groß", "", "", "", "2.500000001"),
        ("5 % of everything", "", "", "", "-1.00"),
    ]


REFUSED = """
period  | what stands in the way | said
2026-04 | nothing | 2026-04 is not over: it ends with 2026-04-30 (UTC); close it then
2026-02 | a call in 2026-03 | nothing was booked in 2026-02; the first period to close is 2026-03
2026-03 | a call in 2026-02 | 2026-02 is still open; close it first: rechenwerk books close 2026-02
2026-03 | a hold since 2026-03 | 1 calls that began in 2026-03 are still under way; close it when they
2026-03 | an unresolved call in 2026-03 | 1 calls of 2026-03 are unresolved, booked at 0.50 EUR; settle them,
2026-03 | a close of 2026-03 | 2026-03 was closed on 2026-04-02 by admin, documents RW-2026-000001 to
"""


@pytest.mark.parametrize("row", REFUSED.strip().splitlines()[1:])
def test_what_cannot_be_closed_is_refused_with_one_line(office: Office, ledger: Ledger, row: str) -> None:
    period, obstacle, said = (cell.strip() for cell in row.split("|"))
    at = day(f"{obstacle[-7:]}-15") if obstacle != "nothing" else day("2026-03-15")
    match obstacle.rpartition(" ")[0]:
        case "a call in":
            ledger.call("bürger", at, input=1)
        case "a hold since":
            ledger.hold("bürger", at)
        case "an unresolved call in":
            ledger.unresolved("bürger", at, 500_000_000)
        case "a close of":
            ledger.call("bürger", at, input=1)
            close(office, period)
    before = office.sql("select count(*) as n from document")
    assert refused(office, period).startswith(said)
    assert office.sql("select count(*) as n from document") == before
    assert is_sound(office)


def test_a_period_that_is_none(office: Office) -> None:
    error = office.refused(422, "POST", "/books/periods/2026-13/close", json={})
    assert error["message"] == "'2026-13' is not a period; write a month such as 2026-03"


def test_unresolved_calls_are_shown_when_they_are_agreed_to(office: Office, ledger: Ledger) -> None:
    march(ledger)
    ledger.unresolved("recht", day("2026-03-20"), 500_000_000)
    assert "unresolved" in refused(office, "2026-03")
    first, second, summary = (content_of(office, one) for one in close(office, with_unresolved=True))
    assert first.unresolved is None
    assert second.unresolved is not None
    assert (second.unresolved.calls, second.unresolved.exact) == (1, "0.50")
    assert summary.unresolved == second.unresolved
    assert [(row.text, row.quantity, row.amount) for row in second.rows if row.kind == "unresolved"] == [
        ("groß", "1", "0.50")
    ]
    assert second.totals.exact == balance(office, "revenue")["recht"]
    assert office.ok("GET", "/books/periods")["periods"][0]["with_unresolved"] is True
    page = office.answer("GET", f"/books/documents/{second.number}.html").text
    assert "1 Aufrufe sind ungeklärt; ihr Preis 0,50 EUR ist vorläufig." in page
    assert is_sound(office)


def test_a_settled_call_is_no_obstacle(office: Office, ledger: Ledger) -> None:
    call = ledger.unresolved("recht", day("2026-03-20"), 500_000_000)
    project = ledger.project("recht")
    lines = (
        VoucherLine(Side("receivable", project), Side("unresolved_price", project), 300_000_000),
        VoucherLine(Side("revenue", project), Side("unresolved_price", project), 200_000_000),
    )
    number = ledger.voucher("settlement", day("2026-03-31"), "as the provider's log says", *lines, call=call)
    content = content_of(office, close(office)[0])
    assert [(row.kind, row.amount, row.reference) for row in content.rows] == [
        ("calls", "0.50", ""),
        ("settlement", "-0.20", str(number)),
    ]
    assert content.totals.exact == balance(office, "revenue")["recht"] == "0.30"
    assert is_sound(office)


def test_a_month_without_anything_has_a_document_that_says_so(office: Office, ledger: Ledger) -> None:
    march(ledger)
    close(office)
    office.clock.at = day("2026-05-02").timestamp()
    (number,) = close(office, "2026-04")
    assert number == "RW-2026-000004"
    assert content_of(office, number).totals.gross == "0.00"
    page = office.answer("GET", f"/books/documents/{number}.html", params={"language": "en"}).text
    assert "Nothing was booked in this period." in page
    assert is_sound(office)


def test_numbers_begin_anew_each_year(office: Office, ledger: Ledger) -> None:
    ledger.call("recht", day("2026-11-20"), "klein", input=10)
    ledger.call("recht", day("2026-12-20"), "klein", input=10)
    office.clock.at = day("2026-12-31").timestamp()
    assert close(office, "2026-11") == ["RW-2026-000001", "RW-2026-000002"]
    office.clock.at = day("2027-01-02").timestamp()
    office.ok("PUT", "/books/statement-settings", json={"prefix": "IT"})
    assert close(office, "2026-12") == ["IT-2027-000001", "IT-2027-000002"]
    assert is_sound(office)


# -- renderings -----------------------------------------------------------------------------------


def test_the_pdf_says_the_same_in_german_and_english(office: Office, ledger: Ledger) -> None:
    march(ledger)
    office.ok("PUT", "/books/statement-settings", json={"vat_rate": "19", "recipient": ["Bürgeramt Süd"]})
    office.ok("PUT", "/books/cost-centres/bürger", json={"cost_centre": "4711-Ö"})
    number = close(office)[0]
    totals = content_of(office, number).totals
    answer = office.answer("GET", f"/books/documents/{number}.pdf", params={"language": "de"})
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content == office.answer("GET", f"/books/documents/{number}.pdf").content
    german = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages)
    for said in ("Bürgeramt Süd", "4711-Ö", "01.03.2026 bis 31.03.2026", "02.04.2026", "1.234.567", number):
        assert said in german, said
    for label, amount in (
        ("Summe netto", totals.net),
        ("Umsatzsteuer 19 %", totals.vat),
        ("Gesamtbetrag", totals.gross),
    ):
        assert f"{label} {amount.replace('.', ',')} EUR" in german
    answer = office.answer("GET", f"/books/documents/{number}.pdf", params={"language": "en"})
    english = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages)
    for said in ("Cost centre", "1 March 2026 to 31 March 2026", "1,234,567", f"Total {totals.gross} EUR"):
        assert said in english, said


def shown(sheet: Any, row: int) -> Decimal:
    """The amount in a row."""
    return Decimal(str(sheet.cell(row, 6).value))


def test_the_workbook_has_numbers_and_formulas_that_agree(office: Office, ledger: Ledger) -> None:
    march(ledger)
    office.ok("PUT", "/books/statement-settings", json={"vat_rate": "7.5"})
    numbers = close(office)
    for number in numbers:
        content = content_of(office, number)
        file = office.answer("GET", f"/books/documents/{number}.xlsx").content
        values = openpyxl.load_workbook(io.BytesIO(file), data_only=True).worksheets[0]
        formulas = openpyxl.load_workbook(io.BytesIO(file)).worksheets[0]
        summed = [cell for column in formulas.iter_cols(6, 6) for cell in column if cell.data_type == "f"]
        net, gross = summed
        assert net.row is not None
        assert gross.row is not None
        first, last = str(net.value).removeprefix("=SUM(F").removesuffix(")").split(":F")
        lines = [shown(values, row) for row in range(int(first), int(last) + 1)]
        assert lines == [Decimal(row.amount) for row in content.rows]
        assert sum(lines) == shown(values, net.row) == Decimal(content.totals.net)
        assert gross.value == f"=F{net.row}+F{gross.row - 1}"
        assert shown(values, gross.row - 1) == Decimal(content.totals.vat)
        assert (
            shown(values, net.row) + shown(values, gross.row - 1)
            == shown(values, gross.row)
            == Decimal(content.totals.gross)
        )


def test_what_people_wrote_is_no_markup(office: Office, ledger: Ledger) -> None:
    ledger.charge(
        "discount", "bürger", day("2026-03-31"), "<script>alert(1)</script> =1+1 & more", -5_000_000_000
    )
    number = close(office)[0]
    answer = office.answer("GET", f"/books/documents/{number}.html")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; =1+1 &amp; more" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    file = office.answer("GET", f"/books/documents/{number}.xlsx").content
    cells = [
        cell for row in openpyxl.load_workbook(io.BytesIO(file)).worksheets[0].iter_rows() for cell in row
    ]
    assert [cell.data_type for cell in cells if str(cell.value).startswith("<script>")] == ["s"]


def test_forms_that_there_are(office: Office, ledger: Ledger) -> None:
    march(ledger)
    number = close(office)[0]
    office.refused(422, "GET", f"/books/documents/{number}.docx")
    office.refused(422, "GET", f"/books/documents/{number}.pdf", params={"language": "fr"})
    error = office.refused(404, "GET", "/books/documents/RW-2026-000099.pdf")
    assert (
        error["message"] == "there is no document 'RW-2026-000099'; `rechenwerk books documents` lists them"
    )
