"""Google Gemini's generateContent: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import base64
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.answers import Answer, ApiError, Ask, Choice, Function, Message, Tool, chat_tokens
from tests.fakes.anthropic_shapes import arguments
from tests.fakes.dialects import BROKE, Named, decode, turn
from tests.fakes.shapes import steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.book import Seen

STATUSES = MappingProxyType(
    {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        503: "UNAVAILABLE",
        504: "DEADLINE_EXCEEDED",
    }
)
FINISHES = MappingProxyType({"length": "MAX_TOKENS", "content_filter": "SAFETY"})
OPAQUE = (
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseSchema",
    "responseJsonSchema",
    "x_fake",
)
MODES = MappingProxyType({"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"})


class Content(msgspec.Struct):
    parts: list[dict[str, Any]] = []
    role: str | None = None


class Thinking(msgspec.Struct, rename="camel"):
    include_thoughts: bool = False


class Generation(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    candidate_count: int | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    thinking_config: Thinking | None = None


class Declaration(msgspec.Struct, rename="camel"):
    name: str
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None


class ToolParam(msgspec.Struct, rename="camel"):
    function_declarations: list[Declaration] = []


class Calling(msgspec.Struct, rename="camel"):
    mode: str = "AUTO"
    allowed_function_names: list[str] | None = None


class ToolConfig(msgspec.Struct, rename="camel"):
    function_calling_config: Calling | None = None


class GenerateAsk(msgspec.Struct, rename="camel"):
    contents: list[Content] = []
    system_instruction: Content | None = None
    tools: list[ToolParam] | None = None
    tool_config: ToolConfig | None = None
    generation_config: Generation | None = None
    x_fake: dict[str, Any] | None = msgspec.field(name="x_fake", default=None)


class Generate(Named):
    """POST /v1beta/models/{model}:generateContent and :streamGenerateContent."""

    prefix = ""
    stream_type = b"text/event-stream"

    def __init__(self, *, stream: bool) -> None:
        self.stream = stream

    def read(self, seen: Seen, named: str) -> Ask:
        if self.stream and "alt=sse" not in seen.target.partition("?")[2].split("&"):
            raise ApiError(400, "The fake streams with ?alt=sse only.")
        asked = decode(msgspec.json.encode(_camel(decode(seen.raw, dict[str, Any]))), GenerateAsk)
        config = asked.generation_config or Generation()
        if not asked.contents:
            raise ApiError(400, "* GenerateContentRequest.contents: contents is not specified")
        declared = [one for tool in asked.tools or () for one in tool.function_declarations]
        return Ask(
            model=named,
            messages=_messages(asked),
            stream=self.stream,
            max_tokens=config.max_output_tokens,
            n=config.candidate_count,
            stop=config.stop_sequences,
            tools=[Tool("function", Function(one.name, _parameters(one))) for one in declared],
            tool_choice=_tool_choice(asked.tool_config),
            response_format=_form(config),
            thinking=config.thinking_config is not None and config.thinking_config.include_thoughts,
            x_fake=asked.x_fake,
        )

    def check_key(self, seen: Seen, wanted: str) -> None:
        key = seen.headers.get("x-goog-api-key")
        if key is None:
            raise ApiError(403, "Method doesn't allow unregistered callers. Please use API Key.")
        if key != wanted:
            raise ApiError(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")

    def headers(self, serial: str) -> bytes:
        return b""

    def error(self, error: ApiError) -> dict[str, Any]:
        status = STATUSES.get(error.status, "UNKNOWN" if error.status >= 500 else "INVALID_ARGUMENT")
        details: list[dict[str, Any]] = []
        if error.code == "API_KEY_INVALID":
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            details.append({"@type": kind, "reason": error.code, "domain": "googleapis.com"})
        if error.retry_after is not None:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            details.append({"@type": kind, "retryDelay": f"{error.retry_after}s"})
        found = {"code": error.status, "message": error.message, "status": status}
        return {"error": {**found, "details": details} if details else found}

    def failure(self) -> bytes:
        return msgspec.json.encode(self.error(ApiError(500, BROKE)))

    def malformed(self) -> bytes:
        return b'{"candidates":[{"content":{"par'

    def frame(self, data: bytes, ending: bytes) -> bytes:
        return b"data: " + data + b"\r\n\r\n"

    def body(self, answer: Answer) -> dict[str, Any]:
        candidates = []
        for choice in answer.choices:
            parts = [{"text": "".join(choice.thoughts), "thought": True}] if choice.thoughts else []
            if choice.pieces:
                parts.append({"text": "".join(choice.pieces)})
            candidates.append(_candidate(choice, [*parts, *_calls(choice)], last=True))
        body = {"candidates": candidates, **_common(answer)}
        return body if answer.knobs.no_usage else {**body, "usageMetadata": _usage(answer, answer.claimed)}

    def parts(self, answer: Answer) -> Iterator[tuple[dict[str, Any], int]]:
        size, common, made = answer.knobs.tokens_per_event, _common(answer), 0
        for choice in answer.choices:
            hidden = choice.reasoning - len(choice.thoughts)
            said: list[tuple[list[dict[str, Any]], int]] = [
                ([{"text": "".join(one), "thought": True}], len(one)) for one in steps(choice.thoughts, size)
            ]
            said += [([{"text": "".join(one)}], len(one)) for one in steps(choice.pieces, size)]
            # A call comes whole, in one event: Gemini's arguments are an object, not text.
            called = sum(len(call.pieces) for call in choice.calls)
            said += [(_calls(choice), called)] if choice.calls else []
            for parts, tokens in said:
                made += hidden + tokens
                event = {"candidates": [_candidate(choice, parts)], **common}
                if not answer.knobs.no_usage:
                    event["usageMetadata"] = _usage(answer, made)
                yield event, hidden + tokens
                hidden = 0
        for choice in answer.choices:
            last = {"candidates": [_candidate(choice, [{"text": ""}], last=True)], **common}
            if not answer.knobs.no_usage:
                last["usageMetadata"] = _usage(answer, answer.claimed)
            yield last, answer.tokens - made
            made = answer.tokens


class CountTokens(Generate):
    """POST /v1beta/models/{model}:countTokens."""

    bills = False

    def __init__(self) -> None:
        super().__init__(stream=False)

    def body(self, answer: Answer) -> dict[str, Any]:
        return {"totalTokens": chat_tokens(answer.ask.messages or [])}


def _camel(node: Any) -> Any:
    """As all of Google's JSON, names may come with underscores; the official library sends some so."""
    if isinstance(node, list):
        return [_camel(one) for one in node]
    if not isinstance(node, dict):
        return node
    camels = {_to_camel(key): value for key, value in node.items()}
    return {key: value if key in OPAQUE else _camel(value) for key, value in camels.items()}


