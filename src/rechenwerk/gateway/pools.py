"""Keeps admission up to date with deployments, governed capacity, and the other gateway processes."""

from __future__ import annotations

import logging

from rechenwerk.base.clock import Clock
from rechenwerk.base.loops import repeat
from rechenwerk.contracts.lots import LotSource, PoolLots
from rechenwerk.gateway.admission import Admission
from rechenwerk.gateway.capacity import pool_rows
from rechenwerk.gateway.ports import Snapshot
from rechenwerk.gateway.tenants import Tenants
from rechenwerk.routing.deal import ALONE
from rechenwerk.routing.ports import Board

_log = logging.getLogger("rechenwerk.pools")
_EVERY = 1.0
_READ = 2.0
_NOTE = 60.0


class Pools:
    """Keeps admission up to date, and reports what was lent and called back.

    Args:
        tenants: the snapshot.
        lots: governed capacity.
        board: which other processes share it.
        admission: who is told.
        clock: time.
        process: number of this process.
    """

    def __init__(
        self,
        tenants: Tenants,
        lots: LotSource,
        board: Board,
        admission: Admission,
        clock: Clock,
        process: int,
    ) -> None:
        self._tenants = tenants
        self._lots = lots
        self._board = board
        self._admission = admission
        self._clock = clock
        self._process = process
        self._governed: tuple[PoolLots, ...] = ()
        self._deal = ALONE
        self._read_at = self._noted_at = 0.0
        self._stands: object = None

    async def refresh(self) -> None:
        """Read what governs capacity, if it is time, and tell admission what has changed.

        Raises:
            OSError: the database cannot be reached.
        """
        now = self._clock.now()
        if now - self._read_at >= _READ:
            self._governed = await self._lots.lots(now)
            self._deal = await self._board.deal(self._process)
            self._read_at = now
        snapshot = self._tenants.snapshot
        if snapshot is None:
            return
        self._tenants.grant(self._granted(snapshot, now))
        deployments = [row for offer in snapshot.offers.values() for row in offer.deployments]
        rows = pool_rows(deployments, self._governed, now)
        if (rows, self._deal) != self._stands:
            self._stands = (rows, self._deal)
            self._admission.configure(rows, self._deal)

    def _granted(self, snapshot: Snapshot, now: float) -> dict[int, frozenset[int]]:
        """Project -> contracts that an approved application opens to it: those of the pool that it names."""
        contracts = {row.id: row.contract for offer in snapshot.offers.values() for row in offer.deployments}
        found: dict[int, frozenset[int]] = {}
        for pool in self._governed:
            own = frozenset(contracts[one] for one in pool.deployments if one in contracts)
            for grant in pool.at(now).grants:
                found[grant.project] = found.get(grant.project, frozenset()) | (own & grant.contracts)
        return found

    async def run(self) -> None:
        """Refresh for ever."""
        await repeat(self._once, _EVERY, _log, "the capacity that is known stands, a newer cannot be read")

    async def _once(self) -> None:
        await self.refresh()
        await self._note()

    async def _note(self) -> None:
        """What was lent and called back since the last time."""
        now = self._clock.now()
        if now - self._noted_at < _NOTE:
            return
        self._noted_at = now
        uses = self._admission.uses()
        if uses:
            await self._lots.note_use(uses)
