"""A streamed answer on its way from the provider to the client, without a task in between."""

from __future__ import annotations

import asyncio

from rechenwerk.base.errors import BrokenError, ProviderError
from rechenwerk.base.reasons import reason
from rechenwerk.gateway.channels import Channel
from rechenwerk.gateway.server import Connection
from rechenwerk.providers.transport import Answer, Exchange

_MAX_ERROR = 1_000_000
_HIGH_WATER = 256_000
_STREAMS = (b"text/event-stream", b"application/vnd.amazon.eventstream")


class Relay:
    """Receives a provider's answer; what its channel makes of it goes to the client.

    Nothing reaches the client before `release`. An answer that is no event stream (an error, mostly) is
    collected whole into `answer`.

    Args:
        connection: of the client.
        channel: reads the stream for the books and writes it for the client.
        drain: seconds to read on when the client is gone, so that the provider reports its usage.
        record: keep all that the client gets, to answer a repeated call with it.

    Attributes:
        begun: done when the stream has said something or is over; True for an event stream.
        finished: done when nothing more will come; None, or why the answer is not complete.
    """

    def __init__(self, connection: Connection, channel: Channel, *, drain: float, record: bool) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._connection = connection
        self.channel = channel
        self._drain = drain
        self._drain_timer: asyncio.TimerHandle | None = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._released = False
        self._streaming = False
        self._exchange: Exchange | None = None
        self.answer = Answer(0, [], b"")
        self.begun: asyncio.Future[bool] = loop.create_future()
        self.finished: asyncio.Future[ProviderError | None] = loop.create_future()
        self.first_at = 0.0
        self.record = bytearray() if record else None
        self.client_gone = False

    def attach(self, exchange: Exchange) -> None:
        """The exchange that brings the answer, for back-pressure."""
        self._exchange = exchange
        self._connection.on_gone = self._gone
        self._connection.on_flow = self._flow
        if self._connection.gone:
            self._gone()

    def release(self, headers: bytes) -> None:
        """The hold is durable: from now on the client may see bytes."""
        self._released = True
        self._connection.start(200, headers)
        if self._held:
            self._connection.send(b"".join(self._held))
            self._held.clear()
            if self._exchange is not None and self._held_size > _HIGH_WATER and self._connection.writable:
                self._exchange.resume()

    # -- Sink -------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Decide what this answer is."""
        self.answer.status = status
        self.answer.headers = headers
        kind = (self.answer.header(b"content-type") or b"").lower()
        self._streaming = status == 200 and kind.startswith(_STREAMS)

    def data(self, chunk: bytes) -> None:
        """Read the events for the books and pass them on.

        Raises:
            ValueError: the provider sends more than can be kept, or what nobody can read.
        """
        if not self._streaming:
            self.answer.body += chunk
            if len(self.answer.body) > _MAX_ERROR:
                raise ValueError("the provider's error is larger than a megabyte")
            return
        if not self.first_at:
            self.first_at = self._loop.time()
        out = self.channel.feed(chunk)
        if out:
            self._emit(out)
        if self.channel.started and not self.begun.done():
            self.begun.set_result(True)

    def _emit(self, data: bytes) -> None:
        if self.record is not None:
            self.record += data
        if self.client_gone:
            return
        if self._released:
            self._connection.send(data)
            return
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size > _HIGH_WATER and self._exchange is not None:
            self._exchange.pause()

    def end(self) -> None:
        """The provider is done."""
        try:
            rest = self.channel.end() if self._streaming else b""
        except Exception as error:  # whatever it is, nobody may wait for an end that never comes
            self._finish(BrokenError(reason("stream_unreadable", error=error)))
            return
        if rest:
            self._emit(rest)
        self._finish(None)

    def broken(self, error: ProviderError) -> None:
        """The provider will not finish; after its last word nothing is missing, though."""
        if self._streaming and self.channel.done:
            self.end()
        else:
            self._finish(error)

    def _finish(self, error: ProviderError | None) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        if not self.begun.done() and error is None:
            self.begun.set_result(self._streaming)
        elif not self.begun.done():
            self.begun.set_exception(error or BrokenError(reason("no_answer")))
            self.begun.exception()  # it may be that nobody waits
        if not self.finished.done():
            self.finished.set_result(error)

    # -- the client -------------------------------------------------------------------------------

    def _flow(self, writable: bool) -> None:
        if self._exchange is not None and not self.finished.done():
            if writable:
                self._exchange.resume()
            else:
                self._exchange.pause()

    def _gone(self) -> None:
        self.client_gone = True
        self._held.clear()
        if self.finished.done() or self._exchange is None:
            return
        self._exchange.resume()
        self._drain_timer = self._loop.call_later(self._drain, self._stop)

    def detach(self) -> None:
        """Nothing of this attempt reaches the client; another may follow."""
        self._connection.on_gone = None
        self._connection.on_flow = None
        if self._drain_timer is not None:
            self._drain_timer.cancel()

    def _stop(self) -> None:
        if self._exchange is not None and not self.finished.done():
            self._exchange.abort()
            self._finish(BrokenError(reason("client_gone")))

    def cancel(self) -> None:
        """The process is about to end: hang up now."""
        if self._exchange is not None and not self.finished.done():
            self._exchange.abort()
            self._finish(BrokenError(reason("gateway_stopped")))