def _to_camel(name: str) -> str:
    first, *more = name.split("_")
    return name if name == "x_fake" else first + "".join(part.capitalize() for part in more)


def _common(answer: Answer) -> dict[str, Any]:
    return {"modelVersion": answer.ask.model, "responseId": answer.id}


def _candidate(choice: Choice, parts: list[dict[str, Any]], *, last: bool = False) -> dict[str, Any]:
    candidate = {"content": {"parts": parts, "role": "model"}, "index": choice.index}
    return {**candidate, "finishReason": FINISHES.get(choice.finish, "STOP")} if last else candidate


def _calls(choice: Choice) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"functionCall": {"id": call.id, "name": call.name, "args": arguments(call)}} for call in choice.calls
    ]
    if parts and choice.reasoning:
        # Of parallel calls only the first carries the signature.
        parts[0]["thoughtSignature"] = base64.b64encode(b"signed").decode()
    return parts


def _usage(answer: Answer, output: int) -> dict[str, Any]:
    """Gemini's prompt contains what was cached; its candidates do not contain the thoughts."""
    thoughts = min(answer.reasoning, output)
    usage: dict[str, Any] = {
        "promptTokenCount": answer.prompt_tokens,
        "candidatesTokenCount": output - thoughts,
        "totalTokenCount": answer.prompt_tokens + output,
    }
    if answer.cached:
        usage["cachedContentTokenCount"] = answer.cached
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    tier = answer.knobs.served_tier
    if tier is not None:  # Vertex AI says its traffic in capitals, the Gemini API the tier
        usage["trafficType" if tier.isupper() else "serviceTier"] = tier
    return usage


def _messages(asked: GenerateAsk) -> list[Message]:
    messages = [turn("system", asked.system_instruction.parts)] if asked.system_instruction else []
    for content in asked.contents:
        answered = any("functionResponse" in part for part in content.parts)
        messages.append(turn("tool" if answered else content.role or "user", content.parts))
    return messages


def _parameters(declared: Declaration) -> dict[str, Any] | None:
    return declared.parameters_json_schema or _lower(declared.parameters)


def _lower(schema: Any) -> Any:
    """Gemini's own schemas write types in capitals."""
    if isinstance(schema, list):
        return [_lower(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _lower(value)
        for key, value in schema.items()
    }


def _tool_choice(config: ToolConfig | None) -> Any:
    calling = config.function_calling_config if config else None
    if calling is None:
        return None
    if calling.mode not in MODES:
        raise ApiError(400, f"Invalid value at 'tool_config.function_calling_config.mode': {calling.mode}")
    if calling.mode == "ANY" and calling.allowed_function_names:
        return {"type": "function", "function": {"name": calling.allowed_function_names[0]}}
    return MODES[calling.mode]


def _form(config: Generation) -> dict[str, Any] | None:
    schema = config.response_json_schema or _lower(config.response_schema)
    if schema:
        return {"type": "json_schema", "json_schema": {"schema": schema}}
    return {"type": "json_object"} if config.response_mime_type == "application/json" else None
