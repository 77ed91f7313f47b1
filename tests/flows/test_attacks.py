"""Providers that answer nonsense, and clients that try to get more than was held for them."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import uvloop

from rechenwerk.wire.sse import DONE, EventCutter, event_data
from tests.caller import Reply
from tests.flows.odd import KINDS, PATHS, OddHouse, body_of, odd_house

GOLDEN = Path(__file__).parent.parent / "golden"
WHOLE = MappingProxyType(
    {
        "openai-compatible": (GOLDEN / "answer.json").read_bytes(),
        "anthropic": (GOLDEN / "anthropic" / "whole.json").read_bytes(),
        "gemini": (GOLDEN / "gemini" / "answer.json").read_bytes(),
        "bedrock": (GOLDEN / "bedrock" / "answer.json").read_bytes(),
    }
)
NONSENSE = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"usage":{"prompt_tokens":1e400}}',
    b'{"error":"x"}',
    b'{"error":{"message":"a\\u0000b\\nc","code":500}}',
    b'{"choices":[{"message":{}}]}',
    b'{"type":"error","error":{"type":"overloaded_error","message":"a\\u0000b"}}',
    b'{"type":"message","content":[{"type":"tool_use","id":"a","name":"b","input":[1]}]}',
    b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"a\\u0000b"}]}',
    b'{"output":{"message":{"content":[]}},"stopReason":"malformed_tool_use"}',
    b'{"message":"a\\u0000b","__type":"x#ThrottlingException"}',
)
SPLICES = (b"", b"null", b"{}", b"[]", b'""', b"-1", b"1e999", b"\xff", b"\\u0000", b"}", b"[[[[")
SSE = b"text/event-stream"
RUNNING = (
    b'data: {"candidates":[{"content":{"parts":[{"text":"so"}]}}],"usageMetadata":{"promptTokenCount":1}}\n\n'
)
STARTS = MappingProxyType(
    {
        "openai-compatible": b'data: {"choices":[{"index":0,"delta":{"content":"so"}}]}\n\n',
        "anthropic": b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":'
        b'{"input_tokens":3,"output_tokens":1}}}\n\nevent: content_block_delta\ndata: {"type":'
        b'"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so"}}\n\n',
        "gemini": RUNNING,
    }
)
"""The first events of a stream."""


SAME = frozenset({("chat", "openai-compatible"), ("messages", "anthropic")})
"""Where bytes pass as they came."""


def damaged(chance: random.Random, body: bytes) -> bytes:
    """The body with some stretches replaced."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(body))
        body = body[:start] + chance.choice(SPLICES) + body[start + chance.choice((0, 1, 5, 40)) :]
    return body


def attack(url: str, flow: Callable[[OddHouse], Awaitable[None]], *kinds: str, **more: Any) -> None:
    """Run it in a house of its own."""

    async def run() -> None:
        async with odd_house(url, *kinds, **more) as house:
            await flow(house)

    uvloop.run(run())


def events(reply: Reply) -> list[Any]:
    """What a client reads out of a stream; every event must be readable, and none cut off."""
    assert reply.whole
    cutter = EventCutter()
    found = [event_data(event) for event in cutter.feed(reply.body)]
    assert cutter.rest == b"", reply.body[-300:]
    return [data if data == DONE else json.loads(data) for data in found]


def has_failed(event: dict[str, Any]) -> bool:
    """Whether an event says, in any dialect, that the stream failed."""
    return event.get("error") is not None or event.get("type") in {"error", "response.failed"}


def assert_an_error(reply: Reply, client: str) -> None:
    """An error in the client's own words, and none of our making."""
    assert reply.whole
    error = reply.json["error"]
    assert error["message"]
    assert (reply.json.get("type") == "error") == (client == "messages")
    assert b"internal_error" not in reply.body


# -- nonsense ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_nonsense_is_answered_and_booked(kind: str, database_url: str) -> None:
    chance = random.Random(f"nonsense of {kind}")

    async def flow(house: OddHouse) -> None:
        calls = 0
        for client, path in PATHS.items():
            for stream in (False, True):
                spoilt = [damaged(chance, WHOLE[kind]) for _ in range(12)]
                for status, body in [(200, one) for one in (*NONSENSE, *spoilt)] + [(500, NONSENSE[-1])]:
                    house.provider.whole(body, status)
                    reply = await house.ask(path, body_of(client, kind, stream=stream))
                    calls += 1
                    if reply.status != 200:
                        assert_an_error(reply, client)
                    else:
                        assert reply.whole
                        assert not body.startswith(b'{"error"'), "an error is no answer"
                        assert (client, kind) in SAME or isinstance(reply.json, dict)
                for body in NONSENSE if stream and kind != "bedrock" else ():
                    house.provider.stream(STARTS[kind], b"data: " + body + b"\n\n")
                    reply = await house.ask(path, body_of(client, kind, stream=stream))
                    calls += 1
                    assert reply.whole
        rows = await house.booked(calls)
        assert all("\x00" not in (row["reason"] or "") for row in rows)
        assert len(house.provider.seen) == calls

    attack(database_url, flow, kind)


