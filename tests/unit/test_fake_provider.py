"""The fake must be as strict as the real thing: the official SDK talks to it, raw sockets see its faults."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.fakes.answers import Ask, Message, choices_for, count, pieces_of
from tests.fakes.provider import DEFAULT_MODEL, FakeProvider, Knobs, running_fake
from tests.fakes.schemas import sample
from tests.fakes.shapes import vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Good morning, dear fake"}]
HI_TOKENS = 4 + 3
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
        },
    },
}
TIME: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "time", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeProvider]:
    with running_fake() as running:
        yield running


@pytest.fixture
def fake(shared: FakeProvider) -> FakeProvider:
    shared.reset()
    return shared


@pytest.fixture
def client(fake: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=fake.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


def raw(fake: FakeProvider, path: str = "/v1/chat/completions", headers: str = "", **fields: Any) -> bytes:
    """Everything the fake sends to one request; a reset shows as a last line."""
    body = {"model": DEFAULT_MODEL, "messages": HI, **fields} if path.startswith("/v1/chat") else fields
    with asked(fake, path, headers, body) as sock:
        got = b""
        try:
            while piece := sock.recv(65536):
                got += piece
        except ConnectionResetError:
            got += b"RESET"
        return got


@contextmanager
def asked(fake: FakeProvider, path: str, headers: str, body: dict[str, Any]) -> Iterator[socket.socket]:
    host, _, port = fake.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        packed = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(packed)}\r\n{headers}"
        sock.sendall(head.encode() + b"connection: close\r\n" + b"\r\n" + packed)
        yield sock


def events(answer: bytes) -> list[Any]:
    """The data of a stream's events, [DONE] included."""
    found = re.findall(rb"data: (.*?)\r?\n", answer)
    return [one.decode() if one == b"[DONE]" else json.loads(one) for one in found]


def error_of(answer: bytes) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


