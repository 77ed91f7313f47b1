"""Byte for byte: what a client sends and gets, held by golden files.

`tests/golden/splice/NAME.client.json` goes in, `NAME.provider.json` must come out at the provider. The
expected bytes were written by hand; nothing generates them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from rechenwerk.wire.openai import Request, Splice, read_request, splice
from tests.flows.cloud import tokens_of
from tests.flows.raw import Answer, House, open_house

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
CASES = sorted(path.name.removesuffix(".client.json") for path in (GOLDEN / "splice").glob("*.client.json"))
PATHS = {"completions": "/v1/completions", "embeddings": "/v1/embeddings"}


def deployment(model: str, provider: str, upstream: str, tier: str = "") -> str:
    endpoints = ["chat"] if tier else ["chat", "completions", "embeddings"]
    return f"""
[[deployment]]
model = "{model}"
provider = "{provider}"
contract = "{provider} on demand"
upstream = "{upstream}"
endpoints = {json.dumps(endpoints)}
service_tier = "{tier}"
context_tokens = 8000
max_output_tokens = 512
cost = {{ input = "1", cached_input = "0.5", cache_write = "1.25", output = "2", reasoning = "3" }}
[[tariff]]
model = "{model}"
price = {{ input = "10", cached_input = "5", cache_write = "12.5", output = "20", reasoning = "30" }}
"""


def provider(name: str, kind: str) -> str:
    return f"""
[[provider]]
name = "{name}"
kind = "{kind}"
base_url = "{{url}}"
[[contract]]
name = "{name} on demand"
provider = "{name}"
kind = "on-demand"
"""


CONFIGURATION = (
    'currency = "EUR"'
    + provider("plain", "openai-compatible")
    + provider("openai", "openai")
    + deployment("fake-model", "plain", "fake-model")
    + deployment("renamed", "plain", "other")
    + deployment("openai-model", "openai", "fake-model")
    + deployment("fake-model-flex", "openai", "fake-model", "flex")
)


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


class Canned:
    """An upstream that answers every request with the same bytes, written in the pieces that a test wants."""

    def __init__(self) -> None:
        self.kind = b"application/json"
        self.pieces: Sequence[bytes] = ()
        self.chunked = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                found = re.search(rb"content-length: (\d+)", head)
                assert found
                await reader.readexactly(int(found[1]))
                await self._answer(writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        framing = b"transfer-encoding: chunked"
        if not self.chunked:
            framing = b"content-length: %d" % sum(map(len, self.pieces))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n" % (self.kind, framing))
        for piece in self.pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)
            await writer.drain()
            await asyncio.sleep(0)  # the loop goes round: each piece leaves by itself
        if self.chunked:
            writer.write(b"0\r\n\r\n")


@asynccontextmanager
async def canned_house(url: str) -> AsyncIterator[tuple[House, Canned]]:
    canned = Canned()
    server = await asyncio.start_server(canned.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    text = CONFIGURATION.replace("{url}", f"http://127.0.0.1:{port}/v1")
    try:
        async with open_house(url, configuration=text) as house:
            yield house, canned
    finally:
        server.close()


async def post(house: House, body: bytes, path: str = "/v1/chat/completions") -> Answer:
    client = await house.client()
    client.send(house.head(f"content-length: {len(body)}", path=path) + body)
    answer = await client.answer()
    client.vanish()
    return answer


# -- requests ---------------------------------------------------------------------------------------


def test_every_splice_gives_the_golden_bytes(database_url: str) -> None:
    async def flow() -> None:
        async with open_house(database_url, configuration=CONFIGURATION) as house:
            house.fake.knobs.models = ["fake-model", "other"]
            for number, name in enumerate(CASES, 1):
                path = PATHS.get(name, "/v1/chat/completions")
                answer = await post(house, golden(f"splice/{name}.client.json"), path)
                assert answer.status == 200, (name, answer.body)
                seen = house.fake.requests[-1]
                assert seen.raw == golden(f"splice/{name}.provider.json"), name
                assert seen.target == path
                assert len(await house.town.settled(number)) == number

    assert len(CASES) >= 24
    uvloop.run(flow())


def test_a_spliced_body_means_the_same() -> None:
    """What a parser sees differs in the spliced fields alone."""
    for name in CASES:
        before = msgspec.json.decode(golden(f"splice/{name}.client.json"))
        after = msgspec.json.decode(golden(f"splice/{name}.provider.json"))
        spliced = {"model", "max_tokens", "max_completion_tokens", "stream_options", "service_tier"}
        assert {key: value for key, value in after.items() if key not in spliced} == {
            key: value for key, value in before.items() if key not in spliced
        }
        assert list(after).index("model") - len(set(after) - set(before)) == list(before).index("model")


def test_a_body_with_nothing_to_splice_is_the_same_object() -> None:
    body = golden("splice/same.client.json")
    request = read_request(body)
    assert isinstance(request, Request)
    assert splice(body, request, Splice("fake-model")) is body


def test_what_goes_with_the_body(database_url: str) -> None:
    """The client's key stays here, the call's id goes along, and nothing else of the client's head."""

    async def flow() -> None:
        async with open_house(database_url) as house:
            client = await house.client()
            client.send(house.post("x-secret: mine", "cookie: mine", "openai-organization: mine"))
            answer = await client.answer()
            headers = house.fake.requests[-1].headers
            assert headers.pop("x-request-id") == answer.headers["x-request-id"]
            assert set(headers) == {"host", "content-type", "content-length"}
            await house.town.settled(1)

    uvloop.run(flow())


