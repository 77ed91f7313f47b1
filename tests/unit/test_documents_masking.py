"""Masking of personal data: what is found, that placeholders are stable, and that answers get it back."""

from __future__ import annotations

import json

import pytest

from rechenwerk.documents.masking.asking import people_of
from rechenwerk.documents.masking.finding import personal
from rechenwerk.documents.masking.masker import Masker
from rechenwerk.documents.values import Parsed

LETTER = """Erika Mustermann-Öztürk
Heidestraße 17a
51147 Köln

Stadtwerke Musterstadt GmbH
Frau Dr. Anneliese von der Heide
Am Alten Markt 5
99084 Erfurt

Antrag vom 03.04.2025

Name: Mustermann-Öztürk, Vorname: Erika, geboren am 12. August 1964
Telefon: 0221 / 98 76 54 32, mobil +49 171 2345678
E-Mail: erika.mustermann@beispiel.de
IBAN: DE02 1203 0000 0000 2020 51
Rechnungsnummer: 2025-004711, Betrag 1.234,56 EUR, fällig am 17.04.2025

Mit freundlichen Grüßen
Jędrzej Szczepański
"""
FOUND = (
    ("Sehr geehrter Herr Prof. Dr. Max Müller, ...", ["NAME: Max Müller"]),
    ("Dear Mrs Okonkwo,", ["NAME: Okonkwo"]),
    ("Kontoinhaber: Ngozi Okonkwo", ["NAME: Ngozi Okonkwo"]),
    ("Nachname Szczepański\nVorname Jędrzej", ["NAME: Szczepański", "NAME: Jędrzej"]),
    ("Vorname Nachname\nXiaoming Zhang", ["NAME: Xiaoming Zhang"]),
    ("unser Mitarbeiter Klaus-Dieter van den Berg war da", ["NAME: Klaus-Dieter van den Berg"]),
    ("MUSTERMANN, ERIKA", ["NAME: MUSTERMANN, ERIKA"]),
    ("Kind regards,\nAdaeze Obi", ["NAME: Adaeze Obi"]),
    ("gez. Tran Thi Mai", ["NAME: Tran Thi Mai"]),
    ("Tel.: (030) 123 45-67", ["PHONE: (030) 123 45-67"]),
    ("Fax 0711/1234567", ["PHONE: 0711/1234567"]),
    ("call +44 20 7946 0958", ["PHONE: +44 20 7946 0958"]),
    ("date of birth: 12 March 1985", ["BIRTHDATE: 12 March 1985"]),
    ("geb. 01.02.1970 in Jena", ["BIRTHDATE: 01.02.1970"]),
    ("Konto DE89370400440532013000", ["IBAN: DE89370400440532013000"]),
    ("a mistyped one: DE89 3704 0044 0532 0130 01", ["IBAN: DE89 3704 0044 0532 0130 01"]),
    ("10 Downing Street, London SW1A 2AA", ["ADDRESS: 10 Downing Street", "ADDRESS: SW1A 2AA"]),
    ("Straße des 17. Juni 135, 10623 Berlin", ["ADDRESS: Straße des 17. Juni 135", "ADDRESS: 10623 Berlin"]),
    ("max@firma.example", ["EMAIL: max@firma.example"]),
)
NOT_PERSONAL = (
    "Rechnungsdatum: 03.04.2025, Lieferdatum 01.04.2025",
    "Gesamtbetrag: 1.234,56 EUR netto, 19 % MwSt",
    "Rechnungsnummer: 2025-004711",
    "12.500 Stück zu 0,35 EUR",
    "Zahlbar innerhalb von 14 Tagen ohne Abzug",
    "In Q3 2025 revenue rose to 4.2 billion dollars",
    "USt-IdNr. DE136695976",
)


@pytest.mark.parametrize(("text", "found"), FOUND)
def test_what_is_personal_is_found(text: str, found: list[str]) -> None:
    assert [f"{one.kind}: {text[one.start : one.end]}" for one in personal(text)] == found


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_what_is_not_personal_stays(text: str) -> None:
    assert Masker(text).mask(text) == text


SECRETS = (
    "Erika", "Mustermann", "Öztürk", "Heidestraße", "Köln", "51147", "Anneliese", "Heide", "Alten Markt",
    "Erfurt", "1964", "August", "98 76", "2345678", "beispiel.de", "1203", "2020", "Szczepański", "Jędrzej",
)  # fmt: skip


def test_nothing_of_a_letter_is_left() -> None:
    masked = Masker(LETTER, "de").mask(LETTER)
    assert [one for one in SECRETS if one in masked] == []
    for kept in ("Stadtwerke Musterstadt GmbH", "03.04.2025", "2025-004711", "1.234,56 EUR", "17.04.2025"):
        assert kept in masked


def test_any_part_of_a_letter_is_masked() -> None:
    masker = Masker(LETTER, "de")
    text = " ".join(LETTER.split())
    for at in range(len(text) - 60):
        masked = masker.mask(f"3: {text[at : at + 60]}")
        assert [one for one in SECRETS if one in masked] == [], text[at : at + 60]


def test_the_marks_of_a_question_stay_round_what_they_mark() -> None:
    masker = Masker(LETTER, "de")
    assert masker.mask("1: E-Mail: [[erika.mustermann@beispiel.de]] ab") == "1: E-Mail: [[[EMAIL-1]]] ab"
    split = masker.mask("2: Telefon: 0221 / [[98]] 76 54 32")
    assert split == "2: Telefon: [[[PHONE-1]]]"


def test_placeholders_are_stable_and_lead_back() -> None:
    one, two = Masker(LETTER, "de"), Masker(LETTER, "de")
    line = "Frau Mustermann-Öztürk, erika.mustermann@beispiel.de"
    assert one.mask(line) == two.mask(LETTER + line)[len(two.mask(LETTER)) :]
    assert one.unmask(one.mask(line)) == line
    assert one.mask("Heidestraße 17a") == one.mask("Heidestraße  17a")


def test_an_answer_in_json_stays_json() -> None:
    masker = Masker('Kontoinhaber: Eva "Evi" O\'Neill\nName: Eva')
    answer = masker.mask('{"who": "Eva"}')
    assert "Eva" not in answer
    assert json.loads(masker.unmask(answer, in_json=True)) == {"who": "Eva"}


def test_a_text_with_placeholders_of_its_own_is_not_mistaken() -> None:
    masker = Masker("The form says [NAME-1]. Kontoinhaber: Ngozi Okonkwo")
    assert masker.unmask("[NAME-1]") == "[NAME-1]"
    assert masker.unmask(masker.mask("Ngozi Okonkwo")) == "Ngozi Okonkwo"


def test_people_of_a_mail_are_known() -> None:
    mail = Parsed("eml", "", (), properties={"from": '"Adaeze Obi" <a.obi@x.example>', "to": "b@y.example"})
    assert people_of(mail) == {"NAME": ("Adaeze Obi",), "EMAIL": ("a.obi@x.example", "b@y.example")}
    masker = Masker("", more=people_of(mail))
    assert masker.mask("said Obi") == "said [NAME-3]"
