"""The public server under clients as they are: slow, rude, wrong, gone."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from prometheus_client.parser import text_string_to_metric_families

from rechenwerk.base.settings import Settings
from tests.flows.cloud import tokens_of, until
from tests.flows.raw import Answer, Client, House, open_house

QUICK = Settings(
    attempts=1,
    breaker_failures=1_000_000,
    grace=2.0,
    header_timeout=0.2,
    body_timeout=0.2,
    idle_timeout=0.2,
    max_header=8_000,
    max_body=20_000,
)
VANISHING = 300


def run(flow: Callable[[House], Awaitable[None]], url: str, settings: Settings | None = None) -> None:
    async def inside() -> None:
        async with open_house(url, settings) as house:
            await flow(house)

    uvloop.run(inside())


def refused(answer: Answer, status: int, code: str) -> None:
    """An error of a connection that is then closed: OpenAI's shape, and its id."""
    assert (answer.status, answer.code) == (status, code)
    assert set(answer.json["error"]) == {"message", "type", "param", "code"}
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"].startswith("call_")


# -- time -------------------------------------------------------------------------------------------


def test_slow_clients_are_turned_away(database_url: str) -> None:
    async def flow(house: House) -> None:
        silent, head, body, idle = [await house.client() for _ in range(4)]
        head.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow")
        body.send(house.head("content-length: 100") + b'{"model":')
        idle.send(house.post())
        assert (await idle.answer()).status == 200
        refused(await head.answer(), 408, "request_timeout")
        refused(await body.answer(), 408, "request_timeout")
        for client in (silent, head, body, idle):
            assert await client.ended()
            client.vanish()
        await house.idle()
        assert len(await house.town.settled(1)) == 1

    run(flow, database_url, QUICK)


# -- framing ----------------------------------------------------------------------------------------


def test_a_connection_serves_many_requests(database_url: str) -> None:
    async def flow(house: House) -> None:
        client = await house.client()
        for tokens in (1, 2, 3):
            client.send(house.post(max_tokens=tokens))
            answer = await client.answer()
            assert answer.json["usage"]["completion_tokens"] == tokens
            assert "connection" not in answer.headers
        client.send(b"".join(house.post(max_tokens=tokens) for tokens in (4, 5, 6)))
        pipelined = [await client.answer() for _ in range(3)]
        assert [one.json["usage"]["completion_tokens"] for one in pipelined] == [4, 5, 6]
        client.send(house.post(stream=True) + house.get("/v1/models"))
        assert (await client.answer()).body.endswith(b"data: [DONE]\n\n")
        assert (await client.answer()).json["object"] == "list"
        assert len(house.gateway.server.connections) == 1
        assert house.pool.open_connections == 1, "the provider's connection is kept, too"
        client.send(house.post("connection: close"))
        assert (await client.answer()).headers["connection"] == "close"
        assert await client.ended()
        client.vanish()
        await house.town.settled(8)
        await house.idle()

    run(flow, database_url)


def test_pipelining_is_bounded(database_url: str) -> None:
    async def flow(house: House) -> None:
        many = await house.client()
        many.send(b"".join(house.post(x_fake={"latency_ms": 50}) for _ in range(40)))
        assert await many.ended()
        large = await house.client()
        large.send(b"".join(house.post(pad="x" * 9_000) for _ in range(5)))
        assert await large.ended()
        many.vanish()
        large.vanish()
        await house.idle()
        assert house.fake.totals.accepted == len(await house.town.settled(house.fake.totals.accepted)) <= 2

    run(flow, database_url, Settings(grace=2.0, attempts=1, breaker_failures=1_000_000, max_body=20_000))


def test_http_1_0(database_url: str) -> None:
    async def flow(house: House) -> None:
        for stream in (False, True):
            client = await house.client()
            client.send(house.post(stream=stream).replace(b"HTTP/1.1", b"HTTP/1.0"))
            answer = await client.answer()
            assert answer.status == 200
            assert answer.headers["connection"] == "close"
            assert "transfer-encoding" not in answer.headers
            assert b"word4" in answer.body
            assert answer.body.endswith(b"data: [DONE]\n\n") is stream
            assert await client.ended()
            client.vanish()
        await house.town.settled(2)

    run(flow, database_url)


