"""What the office needs of bills from storage. Named by `Desk.bills`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

import msgspec

from rechenwerk.contracts.reconcile import BookedDay, Row
from rechenwerk.ledger.periods import Period


class Standing(msgspec.Struct, frozen=True):
    """What the books have of a provider and a period.

    Attributes:
        days: by day, upstream name and contract.
        accrued: contract -> nano-units accrued and not billed yet, below zero for credits and discounts.
        holds: calls of the period that are still under way.
        contracts: id -> name.
        closed: whether the owner's books of the period are.
        home: one of the provider's contracts; 0: it has none.
    """

    days: tuple[BookedDay, ...]
    accrued: Mapping[int, int]
    holds: int
    contracts: Mapping[int, str]
    closed: bool
    home: int = 0


class NewBill(msgspec.Struct, frozen=True):
    """A bill to be booked: its head as in the table `bill`; the rows as matched, and names of contracts."""

    name: str
    format: str
    sha256: bytes
    period: Period
    first_day: date
    last_day: date
    currency: str
    rate: str
    said: str
    rows: tuple[Row, ...]
    contracts: Mapping[int, str] = {}


class StoredBill(msgspec.Struct, frozen=True):
    """A bill that was booked. Nano-units of the books' currency; `said` in the bill's own."""

    id: int
    provider: str
    name: str
    format: str
    sha256: str
    period: date
    first_day: date
    last_day: date
    currency: str
    rate: str
    said: str
    billed: int
    booked: int
    settled: int
    difference: int
    rows: Sequence[Mapping[str, Any]]
    made_by: str
    made_at: datetime
    undone: str | None
    vouchers: int


class Bills(Protocol):
    """Bills of the providers of one configuration."""

    async def provider(self, organisation_id: int, name: str) -> tuple[int, list[str]] | None:
        """A provider's id and the names by which its deployments call their models."""
        ...

    async def standing(self, organisation_id: int, provider_id: int, period: Period) -> Standing:
        """What the books of all organisations have of it, at one moment."""
        ...

    async def settle(
        self, organisation_id: int, provider_id: int, bill: NewBill, at: datetime, by: str
    ) -> int:
        """Book a bill in one transaction; returns its id.

        Raises:
            BookError: days of it, or the file, stand in another bill; or a call was settled meanwhile.
        """
        ...

    async def list(self, organisation_id: int) -> list[StoredBill]:
        """All bills, newest first."""
        ...

    async def undo(self, organisation_id: int, bill: int, at: datetime, reason: str, by: str) -> int | None:
        """Reverse everything that a bill changed; returns how many vouchers. None when there is no such bill.

        Raises:
            BookError: it was undone before.
        """
        ...
