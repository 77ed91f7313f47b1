"""The Book of one gateway process on PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy
from asyncpg.prepared_stmt import PreparedStatement

from rechenwerk.base.errors import BookError, FencedError
from rechenwerk.ledger.ports import WRITERS, Accounts, Grant, Hold, Post
from rechenwerk.store.recovery import Recovery
from rechenwerk.store.rows import hold_row, post_row, transfer_rows

_log = logging.getLogger("rechenwerk.book")
_FENCED = "RW001"
_OUR_FAULT = frozenset({"22", "23", "P0"})
"""Classes of errors that lie in what was to be written: data, constraints, our own functions' word."""
_PATIENCE = 15.0
_SETTLED = frozenset({"RW002", asyncpg.UniqueViolationError.sqlstate})


# The till looks rows up by key, in tables whose statistics lag behind a busy hour: one plan, made once,
# that always goes through the indexes.
_PLANNER = MappingProxyType(
    {
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "enable_bitmapscan": "off",
        "jit": "off",
    }
)
_FENCE = "select check_fence($1)"
_POSTS = f"{_FENCE}, till_post($1, $2::post_row[], $3::transfer_row[])"
_HOLDS = f"{_FENCE}, till_hold($1, $2::hold_row[])"


class _SettledError(BookError):
    """A post's hold is gone: somebody settled the call before."""


class _Writer:
    """A connection that writes batches, opened again when it was lost.

    Args:
        url: of the database.
        query: the statement that writes a batch; it is one transaction.
    """

    def __init__(self, url: str, query: str) -> None:
        self._url = url
        self._query = query
        self._connection: asyncpg.Connection | None = None
        self._statement: PreparedStatement | None = None

    async def write(self, *args: object) -> None:
        """Run the statement.

        Raises:
            FencedError, BookError, OSError: see `ledger.ports.Book.write_posts`.
        """
        try:
            if self._connection is None or self._connection.is_closed():
                self._statement = None
                self._connection = await asyncpg.connect(self._url, timeout=5, server_settings=dict(_PLANNER))
            if self._statement is None:
                self._statement = await self._connection.prepare(self._query)
            await self._statement.fetchval(*args, timeout=_PATIENCE)
        except (
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,  # asyncpg's word for a connection that died at a bad moment
            asyncpg.PostgresConnectionError,
            TimeoutError,
            EOFError,
        ) as error:
            if self._connection is not None:
                self._connection.terminate()
            raise OSError(str(error) or type(error).__name__) from error
        except asyncpg.PostgresError as error:
            if error.sqlstate == _FENCED:
                raise FencedError(str(error)) from error
            if error.sqlstate in _SETTLED:
                raise _SettledError(str(error)) from error
            if (error.sqlstate or "")[:2] not in _OUR_FAULT:  # read-only, no disk, deadlock: try again
                raise OSError(str(error)) from error
            raise BookError(str(error)) from error
        except (asyncpg.DataError, OverflowError) as error:
            raise BookError(str(error)) from error

    async def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            await self._connection.close()


