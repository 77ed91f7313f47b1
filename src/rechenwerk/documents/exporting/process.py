"""Runs the process that writes workbooks and Parquet files. Fills `documents.office_ports.Writer`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rechenwerk.documents.children import answered
from rechenwerk.documents.office_ports import Table


class WriterProcess:
    """A process per file, gone when it is written."""

    async def write(self, form: str, tables: Sequence[Table]) -> bytes:
        """See `documents.office_ports.Writer`."""
        child = "rechenwerk.documents.exporting.child"
        return await answered(
            child, msgspec.json.encode(tables), f"the {form} writer failed", arguments=(form,)
        )
