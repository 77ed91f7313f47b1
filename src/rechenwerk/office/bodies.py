"""Bodies of requests and answers, as the OpenAPI page shows them. Money is text, never a float."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*$"
    ),
]
Amount = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?$",
        description="decimal text in the installation's currency",
        examples=["5.00"],
    ),
]
Day = Annotated[date, Field(strict=False, lt=date(9000, 1, 1))]
"""A day as text, such as 2026-03-01."""
Count = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
Period = Literal["day", "week", "month", "quarter", "year", "total"]
Scope = Literal["inference", "books", "keys", "documents", "operator", "audit", "emergency", "approve"]
ServiceClass = Literal["critical", "standard", "batch"]
DataClass = Literal["public", "internal", "confidential", "restricted"]


class Body(BaseModel):
    """A request's body; what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", strict=True)


class InOrganisation(Body):
    """A body that may name another organisation."""

    organisation: Name | None = Field(None, description="another organisation; only for the scope operator")


class OrganisationBody(Body):
    """A new organisation."""

    name: Name


class ProjectBody(InOrganisation):
    """A new project."""

    name: Name
    data_class: DataClass = "internal"


class DataClassBody(InOrganisation):
    """The class of a project's data: which jurisdictions and providers may see it."""

    data_class: DataClass


class ServiceBody(InOrganisation):
    """How a project's work is served: what is left out stays."""

    service_class: ServiceClass | None = None
    weight: Annotated[int, Field(ge=1, le=1000)] | None = None


class SecretBody(InOrganisation):
    """A provider's key. It is sealed, and nothing ever shows it again."""

    secret: SecretStr = Field(
        description="for AWS: the access key's id, a colon and the secret access key", examples=["sk-…"]
    )


class BudgetBody(InOrganisation):
    """A budget to set; amount null removes it."""

    period: Period
    amount: Amount | None
    hard: bool = True


class LimitsBody(InOrganisation):
    """Limits to set: null removes one, one that is left out stays."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_calls: Count | None = None


class KeyBudget(Body):
    """A budget of a new key."""

    period: Period
    amount: Amount
    hard: bool = True


class KeyLimits(Body):
    """Limits of a new key."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_calls: Count | None = None


class KeyBody(InOrganisation):
    """A new key."""

    project: Name
    name: Name
    scopes: list[Scope] = Field(default=["inference"], min_length=1)
    expires_in_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    budgets: list[KeyBudget] = Field(default_factory=list)
    limits: KeyLimits = KeyLimits()


class ApplyBody(InOrganisation):
    """A configuration to compare with the one that stands, and to apply."""

    text: str = Field(max_length=1_000_000, description="rechenwerk.toml")
    dry_run: bool = False
    add: bool = Field(default=False, description="what the file says nothing about stays as it is")


class BudgetView(BaseModel):
    """A budget and its current window; free is what is neither held nor posted."""

    period: str
    amount: str
    hard: bool
    granted: str
    held: str
    posted: str
    free: str


class LimitsView(BaseModel):
    """Limits; null where there is none."""

    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_calls: int | None


class OrganisationView(BaseModel):
    """An organisation."""

    id: int
    name: str
    created_at: datetime


class Counted(BaseModel):
    """A part of a list: `total` rows fit what was asked, `whole` there are."""

    total: int
    whole: int


class OrganisationsView(Counted):
    """All organisations."""

    organisations: list[OrganisationView]


class ProjectView(BaseModel):
    """A project with its budgets and limits."""

    name: str
    organisation: str
    data_class: str
    service_class: str
    weight: int
    created_at: datetime
    currency: str
    keys: int = Field(description="that are neither revoked nor expired")
    budgets: list[BudgetView]
    limits: LimitsView


class ProjectsView(Counted):
    """The projects of an organisation."""

    projects: list[ProjectView]


class KeyView(BaseModel):
    """A key as it may be shown later."""

    id: int
    hint: str
    name: str
    project: str
    organisation: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    currency: str
    budgets: list[BudgetView]
    limits: LimitsView


class NewKeyView(KeyView):
    """A new key: the only time that it is shown."""

    key: str


class KeysView(Counted):
    """Keys of an organisation; `projects` are all that have some."""

    projects: list[str]

    keys: list[KeyView]


class ChangeView(BaseModel):
    """One difference between the configuration that stands and the file."""

    what: str
    name: str
    action: str = Field(description="create, change or deactivate")
    before: Any = None
    after: Any = None


class ProviderView(BaseModel):
    """A provider; its key is never shown, only whether one is stored."""

    name: str
    kind: str
    base_url: str
    api_key_env: str | None
    has_secret: bool
    active: bool
    out_since: datetime | None = Field(
        default=None, description="since when it is switched off; null: it is not"
    )
    out_reason: str = ""


class ProvidersView(BaseModel):
    """The providers of a configuration."""

    organisation: str
    providers: list[ProviderView]


class AppliedView(BaseModel):
    """What changes, and whether it was applied."""

    organisation: str
    changes: list[ChangeView]
    applied: bool


class AccountView(BaseModel):
    """An account; balance is debit minus credit. Its entries are at `/books/accounts/` and its id."""

    id: int | None
    kind: str
    project: str | None
    contract: str | None
    debit: str
    credit: str
    balance: str


class BalanceView(BaseModel):
    """All accounts; the total balance of sound books is zero."""

    organisation: str
    currency: str
    accounts: list[AccountView]
    total: AccountView
    found: int = Field(description="accounts that fit what was asked")
    whole: int = Field(description="accounts that there are")
    kinds: list[str] = Field(description="that there are accounts of")


class TransferView(BaseModel):
    """An amount that moved; both accounts by name."""

    debit: str
    credit: str
    amount: str


class CallView(BaseModel):
    """A booked call; `attempt_of` names the call that it was a failed attempt of, if it was one."""

    id: str
    attempt_of: str | None
    started_at: datetime
    project: str
    key: str
    provider: str
    contract: str
    endpoint: str
    model: str
    streamed: bool
    outcome: str
    reason: str | None
    status: int
    usage_source: str
    usage: dict[str, int]
    held: str
    price: str
    cost: str
    listed: str
    tariff: int
    charged: str
    energy_uwh: int
    co2_ug: int
    first_byte_us: int
    total_us: int
    transfers: list[TransferView]


class CallDetailView(CallView):
    """A booked call with the provider's own usage record and the decision of the routing."""

    currency: str
    raw_usage: str | None
    decision: str | None


class WhyView(BaseModel):
    """Why a call went where it went. `decision` is as it was kept with the call; it may lack anything."""

    call: str
    attempt_of: str | None
    started_at: datetime
    project: str
    model: str
    provider: str
    contract: str
    outcome: str
    outcome_reason: str | None
    currency: str
    price: str
    cost: str
    listed: str
    energy_uwh: int
    co2_ug: int
    decision: dict[str, Any]


class JournalView(BaseModel):
    """Calls, newest first; `next` is the value of `before` for the page after this one."""

    organisation: str
    currency: str
    calls: list[CallView]
    next: str | None
