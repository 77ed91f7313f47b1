"""What a request's body says that the office does not know is refused, and nothing is booked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.office_desk import Office

FREE = frozenset({"ModelRequest"})
"""Bodies whose fields are somebody else's."""


def test_every_body_refuses_what_it_does_not_know(office: Office) -> None:
    api: Any = office.app.openapi()
    taken: dict[str, Any] = {}
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            content = route.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "$ref" in content.get("schema", {}):
                name = content["schema"]["$ref"].rpartition("/")[2]
                taken[f"{method} {path}"] = api["components"]["schemas"][name]
    assert {"post /api/v1/books/clearings", "post /api/v1/books/verify"} <= set(taken)
    assert [path for path, body in taken.items() if body.get("additionalProperties") is not False] == []


@pytest.mark.parametrize(
    ("path", "body", "unknown"),
    [
        ("/books/clearings", {"organisation": "neighbour"}, "organisation"),
        ("/books/clearings", {"tennant": "neighbour"}, "tennant"),
        (
            "/books/provider-payments",
            {"provider": "embedded", "amount": "1", "organisation": "x"},
            "organisation",
        ),
        (
            "/books/provider-payments",
            {"provider": "embedded", "amount": "1", "reference_": "R 1"},
            "reference_",
        ),
        ("/books/verify", {"first": "2026-03-01"}, "first"),
        ("/books/verify", {"form": "2026-03-01"}, "form"),
        ("/books/periods/2026-03/close", {"with_unresolve": True}, "with_unresolve"),
        ("/books/reconcile", {"provider": "embedded", "text": "x", "setle": True}, "setle"),
        ("/books/vouchers/-1/reverse", {"reason": "x", "at": "2026-03-01"}, "at"),
    ],
)
def test_a_misspelt_field_is_named_and_nothing_is_done(
    office: Office, path: str, body: dict[str, object], unknown: str
) -> None:
    error = office.refused(422, "POST", path, json=body)
    assert unknown in error["message"]
    assert office.ok("GET", "/books/vouchers")["vouchers"] == []
    assert office.app.state.office.proofs == {}


def test_settings_of_statements_refuse_what_they_do_not_know(office: Office) -> None:
    before = office.ok("GET", "/books/statement-settings")
    said = office.refused(422, "PUT", "/books/statement-settings", json={"prefix": "AB", "vat": "19"})
    assert "vat" in said["message"]
    assert office.ok("GET", "/books/statement-settings") == before
