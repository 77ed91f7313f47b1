"""Terms of contracts as the database keeps them."""

from __future__ import annotations

import asyncpg
import msgspec

from rechenwerk.contracts.terms import Contract, OnDemand


def terms_of(row: asyncpg.Record) -> Contract:
    """The terms of a row with `terms`, `name`, `provider`; one from before there were any is on demand."""
    if row["terms"] is None:
        return OnDemand(name=row["name"], provider=row["provider"])
    found: Contract = msgspec.json.decode(row["terms"], type=Contract)
    return found
