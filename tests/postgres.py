"""A real PostgreSQL for the tests: one server per run, a fresh database per test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from rechenwerk.store.database import start_embedded
from rechenwerk.store.migrate import migrate


class Server:
    """A running server with a migrated template database."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._numbers = itertools.count()
        asyncio.run(self._make_template())

    async def _make_template(self) -> None:
        connection = await asyncpg.connect(self._uri)
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
        await connection.execute(f"create database {name} template template_rechenwerk")
        await connection.close()
        return self._url(name)

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
