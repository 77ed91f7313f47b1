"""All storage of budgets over one pool. Fills `office.budgets.ports.BudgetDesk`."""

from __future__ import annotations

import asyncpg

from rechenwerk.office.budgets.ports import BudgetDesk
from rechenwerk.store.budgets.alerts import StoredAlerts
from rechenwerk.store.budgets.uses import StoredBudgets
from rechenwerk.store.budgets.wallets import StoredWallets


def open_budgets(pool: asyncpg.Pool) -> BudgetDesk:
    """Budgets, wallets and alerts."""
    return BudgetDesk(StoredBudgets(pool), StoredWallets(pool), StoredAlerts(pool))
