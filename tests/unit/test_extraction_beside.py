"""What stands beside a value and takes its proof: another's account, a second bound, a plan."""

from __future__ import annotations

from typing import Any

import pytest

from rechenwerk.documents.extracting.extract import by_rules
from rechenwerk.documents.extracting.schemas import read_schema, ready
from rechenwerk.documents.schemas import Schema
from tests.unit.drawn import drawn

IBAN = "DE02120300000000202051"
BANK = f"IBAN: {IBAN}\nBIC: BYLADEM1001"


def proven(drawing: str, schema: Schema | None = None) -> dict[str, Any]:
    found = by_rules(drawn(drawing), schema or ready("invoice"))
    return {value.field: value.value for value in found if value.state == "proven"}


@pytest.mark.parametrize(
    ("line", "suppliers"),
    [
        ("Bitte überweisen Sie auf unser Konto", True),
        ("Die Gutschrift überweisen wir auf Ihr Konto", False),
        ("Den Betrag überweisen wir in den nächsten Tagen", False),
        ("We will transfer the credit to you", False),
        ("The refund goes to your account:\n", False),
    ],
)
def test_the_customers_account_is_not_the_suppliers(line: str, *, suppliers: bool) -> None:
    found = proven(f"{line}\n{BANK}")
    assert found.get("iban") == (IBAN if suppliers else None)
    assert found.get("bic") == ("BYLADEM1001" if suppliers else None)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Menge: mindestens 5, höchstens 10", None),
        ("Menge: mindestens 5 und höchstens 10", None),
        ("Menge: 5, max. 10", None),
        ("Menge: mindestens 5", "5"),
        ("Menge: 5, Preis: 10", "5"),
    ],
)
def test_an_amount_with_two_bounds_is_not_one_of_them(line: str, number: str | None) -> None:
    assert proven(line, read_schema("Menge (Zahl)")).get("menge", {}).get("number") == number


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("Lieferung am 20.05.2025", "2025-05-20"),
        ("Lieferung am 20.05.2025 geplant", None),
        ("Lieferung am 20.05.2025, Montage geplant", "2025-05-20"),
        ("Liefertermin: voraussichtlich 20.05.2025", None),
    ],
)
def test_a_day_that_is_only_planned_is_for_a_person(line: str, day: str | None) -> None:
    assert proven(f"Bestellung vom 03.04.2025\n{line}", ready("order")).get("delivery_date") == day


AMOUNTS = "Nettobetrag      100,00\nUSt 19 %      19,00\nGesamtbetrag      119,00"


@pytest.mark.parametrize(
    ("drawing", "currency"),
    [
        (AMOUNTS, None),
        (f"{AMOUNTS}\n\nWir spenden 5 $ je Kunde.", None),
        (f"{AMOUNTS}\n\nAlle Beträge in EUR.", "EUR"),
        (f"{AMOUNTS}\n\nAlle Beträge in EUR. Wir spenden 5 $ je Kunde.", "EUR"),
        (AMOUNTS.replace("betrag ", "betrag in CHF "), "CHF"),
        (AMOUNTS.replace("100,00", "100,00 €").replace("119,00", "119,00 €"), "EUR"),
        (AMOUNTS.replace("119,00", "119,00 €"), None),
    ],
)
def test_a_currency_that_only_stands_somewhere_is_no_amounts(drawing: str, currency: str | None) -> None:
    found = proven(f"Rechnung Nr. 4711\n\n{drawing}")
    assert found.get("net", {}).get("currency") == currency
    assert found.get("tax", {}).get("currency") == currency
    assert found.get("currency") in {currency, None}
