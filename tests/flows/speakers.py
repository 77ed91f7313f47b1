"""The official SDKs as one client each: the same question in each dialect's words, the answer in ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import anthropic
import openai

SCHEMA: MappingProxyType[str, Any] = MappingProxyType(
    {
        "type": "object",
        "properties": {"mood": {"type": "string", "enum": ["good", "bad"]}, "stars": {"type": "integer"}},
        "required": ["mood", "stars"],
        "additionalProperties": False,
    }
)
TOOLS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "get_weather": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "get_time": {
            "type": "object",
            "properties": {"zone": {"type": "string", "enum": ["CET", "UTC"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    }
)
BUDGET = 1024


@dataclass(frozen=True)
class Question:
    """What is asked, whatever the dialect."""

    text: str = "What is the weather in Paris?"
    system: str = ""
    image: str = ""
    """Base64 of a PNG."""
    tools: bool = False
    schema: bool = False
    think: bool = False
    stop: str = ""
    max_tokens: int = 100


@dataclass(frozen=True)
class Counts:
    """Usage as a client sees it, in disjoint buckets; thoughts are a part of `out`."""

    into: int
    cached: int
    written: int
    out: int
    thought: int


@dataclass
class Heard:
    """What came back."""

    text: str = ""
    thoughts: str = ""
    signature: str = ""
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    ended: str = ""
    usage: Counts | None = None
    model: str = ""
    turn: list[Any] = field(default_factory=list)
    """The answer as the client sends it back in the next turn."""


class Speaker(Protocol):
    """A client of one dialect."""

    def ask(
        self,
        model: str,
        question: Question,
        *,
        stream: bool,
        before: Heard | None = None,
        results: dict[str, str] | None = None,
    ) -> Heard:
        """One turn; or the next one, with the results of the tools that `before` called."""
        ...


class ChatSpeaker:
    """OpenAI's chat completions."""

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    def body(self, question: Question, before: Heard | None, results: dict[str, str] | None) -> Any:
        content: Any = question.text
        if question.image:
            url = f"data:image/png;base64,{question.image}"
            content = [{"type": "text", "text": content}, {"type": "image_url", "image_url": {"url": url}}]
        messages: list[Any] = [{"role": "system", "content": question.system}] if question.system else []
        messages.append({"role": "user", "content": content})
        if before is not None:
            messages += before.turn
            messages += [
                {"role": "tool", "tool_call_id": id_, "content": text}
                for id_, text in (results or {}).items()
            ]
        body: dict[str, Any] = {"messages": messages, "max_tokens": question.max_tokens}
        if question.tools:
            body["tools"] = [
                {"type": "function", "function": {"name": name, "parameters": schema}}
                for name, schema in TOOLS.items()
            ]
        if question.schema:
            form = {"name": "verdict", "schema": dict(SCHEMA), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if question.think:
            body["reasoning_effort"] = "high"
        if question.stop:
            body["stop"] = question.stop
        return body

    def ask(
        self,
        model: str,
        question: Question,
        *,
        stream: bool,
        before: Heard | None = None,
        results: dict[str, str] | None = None,
    ) -> Heard:
        body = self.body(question, before, results)
        create = self.client.chat.completions.create
        if stream:
            return self.collected(create(model=model, stream=True, stream_options=_USAGE, **body))
        answer = create(model=model, **body)
        (choice,) = answer.choices
        said = choice.message
        calls = [call.function for call in said.tool_calls or ()]
        heard = Heard(
            said.content or "",
            getattr(said, "reasoning_content", None) or "",
            calls=[
                (call.id, one.name, json.loads(one.arguments))
                for call, one in zip(said.tool_calls or (), calls, strict=True)
            ],
            ended=_CHAT_ENDS[choice.finish_reason],
            usage=_chat_counts(answer.usage),
            model=answer.model,
            turn=[said.model_dump(exclude_none=True)],
        )
        assert said.role == "assistant"
        return heard

    def collected(self, stream: Any) -> Heard:
        """A stream, put together with no help of the SDK's."""
        heard, calls = Heard(), dict[int, list[str]]()
        for chunk in stream:
            heard.model = chunk.model
            if not chunk.choices:
                heard.usage = _chat_counts(chunk.usage)
                continue
            (choice,) = chunk.choices
            assert not heard.ended or not choice.delta.content
            heard.text += choice.delta.content or ""
            heard.thoughts += getattr(choice.delta, "reasoning_content", None) or ""
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(part.index, [part.id, part.function.name, ""])
                call[2] += part.function.arguments or ""
            if choice.finish_reason:
                heard.ended = _CHAT_ENDS[choice.finish_reason]
        heard.calls = [(id_, name, json.loads(text)) for id_, name, text in calls.values()]
        told = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}
            for id_, name, text in calls.values()
        ]
        said: dict[str, Any] = {"role": "assistant", "content": heard.text or None}
        heard.turn = [said | {"tool_calls": told} if told else said]
        return heard


_USAGE: Any = MappingProxyType({"include_usage": True})
_CHAT_ENDS = MappingProxyType({"stop": "stop", "length": "length", "tool_calls": "tools"})


def _chat_counts(usage: Any) -> Counts:
    into, more = usage.prompt_tokens_details, usage.completion_tokens_details
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    cached, written = into.cached_tokens or 0, getattr(into, "cache_write_tokens", None) or 0
    rest = usage.prompt_tokens - cached - written
    return Counts(rest, cached, written, usage.completion_tokens, more.reasoning_tokens or 0)


