"""Providers in a browser: added by the guided check, tried with a booked call, switched off and on."""

from __future__ import annotations

import httpx2

from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.flows.browsing import Cloud, Visitor


def fill(visitor: Visitor, fake: FakeProvider, name: str, key: str) -> None:
    page = visitor.page
    visitor.open("/console/providers/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Kind").select_option("vllm")
    page.get_by_label("Address").fill(fake.base_url)
    page.get_by_label("A server of our own").check()
    page.locator("#f-secret").fill(key)


def test_a_provider_is_added_by_the_guided_check_and_switched_off(visitor: Visitor, cloud: Cloud) -> None:
    page = visitor.page
    with running_fake(Knobs(require_key="sk-right", models=["llama-8b"])) as fake:
        fill(visitor, fake, "hall", "sk-wrong")
        page.get_by_role("button", name="Check it").click()
        page.get_by_text("it does not take this key (401)").wait_for()
        page.locator("#f-secret").fill("sk-right")
        page.get_by_role("button", name="Check it").click()
        page.get_by_text("Everything is in order.").wait_for()
        assert page.get_by_label("Model, as the provider calls it").input_value() == "llama-8b"
        page.get_by_label("It costs: input").fill("1.50")
        page.get_by_label("It costs: output").fill("3")
        page.get_by_role("button", name="Add and try it").click()
        page.get_by_text("The trial call was answered: call_").wait_for()
        page.locator("a[href^='/console/journal/call_']").click()
        page.get_by_text("receivable").first.wait_for()
        page.get_by_text("hall").first.wait_for()
        calls = [one for one in cloud.api("GET", "/books/journal")["calls"] if one["provider"] == "hall"]
        assert [one["model"] for one in calls] == ["llama-8b"], "the trial is booked"

        visitor.open("/console/providers/at/hall")
        page.get_by_label("Why").fill("it smells burnt")
        page.locator("form[action$='/hall/switch']").get_by_role("button", name="Switch off").click()
        page.get_by_text("hall is switched off").wait_for()
        page.get_by_role("button", name="Make a trial call").click()
        page.get_by_text("its provider is switched off (it smells burnt)").wait_for()
        page.locator("form[action$='/hall/switch']").get_by_role("button", name="Switch on").click()
        page.get_by_text("hall is switched on").wait_for()
        page.get_by_label("Calls at once").fill("4")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.").wait_for()
        assert page.get_by_label("Calls at once").input_value() == "4"
    assert visitor.said == []
    models = {one["name"] for one in cloud.api("GET", "/providers")["providers"] if one["active"]}
    assert "hall" in models
    assert len(models) > 1, "the others are still there"


def test_each_fault_is_told_while_it_is_checked(visitor: Visitor) -> None:
    page = visitor.page
    with running_fake(Knobs(models=[])) as fake:
        fill(visitor, fake, "empty", "")
        page.get_by_role("button", name="Check it").click()
        page.get_by_text("it serves no model now; load one first").wait_for()
        page.get_by_label("A server of our own").uncheck()
        page.get_by_role("button", name="Check it").click()
        page.get_by_text("http:// only goes to servers of your own").wait_for()
        page.get_by_label("A server of our own").check()
    page.get_by_role("button", name="Check it").click()
    page.get_by_text("nobody answers at port").wait_for()
    assert visitor.said == []


def test_the_check_works_without_scripts_and_mistakes_stand_in_the_form(
    visitor: Visitor, cloud: Cloud
) -> None:
    with running_fake() as fake, httpx2.Client(base_url=cloud.office_url, timeout=60) as client:
        client.cookies.set("rw_session", cloud.key)
        client.headers.update({"sec-fetch-site": "same-origin", "accept-language": "de"})
        form = {"name": "x", "kind": "vllm", "base_url": fake.base_url, "own_server": "yes", "do": "check"}
        answer = client.post("/console/providers/new", data=form)
        assert "verlangt keinen Schlüssel" in answer.text
        assert '<option value="fake-model">' in answer.text
        answer = client.post("/console/providers/new", data={**form, "do": ""})
        assert answer.status_code == 422
        assert 'class="badge bad"' in answer.text
    visitor.open("/console/providers")
    assert visitor.page.get_by_role("link", name="x", exact=True).count() == 0


def test_start_changes_by_itself_when_a_call_is_booked(visitor: Visitor, cloud: Cloud) -> None:
    key = cloud.api("POST", "/keys", json={"project": "default", "name": "live"})["key"]
    before = cloud.api("GET", "/pulse")["calls"]
    page = visitor.page
    visitor.open("/console/")
    page.locator("html[data-listening]").wait_for(state="attached")
    page.evaluate("window.stayed = true")
    cloud.call(key)
    page.get_by_text(f"of {before + 1} calls").wait_for()
    assert page.evaluate("window.stayed") is True
    visitor.open("/console/journal")
    rows = page.locator("#live tbody tr")
    shown = rows.count()
    cloud.call(key)
    rows.nth(shown).wait_for()
    assert visitor.said == []
