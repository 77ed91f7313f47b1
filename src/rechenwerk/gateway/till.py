"""The till: the one way into the books. What arrives while a commit runs goes out together with the next.

No byte of an answer may leave before `Till.hold`'s future is done; a post is durable soon after, and
until then its hold stands in its place. Holds and posts have a lane each, so that nobody who waits for a
hold waits for somebody else's post.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from rechenwerk.base.errors import BookError, FencedError
from rechenwerk.ledger.guards import Draw, release
from rechenwerk.ledger.ports import WRITERS, Accounts, Book, Hold, Post

_log = logging.getLogger("rechenwerk.till")
_LINGER = 0.004
"""Seconds that posts gather before they are written; nobody waits for them."""
_RETRY = 0.2
_MAX_BATCH = 500
_MAX_UNWRITTEN = 1_500
"""Holds that may wait for a commit, besides those in it: together fewer than intents can be noted."""

T = TypeVar("T")


class Lane(Generic[T]):
    """Writes items in group commits: one at a time, unless more wait than one commit takes.

    Args:
        write: makes a batch durable.
        apart: told about an item that the books refuse for what is in it.
        fenced: set when the books do not know this process any more.
        linger: seconds that items gather before a commit begins.
        width: commits at once, when more items wait than one commit takes.
    """

    def __init__(
        self,
        write: Callable[[list[T]], Awaitable[None]],
        apart: Callable[[T, BookError], None],
        fenced: asyncio.Event,
        linger: float,
        width: int = 1,
    ) -> None:
        self._write = write
        self._apart = apart
        self._fenced = fenced
        self._linger = linger
        self._width = width
        self._loop = asyncio.get_running_loop()
        self._items: list[T] = []
        self._batch: asyncio.Future[None] = self._loop.create_future()
        self._running: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.failing_since: float | None = None
        self.commits = 0

    def add(self, item: T) -> asyncio.Future[None]:
        """Enqueue an item; the future is done when its fate is durable."""
        self._items.append(item)
        if self._linger and len(self._items) < _MAX_BATCH:
            if self._timer is None:
                self._timer = self._loop.call_later(self._linger, self._wake.set)
        else:
            self._wake.set()
        return self._batch

    @property
    def waiting(self) -> int:
        """Items that are not durable yet, without those being written."""
        return len(self._items)

    async def flushed(self) -> None:
        """Wait until everything enqueued so far is durable."""
        if self._items:
            self._wake.set()
            await asyncio.shield(self._batch)  # others wait for it too
        elif self._running is not None:
            await asyncio.shield(self._running)

    async def run(self) -> None:
        """Write for ever; once the books declared this process dead, refuse everything."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            items, self._items = self._items, []
            if not items:
                continue
            batch = self._running = self._batch
            self._batch = self._loop.create_future()
            try:
                if self._fenced.is_set():
                    raise FencedError("the books declared this process dead")
                await self._persist_all(items)
            except FencedError as error:
                if not self._fenced.is_set():
                    _log.critical("the books declared this process dead; it stops")
                self._fenced.set()
                for item in items:
                    self._apart(item, error)
            finally:
                self._running = None
                if not batch.done():  # somebody who waited for it was cancelled
                    batch.set_result(None)

    async def _persist_all(self, items: list[T]) -> None:
        """Write batch after batch; while one is flushed to disk, the next one travels already."""
        if len(items) <= _MAX_BATCH:
            await self._persist(items)
            return
        batches = iter([items[first : first + _MAX_BATCH] for first in range(0, len(items), _MAX_BATCH)])

        async def some() -> None:
            for batch in batches:
                await self._persist(batch)

        ended = await asyncio.gather(*[some() for _ in range(self._width)], return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _persist(self, items: list[T]) -> None:
        """Write a batch, however long it takes; what the books refuse for its content is set aside."""
        while True:
            try:
                await self._write(items)
            except FencedError:
                raise
            except BookError as error:
                await self._part(items, error)
            except Exception as error:  # whatever it is: a lane that ends would lose what it carries
                if self.failing_since is None:
                    _log.error(
                        "the books cannot be written: %s; trying on", str(error) or type(error).__name__
                    )
                    self.failing_since = self._loop.time()
                await asyncio.sleep(_RETRY)
                continue
            self.commits += 1
            self.failing_since = None
            return

    async def _part(self, items: list[T], error: BookError) -> None:
        """Find what spoils a batch by halves, so that one bad row costs nobody else anything."""
        if len(items) == 1:
            self._apart(items[0], error)
            return
        middle = len(items) // 2
        await self._persist(items[:middle])
        await self._persist(items[middle:])


class Till:
    """Holds and posts on their way into the books.

    Args:
        book: where to.
        fenced: set when the books do not know this process any more; it must end.

    Attributes:
        alive_until: time of the event loop at which the last heartbeat has worn off.
    """

    def __init__(self, book: Book, fenced: asyncio.Event) -> None:
        self._book = book
        self._fenced = fenced
        self._holds = Lane[Hold](book.write_holds, self._hold_refused, fenced, 0)
        self._posts = Lane[tuple[Post, list[Draw]]](
            self._write_posts, self._post_refused, fenced, _LINGER, width=WRITERS
        )
        self._accounts: dict[tuple[int, int, int], Accounts] = {}
        self._refused: dict[int, BookError] = {}
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self.lost_posts = 0
        self.alive_until = float("inf")

    def start(self) -> None:
        """Begin to write."""
        self._tasks = [self._loop.create_task(lane.run()) for lane in (self._holds, self._posts)]

    def hold(self, hold: Hold) -> asyncio.Future[None]:
        """Enqueue a hold; the future is done when it is durable. Check `refused` then."""
        self._book.intend(hold)
        return self._holds.add(hold)

    def refused(self, call_id: int) -> BookError | None:
        """Why the books did not take this hold, if they did not."""
        return self._refused.pop(call_id, None) if self._refused else None

    def post(self, post: Post, draws: list[Draw]) -> None:
        """Enqueue a post, whose hold must be durable; its unused money is free again when it is written."""
        self._posts.add((post, draws))

    async def accounts(self, organisation: int, project: int, contract: int) -> Accounts:
        """The accounts of a project under a contract; asked for once."""
        key = (organisation, project, contract)
        found = self._accounts.get(key)
        if found is None:
            found = self._accounts[key] = await self._book.accounts(*key)
        return found

    @property
    def failing(self) -> bool:
        """Whether the books could not be written at the last attempt, or others may think us dead by now."""
        return (
            self._holds.failing_since is not None
            or self._posts.failing_since is not None
            or self._holds.waiting > _MAX_UNWRITTEN
            or self._loop.time() > self.alive_until
        )

    @property
    def waiting(self) -> int:
        """Holds and posts that are not durable yet."""
        return self._holds.waiting + self._posts.waiting

    @property
    def commits(self) -> int:
        """Group commits so far."""
        return self._holds.commits + self._posts.commits

    async def posted(self) -> None:
        """Wait until every call that has ended is booked."""
        await self._posts.flushed()

    async def close(self) -> None:
        """Write what is left and stop."""
        for lane in (self._holds, self._posts):
            await lane.flushed()
            await lane.flushed()  # the first may have waited for the batch before the last
        for task in self._tasks:
            task.cancel()

    async def _write_posts(self, items: list[tuple[Post, list[Draw]]]) -> None:
        await self._book.write_posts([post for post, _ in items])
        for post, draws in items:
            release(draws, min(post.price, post.hold.amount))

    def _hold_refused(self, hold: Hold, error: BookError) -> None:
        self._refused[hold.id] = error

    def _post_refused(self, item: tuple[Post, list[Draw]], error: BookError) -> None:
        # Its hold stays, and the sweeper books it as unresolved when it expires.
        self.lost_posts += 1
        _log.error("the books refused call %s: %s", item[0].hold.id, error)
