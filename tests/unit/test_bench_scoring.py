"""How the bench judges values: a table of what is given, what is true, and the verdict."""

from __future__ import annotations

from typing import Any

import pytest
from bench.documents.scoring import Given, Score, agrees, judge, judge_rows, upper

EUR = {"currency": "EUR", "qualifier": ""}


def proven(value: Any) -> Given:
    return Given(value, "proven")


def euros(amount: str) -> Given:
    return proven({"amount": amount, **EUR})


@pytest.mark.parametrize(
    ("field", "value", "truth", "right"),
    [
        ("gross", {"amount": "119.00", **EUR}, "119", True),
        ("gross", {"amount": "-119.00", **EUR}, "119", False),
        ("prepaid", {"amount": "-50.00", **EUR}, "50.00", True),
        ("gross", {"amount": "119.00", "currency": "USD"}, "119", False),
        ("gross", {"amount": "119.00", "currency": "EUR", "qualifier": "about"}, "119", False),
        ("invoice_date", "2025-04-03", "2025-04-03", True),
        ("invoice_date", "2025-03-04", "2025-04-03", False),
        ("iban", "DE89370400440532013000", ["DE00", "DE89370400440532013000"], True),
        ("supplier", "Herrn  Max Mustermann", "Max Mustermann", True),
        ("supplier", "Muster", "Muster GmbH", False),
        ("description", "Papier 80 g/m2, inkl. Versand", "Papier 80 g/m²", True),
        ("tax_rate", {"number": "19", "unit": "%"}, "19", True),
        ("service_period", {"from": "2025-01-01", "to": "2025-01-31"}, {"from": "2025-01-01"}, False),
    ],
)  # fmt: skip
def test_agreement(field: str, value: Any, truth: Any, right: bool) -> None:
    assert agrees(field, value, truth, "EUR") is right


def verdicts(
    given: dict[str, Given], said: dict[str, Any], derived: frozenset[str], xml: dict[str, Any]
) -> dict[str, str]:
    fields = ("invoice_number", "due_date", "net", "gross")
    return {one.field: one.verdict for one in judge("x", given, said, derived, xml, fields)}


def test_verdicts_of_header_fields() -> None:
    said = {"invoice_number": "7", "due_date": "2025-01-15", "gross": "-119.00", "currency": "EUR"}
    given = {
        "invoice_number": Given("7", "unproven"),
        "due_date": proven("2025-01-14"),
        "net": euros("100.00"),
        "gross": Given(None, "absent"),
    }
    found = verdicts(given, said, frozenset({"due_date"}), {"net": "100.00", "due_date": "2025-01-15"})
    assert found == {"invoice_number": "open", "due_date": "wrong", "net": "right", "gross": "unseen"}
    assert verdicts({}, said, frozenset({"due_date"}), {})["due_date"] == "silent"
    assert verdicts({"net": euros("99.00")}, said, frozenset(), {"net": "100.00"})["net"] == "wrong"


def rows(*amounts: str) -> dict[str, Given]:
    return {f"items.{number}.amount": euros(amount) for number, amount in enumerate(amounts)}


def test_rows_are_compared_in_their_order() -> None:
    truth = [{"amount": "1.00"}, {"amount": "2.00"}, {"amount": "3.00"}]
    skipped = [one.verdict for one in judge_rows("x", rows("1.00", "3.00"), truth, "EUR")]
    assert sorted(skipped) == ["right", "right", "unseen"]
    more = [one.verdict for one in judge_rows("x", rows("1.00", "2.00", "9.00", "3.00"), truth, "EUR")]
    assert sorted(more) == ["right", "right", "right", "wrong"]
    changed = [one.verdict for one in judge_rows("x", rows("1.00", "2.50", "3.00"), truth, "EUR")]
    assert sorted(changed) == ["right", "right", "wrong"]


def test_shares() -> None:
    score = Score()
    said = {"invoice_number": "7", "net": "1.00"}
    score.add(judge("x", {"invoice_number": proven("7"), "net": euros("2.00")}, said, frozenset(), {}))
    assert (score.accepted, score.wrong, score.share) == (2, 0.5, 0.5)


@pytest.mark.parametrize(
    ("found", "tried", "bound"),
    [(0, 100, 1 - 0.05 ** (1 / 100)), (0, 1, 0.95), (10, 10, 1.0), (0, 0, 1.0)],
)
def test_upper_bound_of_clopper_and_pearson(found: int, tried: int, bound: float) -> None:
    """None of n: the share p at which (1 - p) ** n is one in twenty."""
    assert upper(found, tried) == pytest.approx(bound)
