"""A whole chat completion of OpenAI's as the events of a stream: for models that answer in one piece."""

from __future__ import annotations

from typing import Any

import msgspec


def as_stream(completion: dict[str, Any], *, usage: bool) -> bytes:
    """A whole completion as server-sent events: per choice one delta and one end, then the usage if asked."""
    head: dict[str, Any] = {key: completion[key] for key in ("id", "created", "model") if key in completion}
    head["object"] = "chat.completion.chunk"
    chunks = []
    for choice in completion["choices"]:
        delta = dict(choice["message"])
        if "tool_calls" in delta:
            delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
        index = choice["index"]
        chunks.append({"choices": [{"index": index, "delta": delta, "finish_reason": None}]})
        chunks.append({"choices": [{"index": index, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if usage:
        chunks.append({"choices": [], "usage": completion["usage"]})
    events = [b"data: " + msgspec.json.encode(head | chunk) + b"\n\n" for chunk in chunks]
    return b"".join([*events, b"data: [DONE]\n\n"])
