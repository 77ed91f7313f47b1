"""The office over a real PostgreSQL: tenants, keys, budgets, configuration, books, and the wall."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.identity.keys import hash_key
from rechenwerk.office.first_run import first_run
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office

CENT = NANO // 100


# The first start


def test_first_start_makes_one_admin_and_a_second_start_changes_nothing(office: Office) -> None:
    assert office.first.key.startswith("rw-")
    assert office.runner.run(first_run(office.desk, DEFAULT)) is None
    keys = office.ok("GET", "/keys")["keys"]
    assert [(key["name"], key["scopes"]) for key in keys] == [
        ("admin", ["inference", "books", "keys", "documents", "operator"])
    ]
    budget = office.ok("GET", "/projects")["projects"][0]["budgets"][0]
    assert (budget["period"], budget["amount"], budget["hard"]) == ("month", "100.00", True)
    models = {row["model"] for row in office.sql("select model from deployment where organisation_id = 0")}
    assert models == {"smollm2-135m", "potion-multilingual"}


# Keys


def test_a_key_is_shown_once_and_stored_as_a_hash(office: Office) -> None:
    made = office.ok("POST", "/keys", json={"project": "default", "name": "app"})
    key = made["key"]
    assert made["scopes"] == ["inference"]
    assert key not in office.answer("GET", "/keys").text
    row = office.sql("select hash, hint from api_key where id = $1", made["id"])[0]
    assert row["hash"] == hash_key(key.encode())
    assert row["hint"] == made["hint"] != key


def test_a_key_opens_only_what_its_scopes_say(office: Office) -> None:
    books, keys = office.key("default", "books"), office.key("default", "keys")
    inference = office.key("default")
    office.ok("GET", "/books/balance", books)
    office.ok("GET", "/projects", keys)
    for path, key in (("/projects", books), ("/books/balance", keys), ("/keys", inference)):
        error = office.refused(403, "GET", path, key)
        assert error["code"] == "missing_scope"
    office.refused(403, "GET", "/organisations", keys)
    office.refused(403, "POST", "/apply", keys, json={"text": DEFAULT, "dry_run": True})


def test_no_key_or_a_wrong_one(office: Office) -> None:
    assert office.refused(401, "GET", "/keys", None)["code"] == "missing_api_key"
    assert office.refused(401, "GET", "/keys", "rw-nobody")["code"] == "invalid_api_key"
    answer = office.answer("GET", "/keys", "rw-nobody")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_expired_key_opens_nothing(office: Office) -> None:
    key = office.key("default", "keys", expires_in_days=2)
    office.ok("GET", "/keys", key)
    office.clock.at += 2 * 86_400
    office.refused(401, "GET", "/keys", key)


def test_revoking_twice_is_revoking_once(office: Office) -> None:
    made = office.ok("POST", "/keys", json={"project": "default", "name": "app", "scopes": ["keys"]})
    first = office.ok("POST", f"/keys/{made['id']}/revoke")
    office.refused(401, "GET", "/keys", made["key"])
    office.clock.at += 60
    assert office.ok("POST", f"/keys/{made['id']}/revoke")["revoked_at"] == first["revoked_at"]
    assert office.ok("POST", "/keys/app/revoke")["revoked_at"] == first["revoked_at"]


def test_a_key_is_revoked_by_hint_or_name_only_when_one_has_it(office: Office) -> None:
    one = office.ok("POST", "/keys", json={"project": "default", "name": "twin"})
    two = office.ok("POST", "/keys", json={"project": "default", "name": "twin"})
    error = office.refused(409, "POST", "/keys/twin/revoke")
    assert str(one["id"]) in error["message"]
    assert office.ok("POST", f"/keys/{one['hint']}/revoke")["id"] == one["id"]
    assert office.ok("POST", "/keys/twin/revoke")["id"] == two["id"]
    office.refused(404, "POST", "/keys/nobody/revoke")
    office.refused(404, "POST", f"/keys/{10**30}/revoke")


def test_nobody_gives_a_right_that_he_does_not_have(office: Office) -> None:
    keys = office.key("default", "keys")
    for scope in ("operator", "books"):
        body = {"project": "default", "name": "more", "scopes": [scope]}
        assert office.refused(403, "POST", "/keys", keys, json=body)["param"] == "scopes"
    office.ok("POST", "/keys", keys, json={"project": "default", "name": "app"})
    office.refused(403, "POST", "/keys/admin/revoke", keys)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "x"}, "project"),
        ({"project": "default", "name": ""}, "name"),
        ({"project": "default", "name": "x" * 101}, "name"),
        ({"project": "default", "name": "a/b"}, "name"),
        ({"project": "default", "name": "a\u0000b"}, "name"),
        ({"project": "default", "name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"project": "default", "name": "x", "scopes": []}, "scopes"),
        ({"project": "default", "name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"project": "default", "name": "x", "colour": "red"}, "colour"),
        ({"project": "default", "name": "x", "limits": {"requests_per_minute": -1}}, None),
        ({"project": "default", "name": "x", "budgets": [{"period": "day", "amount": "1e99"}]}, None),
        ({"project": "default", "name": "x", "budgets": [{"period": "day", "amount": 1.5}]}, None),
        ({"project": "default", "name": "x", "budgets": [{"period": "day", "amount": "-1"}]}, None),
        ({"project": "default", "name": "x", "budgets": [{"period": "day", "amount": "1"}] * 2}, "budgets"),
    ],
)
def test_a_wrong_body_is_refused_in_one_line(office: Office, body: dict[str, Any], param: str | None) -> None:
    error = office.refused(422, "POST", "/keys", json=body)
    assert error["type"] == "invalid_request_error"
    if param:
        assert error["param"] == param


def test_errors_outside_the_routes_have_the_same_shape(office: Office) -> None:
    office.refused(404, "GET", "/nothing")
    office.refused(405, "DELETE", "/keys")
    office.refused(422, "POST", "/projects", content=b"{not json")
    office.refused(413, "POST", "/apply", None, content=b" " * 5_000_000)


def test_without_its_database_the_office_says_so(office: Office) -> None:
    class Away:
        async def caller(self, *_: object) -> None:
            raise ConnectionRefusedError

    office.app.state.office = msgspec.structs.replace(
        office.app.state.office, desk=msgspec.structs.replace(office.desk, tenants=Away())
    )
    assert office.refused(503, "GET", "/keys")["code"] == "database_away"


# Projects, budgets, limits


def test_budgets_are_set_changed_shown_and_removed(office: Office) -> None:
    office.ok("POST", "/projects", json={"name": "lab"})
    assert office.refused(409, "POST", "/projects", json={"name": "lab"})["code"] == "name_taken"
    office.ok("PUT", "/projects/lab/budget", json={"period": "day", "amount": "5.00"})
    shown = office.ok("PUT", "/projects/lab/budget", json={"period": "day", "amount": "6", "hard": False})
    assert shown["budgets"] == [
        {
            "period": "day",
            "amount": "6.00",
            "hard": False,
            "granted": "0.00",
            "held": "0.00",
            "posted": "0.00",
            "free": "6.00",
        }
    ]
    assert office.ok("PUT", "/projects/lab/budget", json={"period": "day", "amount": None})["budgets"] == []
    office.refused(404, "PUT", "/projects/nowhere/budget", json={"period": "day", "amount": "5.00"})


def test_limits_that_are_left_out_stay(office: Office) -> None:
    put = "/projects/default/limits"
    office.ok("PUT", put, json={"requests_per_minute": 60, "concurrent_calls": 4})
    shown = office.ok("PUT", put, json={"tokens_per_minute": 1000, "concurrent_calls": None})
    assert shown["limits"] == {
        "requests_per_minute": 60,
        "tokens_per_minute": 1000,
        "concurrent_calls": None,
    }


def test_a_key_carries_budgets_and_limits_of_its_own(office: Office) -> None:
    made = office.ok(
        "POST",
        "/keys",
        json={
            "project": "default",
            "name": "job",
            "budgets": [
                {"period": "total", "amount": "1.50"},
                {"period": "day", "amount": "1", "hard": False},
            ],
            "limits": {"requests_per_minute": 5},
        },
    )
    assert {(one["period"], one["amount"], one["hard"]) for one in made["budgets"]} == {
        ("total", "1.50", True),
        ("day", "1.00", False),
    }
    assert made["limits"]["requests_per_minute"] == 5
    project = office.ok("GET", "/projects")["projects"][0]
    assert [one["period"] for one in project["budgets"]] == ["month"]


def test_a_budget_shows_what_its_window_has_seen(office: Office, bookkeeper: Bookkeeper) -> None:
    bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 4 * CENT, 3 * CENT)
    bookkeeper.hold("default", 20 * CENT)
    budget = office.ok("GET", "/projects")["projects"][0]["budgets"][0]
    assert (budget["granted"], budget["held"], budget["posted"]) == ("0.30", "0.20", "0.04")
    assert budget["free"] == "99.76"
    office.clock.at += 40 * 86_400
    assert office.ok("GET", "/projects")["projects"][0]["budgets"][0]["posted"] == "0.00"


# Configuration


def test_applying_twice_changes_nothing_the_second_time(office: Office) -> None:
    assert office.ok("POST", "/apply", json={"text": DEFAULT})["changes"] == []
    dearer = DEFAULT.replace('output = "0.075"', 'output = "0.08"')
    planned = office.ok("POST", "/apply", json={"text": dearer, "dry_run": True})
    assert planned["applied"] is False
    done = office.ok("POST", "/apply", json={"text": dearer})
    assert done["changes"] == planned["changes"]
    (change,) = done["changes"]
    assert (change["what"], change["action"]) == ("tariff", "change")
    assert office.ok("POST", "/apply", json={"text": dearer})["changes"] == []
    rows = office.sql("select terms from tariff where model = 'smollm2-135m' order by valid_from")
    assert ["0.075" in row["terms"] for row in rows] == [True, False]


def test_what_is_missing_is_deactivated_and_comes_back(office: Office) -> None:
    start, end = DEFAULT.index('[[deployment]]\nmodel = "potion'), DEFAULT.index("[[tariff]]")
    smaller = DEFAULT[:start] + DEFAULT[end : DEFAULT.index('[[tariff]]\nmodel = "potion')]
    changes = office.ok("POST", "/apply", json={"text": smaller})["changes"]
    (gone,) = [one for one in changes if one["what"] == "deployment"]
    name = "potion-multilingual at embedded-embeddings under embedded embeddings on demand"
    assert (gone["action"], gone["name"]) == ("deactivate", name)
    assert office.ok("POST", "/apply", json={"text": smaller})["changes"] == []
    changes = office.ok("POST", "/apply", json={"text": DEFAULT})["changes"]
    (back,) = [one for one in changes if one["what"] == "deployment"]
    assert (back["action"], back["before"]["active"], back["after"]["active"]) == ("change", False, True)
    assert len(office.sql("select * from deployment")) == 2


def test_a_wrong_file_names_every_line_and_changes_nothing(office: Office) -> None:
    wrong = DEFAULT.replace('kind = "embedded"', 'kind = "embeded"', 1).replace('"0.05"', "0.05")
    answer = office.answer("POST", "/apply", json={"text": wrong})
    assert answer.status_code == 422
    lines = wrong.splitlines()
    assert [lines[one["line"] - 1] for one in answer.json()["errors"]] == [
        'kind = "embeded"',
        'cost = { input = "0.01", output = 0.05 }',
    ]
    assert answer.json()["errors"][0]["fix"] == "did you mean 'embedded'?"


def test_the_currency_is_fixed_once_calls_are_booked(office: Office, bookkeeper: Bookkeeper) -> None:
    dollars = DEFAULT.replace('"EUR"', '"USD"')
    before = office.sql("select version from installation")[0]["version"]
    changed = office.ok("POST", "/apply", json={"text": dollars})["changes"]
    assert {one["what"] for one in changed} == {"currency", "cost", "tariff"}
    assert office.sql("select version from installation")[0]["version"] > before
    bookkeeper.hold("default", CENT)
    error = office.refused(422, "POST", "/apply", json={"text": DEFAULT})
    assert "booked in USD" in error["message"]


def test_an_organisation_can_have_a_configuration_of_its_own(office: Office, neighbour: str) -> None:
    done = office.ok("POST", "/apply", json={"text": DEFAULT, "organisation": "neighbour"})
    assert done["organisation"] == "neighbour"
    assert len(done["changes"]) == 10
    rows = office.sql("select distinct organisation_id from deployment order by 1")
    assert len(rows) == 2
    dollars = DEFAULT.replace('"EUR"', '"USD"')
    office.refused(422, "POST", "/apply", json={"text": dollars, "organisation": "neighbour"})
    office.refused(422, "POST", "/apply", json={"text": dollars})
    office.refused(403, "POST", "/apply", neighbour, json={"text": DEFAULT})


# Books


def test_the_books_of_a_day(office: Office, bookkeeper: Bookkeeper) -> None:
    posted = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 4 * CENT, 3 * CENT)
    over = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 12 * CENT, 3 * CENT)
    failed = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "failed", 0, CENT)
    void = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "void", 0, 0)
    lost = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "unresolved", 5 * CENT, 2 * CENT)
    balance = office.ok("GET", "/books/balance")
    table = {one["kind"]: one["balance"] for one in balance["accounts"]}
    assert table == {
        "receivable": "0.14",
        "overrun": "0.02",
        "unresolved_price": "0.05",
        "revenue": "-0.21",
        "cost": "0.06",
        "failed": "0.01",
        "unresolved_cost": "0.02",
        "payable": "-0.09",
    }
    assert balance["total"]["balance"] == "0.00"
    assert balance["total"]["debit"] == balance["total"]["credit"] == "0.30"
    journal = office.ok("GET", "/books/journal")
    assert [one["id"] for one in journal["calls"]] == [lost, void, failed, over, posted]
    assert journal["calls"][4]["transfers"] == [
        {
            "debit": "cost(default, embedded on demand)",
            "credit": "payable(embedded on demand)",
            "amount": "0.03",
        },
        {"debit": "receivable(default)", "credit": "revenue(default)", "amount": "0.04"},
    ]
    assert journal["calls"][1]["transfers"] == []
    page = office.ok("GET", "/books/journal", params={"limit": 2})
    assert [one["id"] for one in page["calls"]] == [lost, void]
    after = office.ok("GET", "/books/journal", params={"limit": 9, "before": page["next"]})
    assert [one["id"] for one in after["calls"]] == [failed, over, posted]
    assert after["next"] is None
    verified = office.ok("GET", "/books/verify")
    assert verified["ok"], verified
    shown = office.ok("GET", f"/books/calls/{posted}")
    assert (shown["price"], shown["cost"], shown["charged"]) == ("0.04", "0.03", "0.04")
    assert shown["usage"]["output"] == 20
    assert shown["raw_usage"] == '{"prompt_tokens":10}'
    (same,) = office.ok("GET", "/books/journal", params={"call": posted})["calls"]
    assert same["id"] == posted
    assert office.ok("GET", "/books/journal", params={"project": "default", "limit": 1})["calls"]


def test_verify_names_the_call_that_was_booked_wrong(office: Office, bookkeeper: Bookkeeper) -> None:
    call = bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", CENT, CENT, moves=False)
    verified = office.ok("GET", "/books/verify")
    wrong = {one["name"]: one["detail"] for one in verified["checks"] if not one["ok"]}
    assert verified["ok"] is False
    assert set(wrong) == {
        "every call's price is on revenue",
        "every call's cost is on payable",
        "every contract's draws are what is payable under it",
    }
    assert call in wrong["every call's price is on revenue"]


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("update slice set held = held + 1", "every slice holds what its calls under way hold"),
        ("update slice set posted = posted - 1", "every slice has posted what its calls were charged"),
        ("update guard_window set granted = granted + 1", "every guard has granted what its slices have"),
        (
            "alter table call disable trigger append_only; update call set charged = 0",
            "every call is charged its price, never more than it held",
        ),
        (
            "alter table transfer disable trigger append_only; update transfer set call_id = 7",
            "every transfer belongs to a call, a fee or a voucher",
        ),
        (
            "alter table transfer disable trigger append_only; update transfer set debit = credit + 1000",
            "every transfer is on accounts of its organisation",
        ),
        (
            """alter table transfer disable trigger append_only;
            update transfer set debit = (select id from account where kind = 'failed')""",
            "every transfer is on the accounts of its call",
        ),
        (
            "alter table call disable trigger append_only; update call set outcome = 'void'",
            "void calls have no transfers",
        ),
        (
            """alter table hold disable trigger append_only;
            update hold set expires_at = now() - interval '2 minutes'""",
            "no hold is older than its expiry",
        ),
        (
            """alter table guard_window drop constraint guard_is_not_passed;
            update guard_window set amount = 1""",
            "no hard guard is passed",
        ),
        (
            "update position_draw set output = output + 1",
            "every contract's draws are the cost and usage of its calls",
        ),
        ("delete from position_draw", "every contract's draws are the cost and usage of its calls"),
        ("update position_draw set amount = 1", "every contract's draws are what is payable under it"),
        (
            "alter table slice drop constraint slice_is_not_passed; update slice set held = granted + 1",
            "no slice is passed",
        ),
    ],
)
def test_verify_finds_damage_below_the_office(
    office: Office, bookkeeper: Bookkeeper, damage: str, check: str
) -> None:
    bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 4 * CENT, 3 * CENT)
    bookkeeper.hold("default", 10 * CENT)
    assert office.ok("GET", "/books/verify")["ok"]
    for statement in damage.split(";"):
        office.sql(statement)
    wrong = [one["name"] for one in office.ok("GET", "/books/verify")["checks"] if not one["ok"]]
    assert check in wrong


def test_a_call_id_that_is_none(office: Office) -> None:
    office.refused(422, "GET", "/books/calls/nonsense")
    office.refused(404, "GET", "/books/calls/call_0000000000000001")
    office.refused(404, "GET", "/books/calls/call_ffffffffffffffff")
    office.refused(422, "GET", "/books/journal", params={"before": "nonsense"})
    office.refused(404, "GET", "/books/journal", params={"project": "nowhere"})
