"""What the office needs from storage: protocols and the values that pass through them.

Every method that touches a tenant's rows takes the organisation's id, and whoever fills these protocols
filters by it: that is the wall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.contracts.concentration import Cap, Served
from rechenwerk.contracts.terms import Contract as Terms
from rechenwerk.ledger.exports.ports import Exports
from rechenwerk.office.bill_ports import Bills
from rechenwerk.office.budgets.ports import BudgetDesk
from rechenwerk.office.closing.ports import Closing
from rechenwerk.office.costing.ports import CostBooks
from rechenwerk.office.governance.ports import Governance
from rechenwerk.office.journal_ports import BookedCall, Journal
from rechenwerk.office.part_ports import Cut
from rechenwerk.office.payment_ports import Payments
from rechenwerk.office.people.ports import People
from rechenwerk.office.planning.ports import Plans
from rechenwerk.office.seal_ports import Seals
from rechenwerk.office.standing import Audits, Positions, Site, Sites, UsedHere
from rechenwerk.office.sum_ports import Sums
from rechenwerk.office.switch_ports import Switches
from rechenwerk.office.tariff_ports import Tariff, Tariffs
from rechenwerk.office.verify_ports import Verifier
from rechenwerk.office.voucher_ports import Vouchers

OPERATOR = 0
"""The operator's organisation: the configuration that it owns is shared with all."""


class TakenError(RechenwerkError):
    """The name is in use already."""


class Caller(msgspec.Struct, frozen=True):
    """Who a key belongs to and what it permits."""

    organisation_id: int
    organisation: str
    key_id: int
    scopes: frozenset[str]
    key_name: str
    expires_at: datetime | None = None


class Organisation(msgspec.Struct, frozen=True):
    """A tenant."""

    id: int
    name: str
    created_at: datetime


class Guard(msgspec.Struct, frozen=True):
    """A budget or a limit as somebody wishes it.

    Attributes:
        unit: money, requests, tokens or calls.
        period: minute, day, week, month, quarter, year, total or now.
        amount: nano-units for money, else pieces; None removes the guard.
        hard: refuse beyond the amount; a soft one only reports.
    """

    unit: str
    period: str
    amount: int | None
    hard: bool = True


class GuardUse(msgspec.Struct, frozen=True):
    """A guard and what its current window has seen."""

    unit: str
    period: str
    amount: int
    hard: bool
    granted: int
    held: int
    posted: int


Windows = Mapping[str, datetime]


class Project(msgspec.Struct, frozen=True):
    """A budget and cost centre inside an organisation.

    Attributes:
        service_class: of its work: critical, standard or batch.
        weight: its share when scarce capacity is shared.
    """

    id: int
    name: str
    created_at: datetime
    guards: tuple[GuardUse, ...]
    data_class: str
    service_class: str = "standard"
    weight: int = 1
    keys: int = 0  # of programs, that open something


class NewKey(msgspec.Struct, frozen=True):
    """A key to store: everything but the key itself.

    Attributes:
        data_class: its calls go only where this class allows, too; None: its project's alone.
    """

    name: str
    hash: bytes
    hint: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    guards: tuple[Guard, ...] = ()
    data_class: str | None = None


class Key(msgspec.Struct, frozen=True):
    """A stored key."""

    id: int
    name: str
    project: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    guards: tuple[GuardUse, ...]


class KeysPart(msgspec.Struct, frozen=True):
    """A part of an organisation's keys: `total` fit, `whole` there are, of these projects."""

    keys: Sequence[Key]
    total: int
    whole: int
    projects: Sequence[str]


class Founding(msgspec.Struct, frozen=True):
    """The first organisation with its project and its admin's key."""

    organisation: str
    project: str
    budget: Guard
    key: NewKey


