"""Anthropic's dialect at both ends, where only the model's name changes; and the counting of tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from anthropic.types import MessageTokensCount
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from pydantic import TypeAdapter

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.anthropic import AnthropicIn, count_tokens_answer, count_tokens_request, read_peek
from rechenwerk.wire.openai import Request, Splice, splice
from rechenwerk.wire.talk import UntranslatableError

REQUEST = (Path(__file__).parent.parent / "golden" / "anthropic" / "request.json").read_bytes()
COUNTING: TypeAdapter[Any] = TypeAdapter(MessageCountTokensParams)


def body(**fields: Any) -> bytes:
    said = {"model": "m", "max_tokens": 9, "messages": [], **fields}
    return json.dumps({name: value for name, value in said.items() if value is not ...}).encode()


def test_tokens_are_counted_for_the_same_talk() -> None:
    asked = json.loads(REQUEST)
    steering = {
        "max_tokens", "stream", "metadata", "stop_sequences", "service_tier", "diagnostics", "container",
        "inference_geo", "temperature", "top_p", "top_k",
    }  # fmt: skip
    counting = {name: value for name, value in asked.items() if name not in steering}
    COUNTING.validate_python(counting)
    assert count_tokens_request(msgspec.json.encode(counting)) == msgspec.structs.replace(
        AnthropicIn().read(REQUEST),
        max_tokens=None, temperature=None, top_p=None, top_k=None, stop=(), user="", stream=False,
    )  # fmt: skip
    with pytest.raises(UntranslatableError, match="max_tokens: is not known"):
        count_tokens_request(body())
    assert MessageTokensCount.model_validate_json(count_tokens_answer(14), strict=True).input_tokens == 14


def test_a_body_that_is_passed_through_changes_its_model_only() -> None:
    peeked = read_peek(REQUEST)
    assert isinstance(peeked, Request)
    assert (peeked.model, peeked.stream, peeked.max_tokens) == ("claude-opus-5", True, 4096)
    assert splice(REQUEST, peeked, Splice("up")) == REQUEST.replace(b'"claude-opus-5"', b'"up"')
    assert splice(REQUEST, peeked, Splice("claude-opus-5")) is REQUEST


@pytest.mark.parametrize(
    ("peeked", "param", "message"),
    [
        (body(max_tokens=...), "max_tokens", "add max_tokens"),
        (body(max_tokens=0), "max_tokens", "at least 1"),
        (body(model=...), "model", "name a model"),
        (body(stream="yes"), "stream", "Invalid value"),
        (b'{"max_tokens":5,' + body()[1:], "max_tokens", "stands twice"),
        (b'{"mod\\u0065l":"x",' + body()[1:], "model", "stands twice"),
        (b"{", None, "not valid JSON"),
    ],
)
def test_a_body_that_cannot_be_passed_through_is_refused(
    peeked: bytes, param: str | None, message: str
) -> None:
    refused = read_peek(peeked)
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.param) == (400, param)
    assert message in refused.message
