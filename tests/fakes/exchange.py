"""Answers that take time: a delay before the first byte, and streams.

They are callbacks on timers and not tasks, so that thousands of slow streams cost a small object each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.book import Book, Record
    from tests.fakes.dialects import Dialect
    from tests.fakes.knobs import Knobs
    from tests.fakes.shapes import Event
    from tests.fakes.wire import Wire

# Without a pace: so many writes, then the other connections have their turn.
BURST = 64
# Between the three parts of a split frame: long enough that the parts leave as packets of their own.
SPLIT_S = 0.001
LAST_CHUNK = b"0\r\n\r\n"


class Later:
    """Runs `then` after a delay (None: never), unless the client goes first."""

    def __init__(
        self,
        wire: Wire,
        book: Book,
        record: Record | None,
        delay_s: float | None,
        then: Callable[[], None],
        news: Callable[[], None],
    ) -> None:
        self.wire, self.book, self.record, self.news = wire, book, record, news
        wire.exchange = self
        self._timer: asyncio.TimerHandle | None = None
        if delay_s is not None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, then)

    def gone(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.record is not None:
            self.book.leave(self.record)
        self.news()

    def resumed(self) -> None:
        """Nothing was written yet, so nothing waits for it."""


class Stream:
    """Writes events one by one, counts what it made, and stops when the client goes or a knob says so."""

    def __init__(
        self,
        wire: Wire,
        book: Book,
        record: Record,
        dialect: Dialect,
        events: Iterator[Event],
        tokens: int,
        knobs: Knobs,
        news: Callable[[], None],
    ) -> None:
        self.wire, self.book, self.record, self.events, self.news = wire, book, record, events, news
        self._dialect = dialect
        self._next = next(events, None)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._pace_s = knobs.pace_ms / 1000
        self._ending = b"\r\n\r\n" if knobs.crlf else b"\n\n"
        self._per_write = max(knobs.many_frames_per_write, 1)
        self._split = knobs.split_writes
        self._parts: deque[bytes] = deque()
        self._tokens_in_parts = 0
        self._made = 0
        self._made_tokens = 0
        share = knobs.cut_after_tokens
        self._cut_at = None if share is None else int(share * tokens) if share < 1 else int(share)
        self._halt_at, self._halt = self._first_halt(knobs)
        self._over = False
        wire.exchange = self

    def gone(self) -> None:
        """As llama.cpp does: nobody listens, so nothing more is produced."""
        if self._timer is not None:
            self._timer.cancel()
        self.book.leave(self.record)
        self.news()

    def resumed(self) -> None:
        if self._timer is None and not self._over:
            self.tick()

    def tick(self) -> None:
        """Write what is due and set the timer for the next."""
        self._timer = None
        if self._parts:
            self._next_part()
            return
        for _ in range(1 if self._pace_s or self._split else BURST):
            if self.wire.paused or self.wire.closed:
                return  # `resumed` or `gone` is next
            if not self._write_some():
                return
        if self._parts:
            self._timer = self._loop.call_later(SPLIT_S, self.tick)
        elif self._pace_s:
            self._timer = self._loop.call_later(self._pace_s, self.tick)
        else:
            self._timer = self._loop.call_soon(self.tick)

    def _write_some(self) -> bool:
        """One write of as many frames as the knob wants; False when the stream is over or stands still."""
        frames: list[bytes] = []
        tokens = 0
        while len(frames) < self._per_write:
            due = self._cut_at is not None and self._made_tokens >= self._cut_at
            if due or self._made == self._halt_at or self._next is None:
                self._flush(frames, tokens)
                self._over = True
                (self._cut if due else self._halt)()
                return False
            data, made = self._next
            self._next = next(self.events, None)
            self._made += 1
            self._made_tokens += made
            frames.append(self._frame(data))
            tokens += made
            if self._next is None:
                # In one write: a client that leaves at the last event has had everything.
                frames.append(LAST_CHUNK)
                self._over = True
                break
        if self._split:
            whole = b"".join(frames)
            third = max(len(whole) // 3, 1)
            self._parts.extend((whole[third : 2 * third], whole[2 * third :]))
            self._tokens_in_parts = tokens
            self.wire.transport.write(whole[:third])
            return True
        self._flush(frames, tokens)
        if self._over:
            self._finish()
        return not self._over

    def _next_part(self) -> None:
        self.wire.transport.write(self._parts.popleft())
        if self._parts:
            self._timer = self._loop.call_later(SPLIT_S, self.tick)
            return
        self.book.produce(self.record, self._tokens_in_parts)
        self.news()
        if self._over:
            self._finish()
            return
        self._timer = self._loop.call_later(max(self._pace_s, SPLIT_S), self.tick)

    def _flush(self, frames: list[bytes], tokens: int) -> None:
        if frames:
            self.wire.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
            self.book.produce(self.record, tokens)
            self.news()

    def _frame(self, data: bytes) -> bytes:
        framed = self._dialect.frame(data, self._ending)
        return b"%x\r\n%b\r\n" % (len(framed), framed)

    def _finish(self) -> None:
        self.book.finish(self.record)
        self.news()
        self.wire.done()

    def _first_halt(self, knobs: Knobs) -> tuple[int, Callable[[], None]]:
        """The knob that strikes first; one number to compare with, as this is asked for every event."""
        halts: list[tuple[int, Callable[[], None]]] = []
        if knobs.cut_after_events is not None:
            halts.append((knobs.cut_after_events, self._cut))
        if knobs.stall_after_events is not None:
            halts.append((knobs.stall_after_events, self.news))
        if knobs.error_event_mid_stream is not None:
            halts.append((knobs.error_event_mid_stream, self._break))
        if knobs.malformed_after_events is not None:
            halts.append((knobs.malformed_after_events, self._garble))
        return min(halts, key=lambda halt: halt[0], default=(-1, self._cut))

    def _cut(self) -> None:
        self.book.totals.broken += 1
        self.wire.reset()
        self.news()

    def _break(self) -> None:
        self._end_with(self._dialect.failure())

    def _garble(self) -> None:
        self._end_with(self._dialect.malformed())

    def _end_with(self, data: bytes) -> None:
        self.wire.transport.write(self._frame(data) + LAST_CHUNK)
        self.book.totals.broken += 1
        self.news()
        self.wire.done()
