"""Runs the training process. Fills `documents.learning_ports.Trainer`."""

from __future__ import annotations

import asyncio
from types import MappingProxyType

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.documents.children import answered

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
            try:
                return await answered(
                    "rechenwerk.documents.learning.child",
                    task,
                    "training failed",
                    environment=_ALONE,
                    seconds=LONGEST,
                )
            except TimeoutError:
                raise RechenwerkError(
                    f"training took more than {LONGEST:g} s and was ended; give fewer examples"
                ) from None
