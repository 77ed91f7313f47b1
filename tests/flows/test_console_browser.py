"""The console in a browser, against a running installation: a key, a call, its booking; every page."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, expect

from tests.flows.browsing import NASTY, PATIENCE, Cloud, Visitor
from tests.flows.test_console import PAGES

STARTED = tuple(path for path in PAGES if "embedded" not in path)


def test_from_a_new_key_to_a_booked_call(visitor: Visitor, cloud: Cloud) -> None:
    page = visitor.page
    visitor.open("/console/projects")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name").fill(NASTY)
    page.get_by_role("button", name="Make the project").click()
    page.get_by_role("heading", name=NASTY).wait_for()
    page.get_by_label("Amount").fill("5")
    page.locator("#budget").get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill(NASTY)
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#secret").text_content()
    assert key is not None
    call = cloud.call(key)
    visitor.open(f"/console/journal/{call}")
    assert page.get_by_text("receivable").first.is_visible()
    visitor.open("/console/journal")
    assert page.get_by_role("link").filter(has=page.locator("time")).count() == 1
    visitor.open("/console/")
    page.get_by_role("heading", name="Providers in the last minutes").wait_for()
    assert visitor.said == [], "nothing ran that should not, and no policy was broken"


def test_lists_are_searched_without_a_page_load(visitor: Visitor, cloud: Cloud) -> None:
    for number in range(3):
        cloud.api("POST", "/keys", json={"project": "default", "name": f"searched-{number}"})
    page = visitor.page
    visitor.open("/console/keys")
    page.evaluate("window.stayed = true")
    page.keyboard.press("/")
    page.keyboard.type("searched-1")
    page.wait_for_url("**/console/keys?q=searched-1**")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Name").first.click()
    page.wait_for_url("**sort=**")
    assert page.evaluate("window.stayed") is True
    assert visitor.said == []


def test_the_keyboard_goes_everywhere(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/console/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/console/journal")


def test_language_and_theme_stay_chosen(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/console/keys")
    page.get_by_role("button", name="Deutsch").click()
    page.get_by_role("heading", name="Schlüssel").wait_for()
    page.get_by_role("button", name="Dunkel").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    visitor.open("/console/journal")
    page.get_by_text("Jeder Aufruf mit seinem Preis").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 24)"


def test_the_books_are_verified_before_ones_eyes(visitor: Visitor) -> None:
    visitor.open("/console/books/verify")
    visitor.page.get_by_role("button", name="Verify the books now").click()
    visitor.page.get_by_text("The books agree in every part.").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, cloud: Cloud, axe: str, scheme: str) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", locale="de-DE", bypass_csp=True
    )
    visitor = Visitor(context, cloud)
    found, judged = {}, 0
    for path in STARTED:
        visitor.open(path)
        wrong, right = visitor.judged(axe)
        judged += right
        if wrong:
            found[path] = wrong
    context.close()
    assert found == {}
    assert judged > 20 * len(STARTED), "axe ran"


def test_pages_fit_a_phone_and_a_wall(browser: Browser, cloud: Cloud) -> None:
    for width, height in ((360, 740), (3840, 2160)):
        context = browser.new_context(viewport={"width": width, "height": height}, locale="de-DE")
        visitor = Visitor(context, cloud)
        for path in STARTED:
            visitor.open(path)
            assert visitor.over() <= 0, (path, width)
        assert [one for one in visitor.said if one] == []
        context.close()


def test_the_first_page_is_small_and_asks_nobody_else(browser: Browser, cloud: Cloud) -> None:
    context = browser.new_context(locale="en-GB")
    visitor = Visitor(context, cloud)
    session = context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    sizes: list[float] = []
    asked: list[str] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.open("/console/")
    visitor.page.wait_for_load_state("networkidle")
    shifted = visitor.page.evaluate(
        "new Promise(done => { new PerformanceObserver(list => done(list.getEntries().map(one =>"
        " [one.value, ...one.sources.map(at => at.node?.outerHTML?.slice(0, 80))])))"
        ".observe({type: 'layout-shift', buffered: true}); setTimeout(() => done([]), 300); })"
    )
    context.close()
    assert 10_000 < sum(sizes) <= 200_000
    assert [url for url in asked if not url.startswith(cloud.office_url)] == []
    assert sum(one[0] for one in shifted) < 0.01, shifted


def test_the_api_is_described_without_asking_another_host(browser: Browser, cloud: Cloud) -> None:
    context = browser.new_context(locale="en-GB")
    visitor = Visitor(context, cloud)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.open("/docs")
    visitor.page.get_by_text("/api/v1/projects", exact=True).first.wait_for()
    context.close()
    assert len(asked) >= 3
    assert [url for url in asked if not url.startswith((cloud.office_url, "data:"))] == []
    assert visitor.said == []


def test_pages_work_without_scripts(browser: Browser, cloud: Cloud) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    visitor = Visitor(context, cloud)
    visitor.open("/console/keys")
    visitor.page.get_by_label("Search").fill("admin")
    visitor.page.get_by_role("button", name="Show").click()
    visitor.page.wait_for_url("**q=admin**")
    assert visitor.page.locator("#list tbody tr").count() == 1
    context.close()


def test_the_invitation_of_the_first_start_lets_one_in(browser: Browser, cloud: Cloud) -> None:
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{cloud.office_url}/console/journal")
    page.wait_for_url("**/console/sign-in?to=**")
    page.goto(f"{cloud.office_url}/console/welcome?token={cloud.invitation}")
    form = {"name": "Ada", "email": "ada@example.org", "password": "correct horse battery 47"}
    for name, value in form.items():
        page.locator(f"input[name={name}]").fill(value)
    page.locator("main form button").first.click()
    page.get_by_role("navigation", name="Pages").wait_for()
    cookies = {one["name"]: one for one in context.cookies()}
    assert cookies["rw_session"]["httpOnly"]
    assert cookies["rw_session"]["value"] != cloud.key
    assert "rw_session" not in json.dumps(page.evaluate("document.cookie"))
    context.close()
