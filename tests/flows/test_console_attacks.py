"""The console attacked: what people write runs nowhere, others change nothing, walls hold, sessions end."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import argon2
import httpx2
import pytest

from rechenwerk.console.listing import cell
from rechenwerk.console.visit import here
from rechenwerk.identity import people
from rechenwerk.main_console import mount_console
from tests.flows.browsing import NASTY
from tests.flows.office_desk import Bookkeeper, Office
from tests.flows.test_console import PAGES, Browser

CENT = 10_000_000
PASSWORD = "a long sentence of my own"
HOSTILE = (
    NASTY.replace("/", ""),
    "'><svg onload=alert(1)>",
    '" hx-get="http:evil" hx-trigger="load" x="',
    '" hx-on:load="alert(1)" data-x="',
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202egnp.exe",
)
"""Names that the API takes."""
WRITTEN = (
    "sort",
    "page",
    "project",
    "state",
    "what",
    "who",
    "subject",
    "from",
    "to",
    "by",
    "problem",
    "before",
)
"""What addresses say beside `q`."""
TABLES = ("organisation", "project", "api_key", "guard", "person", "membership", "invitation", "audit_event")


@pytest.fixture
def admin(office: Office) -> Browser:
    mount_console(office.app, office.clock, 8080)
    return Browser(office, office.first.key)


def state(office: Office) -> list[Any]:
    return [office.sql(f"select * from {table} order by 1, 2") for table in TABLES]


def person(
    office: Office, role: str = "owner", email: str = "ada@example.org", organisation: str = "default"
) -> Browser:
    """Somebody who accepted an invitation in a browser."""
    body = {"role": role, "project": "default", "organisation": organisation}
    token = office.ok("POST", "/invitations", json=body)["token"]
    visitor = Browser(office, None)
    form = {"token": token, "email": email, "name": "Ada", "password": PASSWORD}
    answer = visitor.post("/console/welcome", **form)
    assert answer.status_code == 303, answer.text
    assert visitor.cookies["rw_session"].startswith("rw-")
    return visitor


# -- what people write ------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_name_is_more_than_text_on_any_page(
    office: Office, bookkeeper: Bookkeeper, admin: Browser, language: str
) -> None:
    for number, name in enumerate(HOSTILE):
        office.ok("POST", "/projects", json={"name": name})
        office.ok(
            "PUT",
            f"/projects/{httpx2.URL('http://x', params={'a': name}).query.decode()[2:].replace('+', '%20')}"
            "/budget",
            json={"period": "day", "amount": "1"},
        )
        office.ok("POST", "/keys", json={"project": name, "name": name})
        office.ok("POST", "/organisations", json={"name": name})
        token = office.ok("POST", "/invitations", json={"role": "member", "project": name})["token"]
        body = {"token": token, "email": f"p{number}@example.org", "name": name, "password": PASSWORD}
        office.ok("POST", "/invitations/accept", None, json=body)
        office.client.cookies.clear()
        office.ok(
            "POST", "/alerts", json={"name": name, "mail": "a@example.org", "at": [80], "project": name}
        )
    bookkeeper.post(bookkeeper.hold("default", CENT), "failed", 0, CENT)
    visitor = Browser(office, admin.cookies["rw_session"], language)
    for path in (*PAGES, "/console/people", "/console/books/budgets", "/console/audit"):
        text = visitor.page(path)
        _harmless(text, path)
    for name in HOSTILE:
        for path in (
            "/console/keys",
            "/console/projects",
            "/console/people",
            "/console/journal",
            "/console/audit",
            "/console/books/budgets",
            "/console/sign-in",
            "/console/books/totals",
        ):
            for fields in (("q",), WRITTEN):
                answer = _get(visitor, path, dict.fromkeys(fields, name))
                assert answer.status_code < 500, (path, fields)
                _harmless(answer.text, f"{path}?{fields}")


def _get(visitor: Browser, path: str, query: dict[str, str]) -> httpx2.Response:
    return visitor.get(str(httpx2.URL(path, params=query)))


class _Elements(HTMLParser):
    """What a browser makes of a page: every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def _harmless(text: str, where: str) -> None:
    """Elements are the templates' own: no attribute of a person's making, no element, no address to run."""
    elements = _Elements(text).found
    assert len(elements) > 3, where
    for tag, attributes in elements:
        assert tag != "img", where
        for name, value in attributes:
            assert not name.startswith(("on", "hx-on")), (where, tag, name)
            if name in {"href", "src", "action", "formaction", "hx-get", "hx-post"}:
                assert (value or "").startswith(("/", "?", "#", "https://", "http://office/")) or not value, (
                    where,
                    value,
                )
    assert "49" not in re.findall(r">\s*(49)\s*<", text), where


