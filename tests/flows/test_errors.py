"""Every error class of the OpenAI SDK, as our gateway makes it come up; revocation."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import openai
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.base.settings import Settings
from rechenwerk.office.ports import Guard
from tests import postgres
from tests.fakes.provider import running_fake
from tests.flows.cloud import Site, fake_config, running_cloud, tokens_of
from tests.installation import Tenant, gateway_process, town

ASK: list[Any] = [{"role": "user", "content": "hello there"}]
BODY = {"model": "fake-model", "messages": ASK, "max_tokens": 5}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def house(server: postgres.Server) -> Iterator[Site]:
    settings = Settings(grace=2.0, attempts=1, breaker_failures=1_000_000, max_body=200_000)
    with (
        running_fake() as fake,
        running_cloud(server.fresh_sync(), fake_config(fake), settings=settings) as cloud,
    ):
        yield Site(cloud, "fake-model", "fake-model", fake=fake)


def client_of(house: Site, key: str, **more: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{house.cloud.address}/v1", api_key=key, max_retries=0, **more)


@pytest.fixture
def tenant(house: Site, request: pytest.FixtureRequest) -> Tenant:
    return house.cloud.tenant(request.node.name)


@pytest.fixture
def client(house: Site, tenant: Tenant) -> Iterator[openai.OpenAI]:
    with client_of(house, tenant.key) as client:
        yield client


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{**BODY, **more})


def refused(
    kind: type[openai.APIStatusError],
    status: int,
    code: str | None,
    hint: str,
    work: Callable[[], Any],
    *,
    type_: str = "invalid_request_error",
    param: str | None = None,
) -> httpx2.Response:
    """The SDK raises exactly this class, for a body of exactly OpenAI's shape that says what to do."""
    with pytest.raises(openai.APIStatusError) as caught:
        work()
    error = caught.value
    assert type(error) is kind, error
    assert (error.status_code, error.code, error.type, error.param) == (status, code, type_, param)
    check_shape(error.response, status)
    message = error.response.json()["error"]["message"]
    assert hint in message
    response: httpx2.Response = error.response
    return response


