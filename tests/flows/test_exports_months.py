"""An export of a month reads the partitions that its calls can lie in, and no others; and misses no call."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rechenwerk.store import exported
from rechenwerk.store.months import make_months
from tests.flows.exporting import Books
from tests.flows.office_desk import Bookkeeper, Office

CENT = 10_000_000
MARCH, APRIL = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC)
NEAR = {"call_2027_02", "call_2027_03", "call_2027_04", "call_other"}
"""March's own, its neighbours' edges, and the rest, which is empty but for a moment."""
QUERIES = ("COUNT_CALLS", "CALLS", "TRANSACTIONS", "CHARGES")


def tables_read(plan: dict[str, Any]) -> set[str]:
    """Partitions of calls that a plan opened."""
    found = set()
    if plan["Actual Loops"] and plan.get("Relation Name", "").startswith("call_2"):
        found.add(plan["Relation Name"])
    for part in plan.get("Plans", ()):
        found |= tables_read(part)
    return found


def explained(office: Office, query: str) -> set[str]:
    """What a query over March really reads."""
    text = f"explain (analyze, format json) {query}"
    rows = office.sql(text, 1, MARCH, APRIL)
    return tables_read(json.loads(rows[0][0])[0]["Plan"])


@pytest.mark.parametrize("name", QUERIES)
def test_a_month_reads_its_partitions(office: Office, bookkeeper: Bookkeeper, name: str) -> None:
    for month in range(1, 13):
        office.runner.run(make_months(office.pool, datetime(2027, month, 1, tzinfo=UTC)))
    for month in range(1, 8):
        office.clock.at = datetime(2027, month, 15, tzinfo=UTC).timestamp()
        hold = bookkeeper.hold("default", 10 * CENT, started=office.clock.at)
        bookkeeper.post(hold, "posted", 4 * CENT, 3 * CENT)
    query: str = getattr(exported, name)
    assert "call_2027_03" in explained(office, query)
    assert explained(office, query) <= NEAR
    unbounded = (
        "select count(*) from call where organisation_id = $1 and started_at >= $2 and started_at < $3"
    )
    assert explained(office, unbounded) > NEAR - {"call_other"}  # what it was before


def test_calls_far_from_their_time_are_in_the_month_in_which_they_began(full: Books) -> None:
    """All of these books have ids of February; their calls began in three months."""
    strays = full.office.sql("select count(*) as n from call_stray")[0]["n"]
    assert strays > 0
    for month in range(2, 5):
        booked = full.office.sql(
            "select count(*) as n from call where organisation_id = $1"
            " and date_trunc('month', started_at, 'UTC') = $2",
            full.organisation,
            datetime(2026, month, 1, tzinfo=UTC),
        )[0]["n"]
        text = full.export("calls-csv", f"2026-{month:02}").decode()
        lines = list(csv.DictReader(io.StringIO(text)))
        assert booked > 0
        assert len(lines) == booked
        assert {line["started_at"][:7] for line in lines} == {f"2026-{month:02}"}