# -- answers ----------------------------------------------------------------------------------------


def with_canned(
    flow: Callable[[House, Canned], Awaitable[None]],
    url: str,
) -> None:
    async def inside() -> None:
        async with canned_house(url) as (house, canned):
            await flow(house, canned)

    uvloop.run(inside())


def test_a_whole_answer_comes_as_it_is(database_url: str) -> None:
    async def flow(house: House, canned: Canned) -> None:
        whole = golden("answer.json")
        for number, pieces in enumerate(([whole], [whole[:99], whole[99:]], [b"%c" % c for c in whole])):
            for canned.chunked in (False, True):
                canned.pieces = pieces
                answer = await post(house, golden("splice/same.client.json"))
                assert (answer.status, answer.body) == (200, whole), number
        calls = await house.town.settled(6)
        for call in calls:
            buckets = ("input", "cached_input", "cache_write", "output", "reasoning")
            assert [call[bucket] for bucket in buckets] == [5, 3, 2, 2, 4]
            assert call["raw_usage"].encode() in whole
            assert call["price"] == 5 * 10_000 + 3 * 5_000 + 2 * 12_500 + 2 * 20_000 + 4 * 30_000
            assert call["cost"] * 10 == call["price"]
        await house.town.assert_books_verify(house.tenant.organisation)

    with_canned(flow, database_url)


def frames_of(stream: bytes) -> list[bytes]:
    """Whole events, their ends included."""
    return re.findall(rb".*?\r?\n\r?\n", stream, re.DOTALL)


def cuts(stream: bytes) -> list[list[bytes]]:
    """The same bytes in one write, one per frame, byte by byte, and cut inside frames."""
    return [
        [stream],
        frames_of(stream),
        [b"%c" % byte for byte in stream],
        [stream[start : start + 37] for start in range(0, len(stream), 37)],
    ]


def test_a_stream_comes_as_it_is(database_url: str) -> None:
    """Comments, names, ids, lines without a space, many frames per write, parts of frames, CR LF."""

    async def flow(house: House, canned: Canned) -> None:
        canned.kind = b"text/event-stream"
        calls = 0
        for ending in (b"\n", b"\r\n"):
            stream = golden("sse/provider.txt").replace(b"\n", ending)
            without = golden("sse/without-usage.txt").replace(b"\n", ending)
            for canned.pieces in cuts(stream):
                asked = await post(house, golden("splice/same-stream.client.json"))
                assert asked.body == stream
                silent = await post(house, golden("splice/usage.client.json"))
                assert silent.body == without
                assert silent.headers["content-type"].startswith("text/event-stream")
                calls += 2
        for call in await house.town.settled(calls):
            assert (call["outcome"], call["usage_source"], tokens_of(call)) == ("posted", "reported", (7, 9))

    with_canned(flow, database_url)


def test_a_stream_that_ends_without_its_last_newline(database_url: str) -> None:
    async def flow(house: House, canned: Canned) -> None:
        canned.kind = b"text/event-stream"
        stream = golden("sse/provider.txt")
        for cut in (1, 2):
            canned.pieces = [stream[:-cut]]
            answer = await post(house, golden("splice/same-stream.client.json"))
            assert answer.body == stream[:-cut]
        assert [call["outcome"] for call in await house.town.settled(2)] == ["posted", "posted"]

    with_canned(flow, database_url)


KNOBS: tuple[dict[str, Any], ...] = (
    {},
    {"crlf": True},
    {"split_writes": True},
    {"many_frames_per_write": 7},
    {"crlf": True, "split_writes": True, "many_frames_per_write": 3},
    {"usage_on_last_content_chunk": True},
    {"huge_frame": 300_000},
    {"no_usage": True},
)


def test_the_fakes_streams_come_as_they_are(database_url: str) -> None:
    """Compared with what the fake says to a client of its own; ids and times differ by nature."""

    def same(body: bytes) -> bytes:
        return re.sub(rb'"(id|created)":("[^"]*"|\d+)', b'"\\1":0', body)

    async def flow() -> None:
        async with open_house(database_url) as house:
            direct = await open_direct(house)
            for number, knobs in enumerate(KNOBS, 1):
                data = house.post(stream=True, stream_options={"include_usage": True}, x_fake=knobs)
                client = await house.client()
                client.send(data)
                through = await client.answer()
                direct.send(data)
                assert same(through.body) == same((await direct.answer()).body), knobs
                client.vanish()
                await house.town.settled(number)
            direct.vanish()

    uvloop.run(flow())


async def open_direct(house: House) -> Any:
    """A client of the fake itself."""
    port, house.port = house.port, int(house.fake.url.rpartition(":")[2])
    client = await house.client()
    house.port = port
    return client


def test_a_usage_that_comes_with_content_stays(database_url: str) -> None:
    """Only a frame that exists for the usage alone is taken out."""

    async def flow() -> None:
        async with open_house(database_url) as house:
            client = await house.client()
            client.send(house.post(stream=True, x_fake={"usage_on_last_content_chunk": True}))
            answer = await client.answer()
            assert b'"finish_reason":"length"}],"usage":{"prompt_tokens"' in answer.body
            (call,) = await house.town.settled(1)
            assert (call["outcome"], tokens_of(call)) == ("posted", (5, 5))

    uvloop.run(flow())
