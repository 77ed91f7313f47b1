"""Where connections come in: it can be shut and opened again without losing its port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

BACKLOG = 4096


class Door:
    """While it is shut, a bound socket that does not listen keeps the port: the kernel refuses all."""

    def __init__(self, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> None:
        self._factory = factory
        self.host = host
        self.port = port
        self._held: socket.socket | None = None
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        """Listen."""
        held, self._held = self._held, None
        sock = held or self._bound()
        self.port = sock.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(self._factory, sock=sock, backlog=BACKLOG))

    async def shut(self) -> None:
        """Refuse; connections that are open stay so."""
        self._servers[-1].close()
        while self._held is None:
            try:
                self._held = self._bound()
            except OSError:  # the listener is closed in a later turn of the loop
                await asyncio.sleep(0)

    def leave(self) -> None:
        """For good."""
        for server in self._servers:
            server.close()
        if self._held is not None:
            self._held.close()

    async def left(self) -> None:
        """Wait until all is closed."""
        for server in self._servers:
            await server.wait_closed()

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.host, self.port))
        except OSError:
            sock.close()
            raise
        return sock
