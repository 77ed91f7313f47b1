"""What tariffs cost: the price of a call in memory, and a dry run over a month of calls in PostgreSQL.

python -m bench.tariffs [--calls 2000000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import cast

import asyncpg

from rechenwerk.base.clock import SystemClock
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.ports import KeyRow, Sale, Snapshot, Source
from rechenwerk.gateway.tenants import Tenant, Tenants
from rechenwerk.gateway.upstreams import Upstreams
from rechenwerk.ledger.periods import month_of
from rechenwerk.ledger.tariff_dry import reprice
from rechenwerk.ledger.tariff_months import Discount, Version
from rechenwerk.ledger.tariffs import CallPrice, Terms, Tier, Tiers, call_price
from rechenwerk.store.database import start_embedded
from rechenwerk.store.migrate import migrate
from rechenwerk.store.tariffs import StoredTariffs, TariffStep

USAGE = Usage(input=1_234, cached_input=567, output=890, reasoning=12)
PRICE = Terms(price={"input": "2.50", "cached_input": "0.63", "output": "10.00"})
CALLS = """
insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id, endpoint,
    model, streamed, outcome, usage_source, input, cached_input, cache_write, output, reasoning, images,
    seconds, requests, held, price, cost, charged, slices, status, started_at, first_byte_us, total_us,
    tariff_id)
select 1, n, 1 + n % 40, 1, 1, 1, 1, 'chat', 'm' || n % 5, false, 'posted', 'reported', n % 3000, n % 500, 0,
    n % 900, 0, 0, 0, 1, 0, (n % 3000) * 2500 + (n % 500) * 630 + (n % 900) * 10000, 1000, 0, '{}', 200,
    timestamptz '2026-03-01 UTC' + n * (interval '31 days' / $1::bigint), 1, 1, 1 + n % 5
from generate_series(0, $1::bigint - 1) n
"""


def per_call(work: Callable[[], object], repeats: int = 200_000) -> float:
    """Microseconds of one call; the best of five runs."""
    runs = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        runs.append((time.perf_counter() - began) / repeats * 1e6)
    return round(min(runs), 3)


def pricing() -> dict[str, float]:
    """The price of a call: of rates alone, and as a gateway finds it, with its version and discount."""
    clock = SystemClock()
    listed = call_price(PRICE, tariff=1)
    plus = call_price(Terms(cost_plus=Decimal("0.15")), tariff=1)

    def gateway(price: CallPrice, terms: Terms, *discounts: Discount) -> Callable[[], object]:
        tenants = Tenants(
            cast("Source", None), cast("Leases", None), cast("Upstreams", None), cast("Fleet", None), clock
        )
        sales = {(0, "m"): (Sale(0.0, float("inf"), price, terms),)}
        tenants.snapshot = Snapshot(
            1, "EUR", {}, {}, sales=sales, discounts={1: discounts} if discounts else {}
        )
        tenant = Tenant(KeyRow(1, 1, 1, frozenset(), None, ()), ())
        now = clock.now()

        def work() -> int:
            found = tenants.price(tenant, "m", now)
            assert found is not None
            return found.amount(USAGE, 4_321_000)

        return work

    off = Discount(1, 0, "", date(2020, 1, 1), None, Decimal("0.1"))
    return {
        "rates alone (us)": per_call(lambda: listed.prices.amount(USAGE)),
        "at the exit (us)": per_call(lambda: listed.amount(USAGE, 4_321_000)),
        "looked up and at the exit (us)": per_call(gateway(listed, PRICE)),
        "the same with a discount (us)": per_call(gateway(listed, PRICE, off)),
        "the same, cost plus (us)": per_call(gateway(plus, Terms(cost_plus=Decimal("0.15")))),
        "found anew after a change (us)": per_call(lambda: call_price(PRICE, Fraction(1, 10), 1), 20_000),
    }


async def months(url: str, calls: int) -> dict[str, float]:
    """A dry run and a period step over so many calls of 40 projects and 5 models, in one month."""
    connection = await asyncpg.connect(url)
    await migrate(connection)
    await connection.execute("insert into organisation (name) values ('town')")
    await connection.execute(
        "insert into project (organisation_id, name) select 1, 'p' || n from generate_series(1, 40) n"
    )
    await connection.execute(
        "insert into tariff (organisation_id, model, valid_from, currency, terms)"
        " select 0, 'm' || n, '2026-01-01 UTC', 'EUR', $1::jsonb from generate_series(0, 4) n",
        json.dumps({"price": {"input": "2.50", "cached_input": "0.63", "output": "10.00"}}),
    )
    await connection.execute(CALLS, calls, timeout=600)
    await connection.execute("analyze")
    await connection.close()
    period = month_of(datetime(2026, 3, 2, tzinfo=UTC))
    tiers = Tiers(bucket="input", steps=(Tier(above=Decimal(10**6), rate=Decimal(2)),))
    other = [
        Version(
            10 + n, 0, f"m{n}", Terms(price=PRICE.price, tiers=(tiers,)), datetime(2026, 1, 1, tzinfo=UTC)
        )
        for n in range(5)
    ]
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        stored = StoredTariffs(pool)
        began = time.perf_counter()
        use = await stored.use(1, period)
        summed = time.perf_counter() - began
        found = reprice(1, period, use, await stored.versions(1), other, [], {}, list(range(1, 41)))
        whole = time.perf_counter() - began
        assert sum(row.calls for row in found) == calls
        began = time.perf_counter()
        written = await TariffStep(pool).book(1, period, "bench")
        step = time.perf_counter() - began
    return {
        "calls": calls,
        "sums in SQL (s)": round(summed, 2),
        "dry run (s)": round(whole, 2),
        "period step (s)": round(step, 2),
        "vouchers": written,
    }


def main() -> None:
    """Print both as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000_000)
    arguments = parser.parse_args()
    found: dict[str, object] = {"pricing": pricing()}
    folder = Path(tempfile.mkdtemp(prefix="rw-tariffs-"))
    server = start_embedded(folder / "pg")
    try:
        found["months"] = asyncio.run(months(server.get_uri(), arguments.calls))
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    json.dump(found, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
