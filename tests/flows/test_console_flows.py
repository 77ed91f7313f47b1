"""People before the console: first start, sign-in, single sign-on, a budget that is hit, an auditor."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.fakes.knobs import DEFAULT_MODEL
from tests.fakes.provider import running_fake
from tests.flows.browsing import PATIENCE, Cloud, Visitor
from tests.flows.cloud import fake_config
from tests.flows.openid import running_issuer
from tests.flows.serving import arguments, free_ports, serving

PASSWORD = "correct horse battery 47"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """`rechenwerk serve` with a fake provider and a real OpenID provider, whose people become members."""
    with tempfile.TemporaryDirectory(prefix="rw-flows-", ignore_cleanup_errors=True) as folder:
        command = arguments(Path(folder), "--without-model")
        office = f"http://127.0.0.1:{command[command.index('--office-port') + 1]}"
        with running_issuer(free_ports()[0], f"{office}/api/v1/sign-in/back") as issuer:
            setting = {
                "RECHENWERK_PUBLIC_URL": office,
                "RECHENWERK_OIDC_ISSUER": issuer,
                "RECHENWERK_OIDC_CLIENT_ID": "rw",
                "RECHENWERK_OIDC_CLIENT_SECRET": "of the test",
                "RECHENWERK_OIDC_NAME": "Town hall account",
                "RECHENWERK_OIDC_JOIN": "default/member",
            }
            with running_fake() as fake, serving(command, **setting) as (_, ready):
                cloud = Cloud(ready, fake)
                cloud.office_url = office
                cloud.api("POST", "/apply", json={"text": fake_config(fake)})
                yield cloud


def window(browser: Browser) -> tuple[BrowserContext, Page]:
    """Of somebody whom nobody knows."""
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE)
    return context, context.new_page()


def come_in(page: Page, cloud: Cloud, token: str, name: str) -> None:
    """By an invitation, as name@example.org."""
    page.goto(f"{cloud.office_url}/console/welcome?token={token}")
    for field, text in {"name": name, "email": f"{name.lower()}@example.org", "password": PASSWORD}.items():
        page.locator(f"input[name={field}]").fill(text)
    page.locator("main form button").first.click()
    page.get_by_role("button", name="Sign out").wait_for()


def test_the_first_person_comes_in_and_signs_in_again(browser: Browser, cloud: Cloud) -> None:
    context, page = window(browser)
    come_in(page, cloud, cloud.invitation, "Ada")
    page.goto(f"{cloud.office_url}/console/books/documents")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/console/sign-in**")
    page.goto(f"{cloud.office_url}/console/books/budgets")
    page.wait_for_url("**/console/sign-in?to=**")
    for password, heading in (("a wrong battery 47", ""), (PASSWORD, "Books")):
        page.locator("input[name=email]").fill("ada@example.org")
        page.locator("input[name=password]").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        if heading:
            page.get_by_role("heading", name=heading).wait_for()
        else:
            page.get_by_text("The address or the password is wrong.").wait_for()
    page.wait_for_url("**/console/books/budgets")
    page.goto(f"{cloud.office_url}/console/welcome?token={cloud.invitation}")
    page.get_by_text("This invitation opens nothing any more").wait_for()
    context.close()


def test_single_sign_on_makes_a_member_who_sees_what_is_his(browser: Browser, cloud: Cloud) -> None:
    context, page = window(browser)
    page.goto(f"{cloud.office_url}/console/sign-in")
    page.get_by_text("Town hall account").click()
    page.locator("input[name=login]").fill("nora")
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Sign out").wait_for()
    page.get_by_role("link", name=re.compile("Nora")).wait_for()
    assert page.url.startswith(cloud.office_url)
    for path in ("books", "journal", "keys", "projects", "people", "audit", "contracts", "providers"):
        answer = page.goto(f"{cloud.office_url}/console/{path}")
        assert answer is not None
        assert answer.status == 403, path
        assert page.get_by_role("link", name="Journal", exact=True).count() == 0
    for path in ("/books/journal", "/books/journal.csv", "/books/accounts/1", "/keys", "/people"):
        assert page.request.get(f"{cloud.office_url}/api/v1{path}").status == 403, path
    context.close()


def ask(cloud: Cloud, key: str) -> httpx2.Response:
    """One call of few tokens."""
    body = {"model": DEFAULT_MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{cloud.url}/v1/chat/completions", json=body, headers=headers, timeout=60)


def answered(cloud: Cloud, key: str) -> str:
    """The id of a call that is answered and booked, once gateways know of the key and its budget."""
    for _ in range(5000):
        answer = ask(cloud, key)
        if answer.status_code == 200:
            call = str(answer.headers["x-request-id"])
            for _ in range(5000):
                if cloud.api("GET", "/books/journal", params={"call": call})["calls"]:
                    return call
        assert answer.status_code in {200, 401, 404, 429}, answer.text
    pytest.fail("nobody is let through")


def refused(cloud: Cloud, key: str) -> str:
    """What calls are refused with in the end."""
    for _ in range(5000):
        answer = ask(cloud, key)
        if answer.status_code == 429:
            return str(answer.json()["error"]["code"])
    pytest.fail("the budget refuses nobody")


def set_budget(page: Page, cloud: Cloud, amount: str) -> None:
    page.goto(f"{cloud.office_url}/console/projects/tight")
    summary = page.locator("#budget summary")
    if page.locator("#budget details[open]").count() == 0:
        summary.click()
    page.get_by_label("Amount").fill(amount)
    page.locator("#budget").get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()


def test_a_budget_is_hit_and_raised(visitor: Visitor, cloud: Cloud) -> None:
    cloud.api("POST", "/projects", json={"name": "tight"})
    key = cloud.api("POST", "/keys", json={"project": "tight", "name": "bot"})["key"]
    page = visitor.page
    set_budget(page, cloud, "5")
    prices = [Decimal(cloud.api("GET", f"/books/calls/{answered(cloud, key)}")["price"]) for _ in range(3)]
    set_budget(page, cloud, f"{sum(prices) + prices[0] / 100:.9f}")
    assert refused(cloud, key) == "insufficient_quota"
    page.goto(f"{cloud.office_url}/console/projects/tight")
    page.locator("#budget .meter").wait_for()
    visitor.open("/console/")
    page.get_by_text(re.compile("Budget of tight: [0-9]+ % used")).first.wait_for()
    set_budget(page, cloud, "5")
    again = answered(cloud, key)
    visitor.open(f"/console/journal?project=tight&q={again}")
    page.wait_for_url(f"**/console/journal/{again}")
    assert visitor.said == []


WRITES = """
    projects/new projects/default/budget projects/default/limits projects/default/data-class
    keys/new keys/1/revoke keys/1/rotate keys/1/budget people/invite providers/configuration
    books/budgets books/alerts books/wallets books/bills books/owed books/tariffs
    books/close/2026-01 books/documents/RW-2026-000001/reverse
