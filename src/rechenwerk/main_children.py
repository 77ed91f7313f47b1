"""What a running installation consists of: a locked folder, ports, child processes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rechenwerk.base.errors import SetupError

KEY_FILE = "secret.key"
"""In the data folder: what providers' secrets are sealed with, unless a setting says otherwise."""
SIGNING_FILE = "signing.key"
"""In the data folder: what days of the books are signed with, unless a setting says otherwise."""
_READY = 30.0
_LATEST_END = 15.0
"""Seconds that a gateway may take beyond its grace time to book what it had."""


def lock_folder(folder: Path) -> IO[str]:
    """Make the data folder ours; the lock is gone with the process, however it ends.

    Raises:
        SetupError: it cannot be written, or another instance has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        handle = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"the data folder {folder} cannot be written: {error.strerror}; choose another with --data-dir"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise SetupError(
            f"another Rechenwerk (process {owner}) uses the data folder {folder};"
            " stop it, or choose another folder with --data-dir"
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def check_port(host: str, port: int, flag: str) -> None:
    """See that a port can be had, before anything is started for it.

    Raises:
        SetupError: it is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise SetupError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with {flag}"
            ) from error


class Child:
    """A process of this installation, started again when it dies. It prints one JSON line when it is ready.

    Args:
        name: as people call it.
        module: that it runs.
        arguments: for it.
        database_url: of the installation.
        log: where it writes.
    """

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], *, database_url: str, log: Path
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-m", module, "--parent-pipe", *arguments]
        # In the environment, not among the arguments: a password must not show in the process list.
        self._environment = {
            "RECHENWERK_SPOOL": str(log.parent / "spool"),
            "RECHENWERK_SECRET_KEY_FILE": str(log.parent / KEY_FILE),
            **os.environ,
            "RECHENWERK_DATABASE_URL": database_url,
        }
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 before it runs."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            SetupError: it ended instead; the message is its own.
        """
        with self._log.open("ab") as log:
            began = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_READY):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        try:
            json.loads(line)
        except ValueError:
            await self.kill()
            said = self._log.read_bytes()[began:].decode("utf-8", "replace").strip().splitlines()
            reason = said[-1].removeprefix("rechenwerk: ") if said else f"see {self._log}"
            raise SetupError(f"the {self.name} does not start: {reason}") from None

    async def wait(self) -> int:
        """Wait for its end; returns the exit status."""
        assert self._process is not None
        return await self._process.wait()

    async def keep(self, log: logging.Logger) -> None:
        """Start it again whenever it ends.

        A gateway's calls stand in the books as unresolved; what a worker had in hand is taken over when its
        lease ends.
        """
        while True:
            status = await self.wait()
            log.error("a %s process ended with status %s; starting it again", self.name, status)
            with contextlib.suppress(SetupError):
                await self.start()
                continue
            await asyncio.sleep(1)

    def terminate(self) -> None:
        """Ask it to end its calls and itself."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    async def kill(self) -> None:
        """End it now."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self, grace: float) -> None:
        """Let it end within the grace time and a little more, else kill it."""
        self.terminate()
        try:
            async with asyncio.timeout(grace + _LATEST_END):
                await self.wait()
        except TimeoutError:
            await self.kill()


def gateway_process(database_url: str, host: str, port: int, *, shared: bool, log: Path) -> Child:
    """A gateway process. `shared`: several of them share the port."""
    arguments = ["--host", host, "--port", str(port), *(["--shared"] if shared else [])]
    return Child("gateway", "rechenwerk.main_gateway", arguments, database_url=database_url, log=log)


def router_process(database_url: str, log: Path) -> Child:
    """The process that makes plans."""
    return Child("router", "rechenwerk.main_router", [], database_url=database_url, log=log)


def trained_process(database_url: str, log: Path) -> Child:
    """The process that answers for trained models."""
    return Child("trained models", "rechenwerk.main_trained", [], database_url=database_url, log=log)
