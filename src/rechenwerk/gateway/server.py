"""The public HTTP/1.1 server: one asyncio protocol per client connection.

Own code because it is the hot path: a generic server costs more than the rest of the road together,
and it must bound what a client can make us keep (heads, bodies, unread answers, idle connections).
Sources: RFC 9112 (framing), RFC 9110 (100-continue); llhttp through httptools does the parsing.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from types import MappingProxyType
from typing import cast

import httptools

from rechenwerk.base.errors import Refusal, SetupError, bad_request, unavailable
from rechenwerk.base.settings import Settings
from rechenwerk.wire.openai import error_body

_log = logging.getLogger("rechenwerk.gateway")
_STATUS = MappingProxyType(
    {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
    | {529: b"HTTP/1.1 529 Site Overloaded\r\n"}  # Anthropic's own, which its SDK knows
)
_MAX_PIPELINED = 32
_LARGE = 65_536
"""Bytes of a body that a stranger may make us keep."""
_TICK = 0.5
_LINGER = 1.0
"""Seconds that a client who is turned away may go on sending, so that it comes to read why: RFC 9112, 9.6."""
JSON = b"content-type: application/json\r\n"


class HttpRequest:
    """A complete request of a client.

    Attributes:
        method: such as ``POST``.
        path: without the query.
        headers: lower-case name to value; of a repeated header the last.
        body: whole.
    """

    __slots__ = ("body", "connection", "headers", "keep_alive", "method", "path", "version")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.method = ""
        self.path = ""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = True
        self.version = "1.1"


App = Callable[[HttpRequest], Awaitable[None]]
Gate = Callable[[HttpRequest], Refusal | None]


class Connection(asyncio.Protocol):
    """A client's connection: parses requests, one at a time is served, answers go out through it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._settings = server.settings
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._request: HttpRequest | None = None
        self._url = b""
        self._head_size = 0
        self._head_read = 0
        self._in_head = True
        self._rejected = False
        self._parts: list[bytes] = []
        self._size = 0
        self._queue: deque[HttpRequest] = deque()
        self._queued = 0
        self._serving: HttpRequest | None = None
        self._task: asyncio.Task[None] | None = None
        self._sent_head = False
        self._chunked = False
        self._stuck_since: float | None = None
        self._deadline = server.now() + self._settings.header_timeout
        self.writable = True
        self.gone = False
        self.on_gone: Callable[[], None] | None = None
        self.on_flow: Callable[[bool], None] | None = None

    # -- what the application calls ---------------------------------------------------------------

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Answer at once. `headers`: complete lines, each with its CR LF."""
        request = self._serving
        if request is None or self._transport is None:
            return
        close = b"" if self._keeps(request) else b"connection: close\r\n"
        payload = b"" if request.method == "HEAD" else body
        self._transport.write(
            b"%s%s%scontent-length: %d\r\n\r\n%s" % (_STATUS[status], headers, close, len(body), payload)
        )
        self._finish(request)

    def refuse(self, refusal: Refusal, headers: bytes = b"", body: bytes | None = None) -> None:
        """Answer with an error. `body`: where it is not OpenAI's."""
        if refusal.retry_after is not None:
            headers += b"retry-after: %d\r\n" % refusal.retry_after
        self.respond(refusal.status, JSON + headers, error_body(refusal) if body is None else body)

    def start(self, status: int, headers: bytes) -> None:
        """Begin an answer of unknown length."""
        request = self._serving
        if request is None or self._transport is None:
            return
        self._sent_head = True
        self._chunked = request.version == "1.1"
        if not self._chunked:
            request.keep_alive = False
        coding = b"transfer-encoding: chunked\r\n" if self._chunked else b""
        close = b"" if self._keeps(request) else b"connection: close\r\n"
        self._transport.write(b"%s%s%s%s\r\n" % (_STATUS[status], headers, coding, close))

    def send(self, data: bytes) -> None:
        """Send a piece of a begun answer."""
        if data and self._transport is not None and not self.gone:  # an empty chunk would be the last
            self._transport.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        """End a begun answer."""
        request = self._serving
        if request is None or self._transport is None:
            return
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._finish(request)

    def abort(self) -> None:
        """Hang up in the middle of a begun answer: the only honest end when it cannot be completed."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def peer(self) -> str:
        """The client's address."""
        name = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(name[0]) if name else ""

    @property
    def busy(self) -> bool:
        """A request is being served."""
        return self._serving is not None

    def hang_up_if_idle(self) -> None:
        """Close between two requests."""
        if not self.busy and self._request is None and self._transport is not None:
            self._transport.close()

    # -- serving one after the other --------------------------------------------------------------

    def _keeps(self, request: HttpRequest) -> bool:
        return request.keep_alive and not self._server.draining

    def _finish(self, request: HttpRequest) -> None:
        self._serving = None
        self._sent_head = False
        self._chunked = False
        self.on_gone = None
        self.on_flow = None
        self._task = None
        if not self._keeps(request) and self._transport is not None:
            self._transport.close()
            return
        self._deadline = self._server.now() + self._settings.idle_timeout
        if self._queue:
            following = self._queue.popleft()
            self._queued -= len(following.body)
            self._serve(following)

    def _serve(self, request: HttpRequest) -> None:
        self._serving = request
        self._server.serving += 1
        self._task = self._server.loop.create_task(self._run(request))

    async def _run(self, request: HttpRequest) -> None:
        try:
            await self._server.app(request)
        except Exception:  # the last line of defence: a client always gets an answer
            _log.exception("a request to %s failed", request.path)
            if self._serving is request:
                if self._sent_head:
                    self.abort()
                else:
                    self.refuse(
                        unavailable("Something broke here; it was logged. Try again.", "internal_error", 500),
                        self._server.request_id(),
                    )
        finally:
            self._server.serving -= 1

    def _reject(self, refusal: Refusal) -> None:
        """Answer to what never became a request, and hang up."""
        if self._transport is None or self._transport.is_closing() or self._rejected:
            return
        self._server.rejected += 1
        if self._serving is not None:
            self._transport.close()
            return
        body = error_body(refusal)
        self._transport.write(
            b"%s%s%sconnection: close\r\ncontent-length: %d\r\n\r\n%s"
            % (_STATUS[refusal.status], JSON, self._server.request_id(), len(body), body)
        )
        if self in self._server.connections and self._transport.can_write_eof():
            self._rejected = True
            self._transport.write_eof()
            self._deadline = self._server.now() + _LINGER
        else:
            self._transport.close()

    # -- asyncio.Protocol -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part, unless the house is full."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        if len(self._server.connections) >= self._settings.max_connections:
            self._reject(unavailable("Too many connections; try again soon.", "too_many_connections"))
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client is gone; whoever serves it decides what that means."""
        self.gone = True
        self._transport = None
        self._server.connections.discard(self)
        self._queue.clear()
        if self.on_gone is not None:
            self.on_gone()

    def data_received(self, data: bytes) -> None:
        """Parse; the callbacks below run inside."""
        if self._rejected:
            return
        if self._in_head:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # RFC 9110, 7.8: an offer that may be declined by answering in HTTP/1.1. The parser is done with
            # this connection, though, so it ends with the answer.
            last = self._queue[-1] if self._queue else self._serving
            if last is not None:
                last.keep_alive = False
        except httptools.HttpParserError:
            self._reject(bad_request("This is not a well-formed HTTP request.", code="malformed_request"))
        else:
            if self._in_head and self._head_size > self._settings.max_header:
                self._head_too_large()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self.writable = False
        self._stuck_since = self._server.now()
        if self.on_flow is not None:
            self.on_flow(False)

    def resume_writing(self) -> None:
        """The client caught up."""
        self.writable = True
        self._stuck_since = None
        if self.on_flow is not None:
            self.on_flow(True)

    def check(self, now: float) -> None:
        """Enforce the deadlines of this connection."""
        if self._stuck_since is not None and now - self._stuck_since > self._settings.write_timeout:
            self.abort()
        elif self._serving is None and now > self._deadline and self._transport is not None:
            if self._rejected:
                self._transport.abort()
            elif self._request is None and self._head_size == 0:
                self._transport.close()
            else:
                self._reject(
                    Refusal(
                        408,
                        "invalid_request_error",
                        "request_timeout",
                        "The request did not arrive in time; send it in one go.",
                    )
                )

    # -- httptools --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A new request."""
        self._request = HttpRequest(self)
        self._url = b""
        self._head_read = 0
        self._in_head = True
        self._parts = []
        self._size = 0
        self._deadline = self._server.now() + self._settings.header_timeout

    def on_url(self, url: bytes) -> None:
        """The target, perhaps in pieces."""
        self._url += url
        self._head_read += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        assert self._request is not None
        self._head_read += len(name) + len(value) + 4
        if self._in_head:
            self._request.headers[name.lower()] = value
        elif self._head_read > self._settings.max_header:  # trailers of a chunked body: counted, not kept
            self._head_too_large()

    def on_headers_complete(self) -> None:
        """Judge the head before any body is taken."""
        request = self._request
        assert request is not None
        self._in_head = False
        self._head_size = 0
        request.method = self._parser.get_method().decode("ascii")
        request.version = self._parser.get_http_version()
        request.path = self._url.partition(b"?")[0].decode("latin-1")
        request.keep_alive = self._parser.should_keep_alive()
        self._deadline = self._server.now() + self._settings.body_timeout
        length = request.headers.get(b"content-length")
        if self._head_read > self._settings.max_header:  # it may have come in one piece
            self._head_too_large()
        elif length is not None and (not length.isdigit() or int(length) > self._settings.max_body):
            self._too_large()
        elif b"transfer-encoding" in request.headers or (length is not None and int(length) > _LARGE):
            self._check_large(request)
        else:
            self._continue(request)

    def _check_large(self, request: HttpRequest) -> None:
        """Take a large body, or one of unknown size, only from somebody who may send it."""
        refusal = self._server.gate(request)
        if refusal is not None:
            self._reject(refusal)
        else:
            self._continue(request)

    def _continue(self, request: HttpRequest) -> None:
        if request.headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect, within bounds."""
        if self._rejected:
            return
        self._size += len(body)
        if self._size > self._settings.max_body:
            self._too_large()
            return
        self._parts.append(body)

    def _head_too_large(self) -> None:
        self._reject(
            bad_request(
                f"The request head is larger than {self._settings.max_header} bytes; send less, or raise"
                " RECHENWERK_MAX_HEADER.",
                code="headers_too_large",
                status=431,
            )
        )

    def _too_large(self) -> None:
        self._parts = []
        self._reject(
            bad_request(
                f"The body is larger than {self._settings.max_body} bytes; send less or raise"
                " RECHENWERK_MAX_BODY.",
                code="body_too_large",
                status=413,
            )
        )

    def on_message_complete(self) -> None:
        """Serve it, now or after the one before it."""
        request = self._request
        self._request = None
        self._in_head = True
        if request is None or self._transport is None or self._transport.is_closing() or self._rejected:
            return
        request.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        if self._serving is None:
            self._serve(request)
        elif (
            len(self._queue) < _MAX_PIPELINED and self._queued + len(request.body) <= self._settings.max_body
        ):
            self._queue.append(request)
            self._queued += len(request.body)
        else:
            self._transport.abort()


class Server:
    """All client connections of this process.

    Args:
        app: serves one request; must answer through ``request.connection``.
        settings: limits and timeouts.
        request_id: makes the header line that names an answer to what never became a request.
        gate: judges by its head whether a request with a large body may send it.

    Attributes:
        serving: requests under way, those of clients that are gone included.
        rejected: connections turned away before they made a request.
    """

    def __init__(self, app: App, settings: Settings, request_id: Callable[[], bytes], gate: Gate) -> None:
        self.app = app
        self.gate = gate
        self.request_id = request_id
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time
        self.connections: set[Connection] = set()
        self.rejected = 0
        self.serving = 0
        self.draining = False
        self._listener: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int, *, shared: bool = False) -> int:
        """Accept connections; returns the port (0 asks for a free one).

        Args:
            host: address to bind.
            port: TCP port.
            shared: let other processes listen on the same port (SO_REUSEPORT).

        Raises:
            SetupError: the address is taken or not ours.
        """
        try:
            self._listener = await self.loop.create_server(
                lambda: Connection(self), host, port, backlog=4096, reuse_port=shared or None
            )
        except OSError as error:
            raise SetupError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --port"
            ) from error
        self._tick()
        bound: socket.socket = self._listener.sockets[0]
        return int(bound.getsockname()[1])

    def _tick(self) -> None:
        now = self.now()
        for connection in list(self.connections):
            connection.check(now)
        self._timer = self.loop.call_later(_TICK, self._tick)

    async def drain(self, grace: float) -> None:
        """Accept nothing more, let running requests end within `grace` seconds, then hang up."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        until = self.now() + grace
        while (self.serving or self.connections) and self.now() < until:
            for connection in list(self.connections):
                connection.hang_up_if_idle()  # after what is still to be sent
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
