"""The till: the one way into the books. Holds and posts gather while a commit runs and go out together.

No byte of an answer may leave before `Till.hold`'s future is done; a post is durable soon after, and
until then its hold stands in its place.
"""

from __future__ import annotations

import asyncio
import logging

from rechenwerk.base.errors import BookError, FencedError
from rechenwerk.ledger.ports import Accounts, Book, Hold, Post

_log = logging.getLogger("rechenwerk.till")
_LINGER = 0.003
"""Seconds that posts wait for a hold to share its commit; an idle process commits them alone after it."""
_RETRY = 0.2
_MAX_BATCH = 500


class Till:
    """Writes holds and posts in group commits.

    Args:
        book: where to.
        on_fenced: called once when the books do not know this process any more; it must end.
    """

    def __init__(self, book: Book, on_fenced: asyncio.Event) -> None:
        self._book = book
        self._fenced = on_fenced
        self._loop = asyncio.get_running_loop()
        self._holds: list[Hold] = []
        self._posts: list[Post] = []
        self._batch: asyncio.Future[None] = self._loop.create_future()
        self._wake = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None
        self._accounts: dict[tuple[int, int, int], Accounts] = {}
        self._refused: dict[int, BookError] = {}
        self._running: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.failing_since: float | None = None
        self.commits = 0
        self.lost_posts = 0

    def start(self) -> None:
        """Begin to write."""
        self._task = self._loop.create_task(self._run())

    # -- what the road calls ----------------------------------------------------------------------

    def hold(self, hold: Hold) -> asyncio.Future[None]:
        """Enqueue a hold; the future is done when it is durable. Check `refused` then."""
        self._holds.append(hold)
        self._wake.set()
        return self._batch

    def refused(self, call_id: int) -> BookError | None:
        """Why the books did not take this hold, if they did not."""
        return self._refused.pop(call_id, None) if self._refused else None

    def post(self, post: Post) -> None:
        """Enqueue a post. Its hold must be durable."""
        self._posts.append(post)
        if self._holds or self._running is not None:
            return  # the next batch takes it along
        if len(self._posts) >= _MAX_BATCH:
            self._wake.set()
        elif self._linger is None:
            self._linger = self._loop.call_later(_LINGER, self._wake.set)

    async def accounts(self, organisation: int, project: int, contract: int) -> Accounts:
        """The accounts of a project under a contract; asked for once."""
        key = (organisation, project, contract)
        found = self._accounts.get(key)
        if found is None:
            found = self._accounts[key] = await self._book.accounts(*key)
        return found

    @property
    def failing(self) -> bool:
        """Whether the books could not be written at the last attempt."""
        return self.failing_since is not None

    @property
    def waiting(self) -> int:
        """Holds and posts that are not durable yet."""
        return len(self._holds) + len(self._posts)

    async def flushed(self) -> None:
        """Wait until everything enqueued so far is durable."""
        if self._holds or self._posts:
            self._wake.set()
            await self._batch
        elif self._running is not None:
            await self._running

    async def close(self) -> None:
        """Write what is left and stop."""
        while not self._fenced.is_set() and (self.waiting or self._running is not None):
            await self.flushed()
        if self._task is not None:
            self._task.cancel()

    # -- the writer -------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._linger is not None:
                self._linger.cancel()
                self._linger = None
            while self._holds or self._posts:
                holds, self._holds = self._holds, []
                posts, self._posts = self._posts, []
                batch, self._batch = self._batch, self._loop.create_future()
                self._running = batch
                try:
                    await self._write(holds, posts)
                except FencedError:
                    _log.critical("the books declared this process dead; it stops")
                    self._fenced.set()
                    return
                finally:
                    self._running = None
                    batch.set_result(None)
                if not self._holds and not self._wake.is_set():
                    break  # posts that came meanwhile linger for the next hold
            if self._posts and not self._wake.is_set():
                self._linger = self._loop.call_later(_LINGER, self._wake.set)

    async def _write(self, holds: list[Hold], posts: list[Post]) -> None:
        """Write a batch, however long it takes; what the books refuse for its content is set aside."""
        while True:
            try:
                await self._book.write(holds, posts)
            except FencedError:
                raise
            except BookError as error:
                await self._write_apart(holds, posts, error)
            except OSError as error:
                if self.failing_since is None:
                    _log.error("the books cannot be written: %s; trying on", error)
                    self.failing_since = self._loop.time()
                await asyncio.sleep(_RETRY)
                continue
            self.commits += 1
            self.failing_since = None
            return

    async def _write_apart(self, holds: list[Hold], posts: list[Post], error: BookError) -> None:
        """Find what spoils a batch by halves, so that one bad row costs nobody else anything."""
        if len(holds) + len(posts) == 1:
            for hold in holds:
                self._refused[hold.id] = error
            for post in posts:  # its hold stays, and the sweeper books it as unresolved
                self.lost_posts += 1
                _log.error("the books refused call %s: %s", post.hold.id, error)
            return
        # Posts first: a hold may stand on money that a post of the same batch released.
        half_posts, half_holds = (len(posts) + 1) // 2, (len(holds) + 1) // 2
        parts: list[tuple[list[Hold], list[Post]]] = [
            ([], posts[:half_posts]),
            ([], posts[half_posts:]),
            (holds[:half_holds], []),
            (holds[half_holds:], []),
        ]
        for some_holds, some_posts in parts:
            if some_holds or some_posts:
                await self._write(some_holds, some_posts)
