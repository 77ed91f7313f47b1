"""People: invited, signed in, given roles, thrown out; and those who try to get in otherwise."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from rechenwerk.office.people.sessions import COOKIE
from tests.flows.office_desk import Office

PASSWORD = "a long sentence of my own"
OTHER = "another sentence, longer still"
OWN = {"sec-fetch-site": "same-origin"}


class Browser:
    """Cookies of one person, and what a browser says of where its requests come from."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.cookie = ""

    def answer(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        sent = {
            **(OWN if headers is None else headers),
            **({"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}),
        }
        self.office.client.cookies.clear()
        answer = self.office.runner.run(
            self.office.client.request(method, f"/api/v1{path}", headers=sent, **more)
        )
        if COOKIE in answer.cookies:
            self.cookie = answer.cookies[COOKIE]
        return answer

    def ok(self, method: str, path: str, **more: Any) -> Any:
        answer = self.answer(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **more: Any) -> str:
        answer = self.answer(method, path, **more)
        assert answer.status_code == status, answer.text
        return str(answer.json()["error"]["code"])

    def accept(self, token: str, email: str, password: str = PASSWORD) -> Any:
        body = {"token": token, "email": email, "name": email.partition("@")[0].title(), "password": password}
        return self.ok("POST", "/invitations/accept", json=body)

    def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> Any:
        return self.ok("POST", "/sign-in", json={"email": email, "password": password, **more})


@pytest.fixture
def admin(office: Office) -> Browser:
    """Who opened the link that the first start shows."""
    browser = Browser(office)
    browser.accept(office.first.invitation, "ada@example.org")
    return browser


def invited(admin: Browser, role: str, email: str, **more: Any) -> Browser:
    token = admin.ok("POST", "/invitations", json={"role": role, **more})["token"]
    browser = Browser(admin.office)
    browser.accept(token, email)
    return browser


def test_the_first_link_makes_an_operator_once(office: Office, admin: Browser) -> None:
    me = admin.ok("GET", "/me")
    assert (me["email"], me["role"], me["organisation"]) == ("ada@example.org", "operator", "default")
    assert "operator" in me["scopes"]
    assert admin.ok("GET", "/organisations")["organisations"]
    again = Browser(office)
    body = {"token": office.first.invitation, "email": "eve@example.org", "name": "Eve", "password": PASSWORD}
    assert again.refused(404, "POST", "/invitations/accept", json=body) == "invitation_not_found"
    assert not office.sql("select from person where email = 'eve@example.org'")
    kept = office.sql("select password from person")[0]["password"]
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


def test_a_session_is_a_key_that_ends(office: Office, admin: Browser) -> None:
    cookie = admin.cookie
    assert cookie.startswith("rw-")
    assert not any(cookie in str(row) for row in office.sql("select * from api_key")), "only its hash is kept"
    assert office.ok("GET", "/me", cookie)["email"] == "ada@example.org"
    assert "ada@example.org" not in {one["name"] for one in admin.ok("GET", "/keys")["keys"]}
    office.clock.at += 12 * 3600 + 1
    assert admin.refused(401, "GET", "/me") == "invalid_api_key"
    admin.sign_in("ADA@example.org ")
    assert admin.cookie != cookie
    left = admin.cookie
    admin.ok("POST", "/sign-out")
    admin.cookie = left
    assert admin.refused(401, "GET", "/me") == "invalid_api_key"


def test_the_cookie_is_for_browsers_alone(office: Office, admin: Browser) -> None:
    answer = admin.answer("POST", "/sign-in", json={"email": "ada@example.org", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie, "the test speaks plain HTTP"
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=office.app), base_url="https://office")
    body = {"email": "ada@example.org", "password": PASSWORD}
    safe = office.runner.run(client.post("/api/v1/sign-in", json=body, headers=OWN))
    assert "secure" in safe.headers["set-cookie"].lower()


def test_a_session_that_somebody_else_set_is_not_taken_over(office: Office, admin: Browser) -> None:
    fixed = admin.cookie
    victim = invited(admin, "member", "vera@example.org")
    victim.cookie = fixed
    victim.sign_in("vera@example.org")
    assert victim.cookie != fixed
    assert victim.ok("GET", "/me")["email"] == "vera@example.org"
    assert Browser(office).refused(401, "GET", "/me") == "missing_api_key"


CROSS: tuple[dict[str, str], ...] = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {},
)


def test_other_sites_change_nothing(admin: Browser) -> None:
    before = admin.ok("GET", "/projects")
    for headers in CROSS:
        assert admin.refused(403, "POST", "/projects", headers=headers, json={"name": "evil"}) == "cross_site"
        assert admin.refused(403, "POST", "/sign-out", headers=headers) == "cross_site"
        assert admin.ok("GET", "/projects") == before
        assert admin.answer("GET", "/projects", headers=headers).is_success, "reading gives nothing away"
    assert admin.answer(
        "POST", "/projects", headers={"origin": "http://office"}, json={"name": "own"}
    ).is_success


ROLES = """
role        GET-/keys POST-/projects GET-/books/journal GET-/documents/jobs GET-/sites POST-/invitations
owner       200        201             200                 200                  403                 201
controller  403        403             200                 403                  403                 403
reviewer    403        403             403                 200                  403                 403
member      403        403             403                 403                  403                 403
auditor     200        403             200                 403                  403                 403
"""


def test_what_a_role_opens(admin: Browser) -> None:
    head, *rows = [line.split() for line in ROLES.strip().splitlines()]
    bodies = {"/projects": {"name": "mine"}, "/invitations": {"role": "member"}}
    for role, *wanted in rows:
        person = invited(admin, role, f"{role}@example.org")
        for what, status in zip(head[1:], wanted, strict=True):
            method, _, path = what.partition("-")
            more = {"json": bodies[path]} if method == "POST" else {}
            assert person.answer(method, path, **more).status_code == int(status), (role, what)


def test_an_auditor_reads_and_changes_nothing(office: Office, admin: Browser) -> None:
    auditor = invited(admin, "auditor", "otto@example.org")
    paths = office.app.openapi()["paths"]
    tables = ("project", "api_key", "guard", "provider", "deployment", "contract", "membership", "invitation")
    before = [office.sql(f"select * from {table} order by 1, 2") for table in tables]
    tried = 0
    for path, methods in paths.items():
        for method in set(methods) - {"get"}:
            if (
                not path.startswith("/api/v1")
                or "/me" in path
                or "/sign-" in path
                or path.endswith("/accept")
            ):
                continue
            at = path.removeprefix("/api/v1").replace("{name}", "default")
            at = at.replace("{", "").replace("}", "")
            answer = auditor.answer(method.upper(), at, json={})
            assert answer.status_code in {403, 404, 422, 400}, (method, path, answer.text)
            tried += 1
    assert tried > 60
    assert [office.sql(f"select * from {table} order by 1, 2") for table in tables] == before


def test_nobody_gives_more_than_he_has(admin: Browser) -> None:
    owner = invited(admin, "owner", "olga@example.org")
    assert owner.refused(403, "POST", "/invitations", json={"role": "operator"}) == "missing_scope"
    invited(owner, "auditor", "otto@example.org")
    assert owner.refused(403, "PUT", "/people/otto@example.org", json={"role": "operator"}) == "missing_scope"
    assert owner.refused(403, "PUT", "/people/ada@example.org", json={"role": "member"}) == "missing_scope"
    assert owner.refused(403, "DELETE", "/people/ada@example.org") == "missing_scope"


def test_a_new_role_ends_the_old_sessions(admin: Browser) -> None:
    person = invited(admin, "controller", "carl@example.org")
    assert person.answer("GET", "/books/journal").status_code == 200
    admin.ok("PUT", "/people/carl@example.org", json={"role": "member"})
    assert person.refused(401, "GET", "/books/journal") == "invalid_api_key"
    person.sign_in("carl@example.org")
    assert person.refused(403, "GET", "/books/journal") == "missing_scope"
    admin.ok("DELETE", "/people/carl@example.org")
    assert person.refused(401, "GET", "/me") == "invalid_api_key"
    body = {"email": "carl@example.org", "password": PASSWORD}
    assert person.refused(403, "POST", "/sign-in", json=body) == "no_membership"


def test_somebody_who_may_invite_remains(admin: Browser) -> None:
    assert admin.refused(409, "PUT", "/people/ada@example.org", json={"role": "member"}) == "last_owner"
    assert admin.refused(409, "DELETE", "/people/ada@example.org") == "last_owner"
    invited(admin, "owner", "olga@example.org")
    admin.ok("PUT", "/people/ada@example.org", json={"role": "member"})


def test_who_is_known_shows_the_password_that_there_is(office: Office, admin: Browser) -> None:
    invited(admin, "member", "mia@example.org")
    office.ok("POST", "/organisations", json={"name": "other"})
    office.ok("POST", "/projects", json={"name": "default", "organisation": "other"})
    token = admin.ok("POST", "/invitations", json={"role": "owner", "organisation": "other"})["token"]
    thief = Browser(office)
    body = {"token": token, "email": "mia@example.org", "name": "Mia", "password": "guessed, twelve or more"}
    assert thief.refused(401, "POST", "/invitations/accept", json=body) == "wrong_password"
    assert thief.refused(401, "GET", "/me") == "missing_api_key"
    mia = Browser(office)
    mia.accept(token, "mia@example.org")
    me = mia.ok("GET", "/me")
    assert (me["organisation"], me["role"]) == ("other", "owner")
    assert {(one["organisation"], one["role"]) for one in me["organisations"]} == {
        ("default", "member"),
        ("other", "owner"),
    }
    mia.ok("PUT", "/me/organisation", json={"organisation": "default"})
    assert mia.ok("GET", "/me")["role"] == "member"
    assert mia.refused(403, "PUT", "/me/organisation", json={"organisation": "operator"}) == "no_membership"
    assert mia.refused(403, "GET", "/keys") == "missing_scope"


def test_an_invitation_is_for_whom_it_names(office: Office, admin: Browser) -> None:
    made = admin.ok("POST", "/invitations", json={"email": "Nora@Example.org", "days": 1})
    assert made["path"] == f"/console/welcome?token={made['token']}"
    looked = Browser(office).ok("GET", f"/invitations/by-token/{made['token']}")
    assert (looked["email"], looked["organisation"], looked["role"]) == (
        "nora@example.org",
        "default",
        "member",
    )
    assert "token" not in looked
    other = Browser(office)
    body = {"token": made["token"], "email": "eve@example.org", "name": "Eve", "password": PASSWORD}
    assert other.refused(404, "POST", "/invitations/accept", json=body) == "invitation_not_found"
    assert admin.ok("GET", "/invitations")["invitations"][0]["id"] == made["id"]
    office.clock.at += 24 * 3600 + 1
    body["email"] = "nora@example.org"
    assert other.refused(404, "POST", "/invitations/accept", json=body) == "invitation_not_found"
    admin.sign_in("ada@example.org")
    back = admin.ok("POST", "/invitations", json={})
    admin.ok("DELETE", f"/invitations/{back['id']}")
    assert other.refused(404, "GET", f"/invitations/by-token/{back['token']}") == "invitation_not_found"
    assert admin.refused(404, "DELETE", f"/invitations/{back['id']}") == "invitation_not_found"


def test_a_weak_password_opens_nothing(office: Office, admin: Browser) -> None:
    token = admin.ok("POST", "/invitations", json={})["token"]
    for password in ("eleven char", "aaaaaaaaaaaaaaaa", "weak@example.org", "x" * 257):
        body = {"token": token, "email": "weak@example.org", "name": "Weak", "password": password}
        assert Browser(office).refused(422, "POST", "/invitations/accept", json=body) == "weak_password"
    assert not office.sql("select from person where email like 'weak%'")


def test_guessing_is_slowed_down(office: Office, admin: Browser) -> None:
    thief = Browser(office)
    wrong = {"email": "ada@example.org", "password": "not it"}
    said = [thief.answer("POST", "/sign-in", json=wrong).status_code for _ in range(12)]
    assert said == [401] * 10 + [429] * 2
    right = {"email": "ada@example.org", "password": PASSWORD}
    assert thief.refused(429, "POST", "/sign-in", json=right) == "too_many_attempts"
    assert thief.answer("POST", "/sign-in", json=right).headers["retry-after"] == "900"
    office.clock.at += 15 * 60 + 1
    thief.ok("POST", "/sign-in", json=right)
    unknown = {"email": "nobody@example.org", "password": "not it"}
    known = Browser(office).answer("POST", "/sign-in", json=wrong).json()
    assert Browser(office).answer("POST", "/sign-in", json=unknown).json() == known, "who is here is not told"


def test_a_new_password_ends_other_sessions(office: Office, admin: Browser) -> None:
    elsewhere = Browser(office)
    elsewhere.sign_in("ada@example.org")
    body = {"current": "wrong", "new": OTHER}
    assert admin.refused(403, "PUT", "/me/password", json=body) == "wrong_password"
    assert (
        admin.refused(422, "PUT", "/me/password", json={"current": PASSWORD, "new": "short"})
        == "weak_password"
    )
    admin.ok("PUT", "/me/password", json={"current": PASSWORD, "new": OTHER})
    assert elsewhere.refused(401, "GET", "/me") == "invalid_api_key"
    assert admin.ok("GET", "/me")["has_password"]
    assert elsewhere.refused(401, "POST", "/sign-in", json={"email": "ada@example.org", "password": PASSWORD})
    elsewhere.sign_in("ada@example.org", OTHER)


def test_programs_have_no_password(office: Office) -> None:
    me = office.ok("GET", "/me")
    assert (me["email"], me["role"], me["name"]) == (None, None, "admin")
    assert office.refused(403, "PATCH", "/me", json={"name": "x"})["code"] == "no_person"
    assert office.refused(403, "PUT", "/me/password", json={"new": OTHER})["code"] == "no_person"


def test_people_say_their_name_and_language(admin: Browser) -> None:
    assert admin.ok("PATCH", "/me", json={"language": "de"})["language"] == "de"
    assert admin.ok("PATCH", "/me", json={"name": "Ada L."})["name"] == "Ada L."
    assert admin.ok("GET", "/me")["language"] == "de"
    assert admin.refused(422, "PATCH", "/me", json={"language": "fr"}) == "invalid_value"


def test_changes_of_roles_are_in_the_audit(admin: Browser) -> None:
    invited(admin, "controller", "carl@example.org")
    admin.ok("PUT", "/people/carl@example.org", json={"role": "member"})
    event = next(one for one in admin.ok("GET", "/audit")["events"] if one["what"] == "role changed")
    assert event["who"] == "ada@example.org"
    assert (event["before"]["role"], event["after"]["role"]) == ("controller", "member")
