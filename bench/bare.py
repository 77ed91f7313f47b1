"""The bare road: the least Python that checks a key, holds durably, asks the provider and posts.

`python -m bench.bare PORT UPSTREAM_PORT PATH DATABASE_URL`. It shows what this machine's Python can reach
with uvicorn, httptools and asyncpg when errors, streams, guards, metrics and constraints are left out. It is
a measure, never an example.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from hashlib import sha256
from itertools import count
from typing import Any

import asyncpg
import httptools
import msgspec
import uvicorn

TABLES = """
create table if not exists bare_hold (id bigint primary key, project int, amount bigint, open boolean);
create table if not exists bare_call (id bigint primary key, project int, cost bigint, price bigint);
create table if not exists bare_entry (call bigint, account int, amount bigint);
truncate bare_hold, bare_call, bare_entry
"""
HOLD = "insert into bare_hold select *, true from unnest($1::bigint[], $2::int[], $3::bigint[])"
CALL = "insert into bare_call select * from unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[])"
ENTRY = "insert into bare_entry select * from unnest($1::bigint[], $2::int[], $3::bigint[])"
CLOSE = "update bare_hold set open = false where id = any($1::bigint[])"
HEAD = b"POST %s HTTP/1.1\r\nHost: bare\r\nContent-Type: application/json\r\n"
JSON = (b"content-type", b"application/json")
ACCOUNTS = (1, 2, 3, 4)


class Asked(msgspec.Struct):
    """What of a request matters here."""

    model: str
    max_tokens: int = 256


class Used(msgspec.Struct):
    """A provider's usage."""

    prompt_tokens: int
    completion_tokens: int


class Answered(msgspec.Struct):
    """What of an answer matters here."""

    usage: Used


ASKED = msgspec.json.Decoder(Asked)
ANSWERED = msgspec.json.Decoder(Answered)


class Link(asyncio.Protocol):
    """A connection to the provider."""

    def __init__(self, idle: deque[Link], head: bytes) -> None:
        self.idle = idle
        self.head = head
        self.transport: Any = None
        self.parser: Any = None
        self.parts: list[bytes] = []
        self.answer: asyncio.Future[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def post(self, body: bytes) -> asyncio.Future[bytes]:
        self.parser = httptools.HttpResponseParser(self)
        self.parts = []
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"%sContent-Length: %d\r\n\r\n%s" % (self.head, len(body), body))
        return self.answer

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        self.idle.append(self)
        self.answer.set_result(b"".join(self.parts))


class Bare:
    """The road, as an ASGI application."""

    def __init__(self, upstream: int, path: str, url: str) -> None:
        self.upstream = upstream
        self.head = HEAD % path.encode()
        self.url = url
        self.ids = count(1)
        self.idle: deque[Link] = deque()
        self.projects: dict[bytes, int] = {}
        self.bucket = 1e12
        self.wake = asyncio.Event()
        self.holds: list[tuple[int, int, int]] = []
        self.posts: list[tuple[int, int, int, int]] = []
        self.durable: asyncio.Future[None]
        self.writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.durable = asyncio.get_running_loop().create_future()
        connection = await asyncpg.connect(self.url)
        await connection.execute(TABLES)
        self.writer = asyncio.create_task(self.write(connection))

    async def write(self, connection: asyncpg.Connection) -> None:
        """Group commits: what arrives while one runs goes out with the next."""
        hold, call, entry, close = [await connection.prepare(query) for query in (HOLD, CALL, ENTRY, CLOSE)]
        while True:
            await self.wake.wait()
            self.wake.clear()
            holds, posts, durable = self.holds, self.posts, self.durable
            self.holds, self.posts = [], []
            self.durable = asyncio.get_running_loop().create_future()
            async with connection.transaction():
                if holds:
                    await hold.fetch(*map(list, zip(*holds, strict=True)))
                if posts:
                    await call.fetch(*map(list, zip(*posts, strict=True)))
                    lines = [
                        (number, account, amount)
                        for number, _, cost, price in posts
                        for account, amount in zip(ACCOUNTS, (cost, -cost, price, -price), strict=True)
                    ]
                    await entry.fetch(*map(list, zip(*lines, strict=True)))
                    await close.fetch([number for number, *_ in posts])
            durable.set_result(None)

    async def provider(self) -> Link:
        if self.idle:
            return self.idle.popleft()
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(lambda: Link(self.idle, self.head), "127.0.0.1", self.upstream))[
            1
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "GET":  # is anybody there?
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        if self.writer is None:
            await self.start()
        body = (await receive())["body"]
        key = next(value for name, value in scope["headers"] if name == b"authorization")
        project = self.projects.setdefault(sha256(key).digest(), 1)
        self.bucket -= 1
        number = next(self.ids)
        self.holds.append((number, project, ASKED.decode(body).max_tokens * 600))
        durable = self.durable
        self.wake.set()
        answer = await (await self.provider()).post(body)
        used = ANSWERED.decode(answer).usage
        await durable
        cost = used.prompt_tokens * 150 + used.completion_tokens * 600
        self.posts.append((number, project, cost, cost * 12 // 10))
        self.wake.set()
        length = (b"content-length", b"%d" % len(answer))
        name = (b"x-request-id", b"%d" % number)
        await send({"type": "http.response.start", "status": 200, "headers": [JSON, length, name]})
        await send({"type": "http.response.body", "body": answer})


def main() -> None:
    """Serve until told to stop."""
    port, upstream, path, url = sys.argv[1:]
    uvicorn.run(
        Bare(int(upstream), path, url),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