"""


def state(cloud: Cloud) -> list[object]:
    """What an auditor must leave as it is; of budgets not what gateways lease of them."""
    projects, keys = cloud.api("GET", "/projects")["projects"], cloud.api("GET", "/keys")["keys"]
    return [
        [(one["name"], one["limits"], one["data_class"], len(one["budgets"])) for one in projects],
        [(one["name"], one["revoked_at"], len(one["budgets"])) for one in keys],
        *(cloud.api("GET", path) for path in ("/people", "/alerts", "/wallets", "/invitations")),
    ]


def test_an_auditor_looks_at_everything_and_changes_nothing(browser: Browser, cloud: Cloud) -> None:
    token = cloud.api("POST", "/invitations", json={"role": "auditor", "email": "eve@example.org"})["token"]
    context, page = window(browser)
    come_in(page, cloud, token, "Eve")
    before = state(cloud)
    seen = {"/console/"}
    todo = ["/console/"]
    while todo:
        page.goto(f"{cloud.office_url}{todo.pop()}")
        found = page.evaluate(
            "[...document.querySelectorAll('nav a')].map(one => new URL(one.href).pathname)"
        )
        todo += [one for one in dict.fromkeys(found) if one not in seen]
        seen |= set(found)
        posts = page.evaluate(
            "[...document.querySelectorAll('form[method=post]')].map(one => new URL(one.action).pathname)"
        )
        allowed = {"/console/sign-out", "/console/preferences", "/console/books/verify"}
        assert set(posts) <= allowed, page.url
    assert len(seen) > 15
    for path in WRITES.split():
        status = page.evaluate(
            "path => fetch('/console/' + path, {method: 'POST', redirect: 'manual', headers:"
            " {'content-type': 'application/x-www-form-urlencoded'},"
            " body: 'name=x&project=default&period=month&amount=1&reason=x&text=x&do=topup&watch=budgets'"
            " + '&mail=a%40b.de&role=member&data_class=public&provider=x&sure=2026-01'}).then(a => a.status)",
            path,
        )
        assert status == 403, path
    assert state(cloud) == before
    context.close()
