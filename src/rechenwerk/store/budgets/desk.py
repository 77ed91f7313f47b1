"""Budgets, wallets and alerts in PostgreSQL. Fills `office.budgets.ports`."""

from __future__ import annotations

import asyncpg

from rechenwerk.office.budgets.ports import BudgetDesk
from rechenwerk.store.budgets.uses import StoredBudgets
from rechenwerk.store.budgets.wallets import StoredWallets


def open_budgets(pool: asyncpg.Pool) -> BudgetDesk:
    """All of it over one pool."""
    return BudgetDesk(StoredBudgets(pool), StoredWallets(pool))
