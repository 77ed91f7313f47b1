"""Documents in a browser, against a running installation: files in, a value corrected, sides decided."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flows.browsing import NASTY, Cloud, Visitor

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
JOBS = "/console/documents"


def job_of(page: Page) -> int:
    """The number of the job that is shown."""
    found = re.search(r"/jobs/([0-9]+)", page.url)
    assert found is not None
    return int(found[1])


def until_done(cloud: Cloud, job: int) -> Any:
    """The job, once it is done."""
    for _ in range(20_000):
        found = cloud.api("GET", f"/documents/jobs/{job}")
        if found["state"] == "done":
            return found
    return pytest.fail("the job does not end")


def ready(cloud: Cloud, schema: str, folder: str) -> int:
    """A job of examples that is done."""
    job: int = cloud.api("POST", "/documents/jobs", json={"schema": schema, "model": "", "name": NASTY})["id"]
    for file in sorted((EXAMPLES / folder).iterdir()):
        cloud.api(
            "POST", f"/documents/jobs/{job}/files", params={"name": file.name}, content=file.read_bytes()
        )
    cloud.api("POST", f"/documents/jobs/{job}/start")
    until_done(cloud, job)
    return job


@pytest.fixture(scope="module")
def invoices(cloud: Cloud) -> int:
    """A job of invoices."""
    return ready(cloud, "invoice", "invoices")


@pytest.fixture(scope="module")
def news(cloud: Cloud) -> int:
    """A job of articles that contradict each other."""
    return ready(cloud, "article", "news")


def test_from_dropped_files_to_a_corrected_value(visitor: Visitor, cloud: Cloud) -> None:
    page = visitor.page
    visitor.open(JOBS)
    page.get_by_role("link", name="New job").first.click()
    page.locator("input[name=schema][value=invoice]").check()
    page.locator("#f-name").fill("from the browser")
    page.locator("#f-model").select_option("none")
    page.get_by_role("button", name="Make the job").click()
    page.get_by_role("heading", name="from the browser").wait_for()
    files = [EXAMPLES / "invoices" / name for name in ("lindenau.pdf", "northgate.eml", "older.zip")]
    page.locator("#files").set_input_files([str(one) for one in files])
    expect(page.locator(".uploads [data-state=taken]")).to_have_count(3)
    page.locator("#progress button", has_text="Start").and_(page.locator(":enabled")).click()
    page.get_by_role("link", name="XLSX").wait_for()
    page.get_by_text("older.zip/empty.pdf").wait_for()

    page.get_by_role("link", name="Values", exact=True).click()
    page.locator(".evidence summary").first.click()
    page.locator(".evidence blockquote").first.wait_for()
    page.get_by_role("link", name="See it on the page").first.click()
    page.locator(".sheet img, .sheet mark").first.wait_for()

    job = job_of(page)
    visitor.open(f"{JOBS}/jobs/{job}/review")
    page.keyboard.press("c")
    expect(page.locator("#f-value")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("NG-20932")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing waits").wait_for()
    page.get_by_role("link", name="History").click()
    page.locator("td .badge", has_text="corrected").wait_for()
    (decision,) = cloud.api("GET", f"/documents/jobs/{job}/decisions")["decisions"]
    assert decision["action"] == "correct"
    assert decision["by"]
    assert visitor.said == []


def test_a_page_shows_where_a_value_stands(visitor: Visitor, cloud: Cloud, invoices: int) -> None:
    page = visitor.page
    files = cloud.api("GET", f"/documents/jobs/{invoices}/files", params={"q": "LINDENAU"})["documents"]
    pdf = next(one for one in files if one["name"] == "lindenau.pdf")
    visitor.open(f"{JOBS}/jobs/{invoices}/documents/{pdf['id']}?field=gross")
    image = page.locator(".sheet img")
    expect(image).not_to_have_js_property("naturalWidth", 0)
    box = page.locator(".sheet .this rect").first.bounding_box()
    whole = image.bounding_box()
    assert box is not None
    assert whole is not None
    assert whole["y"] < box["y"] < whole["y"] + whole["height"] / 2, "the amount stands in the upper half"
    page.get_by_role("button", name="Larger").click()
    expect(page.locator(".sheet[data-zoom='2']")).to_have_count(1)
    assert visitor.said == []


def test_a_contradiction_is_decided_side_by_side(visitor: Visitor, cloud: Cloud, news: int) -> None:
    page = visitor.page
    visitor.open(f"{JOBS}/jobs/{news}/contradictions")
    left, right = page.locator(".side-of").nth(0), page.locator(".side-of").nth(1)
    boxes = left.bounding_box(), right.bounding_box()
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
    page.get_by_role("button", name="Side 2 is right").click()
    page.get_by_text("Your decision is kept.").wait_for()
    page.get_by_role("link", name="All", exact=True).click()
    page.get_by_text("Decided by").wait_for()
    (decided,) = cloud.api("GET", f"/documents/jobs/{news}/decisions")["contradictions"]
    assert (decided["action"], decided["side"]) == ("side", 1)
    visitor.open(f"{JOBS}/jobs/{news}/facts")
    page.get_by_text("Nordlicht", exact=False).first.wait_for()


def test_the_review_is_worked_by_keys(visitor: Visitor, cloud: Cloud, news: int) -> None:
    page = visitor.page
    visitor.open(f"{JOBS}/jobs/{news}/review")
    first = page.locator("#work input[name=field]").get_attribute("value")
    waiting = cloud.api("GET", f"/documents/jobs/{news}/review")["left"]
    assert waiting > 1
    place = page.locator("#work input[name=field]")
    page.keyboard.press("j")
    expect(place).not_to_have_value(str(first))
    page.keyboard.press("k")
    expect(place).to_have_value(str(first))
    page.keyboard.press("a")
    page.get_by_text(f"{waiting - 1} value").wait_for()
    (decision,) = cloud.api("GET", f"/documents/jobs/{news}/decisions")["decisions"]
    assert (decision["field"], decision["action"]) == (first, "accept")
    assert visitor.said == []


def test_who_was_second_is_told_on_the_page(visitor: Visitor, cloud: Cloud, invoices: int) -> None:
    page = visitor.page
    visitor.open(f"{JOBS}/jobs/{invoices}/review")
    (value,) = cloud.api("GET", f"/documents/jobs/{invoices}/review")["values"]
    body = {"action": "accept", "version": value["version"]}
    cloud.api("POST", f"/documents/files/{value['document']}/values/{value['field']}/decision", json=body)
    page.get_by_role("button", name="Reject").click()
    page.get_by_text("was decided by somebody else meanwhile").wait_for()


def test_files_that_are_too_large_are_refused_where_they_are_dropped(visitor: Visitor, cloud: Cloud) -> None:
    job = cloud.api("POST", "/documents/jobs", json={"schema": "invoice", "model": ""})["id"]
    page = visitor.page
    visitor.open(f"{JOBS}/jobs/{job}")
    page.evaluate("document.querySelector('[data-upload]').dataset.largest = '3'")
    files = [
        {"name": "large.txt", "mimeType": "text/plain", "buffer": b"four"},
        {"name": f"{NASTY}.txt", "mimeType": "text/plain", "buffer": b"abc"},
    ]
    page.locator("#files").set_input_files(files)  # type: ignore[arg-type]
    expect(page.locator(".uploads [data-state=refused]")).to_have_text(re.compile("large.txt.*larger than"))
    expect(page.locator(".uploads [data-state=taken]")).to_have_count(1)
    assert len(cloud.api("GET", f"/documents/jobs/{job}/files")["documents"]) == 1
    assert visitor.said == []


def test_files_are_sent_without_scripts(browser: Browser, cloud: Cloud) -> None:
    job = cloud.api("POST", "/documents/jobs", json={"schema": "invoice", "model": ""})["id"]
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    visitor = Visitor(context, cloud)
    visitor.open(f"{JOBS}/jobs/{job}")
    visitor.page.locator("#files").set_input_files(
        [str(EXAMPLES / "invoices" / name) for name in ("lindenau.pdf", "northgate.eml")]
    )
    visitor.page.get_by_role("button", name="Send the files").click()
    visitor.page.get_by_text("2 files are taken.").wait_for()
    visitor.page.get_by_role("button", name="Start").click()
    until_done(cloud, job)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_pages_fit(
    browser: Browser, cloud: Cloud, axe: str, invoices: int, news: int, scheme: str
) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": 360 if scheme == "dark" else 1280, "height": 800},
        locale="de-DE",
        bypass_csp=True,
    )
    visitor = Visitor(context, cloud)
    document = cloud.api("GET", f"/documents/jobs/{invoices}/files")["documents"][0]["id"]
    examples = [{"label": label, "text": f"{label} number {at}"} for label in "ab" for at in range(6)]
    cloud.api("POST", "/documents/trained/letters/examples", json={"examples": examples})
    cloud.api("POST", "/documents/trained/letters/train", json={})
    parts = ("", "/files", "/values", "/review", "/history", f"/documents/{document}")
    pages = [JOBS, f"{JOBS}/new", f"{JOBS}/forms", f"{JOBS}/training", f"{JOBS}/training/letters"]
    pages += [f"{JOBS}/jobs/{invoices}{part}" for part in parts]
    pages += [f"{JOBS}/jobs/{news}{part}" for part in ("/review", "/contradictions?show=all", "/facts")]
    found, judged = {}, 0
    for path in pages:
        visitor.open(path)
        if visitor.over() > 0:
            found[path] = [("too wide", str(visitor.over()))]
        wrong, right = visitor.judged(axe)
        judged += right
        if wrong:
            found[path] = wrong
    context.close()
    assert found == {}
    assert judged > 20 * len(pages), "axe ran"


def test_a_model_learns_from_pasted_examples_and_an_older_version_answers(
    visitor: Visitor, cloud: Cloud
) -> None:
    page = visitor.page
    lines = "\n".join(f"{label};{label} number {at}" for label in ("bill", "order") for at in range(6))
    for version in ("1", "2"):
        visitor.open(f"{JOBS}/training")
        page.locator("#f-name").fill("post")
        page.locator("input[name=source][value=examples]").check()
        page.locator("#f-examples").fill(lines)
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_role("heading", name=f"Version {version}").wait_for()
    assert cloud.api("GET", "/documents/trained/post")["active"] == 2
    page.get_by_role("button", name="Let this one answer").click()
    page.get_by_text("Version 1 answers from now on.").wait_for()
    assert cloud.api("GET", "/documents/trained/post")["active"] == 1
    page.get_by_text("What was taken for what").first.click()
    page.locator(".confusion").first.wait_for()
    assert visitor.said == []