def test_a_stream_cut_in_an_event_ends_with_an_error_event(database_url: str) -> None:
    """Orderly or not: what was cut off must not spoil the error, and running usage is no end."""

    async def flow(house: OddHouse) -> None:
        calls = 0
        for kind, start in STARTS.items():
            for client, path in PATHS.items():
                for orderly in (True, False):
                    house.provider.stream(start, start[:-9], whole=orderly)
                    reply = await house.ask(path, body_of(client, kind, stream=True))
                    calls += 1
                    last = events(reply)[-1]
                    name = last["type"] if client == "responses" else "error"
                    assert name in {"response.failed", "error"}, (kind, client, orderly)
                    assert client == "responses" or "error" in last, (kind, client, orderly, last)
        for row in await house.booked(calls):
            assert row["outcome"] == "unresolved"
            assert row["output"] > 0

    attack(database_url, flow)


def test_an_answer_without_its_last_word_is_whole_when_the_reason_to_stop_came(database_url: str) -> None:
    """Some servers of OpenAI's dialect leave out [DONE]."""
    stream = (
        STARTS["openai-compatible"],
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":1}}\n\n',
    )

    async def flow(house: OddHouse) -> None:
        for client, path in PATHS.items():
            house.provider.stream(*stream)
            reply = await house.ask(path, body_of(client, "openai-compatible", stream=True))
            last = events(reply)[-1]
            assert "error" not in last or last["error"] is None
            if client != "chat":
                assert last["type"] in {"message_stop", "response.completed"}
        rows = await house.booked(3)
        assert {row["outcome"] for row in rows if row["endpoint"] != "chat"} == {"posted"}

    attack(database_url, flow, "openai-compatible")


def test_a_reset_after_the_last_word_harms_nobody(database_url: str) -> None:
    async def flow(house: OddHouse) -> None:
        stream = (GOLDEN / "anthropic" / "text.sse").read_bytes()
        for client, path in PATHS.items():
            house.provider.stream(stream, whole=False)
            reply = await house.ask(path, body_of(client, "anthropic", stream=True))
            last = events(reply)[-1]
            assert last == DONE or last["type"] in {"message_stop", "response.completed"}
        assert {row["outcome"] for row in await house.booked(3)} == {"posted"}

    attack(database_url, flow, "anthropic")


@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        ("anthropic", b'{"type":"error","error":{"type":"overloaded_error","message":"too busy"}}'),
        ("openai-compatible", b'{"error":{"message":"too busy"}}'),
    ],
)
def test_an_error_event_and_then_a_reset_is_one_error(kind: str, failed: bytes, database_url: str) -> None:
    """The client's connection goes on: no stray end of a body stands before the next answer."""

    async def flow(house: OddHouse) -> None:
        for client, path in PATHS.items():
            async with house.line() as line:
                house.provider.stream(STARTS[kind], b"data: %b\n\n" % failed, whole=False)
                reply = await line.ask(house.tenant.key, body_of(client, kind, stream=True), path)
                said = [one for one in events(reply) if one != DONE]
                assert sum(has_failed(one) for one in said) == 1
                assert b"too busy" in reply.body
                house.provider.whole(WHOLE[kind])
                reply = await line.ask(house.tenant.key, body_of(client, kind), path)
                assert reply.status == 200
        await house.booked(6)

    attack(database_url, flow, kind)


def test_a_head_without_end_is_given_up(database_url: str) -> None:
    async def flow(house: OddHouse) -> None:
        house.provider.says = [b"HTTP/1.1 200 OK\r\nx: ", *[b"y" * 65_536] * 40]
        for stream in (False, True):
            reply = await house.ask(PATHS["chat"], body_of("chat", "openai-compatible", stream=stream))
            assert (reply.status, reply.code) == (502, "provider_failed")
            assert "head without end" in reply.json["error"]["message"]
        assert {row["outcome"] for row in await house.booked(2)} == {"unresolved"}

    attack(database_url, flow, "openai-compatible")


