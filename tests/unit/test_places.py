"""Refusals name the field that the client wrote."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rechenwerk.wire.places import client_field

CHAT = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "tool_calls": []},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "user", "content": "v"},
    ]
}
MESSAGES = {
    "system": "s",
    "messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}],
}
ITEMS = {
    "instructions": "s",
    "input": [
        {"role": "user", "content": "u"},
        {"type": "reasoning"},
        {"type": "function_call"},
        {"type": "function_call_output"},
        {"type": "function_call_output"},
        {"type": "message", "role": "user", "content": "v"},
        {"role": "user", "content": "w"},
    ],
}


@pytest.mark.parametrize(
    ("body", "field", "named"),
    [
        (CHAT, "messages[1].content[0]", "messages[1].content[0]"),
        (CHAT, "messages[3]", "messages[3]"),
        (CHAT, "messages[4]", "messages[5]"),
        (CHAT, "top_k", "top_k"),
        (MESSAGES, "messages[0]", "system"),
        (MESSAGES, "messages[2].content[1]", "messages[1].content[1]"),
        (ITEMS, "messages[0]", "instructions"),
        (ITEMS, "messages[1]", "input[0]"),
        (ITEMS, "messages[2]", "input[1]"),
        (ITEMS, "messages[3]", "input[3]"),
        (ITEMS, "messages[4]", "input[5]"),
        (ITEMS, "messages[5].content", "input[6].content"),
        ({"input": "u"}, "messages[0]", "input"),
        (MESSAGES, "messages[9]", "messages[9]"),
    ],
)
def test_a_field_is_named_as_the_client_wrote_it(body: dict[str, Any], field: str, named: str) -> None:
    assert client_field(field, msgspec.json.encode(body)) == named
