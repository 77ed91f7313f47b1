"""Where things are built and joined: the installation with its database, models, gateways and office."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib import resources
from math import ceil
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvicorn
import uvloop
from fastapi import FastAPI
from rich.console import Console

import rechenwerk
from rechenwerk.base.clock import SystemClock
from rechenwerk.base.errors import RechenwerkError, SetupError
from rechenwerk.base.loops import repeat
from rechenwerk.base.privacy import hide_process
from rechenwerk.base.settings import Settings, read_settings
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.routes import largest_body
from rechenwerk.identity.secrets import SecretBox, make_key_file, secret_box
from rechenwerk.identity.signing import KeyFile
from rechenwerk.main_chats import mount_chats
from rechenwerk.main_children import (
    KEY_FILE,
    SIGNING_FILE,
    Child,
    check_port,
    gateway_process,
    lock_folder,
    router_process,
    trained_process,
)
from rechenwerk.main_console import mount_console
from rechenwerk.main_doctor import Finding, doctor
from rechenwerk.main_documents_keeper import Crew, JobBell, delete_expired, worker_process
from rechenwerk.main_documents_office import mount_documents, setup_of
from rechenwerk.main_documents_reading import reading_limits
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.main_keeper import keep_books
from rechenwerk.main_learning import mount_learning
from rechenwerk.main_models import models_folder, offer
from rechenwerk.main_steps import period_steps
from rechenwerk.main_welcome import Welcome, first_call, model_offered, show
from rechenwerk.office.access import Office
from rechenwerk.office.app import create_app
from rechenwerk.office.budgets.courier import Courier
from rechenwerk.office.budgets.mail import Mails, read_server
from rechenwerk.office.budgets.sending import Sender
from rechenwerk.office.budgets.webhooks import Webhooks, read_networks
from rechenwerk.office.chats.desk import ChatOffice
from rechenwerk.office.chats.messages import largest_file
from rechenwerk.office.events import Events
from rechenwerk.office.first_run import FirstRun, first_run
from rechenwerk.office.governance.keeper import reclaim_idle
from rechenwerk.office.people.single_sign_on import read_single_sign_on
from rechenwerk.office.planning.running import Planning
from rechenwerk.office.ports import Desk
from rechenwerk.providers.assets import POTION, SMOLLM2, fetch
from rechenwerk.providers.embedded_child import Embedded, start
from rechenwerk.store.control import open_desk
from rechenwerk.store.database import EmbeddedServer, connect, revive_embedded, start_embedded
from rechenwerk.store.migrate import migrate

__all__ = [
    "Finding",
    "GatewayOptions",
    "Installation",
    "ServeOptions",
    "doctor",
    "run_document_worker",
    "run_gateway",
    "serve",
]

_log = logging.getLogger("rechenwerk.main")
_CONTEXT = 16_384
_HOUR = 3600.0
_SLOTS = 4


class ServeOptions(msgspec.Struct, frozen=True):
    """What `rechenwerk serve` was asked to do."""

    host: str = "127.0.0.1"
    port: int = 8080
    office_port: int = 8081
    data_dir: Path = Path("data")
    processes: int = 1
    model: bool = True
    json: bool = False
    document_workers: int = 1


class GatewayOptions(msgspec.Struct, frozen=True):
    """What `rechenwerk gateway` was asked to do."""

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8080
    json: bool = False


class _Office(uvicorn.Server):
    """uvicorn without its signal handlers: the installation has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Installation:
    """Everything that `serve` starts, in the order in which it is started; `stop` goes back.

    Args:
        options: from the command line.
        settings: from the environment.
        console: where a person reads along.
    """

    def __init__(self, options: ServeOptions, settings: Settings, console: Console) -> None:
        self._options = options
        self._settings = settings
        self._console = console
        self._postgres: EmbeddedServer | None = None
        self._embedded: Embedded | None = None
        self._pool: asyncpg.Pool | None = None
        self._gateways: list[Child] = []
        self._router: Child | None = None
        self._trained: Child | None = None
        self._office: _Office | None = None
        self._events: Events | None = None
        self._crew: Crew | None = None
        self._chats: ChatOffice | None = None
        self._planning: Planning | None = None
        self._viewer = LazyViewer(reading_limits(settings))
        self._office_task: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._url = settings.database_url

    # -- starting ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything; what was started before a failure is stopped by `stop`."""
        options = self._options
        check_port(options.host, options.port, "--port")
        check_port(options.host, options.office_port, "--office-port")
        with self._step("database"):
            await self._open_database()
        assert self._pool is not None
        desk = open_desk(self._pool)
        box = self._secret_box()
        founded = await first_run(desk, _default_configuration())
        if options.model:
            await self._start_models()
            await offer(desk, models_folder(self._settings, options.data_dir), options.data_dir)
        with self._step("gateway"):
            await self._start_gateways()
        with self._step("office"):
            await self._start_office(desk, box)
        self._tasks.append(asyncio.create_task(self._run_router()))
        self._tasks.append(asyncio.create_task(self._run_trained()))
        reclaim = partial(reclaim_idle, desk, SystemClock())
        work = repeat(reclaim, _HOUR, _log, "grants that lie idle cannot be looked at")
        self._tasks.append(asyncio.create_task(work))
        await self._welcome(desk, founded)
        # Routes, templates and schemas live on: walking them again would hold every page up for a moment.
        gc.freeze()

    def _step(self, name: str) -> contextlib.AbstractContextManager[object]:
        if self._options.json:
            return contextlib.nullcontext()
        return self._console.status(f"starting the {name} ...")

    async def _open_database(self) -> None:
        if not self._url:
            folder = self._options.data_dir / "postgres"
            self._postgres = await asyncio.to_thread(start_embedded, folder)
            self._url = self._postgres.get_uri()
            self._tasks.append(asyncio.create_task(self._keep_postgres(self._postgres, folder)))
        connection = await connect(self._url)
        try:
            await migrate(connection)
        finally:
            await connection.close()
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=8)

    async def _keep_postgres(self, server: EmbeddedServer, folder: Path) -> None:
        """Start PostgreSQL again when it dies; the gateways connect again by themselves."""
        while True:
            await asyncio.sleep(1)
            try:
                if await asyncio.to_thread(revive_embedded, server, folder):
                    _log.error("PostgreSQL had ended; it was started again")
            except (OSError, subprocess.SubprocessError) as error:
                _log.error("PostgreSQL ended and does not start: %s", error)

    async def _start_models(self) -> None:
        folder = models_folder(self._settings, self._options.data_dir)
        for asset in (SMOLLM2, POTION):
            with self._step(f"model {asset.name}"):
                await asyncio.to_thread(fetch, asset, folder, _log.info)
        with self._step("models"):
            await self._run_models(folder)
        self._tasks.append(asyncio.create_task(self._keep_models(folder)))

    async def _run_models(self, folder: Path) -> None:
        self._embedded = await asyncio.to_thread(
            start, folder, context=_CONTEXT, slots=_SLOTS, threads=self._settings.model_threads
        )
        await self._announce_models()

    async def _keep_models(self, folder: Path) -> None:
        """Start the models again when their process dies."""
        while True:
            await asyncio.sleep(1)
            if self._embedded is not None and not self._embedded.alive():
                _log.error("the embedded models ended; starting them again")
                with contextlib.suppress(SetupError):
                    await self._run_models(folder)

    async def _announce_models(self) -> None:
        """Tell every gateway where the embedded models listen this time."""
        assert self._embedded is not None
        assert self._pool is not None
        addresses = (
            ("embedded", self._embedded.chat_url),
            ("embedded-embeddings", self._embedded.embeddings_url),
        )
        for kind, url in addresses:
            await self._pool.execute(
                "update provider set runtime_url = $1 where kind = $2", f"{url}/v1" if url else "", kind
            )

    async def _start_gateways(self) -> None:
        options = self._options
        for number in range(options.processes):
            gateway = gateway_process(
                self._url,
                options.host,
                options.port,
                shared=options.processes > 1,
                log=options.data_dir / f"gateway-{number}.log",
            )
            self._gateways.append(gateway)
        await asyncio.gather(*[gateway.start() for gateway in self._gateways])
        self._tasks += [asyncio.create_task(gateway.keep(_log)) for gateway in self._gateways]

    async def _run_router(self) -> None:
        """Nobody waits for it: until there is a plan, calls go by list prices."""
        self._router = router_process(self._url, self._options.data_dir / "router.log")
        with contextlib.suppress(SetupError):
            await self._router.start()
        await self._router.keep(_log)

    async def _run_trained(self) -> None:
        """Who answers for models that organisations trained."""
        self._trained = trained_process(self._url, self._options.data_dir / "trained.log")
        with contextlib.suppress(SetupError):
            await self._trained.start()
        await self._trained.keep(_log)

    def _secret_box(self) -> SecretBox | None:
        settings = self._settings
        file = settings.secret_key_file
        if not settings.secret_key and not file:
            path = self._options.data_dir / KEY_FILE
            make_key_file(path)
            file = str(path)
        return secret_box(settings.secret_key, file)

    async def _start_office(self, desk: Desk, box: SecretBox | None) -> None:
        assert self._pool is not None
        signing = KeyFile(Path(self._settings.signing_key_file or self._options.data_dir / SIGNING_FILE))
        clock = SystemClock()
        steps = period_steps(desk, clock, self._pool)
        app = create_app(
            desk,
            clock,
            secrets.token_bytes,
            rechenwerk.__version__,
            box,
            steps,
            signing=signing,
            larger=lambda path: max(
                largest_body(path, setting=self._settings.documents_largest), largest_file(path)
            ),
            webhook_networks=read_networks(self._settings.webhook_networks),
            single_sign_on=read_single_sign_on(self._settings),
            public_url=self._settings.public_url,
            gateway_url=_address(self._options.host, self._options.port),
        )
        self._mount_documents(app)
        url = _address(self._options.host, self._options.port)
        self._chats = mount_chats(app, self._pool, url, self._viewer)
        mount_console(app, clock, self._options.port)
        self._planning = app.state.office.planning
        self._planning.runner.wake(desk.plans)
        self._tasks.append(asyncio.create_task(keep_books(app.state.office, self._pool)))
        self._events = app.state.events
        config = uvicorn.Config(
            app,
            host=self._options.host,
            port=self._options.office_port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=ceil(self._settings.grace),
        )
        self._office = _Office(config)
        self._tasks.append(asyncio.create_task(self._courier(app.state.office).run()))
        self._office_task = task = asyncio.create_task(self._office.serve())
        while not self._office.started:
            if task.done():
                raise SetupError(f"the office does not start on port {self._options.office_port}")
            await asyncio.sleep(0.005)

    def _mount_documents(self, app: FastAPI) -> None:
        """The routes of documents, and who works behind them: nobody before the first document."""
        assert self._pool is not None
        options, settings = self._options, self._settings
        folder, url = options.data_dir, _address(options.host, options.port)
        models = models_folder(settings, folder)
        crew = self._crew = Crew(
            lambda number: worker_process(self._url, url, models, folder / f"documents-{number}.log"),
            options.document_workers,
            settings.grace,
        )
        office = mount_documents(
            app, self._pool, self._url, self._viewer, WriterProcess(), setup_of(settings), crew.want
        )
        mount_learning(app, self._pool, url, settings.documents_vectors)
        bell = JobBell(office, Webhooks(app.state.office.box, read_networks(settings.webhook_networks)))
        for work in (crew.run(office), bell.run(), delete_expired(office, app.state.office.now)):
            self._tasks.append(asyncio.create_task(work))

    def _courier(self, office: Office) -> Courier:
        settings = self._settings
        senders: dict[str, Sender] = {
            "webhook": Webhooks(office.box, read_networks(settings.webhook_networks)),
            "mail": Mails(read_server(settings.smtp_url, settings.smtp_from)),
        }
        return Courier(office, senders)

    # -- being ready ------------------------------------------------------------------------------

    async def _welcome(self, desk: Desk, founded: FirstRun | None) -> None:
        options = self._options
        url = _address(options.host, options.port)
        office_url = _address(options.host, options.office_port)
        state = {
            "url": url,
            "office_url": office_url,
            "gateway_pids": [gateway.pid for gateway in self._gateways],
            "postgres_pid": self._postgres.get_pid() if self._postgres is not None else None,
            "supervisor_pid": os.getpid(),
            "embedded_pid": self._embedded.pid if self._embedded is not None else None,
        }
        (options.data_dir / "state.json").write_text(json.dumps(state, indent=2), encoding="utf-8")
        assert self._pool is not None
        if options.json:
            key = {} if founded is None else {"key": founded.key, "invitation": founded.invitation}
            own = (
                {"database_url": self._url} if self._postgres is not None else {}
            )  # another's has a password
            print(json.dumps({**state, **own, **key}), flush=True)  # noqa: T201
            return
        call = await first_call(self._pool, desk, url) if options.model else None
        model = await model_offered(self._pool, embedded=options.model)
        show(self._console, Welcome(url, office_url, await desk.tenants.currency(), founded, call, model))

    # -- stopping ---------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End every child: gateways first, so that their last calls find database and models alive."""
        for task in self._tasks:
            task.cancel()
        children = [*self._gateways, *(one for one in (self._router, self._trained) if one is not None)]
        if self._crew is not None:
            await self._crew.stop()
        await self._viewer.close()
        if self._chats is not None:
            await self._chats.runs.close()
        await asyncio.gather(*[child.stop(self._settings.grace) for child in children])
        if self._events is not None:
            self._events.close()
        if self._office is not None and self._office_task is not None:
            self._office.should_exit = True
            await asyncio.gather(self._office_task, return_exceptions=True)
        if self._planning is not None:
            await self._planning.close()
        if self._embedded is not None:
            await asyncio.to_thread(self._embedded.stop)
        if self._pool is not None:
            await self._pool.close()
        if self._postgres is not None:
            await asyncio.to_thread(self._postgres.cleanup)
        (self._options.data_dir / "state.json").unlink(missing_ok=True)


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _default_configuration() -> str:
    return (resources.files("rechenwerk.office") / "default.toml").read_text(encoding="utf-8")


