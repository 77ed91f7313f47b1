"""The worker's end of a reader process: start, ask, wait with a deadline, kill."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

from rechenwerk.documents.parsing.frames import HEAD, Ready, Reply, Request, Setup, framed, reply

START_SECONDS = 60.0
LARGEST = 1_000_000_000


class DiedError(Exception):
    """The process ended, or was ended because it took too long."""

    def __init__(self, why: str, *, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds
        """How long it was waited for; 0 where that was not the reason."""


class ReaderProcess:
    """A process that reads files."""

    def __init__(self, process: Process, guards: tuple[str, ...]) -> None:
        self._process = process
        self.guards = guards
        self.documents = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.returncode is None

    @classmethod
    async def start(cls, setup: Setup) -> ReaderProcess:
        """Start one and hand it its bounds.

        Raises:
            DiedError: it did not come up.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "rechenwerk.documents.parsing.child",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=_environment(),
        )
        reader = cls(process, ())
        try:
            await reader.send(setup, START_SECONDS)
            ready = await reader.next(START_SECONDS)
        except BaseException:
            await reader.kill()
            raise
        if not isinstance(ready, Ready):
            await reader.kill()
            raise DiedError("it did not start")
        reader.guards = ready.guards
        return reader

    async def send(self, message: Request, seconds: float) -> None:
        """Ask.

        Raises:
            DiedError: it is gone, or does not take the request in time.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(framed(message))
            async with asyncio.timeout(seconds):
                await self._process.stdin.drain()
        except TimeoutError as error:
            await self.kill()
            raise DiedError(f"longer than {seconds:g} s", seconds=seconds) from error
        except (ConnectionError, RuntimeError) as error:
            raise DiedError(await self._how()) from error

    async def next(self, seconds: float) -> Reply:
        """Its next answer.

        Raises:
            DiedError: it ended, said something that is no answer, or took longer; it is gone then.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                size = int.from_bytes(await self._process.stdout.readexactly(HEAD), "big")
                if size > LARGEST:
                    raise ValueError("too long")
                return reply(await self._process.stdout.readexactly(size))
        except TimeoutError as error:
            await self.kill()
            raise DiedError(f"longer than {seconds:g} s", seconds=seconds) from error
        except asyncio.IncompleteReadError as error:
            raise DiedError(await self._how()) from error
        except ValueError as error:  # msgspec's errors too
            await self.kill()
            raise DiedError("its answer was damaged") from error

    async def kill(self) -> None:
        """End it at once; may be called again."""
        with suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _how(self) -> str:
        try:
            async with asyncio.timeout(5):
                code = await self._process.wait()
        except TimeoutError:
            await self.kill()
            return "it stopped answering"
        return f"signal {-code}" if code < 0 else f"exit status {code}"


def _environment() -> dict[str, str]:
    """Little of ours: no keys or proxies of the worker reach a process that reads files of strangers."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ")
        if name in os.environ
    }
    return kept | {
        "OMP_THREAD_LIMIT": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUTF8": "1",
    }
