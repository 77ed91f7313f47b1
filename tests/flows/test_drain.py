"""SIGTERM cuts no stream within the grace time, whatever is spoken at its ends, and everything is booked."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from functools import partial

from rechenwerk.base.ids import decode_call
from tests.caller import Reply, ask
from tests.fakes.provider import FakeProvider, Knobs, running_fake
from tests.flows.several import FIRST, KEYS, SECOND, Place, configuration
from tests.installation import Process, gateway_process, town
from tests.spoken import PATHS, SPOKEN, Spoken, body_of, events, how, is_stream, said, words

TOKENS = 60
CALLS = 48
KINDS = ("openai-compatible", "anthropic", "gemini", "bedrock")
PLACES = tuple(Place(kind, kind) for kind in KINDS)


def asked(number: int) -> tuple[Spoken, bool]:
    """The dialect of a call, and whether it is streamed: most are."""
    return SPOKEN[number % len(SPOKEN)], number % 5 != 0


async def call(address: str, key: str, number: int) -> Reply:
    """One of many calls."""
    spoken, stream = asked(number)
    body = body_of(spoken, f"question {number}", 2 * TOKENS, stream=stream)
    return await ask(address, key, body, PATHS[spoken])


def _talks(fake: FakeProvider) -> bool:
    return fake.totals.completion_tokens > 50


async def refused(process: Process) -> None:
    """Wait until the process takes no connection any more, while it still lives."""
    host, port = process.address.removeprefix("http://").split(":")
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except (ConnectionRefusedError, ConnectionResetError):  # reset: it closed in just that moment
                return
            writer.transport.abort()


def test_no_stream_is_cut_in_any_dialect(database_url: str) -> None:
    with ExitStack() as stack:
        slow = Knobs(answer_tokens=TOKENS, pace_ms=20, latency_ms=300)
        fakes = [stack.enter_context(running_fake(slow)) for _ in KINDS]
        asyncio.run(_drain(database_url, fakes))


async def _drain(url: str, fakes: list[FakeProvider]) -> None:
    async with town(url) as there:
        await there.configure(configuration(PLACES, fakes))
        tenant = await there.tenant()
        with gateway_process(url, GRACE="20", **KEYS) as process:
            calls = [asyncio.create_task(call(process.address, tenant.key, n)) for n in range(CALLS)]
            for fake in fakes:  # every kind streams
                await asyncio.to_thread(fake.wait_until, partial(_talks, fake))
            process.process.send_signal(signal.SIGTERM)
            await refused(process)
            assert process.process.poll() is None
            assert not all(task.done() for task in calls)
            replies = await asyncio.gather(*calls)
            assert await asyncio.to_thread(process.process.wait, 20) == 0
        for number, reply in enumerate(replies):
            spoken, stream = asked(number)
            assert (reply.status, is_stream(reply)) == (200, stream)
            assert (how(spoken, reply), said(spoken, reply)) == ("whole", words(TOKENS)), (number, reply)
        rows = await there.settled(CALLS)
        assert {(row["outcome"], row["output"]) for row in rows} == {("posted", TOKENS)}
        assert {row["id"] for row in rows} == {reply.call for reply in replies}
        assert sum(fake.totals.finished for fake in fakes) == len(rows) == CALLS
        assert min(fake.totals.finished for fake in fakes) > 0
        assert await there.pool.fetchval("select count(*) from process where ended_at is null") == 0
        await there.assert_books_verify(tenant.organisation)


def test_a_call_that_goes_on_to_another_provider_ends_as_well(database_url: str) -> None:
    """The first provider is silent until after SIGTERM; the second still serves."""
    slow = Knobs(answer_tokens=TOKENS, pace_ms=10)
    with running_fake(Knobs(hang=True)) as first, running_fake(slow) as second:
        asyncio.run(_fails_over(database_url, first, second))


async def _fails_over(url: str, first: FakeProvider, second: FakeProvider) -> None:
    async with town(url) as there:
        await there.configure(configuration([FIRST, SECOND], [first, second]))
        tenant = await there.tenant()
        with gateway_process(url, GRACE="20", FIRST_BYTE_TIMEOUT="2", BREAKER_FAILURES="1000") as process:
            calls = [asyncio.create_task(call(process.address, tenant.key, n)) for n in range(6)]
            await asyncio.to_thread(first.wait_until, lambda: len(first.requests) == 6)
            process.process.send_signal(signal.SIGTERM)
            await refused(process)
            assert len(second.requests) == 0
            replies = await asyncio.gather(*calls)
            assert await asyncio.to_thread(process.process.wait, 20) == 0
        for number, reply in enumerate(replies):
            spoken, _ = asked(number)
            assert (how(spoken, reply), said(spoken, reply)) == ("whole", words(TOKENS)), (number, reply)
        rows = await there.settled(12)
        assert {row["id"] for row in rows if row["outcome"] == "posted"} == {one.call for one in replies}
        attempts = [row for row in rows if row["attempt_of"]]
        assert {row["attempt_of"] for row in attempts} == {one.call for one in replies}
        assert {(row["outcome"], row["price"]) for row in attempts} == {("unresolved", 0)}
        await there.assert_books_verify(tenant.organisation)


def test_what_outlives_the_grace_time_is_booked(database_url: str) -> None:
    with running_fake(Knobs(answer_tokens=4_000, pace_ms=20)) as fake:
        asyncio.run(_too_long(database_url, fake))


async def _too_long(url: str, fake: FakeProvider) -> None:
    async with town(url) as there:
        await there.configure(configuration([FIRST], [fake]))
        tenant = await there.tenant()
        with gateway_process(url, GRACE="1") as process:
            bodies = [
                (spoken, body_of(spoken, "internationalisation", 4_000, stream=True)) for spoken in SPOKEN
            ]
            calls = [
                asyncio.create_task(ask(process.address, tenant.key, body, PATHS[spoken]))
                for spoken, body in bodies
            ]
            await asyncio.to_thread(fake.wait_until, lambda: fake.totals.completion_tokens > 60)
            process.process.send_signal(signal.SIGTERM)
            replies = await asyncio.gather(*calls)
            assert await asyncio.to_thread(process.process.wait, 20) == 0
        rows = {row["id"]: row for row in await there.settled(3)}
        assert {row["outcome"] for row in rows.values()} == {"unresolved"}
        for record in fake.produced.records:
            row = rows[decode_call(str(record.id))]
            assert "stopped before" in row["reason"]
            assert row["output"] >= record.completion_tokens > 5
            assert row["price"] > 0
        for (spoken, _), reply in zip(bodies, replies, strict=True):
            assert not reply.whole or how(spoken, reply) == "error", events(reply)[-1]
        await there.assert_books_verify(tenant.organisation)
