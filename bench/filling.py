"""Books filled by SQL through the real tables: every constraint and trigger of theirs, no till."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.booking import DEPLOYMENTS, KEYS, PROJECTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import asyncpg

    from rechenwerk.ledger.periods import Period

CHUNK = 100_000
BYTES = 900
"""Of disk that a call takes with its transfers, indexes and the log of changes."""
FREE = 20_000_000_000
"""Bytes that stay free."""

# Every key under every deployment, evenly over the month, in the order of ids.
_CALLS = f"""
insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id, endpoint,
    model, streamed, outcome, usage_source, input, cached_input, cache_write, output, reasoning, images,
    seconds, requests, held, price, cost, charged, slices, status, started_at, first_byte_us, total_us,
    energy_uwh, co2_ug)
select 1, first_id($3) + (((n * $5::numeric / $4) * 1000)::bigint << 22 | (n & 4095)), 1 + n % {PROJECTS},
    1 + n % {PROJECTS} * {KEYS} + n / {PROJECTS} % {KEYS}, 1, 1 + n / {PROJECTS * KEYS} % {DEPLOYMENTS},
    1 + n / {PROJECTS * KEYS} % {DEPLOYMENTS}, 'chat', 'm' || 1 + n / {PROJECTS * KEYS} % {DEPLOYMENTS},
    false, 'posted', 'reported', 100 + n % 97, n % 31, 0, 50 + n % 89, 0, 0, 0, 1, 100000, 40000 + n % 1000,
    30000 + n % 1000, 40000 + n % 1000, '{{}}', 200, $3 + make_interval(secs => n * $5::numeric / $4), 1000,
    2000, 70, 9
from generate_series($1::bigint, $2::bigint - 1) n
"""
_TRANSFERS = """
insert into transfer (organisation_id, call_id, line, debit, credit, amount)
select 1, c.id, x.line, x.debit, x.credit, x.amount from call c
join account d on d.organisation_id = 1 and d.kind = 'cost' and d.project_id = c.project_id
    and d.contract_id = c.contract_id
join account k on k.organisation_id = 1 and k.kind = 'payable' and k.contract_id = c.contract_id
join account r on r.organisation_id = 1 and r.kind = 'receivable' and r.project_id = c.project_id
join account v on v.organisation_id = 1 and v.kind = 'revenue' and v.project_id = c.project_id
cross join lateral (values (1, d.id, k.id, c.cost), (2, r.id, v.id, c.price)) x(line, debit, credit, amount)
where c.organisation_id = 1 and c.id >= $1 and c.id < $2
"""
_ID = "select first_id($1) + (((($2::bigint * $4::numeric / $3) * 1000)::bigint) << 22)"


def room_for(folder: Path, calls: int) -> int:
    """So many calls, or as many as the disk has room for."""
    return max(0, min(calls, (shutil.disk_usage(folder).free - FREE) // BYTES))


async def fill(pool: asyncpg.Pool, calls: int, month: Period, say: Callable[[int], None]) -> None:
    """Write so many calls of a month, each with two transfers; `say` is told how many there are."""
    seconds = (month.ends - month.starts).total_seconds() - 60
    async with pool.acquire() as connection:
        await connection.execute("select make_month($1)", month.starts)
        await connection.execute("set synchronous_commit = off; set work_mem = '64MB'")
        end = await connection.fetchval("select first_id($1)", month.ends)
        for first in range(0, calls, CHUNK):
            last = min(calls, first + CHUNK)
            low = await connection.fetchval(_ID, month.starts, first, calls, seconds)
            high = await connection.fetchval(_ID, month.starts, last, calls, seconds)
            async with connection.transaction():
                await connection.execute(_CALLS, first, last, month.starts, calls, seconds)
                await connection.execute(_TRANSFERS, low, high if last < calls else end)
            say(last)
        await connection.execute("reset synchronous_commit; reset work_mem")
        await connection.execute("vacuum analyze")
