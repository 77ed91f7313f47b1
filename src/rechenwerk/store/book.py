"""The Book of one gateway process on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from types import MappingProxyType

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.errors import BookError, FencedError
from rechenwerk.ledger.ports import Accounts, Grant, Hold, Post

_FENCED = "RW001"
_SETTLED_BEFORE = "RW002"


def _numbered(first: int, count: int) -> str:
    return ", ".join(f"${i}" for i in range(first, first + count))


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
_POSTS_ONLY = f"{_FENCE}, till_post({_numbered(2, 37)})"
_HOLDS_ONLY = f"{_FENCE}, till_hold($1, {_numbered(2, 14)})"
# One statement, left to right, is one transaction and one round trip: posts free what holds then take.
_BOTH = f"{_FENCE}, till_post({_numbered(2, 37)}), till_hold($1, {_numbered(39, 14)})"


def _hold_columns(holds: Sequence[Hold]) -> list[list[object]]:
    return [
        [h.id for h in holds],
        [h.organisation for h in holds],
        [h.project for h in holds],
        [h.key for h in holds],
        [h.deployment for h in holds],
        [h.contract for h in holds],
        [h.endpoint for h in holds],
        [h.model for h in holds],
        [h.streamed for h in holds],
        [h.amount for h in holds],
        [h.cost_bound for h in holds],
        [h.slices for h in holds],
        [h.started_us for h in holds],
        [h.expires_s for h in holds],
    ]


def _post_columns(process: int, posts: Sequence[Post]) -> list[object]:
    holds = [p.hold for p in posts]
    usages = [p.usage for p in posts]
    moves = [(p.hold, line, t) for p in posts for line, t in enumerate(p.transfers, 1)]
    return [
        [h.id for h in holds],
        [h.organisation for h in holds],
        [h.project for h in holds],
        [h.key for h in holds],
        process,
        [p.deployment for p in posts],
        [p.contract for p in posts],
        [h.endpoint for h in holds],
        [h.model for h in holds],
        [h.streamed for h in holds],
        [p.outcome for p in posts],
        [p.reason for p in posts],
        [p.source for p in posts],
        [u.input for u in usages],
        [u.cached_input for u in usages],
        [u.cache_write for u in usages],
        [u.output for u in usages],
        [u.reasoning for u in usages],
        [u.images for u in usages],
        [u.seconds for u in usages],
        [u.requests for u in usages],
        [p.raw_usage for p in posts],
        [h.amount for h in holds],
        [p.price for p in posts],
        [p.cost for p in posts],
        [h.slices for h in holds],
        [p.status for p in posts],
        [h.started_us for h in holds],
        [p.first_byte_us for p in posts],
        [p.total_us for p in posts],
        [p.decision for p in posts],
        [h.organisation for h, _, _ in moves],
        [h.id for h, _, _ in moves],
        [line for _, line, _ in moves],
        [t.debit for _, _, t in moves],
        [t.credit for _, _, t in moves],
        [t.amount for _, _, t in moves],
    ]


class PostgresBook:
    """Writes over one connection of its own, leases over a small pool.

    Args:
        url: of the database.
        name: of this process, for people.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._writer: asyncpg.Connection | None = None
        self._listener: asyncpg.Connection | None = None
        self._pool: asyncpg.Pool | None = None
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
        await self._listen()
        return int(row["process_number"])

    async def _listen(self) -> None:
        if self._listener is not None and not self._listener.is_closed():
            return
        self._listener = await asyncpg.connect(self._url, timeout=5)
        await self._listener.add_listener("rechenwerk_recall", self._heard)

    def _heard(
        self, _connection: asyncpg.Connection | PoolConnectionProxy, _pid: int, _channel: str, payload: object
    ) -> None:
        guard, starts, epoch = (int(part) for part in str(payload).split())
        if self._on_recall is not None:
            self._on_recall(guard, starts, epoch)

    async def write(self, holds: Sequence[Hold], posts: Sequence[Post]) -> None:
        """See `ledger.ports.Book`."""
        try:
            if self._writer is None or self._writer.is_closed():
                self._writer = await asyncpg.connect(self._url, timeout=5, server_settings=dict(_PLANNER))
            if not posts:
                await self._writer.fetchval(_HOLDS_ONLY, self._process, *_hold_columns(holds))
            elif not holds:
                await self._writer.fetchval(_POSTS_ONLY, self._process, *_post_columns(self._process, posts))
            else:
                await self._writer.fetchval(
                    _BOTH, self._process, *_post_columns(self._process, posts), *_hold_columns(holds)
                )
        except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, TimeoutError, EOFError) as error:
            raise OSError(str(error) or type(error).__name__) from error
        except (asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError) as error:
            raise OSError(str(error)) from error
        except asyncpg.PostgresError as error:
            if error.sqlstate == _FENCED:
                raise FencedError(str(error)) from error
            if error.sqlstate == _SETTLED_BEFORE:
                await self.write(holds, await self._unsettled(posts))
                return
            raise BookError(str(error)) from error
        except (asyncpg.DataError, OverflowError) as error:
            raise BookError(str(error)) from error

    async def _unsettled(self, posts: Sequence[Post]) -> list[Post]:
        """Those posts whose hold is still there; the others were written before, or by the sweeper."""
        try:
            rows = await self.pool.fetch("select id from hold where id = any($1)", [p.hold.id for p in posts])
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise OSError(str(error)) from error
        open_holds = {row["id"] for row in rows}
        return [post for post in posts if post.hold.id in open_holds]

    async def lease(self, guard: int, starts: int, want: int) -> Grant | None:
        """See `ledger.ports.Book`."""
        try:
            row = await self._fetchrow(
                "select * from lease($1, to_timestamp($2::bigint), $3, $4)",
                guard,
                starts,
                self._process,
                want,
            )
        except asyncpg.NoDataFoundError:
            return None
        assert row is not None
        return Grant(row["slice_id"], int(row["got"]), int(row["pool"]), row["waiting"])

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
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
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
        row = await self._fetchrow("select sweep($1) as booked", timedelta(seconds=silence))
        await self._listen()
        return int(row["booked"]) if row is not None else 0

    async def _fetchrow(self, query: str, *args: object) -> asyncpg.Record | None:
        try:
            return await self.pool.fetchrow(query, *args)
        except asyncpg.NoDataFoundError:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise OSError(str(error)) from error

    async def close(self) -> None:
        """See `ledger.ports.Book`."""
        await self._fetchrow(
            "select process_end($1, $2)", self._process, "the gateway ended before the call did"
        )
        for connection in (self._writer, self._listener):
            if connection is not None:
                await connection.close()
        await self.pool.close()
