"""Every change leaves a note: who, from where, what stood and what stands, and never a secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest

from rechenwerk.office.access import KeysRealm
from rechenwerk.office.noting import EVENTS, PREFIX, QUIET, SAFE
from tests.flows.office_desk import DEFAULT, Office

ITSELF = frozenset(
    {
        *(f"PUT /projects/{{name}}/{what}" for what in ("budget", "limits", "data-class", "service")),
        "POST /projects",
        "POST /keys",
        "POST /keys/{key}/revoke",
        "PUT /keys/{key}/budget",
        "PUT /budgets/organisation",
        "PUT /books/statement-settings",
        "POST /apply",
        "PATCH /me",
        "PUT /me/password",
        "PUT /me/organisation",
        "POST /sign-in",
        "POST /sign-out",
        "POST /plans",
        "POST /plans/example",
        "POST /plans/from-books",
        "PUT /plans/{plan}",
        "PUT /plans/{plan}/main",
        "PUT /deployments/{deployment}/limits",
        *(
            f"{method} /{what}/out"
            for method in ("PUT", "DELETE")
            for what in ("providers/{name}", "deployments/{deployment}")
        ),
        "PUT /people/{email}",
        "DELETE /people/{email}",
        "POST /invitations",
        "POST /invitations/accept",
        "DELETE /invitations/{invitation}",
        # In the transaction of the deed.
        "PUT /pools/{name}",
        "PUT /pools/{name}/tariff",
        "POST /sales",
        "POST /sales/{sale}/cancel",
        "PUT /reserve",
        *(f"POST /reserve/draws{what}" for what in ("", "/{draw}/approve", "/{draw}/end")),
        *(f"POST /grants{what}" for what in ("", "/{grant}/approve", "/{grant}/decline", "/reclaim")),
    }
)
"""Routes that write their own note, with what stood before where something did."""


def routes(office: Office) -> set[str]:
    """Such as ``POST /projects``, as the API documents them."""
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, methods in office.app.openapi()["paths"].items()
        for method in methods
    }


def events(office: Office) -> list[Any]:
    found: list[Any] = office.sql("select * from audit_event order by id")
    return found


def test_every_route_that_changes_something_has_a_name_in_the_audit(office: Office) -> None:
    known = routes(office)
    unsafe = {one for one in known if one.split()[0] not in SAFE}
    assert len(unsafe) > 60
    assert sorted(unsafe - set(EVENTS) - set(QUIET) - ITSELF) == []
    assert (set(EVENTS) | set(QUIET) | ITSELF) - known == set(), "names of routes that are gone"


def test_a_route_without_a_name_leaves_a_note_all_the_same(office: Office) -> None:
    async def odd(realm: KeysRealm, thing: str) -> dict[str, str]:
        return {"done": thing, "in": realm.organisation}

    office.app.add_api_route(f"{PREFIX}/odd/{{thing}}", odd, methods=["POST"])
    office.ok("POST", "/odd/one", json={"secret": "x"})
    (event,) = events(office)
    assert (event["what"], event["who"], event["address"]) == ("POST /odd/{thing}", "admin", "127.0.0.1")
    assert (event["before"], event["after"]) == (None, None)


def test_a_change_whose_note_cannot_be_written_is_no_success(office: Office) -> None:
    office.sql(
        "create function no_note() returns trigger language plpgsql as"
        " $$ begin raise exception 'the disk is full'; end $$"
    )
    office.sql("create trigger no_note before insert on audit_event execute function no_note()")
    answer = office.answer("POST", "/alerts", json={"name": "low", "mail": "a@example.org", "at": [80]})
    assert answer.status_code == 500
    office.sql("drop trigger no_note on audit_event")


def test_before_and_after(office: Office) -> None:
    office.ok("POST", "/projects", json={"name": "research"})
    office.ok("PUT", "/projects/research/budget", json={"period": "day", "amount": "1"})
    office.ok("PUT", "/projects/research/budget", json={"period": "day", "amount": "2", "hard": False})
    office.ok("PUT", "/projects/research/limits", json={"requests_per_minute": 5})
    office.ok("PUT", "/projects/research/data-class", json={"data_class": "restricted"})
    office.ok("PUT", "/projects/research/service", json={"weight": 7})
    key = office.ok("POST", "/keys", json={"project": "research", "name": "bot"})["id"]
    office.ok("PUT", f"/keys/{key}/budget", json={"period": "day", "amount": "3"})
    office.ok("POST", f"/keys/{key}/revoke")
    office.ok("PUT", "/budgets/organisation", json={"period": "year", "amount": "9"})
    found = [
        (one["what"], one["subject"], one["before"], one["after"])
        for one in reversed(office.ok("GET", "/audit")["events"])
    ]
    assert [one[:2] for one in found] == [
        ("project made", "project research"),
        ("budget set", "project research"),
        ("budget set", "project research"),
        ("limits set", "project research"),
        ("data class set", "project research"),
        ("service set", "project research"),
        ("key made", f"key {key}"),
        ("budget set", f"key {key}"),
        ("key revoked", f"key {key}"),
        ("budget set", "organisation default"),
    ]
    assert found[2][2:] == ({"day": "1.00 (hard)"}, {"day": "2.00 (soft)"})
    assert found[3][3]["requests_per_minute"] == 5
    assert found[4][2:] == ({"data_class": "internal"}, {"data_class": "restricted"})
    assert found[5][2:] == (
        {"service_class": "standard", "weight": 1},
        {"service_class": "standard", "weight": 7},
    )
    assert found[7][2:] == ({}, {"day": "3.00 (hard)"})
    assert (found[8][2]["name"], found[8][3]) == ("bot", None)


def test_a_configuration_is_noted_as_its_differences_and_a_look_is_not(office: Office) -> None:
    text = f'{DEFAULT}\n[[provider]]\nname = "other"\nkind = "openai"\nbase_url = "https://a.example/v1"\n'
    office.ok("POST", "/apply", json={"text": text, "dry_run": True})
    assert events(office) == []
    office.ok("POST", "/apply", json={"text": text})
    (event,) = office.ok("GET", "/audit")["events"]
    assert (event["what"], event["subject"]) == ("configuration applied", "configuration of operator")
    assert event["before"] == {"provider other": None}
    assert event["after"]["provider other"]["base_url"] == "https://a.example/v1"


def test_what_was_refused_leaves_no_note(office: Office, neighbour: str) -> None:
    there = len(events(office))
    office.refused(404, "PUT", "/projects/none/budget", json={"period": "day", "amount": "1"})
    office.refused(403, "POST", "/organisations", neighbour, json={"name": "third"})
    office.refused(422, "POST", "/keys", json={"project": "default"})
    office.ok("POST", "/tariffs/check", json={"text": DEFAULT})
    assert len(events(office)) == there


def test_a_note_stands_in_the_organisation_that_was_changed(office: Office, neighbour: str) -> None:
    office.ok(
        "PUT", "/budgets/organisation", json={"period": "year", "amount": "9", "organisation": "neighbour"}
    )
    office.ok("POST", "/wallets", json={"organisation": "neighbour"})
    found = office.ok("GET", "/audit", neighbour)["events"]
    assert [one["what"] for one in found[:2]] == ["wallet opened", "budget set"]
    assert {one["who"] for one in found[:2]} == {"admin"}
    assert all(one["organisation"] == "neighbour" for one in found)
    own = office.ok("GET", "/audit", params={"organisation": "default"})["events"]
    assert "wallet opened" not in [one["what"] for one in own]


SECRETS = ("sk-very-secret", "a long password of ada", "rw-", "whsec_")


def test_no_secret_is_ever_in_a_note(office: Office) -> None:
    office.ok("PUT", "/providers/embedded/secret", json={"secret": "sk-very-secret"})
    office.ok("DELETE", "/providers/embedded/secret")
    key = office.ok("POST", "/keys", json={"project": "default", "name": "bot"})["key"]
    hook = {"name": "hook", "at": [80], "webhook": "https://93.184.216.34/hook?token=sk-very-secret"}
    office.ok("POST", "/alerts", json=hook)
    invited = office.ok("POST", "/invitations", json={"role": "owner", "project": "default"})
    accepted = {
        "token": invited["token"],
        "email": "ada@example.org",
        "name": "Ada",
        "password": "a long password of ada",
    }
    office.ok("POST", "/invitations/accept", None, json=accepted)
    signed = {"email": "ada@example.org", "password": "a long password of ada"}
    office.client.cookies.clear()
    office.ok("POST", "/sign-in", None, json=signed)
    office.client.cookies.clear()
    text = "\n".join(str(tuple(one.values())) for one in events(office))
    whats = {one["what"] for one in events(office)}
    assert whats >= {
        "provider's key stored",
        "provider's key removed",
        "key made",
        "alert made",
        "person invited",
        "person joined",
        "signed in",
    }
    for secret in (*SECRETS[:2], key, invited["token"], "whsec_"):
        assert secret not in text


def test_the_search_goes_beyond_a_thousand_events(office: Office) -> None:
    _fill(office, 2500)
    found = office.ok("GET", "/audit", params={"q": "THING 77", "who": "somebody", "limit": 1000})
    assert found["next"] is None
    assert len(found["events"]) == sum("77" in str(n) for n in range(2500))
    one = office.ok("GET", "/audit", params={"subject": "thing 3"})["events"]
    assert [event["subject"] for event in one] == ["thing 3"]
    assert office.ok("GET", "/audit", params={"what": "odd", "limit": 1000})["next"] is not None
    assert office.ok("GET", "/audit/kinds")["kinds"] == ["even", "odd"]
    assert office.ok("GET", "/audit", params={"from": "2027-01-16"})["events"] == []
    seen: list[int] = []
    page: Any = {"next": 1 << 60}
    while page["next"] is not None:
        page = office.ok("GET", "/audit", params={"limit": 700, "before": page["next"]})
        seen += [event["id"] for event in page["events"]]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 2500


def _fill(office: Office, count: int) -> None:
    office.sql(
        "insert into audit_event (at, organisation_id, actor_organisation, key_id, who, what, subject)"
        " select $2, o.id, o.id, k.id, 'somebody', case when n % 2 = 0 then 'even' else 'odd' end,"
        " 'thing ' || n from generate_series(0, $1::integer - 1) n, organisation o"
        " join api_key k on k.organisation_id = o.id"
        " where o.name = 'default'",
        count,
        datetime.fromtimestamp(office.clock.at, UTC),
    )


def test_everything_is_downloaded_and_no_cell_is_a_formula(office: Office) -> None:
    _fill(office, 1200)
    office.ok("POST", "/projects", json={"name": "=cmd()"})
    office.sql(
        "insert into audit_event (at, organisation_id, actor_organisation, who, what, subject)"
        " select now(), id, id, '=1+1', 'odd', '@evil' from organisation where name = 'default'"
    )
    lines = office.answer("GET", "/audit/export").text.splitlines()
    assert len(lines) == 1 + 1202 + 1, "this download's own note too"
    assert "'=1+1" in lines[2]
    assert "'@evil" in lines[2]
    rows = office.answer("GET", "/audit/export", params={"format": "jsonl", "what": "even"}).text.splitlines()
    assert len(rows) == 600
    assert msgspec.json.decode(rows[0])["subject"] == "thing 1198"


def test_an_event_that_was_altered_behind_the_database_is_found(office: Office) -> None:
    _fill(office, 50)
    good = office.ok("GET", "/audit/verify", params={"organisation": "default"})
    assert (good["ok"], good["events"], good["broken"]) == (True, 50, None)
    assert len(good["head"]) == 64
    with pytest.raises(asyncpg.PostgresError, match="append"):
        office.sql("update audit_event set who = 'nobody' where id = 20")
    with pytest.raises(asyncpg.PostgresError, match="append"):
        office.sql("delete from audit_link")
    office.sql("alter table audit_event disable trigger all")
    office.sql("update audit_event set who = 'nobody' where id = 20")
    bad = office.ok("GET", "/audit/verify", params={"organisation": "default"})
    assert (bad["ok"], bad["broken"]) == (False, 20)
    office.sql("update audit_event set who = 'somebody' where id = 20")
    assert office.ok("GET", "/audit/verify", params={"organisation": "default"}) == good
    office.sql(
        "insert into audit_event (at, organisation_id, actor_organisation, who, what, subject)"
        " select now(), id, id, 'x', 'y', 'z' from organisation where name = 'default'"
    )
    assert not office.ok("GET", "/audit/verify", params={"organisation": "default"})["ok"]
