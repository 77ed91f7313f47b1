"""Bodies of requests and answers of budgets, wallets and alerts. Money is text, never a float."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from rechenwerk.office.bodies import Amount, Counted, InOrganisation, Name, Period

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


class BudgetsView(Counted):
    """The budgets of an organisation: its own first, then those of projects, each before its keys'."""

    organisation: str
    currency: str
    projects: list[str]
    budgets: list[BudgetLine]
    periods: list[str] = Field(description="that have a budget")


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
        kind: topup, refund, calls (of a day), release (an unclear call cost less than was charged), unsettled
            (its settlement was taken back), charges (tariffs, fees, shares), credit (of those).
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


class AlertBody(InOrganisation):
    """Whom to tell what.

    Attributes:
        watch: budgets, wallets; contracts (for keys with the scope books), concentration (for the operator).
        project, key, period: which budgets or wallets; left out: all.
        at: percent of a budget that is used.
        forecast: tell when a budget will be passed before its period ends.
        below: tell when less than this is left of a wallet.
        webhook, mail: where to; one of them.
        language: of mails.
    """

    name: Name
    watch: Literal["budgets", "wallets", "contracts", "concentration"] = "budgets"
    project: Name | None = None
    key: Name | None = None
    period: Period | None = None
    at: list[Annotated[int, Field(ge=1, le=1000)]] = Field([], max_length=20)
    forecast: bool = False
    below: Amount | None = None
    webhook: Annotated[str, StringConstraints(max_length=2000)] | None = None
    mail: Annotated[str, StringConstraints(max_length=254)] | None = None
    language: Literal["en", "de"] = "en"


class AlertView(BaseModel):
    """An alert; what its webhooks are signed with is shown once, when it is made."""

    name: str
    watch: str
    project: str | None
    key_id: int | None
    period: str | None
    at: list[int]
    forecast: bool
    below: str | None
    channel: str
    target: str
    language: str
    made_by: str


class NewAlertView(AlertView):
    """An alert that was made.

    Attributes:
        secret: what its webhooks are signed with; null for mails. It is shown only now.
    """

    secret: str | None


class AlertsView(BaseModel):
    """The alerts of an organisation."""

    organisation: str
    currency: str
    alerts: list[AlertView]


class NoticeView(BaseModel):
    """A notice and what became of it.

    Attributes:
        message_id: the same however often it was sent: webhook-id, and the Message-ID of mails.
        state: waiting, delivered, given up, or passed over (a later threshold was passed at the same time).
        next_at: when it is sent again; null when it is not.
        answer: what the last attempt came to.
    """

    id: int
    alert: str
    message_id: str
    kind: str
    data: dict[str, Any]
    made_at: datetime
    state: str
    attempts: int
    next_at: datetime | None
    answer: str | None
    delivered_at: datetime | None


class NoticesView(BaseModel):
    """Notices, newest first."""

    organisation: str
    notices: list[NoticeView]
    next: int | None
