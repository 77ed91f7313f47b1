"""Numbers and dates in headlines, parties in sections: short documents and what they say."""

from __future__ import annotations

import pytest

from rechenwerk.documents.extracting.extract import by_rules
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.values import Page, Parsed, Value, Word


def document(text: str) -> Parsed:
    """A text file: words without boxes."""
    words, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        words.append(Word(at, at + len(word), 1))
        at += len(word)
    return Parsed("txt", text, (Page(1, 0, len(text)),), tuple(words), language="de")


def proven(text: str) -> dict[str, Value]:
    values = by_rules(document(text), ready("invoice"))
    return {value.field: value for value in values if value.state == "proven"}


@pytest.mark.parametrize(
    ("headline", "number", "day"),
    [
        ("Rechnung Nr. 471102 vom 05.06.2018", "471102", "2018-06-05"),
        ("Handelsrechnung (380) Nr. 471102 vom 05.06.2018", "471102", "2018-06-05"),
        ("Rechnung # RE-20140703/502 vom 03.07.2014", "RE-20140703/502", "2014-07-03"),
        ("RECHNUNG 2025-17 vom 3. April 2025", "2025-17", "2025-04-03"),
        ("Rechnungskorrektur Nr. RK21012345 vom 16.09.2018", "RK21012345", "2018-09-16"),
        ("Rechnung des Amts Nr. 00.123.456.7-18 vom\n11.03.2018", "00.123.456.7-18", "2018-03-11"),
        ("Invoice No. INV-00017 dated 16 February 2024", "INV-00017", "2024-02-16"),
    ],
)  # fmt: skip
def test_headlines(headline: str, number: str, day: str) -> None:
    found = proven(f"Muster GmbH\n{headline}\nVielen Dank")
    assert found["invoice_number"].value == number
    assert found["invoice_date"].value == day


@pytest.mark.parametrize(
    "line",
    [
        "Gutschrift zu Rechnung Nr. 12345 vom 01.02.2024",
        "Ursprungsrechnung Nr. 12345 vom 01.02.2024",
        "Rechnung gemäß Bestellung Nr. 2018-471331 vom 01.03.2018.",
    ],
)
def test_what_is_no_headline_of_its_own(line: str) -> None:
    found = proven(f"Muster GmbH\n{line}\n")
    assert "invoice_date" not in found
    assert "invoice_number" not in found


def test_parties_in_sections() -> None:
    found = proven(
        "Rechnung Nr. 17\n\nVerkäufer\nNummer: 549910\nName: Lieferant GmbH\nAnschrift: Musterweg 2\n\n"
        "Käufer\nNummer: GE2020211\nKunden AG Mitte\nKundenstraße 15\n12345 Musterstadt\n"
    )
    assert found["supplier"].value == "Lieferant GmbH"
    assert found["customer"].value == "Kunden AG Mitte"


def test_a_name_of_two_lines_is_not_cut() -> None:
    found = proven(
        "Verkäufer:\nMVM Musterhafter\nVersicherungsverein Muster a.G.\nMusterstr. 12\n12345 Musterstadt\n"
    )
    assert "supplier" not in found
