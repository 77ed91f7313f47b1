"""Known entities: lists that are imported, and what decisions in review teach."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rechenwerk.base.errors import DocumentError
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.knowing import as_known, imported, learnt, read_list
from rechenwerk.documents.known_ports import Entity, OwnNumber, Told
from rechenwerk.documents.values import Value

ONE, TWO = "DE02120300000000202051", "DE88200800000970375700"
VAT = "DE136695976"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
NAME = "Brunnhuber Gerüste GmbH"


def known(name: str, *numbers: OwnNumber, number: int = 1) -> Entity:
    return Entity(number, name, numbers, "clerk", NOW, NOW)


def iban(number: str, document: int = 0) -> OwnNumber:
    return OwnNumber("iban", number, document)


def test_a_list_is_read_as_people_write_it() -> None:
    german = (
        f"Firma;IBAN;USt-IdNr.\n{NAME};DE02 1203 0000 0000 2020 51;{VAT}\n\nbrunnhuber gerueste GMBH;{TWO};\n"
    )
    assert read_list(german) == [Told(NAME, (iban(ONE), OwnNumber("vat_id", VAT), iban(TWO)))]
    assert read_list(f'\ufeffname,vat_id\r\n"Muster, Sohn & Co",{VAT}\r\n') == [
        Told("Muster, Sohn & Co", (OwnNumber("vat_id", VAT),))
    ]


WRONG = (
    ("", "line 1: the list needs the columns"),
    ("name;city\nA;B\n", "line 1: the list needs the columns"),
    ("name;iban\n", "the list has no rows"),
    (f"name;iban\nA;{ONE}\nB;DE02120300000000202052\n", "line 3: iban: 'DE02120300000000202052' is none"),
    (f"name;iban\n;{ONE}\n", "line 2: name: it is empty"),
    ("name;iban\nA;\n", "line 2: 'A' has no iban and no vat_id"),
    ("name;vat_id\nA;DE123\n", "line 2: vat_id: 'DE123' is none"),
)


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_list_that_is_wrong_says_where(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_list(text)
    assert str(caught.value).startswith(message)


def test_an_import_adds_to_what_is_known() -> None:
    there = [known(NAME, iban(ONE, 7))]
    made = imported(there, [Told("BRUNNHUBER Gerüste gmbh", (iban(ONE), iban(TWO))), Told("B", (iban(TWO),))])
    assert made.change == {1: Told(NAME, (iban(ONE, 7), iban(TWO)))}
    assert made.add == [Told("B", (iban(TWO),))]
    assert imported(there, [Told(NAME, (iban(ONE),))]).change == {}


def values(name: str, number: str) -> list[Value]:
    """The states of the supplier's name and account."""
    return [
        Value("supplier", NAME, name, "rule"),
        Value("iban", ONE, number, "rule"),
        Value("supplier_vat_id", None, "absent", "rule"),
    ]


TAUGHT = (
    ("proven", "proven", False),
    ("accepted", "proven", True),
    ("proven", "corrected", True),
    ("accepted", "unproven", False),
    ("unproven", "accepted", False),
    ("accepted", "rejected", False),
)


@pytest.mark.parametrize(("name", "number", "taught"), TAUGHT)
def test_a_document_teaches_what_a_person_confirmed(name: str, number: str, taught: bool) -> None:
    made = learnt([], 7, ready("invoice"), values(name, number))
    assert list(made.add) == ([Told(NAME, (iban(ONE, 7),))] if taught else [])


def test_what_a_document_taught_is_forgotten_when_people_decide_otherwise() -> None:
    invoice = ready("invoice")
    gone = learnt([known(NAME, iban(ONE, 7))], 7, invoice, values("accepted", "rejected"))
    assert (gone.remove, gone.change, gone.add) == ([1], {}, [])
    stays = learnt([known(NAME, iban(ONE, 7), iban(TWO))], 7, invoice, values("accepted", "rejected"))
    assert (stays.remove, stays.change) == ([], {1: Told(NAME, (iban(TWO),))})
    other = learnt([known(NAME, iban(ONE, 6))], 7, invoice, values("accepted", "rejected"))
    assert (other.remove, other.change) == ([], {})


def test_extraction_gets_names_with_their_numbers() -> None:
    (one,) = as_known([known(NAME, iban(ONE), OwnNumber("vat_id", VAT, 3))])
    assert (one.name, one.ibans, one.vat_ids) == (NAME, (ONE,), (VAT,))
