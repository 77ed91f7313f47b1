"""Where a turn of a `Talk` stands in the client's own body: for refusals, which name a field."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_TURN = re.compile(r"messages\[(\d+)\](.*)", re.DOTALL)


def client_field(field: str, body: bytes) -> str:
    """The field as the client wrote it, from one that counts the turns of a `Talk`.

    The dialect shows in the body: Responses have ``input``, only Anthropic has ``system`` beside
    ``messages``, and only chats have messages of the role ``tool``. Results of tools in a row are one turn,
    and so are items of the assistant.

    Args:
        field: such as ``messages[3].content[0]``.
        body: of the client; it has been read before.
    """
    found = _TURN.fullmatch(field)
    if found is None:
        return field
    asked: dict[str, Any] = msgspec.json.decode(body)
    places = _of_items(asked) if "input" in asked else _of_messages(asked)
    at = int(found[1])
    return places[at] + found[2] if at < len(places) else field


def _of_messages(asked: dict[str, Any]) -> list[str]:
    places = ["system"] if asked.get("system") else []
    before = ""
    for at, message in enumerate(asked["messages"]):
        if message["role"] != "tool" or before != "tool":
            places.append(f"messages[{at}]")
        before = message["role"]
    return places


def _of_items(asked: dict[str, Any]) -> list[str]:
    places = ["instructions"] if asked.get("instructions") else []
    if isinstance(asked["input"], str):
        return [*places, "input"]
    before = ""
    for at, item in enumerate(asked["input"]):
        if item.get("type") == "function_call_output":
            group = "results"
        elif item.get("type") in {"function_call", "reasoning"} or item.get("role") == "assistant":
            group = "assistant"
        else:
            group = ""
        if not group or group != before:
            places.append(f"input[{at}]")
        before = group
    return places
