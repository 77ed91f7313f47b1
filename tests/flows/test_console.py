"""The console without a browser: who sees what, what is escaped, and that nothing but the API is asked."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import httpx2
import pytest

from rechenwerk.console.app import HEADERS
from rechenwerk.console.navigation import entries
from rechenwerk.main_console import mount_console
from tests.flows.browsing import NASTY
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office

CENT = 10_000_000
PAGES = (
    *(one.path for one in entries()),
    "/console/chat/templates",
    "/console/projects/new",
    "/console/projects/default",
    "/console/keys/new",
    "/console/keys/1",
    "/console/keys?state=",
    "/console/books/totals",
    "/console/books/totals?by=outcome",
    "/console/books/budgets",
    "/console/books/alerts",
    "/console/books/wallets",
    "/console/books/wallets?of=",
    "/console/books/owed",
    "/console/books/bills",
    "/console/books/tariffs",
    "/console/books/tariffs?history=yes",
    "/console/books/margin",
    "/console/books/margin?by=model&everyone=yes",
    "/console/books/close/2027-01",
    "/console/journal?outcome=posted&since=2027-01-01&key=admin",
    "/console/books/documents",
    "/console/books/exports",
    "/console/books/verify",
    "/console/providers/at/embedded",
    "/console/providers/configuration",
    "/console/providers/new",
    "/console/documents/new",
    "/console/documents/forms",
    "/console/documents/training",
    "/console/contracts/embedded%20on%20demand",
    "/console/plan/new",
    "/console/audit/verify",
    "/console/audit/residency",
    "/console/audit/residency?from=2027-01-01&to=2027-01-15",
)
"""Of an installation after its first start."""
SAME = {"sec-fetch-site": "same-origin"}


class Browser:
    """A visitor with a session, in one language."""

    def __init__(self, office: Office, key: str | None, language: str = "en") -> None:
        self._office = office
        self.cookies = {} if key is None else {"rw_session": key}
        self._language = language

    def _send(self, method: str, path: str, form: dict[str, str], headers: dict[str, str]) -> httpx2.Response:
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {"accept-language": self._language, **({"cookie": jar} if jar else {}), **headers}
        request = self._office.client.request(method, path, data=form or None, headers=given)
        answer = self._office.runner.run(request)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        self._office.client.cookies.clear()
        return answer

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self._send("GET", path, {}, headers)

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> httpx2.Response:
        return self._send("POST", path, form, SAME if headers is None else headers)

    def page(self, path: str, status: int = 200) -> str:
        answer = self.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:3000])
        return answer.text


@pytest.fixture
def admin(office: Office) -> Browser:
    """The admin of the first start, with the console mounted."""
    mount_console(office.app, office.clock, 8080)
    return Browser(office, office.first.key)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_of_a_fresh_installation(office: Office, admin: Browser, language: str) -> None:
    visitor = Browser(office, admin.cookies["rw_session"], language)
    for path in PAGES:
        text = visitor.page(path)
        assert f'<html lang="{language}"' in text
        assert text.count("<h1") == 1
        assert "None" not in re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL), path


def test_every_answer_has_a_strict_policy(admin: Browser) -> None:
    for answer in (admin.get("/console/"), admin.get("/console/nothing"), admin.post("/console/preferences")):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert answer.headers["cache-control"] == "no-store"
    policy = HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy


def test_pages_obey_their_policy(admin: Browser) -> None:
    for path in PAGES:
        text = admin.page(path)
        assert not re.search(r"<script(?![^>]* src=)", text), path
        assert not re.search(r"\son[a-z]+=", text), path
        assert not re.search(r"<[^>]*\sstyle=", text), path
        assert not re.search(r"(src|href|action)=.https?:", text), path


def test_files_are_served_for_ever_and_packed(admin: Browser) -> None:
    address = re.search(r'href="(/console/static/console-[^"]+\.css)"', admin.page("/console/"))
    assert address is not None
    answer = admin.get(address[1], **{"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert ":root" in answer.text
    assert admin.get("/console/static/../app.py").status_code == 404
    assert admin.get("/console/static/console.css").status_code == 404


def test_who_is_not_signed_in_is_sent_to_do_so_and_back(office: Office, admin: Browser) -> None:
    for visitor in (Browser(office, None), Browser(office, "rw-" + "a" * 32)):
        answer = visitor.get("/console/journal?project=default")
        assert answer.status_code == 303
        assert answer.headers["location"] == ("/console/sign-in?to=%2Fconsole%2Fjournal%3Fproject%3Ddefault")
        part = visitor.get("/console/", **{"hx-request": "true"})
        assert (part.status_code, part.headers["hx-redirect"][:16]) == (204, "/console/sign-in")
    revoked = office.ok("POST", "/keys", json={"project": "default", "name": "gone", "scopes": ["books"]})
    office.ok("POST", f"/keys/{revoked['id']}/revoke")
    assert Browser(office, revoked["key"]).get("/console/journal").status_code == 303


def test_no_redirect_leaves_the_console(admin: Browser) -> None:
    for back in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/console\\@evil.example",
        "javascript:alert(1)",
        "/api/v1/me",
        "/console/../api/v1/me",
        "/console/\r\nx: y",
        "/consoles",
        "",
    ):
        answer = admin.post("/console/preferences", back=back, theme="dark")
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/"), back
    answer = admin.post("/console/preferences", back="/console/keys?q=a", theme="dark")
    assert answer.headers["location"] == "/console/keys?q=a"


def test_no_other_site_changes_anything(office: Office, admin: Browser) -> None:
    crossing: tuple[dict[str, str], ...] = (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
    )
    for headers in crossing:
        for path in ("/console/projects/new", "/console/keys/1/revoke", "/console/preferences"):
            assert admin.post(path, headers, name="taken", theme="dark").status_code == 403, headers
    assert [one["name"] for one in office.ok("GET", "/projects")["projects"]] == ["default"]
    assert office.ok("GET", "/keys")["keys"][0]["revoked_at"] is None
    assert admin.post("/console/projects/new", {"origin": "http://office"}, name="own").status_code == 303


def test_names_are_text_and_nothing_else(office: Office, bookkeeper: Bookkeeper, admin: Browser) -> None:
    name = NASTY.replace("/", "")
    office.ok("POST", "/projects", json={"name": name})
    made = office.ok("POST", "/keys", json={"project": name, "name": name})
    bookkeeper.post(bookkeeper.hold("default", CENT), "failed", 0, CENT)
    office.sql("select 1")
    quoted = "%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    for path in (
        "/console/projects",
        f"/console/projects/{quoted}",
        f"/console/projects?q={quoted}",
        "/console/keys",
        f"/console/keys/{made['id']}",
        f"/console/keys?project={quoted}&sort={quoted}&page={quoted}",
        f"/console/keys/new?project={quoted}",
        f"/console/journal?project={quoted}",
        f"/console/journal?q={quoted}",
        f"/console/books?q={quoted}&period={quoted}",
        f"/console/books/totals?by={quoted}",
        f"/console/contracts/{quoted}",
        f"/console/audit?q={quoted}&what={quoted}",
        f"/console/audit/residency?from={quoted}",
        f"/console/{quoted}",
    ):
        answer = admin.get(path)
        assert "<img" not in answer.text, path
        assert answer.status_code < 500, path
    wrong = admin.post("/console/providers/configuration", text=NASTY)
    assert wrong.status_code == 422
    assert "<img" not in wrong.text
    admin.cookies["rw_flash"] = f"project_made%7C{quoted}"
    assert "<img" not in admin.page("/console/")


def test_a_project_from_nothing_to_its_budget(office: Office, admin: Browser) -> None:
    made = admin.post("/console/projects/new", name="Bürger & Amt", data_class="confidential")
    assert (made.status_code, made.headers["location"]) == (
        303,
        "/console/projects/B%C3%BCrger%20%26%20Amt",
    )
    assert "The project Bürger &amp; Amt is there." in admin.page(made.headers["location"])
    again = admin.post("/console/projects/new", name="Bürger & Amt")
    assert again.status_code == 409
    assert 'aria-invalid="true"' in again.text
    assert "choose another name" in again.text
    path = made.headers["location"]
    admin.post(f"{path}/budget", period="month", amount="12,50", hard="yes")
    admin.post(f"{path}/limits", requests_per_minute="60", tokens_per_minute="", concurrent_calls="2")
    admin.post(f"{path}/data-class", data_class="restricted")
    admin.post(f"{path}/service", service_class="batch", weight="3")
    (found,) = (one for one in office.ok("GET", "/projects")["projects"] if one["name"] != "default")
    assert [(one["period"], one["amount"], one["hard"]) for one in found["budgets"]] == [
        ("month", "12.50", True)
    ]
    assert found["limits"] == {
        "requests_per_minute": 60,
        "tokens_per_minute": None,
        "concurrent_calls": 2,
    }
    assert (found["data_class"], found["service_class"], found["weight"]) == ("restricted", "batch", 3)
    wrong = admin.post(f"{path}/budget", period="month", amount="much", hard="yes")
    assert wrong.status_code == 422
    assert "write it like 12.50" in wrong.text
    assert admin.post(f"{path}/nonsense").status_code == 404
    admin.post(f"{path}/budget", period="month", amount="")
    assert "12.50" not in admin.page(path)


def test_a_key_is_shown_once(office: Office, admin: Browser) -> None:
    answer = admin.post(
        "/console/keys/new", project="default", name="bot", scopes="inference", period="day", amount="3"
    )
    key = re.search(r"rw-[a-z2-7]{32}", answer.text)
    assert key is not None
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count(key[0]) == 11, "the key itself, and ten things to paste"
    (made,) = (one for one in office.ok("GET", "/keys")["keys"] if one["name"] == "bot")
    assert (made["budgets"][0]["amount"], made["scopes"]) == ("3.00", ["inference"])
    for path in ("/console/keys", f"/console/keys/{made['id']}", "/console/projects/default"):
        assert key[0] not in admin.page(path)
    turned = admin.post(f"/console/keys/{made['id']}/rotate")
    new = re.search(r"rw-[a-z2-7]{32}", turned.text)
    assert new is not None
    assert new[0] != key[0]
    assert admin.post(f"/console/keys/{made['id']}/revoke").status_code == 303
    both = [one for one in office.ok("GET", "/keys")["keys"] if one["name"] == "bot"]
    assert [one["revoked_at"] is None for one in both] == [False, True]
    assert [one["budgets"][0]["amount"] for one in both] == ["3.00", "3.00"]


def test_a_call_and_why(office: Office, bookkeeper: Bookkeeper, admin: Browser) -> None:
    hold = bookkeeper.hold("default", 3 * CENT, started=office.clock.at)
    call = bookkeeper.post(hold, "posted", 2 * CENT, CENT)
    assert call in admin.page("/console/journal")
    alone = {"hx-request": "true", "hx-target": "live"}
    assert call in admin.get("/console/journal", **alone).text, "the list that looks again"
    text = admin.page(f"/console/journal/{call}")
    for part in ("0.02 EUR", "0.03 EUR", "receivable(default)", "the only deployment", "cannot be proved"):
        assert part in text
    found = admin.get(f"/console/journal?q={call}")
    assert found.headers["location"] == f"/console/journal/{call}"
    assert "/api/v1/books/journal.csv" in admin.page("/console/journal")
    lines = admin.get("/api/v1/books/journal.csv").text.splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", call]
    assert "call_0000000000000001" in admin.page("/console/journal/call_0000000000000001", 404)
    assert "0.02" in admin.page("/console/books/totals")
    assert "Nothing was called yet" not in admin.page("/console/")


def proved(admin: Browser) -> tuple[str, str]:
    """Where a proof is found, and its page when it has ended; asking waits for news."""
    begun = admin.post("/console/books/verify")
    assert begun.status_code == 303
    path = begun.headers["location"]
    for _ in range(60):
        text = admin.page(path)
        if "Running:" not in text:
            return path, text
        assert 'hx-trigger="load delay:300ms"' in text, "it looks again by itself"
    pytest.fail("the proof does not end")


def test_the_books_are_verified(admin: Browser) -> None:
    _, text = proved(admin)
    assert "The books agree in every part." in text
    assert admin.get("/console/books/verify/0000").status_code == 404


def test_a_configuration_is_looked_at_before_it_is_applied(office: Office, admin: Browser) -> None:
    other = '[[provider]]\nname = "other"\nkind = "openai"\nbase_url = "https://other.example/v1"\n'
    text = f"{DEFAULT}\n{other}"
    looked = admin.post("/console/providers/configuration", text=text)
    assert (looked.status_code, looked.text.count('<span class="badge good">new</span>')) == (200, 1)
    assert "other" not in [one["name"] for one in office.ok("GET", "/providers")["providers"]]
    applied = admin.post("/console/providers/configuration", text=text, apply="yes")
    assert applied.headers["location"] == "/console/providers"
    assert "other" in [one["name"] for one in office.ok("GET", "/providers")["providers"] if one["active"]]
    stored = admin.post("/console/providers/at/other/secret", secret="sk-secret")
    assert stored.status_code == 303
    assert "sk-secret" not in admin.page("/console/providers/at/other")
    wrong = admin.post("/console/providers/configuration", text="[[provider]]\nkind = 3\n")
    assert wrong.status_code == 422
    assert "What to do" in wrong.text


def test_the_wall(office: Office, bookkeeper: Bookkeeper, neighbour: str, admin: Browser) -> None:
    call = bookkeeper.post(bookkeeper.hold("default", 3 * CENT), "posted", 2 * CENT, CENT)
    office.ok("POST", "/projects", json={"name": "secret"})
    key = office.ok("POST", "/keys", json={"project": "secret", "name": "unseen"})["id"]
    run, _ = proved(admin)
    visitor = Browser(office, neighbour)
    for path in (
        "/console/projects/secret",
        f"/console/keys/{key}",
        f"/console/journal/{call}",
        "/console/journal?project=secret",
        run,
        "/console/contracts/nothing",
    ):
        assert "unseen" not in visitor.page(path, 404)
    for path in ("/console/providers", "/console/providers/at/embedded"):
        assert visitor.get(path).status_code in {403, 404}
    for verb in ("revoke", "rotate", "budget"):
        assert visitor.post(f"/console/keys/{key}/{verb}", period="day", amount="1").status_code == 404
    assert visitor.post("/console/projects/secret/budget", period="day", amount="1").status_code == 404
    visitor.cookies["rw_organisation"] = "default"
    assert "secret" not in visitor.page("/console/projects"), "the cookie is for operators only"
    assert call not in visitor.page("/console/journal")
    assert visitor.post("/console/organisation", organisation="default").status_code >= 400


def test_the_operator_works_in_another_organisation(
    office: Office, bookkeeper: Bookkeeper, neighbour: str, admin: Browser
) -> None:
    assert neighbour
    call = bookkeeper.post(bookkeeper.hold("neighbour", 3 * CENT), "posted", 2 * CENT, CENT)
    assert call not in admin.page("/console/journal")
    assert admin.post("/console/organisation", organisation="neighbour").status_code == 303
    assert call in admin.page("/console/journal")
    admin.post("/console/projects/new", name="there")
    names = [
        one["name"] for one in office.ok("GET", "/projects", params={"organisation": "neighbour"})["projects"]
    ]
    assert names == ["default", "there"]


def test_who_may_only_read_sees_no_button_and_changes_nothing(office: Office, admin: Browser) -> None:
    reader = Browser(office, office.key("default", "audit"))
    text = reader.page("/console/projects/default")
    assert "/budget" not in re.findall(r'action="([^"]*)"', text)
    assert "/console/providers" not in text
    for path in ("/console/projects/default/budget", "/console/keys/1/revoke", "/console/keys/1/rotate"):
        assert reader.post(path, period="day", amount="1").status_code == 403
    assert office.ok("GET", "/keys")["keys"][0]["revoked_at"] is None
    assert admin.page("/console/projects/default").count("/budget") == 1


def test_a_form_that_is_too_large_is_not_read(admin: Browser) -> None:
    assert admin.post("/console/providers/configuration", text="x" * 5_000_000).status_code >= 400
    assert admin.post("/console/projects/new", name="x" * 1_200_000).status_code >= 400


def test_the_pulse_counts_what_was_booked(office: Office, bookkeeper: Bookkeeper) -> None:
    for outcome, price in (("posted", CENT), ("posted", CENT), ("failed", 0), ("unresolved", CENT)):
        bookkeeper.post(
            bookkeeper.hold("default", CENT, started=office.clock.at),
            outcome,  # type: ignore[arg-type]
            price,
            CENT,
        )
    found = office.ok("GET", "/pulse", params={"minutes": 10})
    assert (found["calls"], found["answers"], found["failed"]) == (4, 2, 2)
    assert found["answers_per_minute"] == "0.2"
    (beat,) = found["providers"]
    assert (beat["provider"], beat["first_byte_us"], beat["slow_byte_us"]) == ("embedded", 1000, 1000)
    office.clock.at += 3600
    assert office.ok("GET", "/pulse", params={"minutes": 10})["providers"] == []


def test_a_count_that_no_machine_reads_is_refused_and_not_a_failure(admin: Browser) -> None:
    long = "9" * 5000
    forms: dict[str, dict[str, str]] = {
        "/console/keys/new": {"project": "default", "name": "n", "expires_in_days": long},
        "/console/people/invite": {"role": "member", "project": "default", "days": long},
        "/console/projects/default/service": {"service_class": "batch", "weight": long},
        "/console/projects/default/limits": {"requests_per_minute": long},
    }
    for path, form in forms.items():
        assert admin.post(path, None, **form).status_code == 422, path
