"""The official Anthropic SDK: byte for byte to Anthropic's own dialect, and before llama.cpp and LiteLLM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from rechenwerk.base.ids import encode_call
from rechenwerk.providers.embedded_child import Embedded
from tests import postgres
from tests.flows.cloud import EMBEDDED_CONFIG, Cloud, running_cloud, runtime_of, tokens_of
from tests.flows.dialect_site import UPSTREAMS, Babel, model, running_babel
from tests.installation import Tenant

ASK: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
CLAUDE = model("anthropic")
MESSAGES = "/v1/messages"


@pytest.fixture(scope="module")
def babel(server: postgres.Server) -> Iterator[Babel]:
    with running_babel(server) as running:
        yield running


@pytest.fixture
def tenant(babel: Babel, request: pytest.FixtureRequest) -> Tenant:
    babel.turn()
    return babel.cloud.tenant(request.node.name)


@pytest.fixture
def client(babel: Babel, tenant: Tenant) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=babel.cloud.address, api_key=tenant.key, max_retries=0) as client:
        yield client


# -- the same dialect at both ends --------------------------------------------------------------------

ODD = b"""{ "model" :"over-anthropic",\t"max_tokens":6 , "metadata":{"user_id":"u\\u00e9"},
 "messages":[{"role":"user","content":[{"type":"text","text":"caf\\u00e9 \xc3\xa9 \\/ 1.50e1",
 "cache_control":{"type":"ephemeral","ttl":"1h"},"of_tomorrow":1.0}]}],
 "of_tomorrow": [1, 2.50, {"model":"over-anthropic"}]%s}"""
"""White space, escapes, numbers and unknown fields as nobody would write them."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_bytes_pass_in_both_directions(babel: Babel, tenant: Tenant, *, stream: bool) -> None:
    asked = ODD % (b', "stream" : true' if stream else b"")
    headers = {
        "x-api-key": tenant.key,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "fine-grained-tool-streaming-2025-05-14,other-2026-01-01",
        "content-type": "application/json",
    }
    with httpx2.Client(base_url=babel.cloud.address) as raw:
        answer = raw.post(MESSAGES, content=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    (seen,) = babel.fake.requests
    assert seen.target == MESSAGES
    first, rest = asked.split(b"over-anthropic", 1)
    assert seen.raw == first + UPSTREAMS["anthropic"].encode() + rest, "only the model's name is another"
    for name in ("anthropic-version", "anthropic-beta"):
        assert seen.headers[name] == headers[name]
        assert [one.lower() for one, _ in seen.raw_headers].count(name.encode()) == 1
    assert tenant.key not in str(seen.headers)
    # The fake makes the same answer again for who asks it directly, but for its id.
    (call,) = babel.booked(tenant)
    record = babel.fake.produced.find(encode_call(call["id"]))
    own = {**headers, "x-api-key": babel.fake.knobs.require_key or ""}
    with httpx2.Client(base_url=babel.fake.url) as raw:
        direct = raw.post(MESSAGES, content=seen.raw, headers=own).content
    again = babel.fake.produced.records[-1].answer_id.encode()
    assert answer.content == direct.replace(again, record.answer_id.encode())
    assert (b"event: message_stop" in answer.content) is stream


def test_the_version_is_passed_on(babel: Babel, client: anthropic.Anthropic) -> None:
    old = {"anthropic-version": "2023-01-01"}
    client.messages.create(model=CLAUDE, max_tokens=3, messages=ASK, extra_headers=old)
    assert babel.fake.requests[-1].headers["anthropic-version"] == "2023-01-01"
    client.messages.create(model=CLAUDE, max_tokens=3, messages=ASK)
    assert babel.fake.requests[-1].headers["anthropic-version"] == client.default_headers["anthropic-version"]
    assert "anthropic-beta" not in babel.fake.requests[-1].headers


def test_the_beta_client(babel: Babel, tenant: Tenant, client: anthropic.Anthropic) -> None:
    """It asks ``/v1/messages?beta=true`` with its betas in a header."""
    betas: Any = ["context-management-2025-06-27"]
    answer = client.beta.messages.create(model=CLAUDE, max_tokens=3, messages=ASK, betas=betas)
    assert answer.usage.output_tokens == 3
    assert babel.fake.requests[-1].headers["anthropic-beta"] == betas[0]
    babel.booked(tenant)


def test_the_stream_helper(babel: Babel, tenant: Tenant, client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=CLAUDE, max_tokens=6, messages=ASK) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert kinds.count("text") == 6, "a word each"
    assert stream.request_id is not None
    assert stream.request_id.startswith("call_")
    assert answer.usage.output_tokens == 6
    babel.booked(tenant)


@pytest.mark.parametrize("over", ["openai-compatible", "gemini", "bedrock"])
def test_the_stream_helper_over_others(babel: Babel, over: str, tenant: Tenant, client: Any) -> None:
    with client.messages.stream(model=model(over), max_tokens=6, messages=ASK) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_message()
    words = ["content_block_delta", "text"] * 6
    assert kinds == [
        *("message_start", "content_block_start", *words),
        *("content_block_stop", "message_delta", "message_stop"),
    ]
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 6)
    babel.booked(tenant)


