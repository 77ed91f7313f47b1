"""Bodies of the routes of tariffs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from rechenwerk.office.bodies import Body, Day, InOrganisation, Name


class TariffView(BaseModel):
    """A version of a tariff in the time in which it holds."""

    tariff: int = Field(description="calls and vouchers name it; 0 where a file is only checked")
    model: str
    own: bool = Field(description="the organisation's own; else the one for all")
    form: str
    terms: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    holds: bool = Field(description="now")


class DiscountView(BaseModel):
    """A discount as it was written; of several that hold on a day the most special counts."""

    id: int
    project: str | None
    model: str | None
    starts: date
    ends: date | None
    share: str
    reason: str
    made_by: str


class TariffsView(BaseModel):
    """What an organisation pays."""

    organisation: str
    currency: str
    tariffs: list[TariffView]
    discounts: list[DiscountView]


class CheckBody(Body):
    """A rechenwerk.toml, or a part of one."""

    text: str


class DryRunBody(InOrganisation):
    """A file with tariffs, and the period to price with them; without an organisation all of them."""

    text: str
    period: str


class DiscountBody(InOrganisation):
    """A discount of an organisation, or of one of its projects."""

    project: Name | None = Field(None, description="of this project only")
    model: str | None = Field(None, max_length=200, description="on this model only")
    share: str = Field(description="share off, such as 0.10 or 10%; 0 ends an earlier one")
    starts: Day | None = Field(None, description="first day; today if left out")
    ends: Day | None = Field(None, description="last day")
    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")


class LineView(BaseModel):
    """A line of what a month comes to, see `ledger.tariff_lines.line_fields`."""

    sort: str
    bucket: str
    quantity: str
    rate: str
    discount: str
    above: str
    amount: str


class RepricedView(BaseModel):
    """A project's use of a model in the period."""

    organisation: str
    project: str
    model: str
    calls: int
    booked: str = Field(description="in the books now")
    old: str = Field(description="the period under the tariffs that it was sold at")
    new: str | None = Field(description="under the other tariff; null: it does not sell the model")
    difference: str | None
    rounding: str = Field(description="the calls' own prices can be off by so much until the month is booked")
    lines: list[LineView]


class DryRunView(BaseModel):
    """What a period would have cost. Totals are over the rows that both tariffs sell."""

    period: str
    currency: str
    rows: list[RepricedView]
    old: str
    new: str
    difference: str
    unsold: list[str] = Field(description="models that were used and have no tariff in the file")


class PricesView(BaseModel):
    """Prices per million tokens."""

    input: str
    output: str


class CoverView(BaseModel):
    """What a model cost and brought, and which price covers it."""

    model: str
    tokens: int
    revenue: str
    cost: str
    grows: str = Field(description="cost that use adds")
    fixed: str
    idle: str
    margin: str | None = Field(description="share of revenue that is left")
    now: PricesView | None
    with_idle: PricesView | None
    without_idle: PricesView | None
    break_even: str | None = Field(
        description="million tokens at this mix and these prices that cover all cost"
    )


class UnusedView(BaseModel):
    """A contract that cost something and served no model."""

    contract: str
    cost: str


class CoversView(BaseModel):
    """Which price covers cost."""

    organisation: str | None
    period: str
    currency: str
    margin: str
    models: list[CoverView]
    unused: list[UnusedView]
