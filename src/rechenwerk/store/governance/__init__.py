"""Governance of capacity in PostgreSQL. Fills `office.governance.ports` and `contracts.lots.LotSource`."""

from __future__ import annotations

import asyncpg

from rechenwerk.office.governance.ports import Governance
from rechenwerk.store.governance.capacity import StoredCapacity
from rechenwerk.store.governance.grants import StoredGrants
from rechenwerk.store.governance.records import StoredRecords
from rechenwerk.store.governance.reserves import StoredReserves


def open_governance(pool: asyncpg.Pool) -> Governance:
    """All storage of governance over one pool of connections."""
    return Governance(StoredCapacity(pool), StoredReserves(pool), StoredGrants(pool), StoredRecords(pool))
