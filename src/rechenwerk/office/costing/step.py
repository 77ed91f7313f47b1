"""The period step that books what contracts cost beside their calls, and who bears it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from rechenwerk.base.clock import Clock
from rechenwerk.contracts.periods import HOUR
from rechenwerk.ledger.periods import Period
from rechenwerk.office.costing.ports import Asked, CostBooks
from rechenwerk.office.costing.work import targets
from rechenwerk.office.ports import OPERATOR


class ContractCosts:
    """Accruals and allocations of an organisation's contracts, and its part of those that all share.

    Contracts that the operator shares stand in the operator's own books (organisation 0); each organisation
    that used one has its part in its own.

    Args:
        books: storage.
        clock: wall time.
    """

    name = "contract costs"

    def __init__(self, books: CostBooks, clock: Clock) -> None:
        self._books = books
        self._clock = clock

    async def book(self, organisation: int, period: Period, by: str) -> int:
        """See `ledger.ports.PeriodStep`. A period that has not begun has no costs."""
        now = self._clock.now()
        starts, ends = int(period.starts.timestamp()), int(period.ends.timestamp())
        if now < starts:
            return 0
        until = min(ends, (int(now) // HOUR + 1) * HOUR)  # the hour that runs is part of it
        at = min(datetime.fromtimestamp(now, UTC), period.last)
        made = 0
        for owner in dict.fromkeys((OPERATOR, organisation)):
            facts = await self._books.facts(owner, period, datetime.fromtimestamp(until, UTC))
            if facts.contracts:
                wanted = await asyncio.to_thread(targets, facts, (starts, until))
                if owner != organisation:  # of what others share, what this organisation used, or has borne
                    wanted = [
                        one
                        for one in wanted
                        if organisation in facts.stood.get(one.contract, ())
                        or any(call.organisation == organisation for call in one.served)
                    ]
                made += await self._books.settle(owner, period, wanted, at, Asked(organisation, by))
        return made
