"""Known entities: an account that changed goes to a person; a number of its own confirms a name."""

from __future__ import annotations

import asyncio

from rechenwerk.documents.checking.known import Known
from rechenwerk.documents.extracting.extract import extract
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.values import Value
from tests.unit.drawn import drawn

INVOICE = """
Rechnungssteller: Brunnhuber Gerüste GmbH

Rechnungsnummer:  R-17
Rechnungsdatum:   03.04.2025
IBAN:             DE02 1203 0000 0000 2020 51
"""
OWN, OTHER = "DE02 1203 0000 0000 2020 51", "DE88 2008 0000 0970 3757 00"
NAME = "Brunnhuber Gerüste GmbH"


def values(*known: Known, drawing: str = INVOICE) -> dict[str, Value]:
    found = asyncio.run(extract(drawn(drawing), ready("invoice"), known=known))
    return {value.field: value for value in found}


def test_nothing_known_checks_nothing() -> None:
    found = values()
    assert (found["supplier"].value, found["supplier"].state) == (NAME, "proven")
    assert found["iban"].state == "proven"


def test_an_account_that_is_its_own_stays_proven() -> None:
    found = values(Known(NAME, (OWN,)))
    assert (found["supplier"].state, found["iban"].state) == ("proven", "proven")


def test_an_account_that_changed_goes_to_a_person() -> None:
    found = values(Known(NAME, (OTHER,)))
    assert found["iban"].state == "unproven"
    assert found["iban"].reasons == (f"known: '{NAME}' had DE88200800000970375700 before",)
    assert found["supplier"].state == "proven"


def test_an_account_of_somebody_else_goes_to_a_person_with_the_name() -> None:
    found = values(Known("Talheimer Stahl AG", (OWN,)), Known(NAME, (OTHER,)))
    assert {found["iban"].state, found["supplier"].state} == {"unproven"}
    assert found["iban"].reasons == ("known: DE02120300000000202051 belongs to 'Talheimer Stahl AG'",)


def test_a_name_without_a_label_is_found_and_confirmed_by_its_own_account() -> None:
    drawing = INVOICE.replace("Rechnungssteller: ", "")
    assert values(drawing=drawing)["supplier"].state != "proven"
    found = values(Known(NAME, (OWN,)), drawing=drawing)["supplier"]
    assert (found.value, found.state) == (NAME, "proven")
    assert found.reasons == ("known: its iban is DE02120300000000202051",)


def test_a_supplier_that_nobody_knows_is_as_before() -> None:
    found = values(Known("Talheimer Stahl AG", (OTHER,)))
    assert (found["supplier"].state, found["iban"].state) == ("proven", "proven")


def test_a_known_name_that_the_document_does_not_say_is_not_made_up() -> None:
    drawing = INVOICE.replace(f"Rechnungssteller: {NAME}", "Guten Tag")
    assert values(Known(NAME, (OWN,)), drawing=drawing)["supplier"].state == "absent"
