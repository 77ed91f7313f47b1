"""Bodies of the routes of sites, contracts, energy and audits, as the OpenAPI page shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from rechenwerk.office.bodies import InOrganisation

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class SiteOutBody(InOrganisation):
    """A site that is out."""

    reason: Reason = Field(default="", description="why; calls that are refused for it say so")


class SiteView(BaseModel):
    """A site, and since when it is out if it is."""

    name: str
    jurisdiction: str
    power_cap_kw: str | None
    pue: str
    co2_grams: str
    prices: list[str]
    active: bool
    deployments: int
    out_since: datetime | None
    out_reason: str


class SitesView(BaseModel):
    """The sites of a configuration."""

    organisation: str
    sites: list[SiteView]


class BandView(BaseModel):
    """A forecast: one time in ten below `low`, as often above `high`."""

    low: str
    middle: str
    high: str


class MomentsView(BaseModel):
    """When something will be reached, early to late."""

    low: datetime
    middle: datetime
    high: datetime


class PositionView(BaseModel):
    """Where a contract, or a cap of it, stands. Amounts are of `unit`: a currency, or the contract's own."""

    contract: str
    kind: str
    status: str
    measure: str
    unit: str
    starts_at: datetime | None
    ends_at: datetime | None
    amount: str | None = Field(description="minimum, balance, quota or capacity of the period")
    drawn: str
    remaining: str | None
    shortfall: str = Field(description="what a minimum will be missed by if nothing changes")
    unused: str = Field(description="what will expire if nothing changes")
    expires_at: datetime | None
    days_left: float | None
    forecast: BandView | None
    reached_at: MomentsView | None
    total: str
    last_drawn_at: datetime | None
    peak: str | None = Field(default=None, description="of a cap by the minute: the busiest of the last hour")
    refused: int | None = Field(
        default=None,
        description="of a cap by the minute: calls of its models that found no room in that hour",
    )


class WarningView(BaseModel):
    """Something to act on while there is time."""

    contract: str
    sort: str
    message: str
    at: datetime
    days: float
    amount: str
    unit: str


class ContractView(BaseModel):
    """A contract. One that the operator shares shows only what oneself drew from it."""

    name: str
    provider: str
    owner: str
    kind: str
    shared: bool
    active: bool
    models: list[str]
    starts: str | None
    ends: str | None
    position: PositionView


class DayView(BaseModel):
    """What was drawn on a day of UTC."""

    day: str
    drawn: str


class VersionView(BaseModel):
    """Terms, and since when they hold (nothing: always)."""

    since: datetime | None
    terms: dict[str, Any]


class NextUnitView(BaseModel):
    """What the router counts for the next unit of a deployment, per million, before what room is worth."""

    deployment: str
    rates: dict[str, str]
    listed: dict[str, str] = Field(description="what the provider's list says")
    reason: str
    reason_told: list[dict[str, str]] = Field(description="the reason's codes, with their values")


class ContractDetailView(ContractView):
    """A contract with its terms, their history, its caps and the days of its period."""

    organisation: str
    currency: str
    versions: list[VersionView]
    caps: list[PositionView]
    days: list[DayView]
    warnings: list[WarningView]
    next_units: list[NextUnitView] = Field(description="of the active deployments; none for own hardware")


class ContractsView(BaseModel):
    """Contracts of an organisation, and those that the operator shares."""

    organisation: str
    currency: str
    contracts: list[ContractView]


class PositionsView(BaseModel):
    """Where contracts and their caps stand."""

    organisation: str
    currency: str
    positions: list[PositionView]


class WarningsView(BaseModel):
    """What to act on, the nearest first."""

    organisation: str
    currency: str
    warnings: list[WarningView]


class ViolationView(BaseModel):
    """A call, or an attempt of it, that went where its data might not go."""

    call: str
    attempt_of: str | None
    organisation: str
    project: str
    left_at: datetime
    deployment: str
    jurisdiction: str
    level: str
    data_class: str
    rule: str
    rule_told: list[dict[str, str]] = Field(description="the rule's codes, with their values")


class ResidencyView(BaseModel):
    """An audit of residency. The same period gives the same digest again, once all its calls are booked."""

    organisation: str | None = Field(description="null: all")
    since: datetime
    until: datetime
    ok: bool
    calls: int
    attempts: int
    tried: int = Field(description="attempts that cost nothing, as decisions name them")
    late: int = Field(description="right only under what stood up to 30 seconds before they left")
    undecided: int = Field(description="without a decision that says the data class: their gateway died")
    under_way: int = Field(description="began in the period and are not booked yet")
    found: int = Field(description="violations; the first thousand are named")
    violations: list[ViolationView]
    sha256: str = Field(description="over all audited rows and what they were judged by")


class EnergyRowView(BaseModel):
    """What calls drew."""

    day: str
    project: str
    model: str
    site: str
    calls: int
    kwh: str
    co2_grams: str


class EnergyView(BaseModel):
    """Energy and carbon dioxide of booked calls."""

    organisation: str
    since: datetime
    until: datetime
    rows: list[EnergyRowView]
    total_kwh: str
    total_co2_grams: str
