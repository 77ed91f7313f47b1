"""Anthropic's dialect: errors, and the official SDK as a client of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from anthropic import Anthropic, APIStatusError
from anthropic.types import ErrorResponse

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.anthropic import AnthropicIn, AnthropicOut
from rechenwerk.wire.talk import Failed, Talk
from tests.unit.anthropic_golden import HEAD, STREAMS, WHOLE, accumulated, heard, read, write

# -- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_our_errors(status: int, kind: str) -> None:
    refusal = Refusal(status, "x", "some_code", "Wrong.")
    parsed = ErrorResponse.model_validate_json(AnthropicIn().error(refusal), strict=True)
    assert (parsed.type, parsed.error.type, parsed.error.message) == ("error", kind, "Wrong.")
    again = AnthropicOut().error(status, AnthropicIn().error(refusal))
    assert (again.status, again.code, again.message) == (status, "some_code", "Wrong.")


def test_a_body_that_is_too_large_has_a_type_of_its_own() -> None:
    error = json.loads(AnthropicIn().error(Refusal(413, "x", None, "Too large.")))
    assert error == {"type": "error", "error": {"type": "request_too_large", "message": "Too large."}}


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (
            529,
            b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}',
            Refusal(529, "server_error", "overloaded", "Overloaded"),
        ),
        (
            401,
            b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
            Refusal(401, "invalid_request_error", "invalid_api_key", "invalid x-api-key"),
        ),
        (
            400,
            b'{"type":"error","error":{"type":"new_error","message":"m","details":{"error_code":"c"}}}',
            Refusal(400, "invalid_request_error", "c", "m"),
        ),
        (500, b'{"error":"boom"}', Refusal(500, "server_error", None, "boom")),
        (502, b"<h1>Bad Gateway</h1>", Refusal(502, "server_error", None, "<h1>Bad Gateway</h1>")),
    ],
)
def test_errors_of_providers(status: int, body: bytes, refusal: Refusal) -> None:
    assert AnthropicOut().error(status, body) == refusal


def test_an_error_in_a_stream_that_says_nothing() -> None:
    [failed] = read([b'event: error\ndata: {"type":"error"}\n\n'])
    assert isinstance(failed, Failed)
    assert failed.refusal.status == 502


# -- the SDK, whole ----------------------------------------------------------------------------------


def client(answer: Callable[[httpx2.Request], httpx2.Response]) -> Anthropic:
    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return Anthropic(
        api_key="k", base_url="http://house", http_client=transport, max_retries=0,
        _strict_response_validation=True,
    )  # fmt: skip


ASK: dict[str, Any] = {
    "model": "m",
    "max_tokens": 64,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Hi"}],
}


def test_the_sdk_talks_and_goes_on_talking() -> None:
    """A stream, a whole answer, and a second request that holds the first answer."""
    talks: list[Talk] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        talk = AnthropicIn().read(request.content)
        talks.append(talk)
        if talk.stream:
            kind = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=kind, content=write(STREAMS["thinking"]))
        return httpx2.Response(200, json=json.loads(AnthropicIn().answer(HEAD, WHOLE)))

    with client(answer) as house:
        with house.messages.stream(**ASK) as stream:
            streamed = stream.get_final_message()
        second = [*ASK["messages"], streamed.to_param(), {"role": "user", "content": "And?"}]
        whole = house.messages.create(**{**ASK, "messages": second})
    assert heard(streamed.model_dump_json()) == accumulated(write(STREAMS["thinking"]))
    assert heard(whole.model_dump_json()) == heard(AnthropicIn().answer(HEAD, WHOLE))
    assert [len(talk.turns) for talk in talks] == [2, 4]
    assert [type(part).__name__ for part in talks[1].turns[2].parts] == ["Thinking", "Thinking", "Text"]


def test_the_sdk_reads_our_errors() -> None:
    refusal = Refusal(429, "insufficient_quota", "insufficient_quota", "No money left.")

    def whole(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(refusal.status, json=json.loads(AnthropicIn().error(refusal)))

    def stream(request: httpx2.Request) -> httpx2.Response:
        kind = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=kind, content=AnthropicIn().error_event(refusal))

    for answer in (whole, stream):
        with (
            client(answer) as house,
            pytest.raises(APIStatusError) as caught,
            house.messages.stream(**ASK) as it,
        ):
            it.get_final_message()
        assert (caught.value.type, caught.value.error_code) == ("rate_limit_error", "insufficient_quota")
