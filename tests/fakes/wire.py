"""One connection of HTTP/1.1: requests out of it, answers into it, and the rude ways to end it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import Protocol, cast

import httptools

from tests.fakes.book import Seen

REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}
# With a linger of zero, closing sends RST and drops what is unsent.
NO_LINGER = struct.pack("ii", 1, 0)
MANY_WAITING = 64
DRAIN_STEP_S = 0.001


class Exchange(Protocol):
    """What is busy with the request at hand."""

    def gone(self) -> None:
        """The client went away."""

    def resumed(self) -> None:
        """The client reads again."""


class House(Protocol):
    """Who answers."""

    wires: set[Wire]

    def left(self, wire: Wire) -> None:
        """The connection is closed."""

    def serve(self, wire: Wire, seen: Seen) -> None:
        """Answer now, or set `wire.exchange` and answer later; then call `wire.done()`."""


class Wire(asyncio.Protocol):
    """Requests of one connection are answered one after the other; pipelined ones wait."""

    transport: asyncio.Transport

    def __init__(self, house: House) -> None:
        self.house = house
        self.exchange: Exchange | None = None
        self.paused = False
        self.closed = False
        self._busy = False
        self._advancing = False
        self._last = False
        self._deaf = False
        self._waiting: deque[Seen] = deque()
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has no common base with it
        self.house.wires.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed = True
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.gone()
        self.house.left(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._busy:
                self.reply(400, b"not HTTP/1.1\n", content_type=b"text/plain", close=True)
            self.transport.close()
            return
        # Not from inside the parser: it would turn our own mistakes into the client's.
        self._advance()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.exchange is not None:
            self.exchange.resumed()

    # The parser calls these.

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if len(name) == 6 and name.lower() == b"expect":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        seen = Seen(
            self._parser.get_method().decode(),
            self._target.decode("latin-1"),
            self._headers,
            self._body[0] if len(self._body) == 1 else b"".join(self._body),
            self._parser.should_keep_alive(),
        )
        self._target, self._headers, self._body = b"", [], []
        self._waiting.append(seen)
        if len(self._waiting) > MANY_WAITING and not self._deaf:
            self._deaf = True
            self.transport.pause_reading()

    # Who answers calls these.

    def done(self) -> None:
        """The answer at hand is complete."""
        self.exchange = None
        self._busy = False
        if self._last:
            self.transport.close()
        elif not self._advancing:
            self._advance()

    def _advance(self) -> None:
        # A loop, as a thousand pipelined requests would be too deep a recursion.
        self._advancing = True
        while self._waiting and not self._busy and not self._last and not self.closed:
            seen = self._waiting.popleft()
            self._busy = True
            self._last = not seen.keep_alive
            self.house.serve(self, seen)
        self._advancing = False
        if self._deaf and not self._waiting:
            self._deaf = False
            self.transport.resume_reading()

    def reply(
        self,
        status: int,
        body: bytes,
        extra: bytes = b"",
        *,
        content_type: bytes = b"application/json",
        close: bool = False,
        cut: bool = False,
    ) -> None:
        """Write a whole answer, or with `cut` one that promises twice what it sends."""
        self._last = self._last or close
        head = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n" % (
            status,
            REASONS.get(status, b"Status"),
            content_type,
            len(body),
            b"connection: close\r\n" if self._last else b"",
            extra,
        )
        self.transport.write(head + (body[: len(body) // 2] if cut else body))

    def open_stream(self, content_type: bytes, extra: bytes = b"", *, close: bool = False) -> None:
        self._last = self._last or close
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n"
            b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n%b%b\r\n"
            % (content_type, b"connection: close\r\n" if self._last else b"", extra),
        )

    def retire(self) -> None:
        """Close when the answer at hand is complete, or now when there is none."""
        self._last = True
        if not self._busy:
            self.transport.close()

    def hang_up(self) -> None:
        """An orderly close after what was written; the client did not leave, we did."""
        self.exchange = None
        self._last = True
        self.transport.close()

    def drop(self) -> None:
        """The fake itself shuts down: nobody is blamed."""
        self.exchange = None
        self.transport.abort()

    def reset(self) -> None:
        """RST, once the operating system has taken what was written, so that the client can still read it."""
        self.exchange = None
        self._last = True
        if self.closed:
            return
        if self.transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(DRAIN_STEP_S, self.reset)
            return
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()
