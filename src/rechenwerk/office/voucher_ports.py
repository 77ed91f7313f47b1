"""What the office needs of vouchers from storage. Named by `Desk.vouchers`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from rechenwerk.ledger.vouchers import Voucher


class BookedLine(msgspec.Struct, frozen=True):
    """A line of a booked voucher; accounts by name, nano-units."""

    debit: str
    credit: str
    amount: int


class BookedVoucher(msgspec.Struct, frozen=True):
    """A voucher as it stands in the books."""

    id: int
    kind: str
    at: datetime
    reason: str
    made_by: str
    call: int | None
    reverses: int | None
    reversed_by: int | None
    details: Mapping[str, Any]
    booked_at: datetime
    lines: tuple[BookedLine, ...]


class Vouchers(Protocol):
    """Vouchers of one organisation."""

    async def book(self, organisation_id: int, voucher: Voucher) -> int:
        """Write a voucher with its transfers; returns its id, below zero."""
        ...

    async def list(
        self,
        organisation_id: int,
        limit: int,
        before: int | None,
        starts: datetime | None,
        ends: datetime | None,
    ) -> list[BookedVoucher]:
        """Vouchers, newest first, older than `before`, whose `at` is in [starts, ends)."""
        ...

    async def own_moment(self, organisation_id: int, voucher: int) -> datetime | None:
        """The `at` of a voucher whose month is open; None if that is closed, or there is no such voucher."""
        ...

    async def reverse(
        self, organisation_id: int, voucher: int, at: datetime, reason: str, by: str
    ) -> int | None:
        """Book a voucher's opposite, once; returns its id.

        None when there is no such voucher.

        Raises:
            BookError: it is a reversal itself, was reversed before, or is part of a bill.
        """
        ...
