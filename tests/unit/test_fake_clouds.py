"""The fake as the libraries of Google and AWS see it: Gemini and Bedrock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ClientError, EventStreamError
from google import genai
from google.genai import errors, types
from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

from tests.fakes.provider import DEFAULT_MODEL, FakeProvider, running_fake

HI = "Good morning, dear fake"
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
}
ARGUMENTS = {"city": "x", "days": 3}
NO_RETRIES = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeProvider]:
    with running_fake() as running:
        yield running


@pytest.fixture
def fake(shared: FakeProvider) -> FakeProvider:
    shared.reset()
    return shared


def counted(fake: FakeProvider) -> tuple[int, int, bool]:
    """What the fake made in the last call, of its own knowledge."""
    fake.wait_until(lambda: fake.stats()["open"] == 0)
    record = fake.produced.records[-1]
    return record.prompt_tokens, record.completion_tokens, record.whole


class TestGemini:
    @pytest.fixture
    def client(self, fake: FakeProvider) -> Iterator[genai.Client]:
        client = genai.Client(api_key="key", http_options=types.HttpOptions(base_url=fake.url))
        yield client
        client.close()

    WEATHER = types.Tool(
        function_declarations=[
            types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA),
            types.FunctionDeclaration(
                name="time",
                parameters=types.Schema(
                    type=types.Type.OBJECT, properties={"zone": types.Schema(type=types.Type.STRING)}
                ),
            ),
        ]
    )
    BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)

    @pytest.mark.parametrize("stream", [False, True])
    def test_words_thoughts_and_usage(self, fake: FakeProvider, client: genai.Client, stream: bool) -> None:
        fake.set_knobs({"cached_tokens": 2, "reasoning_tokens": 4, "tokens_per_event": 2})
        config = types.GenerateContentConfig(
            max_output_tokens=9,
            system_instruction="be brief",
            thinking_config=types.ThinkingConfig(include_thoughts=True),
        )
        answers = (
            list(client.models.generate_content_stream(model=DEFAULT_MODEL, contents=HI, config=config))
            if stream
            else [client.models.generate_content(model=DEFAULT_MODEL, contents=HI, config=config)]
        )
        assert len(answers) == (2 + 3 + 1 if stream else 1)
        parts = [part for one in answers for part in _parts(one)]
        assert "".join(p.text or "" for p in parts if p.thought) == "thought0 thought1 thought2 thought3"
        assert "".join(p.text or "" for p in parts if not p.thought) == "word0 word1 word2 word3 word4"
        assert answers[-1].candidates
        assert answers[-1].candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
        usage = answers[-1].usage_metadata
        assert usage
        assert (usage.prompt_token_count, usage.cached_content_token_count) == (12, 2)
        assert (usage.candidates_token_count, usage.thoughts_token_count) == (5, 4)
        assert usage.total_token_count == 21
        assert counted(fake) == (12, 9, True)

    @pytest.mark.parametrize("stream", [False, True])
    def test_tools(self, fake: FakeProvider, client: genai.Client, stream: bool) -> None:
        fake.set_knobs({"parallel_calls": True, "reasoning_tokens": 1})
        config = types.GenerateContentConfig(
            tools=[self.WEATHER], automatic_function_calling=self.BY_HAND, max_output_tokens=90
        )
        answers = (
            list(client.models.generate_content_stream(model=DEFAULT_MODEL, contents=HI, config=config))
            if stream
            else [client.models.generate_content(model=DEFAULT_MODEL, contents=HI, config=config)]
        )
        calls = [part for one in answers for part in _parts(one) if part.function_call]
        found = [(p.function_call.name, p.function_call.args) for p in calls if p.function_call]
        assert found == [("weather", ARGUMENTS), ("time", {"zone": "x"})]
        assert [part.thought_signature for part in calls] == [b"signed", None]
        usage = answers[-1].usage_metadata
        assert usage
        assert counted(fake)[1:] == ((usage.candidates_token_count or 0) + 1, True)
        only = types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["time"]
            )
        )
        fake.knobs.parallel_calls = False
        answer = client.models.generate_content(
            model=DEFAULT_MODEL, contents=HI, config=config.model_copy(update={"tool_config": only})
        )
        assert [part.function_call.name for part in _parts(answer) if part.function_call] == ["time"]

    def test_json_and_counting(self, client: genai.Client) -> None:
        config = types.GenerateContentConfig(
            response_mime_type="application/json", response_json_schema=SCHEMA
        )
        answer = client.models.generate_content(model=DEFAULT_MODEL, contents=HI, config=config)
        assert json.loads(answer.text or "") == ARGUMENTS
        assert client.models.count_tokens(model=DEFAULT_MODEL, contents=HI).total_tokens == 7

    def test_errors(self, fake: FakeProvider, client: genai.Client) -> None:
        fake.set_knobs({"status": 429, "retry_after": 9})
        with pytest.raises(errors.ClientError) as limited:
            client.models.generate_content(model=DEFAULT_MODEL, contents=HI)
        assert (limited.value.code, limited.value.status) == (429, "RESOURCE_EXHAUSTED")
        assert limited.value.details["error"]["details"][0]["retryDelay"] == "9s"
        fake.set_knobs({"status": None, "require_key": "other"})
        with pytest.raises(errors.ClientError, match="API key not valid"):
            client.models.generate_content(model=DEFAULT_MODEL, contents=HI)
        fake.knobs.require_key = "key"
        with pytest.raises(errors.ClientError, match="does not exist") as missing:
            client.models.generate_content(model="nobody", contents=HI)
        assert missing.value.status == "NOT_FOUND"


def _parts(answer: types.GenerateContentResponse) -> list[types.Part]:
    return [
        part
        for candidate in answer.candidates or []
        if candidate.content
        for part in candidate.content.parts or []
    ]


class TestBedrock:
    @pytest.fixture
    def client(self, fake: FakeProvider) -> Iterator[BedrockRuntimeClient]:
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=fake.url,
            region_name="eu-central-1",
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            config=NO_RETRIES,
        )
        yield client
        client.close()

    def test_words_and_usage(self, fake: FakeProvider, client: BedrockRuntimeClient) -> None:
        fake.set_knobs({"cached_tokens": 2, "cache_write_tokens": 3, "models": ["eu.some.model-v1:0"]})
        answer = client.converse(
            modelId="eu.some.model-v1:0",
            system=[{"text": "be brief"}],
            messages=[{"role": "user", "content": [{"text": HI}]}],
            inferenceConfig={"maxTokens": 3},
        )
        assert answer["output"]["message"]["content"] == [{"text": "word0 word1 word2"}]
        assert answer["stopReason"] == "max_tokens"
        usage = answer["usage"]
        assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]) == (
            7,
            2,
            3,
        )
        assert (usage["outputTokens"], usage["totalTokens"]) == (3, 15)
        assert counted(fake) == (12, 3, True)

    def test_stream_of_thoughts_and_tools(self, fake: FakeProvider, client: BedrockRuntimeClient) -> None:
        fake.set_knobs({"parallel_calls": True, "reasoning_tokens": 2, "split_writes": True})
        answer = client.converse_stream(
            modelId=DEFAULT_MODEL,
            messages=[{"role": "user", "content": [{"text": HI}]}],
            toolConfig={
                "tools": [
                    {"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}},
                    {"toolSpec": {"name": "time", "inputSchema": {"json": {"type": "object"}}}},
                ],
                "toolChoice": {"any": {}},
            },
            additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 1024}},
        )
        with closing(answer["stream"]) as stream:
            events: list[Any] = list(stream)
        deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
        thoughts = [d["delta"]["reasoningContent"] for d in deltas if "reasoningContent" in d["delta"]]
        assert "".join(one.get("text", "") for one in thoughts) == "thought0 thought1"
        assert thoughts[-1]["signature"]
        said: dict[int, str] = {}
        for delta in deltas:
            if "toolUse" in delta["delta"]:
                at = delta["contentBlockIndex"]
                said[at] = said.get(at, "") + delta["delta"]["toolUse"]["input"]
        assert {at: json.loads(text) for at, text in said.items()} == {1: ARGUMENTS, 2: {}}
        starts = [event["contentBlockStart"] for event in events if "contentBlockStart" in event]
        assert [start["start"]["toolUse"]["name"] for start in starts] == ["weather", "time"]
        assert events[-2]["messageStop"]["stopReason"] == "tool_use"
        assert counted(fake)[1:] == (events[-1]["metadata"]["usage"]["outputTokens"], True)

    def test_json_as_asked(self, client: BedrockRuntimeClient) -> None:
        answer = client.converse(
            modelId=DEFAULT_MODEL,
            messages=[{"role": "user", "content": [{"text": HI}]}],
            outputConfig={
                "textFormat": {
                    "type": "json_schema",
                    "structure": {"jsonSchema": {"schema": json.dumps(SCHEMA)}},
                }
            },
        )
        assert json.loads(answer["output"]["message"]["content"][0]["text"]) == ARGUMENTS

    @pytest.mark.parametrize(
        ("knobs", "code"),
        [
            ({"status": 429, "retry_after": 9}, "ThrottlingException"),
            ({"status": 503}, "ServiceUnavailableException"),
            ({"models": []}, "ResourceNotFoundException"),
            ({"require_key": "AKID:other"}, "AccessDeniedException"),
            ({"require_key": "OTHER:secret"}, "AccessDeniedException"),
        ],
    )
    def test_errors(
        self, fake: FakeProvider, client: BedrockRuntimeClient, knobs: dict[str, Any], code: str
    ) -> None:
        fake.set_knobs(knobs)
        with pytest.raises(ClientError) as refused:
            client.converse(modelId=DEFAULT_MODEL, messages=[{"role": "user", "content": [{"text": HI}]}])
        assert refused.value.response["Error"]["Code"] == code

    def test_signatures_are_checked(self, fake: FakeProvider, client: BedrockRuntimeClient) -> None:
        fake.set_knobs({"require_key": "AKID:secret", "models": ["eu.some.model-v1:0"]})
        for _ in range(2):
            client.converse(
                modelId="eu.some.model-v1:0", messages=[{"role": "user", "content": [{"text": HI}]}]
            )
        assert fake.totals.finished == 2

    @pytest.mark.parametrize(
        ("knob", "wrong"),
        [("error_event_mid_stream", EventStreamError), ("malformed_after_events", ChecksumMismatch)],
    )
    def test_a_stream_that_fails(
        self, fake: FakeProvider, client: BedrockRuntimeClient, knob: str, wrong: type[Exception]
    ) -> None:
        fake.set_knobs({knob: 3})
        answer = client.converse_stream(
            modelId=DEFAULT_MODEL, messages=[{"role": "user", "content": [{"text": HI}]}]
        )
        with closing(answer["stream"]) as stream, pytest.raises(wrong):
            list(stream)
        assert (fake.totals.broken, fake.totals.completion_tokens) == (1, 2)
