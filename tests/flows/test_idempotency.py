"""Idempotency-Key: a repeated call gets the stored answer byte for byte, and one booking."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import uvloop

from rechenwerk.base.settings import Settings
from tests import installation
from tests.flows.cloud import tokens_of
from tests.flows.raw import Answer, Client, House, open_house


def run(flow: Callable[[House, Client], Awaitable[None]], url: str) -> None:
    async def inside() -> None:
        async with open_house(
            url, Settings(grace=2.0, attempts=1, breaker_failures=1_000_000, drain_timeout=0.5)
        ) as house:
            await flow(house, await house.client())
            await house.town.assert_books_verify(house.tenant.organisation)

    uvloop.run(inside())


async def ask(client: Client, data: bytes) -> Answer:
    client.send(data)
    return await client.answer()


def is_replay(answer: Answer) -> bool:
    return answer.headers.get("idempotent-replayed") == "true"


@pytest.mark.parametrize("stream", [False, True])
def test_a_repeated_call_gets_the_stored_answer(database_url: str, stream: bool) -> None:
    async def flow(house: House, client: Client) -> None:
        data = house.post("idempotency-key: once", stream=stream)
        first = await ask(client, data)
        await house.town.settled(1)
        second = await ask(client, data)
        assert (first.status, is_replay(first)) == (200, False)
        assert (second.status, is_replay(second)) == (200, True)
        assert second.body == first.body
        assert second.body.endswith(b"data: [DONE]\n\n") is stream
        kind = first.headers["content-type"].partition(";")[0]
        assert second.headers["content-type"].partition(";")[0] == kind
        assert second.headers["x-request-id"] != first.headers["x-request-id"]
        assert len(await house.town.settled(1)) == house.fake.totals.accepted == 1

    run(flow, database_url)


def test_two_bodies_that_differ_in_a_blank_are_two(database_url: str) -> None:
    async def flow(house: House, client: Client) -> None:
        one = house.post("idempotency-key: once", user="a")
        assert (await ask(client, one)).status == 200
        await house.town.settled(1)
        other = await ask(client, house.post("idempotency-key: once", user="b"))
        assert (other.status, other.code) == (422, "idempotency_key_reused")
        elsewhere = await ask(client, house.post("idempotency-key: once", path="/v1/completions", prompt="x"))
        assert (elsewhere.status, elsewhere.code) == (422, "idempotency_key_reused")
        assert is_replay(await ask(client, one))
        assert len(await house.town.settled(1)) == 1

    run(flow, database_url)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_lost_its_answer_gets_it_with_the_next_try(database_url: str, stream: bool) -> None:
    async def flow(house: House, client: Client) -> None:
        data = house.post("idempotency-key: lost", stream=stream, x_fake={"latency_ms": 40, "pace_ms": 1})
        client.send(data)
        await house.fake.until(lambda: house.fake.totals.accepted == 1)
        other = await house.client()
        running = await ask(other, data)
        assert (running.status, running.code) == (409, "idempotency_in_progress")
        client.vanish()
        await house.town.settled(1)
        answer = await ask(other, data)
        while answer.status == 409:  # it is booked a moment before its answer is kept
            answer = await ask(other, data)
        assert (answer.status, is_replay(answer)) == (200, True)
        assert b"word4" in answer.body
        assert len(await house.town.settled(1)) == house.fake.totals.accepted == 1

    run(flow, database_url)


FAULTS: tuple[tuple[dict[str, Any], bool, str], ...] = (
    ({"status": 500}, False, "void"),
    ({"status": 429}, True, "void"),
    ({"cut_before_answer": True}, False, "unresolved"),
    ({"cut_after_events": 3}, True, "unresolved"),
    ({"error_event_mid_stream": 3}, True, "unresolved"),
)


@pytest.mark.parametrize(("knobs", "stream", "outcome"), FAULTS)
def test_what_failed_may_be_tried_again(
    database_url: str, knobs: dict[str, Any], stream: bool, outcome: str
) -> None:
    async def flow(house: House, client: Client) -> None:
        data = house.post("idempotency-key: again", stream=stream)
        house.fake.set_knobs(knobs)
        broken = await ask(client, data)
        assert b'"error"' in broken.body
        house.fake.reset()
        answer = await ask(client, data)
        while answer.status == 409:  # the claim is given back a moment after the answer
            answer = await ask(client, data)
        assert (answer.status, is_replay(answer)) == (200, False)
        calls = await house.town.settled(2)
        assert [call["outcome"] for call in calls] == [outcome, "posted"]
        assert tokens_of(calls[1]) == (5, 5)

    run(flow, database_url)


def test_a_refused_call_holds_no_key(database_url: str) -> None:
    async def flow(house: House, client: Client) -> None:
        wrong = await ask(client, house.post("idempotency-key: k", model="gpt-99"))
        assert wrong.status == 404
        right = await ask(client, house.post("idempotency-key: k"))
        assert (right.status, is_replay(right)) == (200, False)
        assert len(await house.town.settled(1)) == 1

    run(flow, database_url)


@pytest.mark.parametrize("size", [0, 256, 4_000])
def test_a_key_has_a_length(database_url: str, size: int) -> None:
    async def flow(house: House, client: Client) -> None:
        answer = await ask(client, house.post(f"idempotency-key: {'ab7' * size}"[: 17 + size]))
        assert (answer.status, answer.code) == (400, "idempotency_key_invalid")
        assert "1 to 255 characters" in answer.json["error"]["message"]
        assert (await ask(client, house.post(f"idempotency-key: {'ä' * 100}"))).status == 200
        assert len(await house.town.settled(1)) == 1

    run(flow, database_url)


def test_keys_of_two_tenants_do_not_meet(database_url: str) -> None:
    async def flow(house: House, client: Client) -> None:
        data = house.post("idempotency-key: same")
        first = await ask(client, data)
        neighbour = await house.town.tenant("neighbour")
        await house.gateway.tenants.refresh()
        theirs = await ask(client, data.replace(house.tenant.key.encode(), neighbour.key.encode()))
        assert (theirs.status, is_replay(theirs)) == (200, False)
        assert theirs.json["id"] != first.json["id"]
        assert len(await house.town.settled(2)) == 2

    run(flow, database_url)


KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(32)).decode()


def kept(url: str) -> list[bytes]:
    """Bodies of answers as they rest."""

    async def look() -> list[bytes]:
        connection = await asyncpg.connect(url)
        try:
            return [row[0] for row in await connection.fetch("select body from idempotent")]
        finally:
            await connection.close()

    return uvloop.run(look())


@pytest.mark.parametrize(("key", "sealed"), [(KEY, True), ("", False)])
def test_kept_answers_are_sealed_where_there_is_a_key(database_url: str, key: str, sealed: bool) -> None:
    settings = Settings(grace=2.0, attempts=1, secret_key=key)

    async def twice() -> None:
        async with open_house(database_url, settings) as house:
            client = await house.client()
            data = house.post("idempotency-key: once")
            first = await ask(client, data)
            await house.town.settled(1)
            again = await ask(client, data)
            assert is_replay(again)
            assert again.body == first.body
            plain = await ask(client, house.post("x-once: no"))
            assert (plain.status, is_replay(plain)) == (200, False)

    uvloop.run(twice())
    (body,) = kept(database_url)
    assert (b"word" in body) is not sealed
    assert (b"choices" in body) is not sealed


@pytest.mark.parametrize("key", ["", OTHER])
def test_an_answer_that_another_key_sealed_is_refused_not_paid_twice(database_url: str, key: str) -> None:
    async def flow() -> None:
        async with open_house(database_url, Settings(grace=2.0, attempts=1, secret_key=KEY)) as house:
            data = house.post("idempotency-key: once")
            assert (await ask(await house.client(), data)).status == 200
            await house.town.settled(1)
            other = Settings(grace=2.0, attempts=1, secret_key=key)
            async with installation.gateway(database_url, other) as (gateway, address):
                port = int(address.rpartition(":")[2])
                strange = House(house.town, gateway, house.fake, house.tenant, port)
                client = await strange.client()
                answer = await ask(client, data)
                client.vanish()
                assert (answer.status, answer.code) == (503, "answer_sealed")
            assert len(await house.town.settled(1)) == house.fake.totals.accepted == 1

    uvloop.run(flow())