class PostgresBook:
    """Writes holds over a connection, posts over two that take turns, leases over a small pool.

    Args:
        url: of the database.
        name: of this process, for people.
        spool: folder on this host for the intents of its gateway processes.
    """

    def __init__(self, url: str, name: str, spool: Path) -> None:
        self._url = url
        self._name = name
        self._holds = _Writer(url, _HOLDS)
        self._posts = tuple(_Writer(url, _POSTS) for _ in range(WRITERS))
        self._idle = list(self._posts)
        self._listener: asyncpg.Connection | None = None
        self._pool: asyncpg.Pool | None = None
        self._spool = spool
        self._recovery: Recovery | None = None
        self._process = 0
        self._on_recall: Callable[[int, int, int], None] | None = None

    @property
    def pool(self) -> asyncpg.Pool:
        """The pool behind everything but the writer.

        Raises:
            OSError: not open.
        """
        if self._pool is None:
            raise OSError("the books are not open")
        return self._pool

    async def open(self, on_recall: Callable[[int, int, int], None]) -> int:
        """See `ledger.ports.Book`."""
        self._on_recall = on_recall
        self._pool = await asyncpg.create_pool(
            self._url, min_size=1, max_size=4, command_timeout=10, server_settings=dict(_PLANNER)
        )
        row = await self._pool.fetchrow("select * from process_start($1)", self._name)
        if row is None:
            raise BookError("there are 1,024 gateway processes on this database already")
        self._process = row["process_id"]
        installation = await self._pool.fetchval("select id || '-' || current_database() from installation")
        self._recovery = Recovery(self._spool, str(installation), self._process)
        await self._listen()
        return int(row["process_number"])

    async def _listen(self) -> None:
        if self._listener is not None and not self._listener.is_closed():
            return
        try:
            self._listener = await asyncpg.connect(self._url, timeout=5)
            await self._listener.add_listener("rechenwerk_recall", self._heard)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise OSError(str(error)) from error

    def _heard(
        self, _connection: asyncpg.Connection | PoolConnectionProxy, _pid: int, _channel: str, payload: object
    ) -> None:
        guard, starts, epoch = (int(part) for part in str(payload).split())
        if self._on_recall is not None:
            self._on_recall(guard, starts, epoch)

    def intend(self, hold: Hold) -> None:
        """See `ledger.ports.Book`."""
        assert self._recovery is not None
        self._recovery.spool.note(msgspec.msgpack.encode(hold))

    async def write_holds(self, holds: Sequence[Hold]) -> None:
        """See `ledger.ports.Book`."""
        await self._holds.write(self._process, [hold_row(hold) for hold in holds])

    async def write_posts(self, posts: Sequence[Post]) -> None:
        """See `ledger.ports.Book`."""
        try:
            rows = [post_row(post) for post in posts]
            writer = self._idle.pop()
            try:
                await writer.write(self._process, rows, transfer_rows(posts))
            finally:
                self._idle.append(writer)
        except _SettledError:
            left = await self._unsettled(posts)
            if len(left) == len(posts):
                raise BookError("a call of this batch was booked before, though its hold is open") from None
            if left:
                await self.write_posts(left)

    async def _unsettled(self, posts: Sequence[Post]) -> list[Post]:
        """Those posts whose hold is still there; the others were written before, or by the sweeper."""
        try:
            rows = await self.pool.fetch("select id from hold where id = any($1)", [p.hold.id for p in posts])
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise OSError(str(error)) from error
        open_holds = {row["id"] for row in rows}
        return [post for post in posts if post.hold.id in open_holds]

    async def lease(self, guard: int, starts: int, want: int, least: int = 1) -> Grant | None:
        """See `ledger.ports.Book`."""
        try:
            row = await self._fetchrow(
                "select * from lease($1, to_timestamp($2::bigint), $3, $4, $5)",
                guard,
                starts,
                self._process,
                want,
                least,
            )
        except asyncpg.NoDataFoundError:
            return None
        assert row is not None
        return Grant(row["slice_id"], int(row["got"]), int(row["pool"]), row["waiting"], int(row["total"]))

    async def recall(self, guard: int, starts: int) -> None:
        """See `ledger.ports.Book`."""
        await self._fetchrow("select recall($1, to_timestamp($2::bigint))", guard, starts)

    async def give_back(self, slice_id: int, amount: int, epoch: int) -> None:
        """See `ledger.ports.Book`."""
        await self._fetchrow("select give_back($1, $2, $3)", slice_id, amount, epoch)

    async def accounts(self, organisation: int, project: int, contract: int) -> Accounts:
        """See `ledger.ports.Book`."""
        try:
            rows = await self.pool.fetch(
                "select kind, id from ensure_accounts($1, $2, $3)", organisation, project, contract
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise OSError(str(error)) from error
        return Accounts(**{row["kind"]: row["id"] for row in rows})

    async def beat(self, silence: float) -> int:
        """See `ledger.ports.Book`."""
        alive = await self._fetchrow(
            "update process set heartbeat_at = now() where id = $1 and ended_at is null returning id",
            self._process,
        )
        if alive is None:
            raise FencedError(f"process {self._process} was declared dead")
        await self._listen()
        try:
            await self._recover(silence)
            row = await self._fetchrow("select sweep($1) as booked", timedelta(seconds=silence))
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            _log.error("what dead processes left cannot be booked: %s", error)
            return 0  # the living go on
        return int(row["booked"]) if row is not None else 0

    async def _recover(self, silence: float) -> None:
        assert self._recovery is not None
        try:
            await self._recovery.run(self.pool, silence)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise OSError(str(error)) from error

    async def _fetchrow(self, query: str, *args: object) -> asyncpg.Record | None:
        try:
            return await self.pool.fetchrow(query, *args)
        except asyncpg.NoDataFoundError:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise OSError(str(error)) from error

    async def close(self) -> None:
        """See `ledger.ports.Book`."""
        try:
            await self._fetchrow(
                "select process_end($1, $2)", self._process, "the gateway ended before the call did"
            )
            if self._recovery is not None:
                self._recovery.spool.close()
        finally:
            await self._holds.close()
            for writer in self._posts:
                await writer.close()
            if self._listener is not None:
                await self._listener.close()
            await self.pool.close()