class MessagesSpeaker:
    """Anthropic's Messages."""

    def __init__(self, url: str, key: str) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)

    def body(self, question: Question, before: Heard | None, results: dict[str, str] | None) -> Any:
        content: Any = question.text
        if question.image:
            source = {"type": "base64", "media_type": "image/png", "data": question.image}
            content = [{"type": "text", "text": content}, {"type": "image", "source": source}]
        messages: list[Any] = [{"role": "user", "content": content}]
        if before is not None:
            told = [
                {"type": "tool_result", "tool_use_id": id_, "content": text}
                for id_, text in (results or {}).items()
            ]
            messages += [*before.turn, {"role": "user", "content": told}]
        body: dict[str, Any] = {"messages": messages, "max_tokens": question.max_tokens}
        if question.system:
            body["system"] = question.system
        if question.tools:
            body["tools"] = [{"name": name, "input_schema": schema} for name, schema in TOOLS.items()]
        if question.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": dict(SCHEMA)}}
        if question.think:
            body["thinking"] = {"type": "enabled", "budget_tokens": BUDGET}
            body["max_tokens"] = 2 * BUDGET
        if question.stop:
            body["stop_sequences"] = [question.stop]
        return body

    def ask(
        self,
        model: str,
        question: Question,
        *,
        stream: bool,
        before: Heard | None = None,
        results: dict[str, str] | None = None,
    ) -> Heard:
        body = self.body(question, before, results)
        if stream:
            with self.client.messages.stream(model=model, **body) as events:
                answer: anthropic.types.Message = events.get_final_message()
        else:
            answer = self.client.messages.create(model=model, **body)
        heard = Heard(model=answer.model, ended=_MESSAGE_ENDS[answer.stop_reason or ""])
        for block in answer.content:
            if block.type == "text":
                heard.text += block.text
            elif block.type == "thinking":
                heard.thoughts += block.thinking
                heard.signature = block.signature
            else:
                assert block.type == "tool_use"
                heard.calls.append((block.id, block.name, block.input))
        usage = answer.usage
        details = usage.output_tokens_details
        heard.usage = Counts(
            usage.input_tokens,
            usage.cache_read_input_tokens or 0,
            usage.cache_creation_input_tokens or 0,
            usage.output_tokens,
            (details and details.thinking_tokens) or 0,
        )
        heard.turn = [{"role": "assistant", "content": answer.content}]
        return heard


_MESSAGE_ENDS = MappingProxyType(
    {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tools"}
)


class ResponsesSpeaker:
    """OpenAI's Responses; nothing is kept, the whole conversation is sent each time."""

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    def body(self, question: Question, before: Heard | None, results: dict[str, str] | None) -> Any:
        content: Any = [{"type": "input_text", "text": question.text}]
        if question.image:
            url = f"data:image/png;base64,{question.image}"
            content.append({"type": "input_image", "image_url": url, "detail": "auto"})
        items: list[Any] = [{"role": "user", "content": content}]
        if before is not None:
            items += before.turn
            items += [
                {"type": "function_call_output", "call_id": id_, "output": text}
                for id_, text in (results or {}).items()
            ]
        body: dict[str, Any] = {"input": items, "max_output_tokens": question.max_tokens, "store": False}
        if question.system:
            body["instructions"] = question.system
        if question.tools:
            body["tools"] = [
                {"type": "function", "name": name, "parameters": schema, "strict": True}
                for name, schema in TOOLS.items()
            ]
        if question.schema:
            form = {"type": "json_schema", "name": "verdict", "schema": dict(SCHEMA), "strict": True}
            body["text"] = {"format": form}
        if question.think:
            body["reasoning"] = {"effort": "high"}
        return body

    def ask(
        self,
        model: str,
        question: Question,
        *,
        stream: bool,
        before: Heard | None = None,
        results: dict[str, str] | None = None,
    ) -> Heard:
        assert not question.stop, "Responses have no stop sequences"
        body = self.body(question, before, results)
        answer: Any
        if stream:
            with self.client.responses.stream(model=model, **body) as events:
                seen = list(events)
                assert [event.sequence_number for event in seen] == list(range(len(seen)))
                answer = getattr(seen[-1], "response")  # noqa: B009 - only the last event has it for sure
        else:
            answer = self.client.responses.create(model=model, **body)
        return heard_response(answer)


def heard_response(answer: Any) -> Heard:
    """A response of the SDK's."""
    heard = Heard(answer.output_text, model=answer.model)
    for item in answer.output:
        if item.type == "reasoning":
            heard.thoughts += "".join(part.text for part in item.summary)
            heard.signature = item.encrypted_content or ""
        elif item.type == "function_call":
            heard.calls.append((item.call_id, item.name, json.loads(item.arguments)))
    if answer.status == "incomplete":
        assert answer.incomplete_details.reason == "max_output_tokens"
        heard.ended = "length"
    else:
        assert answer.status == "completed"
        heard.ended = "tools" if heard.calls else "stop"
    usage = answer.usage
    into = usage.input_tokens_details
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    heard.usage = Counts(
        usage.input_tokens - into.cached_tokens - into.cache_write_tokens,
        into.cached_tokens,
        into.cache_write_tokens,
        usage.output_tokens,
        usage.output_tokens_details.reasoning_tokens,
    )
    heard.turn = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output]
    return heard


SPEAKERS: MappingProxyType[str, Any] = MappingProxyType(
    {"chat": ChatSpeaker, "messages": MessagesSpeaker, "responses": ResponsesSpeaker}
)


@contextmanager
def speaker(dialect: str, url: str, key: str) -> Iterator[Any]:
    """A client of one dialect, for a while."""
    made = SPEAKERS[dialect](url, key)
    with made.client:
        yield made
