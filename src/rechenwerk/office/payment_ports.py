"""What the office needs of payments from storage. Named by `Desk.payments`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from rechenwerk.ledger.payments import OpenDocument, OpenProject

Received = Literal["payment", "write-off"]


class Receipt(msgspec.Struct, frozen=True):
    """What a customer paid, or never will; nano-units.

    Attributes:
        project: None: of whatever the organisation owes.
        document: a statement's number; None: as the accounts have it, without tax.
        reference: the bank's.
        beyond: it may be more than is open.
    """

    kind: Received
    amount: int
    project: int | None
    document: str | None
    reference: str | None
    reason: str
    at: datetime
    by: str
    beyond: bool


class ProviderPayment(msgspec.Struct, frozen=True):
    """What a provider was paid; contract None: of whichever of its contracts."""

    provider: str
    contract: str | None
    amount: int
    reference: str | None
    reason: str
    at: datetime
    by: str
    beyond: bool


class Payable(msgspec.Struct, frozen=True):
    """What is owed under a contract in somebody's books; nano-units.

    Attributes:
        payable: for calls and bills.
        accrued: for what has no bill yet; in the books of others: to the operator.
        passed_on: what others owe for their part.
    """

    provider: str
    contract: str
    organisation: str
    payable: int
    accrued: int
    passed_on: int


class Booked(msgspec.Struct, frozen=True):
    """A voucher that was written in somebody's books, and what it moved."""

    organisation: str
    voucher: int
    amount: int


class Receivables(msgspec.Struct, frozen=True):
    """What an organisation owes, by accounts and by statements."""

    projects: Sequence[OpenProject]
    documents: Sequence[OpenDocument]


class Payments(Protocol):
    """Payments of customers and to providers."""

    async def receivables(self, organisation_id: int) -> Receivables:
        """What is open; statements of projects that were not taken back, by number."""
        ...

    async def receive(self, organisation_id: int, receipt: Receipt) -> int:
        """Book a customer's payment or a write-off; the voucher.

        Raises:
            BookError: more than is open, a statement that cannot be paid, a reference that was booked, a
                closed month.
        """
        ...

    async def payables(self, owner: int) -> list[Payable]:
        """What is owed under an owner's contracts, in everybody's books."""
        ...

    async def pay(self, owner: int, payment: ProviderPayment) -> list[Booked]:
        """Book what a provider was paid, in the books that owe it.

        Raises:
            BookError: no such provider or contract, more than is owed, a reference that was booked.
        """
        ...

    async def clear(self, owner: int, organisation_id: int | None, at: datetime, by: str) -> list[Booked]:
        """What others owe for their part of shared contracts is paid between their books and the owner's.

        Args:
            owner: whose contracts.
            organisation_id: only this one's part; None: everybody's.
            at: when.
            by: who.
        """
        ...
