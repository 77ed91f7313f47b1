"""Values that `office.ports` names: how sites and contracts stand, what was used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from rechenwerk.contracts.ports import Version


class Site(msgspec.Struct, frozen=True):
    """A place with machines, and the electricity there. Numbers are decimal text.

    Attributes:
        jurisdiction: as of a deployment.
        power_cap_kw: the most that all machines there may draw together; None: no cap.
        pue: power usage effectiveness: what the site draws over what the machines draw (ISO/IEC 30134-2).
        co2_grams: per kWh of the electricity there.
        prices: currency per kWh: one, 24 by hour of the day or 168 by hour of the week from Monday; UTC.
    """

    name: str
    jurisdiction: str
    power_cap_kw: str | None
    pue: str
    co2_grams: str
    prices: tuple[str, ...]
    active: bool = True


class ShownSite(msgspec.Struct, frozen=True):
    """A site and whether it serves.

    Attributes:
        deployments: how many active ones stand there.
        out_since: since when it is out; None: it serves.
        out_reason: why, as somebody said.
    """

    site: Site
    deployments: int
    out_since: datetime | None
    out_reason: str


class UsedHere(msgspec.Struct, frozen=True):
    """Usage of a deployment in an hour or a day, of one organisation.

    Attributes:
        deployment: as ``model at provider under contract``.
        usage: bucket -> count, as in `base.usage.BUCKETS`.
        cost: nano-units.
    """

    starts_at: datetime
    model: str
    deployment: str
    calls: int
    usage: Mapping[str, int]
    cost: int


class StoredContract(msgspec.Struct, frozen=True):
    """A contract with the history of its terms.

    Attributes:
        active: it stands in the file.
        versions: ascending; the last is the newest, which may lie in the future.
        deployments: models of the active deployments under it.
    """

    id: int
    name: str
    provider: str
    owner: str
    active: bool
    versions: tuple[Version, ...]
    deployments: tuple[str, ...]