def test_a_very_long_stream_passes_and_is_not_kept(database_url: str) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * 1_000_000)

    async def flow(house: OddHouse) -> None:
        for client in ("chat", "messages"):
            house.provider.stream(*[event] * 40)
            reply = await house.ask(PATHS[client], body_of(client, "openai-compatible", stream=True))
            assert reply.body.count(b"x") >= 40_000_000
            assert "without its last event" in events(reply)[-1]["error"]["message"]
        rows = await house.booked(2)
        assert {row["outcome"] for row in rows} == {"unresolved"}
        assert {row["output"] for row in rows} == {4_000_000}, "counted of what was kept"

    attack(database_url, flow, "openai-compatible")


def test_a_retry_after_of_many_digits_is_not_passed_on(database_url: str) -> None:
    async def flow(house: OddHouse) -> None:
        house.provider.says = [
            b"HTTP/1.1 429 X\r\nretry-after: " + b"9" * 5000 + b"\r\ncontent-length: 2\r\n\r\n{}"
        ]
        reply = await house.ask(PATHS["chat"], body_of("chat", "openai-compatible"))
        assert reply.status == 429
        assert "retry-after" not in reply.headers
        (call,) = await house.booked(1)
        assert (call["outcome"], call["price"]) == ("void", 0)

    attack(database_url, flow, "openai-compatible")


# -- holds ---------------------------------------------------------------------------------------------

USED = MappingProxyType(
    {
        "chat": '{"choices":[{"message":{}}],"usage":{"prompt_tokens":IN,"completion_tokens":OUT}}',
        "messages": '{"type":"message","content":[],"usage":{"input_tokens":IN,"output_tokens":OUT}}',
        "responses": '{"id":"r","output":[],"usage":{"input_tokens":IN,"output_tokens":OUT}}',
    }
)


def used(client: str, into: int, out: int) -> bytes:
    """An answer that reports so many tokens."""
    return USED[client].replace("IN", str(into)).replace("OUT", str(out)).encode()


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    """What a user says."""
    return [{"role": "user", "content": list(parts)}]


