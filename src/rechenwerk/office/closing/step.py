"""The allocation of shared costs as a step before a period is closed."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.vouchers import Voucher
from rechenwerk.office.closing.compose import Issue, allocation
from rechenwerk.office.closing.ports import Closing, Shared


class AllocationStep(msgspec.Struct, frozen=True):
    """Fills `ledger.ports.PeriodStep`; belongs behind the steps that book shared costs."""

    closing: Closing
    clock: Clock
    name: str = "allocation of shared costs"

    async def book(self, organisation: int, period: Period, by: str) -> int:
        """See `ledger.ports.PeriodStep`."""
        issue = Issue(period, datetime.fromtimestamp(self.clock.now(), UTC), by)

        def share(shared: Shared) -> Voucher | None:
            return allocation(shared, issue)

        return await self.closing.allocate(organisation, period, share)
