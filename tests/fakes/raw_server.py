"""A server that says exactly the bytes it is told to, and a pool of connections to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from rechenwerk.providers.transport import Answer, Collect, Limits, Pool, Target
from tests.fakes.memory_book import until

PATIENT = Limits(connect=5, first_byte=5, between_bytes=5, total=10)
REQUEST = b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class House:
    """A raw server and a pool of connections to it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.accepted = 0

    async def post(self, limit: int = 1_000_000) -> Answer:
        """One request, and its whole answer."""
        sink = Collect(asyncio.get_running_loop(), limit)
        await self.pool.send(REQUEST, sink)
        async with asyncio.timeout(8):
            return await sink.done

    async def gone(self) -> None:
        """Wait until no connection is left."""
        await until(lambda: not self.pool.open_connections, "a connection is still open")


@asynccontextmanager
async def house(
    handler: Handler,
    limits: Limits = PATIENT,
    served: ssl.SSLContext | None = None,
    trusted: ssl.SSLContext | None = None,
) -> AsyncIterator[House]:
    """A server whose connections are served by `handler`."""
    there: list[House] = []
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there[0].accepted += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(Target("127.0.0.1", port, served is not None, ""), limits, trusted)
    there.append(House(pool))
    try:
        yield there[0]
    finally:
        pool.close()
        server.close()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await there[0].gone()


async def heard(reader: asyncio.StreamReader) -> None:
    """Read one request."""
    await reader.readexactly(len(REQUEST))


def says(*pieces: bytes, close: bool = False) -> Handler:
    """Answer every request with the same bytes, one write each."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await heard(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if close:
                return

    return handler


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def drips(stop: asyncio.Event) -> Handler:
    """A byte again and again, until told to stop."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(HEAD)
        while not stop.is_set():
            writer.write(b".")
            await writer.drain()
            try:
                await asyncio.wait_for(stop.wait(), 0.05)
            except TimeoutError:
                continue

    return handler


def silent(*pieces: bytes) -> Handler:
    """Say so much, then nothing more."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.writelines(pieces)
        await reader.read()

    return handler
