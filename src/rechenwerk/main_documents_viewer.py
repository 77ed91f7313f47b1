"""Pages and texts of files for the office: the readers' process, started when wanted, ended when not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.parsing.parsers import Parsers

_IDLE = 120.0
"""Seconds without a page after which the process ends."""


class LazyViewer:
    """Fills `documents.office_ports.Viewer` and `office.chats.ports.Reader`.

    Args:
        limits: bounds of reading.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._parsers: Parsers | None = None
        self._readers = 0
        self._ending: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def image(self, data: bytes, page: int, dpi: int) -> bytes:
        """See `documents.office_ports.Viewer`."""
        async with self._opened() as parsers:
            return await parsers.image(data, page, dpi)

    async def text(self, data: bytes, name: str) -> tuple[str, str]:
        """See `office.chats.ports.Reader`."""
        async with self._opened() as parsers:
            parsed = await parsers.parse(data, name)
            return parsed.kind, parsed.text

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[Parsers]:
        if self._ending is not None:
            self._ending.cancel()
        if self._parsers is None:
            self._parsers = Parsers(None, self._limits)
        self._readers += 1
        try:
            yield self._parsers
        finally:
            self._readers -= 1
            if not self._readers:
                self._ending = asyncio.get_running_loop().call_later(_IDLE, self._end)

    def _end(self) -> None:
        task = asyncio.ensure_future(self.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End the process; the next page starts another."""
        parsers, self._parsers = self._parsers, None
        if self._ending is not None:
            self._ending.cancel()
        if parsers is not None:
            with contextlib.suppress(OSError):
                await parsers.close()
