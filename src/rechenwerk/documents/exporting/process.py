"""Runs the process that writes workbooks and Parquet files. Fills `documents.office_ports.Writer`."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from rechenwerk.base.piping import piped
from rechenwerk.documents.office_ports import Rows, Table


class WriterProcess:
    """A process per file, gone when it is written, and with it the folder that it keeps parts in.

    Args:
        within: where that folder is made; None: where the system has such ones.
    """

    def __init__(self, within: Path | None = None) -> None:
        self._within = within

    async def write(
        self, form: str, heads: Sequence[Table], rows: AsyncIterator[Rows]
    ) -> AsyncGenerator[bytes]:
        """See `documents.office_ports.Writer`."""
        child = "rechenwerk.documents.exporting.child"
        with tempfile.TemporaryDirectory(prefix="rechenwerk-", dir=self._within) as folder:
            pieces = piped(child, (form, folder), _lines(heads, rows), f"the {form} writer failed")
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece


async def _lines(heads: Sequence[Table], rows: AsyncIterator[Rows]) -> AsyncIterator[bytes]:
    """JSON, a line each: the tables without rows, then some rows of each."""
    yield msgspec.json.encode(heads) + b"\n"
    async for some in rows:
        yield msgspec.json.encode(some) + b"\n"
