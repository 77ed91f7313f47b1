"""Papers of office programs: centred headings, forms, contracts without empty lines, dated letters."""

from __future__ import annotations

import pytest

from rechenwerk.documents.extracting.extract import by_rules
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.values import Value
from tests.unit.drawn import drawn


def values(drawing: str, schema: str = "invoice") -> dict[str, Value]:
    return {value.field: value for value in by_rules(drawn(drawing), ready(schema))}


CENTRED = """
Rechnung Nr. R-17
Pos       Bezeichnung            Menge   Einzelpreis    Betrag
1     Kopierpapier A4, weiß      40      21,50 EUR      860,00 EUR
2     Lampe                      12      49,90 EUR      598,80 EUR
"""


def test_a_text_belongs_to_the_heading_over_it_wherever_it_begins() -> None:
    found = values(CENTRED)
    assert [found[f"items.{row}.description"].value for row in (0, 1)] == ["Kopierpapier A4, weiß", "Lampe"]
    assert [found[f"items.{row}.position"].value for row in (0, 1)] == ["1", "2"]
    assert {found[f"items.{row}.amount"].state for row in (0, 1)} == {"proven"}


DEDUCTED = """
Rechnung Nr. R-17
Menge   Bezeichnung             Preis        Betrag
40      Kopierpapier            21,50 EUR    860,00 EUR
{line}

Netto: 834,20 EUR
19 % MwSt: 158,50 EUR
Gesamtbetrag: 992,70 EUR
"""


@pytest.mark.parametrize("line", ["abzüglich 3 % Rabatt:", "Less discount 3 %:", "Rabatt 3 %:"])
def test_what_is_taken_from_the_sum_is_no_row(line: str) -> None:
    found = values(DEDUCTED.format(line=f"        {line:37}-25,80 EUR"))
    assert "items.1.amount" not in found
    assert found["net"].value["amount"] == "834.2"


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("Musterstadt, den 14. März 2025", "2025-03-14"),
        ("Bad Musterstadt, 14.03.2025", "2025-03-14"),
        ("Geliefert, wie besprochen, 14.03.2025", None),
    ],
)
def test_a_letter_is_dated_by_its_place_and_day(line: str, day: str | None) -> None:
    drawing = f"Muster GmbH\n\n{line}\n\nRechnung Nr. R-17\n" + "\nMit freundlichen Grüßen" * 4
    assert values(drawing)["invoice_date"].value == day


def test_a_label_is_no_value_of_another_label() -> None:
    form = "Antrag\n\nName, Vorname      Muster, Erika\nGeburtsdatum       12.08.1979"
    assert values(form, "application")["last_name"].value != "Vorname"


CONTRACT = """
Wartungsvertrag
zwischen der Aufzug Nord GmbH, Hafenstr. 2, 20000 Hafenstadt (nachfolgend Auftragnehmer) und der
Wohnbau Süd eG, Parkweg 7, 30000 Parkstadt (nachfolgend Auftraggeber) wird vereinbart:
§ 1 Gegenstand
Der Auftragnehmer wartet die Aufzugsanlagen des Auftraggebers viermal im Jahr.
§ 3 Laufzeit
Der Vertrag beginnt am 1. Juli 2025 und läuft bis zum 30. Juni 2028. Er verlängert sich um jeweils
ein Jahr, wenn er nicht mit einer Frist von drei Monaten zum Ende der Laufzeit gekündigt wird.
"""


def test_parties_and_passages_of_a_contract_end_where_they_end() -> None:
    found = values(CONTRACT, "contract")
    assert [found[f"parties.{row}.name"].value for row in (0, 1)] == ["Aufzug Nord GmbH", "Wohnbau Süd eG"]
    assert str(found["renewal"].value).startswith("Er verlängert sich um jeweils ein Jahr")
    assert "Hafenstadt" not in str(found["subject"].value)
