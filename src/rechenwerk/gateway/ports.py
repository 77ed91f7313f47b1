"""What the gateway needs from storage: an immutable snapshot of tenants, and stored answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.contracts.charged import Rates
from rechenwerk.contracts.energy import Meter
from rechenwerk.contracts.ports import Contract, Site, Version
from rechenwerk.ledger.guards import GuardRow
from rechenwerk.ledger.prices import PriceList
from rechenwerk.ledger.tariff_months import Discount
from rechenwerk.ledger.tariffs import CallPrice, Terms
from rechenwerk.routing.ports import DEFAULT_CLASSES, DataClass

NO_CLASSES: Mapping[tuple[int, str], DataClass] = MappingProxyType({})
"""Where nobody has changed what the data classes permit."""

NO_CONTRACTS: Mapping[int, ContractRow] = MappingProxyType({})
NO_SITES: Mapping[tuple[int, str], SiteRow] = MappingProxyType({})
NO_SALES: Mapping[tuple[int, str], tuple[Sale, ...]] = MappingProxyType({})
NO_DISCOUNTS: Mapping[int, tuple[Discount, ...]] = MappingProxyType({})
NO_TIERS: Mapping[str, Rates] = MappingProxyType({})
"""Where a call costs the same whatever service tier serves it."""


class KeyRow(msgspec.Struct, frozen=True):
    """A key that is valid now.

    Attributes:
        expires_at: epoch seconds or None.
        data_class: its project's.
        service_class: its project's, one of `routing.supply.CLASSES`.
        weight: of its project, when scarce capacity is shared.
        label: the project as contracts name it: ``organisation/project``.
    """

    id: int
    organisation: int
    project: int
    scopes: frozenset[str]
    expires_at: float | None
    guards: tuple[GuardRow, ...]
    data_class: str = "internal"
    service_class: str = "standard"
    weight: int = 1
    label: str = ""


class ProviderRow(msgspec.Struct, frozen=True):
    """A provider.

    Attributes:
        api_key_env: the environment variable that holds its key; a stored secret wins over it.
        organisation: whose it is; 0 is the operator.
        secret: its key, sealed by `identity.secrets`.
        owner: the ultimate owner; of one that names none, itself.
    """

    id: int
    name: str
    kind: str
    base_url: str
    api_key_env: str | None
    organisation: int = 0
    secret: bytes | None = None
    owner: str = ""


class DeploymentRow(msgspec.Struct, frozen=True):
    """A model at a provider under a contract, with the contract's price.

    Attributes:
        cost: what a call is booked at: `contracts.charged` of the contract's terms and `listed`.
        jurisdiction: where the data is processed: a country, ``EU``, ``local``, or empty when unknown.
        level: how they are protected there, one of `routing.ports.LEVELS`.
        site: where its machines stand; empty: not known.
        out: why it serves nothing now: its site is out, its contract does not run; empty: it serves.
        concurrency: calls at once that it takes, whoever makes them; None: any number.
        tokens_per_minute: the most that it takes; None: any number.
        meter: what its calls draw; None: not known.
        listed: the provider's list rates, where `cost` is something else.
        model: the public name.
        headers: header lines that its requests carry, because its contract says so.
        service_tier: what its requests ask for; empty: nothing.
        tiers: what a call is booked at by the service tier that served it, where that matters.
    """

    id: int
    provider: ProviderRow
    contract: int
    contract_name: str
    upstream: str
    endpoints: frozenset[str]
    context_tokens: int
    max_output_tokens: int
    cost: PriceList
    jurisdiction: str = ""
    level: str = "shared"
    site: str = ""
    out: str = ""
    concurrency: int | None = None
    tokens_per_minute: int | None = None
    meter: Meter | None = None
    listed: PriceList | None = None
    model: str = ""
    headers: bytes = b""
    service_tier: str = ""
    tiers: Mapping[str, Rates] = NO_TIERS

    @property
    def at_list(self) -> PriceList:
        """The provider's list rates, as in the file."""
        return self.cost if self.listed is None else self.listed

    def rates(self, served: str) -> Rates:
        """What a call is booked at.

        Args:
            served: the service tier that served it; empty where the provider said nothing, so that it is
                what was asked for.
        """
        if not self.tiers:
            return Rates(self.cost, self.listed)
        return self.tiers.get(served or self.service_tier) or Rates(self.cost, self.listed)

    @property
    def highest(self) -> tuple[PriceList, ...]:
        """All prices that a call may be booked at."""
        return (self.cost, *(one.cost for one in self.tiers.values()))

    def energy(self, usage: Usage) -> tuple[int, int]:
        """Microwatt-hours and micrograms of CO2 of a call; nothing where it is not known."""
        return (0, 0) if self.meter is None else self.meter.read(usage)


