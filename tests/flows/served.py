"""An office on a port of this machine, and the command line against it."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import socket
import threading
from concurrent.futures import Future
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import Any

import asyncpg
import msgspec
import uvicorn

from rechenwerk.base.clock import SystemClock
from rechenwerk.cli.app import run
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.office_ports import Setup
from rechenwerk.documents.routes import largest_body
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.main_documents_office import mount_documents
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.main_learning import mount_learning
from rechenwerk.office.app import create_app
from rechenwerk.office.budgets.webhooks import read_networks
from rechenwerk.office.first_run import FirstRun, first_run
from rechenwerk.store.control import open_desk
from tests.flows.office_desk import DEFAULT, Office


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one document on standard output."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def one_line(self) -> str:
        """The one line on standard error of a command that failed."""
        assert self.code == 1
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err


class Served:
    """An office on a port of this machine, in a thread of its own.

    Args:
        database_url: of its database.
        beside: an office over the same database, whose key it knows and with whose key it seals.
    """

    def __init__(self, database_url: str, beside: Office | None = None) -> None:
        self._beside = beside
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "http://127.0.0.1:9"  # nobody, until a gateway runs
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._started: Future[tuple[uvicorn.Server, FirstRun]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(database_url)))
        self._thread.start()
        self._server, self.first = self._started.result(30)

    async def _serve(self, database_url: str) -> None:
        async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
            desk = open_desk(pool)
            first = await first_run(desk, DEFAULT) if self._beside is None else self._beside.first
            assert first is not None
            box = SecretBox(bytes(32))
            larger = partial(largest_body, setting=Setup().largest)
            here = read_networks("127.0.0.0/8")
            app = create_app(
                desk,
                SystemClock(),
                secrets.token_bytes,
                box=box,
                signing=None if self._beside is None else self._beside.signing,
                webhook_networks=here,
                larger=larger,
            )
            viewer = LazyViewer()
            mount_documents(app, pool, database_url, viewer, WriterProcess(), Setup())
            mount_learning(app, pool, lambda: self.endpoint, "potion-multilingual")
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
            self._started.set_result((server, first))
            await server.serve(sockets=[self._socket])
            await viewer.close()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)

    def cli(self, *arguments: str, key: str | None = None, url: str = "http://127.0.0.1:9") -> Ended:
        """Run one command in this process with the admin's key, or another."""
        out, err = io.StringIO(), io.StringIO()
        options = ["--office-url", self.url, "--url", url, "--key", self.first.key if key is None else key]
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*options, *arguments])
        return Ended(code, out.getvalue(), err.getvalue())
