"""The real OpenAI SDK as a client, every flow before the fake provider and before the real llama.cpp."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
import openai
import pytest
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from tests.flows.cloud import Site, tokens_of
from tests.installation import Tenant

ASK: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Verdict(BaseModel):
    """What a model is made to say."""

    mood: Literal["good", "bad"]
    stars: int


@dataclass
class Desk:
    """A client with a key of its own, so that its bookings are its own."""

    site: Site
    tenant: Tenant
    client: openai.OpenAI

    def ask(self, **fields: Any) -> Any:
        """A chat; short, and the same every time."""
        body = {"messages": ASK, "max_tokens": 6, "temperature": 0, **fields}
        return self.client.chat.completions.create(model=self.site.model, **body)

    def stream(self, **fields: Any) -> list[ChatCompletionChunk]:
        """All chunks of a streamed chat."""
        return list(self.ask(stream=True, **fields))

    def complete(self, **fields: Any) -> Any:
        """A completion of the old kind."""
        body = {"prompt": "The capital of France is", "max_tokens": 6, "temperature": 0, **fields}
        return self.client.completions.create(model=self.site.model, **body)

    def booked(self, usage: CompletionUsage | None) -> None:
        """The only call is booked as the provider reported it."""
        assert usage is not None
        call = self.site.booked(self.tenant, usage.prompt_tokens, usage.completion_tokens)
        assert call["usage_source"] == "reported"
        raw = json.loads(call["raw_usage"])
        assert raw["prompt_tokens"] == usage.prompt_tokens
        cached = usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens
        assert call["cached_input"] == (cached or 0)


@pytest.fixture
def desk(site: Site, request: pytest.FixtureRequest) -> Iterator[Desk]:
    tenant = site.cloud.tenant(request.node.name)
    with openai.OpenAI(base_url=f"{site.cloud.address}/v1", api_key=tenant.key, max_retries=0) as client:
        yield Desk(site, tenant, client)


def text_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index
    )


def finish_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str | None:
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices if c.index == index]
    return next((reason for reason in reasons if reason), None)


def test_a_chat(desk: Desk) -> None:
    answer = desk.ask()
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 6
    assert answer._request_id.startswith("call_")
    desk.booked(answer.usage)


def test_a_chat_that_ends_by_itself(desk: Desk) -> None:
    answer = desk.ask(max_tokens=200, messages=[{"role": "user", "content": "Say hello"}])
    assert answer.choices[0].finish_reason == "stop"
    desk.booked(answer.usage)
    assert answer.usage.completion_tokens == desk.site.said(answer.choices[0].message.content, "stop")


def test_without_a_cap_the_models_own_is_set(desk: Desk) -> None:
    messages = [{"role": "user", "content": "Say hello"}]
    answer = desk.ask(max_tokens=openai.omit, messages=messages)
    desk.booked(answer.usage)


def test_max_completion_tokens(desk: Desk) -> None:
    answer = desk.ask(max_tokens=openai.omit, max_completion_tokens=3)
    assert answer.usage.completion_tokens == 3
    desk.booked(answer.usage)


def test_a_stream_that_asks_for_usage(desk: Desk) -> None:
    *chunks, last = desk.stream(stream_options={"include_usage": True})
    assert last.choices == []
    assert all(chunk.usage is None for chunk in chunks)
    assert last.usage is not None
    assert last.usage.completion_tokens == 6
    assert finish_of(chunks) == "length"
    desk.booked(last.usage)


@pytest.mark.parametrize("options", [openai.omit, None, {"include_usage": False}, {}])
def test_a_stream_that_does_not_ask_for_usage(desk: Desk, options: Any) -> None:
    chunks = desk.stream(stream_options=options)
    assert all(chunk.choices for chunk in chunks)
    assert text_of(chunks)
    call = desk.site.booked(desk.tenant, desk.site.prompt(ASK), 6)
    assert call["usage_source"] == "reported"


def test_a_stream_says_what_a_whole_answer_says(desk: Desk) -> None:
    whole = desk.ask(extra_body={"cache_prompt": False})
    chunks = desk.stream(extra_body={"cache_prompt": False})
    assert text_of(chunks) == whole.choices[0].message.content
    calls = desk.site.cloud.calls(desk.tenant, 2)
    assert tokens_of(calls[0]) == tokens_of(calls[1])


def test_the_stream_helper(desk: Desk) -> None:
    """It refuses an answer that was cut, so this one ends by itself."""
    request: Any = {
        "messages": [{"role": "user", "content": "Say hello"}],
        "max_tokens": 200,
        "temperature": 0,
        "stream_options": {"include_usage": True},
    }
    with desk.client.chat.completions.stream(model=desk.site.model, **request) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_completion()
    assert answer.choices[0].message.content
    desk.booked(answer.usage)


def test_a_required_tool(desk: Desk) -> None:
    answer = desk.ask(tools=[TOOL], tool_choice="required", max_tokens=60)
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in {"Paris", "Rome"}
    assert answer.choices[0].finish_reason == "tool_calls"
    desk.booked(answer.usage)


def test_a_required_tool_streamed(desk: Desk) -> None:
    *chunks, last = desk.stream(
        tools=[TOOL], tool_choice="required", max_tokens=60, stream_options={"include_usage": True}
    )
    parts = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert next(part.function.name for part in parts if part.function) == "get_weather"
    arguments = "".join(part.function.arguments or "" for part in parts if part.function)
    assert json.loads(arguments)["city"] in {"Paris", "Rome"}
    assert finish_of(chunks) == "tool_calls"
    desk.booked(last.usage)


def test_a_tools_result_goes_back(desk: Desk) -> None:
    first = desk.ask(tools=[TOOL], tool_choice="required", max_tokens=60).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "18 C, sunny"}
    history = [*ASK, first.model_dump(exclude_none=True), result]
    answer = desk.ask(messages=history, tools=[TOOL], max_tokens=6)
    assert answer.choices[0].message.content
    calls = desk.site.cloud.calls(desk.tenant, 2)
    assert tokens_of(calls[1]) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)


def test_a_json_schema(desk: Desk) -> None:
    answer = desk.client.chat.completions.parse(
        model=desk.site.model, messages=ASK, response_format=Verdict, max_tokens=60, temperature=0
    )
    verdict = answer.choices[0].message.parsed
    assert verdict is not None
    assert verdict.mood in {"good", "bad"}
    desk.booked(answer.usage)


def test_a_json_schema_streamed(desk: Desk) -> None:
    request: Any = {"messages": ASK, "max_tokens": 60, "stream_options": {"include_usage": True}}
    with desk.client.chat.completions.stream(
        model=desk.site.model, response_format=Verdict, temperature=0, **request
    ) as stream:
        answer = stream.get_final_completion()
    assert answer.choices[0].message.parsed is not None
    desk.booked(answer.usage)


def test_logprobs(desk: Desk) -> None:
    answer = desk.ask(logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert len(content) == 6
    assert all(len(one.top_logprobs) == 3 for one in content)
    assert all(one.logprob <= 0 for one in content)
    desk.booked(answer.usage)


def test_logprobs_streamed(desk: Desk) -> None:
    chunks = desk.stream(logprobs=True)
    told = [
        one
        for chunk in chunks
        for choice in chunk.choices
        if choice.logprobs
        for one in choice.logprobs.content or ()
    ]
    assert len(told) == 6
    desk.site.booked(desk.tenant, desk.site.prompt(ASK), 6)


@pytest.mark.parametrize("cap", [4, 120], ids=["cut", "whole"])
def test_two_answers(desk: Desk, cap: int) -> None:
    messages = ASK if cap == 4 else [{"role": "user", "content": "Say hello"}]
    answer = desk.ask(n=2, max_tokens=cap, messages=messages)
    assert [choice.index for choice in answer.choices] == [0, 1]
    made = sum(desk.site.said(one.message.content, one.finish_reason) for one in answer.choices)
    desk.site.booked(desk.tenant, desk.site.prompt(messages), made)


@pytest.mark.parametrize("asked", [False, True], ids=["silent", "asked"])
@pytest.mark.parametrize("cap", [4, 120], ids=["cut", "whole"])
def test_two_answers_streamed(desk: Desk, cap: int, asked: bool) -> None:
    messages = ASK if cap == 4 else [{"role": "user", "content": "Say hello"}]
    options = {"include_usage": True} if asked else openai.omit
    chunks = desk.stream(n=2, max_tokens=cap, messages=messages, stream_options=options)
    assert any(not chunk.choices for chunk in chunks) is asked
    made = sum(desk.site.said(text_of(chunks, place), finish_of(chunks, place)) for place in (0, 1))
    call = desk.site.booked(desk.tenant, desk.site.prompt(messages), made)
    assert call["usage_source"] == "reported"


def test_a_stop_string(desk: Desk) -> None:
    stop = "word3" if desk.site.fake else "e"
    answer = desk.ask(stop=[stop], max_tokens=40)
    assert stop not in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    desk.booked(answer.usage)


def test_a_seed(desk: Desk) -> None:
    answers = [desk.ask(seed=7, temperature=1, extra_body={"cache_prompt": False}) for _ in range(2)]
    assert answers[0].choices[0].message.content == answers[1].choices[0].message.content
    if desk.site.fake:
        assert answers[0].system_fingerprint == "fp_fake_7"
    calls = desk.site.cloud.calls(desk.tenant, 2)
    assert [tokens_of(call) for call in calls] == [
        (answer.usage.prompt_tokens, answer.usage.completion_tokens) for answer in answers
    ]


def test_a_completion(desk: Desk) -> None:
    answer = desk.complete()
    assert answer.object == "text_completion"
    assert answer.choices[0].text
    desk.booked(answer.usage)


@pytest.mark.parametrize("asked", [False, True], ids=["silent", "asked"])
def test_a_completion_streamed(desk: Desk, asked: bool) -> None:
    options = {"include_usage": True} if asked else openai.omit
    chunks = list(desk.complete(stream=True, stream_options=options))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices)
    if asked:
        desk.booked(chunks[-1].usage)
    else:
        assert all(chunk.choices for chunk in chunks)
        desk.site.booked(desk.tenant, desk.site.tokens("The capital of France is"), 6)


def test_a_completion_of_two_prompts(desk: Desk) -> None:
    answer = desk.complete(prompt=["One", "Two three"], max_tokens=4)
    assert len(answer.choices) == 2
    made = sum(desk.site.said(one.text, one.finish_reason) for one in answer.choices)
    prompt = desk.site.tokens("One") + desk.site.tokens("Two three")
    desk.site.booked(desk.tenant, prompt, made)


def test_a_completion_of_two_prompts_streamed(desk: Desk) -> None:
    chunks = list(desk.complete(prompt=["One", "Two three"], max_tokens=4, stream=True))
    # llama.cpp begins with an event that says "null", which the SDK hands out as None.
    assert {choice.index for chunk in chunks if chunk for choice in chunk.choices} == {0, 1}
    prompt = desk.site.tokens("One") + desk.site.tokens("Two three")
    desk.site.booked(desk.tenant, prompt, 8)


@pytest.mark.parametrize("given", ["Rechnung", ["Rechnung", "invoice", "Katze"]], ids=["one", "three"])
def test_embeddings(desk: Desk, given: Any) -> None:
    """The SDK asks for base64 unless told otherwise; both say the same."""
    name = desk.site.vectors
    coded = desk.client.embeddings.create(model=name, input=given)
    plain = desk.client.embeddings.create(model=name, input=given, encoding_format="float")
    assert len(coded.data) == (1 if isinstance(given, str) else 3)
    for one, other in zip(coded.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    calls = desk.site.cloud.calls(desk.tenant, 2)
    assert [tokens_of(call) for call in calls] == [
        (coded.usage.prompt_tokens, 0),
        (plain.usage.prompt_tokens, 0),
    ]
    assert all(call["outcome"] == "posted" and call["endpoint"] == "embeddings" for call in calls)


def test_embeddings_of_fewer_dimensions(desk: Desk) -> None:
    answer = desk.client.embeddings.create(model=desk.site.vectors, input="x", dimensions=8)
    assert len(answer.data[0].embedding) == 8
    desk.site.booked(desk.tenant, answer.usage.prompt_tokens, 0)


def test_models(desk: Desk) -> None:
    names = {model.id for model in desk.client.models.list()}
    assert names == {desk.site.model, desk.site.vectors}
    model = desk.client.models.retrieve(desk.site.model)
    assert (model.id, model.object) == (desk.site.model, "model")
    with pytest.raises(openai.NotFoundError):
        desk.client.models.retrieve("nobody")
    desk.site.cloud.calls(desk.tenant, 0)


def test_unknown_fields_reach_the_provider(desk: Desk) -> None:
    if desk.site.fake:
        answer = desk.ask(extra_body={"x_fake": {"answer_text": "Guten Tag"}})
        assert answer.choices[0].message.content == "Guten Tag"
    else:  # llama.cpp's own field binds the answer to a grammar
        answer = desk.ask(extra_body={"grammar": 'root ::= "Guten Tag"'}, max_tokens=30)
        assert answer.choices[0].message.content == "Guten Tag"
        assert answer.model_extra["timings"]["predicted_n"] == answer.usage.completion_tokens
    desk.booked(answer.usage)


def test_with_raw_response_and_a_client_that_leaves_early(desk: Desk) -> None:
    raw = desk.client.chat.completions.with_raw_response.create(
        model=desk.site.model, messages=ASK, max_tokens=3
    )
    assert raw.headers["x-request-id"].startswith("call_")
    with desk.ask(stream=True, max_tokens=30) as stream:
        next(iter(stream))
    calls = desk.site.cloud.calls(desk.tenant, 2)
    assert calls[1]["outcome"] == "posted", "the gateway reads on for the usage"
    assert tokens_of(calls[1])[1] == (20 if desk.site.fake else 30)


def test_no_other_name_for_a_limit_goes_past_it(desk: Desk) -> None:
    """A hold is made for what `max_tokens` and `n` say: nothing may say it otherwise."""
    both = desk.ask(max_tokens=2, max_completion_tokens=3)
    (call,) = desk.site.cloud.calls(desk.tenant, 1)
    assert tokens_of(call)[1] == both.usage.completion_tokens <= 3
    assert call["price"] <= call["held"]
    with pytest.raises(openai.BadRequestError, match="send max_tokens"):
        desk.complete(extra_body={"max_completion_tokens": 1})
    for alias in ("n_predict", "n_cmpl"):
        with pytest.raises(openai.BadRequestError, match=f"{alias} goes past"):
            desk.ask(extra_body={alias: 3})
        desk.ask(extra_body={"metadata": {alias: '"n_predict"'}})
    desk.site.cloud.calls(desk.tenant, 3)


# -- async ----------------------------------------------------------------------------------------


def test_async(desk: Desk) -> None:
    async def flow() -> None:
        client = openai.AsyncOpenAI(
            base_url=f"{desk.site.cloud.address}/v1", api_key=desk.tenant.key, max_retries=0
        )
        request: Any = {"model": desk.site.model, "messages": ASK, "max_tokens": 6, "temperature": 0}
        async with client:
            whole = await client.chat.completions.create(**request)
            stream = await client.chat.completions.create(
                **request, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            vectors = await client.embeddings.create(model=desk.site.vectors, input=["a", "b"])
            parsed = await client.chat.completions.parse(
                **{**request, "max_tokens": 60}, response_format=Verdict
            )
            assert len([model async for model in client.models.list()]) == len(
                {desk.site.model, desk.site.vectors}
            )
        assert whole.usage == chunks[-1].usage or desk.site.child  # llama.cpp's prompt cache is warm now
        assert parsed.choices[0].message.parsed
        assert parsed.usage
        assert whole.usage
        calls = desk.site.cloud.calls(desk.tenant, 4)
        assert [tokens_of(call) for call in calls] == [
            (whole.usage.prompt_tokens, 6),
            (whole.usage.prompt_tokens, 6),
            (vectors.usage.prompt_tokens, 0),
            (parsed.usage.prompt_tokens, parsed.usage.completion_tokens),
        ]

    asyncio.run(flow())


def test_fifty_at_once(desk: Desk) -> None:
    async def flow() -> list[CompletionUsage | None]:
        client = openai.AsyncOpenAI(
            base_url=f"{desk.site.cloud.address}/v1",
            api_key=desk.tenant.key,
            max_retries=0,
            timeout=httpx2.Timeout(60),
        )
        request: Any = {"model": desk.site.model, "messages": ASK, "max_tokens": 2}

        async def one(number: int) -> CompletionUsage | None:
            if number % 2:
                answer = await client.chat.completions.create(**request)
                said: CompletionUsage | None = answer.usage
                return said
            stream = await client.chat.completions.create(
                **request, stream=True, stream_options={"include_usage": True}
            )
            *_, last = [chunk async for chunk in stream]
            told: CompletionUsage | None = last.usage
            return told

        async with client:
            return await asyncio.gather(*[one(number) for number in range(50)])

    usages = asyncio.run(flow())
    calls = desk.site.cloud.calls(desk.tenant, 50)
    assert all(call["outcome"] == "posted" and call["usage_source"] == "reported" for call in calls)
    found = sorted(tokens_of(call) for call in calls)
    assert found == sorted((usage.prompt_tokens, usage.completion_tokens) for usage in usages if usage)
    assert {out for _, out in found} == {2}
