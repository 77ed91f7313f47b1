"""The pages of plans, without and with a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from rechenwerk.main_console import mount_console
from tests.flows.browsing import Visitor
from tests.flows.office_desk import Office
from tests.flows.test_console import Browser
from tests.flows.test_plans import ended


@pytest.fixture
def desk(office: Office) -> Iterator[Browser]:
    """The admin with the console; what calculates is ended."""
    mount_console(office.app, office.clock, 8080)
    yield Browser(office, office.first.key)
    office.runner.run(office.app.state.office.planning.close())


@pytest.mark.parametrize(
    ("field", "given"), [("paths", "9" * 5_000), ("seed", "9" * 5_000), ("paths", "many")]
)
def test_what_is_no_number_of_paths_is_told(office: Office, desk: Browser, field: str, given: str) -> None:
    office.ok("POST", "/plans/example", json={"example": "firm", "name": "firm"})
    assert desk.post("/console/plan/at/firm/run", None, **{field: given}).status_code == 422
    assert office.ok("GET", "/plans/firm/runs")["runs"] == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_of_a_plan(office: Office, desk: Browser, language: str) -> None:
    visitor = Browser(office, desk.cookies["rw_session"], language)
    assert (
        visitor.post("/console/plan/example", example="openai").headers["location"]
        == "/console/plan/at/OpenAI"
    )
    assert ended(office, "OpenAI", 1)["state"] == "done"
    for path in (
        "/console/plan",
        "/console/plan/new",
        "/console/plan/at/OpenAI",
        "/console/plan/at/OpenAI/runs/1",
        "/console/plan/at/OpenAI/try",
        "/console/plan/at/OpenAI/risks",
        "/console/plan/at/OpenAI/risks?now=1&reverse=1",
        "/console/plan/at/OpenAI/scenarios?now=1",
        "/console/plan/at/OpenAI/network?now=1&fails=OpenAI",
        "/console/plan/at/OpenAI/source",
        "/console/plan/at/OpenAI/source?version=1",
        "/console/plan/at/OpenAI/explain?figure=runway",
    ):
        text = visitor.page(path)
        assert text.count("<h1") == 1, path


def test_a_number_that_is_none_begins_no_run(office: Office, desk: Browser) -> None:
    name = office.ok("POST", "/plans/example", json={"example": "firm"})["name"]
    for field in ("paths", "seed"):
        for text in ("many", "9" * 20, "9" * 5000):
            refused = desk.post(f"/console/plan/at/{name}/run", None, **{field: text})
            assert refused.status_code == 422, text
            assert field in refused.text
    assert office.ok("GET", f"/plans/{name}/runs")["runs"] == []


def test_a_plan_is_run_and_a_slider_moves_the_fan(visitor: Visitor, axe: str) -> None:
    page = visitor.page
    visitor.open("/console/plan")
    page.get_by_role("button", name="Add the example firm").click()
    page.get_by_text("Over many paths it has run out by").wait_for()
    page.locator("[data-chart] svg").first.wait_for()
    _is_well(visitor, axe)
    page.get_by_role("link", name="Formula and inputs of: Cash runs out").click()
    page.get_by_text("first period with cash < 0").wait_for()
    _is_well(visitor, axe)
    page.get_by_role("link", name="Sliders").click()
    page.locator('[data-try][data-paths="3000"]').wait_for()
    before = page.locator("#try-fan").get_attribute("data-chart")
    page.get_by_label("price", exact=True).fill("-1")
    assert before is not None
    expect(page.locator("#try-fan")).not_to_have_attribute("data-chart", before)
    page.locator("[data-ruin]", has_text="100.0").wait_for()
    _is_well(visitor, axe)
    page.get_by_role("link", name="Risks").click()
    page.get_by_role("heading", name="One shock of every kind").wait_for()
    page.get_by_role("link", name="Look for it").click()
    page.get_by_text("Enough as written:").wait_for()
    _is_well(visitor, axe)


def test_the_network_shows_who_falls(visitor: Visitor, axe: str) -> None:
    page = visitor.page
    visitor.open("/console/plan")
    page.get_by_role("button", name="Add the OpenAI case").click()
    page.get_by_role("link", name="Network").click()
    page.get_by_role("heading", name="Who falls if one fails?").wait_for()
    page.locator("[data-chart] svg").wait_for()
    _is_well(visitor, axe)
    page.get_by_role("link", name="Scenarios").click()
    page.get_by_role("heading", name="Why they differ").wait_for()
    _is_well(visitor, axe)
    page.get_by_role("link", name="Text and versions").click()
    text = page.get_by_label("Text of the plan")
    text.fill(text.input_value().replace('currency = "USD"', 'currency = "USD"\nodd = 1', 1))
    page.get_by_role("button", name="Check and keep as a new version").click()
    page.get_by_role("button", name="Line ").first.wait_for()
    _is_well(visitor, axe)


def _is_well(visitor: Visitor, axe: str) -> None:
    """Nothing serious for axe, nothing wider than a telephone, nothing that the browser complains about."""
    page = visitor.page
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    told = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found["violations"]]
    assert told == [], page.url
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": 360, "height": 740})
    # A chart follows its window in a moment of its own.
    inside = page.evaluate("document.documentElement.clientWidth")
    expect(page.locator("html"), page.url).to_have_js_property("scrollWidth", inside)
    page.set_viewport_size(size)
    assert not [line for line in visitor.said if "422" not in line], visitor.said
