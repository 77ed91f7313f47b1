"""What was used of pools, as storage tells it."""

from __future__ import annotations

from datetime import date

import msgspec


class UsedPool(msgspec.Struct, frozen=True):
    """Tokens that a project used of a pool on a day (UTC); `service`: its class now."""

    pool: str
    organisation: str
    project: str
    service: str
    day: date
    tokens: int
