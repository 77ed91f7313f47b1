"""Chat over the API: a real office before a real gateway, and a provider that says what it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    question, again = nora.said(chat)
    assert question["text"] == "How are things\nin the town hall?"
    assert again == answer
    shown = nora.ok("GET", f"/chats/{chat}")
    assert shown["title"] == "How are things in the town hall?"