class Tenants(Protocol):
    """Organisations, projects, keys, guards."""

    async def currency(self) -> str:
        """The installation's currency."""
        ...

    async def caller(self, key_hash: bytes, now: datetime) -> Caller | None:
        """Whose key this is; None when unknown, revoked or expired."""
        ...

    async def organisations(self) -> list[Organisation]:
        """All tenants, the operator's own included."""
        ...

    async def organisation(self, name: str) -> Organisation | None:
        """The tenant of that name."""
        ...

    async def create_organisation(self, name: str) -> Organisation:
        """A new tenant; raises TakenError."""
        ...

    async def found(self, founding: Founding) -> bool:
        """Create all of it in one transaction; False when any tenant besides the operator exists."""
        ...

    async def projects(
        self, organisation_id: int, windows: Windows, only: int | None = None
    ) -> list[Project]:
        """The organisation's projects with what their guards have seen in the given windows."""
        ...

    async def project_class(self, organisation_id: int, name: str) -> tuple[int, str] | None:
        """The id and the data class of the project of that name."""
        ...

    async def project_id(self, organisation_id: int, name: str) -> int | None:
        """The project of that name."""
        ...

    async def project_of_key(self, organisation_id: int, key_id: int) -> str | None:
        """The name of a key's project."""
        ...

    async def create_project(self, organisation_id: int, name: str, data_class: str = "internal") -> int:
        """A new project's id; raises TakenError."""
        ...

    async def classify_project(self, organisation_id: int, project_id: int, data_class: str) -> None:
        """From now on the project's data is of this class."""
        ...

    async def serve_project(
        self, organisation_id: int, project_id: int, service_class: str | None, weight: int | None
    ) -> None:
        """From now on the project's work is of this class, and of this weight; None leaves one as it is."""
        ...

    async def guard_project(self, organisation_id: int, project_id: int, guards: Sequence[Guard]) -> None:
        """Set, change or remove guards of a project."""
        ...

    async def guard_organisation(self, organisation_id: int, guards: Sequence[Guard]) -> None:
        """Set, change or remove guards of the organisation itself."""
        ...

    async def guard_key(
        self, organisation_id: int, project_id: int, key_id: int, guards: Sequence[Guard]
    ) -> None:
        """Set, change or remove guards of a key."""
        ...

    async def keys(self, organisation_id: int, windows: Windows, only: int | None = None) -> list[Key]:
        """All keys, revoked ones too, oldest first."""
        ...

    async def keys_part(
        self,
        organisation_id: int,
        windows: Windows,
        now: datetime,
        project: str | None,
        state: str | None,
        wanted: Cut,
    ) -> KeysPart:
        """The part of them that is asked for: of a project, and active, expired or revoked."""
        ...

    async def create_key(self, organisation_id: int, project_id: int, key: NewKey) -> int:
        """Store a key and its guards; its id."""
        ...

    async def revoke_key(self, organisation_id: int, key_id: int, now: datetime) -> None:
        """From now on the key opens nothing; a second time changes nothing."""
        ...


class Provider(msgspec.Struct, frozen=True):
    """Somebody or something that serves models at an address."""

    name: str
    kind: str
    base_url: str = ""
    api_key_env: str | None = None
    active: bool = True
    owner: str = ""


class Contract(msgspec.Struct, frozen=True):
    """The terms under which deployments of a provider are paid.

    Attributes:
        terms: whole; what stands beside them here is taken from them.
    """

    name: str
    provider: str
    kind: str
    terms: Terms
    active: bool = True


class Deployment(msgspec.Struct, frozen=True):
    """A model at a provider under a contract.

    Attributes:
        jurisdiction: where it processes data: a country, ``EU``, ``local``, or empty when unknown.
        level: how data is protected there, one of `routing.ports.LEVELS`.
        site: where its machines stand, if they are known.
        concurrency: calls at once that it takes; None: any number.
        tokens_per_minute: the most that it takes; None: any number.
        joules: bucket -> energy per unit of usage, decimal text; None: not known.
        service_tier: what its requests ask the provider for; empty: nothing.
    """

    model: str
    provider: str
    contract: str
    upstream: str
    endpoints: tuple[str, ...]
    context_tokens: int
    max_output_tokens: int
    active: bool = True
    jurisdiction: str = ""
    level: str = "shared"
    site: str | None = None
    concurrency: int | None = None
    tokens_per_minute: int | None = None
    joules: Mapping[str, str] | None = None
    service_tier: str = ""


class Cost(msgspec.Struct, frozen=True):
    """What a deployment costs from now on."""

    model: str
    provider: str
    contract: str
    currency: str
    rates: Mapping[str, str]


class DataClassRow(msgspec.Struct, frozen=True):
    """What a data class permits, where it differs from the default; no jurisdictions: any."""

    name: str
    jurisdictions: tuple[str, ...]
    level: str
    active: bool = True


