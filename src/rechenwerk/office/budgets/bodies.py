"""Bodies of requests and answers of budgets, wallets and alerts. Money is text, never a float."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from rechenwerk.office.bodies import Amount, InOrganisation, Name

Reference = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=140, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$"),
]


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


class WalletBody(InOrganisation):
    """Which wallet: a project's, or the organisation's for all projects without one of their own."""

    project: Name | None = None


class TopupBody(WalletBody):
    """Money that was paid in.

    Attributes:
        reference: the bank's; it is booked once, however often it is sent.
        reason: for people.
    """

    amount: Amount
    reference: Reference | None = None
    reason: Reason = "paid in"


class RefundBody(WalletBody):
    """Money that is paid back; null: all that is free."""

    amount: Amount | None
    reference: Reference | None = None
    reason: Reason = "paid back"


class WalletView(BaseModel):
    """A wallet as it stands.

    Attributes:
        project: null for the organisation's.
        paid_in: and not paid back.
        left: neither used nor held: what calls can still draw.
        state: open, or empty: calls are refused until somebody tops it up.
    """

    project: str | None
    paid_in: str
    used: str
    held: str
    left: str
    state: Literal["open", "empty"]


class WalletsView(BaseModel):
    """The wallets of an organisation."""

    organisation: str
    currency: str
    wallets: list[WalletView]


class PaidView(WalletsView):
    """A payment's voucher, and the wallets as they stand after it."""

    voucher: int


class MovementView(BaseModel):
    """What changed a wallet's balance, and the balance after it.

    Attributes:
        kind: topup, refund, release (an unclear call cost less than was charged) or calls (of a day).
    """

    at: datetime
    kind: str
    calls: int
    amount: str
    balance: str
    voucher: int | None
    text: str


class StatementView(BaseModel):
    """A wallet's movements in a period. Calls stand on the day on which they began."""

    organisation: str
    project: str | None
    currency: str
    period: str
    opening: str
    closing: str
    movements: list[MovementView]