# -- counting -----------------------------------------------------------------------------------------


def test_tokens_are_counted_where_the_provider_can(
    babel: Babel, tenant: Tenant, client: anthropic.Anthropic
) -> None:
    counted = client.messages.count_tokens(model=CLAUDE, messages=ASK, system="Be brief.")
    (seen,) = babel.fake.requests
    assert seen.target == "/v1/messages/count_tokens"
    assert seen.body["model"] == UPSTREAMS["anthropic"]
    assert counted.input_tokens == 6 + 3 + 2 + 3
    (call,) = babel.cloud.calls(tenant, 1)
    assert (call["outcome"], call["price"], call["cost"]) == ("posted", 0, 0)


@pytest.mark.parametrize("over", ["openai-compatible", "gemini", "bedrock"])
def test_tokens_are_estimated_where_it_cannot(babel: Babel, over: str, tenant: Tenant, client: Any) -> None:
    counted = client.messages.count_tokens(model=model(over), messages=ASK)
    assert 0 < counted.input_tokens < 200
    assert not babel.fake.requests, "nothing leaves"
    (call,) = babel.cloud.calls(tenant, 1)
    assert (call["outcome"], call["price"], call["cost"]) == ("posted", 0, 0)


# -- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["api_key", "auth_token"])
def test_keys_through_both_headers(babel: Babel, tenant: Tenant, field: str) -> None:
    """As ``x-api-key``, and as ``Authorization: Bearer``."""
    for key, good in ((tenant.key, True), ("rw-wrong", False)):
        keys: dict[str, Any] = {"api_key": None, "auth_token": None, field: key}
        with anthropic.Anthropic(base_url=babel.cloud.address, max_retries=0, **keys) as client:
            if good:
                assert client.messages.create(model=CLAUDE, max_tokens=3, messages=ASK).content
                continue
            with pytest.raises(anthropic.AuthenticationError) as caught:
                client.messages.create(model=CLAUDE, max_tokens=3, messages=ASK)
    error = caught.value
    assert error.type == "authentication_error"
    assert error.request_id is not None
    assert "ask whoever gave it to you" in error.message
    babel.booked(tenant)


def test_a_model_that_does_not_exist(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="claude-99", max_tokens=3, messages=ASK)
    assert caught.value.type == "not_found_error"
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="claude-99", messages=ASK)


@pytest.mark.parametrize("over", ["anthropic", "openai-compatible"])
def test_bodies_that_are_wrong(client: anthropic.Anthropic, over: str) -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
    )
    for fields, named in wrong:
        body = {"model": model(over), "max_tokens": 3, "messages": ASK, **fields}
        with pytest.raises(anthropic.BadRequestError) as caught:
            client.post(MESSAGES, body=body, cast_to=object)
        assert caught.value.type == "invalid_request_error"
        assert named in caught.value.message
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.post(MESSAGES, body={"model": model(over), "messages": ASK}, cast_to=object)
    assert "max_tokens" in caught.value.message


