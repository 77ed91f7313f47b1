"""Runs the process that writes workbooks and Parquet files. Fills `documents.office_ports.Writer`."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.documents.office_ports import Table


class WriterProcess:
    """A process per file, gone when it is written."""

    async def write(self, form: str, tables: Sequence[Table]) -> bytes:
        """See `documents.office_ports.Writer`."""
        command = (sys.executable, "-m", "rechenwerk.documents.exporting.child", form)
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        try:
            out, said = await process.communicate(msgspec.json.encode(tables))
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            raise RechenwerkError(f"the {form} writer failed: {lines[-1] if lines else process.returncode}")
        return out
