"""How the processes of an installation begin, and how they are told to end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from rechenwerk.base.errors import RechenwerkError, SetupError
from rechenwerk.base.privacy import hide_process
from rechenwerk.base.settings import Settings, read_settings


class Stop(asyncio.Event):
    """Set when a process has been told to end.

    Attributes:
        watch: waits for the parent's end; held here, because a loop holds its tasks weakly.
    """

    watch: asyncio.Task[bytes] | None = None


async def told_to_end(*, parent_pipe: bool) -> Stop:
    """Set by SIGTERM, SIGINT, or the parent's end."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent_pipe:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        stop.watch = loop.create_task(reader.read())
        stop.watch.add_done_callback(lambda _: stop.set())
    return stop


def begin(
    parser: argparse.ArgumentParser,
    needs: str,
    run: Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]],
) -> int:
    """Read arguments and settings, and run; one line on standard error says why it cannot.

    Args:
        parser: of its arguments; `--parent-pipe` is added.
        needs: who needs a database, as the line begins.
        run: until it is told to end.
    """
    hide_process()
    parser.add_argument("--parent-pipe", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = read_settings(os.environ)
        if not settings.database_url:
            raise SetupError(f"{needs} a database: RECHENWERK_DATABASE_URL")
        return asyncio.run(run(settings, arguments))
    except RechenwerkError as error:
        print(f"rechenwerk: {error}", file=sys.stderr)  # noqa: T201
        return 1
