"""What bounds the attempts of a call: their number, time, the provider's wish, the client, money."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import msgspec
import pytest

from rechenwerk.base.ids import decode_call
from rechenwerk.base.settings import Settings
from rechenwerk.office.ports import Guard
from tests.caller import CHAT, Reply, ask, chat_body
from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.flows.cloud import knows, until
from tests.flows.several import FIRST, SECOND, STEADY, THIRD, Place, configuration, decision, several
from tests.installation import gateway_process, town
from tests.spoken import said, words

FOURTH = Place("fourth")
UNSAFE: tuple[dict[str, Any], ...] = ({"cut_before_answer": True}, {"status": 500}, {"hang": True})


def with_settings(**changes: Any) -> Settings:
    """Steady settings, but for these."""
    return msgspec.structs.replace(STEADY, **changes)


def test_the_number_of_attempts_is_bounded(database_url: str) -> None:
    asyncio.run(_attempts(database_url))


async def _attempts(url: str) -> None:
    places = (FIRST, SECOND, THIRD, FOURTH)
    async with several(url, *places, settings=with_settings(attempts=3)) as here:
        for fake in here.fakes.values():
            fake.knobs.cut_before_answer = True
        for number, stream in enumerate((False, True), 1):
            before = here.asked
            reply = await here.ask(stream=stream)
            assert (reply.status, reply.code) == (502, "provider_failed")
            assert (here.asked - before).total() == 3
            rows = await here.booked(3 * number)
            (call,) = [row for row in rows if row["id"] == reply.call]
            attempts = [row for row in rows if row["attempt_of"] == reply.call]
            # The last attempt is the call's own booking: nobody knows what it cost, so the hold stands in.
            assert (call["outcome"], call["price"]) == ("unresolved", call["held"])
            assert [row["outcome"] for row in attempts] == ["unresolved", "unresolved"]
            assert [row["price"] for row in attempts] == [0, 0]
            asked = [one["deployment"] for one in decision(call)["tried"]] + [decision(call)["deployment"]]
            assert len(set(asked)) == 3
            by = {await here.contract_of(row) for row in (call, *attempts)}
            assert by == {name.partition("/")[0] for name in asked}


def test_all_attempts_together_last_no_longer_than_one_call_may(database_url: str) -> None:
    asyncio.run(_total(database_url))


async def _total(url: str) -> None:
    settings = with_settings(first_byte_timeout=0.5, total_timeout=1.2, between_bytes_timeout=9.0)
    async with several(url, FIRST, SECOND, THIRD, FOURTH, settings=settings) as here:
        here.fakes["first"].knobs.hang = True
        for name in ("second", "third", "fourth"):
            here.fakes[name].set_knobs({"pace_ms": 200, "answer_tokens": 400})
        began = time.monotonic()
        reply = await here.ask(400, stream=True)
        took = time.monotonic() - began
        assert reply.status == 200
        assert b"within the time of a call" in reply.body
        assert 1.1 < took < 40  # the whole stream would take 80
        assert here.asked.total() == 2
        for fake in here.fakes.values():
            fake.knobs.hang = True
        began = time.monotonic()
        assert (await here.ask()).status == 502
        assert time.monotonic() - began > 1.1
        assert here.asked.total() <= 2 + 3
        await here.booked(here.asked.total())


def test_a_provider_that_asks_for_time_is_left_alone(database_url: str) -> None:
    asyncio.run(_left_alone(database_url))


async def _left_alone(url: str) -> None:
    async with several(url, FIRST, SECOND) as here:
        here.fakes["first"].set_knobs({"fail_first": 1, "fail_status": 429, "retry_after": 1})
        began = time.monotonic()
        while (await here.ask()).status == 200 and here.seen("first") < 2:
            pass
        assert time.monotonic() - began >= 1.0
        assert here.seen("second") >= 3


def test_alone_it_is_asked_again_when_it_said(database_url: str) -> None:
    asyncio.run(_asked_again(database_url))


async def _asked_again(url: str) -> None:
    async with several(url, FIRST) as here:
        fake = here.fakes["first"]
        refusals: list[tuple[int, int | None]] = [(429, 1), (503, 1), (503, None)]
        for number, (status, wait) in enumerate(refusals, 1):
            fake.set_knobs({"fail_first": 1, "fail_status": status, "retry_after": wait})
            began = time.monotonic()
            reply = await here.ask()
            assert said("chat", reply) == words(5)
            assert time.monotonic() - began >= (wait or 0)
            assert here.seen("first") == 2 * number
            (tried,) = decision((await here.booked(number))[-1])["tried"]
            assert str(status) in tried["reason"]
        # Longer than anybody waits: the client hears it, and when to come back.
        fake.set_knobs({"fail_first": 1, "fail_status": 429, "retry_after": 30})
        began = time.monotonic()
        reply = await here.ask()
        assert (reply.status, reply.headers["retry-after"]) == (429, "30")
        assert time.monotonic() - began < 25
        assert here.seen("first") == 7
        assert [row["outcome"] for row in await here.booked(4)] == ["posted"] * 3 + ["void"]


def test_what_may_have_been_begun_is_not_asked_of_the_same_provider_again(database_url: str) -> None:
    asyncio.run(_not_again(database_url))


async def _not_again(url: str) -> None:
    async with several(url, FIRST) as here:
        for number, knobs in enumerate(UNSAFE, 1):
            here.fakes["first"].set_knobs(knobs)
            assert (await here.ask()).status in {500, 502}
            assert here.seen("first") == number
            here.fakes["first"].set_knobs({"cut_before_answer": False, "status": None, "hang": False})
        outcomes = [row["outcome"] for row in await here.booked(3)]
        assert outcomes == ["unresolved", "void", "unresolved"]


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_is_asked_for_a_client_that_left(database_url: str, *, stream: bool) -> None:
    asyncio.run(_client_left(database_url, stream=stream))


async def _client_left(url: str, *, stream: bool) -> None:
    async with several(url, FIRST, SECOND) as here:
        here.fakes["first"].knobs.hang = True
        async with here.line() as line:
            await line.send(here.tenant.key, chat_body(stream=stream))
            await here.waits("first")
        (row,) = await here.booked(1)
        assert (row["outcome"], row["attempt_of"]) == ("unresolved", None)
        assert row["price"] == row["held"]
        assert here.asked == {"first": 1}


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_is_asked_for_a_client_that_left_while_it_waited(database_url: str, *, stream: bool) -> None:
    asyncio.run(_left_waiting(database_url, stream=stream))


async def _left_waiting(url: str, *, stream: bool) -> None:
    async with several(url, FIRST) as here:
        here.fakes["first"].set_knobs({"status": 429, "retry_after": 1})
        async with here.line() as line:
            await line.send(here.tenant.key, chat_body(stream=stream))
            await here.waits("first")
        (row,) = await here.booked(1)
        assert row["outcome"] == "void"
        assert "client was gone" in row["reason"]
        assert [one["deployment"] for one in decision(row)["tried"]] == ["first/fake-model"]
        assert here.asked == {"first": 1}


def test_the_hold_covers_the_dearest_deployment(database_url: str) -> None:
    asyncio.run(_dearest(database_url))


async def _dearest(url: str) -> None:
    async with several(url, FIRST, Place("second", cost="100.00", out_cost="200.00")) as here:
        here.fakes["first"].knobs.latency_ms = 300
        asked = asyncio.create_task(here.ask(50))
        await here.waits("first")
        bounds: list[Any] = []

        async def look() -> None:
            while not bounds:
                bounds.extend(await here.town.pool.fetch("select * from hold"))

        await asyncio.wait_for(look(), 5)
        (hold,) = bounds
        assert hold["cost_bound"] >= 50 * 200_000 + 8 * 100_000
        here.fakes["first"].knobs.latency_ms = 0
        await asked
        # Whoever serves: the client pays the tariff, and the dear contract's cost is within the bound.
        here.fakes["first"].knobs.status = 500
        await here.ask(50)
        row = (await here.booked(2))[1]
        assert await here.contract_of(row) == "second"
        assert row["cost"] == row["input"] * 100_000 + row["output"] * 200_000 <= hold["cost_bound"]
        assert row["price"] == row["input"] * 1_500 + row["output"] * 3_000 <= row["held"]


def test_a_budget_pays_one_answer_however_many_attempts_it_took(database_url: str) -> None:
    asyncio.run(_one_answer(database_url))


async def _one_answer(url: str) -> None:
    async with several(url, FIRST, SECOND) as here:
        rich = await here.town.tenant("rich", project=(Guard("money", "day", 1_000_000_000),))
        await knows(here.gateway, rich)
        here.fakes["first"].knobs.cut_before_answer = True
        for stream in (False, True):
            assert (await ask(here.address, rich.key, chat_body(5, stream=stream))).status == 200
        await until(lambda: here.gateway.till.waiting == 0)
        rows = await here.town.settled(4)
        price = sum(row["price"] for row in rows)
        assert price == 2 * (5 * 1_500 + 5 * 3_000)
        assert await here.town.pool.fetchval("select sum(posted) from slice") == price
        assert all(row["slices"] == [] for row in rows if row["attempt_of"])
        await here.town.assert_books_verify(rich.organisation)


@pytest.mark.parametrize("stream", [False, True])
def test_a_repeated_call_gets_the_one_answer_that_was_booked(database_url: str, *, stream: bool) -> None:
    asyncio.run(_repeated(database_url, stream=stream))


async def _repeated(url: str, *, stream: bool) -> None:
    async with several(url, FIRST, SECOND) as here, httpx2.AsyncClient(base_url=here.address) as client:
        here.fakes["first"].knobs.cut_before_answer = True
        headers = {"authorization": f"Bearer {here.tenant.key}", "idempotency-key": "once"}
        body = chat_body(5, stream=stream)
        answers = [await client.post(CHAT, json=body, headers=headers) for _ in range(3)]
        assert [one.status_code for one in answers] == [200] * 3
        assert len({one.content for one in answers}) == 1
        assert "idempotent-replayed" not in answers[0].headers
        assert all(one.headers["idempotent-replayed"] == "true" for one in answers[1:])
        assert here.asked == {"first": 1, "second": 1}
        rows = await here.booked(2)
        served = [row for row in rows if row["outcome"] == "posted"]
        assert [row["id"] for row in served] == [decode_call(answers[0].headers["x-request-id"])]
        assert [row["attempt_of"] for row in rows if row["outcome"] != "posted"] == [served[0]["id"]]


def test_a_gateway_killed_in_the_second_attempt_leaves_nothing_unbooked(database_url: str) -> None:
    with running_fake(Knobs(cut_before_answer=True)) as first, running_fake(Knobs(hang=True)) as second:
        asyncio.run(_killed(database_url, first, second))


async def _killed(url: str, first: FakeProvider, second: FakeProvider) -> None:
    async with town(url) as there:
        await there.configure(configuration([FIRST, SECOND], [first, second]))
        tenant = await there.tenant()
        with gateway_process(url, SILENCE="1") as doomed:
            calls = [
                asyncio.create_task(ask(doomed.address, tenant.key, chat_body(5, stream=bool(place % 2))))
                for place in range(6)
            ]
            await asyncio.to_thread(second.wait_until, lambda: len(second.requests) == 6)
            doomed.kill()
            replies: list[Reply] = await asyncio.gather(*calls)
        assert {reply.status for reply in replies} == {0}
        with gateway_process(url, SILENCE="1"):
            rows = await there.settled(12, timeout=30)
        assert len(rows) == 12
        assert {row["outcome"] for row in rows} == {"unresolved"}
        asked = {decode_call(one.headers["x-request-id"]) for one in second.requests}
        calls_of = {row["id"] for row in rows if row["attempt_of"] is None}
        attempts = {row["attempt_of"] for row in rows} - {None}
        assert calls_of == attempts == asked
        for row in rows:
            assert row["price"] == row["held"]
            assert (row["price"] == 0) == (row["attempt_of"] is not None)
            assert row["cost"] > 5 * 2_000
        await there.assert_books_verify(tenant.organisation)