class ContractRow(msgspec.Struct, frozen=True):
    """A contract that is in force.

    Attributes:
        organisation: whose it is; 0 is the operator, and what it owns is shared with all.
        terms: that hold now.
        since: epoch seconds from which they do; None: as long as the contract.
        versions: of the terms so far, ascending: what was drawn counts by those of its time.
    """

    id: int
    organisation: int
    terms: Contract
    since: float | None = None
    versions: tuple[Version, ...] = ()


class SiteRow(msgspec.Struct, frozen=True):
    """A site: its energy, and why it serves nothing now (empty: it serves)."""

    site: Site
    jurisdiction: str
    out: str = ""


class DrawRow(msgspec.Struct, frozen=True, gc=False):
    """What calls of one deployment drew from its contract in one hour.

    Attributes:
        contract, deployment: their ids.
        hour: in which the calls began, epoch seconds.
        usage: summed.
        amount: nano-units that the provider charges for them.
        listed: the same at its list rates.
    """

    contract: int
    deployment: int
    hour: int
    usage: Usage
    amount: int
    listed: int


class Offer(msgspec.Struct, frozen=True):
    """A model as an organisation can call it: who serves it."""

    model: str
    created: int
    deployments: tuple[DeploymentRow, ...]


class Sale(msgspec.Struct, frozen=True):
    """A version of a tariff in the time in which it holds.

    Attributes:
        since, until: epoch seconds.
        price: of a call without a discount.
        terms: to find the price with one.
    """

    since: float
    until: float
    price: CallPrice
    terms: Terms


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that a call needs to know, as of one moment.

    Attributes:
        version: of the configuration.
        keys: SHA-256 of a key -> its row; revoked and expired keys are not in it.
        offers: (organisation, model) -> offer; organisation 0 is shared with all.
        classes: (organisation, name) -> data class, where one differs from the default; 0 as above.
        contracts: by id.
        sites: by organisation and name.
        sales: (organisation, model) -> what holds now and later; 0 for those without a tariff of their own.
        discounts: organisation -> its discounts.
    """

    version: int
    currency: str
    keys: Mapping[bytes, KeyRow]
    offers: Mapping[tuple[int, str], Offer]
    classes: Mapping[tuple[int, str], DataClass] = NO_CLASSES
    contracts: Mapping[int, ContractRow] = NO_CONTRACTS
    sites: Mapping[tuple[int, str], SiteRow] = NO_SITES
    sales: Mapping[tuple[int, str], tuple[Sale, ...]] = NO_SALES
    discounts: Mapping[int, tuple[Discount, ...]] = NO_DISCOUNTS

    def offer(self, organisation: int, model: str) -> Offer | None:
        """The organisation's own offer of a model, else the shared one."""
        return self.offers.get((organisation, model)) or self.offers.get((0, model))

    def data_class(self, organisation: int, name: str) -> DataClass:
        """What a data class permits: the organisation's word, else the operator's, else the default."""
        return self.classes.get((organisation, name)) or self.classes.get((0, name)) or DEFAULT_CLASSES[name]


class Stored(msgspec.Struct, frozen=True):
    """What became of the first call with an Idempotency-Key.

    Attributes:
        state: ``mine`` (this call is the first), ``running``, ``different`` (the same key came with
            another body), or ``done``.
        sealed: whether the body is.
    """

    state: str
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    call: int = 0
    sealed: bool = False


class Source(Protocol):
    """Where snapshots and stored answers come from."""

    async def version(self) -> int:
        """The configuration's version now; cheap."""
        ...

    async def snapshot(self) -> Snapshot:
        """A fresh snapshot."""
        ...

    async def drawn(self, since: int) -> Sequence[DrawRow]:
        """What was drawn from every contract in the hours from `since` (epoch seconds) on."""
        ...

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Call back when the configuration has changed; may be called too often, and may miss one."""
        ...

    async def close(self) -> None:
        """Stop watching."""
        ...

    async def claim(self, key: KeyRow, name: str, digest: bytes) -> Stored:
        """Claim an Idempotency-Key for a call, or learn what became of it."""
        ...

    async def keep(self, key: KeyRow, name: str, answer: Stored) -> None:
        """Keep the answer of the call that claimed the key."""
        ...

    async def release(self, key: KeyRow, name: str) -> None:
        """The call that claimed the key failed before it could cost anything: let it be tried again."""
        ...

    async def keep_turn(self, key: KeyRow, name: str, items: bytes) -> None:
        """Keep what was said up to an answer, under the answer's id."""
        ...

    async def turn(self, key: KeyRow, name: str) -> bytes | None:
        """What was said up to an answer of this project."""
        ...
