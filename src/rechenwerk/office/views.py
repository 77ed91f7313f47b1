"""Bodies of the routes of sites, contracts, energy and audits, as the OpenAPI page shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

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
