"""Calls as Parquet: lines of CSV go through a process of their own (`parquet_child`), a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from rechenwerk.base.piping import piped


def parquet(lines: AsyncIterator[bytes], currency: str) -> AsyncGenerator[bytes]:
    """CSV with a heading, as the bytes of a Parquet file.

    Raises:
        RechenwerkError: the process failed; nothing whole was written.
    """
    return piped("rechenwerk.office.parquet_child", (currency,), lines, "the Parquet writer failed")