def test_a_cell_of_a_file_is_no_formula() -> None:
    for text in ("=1+1", "+1+1|cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1+1"):
        assert cell(text) == f"'{text}", text
    for text in ("-12.50", "+3", "12", "name", ""):
        assert cell(text) == text


def test_names_of_files_are_the_houses_own(office: Office, admin: Browser) -> None:
    office.ok("POST", "/projects", json={"name": 'a"; filename="b.html'})
    for path in ("/console/projects?download=csv", "/console/keys?download=csv", "/api/v1/audit/export"):
        answer = admin.get(path)
        assert re.fullmatch(r'attachment; filename="[a-z-]+\.csv"', answer.headers["content-disposition"]), (
            path
        )
    assert admin.get("/api/v1/audit/export?format=x%0d%0aset-cookie:a=b").status_code == 422


# -- other sites ------------------------------------------------------------------------------------

CROSSING: tuple[dict[str, str], ...] = (
    {"sec-fetch-site": "cross-site", "origin": "http://office"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://office"[:-1]},
    {"origin": "http://office.evil.example"},
    {"origin": "http://evil.example/office"},
    {"origin": "null"},
    {"referer": "http://office/console/"},
    {"x-http-method-override": "GET"},
    {"content-type": "text/plain"},
    {},
)


def test_other_sites_change_nothing_by_any_trick(office: Office, admin: Browser) -> None:
    before = state(office)
    for headers in CROSSING:
        for method, path in (
            ("POST", "/api/v1/projects"),
            ("PUT", "/api/v1/projects/default/budget"),
            ("DELETE", "/api/v1/people/ada@example.org"),
            ("PATCH", "/api/v1/me"),
            ("POST", "/api/v1/sign-out"),
            ("POST", "/console/projects/new"),
            ("POST", "/console/sign-in"),
            ("POST", "/console/sign-out"),
            ("POST", "/console/organisation"),
        ):
            answer = admin._send(method, path, {"name": "taken", "_method": "PUT"}, headers)
            assert answer.status_code == 403, (headers, method, path)
    for trick in ("x-http-method-override", "x-method-override", "x-http-method"):
        admin.get("/api/v1/projects?_method=POST&name=taken", **{trick: "POST"})
    assert state(office) == before


def test_reading_changes_nothing(office: Office, admin: Browser) -> None:
    before = state(office)
    for path in PAGES:
        admin.page(path)
    assert admin.get("/console/sign-out").status_code == 405
    assert admin.get("/console/organisation").status_code == 405
    assert state(office) == before


def test_nothing_is_framed_guessed_or_kept(admin: Browser) -> None:
    for path in ("/console/", "/console/sign-in", "/console/nothing", "/api/v1/me", "/api/v1/projects"):
        headers = admin.get(path).headers
        assert headers["x-frame-options"] == "DENY", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cache-control"] == "no-store", path
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["evil example", "office@evil.example", "[", "office:99999999", "a/b", ""])
def test_a_host_that_is_none_is_refused(admin: Browser, host: str) -> None:
    answer = admin.get("/console/sign-in", host=host)
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"]["message"]


AWAY = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/console/",
    "HTTPS:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/console@evil.example",
    "http://office@evil.example/console/",
    "/console/..//evil.example",
    "/console/%2e%2e/api/v1/me",
    "/console/%252e%252e/api/v1/me",
    "/console/%5cevil.example",
    "/console/\r\nset-cookie: a=b",
    "/console/\x00",
    " /console/",
    "console/",
    "",
)


