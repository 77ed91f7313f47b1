"""Calls booked through the till into a database of their own: what `ledger` and `size` measure."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import psutil

from bench.machine import tree_seconds
from rechenwerk.base.clock import SystemClock
from rechenwerk.base.ids import CallIds
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.ports import Accounts, Hold, Post
from rechenwerk.ledger.postings import transfers
from rechenwerk.store.book import PostgresBook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROJECTS, KEYS, DEPLOYMENTS = 8, 4, 4
"""Projects of the organisation, keys of each, deployments that serve them."""
RAW = (
    '{"prompt_tokens":210,"completion_tokens":96,"total_tokens":306,'
    '"prompt_tokens_details":{"cached_tokens":64}}'
)
DECISION = (
    '{"chosen":"cloud/m","data_class":"internal","plan":"1763","price":{"list":"0.00009",'
    '"next_unit":"0.00004",'
    '"contract":"-0.00005","congestion":"0"},"alternatives":[{"deployment":"other/m","next_unit":"0.00008"}]}'
)
FURNITURE = f"""
insert into organisation (name) values ('town');
insert into project (organisation_id, name) select 1, 'project ' || n from generate_series(1, {PROJECTS}) n;
insert into api_key (organisation_id, project_id, name, hash, hint, scopes)
    select 1, p, 'key ' || k, sha256((p || ' ' || k)::bytea), 'rw-', '{{inference}}'
    from generate_series(1, {PROJECTS}) p, generate_series(1, {KEYS}) k order by p, k;
insert into provider (organisation_id, name, kind, base_url)
    values (0, 'cloud', 'openai', 'http://127.0.0.1:9/v1');
insert into contract (organisation_id, provider_id, name, kind)
    select 0, 1, 'contract ' || n, 'on-demand' from generate_series(1, {DEPLOYMENTS}) n;
insert into deployment (organisation_id, model, provider_id, contract_id, upstream, endpoints, context_tokens,
    max_output_tokens)
    select 0, 'm' || n, 1, n, 'm', '{{chat}}', 128000, 4096 from generate_series(1, {DEPLOYMENTS}) n;
insert into guard (organisation_id, project_id, unit, period, amount)
    select 1, n, 'money', 'month', 1000000000000000 from generate_series(1, {PROJECTS}) n;
"""


@dataclass(frozen=True)
class Payer:
    """A key of a project under a deployment, with its accounts and slice."""

    project: int
    key: int
    deployment: int
    accounts: Accounts
    slices: str


@dataclass(frozen=True)
class Took:
    """One run: wall seconds, CPU seconds of the database and of this process, calls, commits."""

    calls: int
    seconds: float
    database: float
    client: float
    commits: int

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


class Counter:
    """A till with a book of its own on a database of its own, and everybody who pays there.

    Args:
        url: of a migrated database.
        spool: folder for intents.
        root: process id of the database server.
    """

    def __init__(self, url: str, spool: Path, root: int) -> None:
        self.url = url
        self.book = PostgresBook(url, "bench", spool)
        self.fenced = asyncio.Event()
        self.till = Till(self.book, self.fenced)
        self.payers: list[Payer] = []
        self._root = root
        self._turns = itertools.count()

    async def open(self) -> None:
        """Furnish the database and start to write."""
        connection = await asyncpg.connect(self.url)
        await connection.execute(FURNITURE)
        await connection.close()
        number = await self.book.open(lambda *_: None)
        self.ids = CallIds(SystemClock(), number)
        month = int(time.time()) // 86_400 * 86_400
        slices = {}
        for project in range(1, PROJECTS + 1):
            grant = await self.book.lease(project, month, 10**14)
            assert grant is not None
            slices[project] = f"{{{grant.slice_id}}}"
        for project in range(1, PROJECTS + 1):
            for deployment in range(1, DEPLOYMENTS + 1):
                accounts = await self.till.accounts(1, project, deployment)
                self.payers += [
                    Payer(project, (project - 1) * KEYS + key + 1, deployment, accounts, slices[project])
                    for key in range(KEYS)
                ]
        self.till.start()

    async def close(self) -> None:
        """Give everything back."""
        await self.till.close()
        await self.book.close()

    def holds(self, count: int) -> list[Hold]:
        """So many holds, every payer in turn."""
        started = int(time.time() * 1e6)
        made = []
        for turn in itertools.islice(self._turns, count):
            payer = self.payers[turn * 7 % len(self.payers)]
            hold = Hold(
                self.ids.next(), 1, payer.project, payer.key, payer.deployment, payer.deployment, "chat",
                f"m{payer.deployment}", False, 100_000, 80_000, payer.slices, started, 600,
            )  # fmt: skip
            made.append(hold)
        return made

    def posts(self, holds: list[Hold]) -> list[Post]:
        """How their calls ended."""
        by_place = {(one.project, one.deployment): one.accounts for one in self.payers}
        return [
            Post(
                hold, hold.deployment, hold.contract, "posted", None, "reported",
                Usage(146, 64, 0, 96, 0, 0, 0, 1), RAW, 40_000 + n % 1000, 30_000 + n % 1000, 200, 180_000,
                900_000, DECISION,
                transfers("posted", by_place[hold.project, hold.deployment], 40_000 + n % 1000,
                          30_000 + n % 1000, hold.amount), 70 + n % 10, 9,
            )
            for n, hold in enumerate(holds)
        ]  # fmt: skip

    async def hold(self, holds: list[Hold]) -> Took:
        """Make them durable."""
        return await self._timed(len(holds), lambda: [self.till.hold(hold) for hold in holds])

    async def settle(self, posts: list[Post]) -> Took:
        """Book them; their holds are there."""

        def post() -> list[asyncio.Future[None]]:
            for one in posts:
                self.till.post(one, [])
            return []

        return await self._timed(len(posts), post)

    async def _timed(self, calls: int, enqueue: Callable[[], list[asyncio.Future[None]]]) -> Took:
        own = psutil.Process()
        before = tree_seconds(self._root), sum(own.cpu_times()[:2]), self.till.commits
        begun = time.perf_counter()
        for done in set(enqueue()):
            await done
        await self.till.posted()
        await self.till.posted()
        seconds = time.perf_counter() - begun
        after = tree_seconds(self._root), sum(own.cpu_times()[:2]), self.till.commits
        return Took(calls, seconds, after[0] - before[0], after[1] - before[1], after[2] - before[2])
