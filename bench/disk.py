"""What one commit costs on this disk: the flush alone, and a row in PostgreSQL."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BLOCK = 8192
BLOCKS = 1024


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile of a series, such as 0.99 of it."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


def flushes(folder: Path, count: int) -> list[float]:
    """Milliseconds of fdatasync after 8 KiB into a file of fixed size, as the write-ahead log does it."""
    path = folder / "flush.bench"
    took = []
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.write(file, bytes(BLOCK * BLOCKS))
        os.fsync(file)
        for number in range(count):
            os.pwrite(file, os.urandom(BLOCK), number % BLOCKS * BLOCK)
            begun = time.perf_counter_ns()
            os.fdatasync(file)
            took.append((time.perf_counter_ns() - begun) / 1e6)
    finally:
        os.close(file)
        path.unlink()
    return took


async def commits(database_url: str, count: int) -> list[float]:
    """Milliseconds of one inserted row and its commit; the table is gone afterwards."""
    connection = await asyncpg.connect(database_url)
    took = []
    try:
        await connection.execute("create table bench_commit (number bigint not null)")
        insert = await connection.prepare("insert into bench_commit values ($1)")
        for number in range(count):
            begun = time.perf_counter_ns()
            await insert.fetch(number)
            took.append((time.perf_counter_ns() - begun) / 1e6)
    finally:
        await connection.execute("drop table if exists bench_commit")
        await connection.close()
    return took


async def is_safe(database_url: str) -> bool:
    """Whether the server waits for its disk at all."""
    connection = await asyncpg.connect(database_url)
    try:
        values = [await connection.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit")]
    finally:
        await connection.close()
    return bool(values[0] == "on" and values[1] != "off")