LINKED = {"type": "url", "url": "https://example.com/a"}
SMALL: tuple[tuple[str, str, dict[str, Any], int, int], ...] = (
    ("chat", "openai", {"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, 8000, 9),
    ("chat", "openai", {"max_tokens": 3, "max_completion_tokens": 9, "n": 5}, 1, 45),
    ("messages", "anthropic", {"messages": user({"type": "image", "source": LINKED})}, 8000, 9),
    ("messages", "anthropic", {"messages": user({"type": "document", "source": LINKED})}, 8000, 9),
    ("messages", "anthropic", {"tools": [{"type": "bash_20250124", "name": "bash"}]}, 8000, 9),
    ("responses", "openai", {"max_output_tokens": None, "max_completion_tokens": 1}, 1, 512),
    ("responses", "openai", {"tools": [{"type": "file_search"}]}, 8000, 9),
    ("responses", "openai", {"input": user({"type": "input_file", "file_id": "f"})}, 8000, 9),
)
"""Client, provider, what is asked, and the tokens that the provider then says it used."""


@pytest.mark.parametrize(("client", "kind", "more", "into", "out"), SMALL)
def test_a_hold_covers_what_a_small_body_can_use(
    client: str, kind: str, more: dict[str, Any], into: int, out: int, database_url: str
) -> None:
    async def flow(house: OddHouse) -> None:
        house.provider.whole(used(client, into, out))
        reply = await house.ask(PATHS[client], body_of(client, kind, **more))
        assert reply.status == 200, reply.body
        (call,) = await house.booked(1)
        assert call["outcome"] == "posted"
        assert call["charged"] == call["price"], "the hold was too small"

    attack(database_url, flow, kind)


def test_an_escaped_name_hides_nothing(database_url: str) -> None:
    """The same picture written with an escape, as bytes: a JSON library would write it plainly."""

    async def flow(house: OddHouse) -> None:
        raw = (
            rb'{"model":"anthropic","max_tokens":9,"messages":[{"role":"user","content":[{"type":"imag\u0065",'
            rb'"source":{"type":"url","url":"https://example.com/a.png"}}]}]}'
        )
        house.provider.whole(used("messages", 8000, 9))
        reply = await house.raw(PATHS["messages"], raw)
        assert reply.status == 200, reply.body
        (call,) = await house.booked(1)
        assert call["charged"] == call["price"]

    attack(database_url, flow, "anthropic")


def test_a_long_query_is_held_for_every_document(database_url: str) -> None:
    async def flow(house: OddHouse) -> None:
        body = {"model": "openai-compatible", "query": "q" * 2000, "documents": ["d"] * 500}
        house.provider.whole(b'{"results":[],"usage":{"total_tokens":1000500}}')
        assert (await house.ask("/v1/rerank", body)).status == 200
        house.provider.whole(b'{"results":[]}')
        assert (await house.ask("/v1/rerank", body)).status == 200
        told, silent = await house.booked(2)
        assert (told["input"], told["charged"]) == (1_000_500, told["price"])
        assert (silent["usage_source"], silent["input"]) == ("estimated", 250_375)

    attack(database_url, flow, "openai-compatible", endpoints=["rerank"])


# -- what one provider keeps for all -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "kind", "more", "param"),
    [
        ("messages", "anthropic", {"thread": {"type": "continue", "previous_message_id": "m"}}, "thread"),
        ("messages", "anthropic", {"fallbacks": [{"model": "dear"}]}, "fallbacks"),
        ("messages", "anthropic", {"inference_geo": "global"}, "inference_geo"),
        ("messages", "anthropic", {"speed": "fast"}, "speed"),
        ("messages", "anthropic", {"container": "c"}, "container"),
        ("messages", "anthropic", {"mcp_servers": []}, "mcp_servers"),
        ("responses", "openai", {"conversation": "conv_1"}, "conversation"),
        ("responses", "openai", {"background": True}, "background"),
        ("responses", "openai", {"prompt": {"id": "p"}}, "prompt"),
        ("responses", "openai", {"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ("responses", "openai", {"input": [{"id": "msg_1"}]}, "input[0]"),
        ("responses", "openai", {"previous_response_id": "resp_1"}, "previous_response_id"),
    ],
)
def test_what_goes_past_the_hold_or_the_wall_is_refused(
    client: str, kind: str, more: dict[str, Any], param: str, database_url: str
) -> None:
    async def flow(house: OddHouse) -> None:
        reply = await house.ask(PATHS[client], body_of(client, kind, **more))
        assert reply.status == 400
        error = reply.json["error"]
        assert param in {error.get("param"), error["message"].split(" ")[0]}
        assert not house.provider.seen

    attack(database_url, flow, kind)


TWICE: tuple[tuple[str, str, bytes], ...] = (
    ("responses", "openai", rb'"input":"x","max_output_tokens":5,"background":true,"background":null'),
    (
        "responses",
        "openai",
        rb'"input":"x","max_output_tokens":5,"conversation":"c","conversati\u006fn":null',
    ),
    ("responses", "openai", rb'"input":"x","max_output_tokens":1,"max_output_tokens":900'),
    ("messages", "anthropic", rb'"messages":[],"max_tokens":1,"max\u005ftokens":900'),
    ("messages", "anthropic", rb'"messages":[],"max_tokens":1,"thr\u0065ad":{"type":"create"}'),
    ("chat", "openai", rb'"messages":[],"max_tokens":1,"max_tokens":900'),
)


@pytest.mark.parametrize(("client", "kind", "rest"), TWICE)
def test_a_field_that_stands_twice_or_is_disguised_is_refused(
    client: str, kind: str, rest: bytes, database_url: str
) -> None:
    async def flow(house: OddHouse) -> None:
        reply = await house.raw(PATHS[client], b'{"model":"%b",%b}' % (kind.encode(), rest))
        assert reply.status == 400
        assert not house.provider.seen

    attack(database_url, flow, kind)


def test_headers_of_a_client_bring_no_others_to_the_provider(database_url: str) -> None:
    """Line ends in any form are refused before anything leaves; nothing else of the client's head goes on."""

    async def flow(house: OddHouse) -> None:
        house.provider.whole(WHOLE["anthropic"])
        body = json.dumps(body_of("messages", "anthropic")).encode()
        for evil in (b"a\r\n x-api-key: b", b"a\rx-api-key: b", b"a\nx-api-key: b", b"a\x00b"):
            reply = await house.raw(PATHS["messages"], body, b"anthropic-beta: " + evil + b"\r\n")
            assert reply.status == 400
        assert not house.provider.seen
        more = b"anthropic-beta: one,two\r\nx-forwarded-for: me\r\ncookie: c\r\nhost2: h\r\n"
        assert (await house.raw(PATHS["messages"], body, more)).status == 200
        (seen,) = house.provider.seen
        assert {name for name, _ in seen.headers} == {
            *("host", "content-type", "x-api-key", "anthropic-version", "anthropic-beta"),
            *("x-request-id", "content-length"),
        }
        assert dict(seen.headers)["x-api-key"] != house.tenant.key

    attack(database_url, flow, "anthropic")
