"""Bodies of the routes of costs and margins, as the OpenAPI page shows them. Money is text, never a float."""

from __future__ import annotations

from pydantic import BaseModel, Field

from rechenwerk.office.bodies import InOrganisation


class AccrueBody(InOrganisation):
    """Which period, and whose books."""

    period: str | None = Field(default=None, description="a month such as 2026-03; without one this month")
    everyone: bool = Field(default=False, description="the books of all organisations; needs operator")


class StepView(BaseModel):
    """What a step booked."""

    organisation: str
    step: str
    vouchers: int


class AccruedView(BaseModel):
    """What was booked; run again only what is missing then is."""

    period: str
    steps: list[StepView]


class MarginLineView(BaseModel):
    """One organisation, project, model, provider or service; an empty name: what belongs to none."""

    name: str
    calls: int
    revenue: str
    adjustments: str = Field(description="what vouchers changed of the revenue")
    net: str = Field(description="revenue as adjusted")
    direct: str = Field(description="what its calls were booked at, failed attempts and settlements included")
    allocated: str = Field(description="fixed cost of contracts that its use bears")
    cost: str = Field(description="direct and allocated")
    contribution: str
    percent: str | None = Field(description="the contribution's part of the revenue; null without revenue")
    unresolved_price: str
    unresolved_cost: str


class IdleView(BaseModel):
    """What was paid for capacity that nobody used."""

    organisation: str
    contract: str
    amount: str
    used: str | None = Field(description="the share of its capacity that was used; null: it has none")


class MarginView(BaseModel):
    """A period's margin; `idle` is in no line."""

    organisation: str | None = Field(description="null: of all")
    period: str
    by: str
    currency: str
    lines: list[MarginLineView]
    total: MarginLineView
    idle: list[IdleView]
    idle_total: str
    difference: str = Field(description="bills against books, and what is allocated to nobody yet")
    bad_debt: str
    result: str
    losses: list[MarginLineView] = Field(description="models that cost more than they brought")
    runs: bool = Field(
        default=False, description="the period is not over, and what contracts cost is not whole"
    )
