"""The fake as the providers' own libraries see it: each dialect is driven by its official client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import cohere
import httpx
import openai
import pytest
from anthropic.types import ToolParam
from openai.types.responses import FunctionToolParam

from tests.fakes.provider import DEFAULT_MODEL, FakeProvider, running_fake

HI = "Good morning, dear fake"
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
}
ARGUMENTS = {"city": "x", "days": 3}
TOOL: ToolParam = {"name": "weather", "input_schema": SCHEMA}
FUNCTION: FunctionToolParam = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}


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


class TestAnthropic:
    @pytest.fixture
    def client(self, fake: FakeProvider) -> Iterator[anthropic.Anthropic]:
        with anthropic.Anthropic(base_url=fake.url, api_key="sk-test", max_retries=0) as client:
            yield client

    def test_whole_answer_and_its_disjoint_usage(
        self, fake: FakeProvider, client: anthropic.Anthropic
    ) -> None:
        fake.set_knobs({"cached_tokens": 2, "cache_write_tokens": 3})
        answer = client.messages.create(
            model=DEFAULT_MODEL,
            max_tokens=3,
            system="be brief",
            messages=[{"role": "user", "content": [{"type": "text", "text": HI}]}],
            extra_headers={"x-request-id": "call-1"},
        )
        assert answer == answer.model_validate(answer.model_dump(), strict=True)
        assert [block.text for block in answer.content if block.type == "text"] == ["word0 word1 word2"]
        assert answer.stop_reason == "max_tokens"
        usage = answer.usage
        parts = (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
        assert parts == (2 + 4 + 2 * 3 - 5, 2, 3)
        assert fake.produced.find("call-1").prompt_tokens == sum(part or 0 for part in parts)
        assert counted(fake)[1:] == (usage.output_tokens, True) == (3, True)

    def test_stream_of_thoughts_words_and_tools(
        self, fake: FakeProvider, client: anthropic.Anthropic
    ) -> None:
        fake.knobs.reasoning_tokens = 4
        with client.messages.stream(
            model=DEFAULT_MODEL,
            max_tokens=2000,
            messages=[{"role": "user", "content": HI}],
            thinking={"type": "enabled", "budget_tokens": 1024},
            stop_sequences=["word2"],
        ) as stream:
            said = list(stream.text_stream)
            answer = stream.get_final_message()
        assert "".join(said) == "word0 word1 "
        assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "word2")
        thought = answer.content[0]
        assert thought.type == "thinking"
        assert thought.thinking == "thought0 thought1 thought2 thought3"
        assert thought.signature
        assert counted(fake)[1:] == (answer.usage.output_tokens, True) == (6, True)

        fake.knobs.parallel_calls = True
        fake.knobs.tokens_per_event = 3
        with client.messages.stream(
            model=DEFAULT_MODEL,
            max_tokens=50,
            messages=[{"role": "user", "content": HI}],
            tools=[TOOL, {"name": "time", "input_schema": {"type": "object"}}],
        ) as stream:
            answer = stream.get_final_message()
        calls = [block for block in answer.content if block.type == "tool_use"]
        assert [(call.name, call.input) for call in calls] == [("weather", ARGUMENTS), ("time", {})]
        assert answer.stop_reason == "tool_use"
        result = client.messages.create(
            model=DEFAULT_MODEL,
            max_tokens=50,
            messages=[
                {"role": "user", "content": HI},
                {"role": "assistant", "content": answer.content},
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": calls[0].id, "content": "sun"}],
                },
            ],
            tools=[TOOL],
        )
        assert result.stop_reason == "end_turn"

    def test_tokens_are_counted_and_schemas_kept(
        self, fake: FakeProvider, client: anthropic.Anthropic
    ) -> None:
        messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": HI}]
        tokens = client.messages.count_tokens(model=DEFAULT_MODEL, messages=messages)
        assert tokens.input_tokens == 7
        assert fake.totals.accepted == 0
        answer = client.messages.create(
            model=DEFAULT_MODEL,
            max_tokens=50,
            messages=messages,
            output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        )
        assert [json.loads(b.text) for b in answer.content if b.type == "text"] == [ARGUMENTS]

    def test_errors_have_its_shape(self, fake: FakeProvider, client: anthropic.Anthropic) -> None:
        def ask(**knobs: Any) -> anthropic.types.Message:
            return client.messages.create(
                model=DEFAULT_MODEL,
                max_tokens=3,
                messages=[{"role": "user", "content": HI}],
                extra_body={"x_fake": knobs},
            )

        with pytest.raises(anthropic.RateLimitError) as limited:
            ask(status=429, retry_after=9)
        assert limited.value.response.headers["retry-after"] == "9"
        assert limited.value.type == "rate_limit_error"
        with pytest.raises(anthropic.InternalServerError) as busy:
            ask(status=529)
        assert busy.value.type == "overloaded_error"
        fake.knobs.require_key = "sk-right"
        with pytest.raises(anthropic.AuthenticationError):
            ask()

    def test_a_stream_that_fails(self, client: anthropic.Anthropic) -> None:
        with (
            client.messages.create(
                model=DEFAULT_MODEL,
                max_tokens=9,
                messages=[{"role": "user", "content": HI}],
                stream=True,
                extra_body={"x_fake": {"error_event_mid_stream": 5}},
            ) as stream,
            pytest.raises(anthropic.APIStatusError, match="server had an error"),
        ):
            list(stream)


class TestResponses:
    @pytest.fixture
    def client(self, fake: FakeProvider) -> Iterator[openai.OpenAI]:
        with openai.OpenAI(base_url=fake.base_url, api_key="sk-test", max_retries=0) as client:
            yield client

    def test_whole_answer(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        fake.set_knobs({"cached_tokens": 2, "reasoning_tokens": 1})
        answer = client.responses.create(model=DEFAULT_MODEL, input=HI, max_output_tokens=3)
        assert answer.output_text == "word0 word1"
        assert answer.incomplete_details
        assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert answer.usage
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3)
        assert answer.usage.input_tokens_details.cached_tokens == 2
        assert answer.usage.output_tokens_details.reasoning_tokens == 1
        assert counted(fake) == (7, 3, True)

    def test_stream(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        fake.set_knobs({"tokens_per_event": 8})
        with client.responses.stream(
            model=DEFAULT_MODEL, input=HI, instructions="be brief", reasoning={"summary": "auto"}
        ) as stream:
            events = list(stream)
            answer = stream.get_final_response()
        assert [event.sequence_number for event in events] == list(range(len(events)))
        thought = answer.output[0]
        assert thought.type == "reasoning"
        assert thought.summary[0].text.split()[-1] == "thought4"
        assert answer.output_text.split()[-1] == "word19"
        assert answer.usage
        assert counted(fake) == (answer.usage.input_tokens, 25, True)

    def test_tools(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        with client.responses.stream(model=DEFAULT_MODEL, input=HI, tools=[FUNCTION]) as stream:
            answer = stream.until_done().get_final_response()
        call = answer.output[0]
        assert call.type == "function_call"
        assert (call.name, json.loads(call.arguments)) == ("weather", ARGUMENTS)
        result = client.responses.create(
            model=DEFAULT_MODEL,
            tools=[FUNCTION],
            input=[
                {"role": "user", "content": HI},
                {
                    "type": "function_call",
                    "call_id": call.call_id,
                    "name": call.name,
                    "arguments": call.arguments,
                },
                {"type": "function_call_output", "call_id": call.call_id, "output": "sun"},
            ],
        )
        assert result.output_text.startswith("word0")
        assert result.usage
        assert result.usage.input_tokens == 4 + 4 + 1 + 3 * 3
        assert fake.totals.finished == 2

    def test_errors(self, fake: FakeProvider, client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as unknown:
            client.responses.create(model=DEFAULT_MODEL, input=HI, previous_response_id="resp_1")
        assert unknown.value.code == "previous_response_not_found"
        fake.knobs.error_event_mid_stream = 6
        with client.responses.create(model=DEFAULT_MODEL, input=HI, stream=True) as stream:
            events = list(stream)
        assert events[-1].type == "error"
        assert (len(events), fake.totals.broken) == (7, 1)


class TestRerank:
    DOCUMENTS = ("a morning fake", "nothing at all", "dear good morning fake")

    def test_cohere(self, fake: FakeProvider) -> None:
        fake.knobs.rerank_as = "cohere"
        documents = list(self.DOCUMENTS) * 34
        with httpx.Client() as http:
            old = cohere.Client(api_key="key", base_url=fake.url, httpx_client=http)
            new = cohere.ClientV2(api_key="key", base_url=fake.url, httpx_client=http)
            answers: list[Any] = [
                old.rerank(model=DEFAULT_MODEL, query=HI, documents=documents, top_n=35),
                new.rerank(model=DEFAULT_MODEL, query=HI, documents=documents, top_n=35),
            ]
            fake.knobs.status = 429
            with pytest.raises(cohere.TooManyRequestsError) as limited:
                new.rerank(model=DEFAULT_MODEL, query=HI, documents=["x"], request_options={"max_retries": 0})
        for answer in answers:
            assert [one.index for one in answer.results][:2] == [2, 5]
            assert answer.results[0].relevance_score >= answer.results[-1].relevance_score
            assert answer.meta
            assert answer.meta.billed_units
            assert answer.meta.billed_units.search_units == 2
        record = fake.produced.records[-1]
        assert (record.search_units, record.completion_tokens, record.whole) == (2, 0, True)
        assert limited.value.body == {"message": "The fake was told to answer 429."}

    def test_jina(self, fake: FakeProvider) -> None:
        with openai.OpenAI(base_url=fake.base_url, api_key="key", max_retries=0) as client:
            body = {"model": DEFAULT_MODEL, "query": HI, "documents": list(self.DOCUMENTS), "top_n": 1}
            answer: Any = client.post("/rerank", cast_to=object, body=body)
        assert answer["usage"] == {"total_tokens": 10 + 3 * 4, "prompt_tokens": 10 + 3 * 4}
        assert answer["results"] == [
            {"index": 2, "relevance_score": 0.75, "document": {"text": self.DOCUMENTS[2]}}
        ]
        assert counted(fake) == (22, 0, True)
