"""The bench's invoices: varied, reproducible, valid as Factur-X, and they say what their truth claims."""

from __future__ import annotations

import dataclasses
import io
import re
from decimal import Decimal

import facturx
import pypdf
import pypdfium2
import pytest
from bench.documents.invoice_style import drawn
from bench.documents.invoice_truth import half, invoice
from bench.documents.invoice_xml import read, taken_out, written
from bench.documents.invoices import ALL, SEED, Document, document

NUMBERS = tuple(range(0, ALL, 12))


@pytest.fixture(scope="module")
def some() -> list[Document]:
    return [document(number) for number in NUMBERS]


def words(pdf: bytes) -> str:
    file = pypdfium2.PdfDocument(pdf)
    text = " ".join(page.get_textpage().get_text_range() for page in file)
    return re.sub(r"\s+", " ", text)


def test_at_least_two_hundred_layouts_differ() -> None:
    names = ("font", "head", "address", "info", "title", "columns", "rules", "totals", "footer")
    layouts = set()
    for number in range(ALL):
        style = drawn(invoice(f"invoice-{number:03d}", SEED), SEED)
        layouts.add(tuple(getattr(style, name) for name in names))
    assert len(layouts) >= 200


def test_sums_agree_and_the_xml_is_valid() -> None:
    for number in range(ALL):
        made = invoice(f"invoice-{number:03d}", SEED)
        assert sum(made.bases.values()) == made.goods - made.rebate + made.shipping
        assert made.total == made.net + made.tax
        assert facturx.xml_check_xsd(written(made), flavor="factur-x", level="en16931")


def test_both_halves_are_about_as_large() -> None:
    halves = [half(f"invoice-{number:03d}") for number in range(ALL)]
    assert 0.4 < halves.count("held") / ALL < 0.6


def test_the_same_name_gives_the_same_truth_and_pages(some: list[Document]) -> None:
    again = document(NUMBERS[1])
    assert dataclasses.replace(again, data=b"") == dataclasses.replace(some[1], data=b"")
    assert words(again.data) == words(some[1].data)


def test_a_digital_one_says_what_its_truth_claims(some: list[Document]) -> None:
    for one in some:
        if one.scanned:
            continue
        text, style = words(one.data), one.style
        for field in ("invoice_number", "supplier", "customer"):
            assert style.fits(one.said[field]) in text, (one.name, field)
        for field in {"net", "tax", "gross"} & one.said.keys() - one.derived:
            assert style.amount(Decimal(one.said[field])) in text, (one.name, field)
        for account in one.said.get("iban", []):
            assert account in text.replace(" ", ""), one.name
        for row in one.said["items"]:
            assert style.amount(Decimal(row["amount"])) in text, one.name


def test_the_truth_can_be_read_out_and_taken_away(some: list[Document]) -> None:
    for one in some:
        bare, xml = taken_out(one.data)
        assert not pypdf.PdfReader(io.BytesIO(bare)).attachments
        truth = read(xml)
        assert truth["invoice_number"] == one.made.number
        assert abs(Decimal(one.said["gross"])) == Decimal(truth["gross"])
        assert truth["due_date"] == one.said.get("due_date", truth["due_date"])
        assert len(truth["items"]) == len(one.said["items"])


def test_invented_numbers_have_valid_check_digits(some: list[Document]) -> None:
    for one in some:
        for account in one.made.supplier.accounts:
            moved = account.iban[4:] + account.iban[:4]
            assert int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1
        assert re.fullmatch(r"DE\d{9}", one.made.supplier.vat_id)