async def _serve(options: ServeOptions, settings: Settings, console: Console) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    installation = Installation(options, settings, console)
    starting = asyncio.create_task(installation.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopping
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        if not options.json:
            console.print("Ending: running calls finish, everything is booked ...")
    finally:
        await installation.stop()


def serve(options: ServeOptions) -> int:
    """Run an installation until it is told to end; returns the exit status."""
    hide_process()
    console = Console()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("asyncpg").setLevel(
        logging.ERROR
    )  # its pool warns with a page for each lost connection
    try:
        settings = read_settings(os.environ)
        with lock_folder(options.data_dir):
            uvloop.run(_serve(options, settings, console))
    except RechenwerkError as error:
        print(f"rechenwerk: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def run_document_worker(database_url: str, url: str) -> int:
    """Become a worker for documents; it prints one JSON line when it is ready."""
    os.environ["RECHENWERK_DATABASE_URL"] = database_url
    command = [sys.executable, "-m", "rechenwerk.main_documents", "--url", url]
    os.execv(command[0], command)  # noqa: S606


def run_gateway(options: GatewayOptions) -> int:
    """Become a gateway process; it prints one JSON line when it is ready."""
    command = [sys.executable, "-m", "rechenwerk.main_gateway", "--host", options.host]
    command += ["--port", str(options.port)]
    os.environ["RECHENWERK_DATABASE_URL"] = options.database_url
    os.execv(command[0], command)  # noqa: S606
