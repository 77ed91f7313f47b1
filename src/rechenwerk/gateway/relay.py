"""A streamed answer on its way from the provider to the client, without a task in between."""

from __future__ import annotations

import asyncio

from rechenwerk.base.errors import BrokenError, ProviderError
from rechenwerk.gateway.server import Connection
from rechenwerk.providers.transport import Answer, Exchange
from rechenwerk.wire.openai import Reported, add_choice, read_frame
from rechenwerk.wire.sse import DONE, EventCutter, event_data

_MAX_ERROR = 1_000_000
_HIGH_WATER = 256_000


class Relay:
    """Receives a provider's answer; events go to the client as they came.

    Nothing reaches the client before `release`. An answer that is no event stream (an error, mostly) is
    collected whole into `answer`.

    Args:
        connection: of the client.
        wants_usage: the client asked for the usage frame; else it is taken out, since we asked for it.
        drain: seconds to read on when the client is gone, so that the provider reports its usage.
        record: keep all that the client gets, to answer a repeated call with it.
        usages: how many usage objects make up the usage of the call, where each answer has its own.
        same_prompt: all of them name the same prompt.

    Attributes:
        begun: done when the head has arrived; True for an event stream.
        finished: done when nothing more will come; None, or why the answer is not complete.
        text: all text the model produced, UTF-8, for counting.
        events: how many events carried text.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        wants_usage: bool,
        drain: float,
        record: bool,
        usages: int = 1,
        same_prompt: bool = True,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._connection = connection
        self._wants_usage = wants_usage
        self._drain = drain
        self._drain_timer: asyncio.TimerHandle | None = None
        self._cutter = EventCutter()
        self._held: list[bytes] = []
        self._held_size = 0
        self._released = False
        self._streaming = False
        self._exchange: Exchange | None = None
        self.answer = Answer(0, [], b"")
        self.begun: asyncio.Future[bool] = loop.create_future()
        self.finished: asyncio.Future[ProviderError | None] = loop.create_future()
        self.first_at = 0.0
        self.text = bytearray()
        self.record = bytearray() if record else None
        self.events = 0
        self.usage: Reported | None = None
        self.usage_is_final = False
        self._usages = usages
        self._usages_seen = 0
        self._same_prompt = same_prompt
        self._added: Reported | None = None
        self.failed = False
        self.done = False
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
        self._streaming = status == 200 and kind.startswith(b"text/event-stream")
        if not self.begun.done():
            self.begun.set_result(self._streaming)

    def data(self, chunk: bytes) -> None:
        """Read the events for the books and pass them on.

        Raises:
            ValueError: the provider sends more than can be kept.
        """
        if not self._streaming:
            self.answer.body += chunk
            if len(self.answer.body) > _MAX_ERROR:
                raise ValueError("the provider's error is larger than a megabyte")
            return
        if not self.first_at:
            self.first_at = self._loop.time()
        events = self._cutter.feed(chunk)
        out = b"".join([event for event in events if self._passes(event)])
        if out:
            self._emit(out)

    def _passes(self, event: bytes) -> bool:
        data = event_data(event)
        if data == DONE:
            self.done = True
            return True
        frame = read_frame(data)
        if frame is None:
            return True
        if frame.text:
            self.text += frame.text.encode("utf-8", "replace")
            self.events += 1
        if frame.usage is not None and self._usages == 1:
            self.usage = frame.usage
        elif frame.usage is not None:
            self._added = add_choice(self._added, frame.usage, same_prompt=self._same_prompt)
            self._usages_seen += 1
            if self._usages_seen == self._usages:  # with fewer it is not the usage of the call
                self.usage = self._added
        if frame.error:
            self.failed = True
        self.usage_is_final = self.usage_is_final or frame.only_usage
        return self._wants_usage or not frame.only_usage

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
        if self._cutter.rest:
            self._emit(self._cutter.rest)
        self._finish(None)

    def broken(self, error: ProviderError) -> None:
        """The provider will not finish."""
        self._finish(error)

    def _finish(self, error: ProviderError | None) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        if not self.begun.done():
            self.begun.set_exception(error or BrokenError("the provider sent no answer"))
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

    def _stop(self) -> None:
        if self._exchange is not None and not self.finished.done():
            self._exchange.abort()
            self._finish(BrokenError("the client was gone, and the provider did not finish in time"))

    def cancel(self) -> None:
        """The process is about to end: hang up now."""
        if self._exchange is not None and not self.finished.done():
            self._exchange.abort()
            self._finish(BrokenError("the gateway stopped before the answer was complete"))
