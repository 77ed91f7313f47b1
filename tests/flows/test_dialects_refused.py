"""What no provider can be told, and what providers say no to: each in its client's own exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import anthropic
import openai
import pytest

from tests import postgres
from tests.flows.dialect_site import KINDS, Babel, model, running_babel
from tests.flows.speakers import SPEAKERS, TOOLS, Question, speaker

CHAT_TOOLS: Any = [
    {"type": "function", "function": {"name": "get_time", "parameters": dict(TOOLS["get_time"])}}
]
TOOLS_OF_OURS: Any = [{"name": "get_time", "input_schema": dict(TOOLS["get_time"])}]
RESPONSE_TOOLS: Any = [{"type": "function", "name": "get_time", "parameters": dict(TOOLS["get_time"])}]
JSON_OBJECT: Any = {"type": "json_object"}
PDF: Any = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
}
LINKED: Any = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
SINGLE = "disable_parallel_tool_use"
ONE_BY_ONE: Any = {"type": "auto", SINGLE: True}
BUDGET: Any = {"type": "enabled", "budget_tokens": 1024}
LOW: Any = {"effort": "low"}
LONG: Any = {"max_tokens": 2048}
LINKED_PART: Any = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
SEARCH: Any = {"type": "web_search_20250305", "name": "web_search"}


def told(*content: Any, role: str = "user") -> list[Any]:
    """A conversation of one message."""
    return [{"role": role, "content": list(content)}]


UNTRANSLATABLE: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    # client, kind, fields of the body, the field that is named
    ("chat", "anthropic", {"seed": 7}, "seed"),
    ("chat", "anthropic", {"n": 2}, "n"),
    ("chat", "anthropic", {"logprobs": True}, "logprobs"),
    ("chat", "anthropic", {"logit_bias": {"1": 5}}, "logit_bias"),
    ("chat", "anthropic", {"frequency_penalty": 0.5}, "frequency_penalty"),
    ("chat", "anthropic", {"presence_penalty": 0.5}, "presence_penalty"),
    ("chat", "anthropic", {"temperature": 1.5}, "temperature"),
    ("chat", "anthropic", {"response_format": JSON_OBJECT}, "response_format"),
    ("chat", "anthropic", {"of_tomorrow": 1}, "of_tomorrow"),
    ("chat", "anthropic", {"messages": told({"type": "input_audio"})}, "messages[0].content[0]"),
    ("chat", "gemini", {"n": 2}, "n"),
    ("chat", "gemini", {"of_tomorrow": 1}, "of_tomorrow"),
    ("chat", "gemini", {"tools": CHAT_TOOLS, "parallel_tool_calls": False}, "parallel_tool_calls"),
    ("chat", "gemini", {"reasoning_effort": "xhigh"}, "reasoning_effort"),
    ("chat", "bedrock", {"seed": 7}, "seed"),
    ("chat", "bedrock", {"frequency_penalty": 0.5}, "frequency_penalty"),
    ("chat", "bedrock", {"response_format": JSON_OBJECT}, "response_format"),
    ("chat", "bedrock", {"tools": CHAT_TOOLS, "parallel_tool_calls": False}, "parallel_tool_calls"),
    ("chat", "bedrock", {"messages": told(LINKED_PART)}, "messages[0].content[0]"),
    ("messages", "openai-compatible", {"top_k": 5}, "top_k"),
    ("messages", "openai-compatible", {"of_tomorrow": 1}, "of_tomorrow"),
    ("messages", "openai-compatible", {"tools": [SEARCH]}, "tools[0].type"),
    ("messages", "openai-compatible", {"messages": told(PDF)}, "messages[0].content[0]"),
    ("messages", "openai-compatible", {"container": "c_1"}, "container"),
    ("messages", "gemini", {"of_tomorrow": 1}, "of_tomorrow"),
    ("messages", "gemini", {"tools": [SEARCH]}, "tools[0].type"),
    ("messages", "bedrock", {"messages": told(LINKED)}, "messages[0].content[0]"),
    ("messages", "bedrock", {"inference_geo": "eu"}, "inference_geo"),
    ("messages", "gemini", {"tools": TOOLS_OF_OURS, "tool_choice": ONE_BY_ONE}, f"tool_choice.{SINGLE}"),
    ("messages", "bedrock", {"tools": TOOLS_OF_OURS, "tool_choice": ONE_BY_ONE}, f"tool_choice.{SINGLE}"),
    ("messages", "gemini", {"thinking": BUDGET, "output_config": LOW, **LONG}, "output_config.effort"),
    ("responses", "openai-compatible", {"stop": ["x"]}, "stop"),
    ("responses", "openai-compatible", {"background": True}, "background"),
    ("responses", "openai-compatible", {"truncation": "auto"}, "truncation"),
    ("responses", "openai-compatible", {"max_tool_calls": 1}, "max_tool_calls"),
    ("responses", "anthropic", {"of_tomorrow": 1}, "of_tomorrow"),
    ("responses", "anthropic", {"conversation": "conv_1"}, "conversation"),
    ("responses", "gemini", {"tools": RESPONSE_TOOLS, "parallel_tool_calls": False}, "parallel_tool_calls"),
    ("responses", "anthropic", {"text": {"format": JSON_OBJECT}}, "text.format"),
    ("responses", "bedrock", {"text": {"format": JSON_OBJECT}}, "text.format"),
    ("responses", "gemini", {"reasoning": {"effort": "xhigh"}}, "reasoning.effort"),
    ("responses", "gemini", {"include": ["web_search_call.results"]}, "include[0]"),
    ("responses", "bedrock", {"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
    ("responses", "bedrock", {"tools": [{"type": "web_search"}]}, "tools[0]"),
)
OURS_ALONE = frozenset({"background", "conversation"})
"""No provider is ever asked for these, whatever it speaks: conversations are kept here."""


@pytest.fixture(scope="module")
def babel(server: postgres.Server) -> Iterator[Babel]:
    with running_babel(server) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("client", "kind", "fields", "named"),
    UNTRANSLATABLE,
    ids=[f"{client}-{kind}-{'-'.join(fields)}" for client, kind, fields, _ in UNTRANSLATABLE],
)
def test_what_cannot_be_said_is_named(
    babel: Babel, client: str, kind: str, fields: dict[str, Any], named: str, *, stream: bool
) -> None:
    babel.turn()
    tenant = babel.cloud.tenant(f"{client} {kind} {named} {stream} {sorted(fields)}")
    body = {**SPEAKERS[client].body(None, Question(), None, None), **fields, "model": model(kind)}
    path = {"chat": "/chat/completions", "messages": "/v1/messages", "responses": "/responses"}[client]
    with speaker(client, babel.cloud.address, tenant.key) as speaking:
        error: Any
        with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as caught:
            # Past the SDK's own checks: it knows no fields of tomorrow.
            speaking.client.post(path, body={**body, "stream": stream}, cast_to=object)
        error = caught.value
    if client == "messages":
        assert error.type == "invalid_request_error"
        assert error.body["error"]["details"] == {"error_code": "unsupported_parameter"}
        assert error.body["error"]["message"].startswith(f"{named}"), error.body
    else:
        assert error.type == "invalid_request_error"
        assert error.code == (None if named in OURS_ALONE else "unsupported_parameter")
        assert error.param == named or error.param.startswith(f"{named}."), error.param
        assert named in error.body["message"]
    assert not babel.fake.requests, "nothing left"
    assert babel.cloud.calls(tenant, 0) == []


@pytest.mark.parametrize("client", ["chat", "messages"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_stop_sequence(babel: Babel, client: str, kind: str, *, stream: bool) -> None:
    babel.turn()
    tenant = babel.cloud.tenant(f"{client} {kind} stop {stream}")
    with speaker(client, babel.cloud.address, tenant.key) as speaking:
        heard = speaking.ask(model(kind), Question(stop=" word4"), stream=stream)
    assert (heard.text, heard.ended) == ("word0 word1 word2 word3", "stop")
    (call,) = babel.booked(tenant)
    assert call["output"] == 4


# -- a provider's errors ------------------------------------------------------------------------------

OURS: MappingProxyType[int, tuple[int, str, str]] = MappingProxyType(
    {
        # The provider's status: ours, the class of OpenAI's SDK, the class of Anthropic's.
        400: (400, "BadRequestError", "BadRequestError"),
        401: (502, "InternalServerError", "InternalServerError"),
        403: (502, "InternalServerError", "InternalServerError"),
        404: (404, "NotFoundError", "NotFoundError"),
        429: (429, "RateLimitError", "RateLimitError"),
        500: (500, "InternalServerError", "InternalServerError"),
        503: (503, "InternalServerError", "ServiceUnavailableError"),
        529: (529, "InternalServerError", "OverloadedError"),
    }
)


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_providers_error(babel: Babel, client: str, kind: str, *, stream: bool) -> None:
    tenant = babel.cloud.tenant(f"{client} {kind} errors {stream}")
    with speaker(client, babel.cloud.address, tenant.key) as speaking:
        for status, (ours, openais, anthropics) in OURS.items():
            babel.turn(status=status, retry_after=7)
            with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
                speaking.ask(model(kind), Question(), stream=stream)
            error: Any = caught.value
            assert type(error).__name__ == (anthropics if client == "messages" else openais)
            assert error.status_code == ours, status
            if status in {401, 403}:  # the installation's credentials are not the client's business
                assert "operator" in error.message
                assert "retry-after" not in error.response.headers
            else:
                assert f"told to answer {status}" in error.message
                assert error.response.headers["retry-after"] == "7"
            assert len(babel.fake.requests) == 1
    calls = babel.cloud.calls(tenant, len(OURS))
    for call, (ours, _, _) in zip(calls, OURS.values(), strict=True):
        assert (call["status"], call["outcome"], call["price"], call["cost"]) == (ours, "void", 0, 0)


@pytest.mark.parametrize("client", SPEAKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_fails_in_its_middle(babel: Babel, client: str, kind: str) -> None:
    """The SDK raises what its dialect has for that, and the tokens that were made are booked."""
    babel.turn(error_event_mid_stream=6)
    tenant = babel.cloud.tenant(f"{client} {kind} breaks")
    with speaker(client, babel.cloud.address, tenant.key) as speaking:
        if client == "responses":
            with speaking.client.responses.stream(model=model(kind), input="What is it?") as events:
                last = list(events)[-1]
            assert (last.type, last.response.status) == ("response.failed", "failed")
            assert last.response.error.code == "server_error"
        else:
            with pytest.raises((openai.APIError, anthropic.APIStatusError)):
                speaking.ask(model(kind), Question(), stream=True)
    (call,) = babel.cloud.calls(tenant, 1)
    assert call["outcome"] in {"unresolved", "failed"}
    assert call["output"] > 0
    assert call["cost"] > 0
