"""What is large goes through a process of its own, a piece at a time."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import BinaryIO

from rechenwerk.base.errors import RechenwerkError

_PIECE = 1 << 16


async def piped(
    module: str, arguments: Sequence[str], pieces: AsyncIterator[bytes], failed: str
) -> AsyncGenerator[bytes]:
    """What a module run by itself makes of its standard input.

    Args:
        module: by its dotted name.
        arguments: of its command line.
        pieces: for its standard input.
        failed: how the message begins when it fails; its last line on standard error follows.

    Raises:
        RechenwerkError: the process failed; nothing whole was written.
    """
    command = (sys.executable, "-m", module, *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    feeding = asyncio.create_task(_feed(process, pieces))
    telling = asyncio.create_task(process.stderr.read())
    try:
        while piece := await process.stdout.read(_PIECE):
            yield piece
        await feeding  # first: if reading what it needs failed, that is the reason to give
        if await process.wait():
            said = (await telling).decode(errors="replace").strip().splitlines()
            raise RechenwerkError(f"{failed}: {said[-1] if said else process.returncode}")
    finally:
        feeding.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await feeding
        await telling


async def _feed(process: Process, pieces: AsyncIterator[bytes]) -> None:
    """Give it the pieces as fast as it takes them; its end of input comes only if all could be read."""
    assert process.stdin is not None
    try:
        async for some in pieces:
            process.stdin.write(some)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended; its own words say why
    except BaseException:
        process.kill()  # half of it must not become a file that looks whole
        raise
    process.stdin.close()


class Counted:
    """A sink that knows how far it is, as a pipe does not.

    Args:
        out: where bytes go.
    """

    closed = False

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._written = 0

    def write(self, data: bytes) -> int:
        """Write all of it."""
        self._out.write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        """How much was written."""
        return self._written

    def flush(self) -> None:
        """Let it go on."""
        self._out.flush()

    def close(self) -> None:
        """The pipe is closed with the process."""
        self.flush()
