"""Bodies of the routes of usage and concentration. Money and shares are text, never a float."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class UsageRowView(BaseModel):
    """What was used in an hour or a day of a deployment, such as ``model at provider under contract``."""

    starts_at: datetime
    model: str
    deployment: str
    calls: int
    usage: dict[str, int]
    cost: str


class UsageView(BaseModel):
    """Usage of an organisation, oldest first."""

    organisation: str
    currency: str
    step: Literal["hour", "day"]
    rows: list[UsageRowView]


class ShareView(BaseModel):
    """A name's part of a whole: an amount of money, or of tokens per minute, and the share from 0 to 1."""

    name: str
    amount: str
    share: str


class SpreadView(BaseModel):
    """How something is spread, the largest first."""

    dimension: str = Field(description="spend, capacity or commitments")
    by: str = Field(description="provider or owner")
    total: str
    hhi: int = Field(description="Herfindahl-Hirschman index, to 10,000 where one has all")
    untold: int = Field(description="deployments whose capacity nobody told")
    shares: list[ShareView]


class CapView(BaseModel):
    """A cap, and who is above it."""

    name: str
    dimension: str
    by: str
    of: str
    at_most: str
    rule: str
    window_days: int
    above: list[ShareView]


class LostView(BaseModel):
    """A data class that loses its last permitted deployment of a model."""

    model: str
    data_class: str


class FailureView(BaseModel):
    """What stops if an owner fails."""

    owner: str
    providers: list[str]
    models: list[str] = Field(description="left without any deployment")
    lost: list[LostView]
    classes: list[str] = Field(description="data classes that no model at all is left for")
    calls: int
    touched: int = Field(description="calls of the window that were served there")
    stopped: int = Field(description="of these, what nobody else could serve")
    critical: int
    critical_touched: int
    critical_stopped: int
    capacity: str = Field(description="share of the told capacity that goes")
    payable: str = Field(description="still owed to it, whether used or not")
    at_risk: str = Field(description="paid ahead to it")


class ConcentrationView(BaseModel):
    """What hangs on whom."""

    organisation: str
    currency: str
    days: int
    spreads: list[SpreadView]
    caps: list[CapView]
    failure: FailureView | None
