"""Values as people write them, and back."""

from __future__ import annotations

from typing import Any

import pytest

from rechenwerk.documents.correcting import corrected
from rechenwerk.documents.exporting.texts import harmless
from rechenwerk.documents.refusing import RefusedError
from rechenwerk.documents.schemas import Field
from rechenwerk.documents.values import Evidence, Page, Parsed, Value
from rechenwerk.documents.working import storable
from rechenwerk.documents.writing import text_of

WRITTEN: tuple[tuple[Any, str, str, str], ...] = (
    # value, type, German, English
    (None, "text", "", ""),
    (True, "yes_no", "ja", "yes"),
    ("2025-04-03", "date", "03.04.2025", "2025-04-03"),
    ({"amount": "1234.5", "currency": "EUR", "qualifier": ""}, "money", "1.234,50 EUR", "1,234.50 EUR"),
    (
        {"amount": "0.005", "currency": "USD", "qualifier": "about"},
        "money",
        "rund 0,005 USD",
        "about 0.005 USD",
    ),
    ({"amount": "1E+10", "currency": "EUR", "qualifier": ""}, "money", "10.000.000.000,00 EUR", ""),
    ({"number": "30000", "unit": "kWh", "qualifier": "at most"}, "number", "höchstens 30.000 kWh", ""),
)
TYPED: tuple[tuple[str, Any, Any], ...] = (
    # type, what a person writes, value (None: refused)
    ("money", "1.234,50 EUR", {"amount": "1234.50", "currency": "EUR", "qualifier": ""}),
    ("money", "$1,234.50", {"amount": "1234.50", "currency": "USD", "qualifier": ""}),
    ("money", "-5 EUR", {"amount": "-5", "currency": "EUR", "qualifier": ""}),
    ("money", "1.234 EUR", {"amount": "1234", "currency": "EUR", "qualifier": ""}),
    ("money", "viel Geld", None),
    ("money", "12", None),
    ("number", "19 %", {"number": "19", "unit": "%", "qualifier": ""}),
    ("date", "3.4.2025", "2025-04-03"),
    ("date", "2025-13-01", None),
    ("period", "01.01.2025 bis 31.03.2025", {"from": "2025-01-01", "to": "2025-03-31"}),
    ("period", "31.03.2025 bis 01.01.2025", None),
    ("iban", "de02 1203 0000 0000 2020 51", "DE02120300000000202051"),
    ("yes_no", "Ja", True),
    ("yes_no", "vielleicht", None),
)


@pytest.mark.parametrize(("value", "kind", "german", "english"), WRITTEN)
def test_a_value_as_people_write_it(value: Any, kind: str, german: str, english: str) -> None:
    assert text_of(value, kind, "de") == german
    if english:
        assert text_of(value, kind, "en") == english


@pytest.mark.parametrize(("kind", "given", "value"), TYPED)
def test_what_a_person_writes(kind: str, given: Any, value: Any) -> None:
    before = Value("x", None, "unproven", "rule")
    field = Field("x", kind)
    if value is None:
        with pytest.raises(RefusedError, match="value: write"):
            corrected(before, field, given, None)
    else:
        after = corrected(before, field, given, None)
        assert (after.value, after.state, after.origin) == (value, "corrected", "person")


def test_a_correction_gets_its_place_in_the_document() -> None:
    parsed = Parsed("txt", "a blue dog", (Page(1, 0, 10),))
    after = corrected(Value("x", None, "absent", "rule"), Field("x", "text"), "blue", parsed)
    assert after.evidence is not None
    assert (after.evidence.start, after.evidence.end, after.evidence.page) == (2, 6, 1)
    nothing = corrected(after, Field("x", "text"), "", parsed)
    assert nothing.value is None
    assert nothing.evidence is None


def test_a_correction_does_not_keep_the_place_of_what_it_replaces() -> None:
    said = {"amount": "119", "currency": "EUR", "qualifier": ""}
    before = Value("total", said, "unproven", "rule", Evidence(1, 0, 10, "119,00 EUR"))
    field = Field("total", "money")
    assert corrected(before, field, {**said, "amount": "120"}, None).evidence is None
    assert corrected(before, field, said, None).evidence == before.evidence


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM", "'@SUM"),
        ("-5.00", "-5.00"),
        ("-x", "'-x"),
        ("+49 30", "'+49 30"),
        (None, ""),
    ],
)
def test_no_cell_is_a_formula(cell: object, kept: str) -> None:
    assert harmless(cell) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("post.zip/März/rechnung.pdf", "post.zip/März/rechnung.pdf"),
        ("mail.eml/a\0b\x1b[31m.pdf", "mail.eml/a\ufffdb\ufffd[31m.pdf"),
        ("mail.eml/\udcfc.pdf", "mail.eml/\ufffd.pdf"),
        ("a.zip/" + "ä" * 600 + ".pdf", "..." + "ä" * 493 + ".pdf"),
    ],
)
def test_a_name_from_an_archive_can_be_kept(name: str, kept: str) -> None:
    assert storable(name) == kept
