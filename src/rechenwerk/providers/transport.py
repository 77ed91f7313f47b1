"""The one HTTP/1.1 client: pooled connections to a provider, callbacks instead of tasks on the hot path.

Sources: RFC 9112 (message framing, connection reuse); llhttp through httptools does the parsing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools
import msgspec

from rechenwerk.base.errors import BrokenError, ConnectError, ProviderError, RechenwerkError
from rechenwerk.base.reasons import reason

# Shorter than any server's keep-alive known to us, so that a request rarely meets a closing connection.
_IDLE_SECONDS = 2.0
_TICK = 0.25
_MOST_UNHEARD = 1_000_000
"""Bytes that may come without a byte of a body among them: a head, trailers, the extensions of chunks."""


class Sink(Protocol):
    """Who receives an answer. Called on the event loop, in order; must not block."""

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """The head is complete; header names are lower-case."""

    def data(self, chunk: bytes) -> None:
        """A piece of the body, transfer coding removed."""

    def end(self) -> None:
        """The answer is complete."""

    def broken(self, error: ProviderError) -> None:
        """The answer will never be complete."""


class Limits(msgspec.Struct, frozen=True):
    """Deadlines of one attempt, seconds."""

    connect: float
    first_byte: float
    between_bytes: float
    total: float


class Target(msgspec.Struct, frozen=True):
    """Where a provider listens."""

    host: str
    port: int
    tls: bool
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Read a base URL.

    Raises:
        RechenwerkError: not an http or https URL with a host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise RechenwerkError(f"{url!r} is not an address; write it like https://api.example.com/v1")
    tls = parts.scheme == "https"
    return Target(parts.hostname, port or (443 if tls else 80), tls, parts.path.rstrip("/"))


class Exchange(asyncio.Protocol):
    """A connection to a provider; carries one request at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._sink: Sink | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._framed = False
        self._head = False
        self._paused = False
        self._unheard = 0
        self.idle_since = 0.0
        self.idle_limit = _IDLE_SECONDS
        self._total_at = 0.0
        self._next_at = 0.0

    # -- the request ------------------------------------------------------------------------------

    def send(self, data: bytes, sink: Sink, total_at: float) -> None:
        """Write a whole request; the answer goes to `sink`, all of it until `total_at`."""
        assert self._transport is not None
        self._sink = sink
        self._unheard = 0
        self._total_at = total_at
        self._next_at = self._pool.now() + self._pool.limits.first_byte
        self._transport.write(data)

    def abort(self) -> None:
        """Hang up; the sink hears nothing more."""
        self._sink = None
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading: the client is slower than the provider."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
            self._next_at = self._total_at

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
            self._next_at = self._pool.now() + self._pool.limits.between_bytes

    def check(self, now: float) -> None:
        """Fail when a deadline has passed."""
        if self._sink is not None and now > min(self._next_at, self._total_at):
            self._fail(BrokenError(reason("too_late" if now > self._total_at else "silent")))

    def _fail(self, error: ProviderError) -> None:
        sink, self._sink = self._sink, None
        if self._transport is not None:
            self._transport.abort()
        if sink is not None:
            sink.broken(error)

    # -- asyncio.Protocol -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Parse; the callbacks below run inside."""
        if self._sink is None:
            self.abort()
            return
        self._next_at = self._pool.now() + self._pool.limits.between_bytes
        self._unheard += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            said = str(cause) if isinstance(cause, ValueError) else f"its answer cannot be read: {cause!r}"
            self._fail(BrokenError(said))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(BrokenError(reason("no_http", error=error)))
        else:
            if self._unheard > _MOST_UNHEARD:
                self._fail(BrokenError(reason("endless_head")))

    def connection_lost(self, exc: Exception | None) -> None:
        """The provider hung up, or we did."""
        self._pool.forget(self)
        sink, self._sink = self._sink, None
        if sink is None:
            return
        if self._head and not self._framed and exc is None:
            sink.end()  # RFC 9112, 6.3: without a length the body ends with the connection
        else:
            sink.broken(BrokenError(reason("hung_up")))

    # -- httptools --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A new answer; one that nobody asked for must not be taken for that of the next request."""
        if self._sink is None:
            self.abort()
        self._headers = []
        self._framed = False
        self._head = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        self._headers.append((name, value))
        if name in {b"content-length", b"transfer-encoding"}:
            self._framed = True
        elif name == b"keep-alive" and value.startswith(b"timeout="):
            seconds = value[8:].split(b",")[0]
            if seconds.isdigit():
                self.idle_limit = min(_IDLE_SECONDS, max(0.0, int(seconds) - 1.0))

    def on_headers_complete(self) -> None:
        """Hand the head over, unless it is interim (1xx)."""
        status = self._parser.get_status_code()
        if status >= 200 and self._sink is not None:
            self._head = True
            self._sink.head(status, self._headers)

    def on_body(self, body: bytes) -> None:
        """Hand a piece over."""
        self._unheard = 0
        if self._sink is not None:
            self._sink.data(body)

    def on_message_complete(self) -> None:
        """Hand the end over; the connection may serve again."""
        if self._parser.get_status_code() < 200:
            return
        sink, self._sink = self._sink, None
        if sink is None:
            return
        if self._paused:
            self.resume()
        if self._parser.should_keep_alive() and self._framed:
            self._pool.park(self)
        elif self._transport is not None:
            self._transport.close()
        sink.end()

    @property
    def closing(self) -> bool:
        """Not usable any more."""
        return self._transport is None or self._transport.is_closing()