def test_a_chunked_body_and_one_that_waits_for_leave(database_url: str) -> None:
    async def flow(house: House) -> None:
        client = await house.client()
        _, _, body = house.post().partition(b"\r\n\r\n")
        client.send(house.head("transfer-encoding: chunked"))
        for byte in body:
            client.send(b"1\r\n%c\r\n" % byte)
        client.send(b"0\r\n\r\n")
        assert (await client.answer()).json["usage"]["completion_tokens"] == 5
        client.send(house.head("expect: 100-continue", f"content-length: {len(body)}"))
        assert (await client.answer()).status == 100
        client.send(body)
        assert (await client.answer()).json["usage"]["completion_tokens"] == 5
        assert house.fake.requests[0].raw == house.fake.requests[1].raw == body
        client.vanish()
        await house.town.settled(2)

    run(flow, database_url)


def test_a_stranger_cannot_make_us_keep_a_large_body(database_url: str) -> None:
    async def flow(house: House) -> None:
        for framing in ("content-length: 1000000", "transfer-encoding: chunked"):
            for authorization in ("x-nothing: 1", "authorization: Bearer rw-nobody"):
                client = await house.client()
                lines = ("POST /v1/chat/completions HTTP/1.1", "host: here", authorization, framing, "", "")
                client.send("\r\n".join(lines).encode())
                answer = await client.answer()
                assert answer.status == 401
                assert await client.ended()
                client.vanish()
        await house.idle()

    run(flow, database_url)


def test_head_requests(database_url: str) -> None:
    async def flow(house: House) -> None:
        client = await house.client()
        for path in ("/v1/models", "/health/live", "/v1/models/nothing"):
            client.send(house.get(path, method="HEAD") + house.get(path))
            head = await client.answer(head_only=True)
            whole = await client.answer()
            assert head.status == whole.status
            assert int(head.headers["content-length"]) == len(whole.body)

    run(flow, database_url)


# -- too much, or nonsense --------------------------------------------------------------------------


def test_too_large_requests(database_url: str) -> None:
    async def flow(house: House) -> None:
        endless = b"POST / HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 90) for n in range(100))
        declared = house.head("content-length: 30000") + b"x" * 30_000
        chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        chunked = house.head("transfer-encoding: chunked") + chunk * 6 + b"0\r\n\r\n"
        waiting = house.head("content-length: 30000", "expect: 100-continue")
        cases: tuple[tuple[bytes, int, str], ...] = (
            (endless + b"\r\n", 431, "headers_too_large"),
            (endless, 431, "headers_too_large"),
            (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 431, "headers_too_large"),
            (declared, 413, "body_too_large"),
            (chunked, 413, "body_too_large"),
            (waiting, 413, "body_too_large"),
        )
        for data, status, code in cases:
            for step in (len(data), 1_000):
                client = await house.client()
                for start in range(0, len(data), step):
                    client.send(data[start : start + step])
                refused(await client.answer(), status, code)
                assert await client.ended()
                client.vanish()
        await house.idle()
        assert house.gateway.server.rejected == 12
        assert house.fake.totals.requests == 0

    run(flow, database_url, QUICK)


def test_a_client_who_sends_on_is_heard_to_the_end(database_url: str) -> None:
    """It gets to read why: nothing is reset while its bytes are still on their way."""

    async def flow(house: House) -> None:
        client = await house.client()
        client.send(house.head("content-length: 90000000"))
        for _ in range(200):
            client.send(b"x" * 10_000)
            await client.writer.drain()
        refused(await client.answer(), 413, "body_too_large")
        assert await client.ended()
        await until(lambda: not house.gateway.server.connections)  # though the client has not closed yet

    run(flow, database_url, QUICK)


NONSENSE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"hello\r\n\r\n",
    b"GET /v1/models HTTP/9.9\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nbad header\r\n\r\n",
    b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
)
BAD_FRAMING = (
    ("transfer-encoding: chunked",),
    ("content-length: 5", "transfer-encoding: chunked"),
)


def test_nonsense(database_url: str) -> None:
    async def flow(house: House) -> None:
        for data in (*NONSENSE, *(house.head(*lines) + b"zz\r\n" for lines in BAD_FRAMING)):
            client = await house.client()
            client.send(data)
            refused(await client.answer(), 400, "malformed_request")
            assert await client.ended()
            client.vanish()
        await house.idle()

    run(flow, database_url, QUICK)


