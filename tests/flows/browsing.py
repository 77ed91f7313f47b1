"""A browser before a running installation: fixtures of the console's tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright

from tests.fakes.knobs import DEFAULT_MODEL
from tests.fakes.provider import FakeProvider, running_fake
from tests.flows.cloud import fake_config
from tests.flows.serving import arguments, serving
from tests.npm import packages

NASTY = '"><img src=x onerror=alert(1)>'
"""A name that the API takes and a page must not."""
WEB = Path(__file__).parents[2] / "src" / "rechenwerk" / "console" / "web"
PATIENCE = 60_000
"""Milliseconds for which a step may wait, on a machine that does much else."""


class Cloud:
    """A running installation with a provider behind it, and its admin's key."""

    def __init__(self, ready: dict[str, object], fake: FakeProvider) -> None:
        self.fake = fake
        self.url, self.office_url = str(ready["url"]), str(ready["office_url"])
        self.key, self.invitation = str(ready["key"]), str(ready["invitation"])

    def api(self, method: str, path: str, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {self.key}"}
        # Reading the machine's certificates for http:// takes longer than most answers.
        answer = httpx2.request(
            method, f"{self.office_url}/api/v1{path}", headers=headers, timeout=60, verify=False, **more
        )
        assert answer.is_success, answer.text
        return answer.json()

    def call(self, key: str) -> str:
        """Ask the model, as soon as gateways know the key; the call's id."""
        body = {"model": DEFAULT_MODEL, "messages": [{"role": "user", "content": NASTY}]}
        headers = {"authorization": f"Bearer {key}"}
        for _ in range(2000):
            answer = httpx2.post(
                f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=60, verify=False
            )
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
            cloud = Cloud(ready, fake)
            cloud.api("POST", "/apply", json={"text": fake_config(fake)})
            yield cloud


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed; the pages cannot be opened")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's program."""
    modules = packages(WEB, "accessibility is not tested")
    return (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


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

    def judged(self, axe: str) -> tuple[list[tuple[str, str]], int]:
        """What axe-core finds wrong on the page, each with its first place, and how much it finds right."""
        self.page.evaluate(axe)
        result = self.page.evaluate("axe.run(document)")
        wrong = [(one["id"], one["nodes"][0]["html"]) for one in result["violations"]]
        return wrong, len(result["passes"])

    def over(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture
def visitor(browser: Browser, cloud: Cloud) -> Iterator[Visitor]:
    """The admin at a desk, in English."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield Visitor(context, cloud)
    context.close()
