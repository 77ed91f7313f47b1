"""A real PostgreSQL for the tests: one server per run, a fresh database per test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import asyncpg

from rechenwerk.store.database import start_embedded
from rechenwerk.store.migrate import migrate

SPOOL = Path(tempfile.gettempdir()) / "rechenwerk-test-spool"
"""Where gateway processes of the tests note their intents."""


class Server:
    """A running server with a migrated template database."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._numbers = itertools.count()
        asyncio.run(self._make_template())

    async def _make_template(self) -> None:
        connection = await asyncpg.connect(self._uri)
        # Thousands of databases are made here that no power failure has to survive.
        for name in ("fsync", "full_page_writes"):
            await connection.execute(f"alter system set {name} = off")
        await connection.execute("select pg_reload_conf()")
        await connection.execute("create database template_rechenwerk")
        await connection.close()
        connection = await asyncpg.connect(self._url("template_rechenwerk"))
        await migrate(connection)
        await connection.close()

    def _url(self, database: str) -> str:
        return self._uri.replace("/postgres?", f"/{database}?")

    async def fresh(self) -> str:
        """The URL of a new, migrated, empty database."""
        name = f"t{next(self._numbers)}"
        connection = await asyncpg.connect(self._uri)
        await connection.execute(f"create database {name} template template_rechenwerk strategy file_copy")
        await connection.close()
        return self._url(name)

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected: thousands would fill the disk."""
        connection = await asyncpg.connect(self._uri)
        await connection.execute(f"drop database {urlsplit(url).path.removeprefix('/')} with (force)")
        await connection.close()

    def fresh_sync(self) -> str:
        """The same outside an event loop."""
        return asyncio.run(self.fresh())


@contextmanager
def running() -> Iterator[Server]:
    """Start the server in a temporary folder and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="rw-pg-"))
    server = start_embedded(folder / "pg")
    try:
        yield Server(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


class Postmaster:
    """A migrated PostgreSQL of its own, as a child of this process, that may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        server: Any = start_embedded(folder / "pg")
        self.url: str = server.get_uri()
        asyncio.run(self._migrate())
        self._command = [server.bin_path / "postgres", "-D", folder / "pg", "-h", "", "-k", self._sockets()]
        self._user: str | None = server.system_user
        self._process: subprocess.Popen[bytes] | None = None
        server.cleanup()

    def _sockets(self) -> str:
        return parse_qs(urlsplit(self.url).query)["host"][0]

    async def _migrate(self) -> None:
        connection = await asyncpg.connect(self.url)
        await migrate(connection)
        await connection.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)

    def start(self) -> None:
        """Start it, again and again while the children of a killed one still go, until it answers."""
        ended = time.monotonic() + 30
        while True:
            if self._process is None or self._process.poll() is not None:
                quiet = subprocess.DEVNULL
                self._process = subprocess.Popen(self._command, user=self._user, stdout=quiet, stderr=quiet)
            try:
                asyncio.run(self._answers())
                return
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > ended:
                    raise

    async def _answers(self) -> None:
        connection = await asyncpg.connect(self.url, timeout=5)
        await connection.close()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
