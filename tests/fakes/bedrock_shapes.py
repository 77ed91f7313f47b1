"""AWS Bedrock's Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes import eventstream, sigv4
from tests.fakes.answers import Answer, ApiError, Ask, Call, Function, Message, Tool
from tests.fakes.anthropic_shapes import arguments
from tests.fakes.dialects import BROKE, Named, decode, turn
from tests.fakes.shapes import steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.book import Seen

ERRORS = MappingProxyType(
    {
        401: "AccessDeniedException",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        408: "ModelTimeoutException",
        424: "ModelErrorException",
        429: "ThrottlingException",
        500: "InternalServerException",
        503: "ServiceUnavailableException",
    }
)
STOPS = MappingProxyType(
    {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
)


class Turn(msgspec.Struct):
    role: str
    content: list[dict[str, Any]]


class Inference(msgspec.Struct, rename="camel"):
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None


class Spec(msgspec.Struct, rename="camel"):
    name: str
    input_schema: dict[str, Any]


class ToolParam(msgspec.Struct, rename="camel"):
    tool_spec: Spec | None = None


class ToolConfig(msgspec.Struct, rename="camel"):
    tools: list[ToolParam]
    tool_choice: dict[str, dict[str, Any]] | None = None


class OutputConfig(msgspec.Struct, rename="camel"):
    text_format: dict[str, Any] | None = None


class ConverseAsk(msgspec.Struct, rename="camel"):
    messages: list[Turn]
    system: list[dict[str, Any]] | None = None
    inference_config: Inference | None = None
    tool_config: ToolConfig | None = None
    output_config: OutputConfig | None = None
    additional_model_request_fields: dict[str, Any] | None = None


class Converse(Named):
    """POST /model/{id}/converse and /converse-stream; knobs travel in additionalModelRequestFields.x_fake."""

    prefix = ""
    stream_type = b"application/vnd.amazon.eventstream"

    def __init__(self, *, stream: bool) -> None:
        self.stream = stream

    def read(self, seen: Seen, named: str) -> Ask:
        asked = decode(seen.raw, ConverseAsk)
        config = asked.inference_config or Inference()
        more = asked.additional_model_request_fields or {}
        if not asked.messages or asked.messages[0].role != "user":
            raise ApiError(400, "A conversation must start with a user message.")
        specs = [tool.tool_spec for tool in (asked.tool_config.tools if asked.tool_config else ())]
        thinking = more.get("thinking") or more.get("reasoning_config") or {}
        return Ask(
            model=named,
            messages=_messages(asked),
            stream=self.stream,
            max_tokens=config.max_tokens,
            stop=config.stop_sequences,
            tools=[
                Tool("function", Function(spec.name, spec.input_schema.get("json"))) for spec in specs if spec
            ],
            tool_choice=_tool_choice(asked.tool_config),
            response_format=_form(asked.output_config),
            thinking=thinking.get("type", "disabled") != "disabled",
            x_fake=more.get("x_fake"),
        )

    def check_key(self, seen: Seen, wanted: str) -> None:
        """`wanted` is ACCESS:SECRET, or an API key for a bearer."""
        if ":" in wanted:
            wrong = sigv4.wrong(seen, *wanted.split(":", 1))
            if wrong:
                raise ApiError(403, wrong, code=wrong.partition(":")[0])
        elif seen.headers.get("authorization") != f"Bearer {wanted}":
            raise ApiError(403, "Authentication failed: Please make sure your API Key is valid.")

    def headers(self, serial: str) -> bytes:
        return b"x-amzn-requestid: %b\r\n" % serial.encode()

    def error(self, error: ApiError) -> dict[str, Any]:
        return {"message": error.message}

    def error_headers(self, error: ApiError) -> bytes:
        kind = ERRORS.get(error.status, "ValidationException")
        return b"x-amzn-errortype: %b\r\n" % kind.encode() + super().error_headers(error)

    def failure(self) -> bytes:
        return msgspec.json.encode({"internalServerException": {"message": BROKE}})

    def malformed(self) -> bytes:
        return b"{}"

    def frame(self, data: bytes, ending: bytes) -> bytes:
        if data == b"{}":
            good = eventstream.encode_event("contentBlockDelta", data)
            return good[:-1] + bytes([good[-1] ^ 1])  # its checksum is wrong
        name, payload = data[2 : data.index(b'"', 2)], data[data.index(b":") + 1 : -1]
        make = eventstream.encode_exception if name.endswith(b"Exception") else eventstream.encode_event
        return make(name.decode(), payload)

    def pad(self, document: dict[str, Any], size: int) -> None:
        inner = next(iter(document.values()))
        inner["p"] = "x" * size

    def body(self, answer: Answer) -> dict[str, Any]:
        choice = answer.choices[0]
        content: list[dict[str, Any]] = []
        if choice.thoughts:
            thought = {"text": "".join(choice.thoughts), "signature": _signature(answer)}
            content.append({"reasoningContent": {"reasoningText": thought}})
        if choice.pieces:
            content.append({"text": "".join(choice.pieces)})
        content += [{"toolUse": {**_use(call), "input": arguments(call)}} for call in choice.calls]
        body = {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _stop(answer),
            "metrics": {"latencyMs": 1},
            **_tier(answer),
        }
        return body if answer.knobs.no_usage else {**body, "usage": _usage(answer)}

    def parts(self, answer: Answer) -> Iterator[tuple[dict[str, Any], int]]:
        choice, size = answer.choices[0], answer.knobs.tokens_per_event
        yield {"messageStart": {"role": "assistant"}}, choice.reasoning - len(choice.thoughts)
        at = 0
        # Only a tool's block is announced; text and thoughts begin with their first words.
        if choice.thoughts:
            for one in steps(choice.thoughts, size):
                yield _delta(at, {"reasoningContent": {"text": "".join(one)}}), len(one)
            yield _delta(at, {"reasoningContent": {"signature": _signature(answer)}}), 0
            yield {"contentBlockStop": {"contentBlockIndex": at}}, 0
            at += 1
        if choice.pieces:
            for one in steps(choice.pieces, size):
                yield _delta(at, {"text": "".join(one)}), len(one)
            yield {"contentBlockStop": {"contentBlockIndex": at}}, 0
            at += 1
        for call in choice.calls:
            yield {"contentBlockStart": {"start": {"toolUse": _use(call)}, "contentBlockIndex": at}}, 0
            for one in steps(call.pieces, size):
                yield _delta(at, {"toolUse": {"input": "".join(one)}}), len(one)
            yield {"contentBlockStop": {"contentBlockIndex": at}}, 0
            at += 1
        yield {"messageStop": {"stopReason": _stop(answer)}}, 0
        metadata: dict[str, Any] = {"metrics": {"latencyMs": 1}, **_tier(answer)}
        yield {"metadata": metadata if answer.knobs.no_usage else {"usage": _usage(answer), **metadata}}, 0


def _delta(at: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": at}}


def _use(call: Call) -> dict[str, Any]:
    return {"toolUseId": call.id, "name": call.name}


def _signature(answer: Answer) -> str:
    return f"c2lnbmVk{answer.id}"


def _stop(answer: Answer) -> str:
    choice = answer.choices[0]
    return "stop_sequence" if choice.stopped_by else STOPS.get(choice.finish, "end_turn")


def _tier(answer: Answer) -> dict[str, Any]:
    tier = answer.knobs.served_tier
    return {} if tier is None else {"serviceTier": {"type": tier}}


def _usage(answer: Answer) -> dict[str, Any]:
    """Bedrock's input contains neither what was cached nor what was written to the cache.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
    """
    return {
        "inputTokens": answer.prompt_tokens - answer.cached - answer.written,
        "outputTokens": answer.claimed,
        "totalTokens": answer.prompt_tokens + answer.claimed,
        "cacheReadInputTokens": answer.cached,
        "cacheWriteInputTokens": answer.written,
    }


def _messages(asked: ConverseAsk) -> list[Message]:
    messages = [turn("system", asked.system)] if asked.system else []
    for one in asked.messages:
        results = any("toolResult" in part for part in one.content)
        messages.append(turn("tool" if results else one.role, one.content))
    return messages


def _tool_choice(config: ToolConfig | None) -> Any:
    choice = config.tool_choice if config else None
    if not choice:
        return None
    if "tool" in choice:
        return {"type": "function", "function": {"name": choice["tool"]["name"]}}
    return "required" if "any" in choice else "auto"


def _form(config: OutputConfig | None) -> dict[str, Any] | None:
    text_format = config.text_format if config else None
    if not text_format:
        return None
    schema = json.loads(text_format["structure"]["jsonSchema"]["schema"])
    return {"type": "json_schema", "json_schema": {"schema": schema}}
