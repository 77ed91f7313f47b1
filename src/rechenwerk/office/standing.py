"""The part of `office.ports` about sites, contracts and audits: protocols and the values that they name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from rechenwerk.contracts.minutes import MinuteUse
from rechenwerk.contracts.ports import Deployed, HourDraw, Version


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
        deployed: all deployments that were ever under it, with their list rates of now.
    """

    id: int
    name: str
    provider: str
    owner: str
    active: bool
    versions: tuple[Version, ...]
    deployments: tuple[str, ...]
    deployed: tuple[Deployed, ...] = ()


class AuditedCall(msgspec.Struct, frozen=True, gc=False):
    """A booked call, or an attempt that is booked by itself, as an audit sees it.

    Attributes:
        left_at: when its way was chosen, epoch seconds: of an attempt, when its call began.
        decision: as it was kept.
    """

    id: int
    attempt_of: int | None
    organisation_id: int
    project_id: int
    deployment_id: int
    left_at: float
    decision: str | None


class PlaceVersion(msgspec.Struct, frozen=True):
    """Where a deployment processed data from a moment on (epoch seconds), and how protected."""

    since: float
    jurisdiction: str
    level: str


class ClassVersion(msgspec.Struct, frozen=True):
    """What a data class permitted from a moment on; inactive: the default held."""

    since: float
    jurisdictions: frozenset[str]
    level: str
    active: bool


class Histories(msgspec.Struct, frozen=True):
    """What an audit judges by, each ascending in time.

    Attributes:
        projects: project -> (since, data class).
        deployments: deployment -> versions.
        classes: (organisation, data class) -> versions.
        named: provider/upstream, as decisions say it -> deployments.
        names: deployment -> provider/upstream.
        project_names: project -> its name.
        organisations: organisation -> its name.
    """

    projects: Mapping[int, tuple[tuple[float, str], ...]]
    deployments: Mapping[int, tuple[PlaceVersion, ...]]
    classes: Mapping[tuple[int, str], tuple[ClassVersion, ...]]
    named: Mapping[str, tuple[int, ...]]
    names: Mapping[int, str]
    project_names: Mapping[int, str]
    organisations: Mapping[int, str]


class EnergyUse(msgspec.Struct, frozen=True):
    """What calls of one project, model and site drew on a day of UTC: microwatt-hours, micrograms of CO2."""

    day: str
    project: str
    model: str
    site: str
    calls: int
    energy_uwh: int
    co2_ug: int


class Sites(Protocol):
    """Sites that are out, and back."""

    async def sites(self, organisation_id: int) -> list[ShownSite]:
        """Those that the organisation owns, by name."""
        ...

    async def take_out(self, organisation_id: int, name: str, since: datetime, reason: str) -> bool:
        """Nothing there serves from now on; False when there is no such site."""
        ...

    async def bring_back(self, organisation_id: int, name: str) -> bool:
        """It serves again; False when there is no such site."""
        ...


class Positions(Protocol):
    """Contracts with the history of their terms, and what was drawn from them."""

    async def contracts(self, organisation_id: int) -> list[StoredContract]:
        """Those that the organisation owns, by name; ended ones too."""
        ...

    async def draws(self, organisation_id: int, drawn_by: int | None) -> list[HourDraw]:
        """Of the contracts that the organisation owns, by hour: by all, or by one organisation."""
        ...

    async def minutes(self, organisation_id: int, since: int) -> tuple[list[MinuteUse], Mapping[str, int]]:
        """What its deployments were given, by the minute, from a time on (epoch seconds).

        And how many calls of a model found no room since then: of the organisation's own calls, for the
        operator of everybody's.
        """
        ...


class Audits(Protocol):
    """What audits and reports read."""

    async def histories(self, organisation_id: int | None) -> Histories:
        """What held when; None: of all organisations."""
        ...

    def calls(
        self, organisation_id: int | None, since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[AuditedCall]]:
        """Calls that began in a time, in the order of organisations and ids, some at a time."""
        ...

    async def under_way(self, organisation_id: int | None, since: datetime, until: datetime) -> int:
        """How many calls that began in a time are not booked yet."""
        ...

    async def energy(self, organisation_id: int, since: datetime, until: datetime) -> list[EnergyUse]:
        """What booked calls that began in a time drew."""
        ...