def test_errors_of_the_provider_keep_their_words(babel: Babel, client: anthropic.Anthropic) -> None:
    babel.turn(status=529)
    with pytest.raises(anthropic.OverloadedError) as caught:
        client.messages.create(model=CLAUDE, max_tokens=3, messages=ASK)
    assert caught.value.type == "overloaded_error"
    assert "told to answer 529" in caught.value.message


@pytest.mark.parametrize("over", ["anthropic", "openai-compatible", "gemini", "bedrock"])
def test_a_client_that_leaves_in_the_middle_is_booked(
    babel: Babel, over: str, tenant: Tenant, client: Any
) -> None:
    """The answer is read to its end for its usage: what was made is what is booked."""
    babel.turn(pace_ms=5)
    with client.messages.stream(model=model(over), max_tokens=15, messages=ASK) as stream:
        for event in stream:
            if event.type == "text":
                break
    (call,) = babel.booked(tenant)
    assert tokens_of(call) == (9, 15)


# -- the real llama.cpp -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama(server: postgres.Server, embedded: Embedded) -> Iterator[Cloud]:
    with running_cloud(server.fresh_sync(), EMBEDDED_CONFIG, runtime_of(embedded)) as cloud:
        yield cloud


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_llama_cpp(llama: Cloud, *, stream: bool) -> None:
    tenant = llama.tenant(f"llama {stream}")
    body: Any = {
        "model": "smollm2-135m",
        "max_tokens": 8,
        "system": "You are brief.",
        "messages": ASK,
        "extra_body": {"temperature": 0},
    }
    with anthropic.Anthropic(base_url=llama.address, api_key=tenant.key, max_retries=0) as client:
        if stream:
            with client.messages.stream(**body) as events:
                answer = events.get_final_message()
        else:
            answer = client.messages.create(**body)
    (block,) = answer.content
    assert block.type == "text"
    assert block.text
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 8)
    (call,) = llama.calls(tenant, 1)
    usage = answer.usage
    assert (call["outcome"], call["usage_source"]) == ("posted", "reported")
    assert tokens_of(call) == (usage.input_tokens + (usage.cache_read_input_tokens or 0), 8)
    assert call["price"] > 0
    assert json.loads(call["raw_usage"])["completion_tokens"] == 8


def test_llama_cpp_calls_a_tool(llama: Cloud) -> None:
    tenant = llama.tenant("llama tool")
    city = {"type": "string", "enum": ["Paris", "Rome"]}
    schema: Any = {"type": "object", "properties": {"city": city}, "required": ["city"]}
    with anthropic.Anthropic(base_url=llama.address, api_key=tenant.key, max_retries=0) as client:
        answer = client.messages.create(
            model="smollm2-135m",
            max_tokens=60,
            messages=ASK,
            tools=[{"name": "get_weather", "description": "Weather of a city", "input_schema": schema}],
            tool_choice={"type": "any"},
        )
    (block,) = answer.content
    assert block.type == "tool_use"
    assert block.input["city"] in {"Paris", "Rome"}
    assert answer.stop_reason == "tool_use"
    (call,) = llama.calls(tenant, 1)
    assert tokens_of(call)[1] == answer.usage.output_tokens


def test_llama_cpp_counts(llama: Cloud, embedded: Embedded) -> None:
    """With the model's own tokenizer; what its template adds to the words is not in the number."""
    tenant = llama.tenant("llama counts")
    reply = httpx2.post(f"{embedded.chat_url}/tokenize", json={"content": ASK[0]["content"]})
    with anthropic.Anthropic(base_url=llama.address, api_key=tenant.key, max_retries=0) as client:
        counted = client.messages.count_tokens(model="smollm2-135m", messages=ASK)
    assert counted.input_tokens == len(reply.json()["tokens"])
    (call,) = llama.calls(tenant, 1)
    assert (call["outcome"], call["price"]) == ("posted", 0)
