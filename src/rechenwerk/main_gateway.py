"""One gateway process: builds the data plane, joins it to PostgreSQL, serves until told to stop.

Run as ``python -m rechenwerk.main_gateway``; prints one JSON line when it is ready. It stands apart from
`main` so that a gateway process loads nothing of the control plane.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import asyncpg
import uvloop

from rechenwerk.base.clock import Clock, SystemClock
from rechenwerk.base.errors import FencedError, RechenwerkError, SetupError
from rechenwerk.base.ids import CallIds
from rechenwerk.base.privacy import hide_process
from rechenwerk.base.settings import Settings, read_settings
from rechenwerk.gateway.admission import Admission
from rechenwerk.gateway.app import App
from rechenwerk.gateway.dispatch import Dispatch
from rechenwerk.gateway.exits import Exit
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.idempotency import Answers
from rechenwerk.gateway.lag import LoopLag
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.metrics import Metrics
from rechenwerk.gateway.pools import Pools
from rechenwerk.gateway.probes import Probes
from rechenwerk.gateway.road import Road
from rechenwerk.gateway.server import Server
from rechenwerk.gateway.shares import Shares
from rechenwerk.gateway.tenants import Tenants
from rechenwerk.gateway.till import Till
from rechenwerk.gateway.turns import Turns
from rechenwerk.gateway.turnstile import Turnstile
from rechenwerk.gateway.upstreams import Upstreams
from rechenwerk.identity.secrets import secret_box
from rechenwerk.main_child import told_to_end
from rechenwerk.providers.transport import Limits
from rechenwerk.store.book import PostgresBook
from rechenwerk.store.concentration import StoredConcentration
from rechenwerk.store.governance.lots import StoredLots
from rechenwerk.store.routes import PostgresBoard
from rechenwerk.store.snapshot import PostgresSource

_log = logging.getLogger("rechenwerk.main")
_BEAT = 1.0


class Gateway:
    """A built gateway process.

    Args:
        settings: limits and timeouts; `database_url` must be set.
        environment: where providers' API keys are.
        name: of this process, for people.
        clock: time; None: the system's.
    """

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], name: str, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._clock: Clock = clock or SystemClock()
        self.fenced = asyncio.Event()
        self.book = PostgresBook(settings.database_url, name, _spool(settings))
        self.till = Till(self.book, self.fenced)
        self.leases = Leases(self.book, self.till, self._clock)
        self._tasks: list[asyncio.Task[None]] = []
        self.unresolved = 0
        self.upstreams: Upstreams
        self.tenants: Tenants
        self.server: Server
        self.road: Road
        self.lag: LoopLag
        self.dispatch: Dispatch
        self.shares: Shares
        self.turnstile: Turnstile
        self.admission: Admission
        self.source: PostgresSource

    async def start(self, host: str, port: int, *, shared: bool) -> int:
        """Open the books, load the snapshot, listen; returns the port."""
        settings = self._settings
        number = await self.book.open(self.leases.on_recall)
        ids = CallIds(self._clock, number)
        limits = Limits(
            settings.connect_timeout,
            settings.first_byte_timeout,
            settings.between_bytes_timeout,
            settings.total_timeout,
        )
        box = secret_box(settings.secret_key, settings.secret_key_file)
        self.upstreams = Upstreams(limits, self._environment, self._clock, box)
        pool = await asyncpg.create_pool(settings.database_url, min_size=1, max_size=4, command_timeout=10)
        self.source = PostgresSource(pool, settings.database_url)
        fleet = Fleet(random.Random(), self._clock, settings.breaker_failures)  # noqa: S311 - jitter, no secret
        self.tenants = Tenants(self.source, self.leases, self.upstreams, fleet, self._clock)
        board = PostgresBoard(pool)
        self.dispatch = dispatch = Dispatch(board, fleet, self._clock, number)
        self.turnstile = Turnstile(dispatch, self._clock, settings)
        self.admission = Admission(self._clock, settings)
        self.shares = Shares(StoredConcentration(pool), self.tenants, self._clock)
        pools = Pools(self.tenants, StoredLots(pool), board, self.admission, self._clock, number)
        probes = Probes(self.tenants, self.upstreams, fleet, self._clock)
        self.lag = LoopLag()
        metrics = Metrics(self._gauges(), fleet.states, self.lag)
        self.road = Road(
            self.tenants,
            self.leases,
            self.till,
            Exit(self.till, dispatch, self._clock, ids, metrics),
            dispatch,
            self.turnstile,
            self.admission,
            fleet,
            Answers(self.source, box),
            Turns(self.source, box),
            ids,
            self._clock,
            settings,
            metrics.refused,
        )
        app = App(self.road, self.tenants, self.till, metrics, ids)
        self.server = Server(app, settings, app.request_id, app.gate)
        await self.tenants.refresh()
        await pools.refresh()
        self.till.start()
        self.lag.start()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(work)
            for work in (
                self.tenants.run(),
                self._beat(),
                probes.run(),
                dispatch.run(),
                pools.run(),
                self.shares.run(),
            )
        ]
        return await self.server.listen(host, port, shared=shared)

    def _gauges(self) -> list[tuple[str, str, Callable[[], float]]]:
        return [
            ("rechenwerk_snapshot_age_seconds", "Age of the configuration.", lambda: self.tenants.age),
            ("rechenwerk_client_connections", "Open.", lambda: len(self.server.connections)),
            ("rechenwerk_requests_running", "Being served.", lambda: self.server.serving),
            ("rechenwerk_till_waiting", "Holds and posts not yet durable.", lambda: self.till.waiting),
            ("rechenwerk_till_commits", "Group commits so far.", lambda: self.till.commits),
            ("rechenwerk_till_lost_posts", "Posts that the books refused.", lambda: self.till.lost_posts),
            ("rechenwerk_swept_holds", "Holds booked as unresolved.", lambda: self.unresolved),
        ]

    async def _beat(self) -> None:
        while True:
            try:
                began = asyncio.get_running_loop().time()
                self.unresolved += await self.book.beat(self._settings.silence)
                self.till.alive_until = began + self._settings.silence
            except FencedError:
                self.fenced.set()
                return
            except Exception as error:  # without a heartbeat others bury us: go on trying
                _log.warning("no heartbeat: %s", error)
            self.leases.tidy()
            await asyncio.sleep(min(_BEAT, self._settings.silence / 4))

    async def stop(self) -> None:
        """Let running calls end within the grace time, book everything, hang up."""
        self.turnstile.close()
        self.admission.close()
        await self.server.drain(self._settings.grace)
        self.road.cancel_all()
        for _ in range(100):
            if not self.server.serving:
                break
            await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        self.lag.stop()
        await self.till.close()
        self.upstreams.close()
        await self.source.close()
        if not self.fenced.is_set():
            await self.leases.close()
            await self.book.close()


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM, SIGINT, the parent's end, or the books' word that we are dead."""
    stop = await told_to_end(parent_pipe=arguments.parent_pipe)
    loop = asyncio.get_running_loop()
    _raise_file_limit()
    gateway = Gateway(settings, os.environ, f"{os.uname().nodename}/{os.getpid()}")
    port = await gateway.start(arguments.host, arguments.port, shared=arguments.shared)
    # What lives this long lives on: the collector need not walk it with every generation.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # a call makes hardly any cycles
    print(json.dumps({"url": f"http://{arguments.host}:{port}", "pid": os.getpid()}), flush=True)  # noqa: T201
    waits = [loop.create_task(stop.wait()), loop.create_task(gateway.fenced.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    await gateway.stop()
    return 3 if gateway.fenced.is_set() else 0


def main() -> int:
    """Entry point of the process."""
    hide_process()
    parser = argparse.ArgumentParser(prog="rechenwerk gateway", description=__doc__)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--shared", action="store_true", help="share the port with other processes")
    parser.add_argument("--parent-pipe", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("asyncpg").setLevel(
        logging.ERROR
    )  # its pool warns with a page for each lost connection
    try:
        settings = read_settings({**os.environ, **_url(arguments.database_url)})
        if not settings.database_url:
            raise SetupError("a gateway needs a database: --database-url or RECHENWERK_DATABASE_URL")
        return uvloop.run(run(settings, arguments))
    except RechenwerkError as error:
        print(f"rechenwerk: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _raise_file_limit() -> None:
    """As many connections as the system lets us have: a stream takes two, and 1,024 is a common start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _spool(settings: Settings) -> Path:
    return Path(settings.spool or Path(tempfile.gettempdir()) / f"rechenwerk-{os.getuid()}")


def _url(text: str) -> dict[str, str]:
    return {"RECHENWERK_DATABASE_URL": text} if text else {}


if __name__ == "__main__":
    sys.exit(main())
