"""What a tenant is not told of a decision."""

from __future__ import annotations

from rechenwerk.office.books import _unpriced


def test_prices_of_the_operator_are_not_told_to_tenants() -> None:
    decided = {
        "deployment": "azure/gpt",
        "price": {"list": "0.36", "contract_effect": "-0.36"},
        "alternatives": [{"deployment": "ionos/gpt", "next_unit": "0.1", "why": "its next unit is dearer"}],
    }
    assert _unpriced(decided) == {
        "deployment": "azure/gpt",
        "alternatives": [{"deployment": "ionos/gpt", "why": "its next unit is dearer"}],
    }
    assert _unpriced({"reason": "the only deployment"}) == {"reason": "the only deployment"}
