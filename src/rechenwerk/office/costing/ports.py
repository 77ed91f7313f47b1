"""What costing needs from storage, and the values that go there and come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.contracts.costs import Served
from rechenwerk.contracts.ports import Contract, Site, Version
from rechenwerk.contracts.terms import OnDemand, OwnHardware, Provisioned
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.prices import PriceList

__all__ = [
    "Asked",
    "CostBooks",
    "CostFacts",
    "CostTarget",
    "HourUse",
    "KeptContract",
    "KeptDeployment",
    "MarginFacts",
    "MarginRow",
    "Moved",
    "Period",
    "Served",
    "SiteVersion",
]


_WITHIN_A_MONTH = frozenset({"minute", "hour", "day", "month"})
"""Intervals that end with a month."""


class KeptContract(msgspec.Struct, frozen=True):
    """A contract as it is kept.

    Attributes:
        versions: of its terms, ascending.
        entered: epoch seconds when it was first written down, or first used.
        ended: epoch seconds since when it stands in no configuration any more; None: it does.
    """

    id: int
    name: str
    versions: tuple[Version, ...]
    entered: float
    ended: float | None

    @property
    def looks_back(self) -> bool:
        """Whether a month depends on earlier ones: on what was drawn, or on whom it covers or spills to."""
        return any(_looks_back(one.terms) for one in self.versions)

    @property
    def names(self) -> frozenset[str]:
        """Of contracts that depend on it, or that it depends on."""
        others = {one.terms.overflow.to for one in self.versions if one.terms.overflow.to}
        return frozenset(others.union(*(one.terms.covers for one in self.versions)))


def _looks_back(terms: Contract) -> bool:
    if not isinstance(terms, OnDemand | Provisioned | OwnHardware):
        return True
    pricing = terms.pricing
    spans = {one.per for one in (pricing.tiers, pricing.free) if one is not None}
    return bool(spans) and (terms.anchor != "calendar" or not spans <= _WITHIN_A_MONTH)


class KeptDeployment(msgspec.Struct, frozen=True):
    """A deployment with its dated list rates, ascending: since when (epoch seconds), and what they are.

    Attributes:
        service_tier: what its calls ask for; empty: nothing.
    """

    id: int
    model: str
    provider: str
    contract: str
    service_tier: str
    prices: tuple[tuple[float, PriceList], ...]


class HourUse(msgspec.Struct, frozen=True, gc=False):
    """What a deployment served in an hour (epoch seconds), for all organisations together.

    Attributes:
        amount: nano-units that it was booked at.
        listed: the same at list rates, as the service tiers that served it have them.
    """

    deployment: int
    hour: int
    usage: Usage
    amount: int = 0
    listed: int = 0


class SiteVersion(msgspec.Struct, frozen=True):
    """A site as it was from a moment on (epoch seconds)."""

    since: float
    site: Site


class CostFacts(msgspec.Struct, frozen=True):
    """Everything that the cost of an owner's contracts in a period is made from; one moment's view.

    Attributes:
        hours: in order of time; of contracts that look back from their first use on, of others in the period.
        served: calls of the period, of every organisation, in an order that stays.
        sites: the owner's, by name, ascending.
        stood: contract -> organisations in whose books something of it stands for the period already.
    """

    contracts: Sequence[KeptContract]
    deployments: Sequence[KeptDeployment]
    hours: Sequence[HourUse]
    served: Sequence[Served]
    sites: Mapping[str, Sequence[SiteVersion]]
    stood: Mapping[int, frozenset[int]] = {}


class CostTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What has to stand in the books for a contract in a period. Nano-units.

    Attributes:
        due: what the statement says.
        booked: of it, what the calls were booked at.
        prepaid: of the rest, what was paid for later.
        amounts: beside `served`: what use bears on top of what its calls were booked at.
        idle: paid and not used.
        key: what was shared out by.
        used: the share of the capacity that was used; None: the contract has none.
        lines: of the statement, as details of the voucher.
    """

    contract: int
    name: str
    due: int
    booked: int
    prepaid: int
    served: Sequence[Served]
    amounts: Sequence[int]
    idle: int
    key: str
    used: str | None
    lines: Sequence[Mapping[str, Any]]

    @property
    def fixed(self) -> int:
        """The cost that calls were not booked at."""
        return self.due - self.booked - self.prepaid


class Asked(msgspec.Struct, frozen=True):
    """Who asked for something to be booked; in the books of others nobody's name stands."""

    organisation: int
    by: str


class MarginRow(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that are alike, summed, with what was allocated to them. Nano-units.

    Attributes:
        service: the endpoint: chat, embeddings, ...
        failed: cost of attempts that served nobody.
    """

    organisation: str
    project: str
    model: str
    provider: str
    service: str
    calls: int = 0
    revenue: int = 0
    cost: int = 0
    failed: int = 0
    allocated: int = 0
    unresolved_price: int = 0
    unresolved_cost: int = 0


class Moved(msgspec.Struct, frozen=True):
    """What fees and vouchers moved on an account in a period: debits less credits, nano-units.

    Attributes:
        account: its kind.
        voucher: kind of the voucher, or ``fee``.
        call: of a voucher that settles one: its row, without sums.
    """

    organisation: str
    account: str
    project: str
    contract: str
    voucher: str
    amount: int
    call: MarginRow | None = None


class MarginFacts(msgspec.Struct, frozen=True):
    """What a margin is made from.

    Attributes:
        used: organisation and contract -> share of its capacity that was used: ``0.25``; None: it has none.
    """

    rows: Sequence[MarginRow]
    moved: Sequence[Moved]
    used: Mapping[tuple[str, str], str | None] = {}


class CostBooks(Protocol):
    """Costs in the books."""

    async def facts(self, owner: int, period: Period, until: datetime) -> CostFacts:
        """What the contracts of an owner cost is made from, as of one moment, up to `until`."""
        ...

    async def settle(
        self,
        owner: int,
        period: Period,
        targets: Sequence[CostTarget],
        at: datetime,
        asked: Asked,
    ) -> int:
        """Book what is missing to the targets, each contract in one transaction; how many vouchers that took.

        Every organisation that used a contract has its part in its own books. Where an organisation's period
        is closed what came after stays with the owner; where the owner's is, nothing is booked.

        Args:
            owner: whose contracts they are.
            period: of the books.
            targets: of contracts of the owner.
            at: a moment of the period.
            asked: who asked for it.
        """
        ...

    async def margin(self, organisation: int | None, period: Period) -> MarginFacts:
        """What the margin of an organisation is made from; None: of all."""
        ...