class Pool:
    """All connections to one target.

    Args:
        target: where to.
        limits: deadlines of every attempt.
        context: TLS settings; None for the machine's default.
    """

    def __init__(self, target: Target, limits: Limits, context: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._context = (context or ssl.create_default_context()) if target.tls else None
        self._idle: deque[Exchange] = deque()
        self._all: set[Exchange] = set()
        self._connecting = 0
        self._retired = False
        self._timer = self._loop.call_later(_TICK, self._tick)

    async def send(self, data: bytes, sink: Sink, left: float | None = None) -> Exchange:
        """Send a whole request (head and body); returns when it has left, not when it is answered.

        Args:
            data: the request.
            sink: takes the answer.
            left: seconds that the call still has, connecting included; all that an attempt may take if None.

        Raises:
            ConnectError: no connection; nothing has left.
        """
        total_at = self.now() + (self.limits.total if left is None else left)
        while self._idle:
            exchange = self._idle.pop()
            if not exchange.closing:
                exchange.send(data, sink, total_at)
                return exchange
        exchange = await self._connect()
        exchange.send(data, sink, total_at)
        return exchange

    async def _connect(self) -> Exchange:
        target = self.target
        self._connecting += 1
        try:
            async with asyncio.timeout(self.limits.connect):
                _, exchange = await self._loop.create_connection(
                    lambda: Exchange(self), target.host, target.port, ssl=self._context
                )
        except (OSError, TimeoutError, ssl.SSLError, UnicodeError) as error:  # the last: no name of a host
            said = reason("no_connection", address=target.authority, error=error)
            said = said if str(error) else reason("no_connection_in_time", address=target.authority)
            raise ConnectError(said) from error
        finally:
            self._connecting -= 1
        self._all.add(exchange)
        return exchange

    def park(self, exchange: Exchange) -> None:
        """A connection is free again."""
        if self._retired:
            exchange.abort()
            return
        exchange.idle_since = self.now()
        self._idle.append(exchange)

    def forget(self, exchange: Exchange) -> None:
        """A connection is gone."""
        self._all.discard(exchange)
        if exchange in self._idle:
            self._idle.remove(exchange)

    def _tick(self) -> None:
        now = self.now()
        for exchange in list(self._all):
            exchange.check(now)
        # The left end was idle longest: `send` takes from the right.
        while self._idle and now - self._idle[0].idle_since > self._idle[0].idle_limit:
            self._idle.popleft().abort()
        if self._retired and not self._all and not self._connecting:
            return
        self._timer = self._loop.call_later(_TICK, self._tick)

    @property
    def open_connections(self) -> int:
        """How many connections are open, idle ones included."""
        return len(self._all)

    def close_idle(self) -> None:
        """Take no part in anything new: running exchanges end, then their connections close."""
        self._retired = True
        while self._idle:
            self._idle.popleft().abort()

    def close(self) -> None:
        """Close what is idle and stop the clock; running exchanges are aborted."""
        self._timer.cancel()
        for exchange in list(self._all):
            exchange.abort()


class Answer(msgspec.Struct):
    """A whole answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)


class Collect:
    """A sink that collects a whole answer.

    Args:
        limit: bytes that the body may have.
    """

    __slots__ = ("_answer", "_limit", "_parts", "_size", "done")

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int = 64_000_000) -> None:
        self.done: asyncio.Future[Answer] = loop.create_future()
        self._answer = Answer(0, [], b"")
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Keep the head."""
        self._answer.status = status
        self._answer.headers = headers

    def data(self, chunk: bytes) -> None:
        """Keep a piece.

        Raises:
            ValueError: the body is larger than the limit.
        """
        self._size += len(chunk)
        if self._size > self._limit:
            raise ValueError(f"the provider's answer is larger than {self._limit} bytes")
        self._parts.append(chunk)

    def end(self) -> None:
        """Wake whoever waits."""
        self._answer.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if not self.done.done():
            self.done.set_result(self._answer)

    def broken(self, error: ProviderError) -> None:
        """Wake whoever waits with the error."""
        if not self.done.done():
            self.done.set_exception(error)
