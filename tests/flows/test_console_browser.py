"""The console in a browser, against a running installation: a key, a call, its booking; every page."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from tests.fakes.knobs import DEFAULT_MODEL
from tests.fakes.provider import running_fake
from tests.flows.cloud import fake_config
from tests.flows.test_console import NASTY, PAGES
from tests.flows.test_serve import arguments, serving

WEB = Path(__file__).parents[2] / "src" / "rechenwerk" / "console" / "web"
PATIENCE = 60_000
"""Milliseconds for which a step may wait, on a machine that does much else."""
STARTED = tuple(path for path in PAGES if "embedded" not in path)


class Cloud:
    """A running installation with a provider behind it, and its admin's key."""

    def __init__(self, ready: dict[str, object]) -> None:
        self.url, self.office_url = str(ready["url"]), str(ready["office_url"])
        self.key, self.invitation = str(ready["key"]), str(ready["invitation"])

    def api(self, method: str, path: str, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {self.key}"}
        answer = httpx2.request(
            method, f"{self.office_url}/api/v1{path}", headers=headers, timeout=60, **more
        )
        assert answer.is_success, answer.text
        return answer.json()

    def call(self, key: str) -> str:
        """Ask the model, as soon as gateways know the key; the call's id."""
        body = {"model": DEFAULT_MODEL, "messages": [{"role": "user", "content": NASTY}]}
        headers = {"authorization": f"Bearer {key}"}
        for _ in range(2000):
            answer = httpx2.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=60)
            if answer.status_code == 200:
                break
            assert answer.status_code in {401, 404}, answer.text
        call = str(answer.headers["x-request-id"])
        for _ in range(2000):  # it is booked a moment after it was answered
            if self.api("GET", "/books/journal", params={"call": call})["calls"]:
                return call
        pytest.fail("the call was not booked")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """`rechenwerk serve` as a person starts it, with a fake provider configured."""
    # Not below pytest's folder: another run beside this one takes PostgreSQL's user the way into it.
    with tempfile.TemporaryDirectory(prefix="rw-console-", ignore_cleanup_errors=True) as folder:
        command = arguments(Path(folder), "--without-model")
        with running_fake() as fake, serving(command) as (_, ready):
            cloud = Cloud(ready)
            cloud.api("POST", "/apply", json={"text": fake_config(fake)})
            yield cloud


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed; the pages cannot be opened")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's program, which `npm ci` puts in place once for each lock file."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed; axe-core cannot be fetched")
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp, program = WEB / "node_modules" / ".lock", WEB / "node_modules" / "axe-core" / "axe.min.js"
    if not program.exists() or not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        done = subprocess.run([npm, "ci"], cwd=WEB, capture_output=True, text=True, timeout=250, check=False)
        assert done.returncode == 0, done.stderr
        stamp.write_text(lock, encoding="utf-8")
    return program.read_text(encoding="utf-8")


class Visitor:
    """A browser's window of somebody who signed in; what its console says is kept."""

    def __init__(self, context: BrowserContext, cloud: Cloud) -> None:
        self.context, self._cloud = context, cloud
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "rw_session", "value": cloud.key, "url": cloud.office_url}])
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._dialog)

    def _dialog(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def open(self, path: str) -> None:
        answer = self.page.goto(f"{self._cloud.office_url}{path}")
        assert answer is not None
        assert answer.status == 200, path

    def over(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture
def visitor(browser: Browser, cloud: Cloud) -> Iterator[Visitor]:
    """The admin at a desk, in English."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield Visitor(context, cloud)
    context.close()


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
    page.wait_for_function("document.querySelectorAll('#list tbody tr').length === 1")
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
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
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
        visitor.page.evaluate(axe)
        result = visitor.page.evaluate("axe.run(document)")
        judged += len(result["passes"])
        if result["violations"]:
            found[path] = [(one["id"], one["nodes"][0]["html"]) for one in result["violations"]]
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
