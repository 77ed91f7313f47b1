"""A database of a bench's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from rechenwerk.store.database import start_embedded
from rechenwerk.store.migrate import migrate

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from pathlib import Path

    from rechenwerk.store.database import EmbeddedServer


async def database(stack: AsyncExitStack, folder: Path) -> EmbeddedServer:
    """Start PostgreSQL in a folder, migrated; it ends with the stack."""
    server = start_embedded(folder)
    stack.callback(server.cleanup)
    connection = await asyncpg.connect(server.get_uri())
    await migrate(connection)
    await connection.close()
    return server
