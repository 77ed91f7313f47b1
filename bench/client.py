"""Two clients of our own: one that times single calls exactly, one that holds many streams."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import httptools

from bench.machine import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.lab import Target

EVENT = b"data: "
TOKENS = re.compile(rb'"completion_tokens"\s*:\s*(\d+)')


class Caller:
    """One kept-alive connection on a blocking socket: nothing between the call and the clock."""

    def __init__(self, target: Target, patience: float = 60) -> None:
        self.target = target
        self.request = target.request(target.body(64))
        self.link = socket.create_connection(("127.0.0.1", target.port), patience)
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.complete = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.link.close()

    def on_message_complete(self) -> None:
        self.complete = True

    def call(self) -> float:
        """Milliseconds of one call, from the first byte sent to the last one received."""
        self.complete = False
        parser: Any = httptools.HttpResponseParser(self)
        begun = time.perf_counter_ns()
        self.link.sendall(self.request)
        while not self.complete:
            data = self.link.recv(65536)
            if not data:
                raise BenchError(f"{self.target.name} closed the connection")
            parser.feed_data(data)
        took = (time.perf_counter_ns() - begun) / 1e6
        if parser.get_status_code() != 200:
            raise BenchError(f"{self.target.name} answered {parser.get_status_code()}: {data[-300:]!r}")
        return took


def probe(target: Target, *, patience: float = 15) -> None:
    """Waits until a target answers one call with success, for instance after its configuration changed."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with Caller(target, patience) as caller:
                caller.call()
                return
        except (BenchError, OSError) as refused:
            if time.monotonic() > deadline:
                raise BenchError(f"{target.name} does not answer: {refused}") from refused
        time.sleep(0.2)


@dataclass
class Stream(asyncio.Protocol):
    """One streamed call in OpenAI's dialect."""

    LAST: ClassVar[bytes] = b"[DONE]"
    USED: ClassVar[re.Pattern[bytes]] = TOKENS

    request: bytes
    begun: float = 0.0
    first: float = 0.0
    ended: float = 0.0
    events: int = 0
    tail: bytes = b""
    status: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        link: Any = transport
        self.transport = link
        self.parser: Any = httptools.HttpResponseParser(self)
        self.begun = time.perf_counter()
        link.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        if not self.first:
            self.first = time.perf_counter()
            self.status = self.parser.get_status_code()
        # A marker may lie across two pieces: it is counted in the piece that completes it.
        joined = self.tail[-(len(EVENT) - 1) :] + data
        self.events += joined.count(EVENT)
        self.tail = (self.tail + data)[-2000:]

    def on_message_complete(self) -> None:
        self.ended = time.perf_counter()
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.over.set()

    def fault(self, tokens: int) -> str:
        """What is wrong with the stream, or nothing."""
        if self.status != 200:
            return f"status {self.status}: {self.tail[-200:]!r}"
        if not self.ended or self.LAST not in self.tail:
            return f"cut after {self.events} events"
        used = self.USED.findall(self.tail)
        if not used or int(used[-1]) != tokens:
            return f"usage {used[-1:]!r} where {tokens} tokens were streamed"
        return "" if self.events > tokens else f"{self.events} events for {tokens} tokens"


async def open_streams(
    target: Target, count: int, tokens: int, apart: float, kind: type[Stream] = Stream
) -> list[Stream]:
    """Opens streams one after the other, `apart` seconds between them."""
    loop = asyncio.get_running_loop()
    request = target.request(target.body(tokens, stream=True))
    streams = [kind(request) for _ in range(count)]
    begun = loop.time()
    opening: set[asyncio.Task[Any]] = set()
    for number, stream in enumerate(streams):
        # Bound as a default, because the factory is called later.
        factory = lambda stream=stream: stream  # noqa: E731
        opening.add(asyncio.create_task(loop.create_connection(factory, "127.0.0.1", target.port)))
        pause = begun + (number + 1) * apart - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
    refused = [
        end for end in await asyncio.gather(*opening, return_exceptions=True) if isinstance(end, OSError)
    ]
    if refused:
        raise BenchError(f"{target.name} refused {len(refused)} of {count} connections: {refused[0]}")
    return streams


async def finished(streams: Sequence[Stream], limit: float) -> None:
    """Waits for the end of all streams, however they end."""
    try:
        async with asyncio.timeout(limit):
            for stream in streams:
                await stream.over.wait()
    except TimeoutError:
        for stream in streams:
            stream.transport.abort()


def faults(streams: Sequence[Stream], tokens: int) -> list[str]:
    """What is wrong with any of the streams."""
    return [fault for fault in (stream.fault(tokens) for stream in streams) if fault]