def test_the_house_is_full(database_url: str) -> None:
    async def flow(house: House) -> None:
        first, second = await house.client(), await house.client()
        for client in (first, second):
            client.send(house.post())
            assert (await client.answer()).status == 200
        third = await house.client()
        refused(await third.answer(), 503, "too_many_connections")
        assert await third.ended()
        first.vanish()
        await until(lambda: len(house.gateway.server.connections) == 1)
        fourth = await house.client()
        fourth.send(house.post())
        assert (await fourth.answer()).status == 200
        for client in (second, third, fourth):
            client.vanish()

    run(flow, database_url, Settings(grace=2.0, attempts=1, breaker_failures=1_000_000, max_connections=2))


# -- gone -------------------------------------------------------------------------------------------


def test_a_client_vanishes_while_it_waits(database_url: str) -> None:
    async def flow(house: House) -> None:
        for stream in (False, True):
            client = await house.client()
            client.send(house.post(stream=stream, x_fake={"latency_ms": 60}))
            accepted = 1 + stream
            await house.fake.until(lambda: house.fake.totals.accepted == accepted)  # noqa: B023
            client.vanish()
        await house.idle()
        for call in await house.town.settled(2):
            assert (call["outcome"], tokens_of(call)) == ("posted", (5, 5))
        await house.town.assert_books_verify(house.tenant.organisation)

    run(flow, database_url)


def test_a_client_vanishes_in_the_middle_of_a_stream(database_url: str) -> None:
    async def flow(house: House) -> None:
        client = await house.client()
        client.send(house.post(stream=True, max_tokens=20, x_fake={"pace_ms": 5}))
        await client.answer(head_only=True)
        await client.chunk()
        client.vanish()
        await house.idle()
        (call,) = await house.town.settled(1)
        assert (call["outcome"], call["usage_source"]) == ("posted", "reported")
        assert tokens_of(call) == (5, 20), "the gateway read on"

    run(flow, database_url)


def test_nobody_reads_on_for_ever(database_url: str) -> None:
    async def flow(house: House) -> None:
        client = await house.client()
        client.send(house.post(stream=True, max_tokens=20, x_fake={"stall_after_events": 4}))
        await client.answer(head_only=True)
        await client.chunk()
        client.vanish()
        await house.idle()
        (call,) = await house.town.settled(1)
        assert (call["outcome"], call["usage_source"]) == ("unresolved", "estimated")
        assert "the client was gone" in call["reason"]
        assert tokens_of(call)[1] >= house.fake.totals.completion_tokens == 3
        await house.town.assert_books_verify(house.tenant.organisation)

    run(flow, database_url, Settings(grace=2.0, attempts=1, breaker_failures=1_000_000, drain_timeout=0.1))


