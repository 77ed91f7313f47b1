"""What has to be booked before a period is looked at or closed, in this order."""

from __future__ import annotations

import asyncpg

from rechenwerk.base.clock import Clock
from rechenwerk.ledger.ports import PeriodStep
from rechenwerk.office.closing.step import AllocationStep
from rechenwerk.office.costing.step import ContractCosts
from rechenwerk.office.ports import Desk
from rechenwerk.store.budgets.paying import WalletPayments
from rechenwerk.store.tariffs import TariffStep


def period_steps(desk: Desk, clock: Clock, pool: asyncpg.Pool) -> tuple[PeriodStep, ...]:
    """All steps of an installation; what pays comes after what changes prices."""
    return (
        ContractCosts(desk.costs, clock),
        TariffStep(pool),
        AllocationStep(desk.closing, clock),
        WalletPayments(pool),
    )
