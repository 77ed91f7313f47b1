"""Every route that serves a call goes down the road: it holds, it books. No other one answers a POST."""

from __future__ import annotations

import json
from typing import Any, get_args

import uvloop

from rechenwerk.gateway.app import ROUTES
from rechenwerk.providers.registry import ENDPOINTS
from rechenwerk.wire.openai import Endpoint
from tests.flows.raw import open_house
from tests.installation import CONFIG

ASKS: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 3},
    "completions": {"prompt": "hello", "max_tokens": 3},
    "embeddings": {"input": "hello"},
    "messages": {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 3},
    "count_tokens": {"messages": [{"role": "user", "content": "hello"}]},
    "responses": {"input": "hello", "max_output_tokens": 3},
    "rerank": {"query": "hello", "documents": ["hello", "world"]},
}
EVERYTHING = CONFIG.format(url="{url}", kind="openai-compatible").replace(
    '"embeddings"]', '"embeddings", "rerank"]'
)
FORWARDED = {
    "messages": "/v1/chat/completions",
    "responses": "/v1/chat/completions",
    "rerank": "/v1/rerank",
}
OTHERS = (
    "/",
    "/v1",
    "/v1/",
    "/v1/models",
    "/v1/models/fake-model",
    "/v1/models/",
    "/v1/responses/resp_1",
    "/v1/messages/batches",
    "/v1/audio/transcriptions",
    "/v1/images/generations",
    "/v1/moderations",
    "/v1/files",
    "/v1/chat",
    "/v1/chat/completions/",
    "/v1/chat/completions/x",
    "/V1/chat/completions",
    "//v1/chat/completions",
    "/v1/../v1/chat/completions",
    "/v1/chat%2Fcompletions",
    "/chat/completions",
    "/tokenize",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/_fake/stats",
)


def test_every_post_route_serves_an_endpoint() -> None:
    for route in ROUTES:
        assert ("POST" in route.methods) is (route.endpoint is not None), route
        assert set(route.methods) <= {"GET", "HEAD", "POST"}, route
        if route.endpoint is not None:
            assert route.methods == ("POST",), route
    serving = [route.endpoint for route in ROUTES if route.endpoint is not None]
    assert sorted(set(serving)) == sorted(ASKS) == sorted(get_args(Endpoint))
    assert set(ENDPOINTS) <= set(serving)
    assert len({route.path for route in ROUTES}) == len(ROUTES)


def test_every_call_is_held_and_booked(database_url: str) -> None:
    async def flow() -> None:
        async with open_house(database_url, None, EVERYTHING) as house:
            routes = [route for route in ROUTES if route.endpoint is not None]
            client = await house.client()
            for number, route in enumerate(routes, 1):
                body = json.dumps({"model": "fake-model", **ASKS[str(route.endpoint)]}).encode()
                head = house.head(f"content-length: {len(body)}", path=route.path + "?query=1")
                client.send(head + body)
                answer = await client.answer()
                assert answer.status == 200, answer.body
                call = (await house.town.settled(number))[-1]
                assert (call["endpoint"], call["outcome"]) == (route.endpoint, "posted")
                assert call["held"] >= call["price"]
                if route.endpoint == "count_tokens":  # counted here, and free
                    assert call["price"] == 0
                    continue
                assert call["price"] > 0
                assert house.fake.requests[-1].target == FORWARDED.get(str(route.endpoint), route.path)
                assert answer.headers["x-request-id"] == house.fake.requests[-1].headers["x-request-id"]
                assert await house.town.pool.fetchval(
                    "select count(*) from transfer where call_id = $1", call["id"]
                )
            await house.town.assert_books_verify(house.tenant.organisation)

    uvloop.run(flow())


def test_no_other_path_takes_a_call(database_url: str) -> None:
    async def flow() -> None:
        async with open_house(database_url) as house:
            client = await house.client()
            others = [*OTHERS, *[route.path for route in ROUTES if route.endpoint is None]]
            for path in others:
                for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                    client.send(house.post(path=path).replace(b"POST", method.encode(), 1))
                    answer = await client.answer()
                    assert answer.status in {404, 405}, (method, path, answer)
                    assert set(answer.json["error"]) == {"message", "type", "param", "code"}
                    assert (answer.status == 405) is ("allow" in answer.headers)
            for route in ROUTES:
                if route.endpoint is not None:
                    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
                        client.send(house.get(route.path, method=method))
                        answer = await client.answer(head_only=method == "HEAD")
                        assert (answer.status, answer.headers["allow"]) == (405, "POST")
            assert house.fake.totals.requests == 0
            assert await house.town.settled(0) == []

    uvloop.run(flow())


def test_a_models_name_may_have_a_slash(database_url: str) -> None:
    async def flow() -> None:
        async with open_house(database_url) as house:
            text = (
                'currency = "EUR"\n[[provider]]\nname = "p"\nkind = "openai-compatible"\n'
                f'base_url = "{house.fake.base_url}"\n'
                '[[contract]]\nname = "c"\nprovider = "p"\nkind = "on-demand"\n'
                '[[deployment]]\nmodel = "house/größe 1"\nprovider = "p"\ncontract = "c"\n'
                'endpoints = ["chat"]\ncontext_tokens = 9\nmax_output_tokens = 9\ncost = { input = "1" }\n'
                '[[tariff]]\nmodel = "house/größe 1"\nprice = { input = "1" }\n'
            )
            await house.town.configure(text)
            await house.gateway.tenants.refresh()
            client = await house.client()
            for path in ("/v1/models/house/gr%C3%B6%C3%9Fe%201", "/v1/models/house%2Fgr%C3%B6%C3%9Fe%201"):
                client.send(house.get(path))
                answer = await client.answer()
                assert (answer.status, answer.json["id"]) == (200, "house/größe 1")

    uvloop.run(flow())