def check_shape(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("call_")
    body = response.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert isinstance(body["error"]["message"], str)
    assert isinstance(body["error"]["type"], str)
    found: dict[str, Any] = body["error"]
    return found


# -- 400 ------------------------------------------------------------------------------------------

BAD = (
    (b"{", None, None, "not valid JSON"),
    (b"[1]", None, None, "the body"),
    (b"", None, None, "not valid JSON"),
    (b'{"messages":[]}', "model", None, 'add "model"'),
    (b'{"model":7}', "model", None, "model"),
    (b'{"model":"fake-model","max_tokens":0}', "max_tokens", "integer_below_min_value", "at least 1"),
    (b'{"model":"fake-model","max_tokens":-3}', "max_tokens", "integer_below_min_value", "at least 1"),
    (b'{"model":"fake-model","n":0}', "n", "integer_below_min_value", "at least 1"),
    (b'{"model":"fake-model","max_tokens":1.5}', "max_tokens", None, "max_tokens"),
    (b'{"model":"fake-model","model":"other"}', "model", None, "twice"),
    (b'{"max_tokens":5,"model":"fake-model","max_tok\\u0065ns":900}', "max_tokens", None, "twice"),
    (b'{"model":"fake-model","stream":"yes"}', "stream", None, "stream"),
    (b'{"model":"\xff"}', None, None, "not valid JSON"),
)


@pytest.mark.parametrize(("body", "param", "code", "hint"), BAD)
def test_a_bad_request(
    house: Site, tenant: Tenant, body: bytes, param: str | None, code: str | None, hint: str
) -> None:
    headers = {"authorization": f"Bearer {tenant.key}", "content-type": "application/json"}
    answer = httpx2.post(house.cloud.address + CHAT, content=body, headers=headers)
    error = check_shape(answer, 400)
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert hint in error["message"]
    house.cloud.calls(tenant, 0)


def test_a_bad_request_through_the_sdk(client: openai.OpenAI) -> None:
    refused(
        openai.BadRequestError,
        400,
        "integer_below_min_value",
        "at least 1",
        lambda: ask(client, max_tokens=0),
        param="max_tokens",
    )
    work: Any = lambda: client.embeddings.create(  # noqa: E731
        model="fake-model", input="x", extra_body={"stream": True}
    )
    refused(openai.BadRequestError, 400, None, "leave stream out", work, param="stream")


def test_what_the_provider_finds_wrong_passes(house: Site, tenant: Tenant, client: openai.OpenAI) -> None:
    work: Any = lambda: ask(client, n=200)  # noqa: E731
    refused(openai.BadRequestError, 400, None, "expected 1 to 128", work, param="n")
    (call,) = house.cloud.calls(tenant, 1)
    assert (call["outcome"], call["price"]) == ("void", 0)


# -- 401, 403, 404, 405, 413, 431 -------------------------------------------------------------------


def test_authentication(house: Site, tenant: Tenant) -> None:
    for headers in ({}, {"authorization": tenant.key}, {"authorization": f"Basic {tenant.key}"}):
        answer = httpx2.post(house.cloud.address + CHAT, json=BODY, headers=headers)
        error = check_shape(answer, 401)
        assert error["code"] == ("invalid_api_key" if headers else "missing_api_key")
    assert (
        "Authorization: Bearer" in check_shape(httpx2.get(house.cloud.address + "/v1/models"), 401)["message"]
    )
    past = house.cloud.run(
        house.cloud.town.add_key(
            tenant.organisation, tenant.project, expires_at=datetime.now(UTC) - timedelta(seconds=1)
        )
    )
    for key in ("rw-" + "x" * 32, past.key):
        with client_of(house, key) as stranger:
            work: Any = lambda: ask(stranger)  # noqa: E731
            refused(openai.AuthenticationError, 401, "invalid_api_key", "ask whoever gave it", work)
            with pytest.raises(openai.AuthenticationError):
                stranger.models.list()


def test_a_key_expires_while_the_gateway_runs(house: Site, tenant: Tenant) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    key = house.cloud.tenant("expiring", expires_at=soon)
    with client_of(house, key.key) as client:
        ask(client)
        ended = None
        while ended is None:
            try:
                ask(client)
            except openai.AuthenticationError as error:
                ended = error
        assert datetime.now(UTC) >= soon
        assert datetime.now(UTC) < soon + timedelta(seconds=2)


def test_permission(house: Site) -> None:
    reader = house.cloud.tenant("reader", scopes=("books",))
    with client_of(house, reader.key) as client:
        work: Any = lambda: ask(client)  # noqa: E731
        refused(openai.PermissionDeniedError, 403, "missing_scope", "create one that has it", work)
        with pytest.raises(openai.PermissionDeniedError):
            client.models.list()


def test_not_found(client: openai.OpenAI) -> None:
    missing: Any = lambda: ask(client, model="gpt-99")  # noqa: E731
    refused(openai.NotFoundError, 404, "model_not_found", "GET /v1/models", missing, param="model")
    retrieved: Any = lambda: client.models.retrieve("gpt-99")  # noqa: E731
    refused(openai.NotFoundError, 404, "model_not_found", "does not exist", retrieved, param="model")
    url: Any = lambda: client.post("/nothing", cast_to=object, body={})  # noqa: E731
    refused(openai.NotFoundError, 404, "unknown_url", "begins with /v1", url)


def test_method_not_allowed(client: openai.OpenAI) -> None:
    work: Any = lambda: client.get("/chat/completions", cast_to=object)  # noqa: E731
    answer = refused(openai.APIStatusError, 405, "method_not_allowed", "takes POST", work)
    assert answer.headers["allow"] == "POST"
    work = lambda: client.delete("/models/fake-model", cast_to=object)  # noqa: E731
    answer = refused(openai.APIStatusError, 405, "method_not_allowed", "takes GET", work)
    assert answer.headers["allow"] == "GET, HEAD"


def test_too_large(client: openai.OpenAI) -> None:
    big = [{"role": "user", "content": "x" * 300_000}]
    work: Any = lambda: ask(client, messages=big)  # noqa: E731
    refused(openai.APIStatusError, 413, "body_too_large", "RECHENWERK_MAX_BODY", work)
    work = lambda: ask(client, extra_headers={"x-much": "x" * 40_000})  # noqa: E731
    refused(openai.APIStatusError, 431, "headers_too_large", "32768 bytes", work)
    assert ask(client).choices


# -- 409 and 422 -----------------------------------------------------------------------------------


def test_a_running_key_and_a_reused_key(house: Site, tenant: Tenant, client: openai.OpenAI) -> None:
    headers = {"idempotency-key": "busy"}
    slow = {"x_fake": {"pace_ms": 20}}
    with ask(client, stream=True, extra_headers=headers, extra_body=slow) as stream:
        again: Any = lambda: ask(client, stream=True, extra_headers=headers, extra_body=slow)  # noqa: E731
        refused(openai.ConflictError, 409, "idempotency_in_progress", "wait for it", again)
        other: Any = lambda: ask(client, extra_headers=headers)  # noqa: E731
        refused(openai.UnprocessableEntityError, 422, "idempotency_key_reused", "use a new key", other)
        assert len(list(stream)) > 5
    house.cloud.calls(tenant, 1)


# -- 429 ------------------------------------------------------------------------------------------


def limited(house: Site, name: str, *guards: Guard, project: tuple[Guard, ...] = ()) -> openai.OpenAI:
    tenant = house.cloud.tenant(name, key=guards, project=project)
    return client_of(house, tenant.key)


def test_requests_per_minute(house: Site) -> None:
    with limited(house, "requests", Guard("requests", "minute", 2)) as client:
        raw = client.chat.completions.with_raw_response.create(**BODY)  # type: ignore[call-overload]
        assert raw.headers["x-ratelimit-limit-requests"] == "2"
        assert raw.headers["x-ratelimit-remaining-requests"] == "1"
        assert 1 <= int(raw.headers["x-ratelimit-reset-requests"].removesuffix("s")) <= 60
        assert "x-ratelimit-limit-tokens" not in raw.headers

        def more() -> None:
            for _ in range(4):  # a new minute may begin once
                ask(client)

        answer = refused(
            openai.RateLimitError, 429, "rate_limit_exceeded", "Try again in", more, type_="requests"
        )
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"


def test_tokens_per_minute(house: Site) -> None:
    with limited(house, "tokens", project=(Guard("tokens", "minute", 200),)) as client:
        raw = client.chat.completions.with_raw_response.create(**BODY)  # type: ignore[call-overload]
        usage = json.loads(raw.content)["usage"]
        assert raw.headers["x-ratelimit-limit-tokens"] == "200"
        assert raw.headers["x-ratelimit-remaining-tokens"] == str(200 - usage["total_tokens"])
        never: Any = lambda: ask(client, max_tokens=500)  # noqa: E731
        answer = refused(
            openai.RateLimitError, 429, "rate_limit_exceeded", "project may use 200", never, type_="tokens"
        )
        assert "retry-after" not in answer.headers, "it never fits, so waiting is no advice"


def test_concurrent_calls(house: Site) -> None:
    tenant = house.cloud.tenant("calls", key=(Guard("calls", "now", 1),))
    with client_of(house, tenant.key) as client:
        with ask(client, stream=True, extra_body={"x_fake": {"pace_ms": 20}}) as stream:
            next(iter(stream))
            work: Any = lambda: ask(client)  # noqa: E731
            answer = refused(
                openai.RateLimitError,
                429,
                "rate_limit_exceeded",
                "wait until one has ended",
                work,
                type_="rate_limit_error",
            )
            assert answer.headers["retry-after"] == "1"
            list(stream)
        house.cloud.calls(tenant, 1)
        assert ask(client).choices


@pytest.mark.parametrize("period", ["day", "week", "month", "quarter", "year", "total"])
def test_a_budget(house: Site, period: str) -> None:
    tenant = house.cloud.tenant(f"budget {period}", key=(Guard("money", period, NANO // 100_000),))
    with client_of(house, tenant.key) as client:
        work: Any = lambda: ask(client, max_tokens=500)  # noqa: E731
        answer = refused(
            openai.RateLimitError,
            429,
            "insufficient_quota",
            "ask for fewer tokens, or for a larger budget",
            work,
            type_="insufficient_quota",
        )
    assert "retry-after" not in answer.headers
    words = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}
    assert words.get(period, "total") in answer.text
    house.cloud.calls(tenant, 0)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_providers_limit_passes(
    house: Site, tenant: Tenant, client: openai.OpenAI, streamed: bool
) -> None:
    knobs = {"x_fake": {"status": 429, "retry_after": 7}}
    work: Any = lambda: ask(client, stream=streamed, extra_body=knobs)  # noqa: E731
    answer = refused(
        openai.RateLimitError, 429, "rate_limit_exceeded", "told to answer 429", work, type_="requests"
    )
    assert answer.headers["retry-after"] == "7"
    (call,) = house.cloud.calls(tenant, 1)
    assert (call["outcome"], call["price"], call["cost"], call["status"]) == ("void", 0, 0, 429)


# -- 5xx and no answer at all -----------------------------------------------------------------------

FAULTS: tuple[tuple[dict[str, Any], int, str | None, str, str], ...] = (
    ({"status": 500}, 500, None, "told to answer 500", "void"),
    ({"status": 503, "retry_after": 3}, 503, None, "told to answer 503", "void"),
    ({"error_with_usage": True}, 500, None, "fail after its work", "failed"),
    ({"cut_before_answer": True}, 502, "provider_failed", "Try again", "unresolved"),
    ({"garbage": True}, 502, "provider_failed", "Try again", "unresolved"),
    ({"require_key": "secret"}, 502, "provider_credentials", "tell your operator", "void"),
    ({"status": 403}, 502, "provider_credentials", "tell your operator", "void"),
)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("knobs", "status", "code", "hint", "outcome"), FAULTS)
def test_a_providers_fault(
    house: Site,
    tenant: Tenant,
    client: openai.OpenAI,
    *,
    knobs: dict[str, Any],
    status: int,
    code: str | None,
    hint: str,
    outcome: str,
    streamed: bool,
) -> None:
    assert house.fake
    if "require_key" in knobs:
        house.fake.set_knobs(knobs)
        body: dict[str, Any] = {}
    else:
        body = {"x_fake": knobs}
    work: Any = lambda: ask(client, stream=streamed, extra_body=body)  # noqa: E731
    try:
        answer = refused(openai.InternalServerError, status, code, hint, work, type_="server_error")
    finally:
        house.fake.set_knobs({"require_key": None})
    assert answer.headers.get("retry-after") == ("3" if "retry_after" in knobs else None)
    (call,) = house.cloud.calls(tenant, 1)
    assert (call["outcome"], call["status"]) == (outcome, status)
    assert (call["cost"] > 0) is (outcome in {"failed", "unresolved"})
    assert (call["price"] > 0) is (outcome == "unresolved")


def test_an_answer_that_is_cut_in_the_middle(house: Site, tenant: Tenant, client: openai.OpenAI) -> None:
    work: Any = lambda: ask(client, extra_body={"x_fake": {"cut_mid_body": True}})  # noqa: E731
    refused(openai.InternalServerError, 502, "provider_failed", "hung up", work, type_="server_error")
    (call,) = house.cloud.calls(tenant, 1)
    assert (call["outcome"], call["price"]) == ("unresolved", call["held"])


@pytest.mark.parametrize("knob", ["cut_after_events", "error_event_mid_stream"])
def test_a_stream_that_breaks(house: Site, tenant: Tenant, client: openai.OpenAI, knob: str) -> None:
    seen: list[Any] = []
    stream = ask(client, stream=True, extra_body={"x_fake": {knob: 4}})
    with pytest.raises(openai.APIError) as caught:
        seen.extend(stream)
    assert len(seen) == 4
    assert isinstance(caught.value.body, dict)
    assert set(caught.value.body) == {"message", "type", "param", "code"}
    (call,) = house.cloud.calls(tenant, 1)
    assert call["outcome"] == "unresolved"
    assert call["usage_source"] == "estimated"
    assert tokens_of(call)[1] >= 3


def test_an_unknown_provider(server: postgres.Server) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with running_fake() as fake:
            text = fake_config(fake).replace(fake.url, nobody)
        with running_cloud(server.fresh_sync(), text) as cloud:
            house = Site(cloud, "fake-model", "fake-model")
            tenant = cloud.tenant("town")
            for streamed in (False, True):
                with client_of(house, tenant.key) as client:
                    work: Any = lambda: ask(client, stream=streamed)  # noqa: B023, E731
                    answer = refused(
                        openai.InternalServerError,
                        503,
                        "provider_unavailable",
                        "try again",
                        work,
                        type_="server_error",
                    )
                assert answer.headers["retry-after"] == "1"
            assert [call["outcome"] for call in cloud.calls(tenant, 2)] == ["void", "void"]


def test_timeout(house: Site, tenant: Tenant) -> None:
    with client_of(house, tenant.key, timeout=0.1) as client, pytest.raises(openai.APITimeoutError):
        ask(client, extra_body={"x_fake": {"latency_ms": 300}})
    (call,) = house.cloud.calls(tenant, 1)
    assert (call["outcome"], tokens_of(call)[1]) == ("posted", 5), "the provider did its work"


def test_no_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        client = openai.OpenAI(base_url=url, api_key="x", max_retries=0)
        with client, pytest.raises(openai.APIConnectionError):
            ask(client)


def test_the_sdk_tries_again_by_itself(house: Site, tenant: Tenant) -> None:
    with client_of(house, tenant.key).with_options(max_retries=2) as client:
        body = {"x_fake": {"fail_first": 1, "fail_status": 429, "retry_after": 0}}
        assert ask(client, extra_body=body).choices
    assert [call["outcome"] for call in house.cloud.calls(tenant, 2)] == ["void", "posted"]


# -- every answer, and revocation -------------------------------------------------------------------


def test_every_answer_has_a_request_id(house: Site, tenant: Tenant) -> None:
    key = {"authorization": f"Bearer {tenant.key}"}
    seen = set()
    with httpx2.Client(base_url=house.cloud.address) as client:
        for path in ("/v1/models", "/v1/models/fake-model", "/health/live", "/health/ready", "/metrics"):
            seen.add(client.get(path, headers=key).raise_for_status().headers["x-request-id"])
            seen.add(client.head(path, headers=key).raise_for_status().headers["x-request-id"])
        for path in ("/v1/chat/completions", "/v1/nothing", "/"):
            seen.add(client.get(path, headers=key).headers["x-request-id"])
        seen.add(client.post(CHAT, json=BODY, headers=key).raise_for_status().headers["x-request-id"])
    assert len(seen) == 14
    assert all(name.startswith("call_") for name in seen)


def test_a_revoked_key_is_dead_everywhere_within_two_seconds(database_url: str) -> None:
    async def status(client: httpx2.AsyncClient, address: str, key: str) -> int:
        headers = {"authorization": f"Bearer {key}"}
        return (await client.post(address + CHAT, json=BODY, headers=headers)).status_code

    async def flow(configuration: str, addresses: list[str]) -> None:
        async with town(database_url) as here, httpx2.AsyncClient(timeout=5) as client:
            await here.configure(configuration)
            tenant = await here.tenant()
            for address in addresses:
                async with asyncio.timeout(5):
                    while await status(client, address, tenant.key) != 200:
                        pass
            began = time.monotonic()
            await here.revoke(tenant)
            for address in addresses:
                while await status(client, address, tenant.key) == 200:
                    assert time.monotonic() - began < 20  # on an idle machine less than one
                assert await status(client, address, tenant.key) == 401
            assert time.monotonic() - began < 20

    with (
        running_fake() as fake,
        gateway_process(database_url) as one,
        gateway_process(database_url) as other,
    ):
        asyncio.run(flow(fake_config(fake), [one.address, other.address]))
