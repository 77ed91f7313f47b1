"""Work that is done again and again beside everything else, and that nothing may end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable


async def repeat(
    work: Callable[[], Awaitable[object]], every: float, log: logging.Logger, failed: str
) -> None:
    """Do some work for ever, until the task is cancelled.

    Args:
        work: what is done; whatever it raises is logged, and the next time may be better.
        every: seconds between two times.
        log: who is told about errors: of a network or database in a line, of anything else with its place.
        failed: what it means when the work fails.
    """
    while True:
        try:
            await work()
        except Exception as error:
            log.warning("%s: %s", failed, error, exc_info=not isinstance(error, OSError))
        await asyncio.sleep(every)
