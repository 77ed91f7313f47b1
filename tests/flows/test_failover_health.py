"""What the gateway learns from failures and how it shares the load: breakers, probes, retries, affinity."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from typing import Any

import httpx2
import msgspec

from rechenwerk.base.clock import SystemClock
from tests.caller import Reply, chat_body
from tests.flows.cloud import until
from tests.flows.several import CALM, FIRST, SECOND, STEADY, Place, Several, decision, several
from tests.spoken import said, words

WARY = msgspec.structs.replace(STEADY, breaker_failures=3)


def looks(here: Several, name: str) -> int:
    """How often a provider was asked for its models."""
    return sum(one.method == "GET" and one.target.endswith("/models") for one in here.fakes[name].requests)


async def state(here: Several, name: str, wanted: str, timeout: float = 10) -> None:
    """Wait until a breaker is in a state."""
    breaker = here.health(name).breaker
    await until(lambda: breaker.state(time.monotonic()) == wanted, timeout)


def test_a_provider_that_is_down_is_left_alone_and_found_again(database_url: str) -> None:
    asyncio.run(_breaker(database_url))


async def _breaker(url: str) -> None:
    async with several(url, FIRST, SECOND, settings=WARY) as here:
        first = here.fakes["first"]
        first.knobs.status = 500
        for _ in range(10):
            assert said("chat", await here.ask()) == words(5)
        assert here.asked == {"first": 3, "second": 10}
        assert here.health("first").breaker.state(time.monotonic()) == "open"
        rows = await here.booked(10)
        assert ["tried" in decision(row) for row in rows] == [True] * 3 + [False] * 7
        # Half open: it is asked for its models, not for an answer; and every failure doubles the time.
        await first.until(lambda: looks(here, "first") >= 2)
        assert here.seen("first") == 3
        assert here.health("first").breaker.state(time.monotonic()) != "closed"
        first.knobs.status = None
        await state(here, "first", "closed")
        assert here.seen("first") == 3
        assert said("chat", await here.ask()) == words(5)
        assert here.seen("first") == 4


def test_metrics_tell_about_breakers(database_url: str) -> None:
    asyncio.run(_metrics(database_url))


async def _metrics(url: str) -> None:
    async with several(url, FIRST, SECOND, settings=WARY) as here:
        await here.fakes["first"].refuse()
        async with httpx2.AsyncClient(base_url=here.address) as client:
            await here.ask()
            states = [await _states(client)]
            for _ in range(4):
                await here.ask()
            states.append(await _states(client))
        assert states == [["closed", "closed"], ["closed", "open"]]


async def _states(client: httpx2.AsyncClient) -> list[str]:
    text = (await client.get("/metrics")).text
    return sorted(re.findall(r'rechenwerk_deployment_calls\{[^}]*state="([^"]*)"', text))


def test_a_single_deployment_that_is_broken_says_when_to_come_back(database_url: str) -> None:
    asyncio.run(_alone(database_url))


async def _alone(url: str) -> None:
    async with several(url, FIRST, settings=WARY) as here:
        first = here.fakes["first"]
        first.knobs.status = 500
        assert [(await here.ask()).status for _ in range(3)] == [500] * 3
        for stream in (False, True):
            reply = await here.ask(stream=stream)
            assert (reply.status, reply.code) == (503, "provider_unavailable")
            assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert here.seen("first") == 3
        first.knobs.status = None
        await state(here, "first", "closed")
        assert said("chat", await here.ask()) == words(5)
        # What never left is no call: nothing stands in the books but the three that did, and the last.
        outcomes = [row["outcome"] for row in await here.booked(4)]
        assert outcomes == ["void"] * 3 + ["posted"]


def test_errors_of_clients_break_nothing(database_url: str) -> None:
    asyncio.run(_clients_errors(database_url))


async def _clients_errors(url: str) -> None:
    async with several(url, FIRST, settings=WARY) as here:
        here.fakes["first"].knobs.status = 400
        assert {(await here.ask()).status for _ in range(12)} == {400}
        assert here.health("first").breaker.state(time.monotonic()) == "closed"
        assert here.seen("first") == 12


def test_an_outage_is_no_storm(database_url: str) -> None:
    """Everything is down: beyond the first change of provider, a share of the calls is tried again."""
    asyncio.run(_outage(database_url))


CALLS = 400
SHARE = 0.2
FLOOR = 100


class StillClock(SystemClock):
    """The wall's time goes on, the gateway's own stands: what fades with seconds does not fade here."""

    def monotonic(self) -> float:
        return 1_000.0


async def _outage(url: str) -> None:
    """In no time at all: how many retries a second allows does not depend on how busy the machine is."""
    names = ("first", "second", "third", "fourth")
    settings = msgspec.structs.replace(CALM, attempts=4)
    places = [Place(name) for name in names]
    async with several(url, *places, settings=settings, clock=StillClock()) as here:
        for fake in here.fakes.values():
            fake.knobs.status = 500
        replies = await many(here, CALLS)
        assert {reply.status for reply in replies} == {500}
        attempts = here.asked.total()
        assert attempts <= 2 * CALLS + SHARE * CALLS + FLOOR
        assert attempts > 2 * CALLS  # the budget is used, though
        # The second that everything is back, everything is served.
        for fake in here.fakes.values():
            fake.knobs.status = None
        assert {reply.status for reply in await many(here, 20)} == {200}
        assert len(await here.booked(CALLS + 20)) == CALLS + 20


async def many(here: Several, number: int, lines: int = 16) -> list[Reply]:
    """So many calls over a few connections."""
    left = iter(range(number))
    replies: dict[int, Reply] = {}

    async def caller() -> None:
        async with here.line() as line:
            for place in left:
                body = chat_body(5, text=f"hello {place}")
                replies[place] = await line.ask(here.tenant.key, body)

    await asyncio.gather(*[caller() for _ in range(lines)])
    return list(replies.values())


def test_equals_share_the_load(database_url: str) -> None:
    asyncio.run(_equals(database_url))


async def _equals(url: str) -> None:
    async with several(url, Place("first"), Place("second"), Place("third"), settings=CALM) as here:
        for fake in here.fakes.values():
            fake.knobs.latency_ms = 10
        await many(here, 300)
        assert min(here.asked.values()) >= 60, here.asked
        assert here.asked.total() == 300


def test_a_slow_provider_gets_less(database_url: str) -> None:
    asyncio.run(_slow(database_url))


async def _slow(url: str) -> None:
    async with several(url, Place("first"), Place("second"), settings=CALM) as here:
        here.fakes["first"].knobs.latency_ms = 100
        here.fakes["second"].knobs.latency_ms = 10
        await many(here, 300)
        assert here.asked["first"] < 0.3 * here.asked["second"], here.asked
        assert here.asked["first"] >= 1


def test_a_conversation_stays_on_its_server(database_url: str) -> None:
    asyncio.run(_affinity(database_url))


async def _affinity(url: str) -> None:
    names = ("first", "second", "third")
    async with several(url, *[Place(name, level="own") for name in names], settings=CALM) as here:
        homes: dict[int, str] = {}
        for talk in range(24):
            messages: list[dict[str, Any]] = [
                {"role": "user", "content": f"conversation {talk}: what is a byte?"}
            ]
            where: Counter[str] = Counter()
            for _ in range(4):
                before = here.asked
                reply = await here.ask(messages=messages)
                where += here.asked - before
                answer = {"role": "assistant", "content": said("chat", reply)}
                messages = [*messages, answer, {"role": "user", "content": "and then?"}]
            ((homes[talk], turns),) = where.items()
            assert turns == 4
        shared = Counter(homes.values())
        assert set(shared) == set(names), shared
        # Its server is gone: the conversation goes on elsewhere, all others stay where they are.
        await here.fakes["first"].refuse()
        for talk, home in homes.items():
            before = here.asked
            text = f"conversation {talk}: what is a byte?"
            assert (await here.ask(messages=[{"role": "user", "content": text}])).status == 200
            ((served, _),) = (here.asked - before).items()
            assert served == home or home == "first"
