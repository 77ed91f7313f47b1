"""Something asynchronous that runs in a thread and loop of its own, for tests that are not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

import uvloop

T = TypeVar("T")


@contextmanager
def in_thread(name: str, thing: AbstractAsyncContextManager[T], timeout: float) -> Iterator[T]:
    """Enter `thing` in a new thread's loop, and leave it there when the block ends.

    Args:
        name: of the thread.
        thing: what to run; made here, entered and left there.
        timeout: seconds for its start, and for its end.
    """
    started: Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def hold() -> None:
        stop = asyncio.Event()
        async with thing as entered:
            started.set_result((entered, asyncio.get_running_loop(), stop))
            await stop.wait()

    def live() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(hold())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=live, name=name, daemon=True)
    thread.start()
    entered, loop, stop = started.result(timeout)
    try:
        yield entered
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout)
