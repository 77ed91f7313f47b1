"""Answers under way: each in a task of its own, read along by who asked; nobody left: it is stopped.

An answer survives nothing but its request: who goes away hangs up on the gateway, which books what came, and
what came is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from rechenwerk.office.chats.asking import AskedError, Gateway

_log = logging.getLogger("rechenwerk.chats")
_SAVE = 2.0
"""Seconds between two times at which an unfinished answer is kept: what a crash can lose."""
_PING = 15.0
"""Seconds of silence after which a comment goes out, so that no proxy hangs up."""
LONGEST = 2_000_000
"""Characters of an answer."""

Keep = Callable[[str, AskedError | None, str, int | None], Awaitable[bool]]
"""Keeps an answer: text, problem, state, call. False: nobody wants it any more."""


class Question(msgspec.Struct, frozen=True):
    """What is asked, by whom, and where the answer is kept.

    Attributes:
        key: the caller's own: it pays.
        model: that is asked.
        messages: as OpenAI's chat has them.
        keep: the answer.
        settled: waits until the books have a call.
    """

    key: str
    model: str
    messages: Sequence[Mapping[str, Any]]
    keep: Keep
    settled: Callable[[int], Awaitable[None]]


class Run:
    """One answer under way.

    Args:
        gateway: that is asked.
        question: with everything that is needed for it.
    """

    def __init__(self, gateway: Gateway, question: Question) -> None:
        self._gateway = gateway
        self._question = question
        self._parts: list[str] = []
        self._call: int | None = None
        self._news = asyncio.Event()
        self._readers = 0
        self.over = False
        self._reading = asyncio.create_task(self._ask())
        self.task = asyncio.create_task(self._work())

    def stop(self) -> None:
        """Hang up; what came is kept."""
        self._reading.cancel()

    async def ended(self) -> None:
        """Wait until it is kept."""
        await asyncio.shield(self.task)

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _ask(self) -> None:
        question, length = self._question, 0
        async with self._gateway.chat(question.key, question.model, question.messages) as (call, pieces):
            self._call = call
            if not await question.keep("", None, "writing", call):
                self.stop()
            async for piece in pieces:
                self._parts.append(piece)
                length += len(piece)
                self._tell()
                if length > LONGEST:
                    raise AskedError(f"the answer is longer than {LONGEST} characters and was ended")

    async def _beat(self) -> None:
        """Keep what came every few seconds, if anything did or not, until it ends or nobody wants it."""
        while True:
            done, _ = await asyncio.wait({self._reading}, timeout=_SAVE)
            if done:
                return
            try:
                if not await self._question.keep("".join(self._parts), None, "writing", self._call):
                    self.stop()
            except Exception:  # the answer goes on, and is kept when the database is back
                _log.exception("an answer could not be kept")

    async def _work(self) -> None:
        await self._beat()
        problem: AskedError | None = None
        state = "done"
        if self._reading.cancelled():
            state = "stopped"
        elif (error := self._reading.exception()) is not None:
            state = "failed"
            if isinstance(error, AskedError):
                problem = error
            else:
                _log.error("an answer failed", exc_info=error)
                said = "the office failed to pass the answer on; its log says why"
                problem = AskedError(said, "internal_error")
        text = "".join(self._parts).replace("\0", "")
        try:
            await self._question.keep(text, problem, state, self._call)
            # A gateway reads on for some seconds after a hang-up, for the provider's own count: nobody waits.
            if self._call is not None and state != "stopped":
                await self._question.settled(self._call)
        except Exception:  # who reads along must hear the end, whatever the database says
            _log.exception("an answer could not be kept")
        finally:
            self.over = True
            self._tell()

    @contextlib.contextmanager
    def read(self) -> Iterator[None]:
        """Read along; who is the last to leave stops it."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers and not self.over:
                self.stop()

    async def follow(self) -> AsyncGenerator[str | None, None]:
        """The answer's words as they come, from its first one; None where there is silence for long."""
        seen = 0
        while True:
            news = self._news
            if seen < len(self._parts):
                text = "".join(self._parts[seen:])
                seen = len(self._parts)
                yield text
                continue
            if self.over:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PING):
                    await news.wait()
                    continue
            yield None


class Runs:
    """All answers that are under way in this process.

    Args:
        gateway: that is asked.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._runs: dict[int, Run] = {}

    def start(self, answer: int, question: Question) -> None:
        """Begin to answer."""
        run = self._runs[answer] = Run(self._gateway, question)
        run.task.add_done_callback(lambda _: self._runs.pop(answer, None))

    def get(self, answer: int) -> Run | None:
        """The one of an answer, while it is under way."""
        return self._runs.get(answer)

    async def close(self) -> None:
        """Stop all, and wait until what came is kept."""
        runs = list(self._runs.values())
        for run in runs:
            run.stop()
        await asyncio.gather(*[run.task for run in runs], return_exceptions=True)
