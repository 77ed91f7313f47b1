"""Calls as Parquet: lines of CSV go through a process of their own (`parquet_child`), a piece at a time."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

from rechenwerk.base.errors import RechenwerkError

_PIECE = 1 << 16


async def parquet(lines: AsyncIterator[bytes], currency: str) -> AsyncIterator[bytes]:
    """CSV with a heading, as the bytes of a Parquet file.

    Raises:
        RechenwerkError: the process failed; nothing whole was written.
    """
    command = (sys.executable, "-m", "rechenwerk.office.parquet_child", currency)
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    feeding = asyncio.create_task(_feed(process, lines))
    telling = asyncio.create_task(process.stderr.read())
    try:
        while piece := await process.stdout.read(_PIECE):
            yield piece
        await feeding  # first: if reading the books failed, that is the reason to give
        if await process.wait():
            said = (await telling).decode(errors="replace").strip().splitlines()
            raise RechenwerkError(f"the Parquet writer failed: {said[-1] if said else process.returncode}")
    finally:
        feeding.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await feeding
        await telling


async def _feed(process: Process, lines: AsyncIterator[bytes]) -> None:
    """Give it the lines as fast as it takes them; its end of input comes only if all could be read."""
    assert process.stdin is not None
    try:
        async for some in lines:
            process.stdin.write(some)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended; its own words say why
    except BaseException:
        process.kill()  # half of the calls must not become a file that looks whole
        raise
    process.stdin.close()
