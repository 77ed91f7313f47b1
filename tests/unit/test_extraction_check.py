"""The check: a value counts only where the document says all of it, under a label that gives it its role."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from rechenwerk.documents.checking.evidence import Claim, prove
from rechenwerk.documents.checking.folding import fold, key, occurrences
from rechenwerk.documents.checking.labels import FieldWords
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.extracting.extract import by_rules
from rechenwerk.documents.extracting.schemas import read_schema, ready
from rechenwerk.documents.values import Value
from tests.unit.drawn import drawn

FIELDS = {field.name: field for field in ready("invoice").fields}


def claimed(drawing: str, field: str, quote: str, value: object = None) -> Value:
    """What the check says of a model's claim."""
    claim = Claim(field, quote, "model", value)
    return prove(Reading(drawn(drawing)), FIELDS[field], FieldWords(FIELDS[field]), claim).value


@pytest.mark.parametrize(
    ("drawing", "field", "quote", "reason"),
    [
        ("Rechnungsdatum: 03.04.2025", "invoice_date", "03.04.2025", ""),
        ("Rechnungsdatum: 03.04.2025", "invoice_date", "Rechnungsdatum: 03.04.2025", ""),
        ("Rechnungsdatum: 03.04.2025", "invoice_date", "04.04.2025", "quote: not in the document"),
        ("Fällig am: 03.04.2025", "invoice_date", "03.04.2025", "role:"),
        ("Druckstand 03.04.2025", "invoice_date", "03.04.2025", "role:"),
        ("Gesamtbetrag: 11.234,56 EUR", "gross", "1.234,56 EUR", "quote:"),
        ("Gesamtbetrag: 1.234,56 EUR", "gross", "234,56 EUR", "digits:"),
        ("Gesamtbetrag: -1.234,56 EUR", "gross", "1.234,56 EUR", "digits:"),
        ("Gesamtbetrag: 1.234,56 EUR", "gross", "1.234,56", "digits:"),
        ("Gesamtbetrag: 12 Mio. EUR", "gross", "12", "digits:"),
        ("Gesamtbetrag: kein 119,00 EUR", "gross", "119,00 EUR", "negation:"),
        ("IBAN: DE02120300000000202052", "iban", "DE02120300000000202052", "type:"),
        ("Rechnungsdatum: ~03.04.2025", "invoice_date", "03.04.2025", "ocr:"),
        ("> Rechnungsdatum: 03.04.2025", "invoice_date", "03.04.2025", "quoted:"),
    ],
)
def test_what_is_missing_is_said(drawing: str, field: str, quote: str, reason: str) -> None:
    value = claimed(drawing, field, quote)
    assert value.state == ("unproven" if reason else "proven"), value.reasons
    if reason:
        assert any(said.startswith(reason) for said in value.reasons), value.reasons


@pytest.mark.parametrize(
    ("term", "due"),
    [
        ("Zahlbar innerhalb von 30 Tagen.", "2025-05-03"),
        ("Zahlbar sofort ohne Abzug.", "2025-04-03"),
        ("Payment terms: net 14 days", "2025-04-17"),
        ("Zahlbar innerhalb von 30 Tagen ab Monatsende.", None),
        ("Payment terms: 30 days end of month.", None),
        ("Net 30 EOM", None),
        ("Zahlbar 14 Tage vor Anreise.", None),
        ("Payable 14 days before arrival.", None),
        ("Zahlung 10 Tage nach Abnahme.", None),
        ("Die Zahlung erfolgt 10 Tage nach Bestellung.", None),
        ("Bei Zahlung innerhalb von 10 Tagen gewähren wir 3 Prozent, sonst 30 Tage netto.", None),
        ("Die erste Rate ist zahlbar in 14 Tagen, die zweite in 60 Tagen.", None),
        ("Die Anzahlung ist sofort zahlbar.", None),
        ("Wir zahlen Ihnen in 7 Tagen eine Gutschrift aus.", None),
        ("Zinsen zahlbar ab 30 Tagen.", None),
        ("Bitte zahlen Sie erst nach 10 Tagen.", None),
    ],
)
def test_a_term_counts_from_the_date_that_it_names(term: str, due: str | None) -> None:
    found = by_rules(drawn(f"Rechnung Nr. 4711\nRechnungsdatum: 03.04.2025\n\n{term}"), ready("invoice"))
    proven = {value.field: value.value for value in found if value.state == "proven"}
    assert proven["invoice_date"] == "2025-04-03"
    assert proven.get("due_date") == due


