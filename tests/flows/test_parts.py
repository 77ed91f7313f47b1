"""Parts of long lists: the database searches, sorts and cuts keys and budgets as people expect it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.office_desk import Bookkeeper, Office

KEYS = ("Straße", "anna", "Berta", "Ärger", "")


@pytest.fixture
def crowded(office: Office, bookkeeper: Bookkeeper) -> Office:
    """A second project; keys with and without budgets, one revoked; something is spent."""
    office.ok("POST", "/projects", json={"name": "recht"})
    for place, name in enumerate(KEYS):
        project = ("default", "recht")[place % 2]
        budgets = [{"period": "month", "amount": str(place + 1)}] if place < 3 else []
        office.ok("POST", "/keys", json={"project": project, "name": name or "last", "budgets": budgets})
    office.ok("POST", "/keys/last/revoke")
    office.ok("PUT", "/budgets/organisation", json={"period": "year", "amount": "9"})
    bookkeeper.post(bookkeeper.hold("default", 2_000_000_000), "posted", 1_000_000_000, 1)
    office.ok("PUT", "/projects/default/budget", json={"period": "month", "amount": "1.2"})
    return office


def _names(office: Office, **asked: Any) -> list[str]:
    return [one["name"] for one in office.ok("GET", "/keys", params=asked)["keys"]]


def test_keys_are_sorted_without_their_cases_and_cut(crowded: Office) -> None:
    assert _names(crowded, sort="name") == ["admin", "anna", "Berta", "last", "Straße", "Ärger"]
    assert _names(crowded, sort="-name", limit=2, after=1) == ["Straße", "last"]
    assert _names(crowded, sort="used")[-3:] == ["admin", "Ärger", "last"]  # what has no budget stands last
    beyond = crowded.ok("GET", "/keys", params={"limit": 5, "after": 50, "state": "active"})
    assert (beyond["keys"], beyond["total"], beyond["whole"]) == ([], 5, 6)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"q": "STRASSE"}, ["Straße"]),
        ({"q": "recht är"}, ["Ärger"]),
        ({"q": "%"}, []),
        ({"project": "recht"}, ["anna", "Ärger"]),
        ({"state": "revoked"}, ["last"]),
    ],
)
def test_keys_are_found_by_all_words(crowded: Office, asked: dict[str, str], names: list[str]) -> None:
    assert _names(crowded, **asked) == names


@pytest.mark.parametrize(
    "sort", ["id", "name", "hint", "project", "created_at", "expires_at", "scopes", "state"]
)
def test_parts_of_a_list_make_up_the_whole(crowded: Office, sort: str) -> None:
    whole = _names(crowded, sort=sort)
    assert [
        name for after in range(0, 6, 2) for name in _names(crowded, sort=sort, limit=2, after=after)
    ] == whole


def test_budgets_are_searched_sorted_and_cut(crowded: Office) -> None:
    def whose(**asked: Any) -> list[tuple[str | None, str | None]]:
        lines = crowded.ok("GET", "/budgets", params=asked)["budgets"]
        return [(one["project"], one["key"]) for one in lines]

    whole = whose()
    assert whole[0] == (None, None)
    assert whose(limit=2) + whose(limit=50, after=2) == whole
    assert whose(q="strasse") == [("default", "Straße")]
    assert whose(kind="key", sort="-amount") == [
        ("default", "Berta"),
        ("recht", "anna"),
        ("default", "Straße"),
    ]
    assert whose(look="true") == [("default", None)]  # 1 of 1.20 is spent
    found = crowded.ok("GET", "/budgets", params={"limit": 1, "kind": "key"})
    assert (found["total"], found["whole"], found["periods"]) == (3, len(whole), ["month", "year"])


def test_accounts_are_searched_sorted_and_cut(crowded: Office) -> None:
    whole = crowded.ok("GET", "/books/balance")
    part = crowded.ok("GET", "/books/balance", params={"sort": "-debit", "limit": 1, "q": "default"})
    fitting = [one for one in whole["accounts"] if one["project"] == "default"]
    assert (part["found"], part["whole"], part["total"]) == (
        len(fitting),
        len(whole["accounts"]),
        whole["total"],
    )
    assert float(part["accounts"][0]["debit"]) == max(float(one["debit"]) for one in fitting)


@pytest.mark.parametrize("path", ["/keys", "/budgets", "/books/balance"])
def test_nothing_else_is_sorted_by(crowded: Office, path: str) -> None:
    answer = crowded.answer("GET", path, params={"sort": "hash; drop table api_key"})
    assert answer.status_code == 422
    assert "no field to sort by" in answer.text