def test_no_way_back_leads_elsewhere(office: Office, admin: Browser) -> None:
    person(office)
    for to in AWAY:
        assert here(to) == "/console/", to
    for to in AWAY:
        form = Browser(office, None)
        assert form.get(str(httpx2.URL("/console/sign-in", params={"to": to}))).status_code == 200
        answer = form.post("/console/sign-in", to=to, email="ada@example.org", password=PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/"), to
    assert here("/console/keys?q=//a") == "/console/keys?q=//a"


# -- sessions ---------------------------------------------------------------------------------------


def test_a_session_that_was_planted_is_not_taken_over(office: Office, admin: Browser) -> None:
    person(office)
    planted = "rw-" + "a" * 32
    victim = Browser(office, planted)
    victim.post("/console/sign-in", email="ada@example.org", password=PASSWORD)
    own = victim.cookies["rw_session"]
    assert own != planted
    assert Browser(office, planted).get("/console/").status_code == 303
    assert victim.get("/console/profile").status_code == 200
    # A living session of the attacker's, planted, ends: nobody shares it afterwards.
    attacker = person(office, "member", "eve@example.org")
    shared = Browser(office, attacker.cookies["rw_session"])
    shared.post("/console/sign-in", email="ada@example.org", password=PASSWORD)
    assert shared.cookies["rw_session"] != attacker.cookies["rw_session"]
    assert attacker.get("/console/profile").status_code == 303


def test_a_session_is_another_after_a_new_password_and_ends_for_good(office: Office, admin: Browser) -> None:
    ada = person(office)
    elsewhere = Browser(office, None)
    elsewhere.post("/console/sign-in", email="ada@example.org", password=PASSWORD)
    first = ada.cookies["rw_session"]
    changed = ada.post("/console/profile/password", current=PASSWORD, new="quite another sentence")
    assert changed.status_code == 303
    assert ada.cookies["rw_session"] != first
    assert ada.get("/console/profile").status_code == 200
    for old in (first, elsewhere.cookies["rw_session"]):
        assert Browser(office, old).get("/console/profile").status_code == 303
    last = ada.cookies["rw_session"]
    ada.post("/console/sign-out")
    assert Browser(office, last).get("/console/profile").status_code == 303
    assert office.answer("GET", "/me", last).status_code == 401


def test_all_sessions_end_with_the_role_and_with_the_person(office: Office, admin: Browser) -> None:
    one = person(office, "member")
    two = Browser(office, None)
    two.post("/console/sign-in", email="ada@example.org", password=PASSWORD)
    office.ok("PUT", "/people/ada@example.org", json={"role": "auditor"})
    for visitor in (one, two):
        assert visitor.get("/console/profile").status_code == 303
    one.post("/console/sign-in", email="ada@example.org", password=PASSWORD)
    assert one.get("/console/profile").status_code == 200
    office.ok("DELETE", "/people/ada@example.org")
    assert one.get("/console/profile").status_code == 303
    again = one.post("/console/sign-in", email="ada@example.org", password=PASSWORD)
    assert again.status_code == 403


def test_the_cookie_is_for_the_console_alone(office: Office, admin: Browser) -> None:
    person(office)
    for scheme, secure in (("http", False), ("https", True)):
        answer = office.runner.run(
            office.client.post(
                f"{scheme}://office/api/v1/sign-in", json={"email": "ada@example.org", "password": PASSWORD}
            )
        )
        flags = answer.headers["set-cookie"].lower()
        assert "httponly" in flags
        assert "samesite=lax" in flags
        assert ("secure" in flags) is secure
        office.client.cookies.clear()
    # Whoever sends the header himself is no proxy.
    spoofed = office.answer("POST", "/sign-in", None, json={"email": "ada@example.org", "password": PASSWORD})
    assert "secure" not in spoofed.headers["set-cookie"].lower()
    office.client.cookies.clear()
    office.app.state.public_url = "https://ai.example.org"
    behind = office.answer("POST", "/sign-in", None, json={"email": "ada@example.org", "password": PASSWORD})
    assert "secure" in behind.headers["set-cookie"].lower()
    office.client.cookies.clear()


def test_nobody_learns_who_has_an_account(office: Office, admin: Browser) -> None:
    person(office)
    known = office.refused(
        401, "POST", "/sign-in", None, json={"email": "ada@example.org", "password": "wrong" * 4}
    )
    other = office.refused(
        401, "POST", "/sign-in", None, json={"email": "eve@example.org", "password": "wrong" * 4}
    )
    assert known == other
    # The same work for somebody who does not exist.
    assert argon2.extract_parameters(people._NOBODY) == argon2.extract_parameters(
        people.hash_password(PASSWORD)
    )
    for _ in range(20):
        for email in ("ada@example.org", "eve@example.org", "ADA@example.org"):
            office.answer("POST", "/sign-in", None, json={"email": email, "password": "wrong" * 4})
    for email in ("ada@example.org", "Ada@Example.org", "eve@example.org"):
        body = {"email": email, "password": PASSWORD}
        assert office.refused(429, "POST", "/sign-in", None, json=body)["code"] == "too_many_attempts"
    office.clock.at += 3600
    office.ok("POST", "/sign-in", None, json={"email": "ada@example.org", "password": PASSWORD})
    office.client.cookies.clear()


# -- much, and elsewhere ----------------------------------------------------------------------------


def test_too_much_is_one_line(office: Office, admin: Browser) -> None:
    for path in ("/console/projects/new", "/console/sign-in", "/console/preferences", "/console/keys/new"):
        large = admin.post(path, name="x" * 1_200_000)
        assert large.status_code == 413, path
        assert "A form has at most" in large.text
        many = admin.post(path, None, **{f"f{number}": "x" for number in range(600)})
        assert many.status_code == 413, path
    assert admin.post("/console/projects/new", name="x" * 5_000_000).status_code == 413
    body = b'{"name": "' + b"x" * 5_000_000 + b'"}'
    assert "less" in office.refused(413, "POST", "/projects", content=body)["message"]
    for digits in (19, 5_000):
        admin.page(f"/console/keys/{'1' * digits}", 404)
    assert admin.post("/console/organisation", organisation="x" * 200_000).status_code == 422


@pytest.mark.parametrize(
    "name",
    ["../app.py", "..%2fapp.py", "%2e%2e/%2e%2e/app.py", "..%5capp.py", "manifest.json", "%00", "a/../../b"],
)
def test_no_file_but_the_built_ones_is_served(admin: Browser, name: str) -> None:
    answer = admin.get(f"/console/static/{name}")
    assert answer.status_code in {303, 404}
    assert "def " not in answer.text


def test_no_page_shows_another_organisation(
    office: Office, bookkeeper: Bookkeeper, neighbour: str, admin: Browser
) -> None:
    office.ok("POST", "/projects", json={"name": "unmentioned"})
    key = office.ok("POST", "/keys", json={"project": "unmentioned", "name": "unmentioned"})["id"]
    call = bookkeeper.post(bookkeeper.hold("default", CENT), "posted", CENT, CENT)
    person(office, "owner", "unmentioned@example.org")
    stranger = person(office, "owner", "eve@example.org", "neighbour")
    for path in (
        *PAGES,
        "/console/projects/unmentioned",
        f"/console/keys/{key}",
        f"/console/journal/{call}",
        "/console/people/unmentioned@example.org",
        "/console/audit?q=unmentioned&organisation=default",
        "/console/projects?organisation=default",
        "/console/keys?state=&project=unmentioned",
        "/console/people?q=unmentioned",
        "/console/books/budgets?q=unmentioned",
    ):
        for cookie in ({}, {"rw_organisation": "default"}):
            stranger.cookies |= cookie
            answer = stranger.get(path)
            text = re.sub(
                r'value="[^"]*"',
                "",
                answer.text.replace("q=unmentioned", "").replace("project=unmentioned", ""),
            )
            assert answer.status_code < 500, path
            if answer.status_code == 200:
                assert "unmentioned" not in text, path
                assert call not in text, path
    before = state(office)[:-1]
    for path in (
        f"/console/keys/{key}/revoke",
        f"/console/keys/{key}/rotate",
        "/console/projects/unmentioned/budget",
        "/console/people/unmentioned@example.org",
        "/console/people/unmentioned@example.org/remove",
    ):
        answer = stranger.post(path, role="member", project="default", period="day", amount="1")
        assert answer.status_code >= 400, path
    assert state(office)[:-1] == before


# -- several organisations --------------------------------------------------------------------------


def test_a_person_of_several_organisations_changes_between_them(
    office: Office, bookkeeper: Bookkeeper, neighbour: str, admin: Browser
) -> None:
    ada = person(office, "owner")
    token = office.ok("POST", "/invitations", neighbour, json={"role": "member", "project": "default"})[
        "token"
    ]
    ada.post("/console/welcome", token=token, email="ada@example.org", name="Ada", password=PASSWORD)
    home = Browser(office, None)
    home.post("/console/sign-in", email="ada@example.org", password=PASSWORD)
    first = home.cookies["rw_session"]
    text = home.page("/console/projects")
    assert re.search(r'<option[^>]*value="neighbour"|<option[^>]*>neighbour', text)
    home.post("/console/projects/new", name="of default")
    assert home.post("/console/organisation", organisation="neighbour").status_code == 303
    assert home.cookies["rw_session"] != first
    assert Browser(office, first).get("/console/profile").status_code == 303, "one session, not two"
    me = office.ok("GET", "/me", home.cookies["rw_session"])
    assert (me["organisation"], me["role"]) == ("neighbour", "member")
    assert home.get("/console/projects").status_code == 403, "the role there opens less"
    assert home.post("/console/organisation", organisation="third").status_code == 403
    assert home.post("/console/organisation", organisation="default").status_code == 303
    assert "of default" in home.page("/console/projects")
    signed = office.ok("GET", "/audit", neighbour, params={"what": "signed in"})["events"]
    assert [one["who"] for one in signed][:1] == ["ada@example.org"]
    office.ok("DELETE", "/people/ada@example.org", neighbour)
    assert home.post("/console/organisation", organisation="neighbour").status_code == 403
    assert home.get("/console/projects").status_code == 200, "the other membership stays"