@pytest.mark.parametrize(
    ("term", "label"),
    [
        ("Zahlungsziel: 14 Tage netto", "Zahlungsziel"),
        ("Rechnungen sind innerhalb von 14 Tagen zahlbar.", "zahlbar"),
        ("Net 14", "Net"),
    ],
)
def test_a_day_that_a_term_says_has_its_label(term: str, label: str) -> None:
    parsed = drawn(f"Rechnung Nr. 4711\nRechnungsdatum: 03.04.2025\n\n{term}")
    (due,) = [value for value in by_rules(parsed, ready("invoice")) if value.field == "due_date"]
    assert (due.value, due.state) == ("2025-04-17", "proven")
    assert due.evidence is not None
    assert parsed.text[due.evidence.label_start : due.evidence.label_end] == label


@pytest.mark.parametrize(
    ("other", "day"),
    [("", None), ("Due date: 05/22/2025", "2025-04-03"), ("Due date: 22/05/2025", "2025-03-04")],
)
def test_a_day_that_can_be_read_both_ways_is_told_by_the_others(other: str, day: str | None) -> None:
    text = f"Invoice No. 4711\nInvoice date: 04/03/2025\n{other}\nTotal GBP 120.00"
    found = by_rules(drawn(text, language="en"), ready("invoice"))
    proven = {value.field: value.value for value in found if value.state == "proven"}
    assert proven.get("invoice_date") == day


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("Farbe: rot", "rot"),
        ("Farbe: nicht rot", None),
        ("Colour: no red", None),
        ("Farbe: ohne Rand", "ohne Rand"),
    ],
)
def test_an_option_that_is_denied_is_not_chosen(line: str, option: str | None) -> None:
    form = read_schema("Farbe (eines von: rot, red, ohne Rand), Colour (one of: red, blue)")
    chosen = {value.value for value in by_rules(drawn(line), form) if value.state == "proven"}
    assert chosen == ({option} if option else set())


def test_a_value_that_its_quote_does_not_say_is_unproven() -> None:
    value = claimed(
        "Gesamtbetrag: 1.234,56 EUR", "gross", "1.234,56 EUR", {"amount": "1243.56", "currency": "EUR"}
    )
    assert value.state == "unproven"
    assert value.reasons[0].startswith("digits: the quote says 1234.56 EUR")


def test_evidence_leads_back_to_words_and_label() -> None:
    drawing = "Rechnungsdatum      03.04.2025"
    parsed = drawn(drawing)
    (value,) = [one for one in by_rules(parsed, ready("invoice")) if one.field == "invoice_date"]
    evidence = value.evidence
    assert evidence is not None
    assert parsed.text[evidence.start : evidence.end] == evidence.quote == "03.04.2025"
    assert parsed.text[evidence.label_start : evidence.label_end] == "Rechnungsdatum"
    (word,) = [word for word in parsed.words if word.start == evidence.start]
    assert evidence.boxes == (word.box,)


@given(
    st.text(alphabet="aB1.-\u00ad\u2013\ufb01 \n\u00a0\u201c\u00df", max_size=40),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_folding_leads_back(text: str, one: int, other: int) -> None:
    folded = fold(text)
    first, last = sorted((min(one, len(folded.text)), min(other, len(folded.text))))
    start, end = folded.span(first, last)
    assert 0 <= start <= end <= len(text)
    if first < last:
        assert folded.text[first:last].strip() in fold(text[start:end]).text


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("Der Rech-\nnungsbetrag", "Rechnungsbetrag", "Rech-\nnungsbetrag"),
        ("eine \ufb01xe Summe", "fixe Summe", "\ufb01xe Summe"),
        ("am 3.\u00a0April\n2025", "3. April 2025", "3.\u00a0April\n2025"),
        ("sagte \u201eja\u201c", 'sagte "ja"', "sagte \u201eja\u201c"),
        ("\u22125 Grad", "-5 Grad", "\u22125 Grad"),
        ("12345", "234", ""),
    ],
)
def test_quotes_are_found_after_folding(text: str, quote: str, found: str) -> None:
    spans = occurrences(fold(text), quote)
    assert [text[start:end] for start, end in spans] == ([found] if found else [])


@pytest.mark.parametrize("label", ["Rechnungs-Nr.", "RECHNUNGS NR:", "Rechnungsnr", "rechnungs-nr"])
def test_labels_are_one_however_they_are_written(label: str) -> None:
    assert key(label) == "rechnungsnr"
