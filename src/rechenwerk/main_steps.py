"""What has to be booked before a period is looked at or closed, in this order."""

from __future__ import annotations

from rechenwerk.base.clock import Clock
from rechenwerk.ledger.ports import PeriodStep
from rechenwerk.office.costing.step import ContractCosts
from rechenwerk.office.ports import Desk


def period_steps(desk: Desk, clock: Clock) -> tuple[PeriodStep, ...]:
    """All steps of an installation."""
    return (ContractCosts(desk.costs, clock),)
