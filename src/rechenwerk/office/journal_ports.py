"""What the office needs of the journal from storage. Named by `Desk.journal`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from rechenwerk.base.cursors import Order, Place


class Transfer(msgspec.Struct, frozen=True):
    """An amount that moved from one account to another."""

    debit: str
    credit: str
    amount: int


class BookedCall(msgspec.Struct, frozen=True):
    """A call as booked, with its transfers.

    Attributes:
        usage: bucket -> count, as in `base.usage.BUCKETS`.
        attempt_of: the call that this was a failed attempt of.
        listed: its cost at the provider's list rates.
        tariff: id of the version that priced it; 0: from before versions were kept.
        energy_uwh, co2_ug: microwatt-hours and micrograms of CO2; 0 where they are not known.
    """

    id: int
    attempt_of: int | None
    project: str
    key: str
    provider: str
    contract: str
    endpoint: str
    model: str
    streamed: bool
    outcome: str
    reason: str | None
    status: int
    usage_source: str
    usage: Mapping[str, int]
    raw_usage: str | None
    decision: str | None
    held: int
    price: int
    cost: int
    charged: int
    started_at: datetime
    first_byte_us: int
    total_us: int
    transfers: tuple[Transfer, ...]
    listed: int
    tariff: int
    energy_uwh: int
    co2_ug: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls; None: any.

    Attributes:
        project_id: of a project of the organisation.
        key_id: of one key; `key` names all keys of that name.
        provider, contract: their names.
        bucket: of usage that a call has some of.
        starts, ends: it began in [starts, ends).
        least, most: its price in nano-units, both among them.
        attempts: False leaves failed attempts of other calls out.
    """

    project_id: int | None = None
    key_id: int | None = None
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    contract: str | None = None
    outcome: str | None = None
    bucket: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    least: int | None = None
    most: int | None = None
    attempts: bool = True


class ManyCallsError(Exception):
    """More calls lie in the days that are wanted than are put in order.

    Attributes:
        calls: that lie there.
        most: that are put in order.
    """

    def __init__(self, calls: int, most: int) -> None:
        super().__init__(f"{calls} calls, at most {most}")
        self.calls = calls
        self.most = most


class Account(msgspec.Struct, frozen=True):
    """An account; `project_id` and `contract_id` are 0 where it has none."""

    id: int
    kind: str
    project_id: int
    contract_id: int
    project: str | None
    contract: str | None


class Entry(msgspec.Struct, frozen=True):
    """What one call, voucher or fee moved on an account, in nano-units.

    Attributes:
        id: of the call; below zero that of a voucher or fee.
        kind: `call`, `fee`, or the voucher's kind.
        text: the call's model, or the reason.
        others: names of the accounts on the other side.
    """

    id: int
    kind: str
    at: datetime
    text: str
    others: Sequence[str]
    debit: int
    credit: int


class Journal(Protocol):
    """Booked calls and entries of one organisation, a page at a time."""

    async def calls(
        self, organisation_id: int, wanted: Wanted, limit: int, before: int | None
    ) -> list[BookedCall]:
        """Booked calls with their transfers, newest first, below the id `before`."""
        ...

    async def ordered(
        self, organisation_id: int, wanted: Wanted, order: Order, limit: int
    ) -> tuple[list[BookedCall], Place]:
        """Booked calls with their transfers in another order, and where the last of them stands.

        Raises:
            ManyCallsError: too many have to be looked at for this order.
        """
        ...

    def every(self, organisation_id: int, wanted: Wanted) -> AsyncIterator[list[BookedCall]]:
        """All of them without their transfers, newest first, some at a time."""
        ...

    async def account(self, organisation_id: int, account_id: int) -> Account | None:
        """One account."""
        ...

    async def entries_of_calls(
        self, organisation_id: int, account: Account, wanted: Wanted, limit: int, before: int | None
    ) -> list[Entry]:
        """What calls moved on an account, newest first; of `wanted` the bounds of time count."""
        ...

    async def entries_of_vouchers(
        self, organisation_id: int, account: Account, wanted: Wanted, limit: int, before: int | None
    ) -> list[Entry]:
        """What vouchers and fees moved on an account, newest first."""
        ...
