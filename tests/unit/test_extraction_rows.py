"""Rows that need more than a product; numbers, accounts and days that are somebody else's."""

from __future__ import annotations

import pytest

from rechenwerk.documents.extracting.extract import by_rules
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.values import Value
from tests.unit.drawn import drawn


def values(drawing: str) -> dict[str, Value]:
    return {value.field: value for value in by_rules(drawn(drawing), ready("invoice"))}


DISCOUNTED = """
Rechnung Nr. R-17
Menge   Bezeichnung          Preis      Rabatt   USt. %   Gesamtpreis
4       Pinsel               10,00 EUR           19 %     40,00 EUR
10      Leiter               20,00 EUR  {discount}     19 %     {amount} EUR
"""


@pytest.mark.parametrize(
    ("discount", "amount", "state"),
    [
        ("5 %", "190,00", "proven"),
        ("12,5 %", "175,00", "proven"),
        ("5 %", "180,00", "unproven"),
        ("", "190,00", "unproven"),
        ("100 %", "0,00", "unproven"),
    ],
)
def test_a_discount_of_the_row_explains_its_amount_or_the_row_goes_to_a_person(
    discount: str, amount: str, state: str
) -> None:
    found = values(DISCOUNTED.format(discount=discount.ljust(6), amount=amount))
    assert found["items.0.amount"].state == "proven"
    assert {found[f"items.1.{name}"].state for name in ("quantity", "unit_price", "amount")} == {state}
    said = [reason for reason in found["items.1.amount"].reasons if reason.startswith("product:")]
    assert said == (
        [f"product: 10 x 20 - {discount.replace(',', '.')} = {amount[:-3]}"] if state == "proven" else said
    )
    assert found["items.1.tax_rate"].value["number"] == "19"


def test_a_discount_without_its_sign_stands_under_its_heading() -> None:
    found = values(DISCOUNTED.format(discount="5     ", amount="190,00"))
    assert found["items.1.amount"].state == "proven"


UNMARKED = """
Rechnung Nr. R-17
Menge   Bezeichnung    Preis      Betrag
4       Pinsel         10,00      40,00
10      Leiter         20,00      {last}

Summe netto      19 % MwSt     Gesamt brutto
240,00 CHF       45,60 CHF     285,60 CHF
"""


@pytest.mark.parametrize(("last", "currency"), [("200,00", "CHF"), ("210,00", "")])
def test_amounts_that_add_up_to_a_total_are_in_its_currency(last: str, currency: str) -> None:
    found = values(UNMARKED.format(last=last))
    assert found["net"].state == "proven"
    for path in ("items.0.unit_price", "items.0.amount", "items.1.unit_price", "items.1.amount"):
        assert found[path].value["currency"] == currency, path
        assert (found[path].state == "proven") == bool(currency), path


PARTIES = """
Rechnung Nr. R-17 vom 03.04.2025
Verkäufer                 {other}
Muster GmbH               Beispiel AG
Hauptstr. 1               Nebenweg 2
12345 Musterstadt         54321 Probeheim
{seller:26}USt-IdNr.: DE136695976
"""


@pytest.mark.parametrize("other", ["Käufer", "Leistungsempfänger:", "Bill to", "Rechnungsempfänger"])
def test_a_vat_id_in_the_block_of_the_customer_is_not_the_suppliers(other: str) -> None:
    found = values(PARTIES.format(other=other, seller=""))["supplier_vat_id"]
    assert found.state != "proven"
    named = values(PARTIES.format(other=other, seller="USt-IdNr.: DE811193231"))["supplier_vat_id"]
    assert (named.value, named.state) == ("DE811193231", "proven")


@pytest.mark.parametrize(
    ("second", "state"),
    [("DE136695976", "proven"), ("DE136695970", "proven"), ("DE123456789", "unproven"), ("", "proven")],
)
def test_a_number_whose_check_digits_are_wrong_is_a_rival_unless_it_is_a_misprint(
    second: str, state: str
) -> None:
    line = f"USt-IdNr.: {second}" if second else ""
    found = values(f"Muster GmbH\nRechnung Nr. R-17\nUSt-IdNr.: DE136695976\n\n\n\n{line}")["supplier_vat_id"]
    assert (found.value, found.state) == ("DE136695976", state)


LETTER = "Muster GmbH\nRechnung Nr. R-17\nRechnungsdatum: 05.03.2018\n\n"


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        (
            "Zahlbar innerhalb 30 Tagen netto bis 04.04.2018, 3% Skonto innerhalb 10 Tagen bis 15.03.2018",
            "2018-04-04",
        ),
        ("Zahlbar bis zum 04.04.2018 ohne Abzug, bis zum 15.03.2018 mit 2 % Skonto", "2018-04-04"),
        ("Fällig am 04.04.2018", "2018-04-04"),
        ("Zahlbar mit 3 % Skonto innerhalb 10 Tagen bis 15.03.2018", None),
    ],
)
def test_the_day_of_a_discount_is_not_the_day_of_payment(terms: str, due: str | None) -> None:
    assert values(LETTER + terms)["due_date"].value == due


@pytest.mark.parametrize(
    ("bank", "own"),
    [
        ("Bitte überweisen Sie auf unser Konto\nIBAN DE21860000000086001055", True),
        ("Bankverbindung:\nBank: Musterbank\nIBAN DE21860000000086001055", True),
        ("Der Betrag wird per SEPA-Lastschrift von der IBAN DE21860000000086001055 eingezogen.", False),
        ("Zahlung per Lastschrift\nIBAN: DE21860000000086001055", False),
        ("SEPA-Mandat M-1\nKontoinhaber: Kunde GmbH\nIBAN: DE21860000000086001055 BIC: MARKDEF1860", False),
        ("Zahlungspflichtiger\nKunde AG\nIBAN DE21860000000086001055", False),
        ("Direct debit from your account\nIBAN DE21860000000086001055", False),
    ],
)
def test_the_account_that_is_debited_is_the_customers(bank: str, own: bool) -> None:
    found = values(LETTER + bank)
    assert (found["iban"].state == "proven") == own
    assert found["bic"].state != "proven"
