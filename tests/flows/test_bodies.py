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


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/keys?q=%00", None),
        ("GET", "/projects/%00", None),
        ("GET", "/books/journal?key=%00", None),
        ("GET", "/books/journal.csv?provider=%00", None),
        ("GET", "/books/journal?since=0001-01-01T00:00:00%2B14:00", None),
        ("GET", "/audit?q=%00", None),
        ("GET", "/audit/export?who=%00", None),
        ("GET", "/audit?to=9999-12-31", None),
        ("GET", "/audit/export?from=0001-01-01T00:00:00%2B14:00", None),
        ("GET", "/audit/residency?to=9999-12-31", None),
        ("GET", "/health?provider=%00", None),
        ("PUT", "/providers/%00/out", {}),
        ("PUT", "/deployments/1/limits", {"concurrency": 2**31}),
        ("PUT", f"/deployments/{2**63}/limits", {}),
        ("POST", "/books/reconcile", {"provider": "embedded", "text": "x" * 200_000}),
    ],
)
def test_what_nothing_here_can_hold_is_one_line(
    office: Office, method: str, path: str, body: dict[str, object] | None
) -> None:
    before = (
        office.sql("select count(*) from audit_event"),
        office.sql("select * from deployment order by id"),
    )
    office.refused(422, method, path, json=body)
    assert (
        office.sql("select count(*) from audit_event"),
        office.sql("select * from deployment order by id"),
    ) == before


def test_the_versions_of_a_plan_have_numbers_that_can_be(office: Office) -> None:
    office.ok("POST", "/plans/example", json={"example": "firm", "name": "firm"})
    for number in (2**31, 2**63, 10**30):
        office.refused(422, "GET", f"/plans/firm/versions/{number}")
        office.refused(422, "POST", "/plans/firm/runs", json={"version": number})
        office.refused(422, "GET", f"/plans/firm/stress?version={number}")
    assert office.ok("GET", "/plans/firm/runs")["runs"] == []


@pytest.mark.parametrize("when", ["since=0001-01-01", "until=9998-12-31", "since=9998-12-31"])
def test_a_journal_reaches_as_far_as_the_calendar(office: Office, when: str) -> None:
    assert office.ok("GET", f"/books/journal?{when}")["calls"] == []
    assert office.answer("GET", f"/books/journal.csv?{when}").text.count("\n") == 1
