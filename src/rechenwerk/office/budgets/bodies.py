"""Bodies of requests and answers of budgets, wallets and alerts. Money is text, never a float."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class BudgetLine(BaseModel):
    """A budget in its current window.

    Attributes:
        project, key_id, key: null where it is not theirs: an organisation's own budget has none of them.
        used: what ended calls were charged.
        held: what calls under way may cost at most.
        left: neither used nor held.
        percent: of the amount that is used, rounded down.
        forecast: what will have been used at the end if it goes on as so far; null: it cannot be told.
    """

    project: str | None
    key_id: int | None
    key: str | None
    period: str
    starts_at: datetime | None
    ends_at: datetime | None
    amount: str
    used: str
    held: str
    left: str
    percent: int
    forecast: str | None
    hard: bool
    wallet: bool


class BudgetsView(BaseModel):
    """The budgets of an organisation: its own first, then those of projects, each before its keys'."""

    organisation: str
    currency: str
    projects: list[str]
    budgets: list[BudgetLine]
