"""Bodies of governance's requests and answers. Money is text; capacity is whole tokens."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from rechenwerk.office.bodies import Amount, Body, Day, InOrganisation, Name

Tokens = Annotated[int, Field(ge=0, le=10**15)]
Some = Annotated[int, Field(ge=1, le=10**15)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Moment = Annotated[AwareDatetime, Field(strict=False, lt=datetime(9000, 1, 1, tzinfo=UTC))]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$")
]
Model = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Path(ge=1, le=1 << 62)]
"""Of a sale, a draw or a grant, in a route."""
Service = Literal["critical", "standard", "batch"]
CapacityUnit = Literal["tokens per minute", "tokens per day"]
GrantUnit = Literal["tokens", "gpu hours"]


class MemberBody(Body):
    """A deployment and what it gives to the pool."""

    model: Model
    provider: Model
    contract: Model | None = Field(None, description="needed where the two stand under several contracts")
    tokens_per_minute: Tokens | None = Field(None, description="null: as many as the deployment takes")


class PoolBody(InOrganisation):
    """A pool to make or to change; what is left out stays, but members are the whole list."""

    members: list[MemberBody] | None = Field(None, max_length=500)
    tokens_per_gpu_hour: Some | None = None
    small_grant: Tokens | None = Field(None, description="tokens up to which a grant needs no approval")
    medium_grant: Tokens | None = Field(None, description="tokens up to which one person approves; else two")
    idle_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    least_share: Annotated[int, Field(ge=0, le=100)] | None = None
    notice_days: Annotated[int, Field(ge=0, le=365)] | None = None


class TariffBody(InOrganisation):
    """What capacity is sold for from now on."""

    unit: CapacityUnit
    rate: Amount = Field(
        description="per 1,000 tokens per minute and day, or per million tokens of batch capacity"
    )


class SaleBody(Body):
    """Capacity to sell."""

    organisation: Name = Field(description="the buyer")
    project: Name = Field("default", description="the buyer's project that pays")
    pool: Name
    unit: CapacityUnit
    amount: Some
    starts_at: Moment
    ends_at: Moment
    lendable: Tokens | None = Field(None, description="tokens per minute lent while idle; null: all of it")
    reclaim: Seconds = Field(60, description="seconds within which what is lent must be back")
    rate: Amount | None = Field(None, description="instead of the tariff's")


class ReserveBody(InOrganisation):
    """What is kept for a class of a pool."""

    pool: Name
    service: Service
    nominal: Tokens = Field(description="tokens per minute that the class can count on")
    lendable: Tokens | None = Field(None, description="of them, lent while idle; null: all")
    reclaim: Seconds = Field(60, description="seconds within which what is lent must be back")
    draw_most: Tokens = Field(0, description="tokens per minute that emergency draws may take; 0: none")
    draw_minutes: Annotated[int, Field(ge=1, le=10_080)] = Field(60, description="longest emergency draw")


class DrawBody(InOrganisation):
    """An emergency draw to ask for."""

    pool: Name
    taken_from: Service = "critical"
    given_to: Service = "standard"
    only_for: Name | None = Field(None, description="only this organisation's calls may draw")
    amount: Some = Field(description="tokens per minute")
    minutes: Annotated[int, Field(ge=1, le=10_080)]
    reason: Text


class GrantBody(InOrganisation):
    """An application for a grant. Days are of UTC; `ends_on` is the last day."""

    pool: Name
    project: Name
    unit: GrantUnit = "tokens"
    amount: Some
    purpose: Text
    starts_on: Day | None = Field(None, description="today if left out")
    ends_on: Day
    use_by: Day | None = Field(
        None, description="first draw no later than this day; the last day if left out"
    )
    contracts: list[Name] = Field(
        default=[], description="grant contracts of the pool that it opens; the only one if left out"
    )


class DeclineBody(InOrganisation):
    """Why an application is turned down."""

    reason: Text


class ReclaimBody(InOrganisation):
    """Look for idle grants; with `dry_run` only look."""

    dry_run: bool = False


class Members(BaseModel):
    """What a deployment gives to a pool."""

    model: str
    provider: str
    contract: str
    tokens_per_minute: int
    state: Literal["active", "inactive", "out"]


class PoolView(BaseModel):
    """A pool, in tokens per minute. `short` is what it has promised beyond what it has: after an outage."""

    name: str
    capacity: int
    kept: int
    sold: int
    free: int
    short: int
    members: list[Members]
    tariffs: dict[str, str]
    currency: str
    tokens_per_gpu_hour: int | None
    small_grant: int
    medium_grant: int
    idle_days: int
    least_share: int
    notice_days: int


class PoolsView(BaseModel):
    """Pools by name."""

    pools: list[PoolView]


class SaleView(BaseModel):
    """A sale."""

    id: int
    organisation: str
    project: str
    pool: str
    unit: str
    amount: int
    lendable: int
    reclaim: int
    starts_at: datetime
    ends_at: datetime
    state: Literal["planned", "active", "over", "cancelled"]
    rate: str
    fee: str
    refunded: str
    currency: str
    sold_at: datetime
    cancelled_at: datetime | None


class SalesView(BaseModel):
    """Sales, newest first."""

    sales: list[SaleView]


class FeeView(BaseModel):
    """Money owed for something else than a call; below zero it was paid back."""

    id: int
    project: str
    kind: str
    sale: int
    amount: str
    reason: str
    booked_at: datetime


class FeesView(BaseModel):
    """Fees, newest first."""

    organisation: str
    currency: str
    fees: list[FeeView]


class ReserveView(BaseModel):
    """What is kept for a class of a pool."""

    pool: str
    service: str
    nominal: int
    lendable: int
    reclaim: int
    draw_most: int
    draw_minutes: int


class DrawView(BaseModel):
    """An emergency draw."""

    id: int
    pool: str
    taken_from: str
    given_to: str
    only_for: str | None
    amount: int
    minutes: int
    reason: str
    state: str
    requested_by: str
    requested_key: int
    requested_at: datetime
    approved_by: str | None
    approved_key: int | None
    approved_at: datetime | None
    ends_at: datetime | None


class BorrowerView(BaseModel):
    """A project that used a pool with a reserve, seen from the reserve of a class."""

    pool: str
    service: Annotated[str, Field(description="the class whose reserve it is")]
    organisation: str
    project: str
    project_service: Annotated[str, Field(description="the class of the project's work")]
    own: Annotated[bool, Field(description="whether its work is of the reserve's class")]
    tokens: Annotated[int, Field(description="that it used since then")]
    borrowed: Annotated[
        int,
        Field(
            description="of them at least, from the reserve: its part of what others used on a day beyond"
            " what the pool has besides"
        ),
    ]


class ReservesView(BaseModel):
    """Reserves, who used their pools since a day, and emergency draws, newest first."""

    reserves: list[ReserveView]
    since: date
    borrowers: list[BorrowerView]
    draws: list[DrawView]


class SignatureView(BaseModel):
    """Who signed."""

    name: str
    key: int


class GrantView(BaseModel):
    """An application and what became of it; amounts in tokens but for `amount`. `ends_on` is the last day."""

    id: int
    organisation: str
    project: str
    pool: str
    unit: str
    amount: int
    tokens: int
    size: str
    purpose: str
    starts_on: date
    ends_on: date
    use_by: date
    stage: Literal["applied", "granted", "declined", "used up", "over"]
    approvals_needed: int
    approvals: list[SignatureView]
    applied_by: str
    applied_key: int
    applied_at: datetime
    decided_at: datetime | None
    decision: str | None
    granted: int | None
    drawn: int
    returned: int
    noticed_on: date | None
    contracts: list[str]


class GrantsView(BaseModel):
    """Applications and grants, newest first."""

    grants: list[GrantView]


class StepView(BaseModel):
    """An idle grant: what was done about it, or will be on `due`."""

    grant: int
    organisation: str
    project: str
    pool: str
    idle: int
    reason: str
    action: str
    due: date


class ReclaimView(BaseModel):
    """Idle grants."""

    steps: list[StepView]
    dry_run: bool


class EventView(BaseModel):
    """Who did what, and what it changed."""

    id: int
    at: datetime
    organisation: str
    who: str
    key: int
    address: str | None
    what: str
    subject: str
    before: Any
    after: Any


class EventsView(BaseModel):
    """Events, newest first; `next` is the value of `before` for the page after this one.

    `organisation` is null where events of all of them are shown.
    """

    organisation: str | None
    events: list[EventView]
    next: int | None


class DayView(BaseModel):
    """A pool's day, in tokens; sums only."""

    pool: str
    day: date
    capacity: int
    used: dict[str, int]
    lent: int
    reclaimed: int
    idle: int
    emergency_draws: int
    emergency: int
    grants: int


class UtilisationView(BaseModel):
    """The public report: pools that are shared with all, by day."""

    until: datetime
    days: list[DayView]
