"""A process of our own that gets bytes, gives bytes, and is gone with the memory that it took."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence

from rechenwerk.base.errors import RechenwerkError


async def answered(
    module: str,
    data: bytes,
    failed: str,
    *,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> bytes:
    """What a module run by itself makes of its standard input.

    Args:
        module: by its dotted name.
        data: for its standard input.
        failed: how the message begins when it fails; its last line on standard error follows.
        arguments: of its command line.
        environment: beside ours.
        seconds: after which it is ended; None waits.

    Raises:
        RechenwerkError: it failed.
        TimeoutError: it took longer.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **(environment or {})},
    )
    try:
        async with asyncio.timeout(seconds):
            out, said = await process.communicate(data)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        raise RechenwerkError(f"{failed}: {lines[-1] if lines else process.returncode}")
    return out
