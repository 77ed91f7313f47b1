"""Chat over the API: a real office before a real gateway, and a provider that says what it is told to."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.fakes.knobs import DEFAULT_MODEL, Knobs
from tests.flows.browsing import Cloud
from tests.flows.chatting import Talker, person


@pytest.fixture
def fake(cloud: Cloud) -> Iterator[Knobs]:
    """The provider's knobs, turned back afterwards."""
    yield cloud.fake.knobs
    cloud.fake.knobs = Knobs()


@pytest.fixture(scope="module")
def nora(cloud: Cloud) -> Talker:
    """A member."""
    return person(cloud)


def booked(cloud: Cloud, call: str) -> Any:
    """What the books say of a call."""
    return cloud.api("GET", f"/books/calls/{call}")


def settled(talker: Talker, chat: int, answer: int) -> Any:
    """A stopped answer once it is booked: a gateway hears the provider out for some seconds."""
    for _ in range(20_000):
        found = talker.ok("GET", f"/chats/{chat}/messages/{answer}")
        if found["state"] != "writing" and found["call"] and found["call"]["booked"]:
            return found
    pytest.fail("the answer was not booked")


def test_an_answer_is_streamed_and_shown_as_it_is_booked(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    fake.answer_tokens = 7
    chat = nora.begin()
    answer = nora.ask(chat, "How are things\nin the town hall?")
    assert answer["text"].split() == [f"word{number}" for number in range(7)]
    assert (answer["state"], answer["problem"], answer["model"]) == ("done", "", DEFAULT_MODEL)
    call, book = answer["call"], booked(cloud, answer["call"]["id"])
    assert call["booked"]
    assert book["outcome"] == call["outcome"] == "posted"
    assert (call["price"], call["currency"]) == (book["price"], book["currency"])
    assert float(call["price"]) > 0
    assert call["output_tokens"] == book["usage"]["output"] == 7
    assert call["input_tokens"] == book["usage"]["input"] > 0
    assert (call["provider"], call["contract"]) == (book["provider"], book["contract"])
    why = cloud.api("GET", f"/books/calls/{call['id']}/why")["decision"]
    assert call["reason"] == why["reason"] != ""
    assert call["reason_told"] == why["reason_told"] == [{"code": "only"}]
    question, again = nora.said(chat)
    assert question["text"] == "How are things\nin the town hall?"
    assert again == answer
    shown = nora.ok("GET", f"/chats/{chat}")
    assert shown["title"] == "How are things in the town hall?"


def test_a_stopped_answer_is_kept_and_booked(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    fake.answer_tokens, fake.pace_ms = 5000, 20
    chat = nora.begin()
    with nora.asking(chat, text="Tell me everything") as events:
        name, begun = next(events)
        assert name == "begun"
        while next(events)[0] != "text":
            pass
        stopped = nora.ok("POST", f"/chats/{chat}/messages/{begun['answer']}/stop")
        found = list(events)
    assert found[-1][0] == "end"
    assert found[-1][1] == stopped
    assert stopped["state"] == "stopped"
    assert stopped["text"].startswith("word0")
    answer = settled(nora, chat, begun["answer"])
    book = booked(cloud, answer["call"]["id"])
    assert 0 < book["usage"]["output"] < 5000
    assert answer["call"]["price"] == book["price"]


def test_who_hangs_up_stops_the_answer(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    fake.answer_tokens, fake.pace_ms = 5000, 20
    chat = nora.begin()
    with nora.asking(chat, text="Tell me everything") as events:
        while next(events)[0] != "text":
            pass
    answer = settled(nora, chat, nora.said(chat)[1]["id"])
    assert answer["state"] == "stopped"
    assert answer["text"].startswith("word0")
    assert 0 < booked(cloud, answer["call"]["id"])["usage"]["output"] < 5000


def test_who_hangs_up_before_the_first_word_stops_the_answer(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    fake.answer_tokens, fake.pace_ms = 5000, 20
    chat = nora.begin()
    nora.leave(chat, text="Tell me everything")
    for _ in range(20_000):
        states = [one["state"] for one in nora.said(chat)]
        if states and "writing" not in states:
            break
    assert states == ["done", "stopped"]


def test_the_same_request_asks_nobody_twice(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    fake.answer_tokens = 30
    chat = nora.begin()
    with (
        nora.asking(chat, once="click", text="Once") as first,
        nora.asking(chat, once="click", text="Once") as second,
    ):
        ends = [list(first)[-1][1], list(second)[-1][1]]
    later = nora.ask(chat, "Once", once="click")
    assert ends == [later, later]
    assert len(nora.said(chat)) == 2


def test_branches_and_what_the_model_is_told(nora: Talker, fake: Knobs) -> None:
    chat = nora.begin()
    fake.answer_text = "one"
    first = nora.ask(chat, "a b c")
    second = nora.ask(chat, "d", first["id"])
    other = nora.ask(chat, None, first["parent"])
    edited = nora.ask(chat, "e f", None)
    parents = {one["id"]: one["parent"] for one in nora.said(chat)}
    assert parents[second["parent"]] == first["id"]
    assert other["parent"] == first["parent"]
    assert parents[edited["parent"]] is None
    tokens = [one["call"]["input_tokens"] for one in (first, second, other, edited)]
    # The provider counts three for each message, and its words.
    assert tokens == [3 + 3, 3 + 3 + 3 + 1 + 3 + 1, 3 + 3, 3 + 2]
    path = f"/chats/{chat}/messages"
    body = {"model": DEFAULT_MODEL, "text": "x"}
    assert nora.refused(422, "POST", path, json={**body, "parent": first["parent"]})["param"] == "parent"
    assert nora.refused(422, "POST", path, json={"model": DEFAULT_MODEL})["param"] == "parent"
    assert nora.refused(404, "POST", path, json={**body, "parent": 1 << 40})
    assert nora.refused(404, "POST", path, json={**body, "files": [1 << 40]})


def test_refusals_are_one_line_of_the_answer(cloud: Cloud, fake: Knobs) -> None:
    cloud.api("POST", "/projects", json={"name": "poor"})
    poor = person(cloud, project="poor")
    cloud.api("PUT", "/projects/poor/budget", json={"period": "day", "amount": "0.000000001"})
    chat = poor.begin()
    poor.ask(chat, "hello", model="no-such-model")
    for _ in range(2000):  # gateways hear of a budget a moment later
        answer = poor.ask(chat, "hello")
        if answer["state"] == "failed":
            break
    assert "budget" in answer["problem"]
    assert "\n" not in answer["problem"]
    assert answer["call"] is None or float(answer["call"]["price"]) == 0
    unknown = poor.said(chat)[1]
    assert unknown["state"] == "failed"
    assert "no-such-model" in unknown["problem"]
    assert (answer["problem_code"], unknown["problem_code"]) == ("insufficient_quota", "model_not_found")
    page = httpx2.get(
        f"{cloud.office_url}/console/chat/{chat}",
        headers={"accept-language": "de", "cookie": f"rw_session={poor.key}"},
        timeout=60,
    )
    assert "Das Budget reicht nicht für das" in page.text
    assert str(answer["problem"]) not in html.unescape(page.text)


def test_a_broken_answer_keeps_what_came(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    fake.answer_tokens, fake.cut_after_events = 50, 6
    chat = nora.begin()
    answer = nora.ask(chat, "hello")
    assert answer["state"] == "failed"
    assert answer["text"].startswith("word0")
    assert answer["problem"]
    assert booked(cloud, answer["call"]["id"])["price"] == answer["call"]["price"]


def test_nobody_else_reaches_a_conversation(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    chat = nora.begin()
    answer = nora.ask(chat, "a secret plan")
    neighbour = person(cloud)
    boss = Talker(cloud, cloud.key)
    body = {"model": DEFAULT_MODEL, "text": "x", "parent": answer["id"]}
    routes: tuple[tuple[str, str, Any], ...] = (
        ("GET", "", {}),
        ("PATCH", "", {"json": {"title": "mine"}}),
        ("DELETE", "", {}),
        ("POST", "/copy", {"json": {}}),
        ("GET", "/export/markdown", {}),
        ("POST", "/messages", {"json": body}),
        ("GET", f"/messages/{answer['id']}", {}),
        ("POST", f"/messages/{answer['id']}/stop", {}),
        ("POST", "/files", {"params": {"name": "a.txt"}, "content": b"x"}),
        ("DELETE", "/files/1", {}),
    )
    for other in (neighbour, boss):
        for method, rest, more in routes:
            other.refused(404, method, f"/chats/{chat}{rest}", **more)
        assert chat not in {one["id"] for one in other.ok("GET", "/chats", params={"of": "all"})["chats"]}
        assert other.ok("GET", "/chats", params={"of": "all", "q": "secret plan"})["chats"] == []
    nora.ok("PATCH", f"/chats/{chat}", json={"shared": True})
    assert neighbour.ok("GET", f"/chats/{chat}")["messages"][1] == answer
    shared = neighbour.ok("GET", "/chats", params={"of": "shared", "q": "SECRET plan"})["chats"]
    assert [one["id"] for one in shared] == [chat]
    for method, rest, more in routes:
        if method != "GET" and rest != "/copy":
            neighbour.refused(403, method, f"/chats/{chat}{rest}", **more)
    copy = neighbour.ok("POST", f"/chats/{chat}/copy", json={"until": answer["id"]})["id"]
    copied = neighbour.said(copy)
    assert [one["text"] for one in copied] == ["a secret plan", answer["text"]]
    assert copied[1]["call"] is None
    assert neighbour.ask(copy, "go on", copied[1]["id"])["state"] == "done"
    neighbour.ok("DELETE", f"/chats/{copy}")
    neighbour.refused(404, "GET", f"/chats/{copy}")
    assert len(nora.said(chat)) == 2


def test_a_number_that_no_row_can_have_is_refused(nora: Talker) -> None:
    chat, large = nora.begin(), 1 << 63
    for method, path in (
        ("GET", f"/chats/{large}"),
        ("GET", f"/chats/{chat}/messages/{large}"),
        ("DELETE", f"/chats/{chat}/files/{large}"),
        ("DELETE", f"/chat-templates/{large}"),
    ):
        nora.refused(422, method, path)


def test_a_copy_keeps_the_branch_behind_an_unfinished_answer(nora: Talker, fake: Knobs) -> None:
    fake.answer_tokens, fake.pace_ms = 5000, 20
    chat = nora.begin()
    with nora.asking(chat, text="Tell me everything") as events:
        begun = next(events)[1]
        next(events)
        fake.answer_tokens, fake.pace_ms = 3, 0
        nora.ask(chat, "and then?", begun["answer"])
        copy = nora.ok("POST", f"/chats/{chat}/copy", json={})["id"]
    said = nora.said(copy)
    assert [one["state"] for one in said] == ["done", "stopped", "done", "done"]
    assert [one["parent"] for one in said] == [None, *(one["id"] for one in said[:-1])]


def test_files_go_to_the_model(nora: Talker, fake: Knobs) -> None:
    chat = nora.begin()
    sent = {"params": {"name": '<b>"note".txt'}, "content": b"one two three"}
    file = nora.ok("POST", f"/chats/{chat}/files", **sent)
    assert (file["name"], file["kind"], file["characters"]) == ('<b>"note".txt', "txt", 14)
    answer = nora.ask(chat, "and?", files=[file["id"]])
    assert answer["call"]["input_tokens"] == 3 + 7
    assert nora.said(chat)[0]["files"] == [file]
    again = {"model": DEFAULT_MODEL, "text": "x", "parent": answer["id"], "files": [file["id"]]}
    nora.refused(404, "POST", f"/chats/{chat}/messages", json=again)
    at = f"/chats/{chat}/files"
    assert "empty" in nora.refused(422, "POST", at, params={"name": "a.txt"}, content=b"")["message"]
    nora.refused(422, "POST", at, params={"name": "a.exe"}, content=b"MZ\x90\x00" + bytes(99))
    nora.refused(413, "POST", at, params={"name": "a.txt"}, content=b"x " * 600_000)
    nora.refused(413, "POST", at, params={"name": "a.txt"}, content=bytes(20_000_001))


def test_templates_lists_and_exports(cloud: Cloud, nora: Talker, fake: Knobs) -> None:
    other = person(cloud)
    body = {"name": "letter", "text": "Dear {{ name }}, {{what}} {{name}}", "shared": False}
    made = nora.ok("POST", "/chat-templates", json=body)
    assert made["placeholders"] == ["name", "what"]
    at = f"/chat-templates/{made['id']}"
    other.refused(404, "PUT", at, json=body)
    nora.ok("PUT", at, json={**body, "shared": True})
    assert made["id"] in {one["id"] for one in other.ok("GET", "/chat-templates")["templates"]}
    other.refused(403, "PUT", at, json=body)
    other.refused(403, "DELETE", at)
    nora.ok("DELETE", at)
    chats = []
    for number in range(3):
        chats.append(other.begin())
        other.ask(chats[-1], f"question {number}")
    first = other.ok("GET", "/chats", params={"limit": 2})
    rest = other.ok("GET", "/chats", params={"limit": 2, "before": first["next"]})
    assert [one["id"] for one in first["chats"] + rest["chats"]] == chats[::-1]
    found = other.ok("GET", "/chats", params={"limit": 2, "q": "question", "of": "all"})
    assert len(found["chats"]) == 2
    other.refused(422, "GET", "/chats", params={"before": "x"})
    text = other.answer("GET", f"/chats/{chats[0]}/export/markdown").text
    assert text.startswith("# question 0\n")
    whole = other.ok("GET", f"/chats/{chats[0]}/export/json")
    assert whole == other.ok("GET", f"/chats/{chats[0]}")
    assert [one["name"] for one in other.ok("GET", "/chat-models")["models"]] == [DEFAULT_MODEL]
