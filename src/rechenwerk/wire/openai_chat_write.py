"""OpenAI chat completions, what providers get: a `Talk` as a body.

Shapes: the OpenAI API reference ("Create chat completion").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType, UnionType
from typing import Any

import msgspec

from rechenwerk.wire.talk import (
    Image,
    Part,
    Shape,
    Talk,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    UntranslatableError,
)

_MODES = MappingProxyType({"auto": "auto", "none": "none", "any": "required"})
_BUDGETS = ((0, "none"), (1024, "low"), (8192, "medium"))
"""The most thinking tokens of each effort; above is ``high``. Source: Gemini API, "OpenAI compatibility"."""


def write_chat(
    talk: Talk, upstream: str, cap: int, *, cap_field: str, thoughts: bool, asks_usage: bool = True
) -> bytes:
    """A body for the provider.

    Args:
        talk: what the client wants.
        upstream: the provider's name of the model.
        cap: the most output tokens.
        cap_field: the field that carries them.
        thoughts: the provider reads ``reasoning_content`` of earlier turns.
        asks_usage: whether a stream has to be asked for its usage.

    Raises:
        UntranslatableError: something that chat completions cannot say.
    """
    if talk.top_k is not None:
        raise UntranslatableError("top_k", "OpenAI's chat completions have no such field; leave it out.")
    body: dict[str, Any] = {
        "model": upstream,
        "messages": [
            message
            for at, turn in enumerate(talk.turns)
            for message in _messages(turn, f"messages[{at}]", thoughts=thoughts)
        ],
        cap_field: cap,
    }
    if talk.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {**_named(tool.name, tool.description, tool.strict), "parameters": tool.schema},
            }
            for tool in talk.tools
        ]
    wanted = (
        ("tool_choice", _choice(talk.tool_choice)),
        ("parallel_tool_calls", talk.parallel),
        ("temperature", talk.temperature),
        ("top_p", talk.top_p),
        ("frequency_penalty", talk.frequency_penalty),
        ("presence_penalty", talk.presence_penalty),
        ("seed", talk.seed),
        ("stop", talk.stop or None),
        ("response_format", _format(talk.shape)),
        ("reasoning_effort", _effort(talk)),
        ("user", talk.user or None),
    )
    body.update((name, value) for name, value in wanted if value is not None)
    if talk.stream:
        body["stream"] = True
        if asks_usage:
            body["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(body)


def _named(name: str, description: str, strict: bool | None) -> dict[str, Any]:
    fields = {"name": name, "description": description or None, "strict": strict}
    return {field: value for field, value in fields.items() if value is not None}


def _choice(choice: ToolChoice | None) -> str | dict[str, Any] | None:
    if choice is None:
        return None
    if choice.mode == "one":
        return {"type": "function", "function": {"name": choice.name}}
    return _MODES[choice.mode]


def _format(shape: Shape | None) -> dict[str, Any] | None:
    if shape is None:
        return None
    if shape.schema is None:
        return {"type": "json_object"}
    named = _named(shape.name or "answer", shape.description, shape.strict)
    return {"type": "json_schema", "json_schema": {**named, "schema": shape.schema}}


def _effort(talk: Talk) -> str | None:
    if talk.effort or talk.thinking_tokens is None:
        return talk.effort or None
    budget = talk.thinking_tokens
    return next((effort for most, effort in _BUDGETS if budget <= most), "high")


def _messages(turn: Turn, at: str, *, thoughts: bool) -> Iterator[dict[str, Any]]:
    if turn.role == "assistant":
        yield _assistant(turn.parts, at, thoughts=thoughts)
        return
    # An answer to a tool call follows the call at once, so what else the user says comes after it.
    rest = []
    for part in turn.parts:
        if isinstance(part, ToolResult):
            yield _result(part, at)
        else:
            rest.append(part)
    if rest or not turn.parts:
        yield {"role": turn.role, "content": _content(rest, at, Text | Image)}


def _result(result: ToolResult, at: str) -> dict[str, Any]:
    parts: list[Part] = list(result.parts)
    if result.is_error:  # chat completions have no flag for it, so it is said in words
        parts.insert(0, Text("The tool failed:"))
    return {"role": "tool", "tool_call_id": result.id, "content": _content(parts, at, Text)}


def _assistant(parts: Sequence[Part], at: str, *, thoughts: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    # Signed thinking is for the provider that signed it and no other could check it, so it stays out.
    thinking = [part.text for part in parts if isinstance(part, Thinking) and not part.signature]
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
        for part in parts
        if isinstance(part, ToolUse)
    ]
    said = [part for part in parts if not isinstance(part, Thinking | ToolUse)]
    message["content"] = _content(said, at, Text) if said or not calls else None
    if thinking and thoughts:
        message["reasoning_content"] = "".join(thinking)
    if calls:
        message["tool_calls"] = calls
    return message


def _content(parts: Sequence[Part], at: str, allowed: UnionType | type[Text]) -> str | list[dict[str, Any]]:
    """One text as a string, which every provider reads; else a list of parts."""
    for part in parts:
        if not isinstance(part, allowed):
            raise UntranslatableError(
                at, f"{type(part).__name__} cannot stand in this message of OpenAI's chat completions."
            )
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_part(part) for part in parts if isinstance(part, Text | Image)] or ""


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": part.url or f"data:{part.media};base64,{part.data}"}}