async def lazy_client(house: House, data: bytes) -> socket.socket:
    """A client that sends and then reads nothing, with a small window."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", house.port))
    await loop.sock_sendall(sock, data)
    return sock


async def stuck(house: House) -> int:
    """Wait until the provider waits for the reader; returns how much it has made by then."""
    other = await house.client()
    made = -1
    while made != house.fake.totals.completion_tokens:
        await until(lambda: any(wire.paused for wire in house.fake.wires))
        made = house.fake.totals.completion_tokens
        for _ in range(100):  # the loop goes round, others are served
            assert (await ask(other, house.get("/health/live"))).status == 200
    other.vanish()
    await until(lambda: len(house.gateway.server.connections) == 1)
    return made


TOKENS = 10_000


def test_a_slow_reader_slows_the_provider_down(database_url: str) -> None:
    async def flow(house: House) -> None:
        house.fake.knobs.answer_text = ("x" * 2_000 + " ") * TOKENS
        sock = await lazy_client(house, house.post(stream=True, max_tokens=TOKENS))
        assert await stuck(house) < TOKENS
        (connection,) = house.gateway.server.connections
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() < 2_000_000
        seen = bytearray()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            while not seen.endswith(b"0\r\n\r\n"):
                seen += await loop.sock_recv(sock, 1 << 20)
        assert b"data: [DONE]" in seen[-100:]
        sock.close()
        (call,) = await house.town.settled(1)
        assert (call["outcome"], tokens_of(call)[1]) == ("posted", TOKENS)
        await house.idle()

    run(flow, database_url)


def test_a_reader_who_never_reads_is_dropped(database_url: str) -> None:
    async def flow(house: House) -> None:
        house.fake.knobs.answer_text = ("x" * 2_000 + " ") * TOKENS
        sock = await lazy_client(house, house.post(stream=True, max_tokens=TOKENS))
        await house.idle()
        (call,) = await house.town.settled(1)
        assert (call["outcome"], tokens_of(call)[1]) == ("posted", TOKENS), "read on for its usage"
        sock.close()

    run(flow, database_url, Settings(grace=2.0, attempts=1, breaker_failures=1_000_000, write_timeout=0.3))


def test_many_vanish_at_random_moments(database_url: str) -> None:
    chance = random.Random(2)

    async def one(house: House, number: int) -> None:
        client = await house.client()
        request = house.post(
            stream=chance.random() < 0.6,
            max_tokens=chance.randint(1, 20),
            x_fake={"pace_ms": chance.choice([0, 1, 3]), "latency_ms": chance.choice([0, 2, 10])},
            user=str(number),
        )
        leaves_at = chance.random()
        client.send(request[: int(len(request) * 2 * leaves_at)])
        if leaves_at > 0.5:
            assert await client.reader.read(chance.randint(1, 1_500)), "the gateway hung up"
        client.vanish()

    async def flow(house: House) -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*[one(house, number) for number in range(VANISHING)])
        await house.idle()
        totals = house.fake.totals
        calls = await house.town.settled(totals.accepted)
        assert len(calls) == totals.accepted > VANISHING // 4
        assert all(call["outcome"] == "posted" for call in calls)
        assert sum(tokens_of(call)[0] for call in calls) == totals.prompt_tokens
        assert sum(tokens_of(call)[1] for call in calls) == totals.completion_tokens
        await house.town.assert_books_verify(house.tenant.organisation)

    run(flow, database_url)


# -- health and metrics -----------------------------------------------------------------------------


async def ask(client: Client, data: bytes) -> Answer:
    client.send(data)
    return await client.answer()


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """Name and label values in the order of the names -> value."""
    return {
        (sample.name, *[value for _, value in sorted(sample.labels.items())]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_health(database_url: str) -> None:
    async def flow(house: House) -> None:
        client = await house.client()
        assert (await ask(client, house.get("/health/live"))).json == {"status": "live"}
        ready = await ask(client, house.get("/health/ready"))
        assert (ready.status, ready.json["status"]) == (200, "ready")
        assert ready.json["snapshot_age_seconds"] < 5

    run(flow, database_url)


def test_metrics_match_the_books(database_url: str) -> None:
    async def flow(house: House) -> None:
        client = await house.client()
        kinds: list[dict[str, Any]] = [{}, {}, {"stream": True}, {"x_fake": {"status": 500}}]
        for more in kinds:
            await ask(client, house.post(**more))
        await ask(client, house.post(path="/v1/completions", prompt="one two", messages=None))
        await ask(client, house.post(path="/v1/embeddings", input="one two three"))
        await ask(client, house.post(max_tokens=0))
        calls = await house.town.settled(6)
        answer = await ask(client, house.get("/metrics"))
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        seen = samples(answer.body)
        booked = Counter((call["endpoint"], call["outcome"]) for call in calls)
        assert len(booked) == 4
        for (endpoint, outcome), count in booked.items():
            same = [call for call in calls if (call["endpoint"], call["outcome"]) == (endpoint, outcome)]
            labels = (endpoint, "fake-model", outcome)
            assert seen["rechenwerk_calls_total", *labels] == count
            price = seen["rechenwerk_price_total", *labels]
            assert round(price * 1e9) == sum(int(call["price"]) for call in same)
            for bucket in ("input", "cached_input", "cache_write", "output", "reasoning"):
                told = seen["rechenwerk_tokens_total", bucket, *labels]
                assert told == sum(call[bucket] for call in same)
        assert seen["rechenwerk_call_seconds_count",] == 6
        assert seen["rechenwerk_refusals_total", "integer_below_min_value"] == 1
        assert seen["rechenwerk_client_connections",] == 1
        assert seen["rechenwerk_till_waiting",] == 0
        far = await ask(client, house.get("/metrics", "x-forwarded-for: 192.0.2.1"))
        assert (far.status, far.code) == (403, "missing_scope")

    run(flow, database_url)


def test_an_answer_of_the_gateway_is_one_write(database_url: str) -> None:
    """Nothing of a request's own bytes comes back where it could be taken for a header."""

    async def flow(house: House) -> None:
        client = await house.client()
        client.send(house.post("idempotency-key: a b c", model="x\r\nset-cookie: y"))
        answer = await client.answer()
        assert answer.status == 404
        assert "set-cookie" not in answer.headers
        assert json.loads(answer.body)["error"]["code"] == "model_not_found"

    run(flow, database_url)
