"""Anthropic's Messages: https://docs.anthropic.com/en/api/messages, .../messages-streaming and .../errors."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.answers import Answer, ApiError, Ask, Call, Function, Message, Tool, chat_tokens
from tests.fakes.dialects import BROKE, Named, decode, turn
from tests.fakes.shapes import steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.book import Seen

TYPES = MappingProxyType(
    {
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
STOPS = MappingProxyType({"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"})
CHOICES = MappingProxyType({"auto": "auto", "none": "none", "any": "required"})


class Turn(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]]


class ToolParam(msgspec.Struct):
    name: str
    input_schema: dict[str, Any] | None = None


class Choice(msgspec.Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool = False


class Thinking(msgspec.Struct):
    type: str
    budget_tokens: int = 0


class OutputConfig(msgspec.Struct):
    format: dict[str, Any] | None = None


class MessagesAsk(msgspec.Struct):
    model: str
    messages: list[Turn]
    max_tokens: int | None = None
    system: str | list[dict[str, Any]] | None = None
    tools: list[ToolParam] | None = None
    tool_choice: Choice | None = None
    stop_sequences: list[str] | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    stream: bool | None = None
    x_fake: dict[str, Any] | None = None

    def ask(self) -> Ask:
        form = self.output_config and self.output_config.format
        return Ask(
            model=self.model,
            messages=_messages(self),
            stream=self.stream,
            max_tokens=self.max_tokens,
            stop=self.stop_sequences,
            tools=[Tool("function", Function(tool.name, tool.input_schema)) for tool in self.tools or ()],
            tool_choice=_choice(self.tool_choice),
            parallel_tool_calls=not (self.tool_choice and self.tool_choice.disable_parallel_tool_use),
            response_format={"type": "json_schema", "json_schema": form} if form else None,
            thinking=self.thinking is not None and self.thinking.type != "disabled",
            x_fake=self.x_fake,
        )


class Messages(Named):
    """POST /v1/messages."""

    prefix = "msg_"

    def read(self, seen: Seen, named: str) -> Ask:
        asked = self._decoded(seen)
        if asked.max_tokens is None:
            raise ApiError(400, "max_tokens: Field required")
        thinking = asked.thinking
        if thinking is not None and thinking.type == "enabled":
            if thinking.budget_tokens < 1024:
                raise ApiError(400, "thinking.enabled.budget_tokens: Input should be at least 1024")
            if asked.max_tokens <= thinking.budget_tokens:
                raise ApiError(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
        return asked.ask()

    def _decoded(self, seen: Seen) -> MessagesAsk:
        if "anthropic-version" not in seen.headers:
            raise ApiError(400, "anthropic-version: header is required")
        asked = decode(seen.raw, MessagesAsk)
        for place, one in enumerate(asked.messages):
            if one.role not in {"user", "assistant"}:
                raise ApiError(400, f'messages.{place}.role: Unexpected role "{one.role}".')
        if not asked.messages:
            raise ApiError(400, "messages: at least one message is required")
        return asked

    def check_key(self, seen: Seen, wanted: str) -> None:
        if seen.headers.get("x-api-key") != wanted:
            raise ApiError(401, "invalid x-api-key")

    def headers(self, serial: str) -> bytes:
        return b"request-id: req_%b\r\n" % serial.encode()

    def error(self, error: ApiError) -> dict[str, Any]:
        kind = TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
        return {
            "type": "error",
            "error": {"type": kind, "message": error.message},
            "request_id": "req_fake",
        }

    def failure(self) -> bytes:
        return msgspec.json.encode(self.error(ApiError(500, BROKE)))

    def malformed(self) -> bytes:
        return b'{"type":"content_block_delta","index":0,"delt'

    def body(self, answer: Answer) -> dict[str, Any]:
        choice = answer.choices[0]
        content: list[dict[str, Any]] = []
        if choice.thoughts:
            signature = _signature(answer)
            content.append({"type": "thinking", "thinking": "".join(choice.thoughts), "signature": signature})
        if choice.pieces:
            content.append({"type": "text", "text": "".join(choice.pieces)})
        content += [{**_use(call), "input": arguments(call)} for call in choice.calls]
        body = {**_message(answer), "content": content, **_stop(answer)}
        return body if answer.knobs.no_usage else {**body, "usage": _usage(answer, answer.claimed)}

    def parts(self, answer: Answer) -> Iterator[tuple[dict[str, Any], int]]:
        choice, knobs = answer.choices[0], answer.knobs
        start: dict[str, Any] = {
            **_message(answer),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }
        if not knobs.no_usage:
            start["usage"] = _usage(answer, 1)
        yield {"type": "message_start", "message": start}, choice.reasoning - len(choice.thoughts)
        yield {"type": "ping"}, 0
        at = 0
        if choice.thoughts:
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            signed = {"type": "signature_delta", "signature": _signature(answer)}
            said = steps(choice.thoughts, knobs.tokens_per_event)
            deltas = [({"type": "thinking_delta", "thinking": "".join(one)}, len(one)) for one in said]
            yield from _block(at, empty, [*deltas, (signed, 0)])
            at += 1
        if choice.pieces:
            said = steps(choice.pieces, knobs.tokens_per_event)
            deltas = [({"type": "text_delta", "text": "".join(one)}, len(one)) for one in said]
            yield from _block(at, {"type": "text", "text": ""}, deltas)
            at += 1
        for call in choice.calls:
            said = steps(call.pieces, knobs.tokens_per_event)
            deltas = [({"type": "input_json_delta", "partial_json": "".join(one)}, len(one)) for one in said]
            yield from _block(at, {**_use(call), "input": {}}, deltas)
            at += 1
        delta = {"type": "message_delta", "delta": _stop(answer)}
        yield (delta if knobs.no_usage else {**delta, "usage": _usage(answer, answer.claimed)}), 0
        yield {"type": "message_stop"}, 0


class CountTokens(Messages):
    """POST /v1/messages/count_tokens."""

    bills = False

    def read(self, seen: Seen, named: str) -> Ask:
        return self._decoded(seen).ask()

    def body(self, answer: Answer) -> dict[str, Any]:
        return {"input_tokens": chat_tokens(answer.ask.messages or [])}


def arguments(call: Call) -> Any:
    """As an object; an empty one where the cap cut them."""
    try:
        return json.loads("".join(call.pieces))
    except json.JSONDecodeError:
        return {}


def _block(
    at: int, empty: dict[str, Any], deltas: list[tuple[dict[str, Any], int]]
) -> Iterator[tuple[dict[str, Any], int]]:
    yield {"type": "content_block_start", "index": at, "content_block": empty}, 0
    for delta, tokens in deltas:
        yield {"type": "content_block_delta", "index": at, "delta": delta}, tokens
    yield {"type": "content_block_stop", "index": at}, 0


def _message(answer: Answer) -> dict[str, Any]:
    return {"id": answer.id, "type": "message", "role": "assistant", "model": answer.ask.model}


def _use(call: Call) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name}


def _signature(answer: Answer) -> str:
    return f"c2lnbmVk{answer.id}"


def _stop(answer: Answer) -> dict[str, Any]:
    choice = answer.choices[0]
    if choice.stopped_by:
        return {"stop_reason": "stop_sequence", "stop_sequence": choice.stopped_by}
    return {"stop_reason": STOPS.get(choice.finish, "end_turn"), "stop_sequence": None}


def _usage(answer: Answer, output: int) -> dict[str, Any]:
    """Anthropic's input contains neither what was cached nor what was written to the cache."""
    usage = {
        "input_tokens": answer.prompt_tokens - answer.cached - answer.written,
        "cache_creation_input_tokens": answer.written,
        "cache_read_input_tokens": answer.cached,
        "output_tokens": output,
    }
    tier = answer.knobs.served_tier
    return usage if tier is None else {**usage, "service_tier": tier}


def _messages(asked: MessagesAsk) -> list[Message]:
    messages = [turn("system", asked.system)] if asked.system else []
    for one in asked.messages:
        results = isinstance(one.content, list) and any(p.get("type") == "tool_result" for p in one.content)
        messages.append(turn("tool" if results else one.role, one.content))
    return messages


def _choice(choice: Choice | None) -> Any:
    if choice is None:
        return None
    if choice.type == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    if choice.type not in CHOICES:
        raise ApiError(400, f"tool_choice: Input tag '{choice.type}' does not match any of the expected tags")
    return CHOICES[choice.type]
