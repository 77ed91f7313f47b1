"""Runs the training process. Fills `documents.learning_ports.Trainer`."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from types import MappingProxyType

from rechenwerk.base.errors import RechenwerkError

LONGEST = 600.0
"""Seconds of one training."""
_ALONE = MappingProxyType(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))


class TrainerProcess:
    """A process per training, one training at a time: gone when it is done, with the memory that it took.

    It computes on one thread: on a machine that has other work, several wait for each other.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def train(self, task: bytes) -> bytes:
        """See `documents.learning_ports.Trainer`."""
        async with self._turn:
            command = (sys.executable, "-m", "rechenwerk.documents.learning.child")
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**os.environ, **_ALONE}
            )
            try:
                async with asyncio.timeout(LONGEST):
                    out, said = await process.communicate(task)
            except TimeoutError:
                raise RechenwerkError(
                    f"training took more than {LONGEST:g} s and was ended; give fewer examples"
                ) from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            raise RechenwerkError(f"training failed: {lines[-1] if lines else process.returncode}")
        return out
