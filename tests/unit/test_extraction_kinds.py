"""Contracts, articles, orders and application forms: what is found, and what is left open."""

from __future__ import annotations

from rechenwerk.documents.extracting.extract import by_rules
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.values import Value
from tests.unit.drawn import drawn


def proven(drawing: str, schema: str, language: str = "de") -> dict[str, object]:
    """The proven values by field."""
    return {value.field: short(value) for value in by_rules(drawn(drawing, language=language), ready(schema))
            if value.state == "proven"}  # fmt: skip


def short(value: Value) -> object:
    said = value.value
    if isinstance(said, dict):
        return " ".join(str(part) for part in said.values() if part)
    return said


LEASE = """
Wartungsvertrag
Vertragsnummer: WV-2025-07

zwischen der Kessler Gerüstbau GmbH, Industriestraße 12, 44147 Dortmund
und der Wohnungsbau Nordstadt eG, Lindenallee 3, 44137 Dortmund

Vertragsbeginn: 01.07.2025
Vertragslaufzeit: 24 Monate
Kündigungsfrist: 3 Monate

Der Auftragnehmer verpflichtet sich, die Anlage einmal im Jahr zu prüfen.
Der Auftraggeber ist verpflichtet, freien Zugang zu gewähren.
Die Vergütung beträgt 1.200,00 EUR im Jahr.
"""


def test_a_contract() -> None:
    found = proven(LEASE, "contract")
    assert found["contract_number"] == "WV-2025-07"
    assert found["start"] == "2025-07-01"
    assert found["term"] == "24 months"
    assert found["notice"] == "3 months"
    assert found["fee"] == "1200 EUR"
    assert found["parties.0.name"] == "Kessler Gerüstbau GmbH"
    assert found["parties.1.name"] == "Wohnungsbau Nordstadt eG"
    assert found["obligations.0.text"] == (
        "Der Auftragnehmer verpflichtet sich, die Anlage einmal im Jahr zu prüfen."
    )
    assert found["obligations.1.text"] == "Der Auftraggeber ist verpflichtet, freien Zugang zu gewähren."
    assert "end" not in found


ARTICLE = """
Beispielwerke wachsen weiter

Der Umsatz der Beispielwerke AG stieg im Jahr 2024 auf 1,3 Milliarden Euro.

Für 2026 plant der Konzern Investitionen von rund 250 Millionen Euro.

Der Gewinn von 40 Millionen Euro steht einem Verlust von 12 Millionen Euro gegenüber.
"""


def test_an_article() -> None:
    found = proven(ARTICLE, "article")
    assert found["figures.0.amount"] == "1300000000 EUR"
    assert found["figures.0.what"] == "Umsatz"
    assert found["figures.0.period"] == "2024-01-01 2024-12-31"
    assert found["figures.0.status"] == "reported"
    assert found["figures.1.amount"] == "250000000 EUR about"
    assert found["figures.1.status"] == "planned"
    assert found["figures.2.amount"] == "40000000 EUR"
    assert "figures.2.what" not in found, "two amounts in a sentence share one word"


ORDER = """
Bestellung Nr. B-4711                 Bestelldatum: 02.04.2025
Liefertermin: 16.04.2025

Artikel-Nr.   Bezeichnung      Menge   Einzelpreis   Gesamt EUR
10-200        Filter           4       12,50         50,00
10-300        Dichtung         10      1,20          12,00
                               Summe netto           62,00
"""


def test_an_order() -> None:
    found = proven(ORDER, "order")
    assert found["order_number"] == "B-4711"
    assert (found["order_date"], found["delivery_date"]) == ("2025-04-02", "2025-04-16")
    assert (found["items.0.quantity"], found["items.0.amount"]) == ("4", "50 EUR")
    assert (found["items.1.article_number"], found["items.1.description"]) == ("10-300", "Dichtung")
    assert found["net"] == "62 EUR"


FORM = """
Antrag auf Zuschuss                   Aktenzeichen: 12-2025/7
Name: Muster                          Vorname: Erika
Geburtsdatum: 03.04.1980
Beantragter Betrag: 1.500,00 EUR
IBAN: DE02120300000000202051
Ich willige ein: ja
"""


def test_an_application_form() -> None:
    found = proven(FORM, "application")
    assert (found["last_name"], found["first_name"]) == ("Muster", "Erika")
    assert found["birth_date"] == "1980-04-03"
    assert found["reference"] == "12-2025/7"
    assert found["amount"] == "1500 EUR"
    assert found["iban"] == "DE02120300000000202051"
    assert found["consent"] is True
    assert "application_date" not in found
