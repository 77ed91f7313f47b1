"""An office on a port, for tests of commands."""

from __future__ import annotations

import asyncio
import io
import secrets
import socket
import threading
from concurrent.futures import Future
from contextlib import redirect_stderr, redirect_stdout

import asyncpg
import uvicorn

from rechenwerk.base.clock import SystemClock
from rechenwerk.cli.app import run
from rechenwerk.main_steps import period_steps
from rechenwerk.office.app import create_app
from rechenwerk.store.control import open_desk


class Listening:
    """The office of a database, listening in a thread of its own."""

    def __init__(self, database_url: str, key: str) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._options = ["--office-url", f"http://127.0.0.1:{self._socket.getsockname()[1]}", "--key", key]
        started: Future[uvicorn.Server] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(database_url, started)))
        self._thread.start()
        self._server = started.result(30)

    async def _serve(self, database_url: str, started: Future[uvicorn.Server]) -> None:
        async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
            desk, clock = open_desk(pool), SystemClock()
            app = create_app(desk, clock, secrets.token_bytes, steps=period_steps(desk, clock, pool))
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
            started.set_result(server)
            await server.serve(sockets=[self._socket])

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)

    def cli(self, *arguments: str) -> tuple[int, str, str]:
        """Run one command: its status and what it printed."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*self._options, *arguments])
        return code, out.getvalue(), err.getvalue()
