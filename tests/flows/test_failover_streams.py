"""After the first byte nobody else serves: the stream ends with an error event, what it made is booked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rechenwerk.base.ids import encode_call
from tests.caller import ask, chat_body
from tests.flows.several import FIRST, SECOND, Place, decision, several
from tests.spoken import PATHS, SPOKEN, Spoken, body_of, events, how, said

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset", {"cut_after_tokens": 7}),
    ("silence", {"stall_after_events": 9}),
    ("an error event", {"error_event_mid_stream": 9}),
    ("a broken frame", {"malformed_after_events": 9}),
)
PROMPT = "internationalisation " * 4
"""Of long words: where nobody reports usage, a quarter of the bytes is more than the fake counts."""
KINDS = ("openai-compatible", "anthropic", "gemini", "bedrock")


@pytest.mark.parametrize("spoken", SPOKEN)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_breaks_ends_with_an_error(database_url: str, spoken: Spoken, kind: str) -> None:
    asyncio.run(_breaks(database_url, spoken, kind))


async def _breaks(url: str, spoken: Spoken, kind: str) -> None:
    async with several(url, Place("first", kind, "own"), SECOND) as here:
        first = here.fakes["first"]
        for number, (name, knobs) in enumerate(FAULTS, 1):
            first.set_knobs(knobs)
            body = body_of(spoken, PROMPT, 40, stream=True)
            reply = await ask(here.address, here.tenant.key, body, PATHS[spoken])
            first.set_knobs(dict.fromkeys(knobs))
            assert (reply.status, how(spoken, reply)) == (200, "error"), (name, reply)
            heard = said(spoken, reply)
            assert heard is not None
            assert heard.startswith("word0 word1"), (name, heard)
            assert here.asked == {"first": number}, name
            row = (await here.booked(number))[-1]
            assert (row["outcome"], row["status"]) == ("unresolved", 200), (name, dict(row))
            assert row["reason"], name
            assert "tried" not in decision(row)
            made = first.produced.find(encode_call(row["id"]))
            assert row["input"] >= made.prompt_tokens, name
            assert row["output"] >= made.completion_tokens > 0, name
            assert row["price"] == row["input"] * 1_500 + row["output"] * 3_000, name
            assert row["cost"] == row["input"] * 1_000 + row["output"] * 2_000, name
            assert row["price"] <= row["held"]


@pytest.mark.parametrize("spoken", SPOKEN)
def test_the_error_is_the_one_that_its_clients_know(database_url: str, spoken: Spoken) -> None:
    asyncio.run(_error_event(database_url, spoken))


async def _error_event(url: str, spoken: Spoken) -> None:
    async with several(url, FIRST) as here:
        here.fakes["first"].knobs.cut_after_tokens = 3
        body = body_of(spoken, PROMPT, 40, stream=True)
        reply = await ask(here.address, here.tenant.key, body, PATHS[spoken])
        name, last = events(reply)[-1]
        match spoken:
            case "chat":
                assert name == ""
                assert set(last) == {"error"}
                assert set(last["error"]) == {"message", "type", "param", "code"}
                assert last["error"]["code"] == "provider_failed"
                assert "hung up" in last["error"]["message"]
            case "messages":
                assert (name, last["type"]) == ("error", "error")
                assert last["error"]["type"] == "api_error"
                assert "hung up" in last["error"]["message"]
            case "responses":
                assert name == last["type"] in {"error", "response.failed"}
                error = last if name == "error" else last["response"]["error"]
                assert "hung up" in error["message"]
        await here.booked(1)


def test_silence_before_the_first_word_is_no_stream_yet(database_url: str) -> None:
    """A head that says that events will follow is no first byte: the call may still go elsewhere."""
    asyncio.run(_silence(database_url))


async def _silence(url: str) -> None:
    async with several(url, FIRST, SECOND) as here:
        here.fakes["first"].knobs.stall_after_events = 0
        reply = await ask(here.address, here.tenant.key, chat_body(5, stream=True))
        assert how("chat", reply) == "whole"
        assert here.asked == {"first": 1, "second": 1}
        assert [row["outcome"] for row in await here.booked(2)] == ["posted", "unresolved"]
