"""Bodies of the routes of periods and documents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from rechenwerk.ledger.allocation import Key
from rechenwerk.office.bodies import Body

AddressLine = Annotated[str, Field(min_length=1, max_length=100)]


class SettingView(BaseModel):
    """How an organisation's statements are written."""

    organisation: str
    prefix: str
    issuer: list[str]
    recipient: list[str]
    vat_rate: str
    reverse_charge: bool
    allocation: Key
    shares: dict[str, str]
    cost_centres: dict[str, str]


class SettingBody(Body):
    """What is to change; what is left out stays."""

    prefix: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,12}$")] | None = None
    issuer: Annotated[list[AddressLine], Field(max_length=8)] | None = None
    recipient: Annotated[list[AddressLine], Field(max_length=8)] | None = None
    vat_rate: Annotated[str, Field(pattern=r"^\d{1,2}(\.\d{1,4})?$")] | None = None
    reverse_charge: bool | None = None
    allocation: Key | None = None
    shares: dict[str, Annotated[str, Field(pattern=r"^\d{1,3}(\.\d{1,6})?$")]] | None = Field(
        default=None, description="project -> percent; together 100"
    )


class CostCentreBody(Body):
    """The cost centre that a project's statements name; empty: none."""

    cost_centre: str = Field(max_length=40)


class CloseBody(Body):
    """How a period is closed."""

    with_unresolved: bool = Field(default=False, description="though calls of it are unresolved")


class ObstacleView(BaseModel):
    """Why a period cannot be closed now. `unresolved` is one that can be agreed to."""

    code: str
    message: str


class DraftView(BaseModel):
    """A document that the close would write; an empty project: the organisation's statement."""

    number: str
    project: str
    net: str
    vat: str
    gross: str
    lines: int


class ClosePreviewView(BaseModel):
    """What closing a period would write, as the books stand now; nothing is written.

    Attributes:
        obstacle: null: it can be closed.
        steps: what the close books before; what they have not booked yet (`POST /books/accrue`) is not in it.
        immutable_until: calls that began and vouchers before this moment are for ever then.
    """

    organisation: str
    period: str
    currency: str
    obstacle: ObstacleView | None
    unresolved: int
    unresolved_price: str
    steps: list[str]
    documents: list[DraftView]
    immutable_until: datetime


class ClosedView(BaseModel):
    """A period that was closed, and the numbers of its documents."""

    organisation: str
    period: str
    closed_at: datetime
    closed_by: str
    documents: list[str]


class PeriodView(BaseModel):
    """A month: what was booked in it, and whether it is closed."""

    period: str
    calls: int
    revenue: str
    closed_at: datetime | None
    closed_by: str | None
    with_unresolved: bool
    documents: list[str]


class PeriodsView(BaseModel):
    """Months, newest first."""

    organisation: str
    currency: str
    periods: list[PeriodView]


class DocumentView(BaseModel):
    """A document; its content is at `/books/documents/NUMBER.json`."""

    number: str
    kind: str
    project: str | None
    period: str
    booked_in: str
    issued_at: datetime
    issued_by: str
    net: str
    vat: str
    gross: str
    reverses: str | None
    reversed_by: str | None
    sha256: str


class DocumentsView(BaseModel):
    """Documents, by number."""

    organisation: str
    currency: str
    documents: list[DocumentView]


class DocumentReverseBody(Body):
    """Why a document is taken back."""

    reason: str = Field(min_length=1, max_length=500)


class CorrectedView(BaseModel):
    """The credit note and the document that replaces what it takes back."""

    reverses: str
    credit_note: str
    correction: str
