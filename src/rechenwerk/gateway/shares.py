"""Hard caps on concentration as rules: a provider that has too large a share gets no more calls."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from rechenwerk.base.clock import Clock
from rechenwerk.base.loops import repeat
from rechenwerk.contracts.concentration import Cap, Spending, over_cap, spent_by
from rechenwerk.gateway.ports import ProviderRow, Snapshot
from rechenwerk.gateway.tenants import Tenants

_log = logging.getLogger("rechenwerk.shares")
_EVERY = 15.0


class ShareSource(Protocol):
    """Where hard caps, and what was spent, are read."""

    async def hard_caps(self) -> dict[int, tuple[Cap, ...]]:
        """Caps by the organisation whose configuration they belong to."""
        ...

    async def spending(self, organisations: Sequence[int], since: datetime) -> dict[int, list[Spending]]:
        """What was booked under every contract since then, by the organisation that owns it."""
        ...


async def above_caps(source: ShareSource, snapshot: Snapshot | None, now: float) -> dict[int, str]:
    """Providers that are above a hard cap: id -> why.

    Args:
        source: caps and spending.
        snapshot: whose providers.
        now: epoch seconds.
    """
    caps = await source.hard_caps()
    barred: dict[int, str] = {}
    for days in sorted({cap.window_days for each in caps.values() for cap in each}):
        since = datetime.fromtimestamp(now, UTC) - timedelta(days=days)
        spending = await source.spending(list(caps), since)
        for organisation, each in caps.items():
            mine = [cap for cap in each if cap.window_days == days]
            spent = spent_by(spending.get(organisation, ()), days, int(now))
            for provider in _providers(snapshot, organisation):
                owner = provider.owner or provider.name
                reason = over_cap(mine, spent, provider.name, owner)
                if reason is not None:
                    barred[provider.id] = reason
    return barred


def _providers(snapshot: Snapshot | None, organisation: int) -> list[ProviderRow]:
    offers = snapshot.offers.values() if snapshot is not None else ()
    found = {row.provider.id: row.provider for offer in offers for row in offer.deployments}
    return [one for one in found.values() if one.organisation == organisation]


class Shares:
    """Bars providers that are above a hard cap.

    Args:
        source: caps and spending.
        tenants: whose plans leave them out.
        clock: time.
    """

    def __init__(self, source: ShareSource, tenants: Tenants, clock: Clock) -> None:
        self._source = source
        self._tenants = tenants
        self._clock = clock

    async def refresh(self) -> None:
        """Find who is above a cap now."""
        self._tenants.bar(await above_caps(self._source, self._tenants.snapshot, self._clock.now()))

    async def run(self) -> None:
        """Look for ever."""
        await repeat(self.refresh, _EVERY, _log, "who is above a cap stays so, shares cannot be read")