class Configured(msgspec.Struct, frozen=True):
    """An organisation's configuration: as it stands, or as a file wants it.

    Attributes:
        used: name of a contract -> the first and the last hour in which calls were booked under it, or left.
        lines: name of a contract and a field of it (empty: all of it) -> its line in the file.
        caps: on concentration.
        cap_lines: name of one -> its line.
        tariffs: as a file wants them; of what stands all versions, in the order in which they were written.
        tariff_lines: model and first day of a version -> its line.
        at: when this stood; None of a file.
        currency_is_fixed: why the currency cannot change any more; empty while it can.
    """

    currency: str
    providers: tuple[Provider, ...] = ()
    contracts: tuple[Contract, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    costs: tuple[Cost, ...] = ()
    tariffs: tuple[Tariff, ...] = ()
    data_classes: tuple[DataClassRow, ...] = ()
    sites: tuple[Site, ...] = ()
    caps: tuple[Cap, ...] = ()
    used: Mapping[str, tuple[datetime, datetime]] = {}
    lines: Mapping[tuple[str, str], int] = {}
    cap_lines: Mapping[str, int] = {}
    tariff_lines: Mapping[tuple[str, str], int] = {}
    at: datetime | None = None
    currency_is_fixed: str = ""


Row = Provider | Site | Contract | Deployment | Cost | Tariff | DataClassRow | Cap | str


class Change(msgspec.Struct, frozen=True):
    """One difference between the configuration that stands and the one wanted.

    Attributes:
        what: provider, site, contract, deployment, cost, tariff, data class, concentration cap or currency.
        name: which one.
        action: create, change or deactivate.
        before: the row that stands, if one does.
        after: the row to write; for a deactivated one the same row, inactive.
    """

    what: str
    name: str
    action: str
    before: Row | None
    after: Row


class ShownProvider(msgspec.Struct, frozen=True):
    """A provider and whether its key is stored; the key itself never leaves the store but for gateways."""

    provider: Provider
    has_secret: bool


class Configuration(Protocol):
    """Providers with their secrets, contracts, deployments, dated prices, data classes."""

    async def providers(self, organisation_id: int) -> list[ShownProvider]:
        """Those that the organisation owns, by name."""
        ...

    async def keep_secret(self, organisation_id: int, provider: str, sealed: bytes | None) -> bool:
        """Store a provider's sealed key, or remove it; False when there is no such provider."""
        ...

    async def read(self, organisation_id: int) -> Configured:
        """What stands now."""
        ...

    async def apply(
        self, organisation_id: int, plan: Callable[[Configured], Sequence[Change]]
    ) -> Sequence[Change]:
        """Read, plan and write in one transaction that no other apply can enter."""
        ...


class Balance(msgspec.Struct, frozen=True):
    """An account and what was booked on it."""

    kind: str
    project: str | None
    contract: str | None
    debit: int
    credit: int
    id: int = 0


class Books(Protocol):
    """The books of one organisation, read only."""

    async def balance(
        self, organisation_id: int, month: date | None = None, only: int | None = None
    ) -> list[Balance]:
        """Every account, or one, with its sums; of a month (its first day), or of all time."""
        ...

    async def call(self, organisation_id: int, call_id: int) -> BookedCall | None:
        """One booked call."""
        ...

    async def usage(self, organisation_id: int, since: datetime, step: str) -> list[UsedHere]:
        """What the organisation used since then, per `step` (hour or day), oldest first."""
        ...


class Concentrations(Protocol):
    """What concentration is measured from, beside draws."""

    async def served(self, organisation_id: int, since: datetime) -> list[Served]:
        """Calls that the deployments of a configuration served since then; failed attempts are none."""
        ...


class Unfit(msgspec.Struct, frozen=True):
    """How storage refuses a value that it cannot hold.

    Attributes:
        raised: what it raises then, and else where a statement is wrong.
        reason: what was wrong with the value; None: a statement is.
    """

    raised: type[Exception]
    reason: Callable[[Exception], str | None]


class Desk(msgspec.Struct, frozen=True):
    """All storage of the office."""

    tenants: Tenants
    configuration: Configuration
    books: Books
    sites: Sites
    positions: Positions
    audits: Audits
    governance: Governance
    concentration: Concentrations
    vouchers: Vouchers
    costs: CostBooks
    tariffs: Tariffs
    closing: Closing
    bills: Bills
    payments: Payments
    exports: Exports
    sums: Sums
    journal: Journal
    seals: Seals
    budgets: BudgetDesk
    verifier: Verifier
    people: People
    plans: Plans
    switches: Switches
    unfit: Unfit
