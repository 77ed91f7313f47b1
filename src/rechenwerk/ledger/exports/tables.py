"""Tables as CSV: RFC 4180, UTF-8, a heading, a line feed after each row; an empty field is null."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from rechenwerk.base.ids import encode_call
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.exports.journal import moment
from rechenwerk.ledger.exports.names import exact
from rechenwerk.ledger.exports.ports import Call

MONEY = ("price", "cost", "listed", "charged")
"""In whole units of the currency, with nine decimals."""
COUNTS = (*BUCKETS, "first_byte_us", "total_us", "energy_uwh", "co2_ug")
CALL_COLUMNS = (
    "id",
    "attempt_of",
    "started_at",
    "project",
    "key",
    "model",
    "provider",
    "contract",
    "endpoint",
    "streamed",
    "outcome",
    "reason",
    "status",
    "usage_source",
    *BUCKETS,
    *MONEY,
    "currency",
    "first_byte_us",
    "total_us",
    "energy_uwh",
    "co2_ug",
)


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as text."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def call_rows(calls: Iterable[Call], currency: str) -> Iterable[tuple[str, ...]]:
    """Calls in the order of `CALL_COLUMNS`."""
    for one in calls:
        yield (
            encode_call(one.id),
            "" if one.attempt_of is None else encode_call(one.attempt_of),
            moment(one.started_at),
            one.project,
            one.key,
            one.model,
            one.provider,
            one.contract,
            one.endpoint,
            "true" if one.streamed else "false",
            one.outcome,
            one.reason or "",
            str(one.status),
            one.usage_source,
            *map(str, one.usage),
            exact(one.price),
            exact(one.cost),
            exact(one.listed),
            exact(one.charged),
            currency,
            str(one.first_byte_us),
            str(one.total_us),
            str(one.energy_uwh),
            str(one.co2_ug),
        )
