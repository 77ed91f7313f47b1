"""What clients of each dialect ask for and see: a plain body, the words of an answer, how a stream ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Literal

from tests.caller import CHAT, MODEL, Reply

Spoken = Literal["chat", "messages", "responses"]
SPOKEN: tuple[Spoken, ...] = ("chat", "messages", "responses")
PATHS = MappingProxyType({"chat": CHAT, "messages": "/v1/messages", "responses": "/v1/responses"})
_LAST = MappingProxyType({"messages": ("message_stop",), "responses": ("response.completed",)})
_FAILED = MappingProxyType({"messages": ("error",), "responses": ("error", "response.failed")})


def body_of(spoken: Spoken, text: str, tokens: int, *, stream: bool) -> dict[str, Any]:
    """A question in a dialect."""
    if spoken == "responses":
        asked = {"input": text, "max_output_tokens": tokens, "store": False}
    else:
        asked = {"messages": [{"role": "user", "content": text}], "max_tokens": tokens}
    return {"model": MODEL, "stream": stream, **asked}


def is_stream(reply: Reply) -> bool:
    """Whether the answer came as events."""
    return reply.headers.get("content-type", "").startswith("text/event-stream")


def events(reply: Reply) -> list[tuple[str, Any]]:
    """Name and data of a stream's events; the name is empty where the dialect has none."""
    found = []
    for block in reply.body.replace(b"\r\n", b"\n").split(b"\n\n"):
        name, data = "", None
        for line in block.split(b"\n"):
            if line.startswith(b"event:"):
                name = line[6:].strip().decode()
            elif line.startswith(b"data:"):
                data = _read(line[5:].strip())
        if data is not None:
            found.append((name, data))
    return found


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def how(spoken: Spoken, reply: Reply) -> Literal["whole", "error", "cut"]:
    """How an answer with status 200 ended: whole, with the dialect's own error event, or without any end."""
    if not is_stream(reply):
        return "whole" if reply.whole and said(spoken, reply) is not None else "cut"
    seen = events(reply)
    name, last = seen[-1] if seen else ("", None)
    if not reply.whole or last is None:
        return "cut"
    if spoken == "chat":
        if last == "[DONE]":
            return "whole"
        return "error" if isinstance(last, dict) and "message" in (last.get("error") or ()) else "cut"
    if not isinstance(last, dict) or last.get("type") != name:
        return "cut"
    return "whole" if name in _LAST[spoken] else "error" if name in _FAILED[spoken] else "cut"


def said(spoken: Spoken, reply: Reply) -> str | None:
    """The words of an answer; None where it is not readable as one."""
    if is_stream(reply):
        return "".join(_pieces(spoken, reply))
    try:
        body = json.loads(reply.body)
        match spoken:
            case "chat":
                text = body["choices"][0]["message"]["content"]
            case "messages":
                text = "".join(part["text"] for part in body["content"])
            case "responses":
                text = "".join(part["text"] for item in body["output"] for part in item["content"])
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return str(text)


def _pieces(spoken: Spoken, reply: Reply) -> Iterator[str]:
    for name, data in events(reply):
        if not isinstance(data, dict):
            continue
        if spoken == "chat":
            yield from (choice["delta"].get("content") or "" for choice in data.get("choices", ()))
        elif name == "content_block_delta":
            yield data["delta"].get("text", "")
        elif name == "response.output_text.delta":
            yield data["delta"]


def words(number: int) -> str:
    """What a fake says in so many tokens."""
    return " ".join(f"word{place}" for place in range(number))
