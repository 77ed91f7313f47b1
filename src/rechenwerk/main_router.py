"""The router's process: makes plans for the gateways, beside the data plane.

Run as ``python -m rechenwerk.main_router``. There may be several on one database; one of them plans, and the
next takes over when it ends. Without any, calls go on by the last plan; where there is none, by list prices.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Mapping

import asyncpg
import msgspec

from rechenwerk.base.clock import Clock, SystemClock
from rechenwerk.base.errors import RechenwerkError, SetupError
from rechenwerk.base.loops import repeat
from rechenwerk.base.privacy import hide_process
from rechenwerk.base.settings import Settings, read_settings
from rechenwerk.contracts.lots import LotSource, PoolLots
from rechenwerk.gateway.groups import NO_SUPPLIES, Supplies, supplies_of
from rechenwerk.gateway.ports import DrawRow, Snapshot, Source
from rechenwerk.gateway.shares import ShareSource, above_caps
from rechenwerk.gateway.situation import MEASURE, demands, market, situation, window_of
from rechenwerk.gateway.tally import BUCKET, NONE
from rechenwerk.routing.corrected import Corrected
from rechenwerk.routing.forecast import Seasonal
from rechenwerk.routing.plan import Plan
from rechenwerk.routing.ports import Arrived, Board, Use
from rechenwerk.routing.solver import Solver
from rechenwerk.routing.supply import Demand, Vector
from rechenwerk.store.concentration import StoredConcentration
from rechenwerk.store.governance.lots import StoredLots
from rechenwerk.store.routes import PostgresBoard
from rechenwerk.store.snapshot import PostgresSource

_log = logging.getLogger("rechenwerk.router")
EVERY = 5.0
"""Seconds between plans."""
_HISTORY = 7 * 86400
"""Seconds of demand that a forecast begins with."""
_LATE = 3 * BUCKET
"""Seconds that a bucket may still change after it began."""
_DRAWS = 400 * 86400
_READ_DRAWS = 600.0
_READ_SHARES = 15.0
"""Seconds between looks at all that was drawn from contracts."""
_RECENT = 2 * 3600
"""Seconds of draws that are read for every plan: calls are booked in the hour in which they began."""
_CLASSES = 60
"""Classes of calls that are planned for, the largest; others go by list prices."""


class Planner:
    """Turns what is known into a plan, again and again.

    Args:
        source: the configuration, and what was drawn from contracts.
        board: what gateways saw; where plans go.
        clock: time.
        lots: governed capacity; None: nothing is governed.
        shares: hard caps on concentration, and what was spent; None: there are none.
    """

    def __init__(
        self,
        source: Source,
        board: Board,
        clock: Clock,
        lots: LotSource | None = None,
        shares: ShareSource | None = None,
    ) -> None:
        self._source = source
        self._board = board
        self._clock = clock
        self._lots = lots
        self._shares = shares
        self._barred: dict[int, str] = {}
        self._barred_read = 0.0
        self._governed: tuple[PoolLots, ...] = ()
        self._snapshot: Snapshot | None = None
        self._supplies: Supplies = NO_SUPPLIES
        self._draws: dict[tuple[int, int, int], DrawRow] = {}
        self._draws_read = 0.0
        self._seen_until = 0
        self._arrived: dict[tuple[int, str], Arrived] = {}
        self._uses: dict[tuple[int, int], Use] = {}
        self._down: tuple[int, ...] = ()
        self._solver: Solver | None = None
        self._solved_for: tuple[object, ...] = ()
        self._observed = 0.0

    async def step(self) -> Plan | None:
        """Look, solve and publish; None where nothing needs a plan, or another process makes it.

        Raises:
            OSError: the database cannot be reached.
        """
        if not await self._board.lead():
            return None
        await self._look()
        assert self._snapshot is not None
        now = self._clock.now()
        there = market(self._snapshot, self._supplies, list(self._draws.values()), now, self._governed)
        wanted = demands(self._snapshot, there, self._volumes(now), self._barred)
        if not wanted and not self._supplies.governed:
            return None
        window = window_of(there.offers.caps)
        solver = self._solver_for(wanted, window, now)
        arrivals = [one for (starts, _), one in self._arrived.items() if starts >= now // window * window]
        stand = situation(there, wanted, arrivals, list(self._uses.values()), self._down, now, EVERY)
        closed = there.rows.keys() - {supply.id for supply in there.offers.supplies}
        plan = msgspec.structs.replace(solver.solve(stand), closed=tuple(sorted(closed)))
        await self._board.publish(msgspec.msgpack.encode(plan))
        return plan

    async def _look(self) -> None:
        """Read what is new."""
        version = await self._source.version()
        if self._snapshot is None or version != self._snapshot.version:
            self._snapshot = await self._source.snapshot()
            self._supplies = supplies_of(self._snapshot.offers.values(), self._snapshot.contracts)
        now = self._clock.now()
        if now - self._draws_read >= _READ_DRAWS:
            self._draws = await self._drawn(int(now) - _DRAWS)
            self._draws_read = now
        else:
            self._draws |= await self._drawn(int(now) - _RECENT)
        if self._lots is not None:
            self._governed = await self._lots.lots(now)
        if self._shares is not None and now - self._barred_read >= _READ_SHARES:
            self._barred = await above_caps(self._shares, self._snapshot, now)
            self._barred_read = now
        first = max(self._seen_until - _LATE, int(now) - _HISTORY)
        seen = await self._board.seen(first)
        self._seen_until = int(now)
        self._arrived |= {(one.starts, one.demand): one for one in seen.loads}
        self._uses |= {(one.starts, one.supply): one for one in seen.uses}
        self._down = seen.down
        oldest = int(now) - _HISTORY
        if any(starts < oldest - BUCKET for starts, _ in self._arrived):
            self._arrived = {key: one for key, one in self._arrived.items() if key[0] >= oldest}
            self._uses = {key: one for key, one in self._uses.items() if key[0] >= oldest}
            await self._board.forget(oldest)

    async def _drawn(self, since: int) -> dict[tuple[int, int, int], DrawRow]:
        """In the hours from that in which it was then."""
        rows = await self._source.drawn(since // 3600 * 3600)
        return {(row.contract, row.deployment, row.hour): row for row in rows}

    def _volumes(self, now: float) -> Mapping[str, Vector]:
        """Usage of the largest classes over the last day that they were seen."""
        since = now - 86400
        totals: defaultdict[str, list[float]] = defaultdict(lambda: list(NONE))
        for (starts, name), one in self._arrived.items():
            if starts >= since:
                total = totals[name]
                for at, amount in enumerate(one.usage):
                    total[at] += amount
        volume = {name: sum(map(float.__mul__, MEASURE, total)) for name, total in totals.items()}
        largest = sorted(volume, key=volume.__getitem__, reverse=True)[:_CLASSES]
        return {name: tuple(totals[name]) for name in largest}

    def _solver_for(self, wanted: list[Demand], window: float, now: float) -> Solver:
        """A solver whose forecast knows everything up to the window of now."""
        names = tuple(one.name for one in wanted)
        began = now // window * window
        if self._solver is None or self._solved_for != (names, window):
            self._solver = Solver(Corrected(Seasonal(MEASURE, len(names), window), MEASURE))
            self._solved_for = (names, window)
            first = min([starts for starts, _ in self._arrived], default=int(began))
            self._observed = max(first, now - _HISTORY) // window * window
        by_window: defaultdict[float, dict[str, list[float]]] = defaultdict(dict)
        for (starts, name), one in self._arrived.items():
            at = starts // window * window
            if self._observed <= at < began:
                known = by_window[at].setdefault(name, list(NONE))
                for place, amount in enumerate(one.usage):
                    known[place] += amount
        while self._observed < began:
            found = by_window.get(self._observed, {})
            self._solver.forecast.observe(self._observed, [tuple(found.get(name, NONE)) for name in names])
            self._observed += window
        return self._solver

    async def run(self) -> None:
        """Plan for ever."""
        await repeat(self.step, EVERY, _log, "no plan")


async def run(settings: Settings, *, parent_pipe: bool) -> int:
    """Plan until SIGTERM, SIGINT, or the parent's end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent_pipe:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        loop.create_task(reader.read()).add_done_callback(lambda _: stop.set())
    async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=3) as pool:
        board = PostgresBoard(pool)
        source = PostgresSource(pool, settings.database_url)
        planner = Planner(source, board, SystemClock(), StoredLots(pool), StoredConcentration(pool))
        print(json.dumps({"pid": os.getpid()}), flush=True)  # noqa: T201
        work = loop.create_task(planner.run())
        await stop.wait()
        work.cancel()
        await board.close()
    return 0


def main() -> int:
    """Entry point of the process."""
    hide_process()
    parser = argparse.ArgumentParser(prog="rechenwerk router", description=__doc__)
    parser.add_argument("--parent-pipe", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = read_settings(os.environ)
        if not settings.database_url:
            raise SetupError("the router needs a database: RECHENWERK_DATABASE_URL")
        return asyncio.run(run(settings, parent_pipe=arguments.parent_pipe))
    except RechenwerkError as error:
        print(f"rechenwerk: {error}", file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
