"""Requests to providers that speak Anthropic's dialect, from a `Talk`.

Shapes: the Messages API reference and the types of Anthropic's own SDK (``message_create_params``); sampling
parameters as API version 2023-06-01 has them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.wire.anthropic_request import LEAST_BUDGET
from rechenwerk.wire.talk import (
    Image,
    Part,
    Talk,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    UntranslatableError,
)

_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_EFFORTS = MappingProxyType(
    {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}
)
"""Our words to Anthropic's, which has none below low."""
_Json = dict[str, Any]
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def write_creating(talk: Talk, upstream: str, cap: int) -> bytes:
    """The body for a provider.

    Args:
        talk: what the client wants.
        upstream: the provider's name of the model.
        cap: the most output tokens.

    Raises:
        UntranslatableError: something that this dialect cannot say.
    """
    _refuse(talk, cap)
    system, messages = _messages(talk.turns)
    body: _Json = {"model": upstream, "max_tokens": cap, "messages": messages}
    if system:
        body["system"] = system
    if talk.tools:
        body["tools"] = [_tool(tool) for tool in talk.tools]
    choice = _said_choice(talk)
    if choice:
        body["tool_choice"] = choice
    for name, value in (("temperature", talk.temperature), ("top_p", talk.top_p), ("top_k", talk.top_k)):
        if value is not None:
            body[name] = value
    if talk.stop:
        body["stop_sequences"] = talk.stop
    body.update(_thinking(talk))
    config = _config(talk)
    if config:
        body["output_config"] = config
    if talk.user:
        body["metadata"] = {"user_id": talk.user}
    if talk.stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _refuse(talk: Talk, cap: int) -> None:
    """What has no word here."""
    if talk.seed is not None:
        raise UntranslatableError("seed", "the model's provider knows no seed; leave it out.")
    for name, value in (
        ("frequency_penalty", talk.frequency_penalty),
        ("presence_penalty", talk.presence_penalty),
    ):
        if value:
            raise UntranslatableError(name, "the model's provider knows no penalties; leave it out.")
    if talk.temperature is not None and not 0 <= talk.temperature <= 1:
        raise UntranslatableError("temperature", "the model's provider takes 0 to 1.")
    if talk.shape is not None and talk.shape.schema is None:
        raise UntranslatableError(
            "response_format",
            "the model's provider wants a schema for JSON; give one, or ask for it in words.",
        )
    budget = talk.thinking_tokens
    if budget and talk.effort == "none":
        raise UntranslatableError("thinking", "a budget for thinking and no effort contradict each other.")
    if budget and not LEAST_BUDGET <= budget < cap:
        raise UntranslatableError(
            "thinking",
            f"a budget must be at least {LEAST_BUDGET} tokens and below the output's cap, here {cap}.",
        )


def _messages(turns: tuple[Turn, ...]) -> tuple[list[_Json], list[_Json]]:
    """Leading system turns, and all others: neighbours of one role become one, as the API does itself."""
    system: list[_Json] = []
    messages: list[_Json] = []
    for at, turn in enumerate(turns):
        blocks = _blocks(turn, f"messages[{at}]")
        if turn.role == "system":
            if messages:
                raise UntranslatableError(
                    f"messages[{at}]",
                    "the model's provider takes system messages at the beginning only; move it there.",
                )
            system += blocks
        elif messages and messages[-1]["role"] == turn.role:
            messages[-1]["content"] += blocks
        elif blocks:
            messages.append({"role": turn.role, "content": blocks})
    for message in messages:
        if message["role"] == "user":  # results must come before words
            message["content"].sort(key=lambda block: block["type"] != "tool_result")
    return system, messages


def _blocks(turn: Turn, path: str) -> list[_Json]:
    blocks = []
    for at, part in enumerate(turn.parts):
        block = _block(part, turn.role, f"{path}.content[{at}]")
        if block is not None:
            blocks.append(block)
    return blocks


def _block(part: Part, role: str, path: str) -> _Json | None:
    """One part; None for what the API would not take and nobody misses.

    Empty words are refused there. Thinking that carries no signature came from another provider's model: the
    API refuses it, and would not show it to the model.
    """
    if isinstance(part, Text):
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, Thinking):
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.signature}
        said: _Json = {"type": "thinking", "thinking": part.text, "signature": part.signature}
        return said if part.signature else None
    if isinstance(part, ToolUse):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments(part.arguments)}
    if isinstance(part, ToolResult):
        return _result(part, path)
    if role != "user":
        raise UntranslatableError(path, "the model's provider takes images from the user only.")
    return _picture(part, path)


def _result(result: ToolResult, path: str) -> _Json:
    block: _Json = {"type": "tool_result", "tool_use_id": result.id}
    shown = [
        _picture(one, f"{path}.content[{at}]")
        if isinstance(one, Image)
        else {"type": "text", "text": one.text}
        for at, one in enumerate(result.parts)
        if isinstance(one, Image) or one.text
    ]
    if shown:
        block["content"] = shown
    if result.is_error:
        block["is_error"] = True
    return block


def _picture(image: Image, path: str) -> _Json:
    if image.url:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    if image.media not in _PICTURES:
        raise UntranslatableError(path, "the model's provider takes JPEG, PNG, GIF and WebP images.")
    return {"type": "image", "source": {"type": "base64", "media_type": image.media, "data": image.data}}


def arguments(text: str) -> _Json:
    """A tool call's arguments as the object that the API wants.

    What a model spoilt is wrapped as Anthropic's guide to fine-grained tool streaming says, so that the
    conversation can go on.
    """
    try:
        return _object.decode(text or "{}")
    except (ValueError, RecursionError):
        return {"INVALID_JSON": text}


def _tool(tool: Tool) -> _Json:
    schema = tool.schema if "type" in tool.schema else {"type": "object", **tool.schema}
    said: _Json = {"name": tool.name, "input_schema": schema}
    if tool.description:
        said["description"] = tool.description
    if tool.strict is not None:
        said["strict"] = tool.strict
    return said


def _said_choice(talk: Talk) -> _Json | None:
    choice = talk.tool_choice
    if choice is None:
        if talk.parallel is None or not talk.tools:
            return None
        choice = ToolChoice("auto")
    said: _Json = {"type": "tool" if choice.mode == "one" else choice.mode}
    if choice.mode == "one":
        said["name"] = choice.name
    if talk.parallel is not None and choice.mode != "none":
        said["disable_parallel_tool_use"] = not talk.parallel
    return said


def _thinking(talk: Talk) -> _Json:
    if talk.thinking_tokens:
        return {"thinking": {"type": "enabled", "budget_tokens": talk.thinking_tokens}}
    if talk.thinking_tokens == 0 or talk.effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "adaptive"}} if talk.effort else {}


def _config(talk: Talk) -> _Json:
    config: _Json = {}
    if talk.effort in _EFFORTS:
        config["effort"] = _EFFORTS[talk.effort]
    if talk.shape is not None and talk.shape.schema is not None:
        schema = talk.shape.schema
        if talk.shape.description:
            schema = {"description": talk.shape.description, **schema}
        config["format"] = {"type": "json_schema", "schema": schema}
    return config
