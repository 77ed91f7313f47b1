"""OpenAI's Responses at both ends: bytes pass, tokens are booked, conversations are kept here."""

from __future__ import annotations

import json
from typing import Any

import pytest
import uvloop

from tests.flows.cloud import tokens_of
from tests.flows.raw import Client, House, open_house
from tests.installation import CONFIG

PATH = "/v1/responses"
OPENAI = CONFIG.format(url="{url}", kind="openai")


def ask(house: House, **fields: Any) -> bytes:
    body = json.dumps({"model": "fake-model", **fields}, separators=(",", ":")).encode()
    return house.head(f"content-length: {len(body)}", path=PATH) + body


async def said(client: Client, house: House, **fields: Any) -> Any:
    client.send(ask(house, **fields))
    answer = await client.answer()
    assert answer.status == 200, answer.body
    return answer.json


def test_a_response_passes_as_it_came(database_url: str) -> None:
    async def flow() -> None:
        async with open_house(database_url, None, OPENAI) as house:
            client = await house.client()
            # A field that nobody here knows survives; a cap is set where the client set none.
            reply = await said(client, house, input="hello", something_new={"a": [1]}, store=False)
            seen = house.fake.requests[-1]
            assert seen.target == PATH
            assert json.loads(seen.raw) == {
                "max_output_tokens": 512,
                "model": "fake-model",
                "input": "hello",
                "something_new": {"a": [1]},
                "store": False,
            }
            (call,) = await house.town.settled(1)
            used = reply["usage"]
            assert tokens_of(call) == (used["input_tokens"], used["output_tokens"])
            assert (call["endpoint"], call["outcome"]) == ("responses", "posted")
            assert call["price"] > 0
            await house.town.assert_books_verify(house.tenant.organisation)

    uvloop.run(flow())


def test_a_streamed_response_passes_as_it_came(database_url: str) -> None:
    async def flow() -> None:
        async with open_house(database_url, None, OPENAI) as house:
            client = await house.client()
            client.send(ask(house, input="hello", stream=True, max_output_tokens=9))
            answer = await client.answer()
            lines = answer.body.decode().split("\n")
            events = [json.loads(line[6:]) for line in lines if line.startswith("data:")]
            assert events[0]["type"] == "response.created"
            last = events[-1]
            assert last["type"] in {"response.completed", "response.incomplete"}
            assert b'"max_output_tokens":9' in house.fake.requests[-1].raw
            (call,) = await house.town.settled(1)
            used = last["response"]["usage"]
            assert tokens_of(call) == (used["input_tokens"], used["output_tokens"])
            assert (call["outcome"], call["usage_source"]) == ("posted", "reported")

    uvloop.run(flow())


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_goes_on_by_the_providers_own_id(database_url: str, stream: bool) -> None:
    async def flow() -> None:
        async with open_house(database_url, None, OPENAI) as house:
            client = await house.client()
            if stream:
                client.send(ask(house, input="one", stream=True))
                body = (await client.answer()).body.decode()
                first = json.loads(body.split("data: ")[-1])["response"]
            else:
                first = await said(client, house, input="one")
            await said(client, house, input="two", previous_response_id=first["id"])
            sent = json.loads(house.fake.requests[-1].raw)
            assert "previous_response_id" not in sent
            roles = [item.get("role") for item in sent["input"]]
            assert roles == ["user", "assistant", "user"]
            assert sent["input"][1] == first["output"][0]

    uvloop.run(flow())


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"previous_response_id": "resp_of_somebody"}, "previous_response_id"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)
def test_what_cannot_be_bounded_is_refused(database_url: str, fields: dict[str, Any], named: str) -> None:
    async def flow() -> None:
        async with open_house(database_url, None, OPENAI) as house:
            client = await house.client()
            client.send(ask(house, input="hello", **fields))
            answer = await client.answer()
            assert answer.status == 400, answer.body
            assert answer.json["error"]["param"] == named
            assert not house.fake.requests

    uvloop.run(flow())
