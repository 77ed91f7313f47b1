"""Tariffs as the office and storage pass them to each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.tariff_months import Discount, MonthUse, Version
from rechenwerk.ledger.tariffs import Terms


class Tariff(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model is sold for.

    Attributes:
        terms: None: it is not sold.
        starts: from when; None: as long as anything stands, or from now on.
        ends: from then on not; None: until the next one begins.
    """

    model: str
    currency: str
    terms: Terms | None
    starts: datetime | None = None
    ends: datetime | None = None


class NewDiscount(msgspec.Struct, frozen=True):
    """A discount as somebody wishes it; project 0: of the whole organisation; no model: on all."""

    project: int
    model: str
    starts: date
    ends: date | None
    share: Decimal
    reason: str
    made_by: str


class ContractCost(msgspec.Struct, frozen=True):
    """What a contract cost in a period, as the accounts say; nano-units, over one organisation or all.

    Attributes:
        name: of the contract.
        calls: booked with calls: cost, failed attempts, unresolved.
        fixed: accrued.
        idle: paid and not used.
        absorbed: what calls were booked at and the fixed cost already has; below zero.
        other: booked by vouchers on the accounts of calls.
        models: models of its deployments, for what nobody used.
    """

    contract: int
    name: str
    calls: int
    fixed: int
    idle: int
    absorbed: int
    other: int
    models: tuple[str, ...]


class ModelUse(msgspec.Struct, frozen=True):
    """What was used of a model under a contract in a period.

    Attributes:
        counts: units in the order of `BUCKETS`, of posted calls.
        price: booked, with what vouchers adjusted under the model where `contract` is 0.
        cost: booked with calls, failed and unresolved ones too.
        listed: the same at list rates.
    """

    model: str
    contract: int
    calls: int
    counts: tuple[int, ...]
    price: int
    cost: int
    listed: int


class Tariffs(Protocol):
    """Versions, discounts, and what was used under them."""

    async def versions(self, organisation_id: int) -> list[Version]:
        """All versions that hold for an organisation, shared ones too, as they were written."""
        ...

    async def discounts(self, organisation_id: int) -> list[Discount]:
        """All of an organisation, as they were written."""
        ...

    async def discount(self, organisation_id: int, wish: NewDiscount) -> int:
        """Write one; its id."""
        ...

    async def use(self, organisation_id: int, period: Period) -> list[MonthUse]:
        """What was used in a period, day by day, of each project and model under each version."""
        ...

    async def adjusted(self, organisation_id: int, period: Period) -> dict[tuple[int, str, int], int]:
        """What vouchers have adjusted so far: (project, model, version) -> nano-units."""
        ...

    async def project_names(self, organisation_id: int) -> dict[int, str]:
        """Names of an organisation's projects by id."""
        ...

    async def costs(self, organisation_id: int | None, period: Period) -> Sequence[ContractCost]:
        """What each contract cost in a period; None: over all organisations."""
        ...

    async def sold(self, organisation_id: int | None, period: Period) -> Sequence[ModelUse]:
        """What was used of each model in a period; None: over all organisations."""
        ...