class TestAnswers:
    def test_unary_chat_counts_what_it_says(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        answer = client.chat.completions.create(
            model=DEFAULT_MODEL, messages=HI, max_tokens=3, extra_headers={"x-request-id": "call-1"}
        )
        assert answer.choices[0].message.content == "word0 word1 word2"
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (HI_TOKENS, 3)
        record = fake.produced.find("call-1")
        assert record == fake.produced.find(answer.id)
        assert (record.prompt_tokens, record.completion_tokens, record.finished) == (HI_TOKENS, 3, True)

    def test_the_quick_road_and_the_long_road_give_the_same_bytes(self, fake: FakeProvider) -> None:
        quick = raw(fake)
        fake.knobs.latency_ms = 0.01
        varying = re.compile(rb'req_\w+|chatcmpl-\w+|"created":\d+')
        assert varying.sub(b"", quick) == varying.sub(b"", raw(fake))

    @pytest.mark.parametrize("asks", [True, False])
    def test_stream_reports_usage_only_when_asked(
        self, fake: FakeProvider, client: openai.OpenAI, asks: bool
    ) -> None:
        fake.knobs.reasoning_tokens, fake.knobs.cached_tokens = 5, 2
        chunks = list(
            client.chat.completions.create(
                model=DEFAULT_MODEL,
                messages=HI,
                stream=True,
                n=2,
                stream_options={"include_usage": asks},
            )
        )
        said = [c.choices[0] for c in chunks if c.choices]
        assert "".join(c.delta.content or "" for c in said if c.index == 1).split()[-1] == "word19"
        assert [c.finish_reason for c in said[-2:]] == ["stop", "stop"]
        assert all(chunk.usage is None for chunk in chunks[:-1])
        if asks:
            usage = chunks[-1].usage
            assert not chunks[-1].choices
            assert usage
            assert usage.completion_tokens == 2 * (5 + 20)
            assert usage.completion_tokens_details
            assert usage.completion_tokens_details.reasoning_tokens == 10
            assert usage.prompt_tokens_details
            assert usage.prompt_tokens_details.cached_tokens == 2
        else:
            assert chunks[-1].usage is None
            assert b'"usage"' not in raw(fake, stream=True)
        assert fake.produced.records[0].completion_tokens == 50

    def test_stop_logprobs_and_seed(self, client: openai.OpenAI) -> None:
        answer = client.chat.completions.create(
            model=DEFAULT_MODEL, messages=HI, stop=["nowhere", "word2"], logprobs=True, top_logprobs=2, seed=7
        )
        assert answer.choices[0].message.content == "word0 word1 "
        assert answer.choices[0].finish_reason == "stop"
        assert answer.system_fingerprint == "fp_fake_7"
        assert answer.choices[0].logprobs
        assert answer.choices[0].logprobs.content
        assert [len(one.top_logprobs) for one in answer.choices[0].logprobs.content] == [2, 2]

    def test_completions_unary_and_streamed(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        answer = client.completions.create(model=DEFAULT_MODEL, prompt=["a b", "c"], max_tokens=2, logprobs=1)
        assert [choice.text for choice in answer.choices] == ["word0 word1"] * 2
        assert answer.usage
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 4)
        fake.knobs.reasoning_tokens = 1
        chunks = list(
            client.completions.create(
                model=DEFAULT_MODEL,
                prompt="a",
                max_tokens=3,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        assert "".join(c.choices[0].text for c in chunks if c.choices) == "word0 word1"
        assert chunks[-1].usage
        assert chunks[-1].usage.completion_tokens == 3 == fake.produced.records[-1].completion_tokens

    def test_embeddings_are_the_same_in_both_encodings(self, client: openai.OpenAI) -> None:
        texts = ["one two", "three"]
        packed = client.embeddings.create(model=DEFAULT_MODEL, input=texts)
        plain = client.embeddings.create(
            model=DEFAULT_MODEL, input=texts, encoding_format="float", dimensions=64
        )
        assert [row.embedding for row in packed.data] == [row.embedding for row in plain.data]
        assert packed.data[0].embedding != packed.data[1].embedding
        assert packed.usage.prompt_tokens == 3
        assert len(vector("x", 5)) == 20

    def test_models_and_tokenize(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        assert [model.id for model in client.models.list()] == [DEFAULT_MODEL]
        assert client.models.retrieve(DEFAULT_MODEL).id == DEFAULT_MODEL
        answer = json.loads(raw(fake, "/tokenize", content=" a  bc\nd ").partition(b"\r\n\r\n")[2])
        assert len(answer["tokens"]) == 3

    def test_async_client_in_this_loop(self) -> None:
        async def talk() -> None:
            async with (
                FakeProvider(Knobs(pace_ms=1, tokens_per_event=4)) as fake,
                openai.AsyncOpenAI(base_url=fake.base_url, api_key="sk-test", max_retries=0) as client,
            ):
                stream = await client.chat.completions.create(model=DEFAULT_MODEL, messages=HI, stream=True)
                said = [chunk.choices[0].delta.content async for chunk in stream]
                assert len(said) == 1 + 5 + 1
                assert fake.totals.completion_tokens == 20

        asyncio.run(talk())

    def test_requests_are_kept_byte_for_byte(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        client.chat.completions.create(model=DEFAULT_MODEL, messages=HI, extra_body={"odd": [1.50]})
        seen = fake.requests[-1]
        assert seen.body["odd"] == [1.5]
        assert seen.headers["authorization"] == "Bearer sk-test"
        assert json.loads(seen.raw) == seen.body
        assert (seen.method, seen.target) == ("POST", "/v1/chat/completions")


class TestTools:
    def test_unary_calls_are_parallel_by_knob(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        fake.knobs.parallel_calls = True
        answer = client.chat.completions.create(model=DEFAULT_MODEL, messages=HI, tools=[WEATHER, TIME])
        calls = answer.choices[0].message.tool_calls
        assert calls
        assert [call.function.name for call in calls if call.type == "function"] == ["weather", "time"]
        assert calls[0].type == "function"
        assert json.loads(calls[0].function.arguments) == {"city": "x", "days": 3}
        assert answer.choices[0].finish_reason == "tool_calls"
        assert fake.totals.completion_tokens == 4 + 1

    def test_the_sdk_puts_streamed_calls_together(self, client: openai.OpenAI) -> None:
        with client.chat.completions.stream(
            model=DEFAULT_MODEL,
            messages=HI,
            tools=[TIME, WEATHER],
            tool_choice={"type": "function", "function": {"name": "weather"}},
        ) as stream:
            calls = stream.get_final_completion().choices[0].message.tool_calls
        assert calls
        assert calls[0].function.name == "weather"
        assert json.loads(calls[0].function.arguments) == {"city": "x", "days": 3}

    def test_none_and_a_result_are_answered_with_text(self, fake: FakeProvider) -> None:
        ask = Ask(tools=[], messages=[Message("user", "hi")])
        assert choices_for(ask, Knobs(), "a-1")[0].finish == "stop"
        assert b"word0" in raw(fake, tools=[WEATHER], tool_choice="none")
        result = {"role": "tool", "tool_call_id": "1", "content": "sun"}
        assert b"word0" in raw(fake, tools=[WEATHER], messages=[*HI, result])

    def test_structured_answer_fits_its_schema(self, client: openai.OpenAI) -> None:
        schema: dict[str, object] = {
            "$defs": {"kind": {"enum": ["a", "b"]}},
            "type": "object",
            "properties": {
                "kind": {"$ref": "#/$defs/kind"},
                "tags": {"type": "array", "items": {"type": ["null", "string"]}, "minItems": 2},
                "score": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            },
        }
        answer = client.chat.completions.create(
            model=DEFAULT_MODEL,
            messages=HI,
            response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        )
        content = answer.choices[0].message.content
        assert content
        assert json.loads(content) == {"kind": "a", "tags": ["x", "x"], "score": 1}

    def test_a_recursive_schema_ends(self) -> None:
        tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}
        assert "child" in sample(tree)


class TestErrors:
    def test_shapes_that_the_sdk_knows(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="nobody", messages=HI)
        assert missing.value.code == "model_not_found"
        fake.knobs.require_key = "sk-right"
        with pytest.raises(openai.AuthenticationError) as wrong:
            client.chat.completions.create(model=DEFAULT_MODEL, messages=HI)
        assert wrong.value.code == "invalid_api_key"
        assert error_of(raw(fake))["code"] is None
        fake.knobs.require_key = None
        assert error_of(raw(fake, "/v1/nothing"))["type"] == "invalid_request_error"
        assert b" 404 " in raw(fake, "/v1/nothing")
        assert b" 400 " in raw(fake, messages=7)
        assert b" 400 " in raw(fake, x_fake={"no_such_knob": 1})
        assert b" 405 " in raw(fake, "/v1/models")
        assert fake.totals.accepted == 0
        assert fake.totals.refused == fake.totals.requests == 8

    def test_fail_first_counts_down_and_retry_after_is_told(self, fake: FakeProvider) -> None:
        fake.set_knobs({"fail_first": 2, "fail_status": 429, "retry_after": 0.01})
        with openai.OpenAI(base_url=fake.base_url, api_key="sk-test", max_retries=2) as client:
            client.chat.completions.create(model=DEFAULT_MODEL, messages=HI)
        assert (fake.totals.requests, fake.totals.refused, fake.knobs.fail_first) == (3, 2, 0)
        limited = raw(fake, headers="x-fake-status: 429\r\nx-fake-retry-after: 9\r\n")
        assert b"\r\nretry-after: 9\r\n" in limited
        assert error_of(limited)["code"] == "rate_limit_exceeded"

    def test_one_call_is_steered_by_its_body_through_its_retries(self, fake: FakeProvider) -> None:
        knobs = {"fail_first": 1}
        assert b" 503 " in raw(fake, x_fake=knobs)
        assert b" 200 " in raw(fake, x_fake=knobs)
        assert fake.knobs == Knobs()

    def test_an_error_may_still_cost(self, fake: FakeProvider) -> None:
        answer = raw(fake, x_fake={"error_with_usage": True}, stream=True)
        assert b" 500 " in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["usage"]["completion_tokens"] == 20
        assert fake.totals.completion_tokens == 20


class TestFaults:
    def test_cut_resets_and_counts_what_was_sent(self, fake: FakeProvider) -> None:
        answer = raw(fake, stream=True, x_fake={"cut_after_events": 4})
        assert answer.endswith(b"RESET")
        assert [e["choices"][0]["delta"]["content"] for e in events(answer)] == [
            "",
            "word0",
            " word1",
            " word2",
        ]
        record = fake.produced.records[0]
        assert (record.completion_tokens, record.finished, record.client_gone) == (3, False, False)

    def test_broken_unary_answers(self, fake: FakeProvider) -> None:
        assert raw(fake, x_fake={"cut_before_answer": True}) == b""
        assert raw(fake, x_fake={"cut_before_answer": True}, stream=True) == b""
        assert fake.totals.completion_tokens == 0
        half = raw(fake, x_fake={"cut_mid_body": True})
        promised = re.search(rb"content-length: (\d+)", half)
        assert promised
        assert len(half.partition(b"\r\n\r\n")[2]) == int(promised[1]) // 2
        with pytest.raises(json.JSONDecodeError):
            json.loads(raw(fake, x_fake={"garbage": True}).partition(b"\r\n\r\n")[2])
        assert (fake.totals.broken, fake.totals.completion_tokens) == (3, 20)

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_client_that_leaves_a_stalled_call_is_noticed(self, fake: FakeProvider, stream: bool) -> None:
        wanted = 2 if stream else 0
        stall = {"stall_after_events": 3 if stream else 0}
        body = {"model": DEFAULT_MODEL, "messages": HI, "stream": stream, "x_fake": stall}
        with asked(fake, "/v1/chat/completions", "", body):
            fake.wait_until(lambda: fake.totals.accepted == 1 and fake.totals.completion_tokens == wanted)
            assert fake.stats()["open"] == 1
        fake.wait_until(lambda: fake.totals.client_gone == 1)
        record = fake.produced.records[0]
        assert (record.completion_tokens, record.finished, record.client_gone) == (wanted, False, True)

    def test_nothing_is_produced_for_nobody(self, fake: FakeProvider) -> None:
        body = {
            "model": DEFAULT_MODEL,
            "messages": HI,
            "stream": True,
            "x_fake": {"answer_tokens": 300_000},
        }
        with asked(fake, "/v1/chat/completions", "", body):
            fake.wait_until(lambda: fake.totals.completion_tokens > 0)
        fake.wait_until(lambda: fake.totals.client_gone == 1)
        assert fake.totals.completion_tokens < 300_000

    def test_usage_that_lies(self, fake: FakeProvider) -> None:
        asks: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        wrong = events(raw(fake, x_fake={"wrong_usage": 5}, **asks))
        assert wrong[-2]["usage"]["completion_tokens"] == 25
        none = events(raw(fake, x_fake={"no_usage": True}, **asks))
        assert none[-2]["choices"][0]["finish_reason"] == "stop"
        assert "usage" not in none[-2]
        last = events(raw(fake, x_fake={"usage_on_last_content_chunk": True}, **asks))
        assert last[-2]["choices"][0]["finish_reason"] == "stop"
        assert last[-2]["usage"]["completion_tokens"] == 20
        assert b'"usage"' not in raw(fake, x_fake={"no_usage": True})
        assert fake.totals.completion_tokens == 80

    def test_an_error_amid_the_stream(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        fake.knobs.error_event_mid_stream = 3
        stream = client.chat.completions.create(model=DEFAULT_MODEL, messages=HI, stream=True)
        with pytest.raises(openai.APIError, match="server had an error"):
            list(stream)
        assert (fake.totals.broken, fake.totals.completion_tokens) == (1, 2)

    @pytest.mark.parametrize(
        "odd",
        [
            {"crlf": True},
            {"split_writes": True},
            {"many_frames_per_write": 7},
            {"huge_frame": 300_000},
            {"split_writes": True, "crlf": True, "many_frames_per_write": 3, "pace_ms": 1},
        ],
        ids=str,
    )
    def test_odd_frames_say_the_same(
        self, fake: FakeProvider, client: openai.OpenAI, odd: dict[str, Any]
    ) -> None:
        stream = client.chat.completions.create(
            model=DEFAULT_MODEL, messages=HI, stream=True, max_tokens=8, extra_body={"x_fake": odd}
        )
        said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        fake.wait_until(lambda: fake.stats()["open"] == 0)
        assert (count(said), fake.totals.completion_tokens, fake.totals.finished) == (8, 8, 1)

    def test_connections_close_when_told(self, fake: FakeProvider) -> None:
        fake.knobs.keepalive_close = True
        assert b"\r\nconnection: close\r\n" in raw(fake)
        assert b"\r\nconnection: close\r\n" in raw(fake, stream=True)

    def test_pipelined_requests_are_answered_in_turn(self, fake: FakeProvider) -> None:
        host, _, port = fake.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as sock:
            one = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n"
            sock.sendall((one + b"\r\n") * 200 + one + b"connection: close\r\n\r\n")
            got = b""
            while piece := sock.recv(65536):
                got += piece
        assert got.count(b"HTTP/1.1 200 OK") == 201


def test_pieces_join_to_the_text_and_both_counts_agree() -> None:
    for text in ("", "  ", "a", " a\u00a0b \x1c c\n", "word " * 50):
        pieces = pieces_of(text)
        assert len(pieces) == count(text)
        assert "".join(pieces) == (text if text.strip() else "")


def test_the_program_serves_until_stdin_ends() -> None:
    command = [sys.executable, "-m", "tests.fakes.provider", "--answer-tokens", "2", "--stats"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin
        assert program.stdout
        base_url = json.loads(program.stdout.readline())["url"] + "/v1"
        with openai.OpenAI(base_url=base_url, api_key="sk-test", max_retries=0) as client:
            answer = client.chat.completions.create(model=DEFAULT_MODEL, messages=HI)
            assert answer.choices[0].message.content == "word0 word1"
            knobs = client.post("/../_fake/knobs", cast_to=object, body={"answer_tokens": 1})
            assert isinstance(knobs, dict)
            assert knobs["answer_tokens"] == 1
        program.stdin.close()
        assert json.loads(program.stdout.readline())["completion_tokens"] == 2
        assert program.wait(20) == 0
