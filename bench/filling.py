"""Books filled by SQL through the real tables: every constraint and trigger of theirs, no till."""

from __future__ import annotations

import shutil
import time
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

# Every key under every deployment, evenly over the month, in order of ids. $4: microseconds between calls.
_CALLS = f"""
insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id, endpoint,
    model, streamed, outcome, usage_source, input, cached_input, cache_write, output, reasoning, images,
    seconds, requests, held, price, cost, charged, slices, status, started_at, first_byte_us, total_us,
    energy_uwh, co2_ug)
select 1, first_id($3) + (n * $4::bigint / 1000 << 22 | (n & 4095)), 1 + n % {PROJECTS},
    1 + n % {PROJECTS} * {KEYS} + n / {PROJECTS} % {KEYS}, 1, 1 + n / {PROJECTS * KEYS} % {DEPLOYMENTS},
    1 + n / {PROJECTS * KEYS} % {DEPLOYMENTS}, 'chat', 'm' || 1 + n / {PROJECTS * KEYS} % {DEPLOYMENTS},
    false, 'posted', 'reported', 100 + n % 97, n % 31, 0, 50 + n % 89, 0, 0, 0, 1, 100000, 40000 + n % 1000,
    30000 + n % 1000, 40000 + n % 1000, '{{}}', 200, $3 + n * $4 * interval '1 microsecond', 1000, 2000, 70, 9
from generate_series($1::bigint, $2::bigint - 1) n
"""
_TRANSFERS = f"""
with place as materialized (
    select p.n as project, c.n as contract, d.id as debit, k.id as credit, r.id as receivable, v.id as revenue
    from generate_series(1, {PROJECTS}) p(n), generate_series(1, {DEPLOYMENTS}) c(n), account d, account k,
        account r, account v
    where d.organisation_id = 1 and d.kind = 'cost' and d.project_id = p.n and d.contract_id = c.n
        and k.organisation_id = 1 and k.kind = 'payable' and k.contract_id = c.n
        and r.organisation_id = 1 and r.kind = 'receivable' and r.project_id = p.n
        and v.organisation_id = 1 and v.kind = 'revenue' and v.project_id = p.n
)
insert into transfer (organisation_id, call_id, line, debit, credit, amount)
select 1, first_id($3) + (n * $4::bigint / 1000 << 22 | (n & 4095)), x.line, x.debit, x.credit, x.amount
from generate_series($1::bigint, $2::bigint - 1) n
join place l on l.project = 1 + n % {PROJECTS} and l.contract = 1 + n / {PROJECTS * KEYS} % {DEPLOYMENTS}
cross join lateral (values (1, l.debit, l.credit, 30000 + n % 1000),
    (2, l.receivable, l.revenue, 40000 + n % 1000)) x(line, debit, credit, amount)
"""
# As the till does: the transfers belong to the calls before them. See the migration 0017.
_LANE = "select set_config('rechenwerk.lane', '-1', true)"


def room_for(folder: Path, calls: int) -> int:
    """So many calls, or as many as the disk has room for."""
    return max(0, min(calls, (shutil.disk_usage(folder).free - FREE) // BYTES))


async def fill(
    pool: asyncpg.Pool, calls: int, month: Period, say: Callable[[int], None], limit: float = float("inf")
) -> int:
    """Write so many calls of a month, each with two transfers; `say` is told how many there are.

    After `limit` seconds no more are written; returns how many were.
    """
    apart = int((month.ends - month.starts).total_seconds() * 1e6) // calls
    until = time.monotonic() + limit
    done = 0
    async with pool.acquire() as connection:
        await connection.execute("select make_month($1)", month.starts)
        await connection.execute("set synchronous_commit = off; set work_mem = '256MB'")
        while done < calls and time.monotonic() < until:
            last = min(calls, done + CHUNK)
            async with connection.transaction():
                await connection.execute(_LANE)
                for query in (_CALLS, _TRANSFERS):
                    await connection.execute(query, done, last, month.starts, apart)
            done = last
            say(done)
        await connection.execute("reset synchronous_commit; reset work_mem")
        await connection.execute("vacuum analyze")
    return done
