"""What is exported, as values, and what exports need from storage.

Money is in whole nano-units; times are in UTC. A period that is exported begins with `starts` (None: with the
first entry there is) and ends before `ends`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

import msgspec

AccountClass = Literal["asset", "liability", "income", "expense"]


class Span(msgspec.Struct, frozen=True):
    """What is exported: from `starts` (None: from the beginning) until before `ends`."""

    starts: datetime | None
    ends: datetime


class Account(msgspec.Struct, frozen=True):
    """An account with what it held: debits less credits, in nano-units.

    Attributes:
        id: numbers grow with time; a name that is taken goes to the lower one.
        kind: such as ``receivable``.
        class_: what it is in a balance sheet.
        project, contract: whose it is, by name; None where it is of none.
        opening: before the period.
        closing: at its end.
    """

    id: int
    kind: str
    class_: AccountClass
    project: str | None
    contract: str | None
    opening: int
    closing: int


class Move(msgspec.Struct, frozen=True, gc=False):
    """An amount above zero from the credited account to the debited one, by their ids."""

    debit: int
    credit: int
    amount: int


class Transaction(msgspec.Struct, frozen=True):
    """A call, a voucher or a fee with what it moved; nothing, for a call that cost nothing.

    Attributes:
        code: its id as people see it: ``call_…``, ``voucher-12``, ``fee-3``.
        what: the model of a call, else the kind of the voucher or fee.
        who: the provider of a call, else who booked it, or nobody.
        text: why it was booked as it was, if that was said.
        outcome: of a call, else ``booked``.
        of: the code that it belongs to: the call of an attempt or of a voucher, or what it reverses.
    """

    code: str
    at: datetime
    what: str
    who: str
    text: str
    outcome: str
    of: str | None
    moves: tuple[Move, ...]


class Call(msgspec.Struct, frozen=True, gc=False):
    """A call as exported line by line; money in nano-units, times in microseconds.

    `usage` in the order of `base.usage.BUCKETS`.
    """

    id: int
    attempt_of: int | None
    started_at: datetime
    project: str
    key: str
    model: str
    provider: str
    contract: str
    endpoint: str
    streamed: bool
    outcome: str
    reason: str | None
    status: int
    usage_source: str
    usage: tuple[int, ...]
    price: int
    cost: int
    listed: int
    charged: int
    first_byte_us: int
    total_us: int
    energy_uwh: int
    co2_ug: int


class Charge(msgspec.Struct, frozen=True):
    """What providers charge: the calls of an hour, or a part of a voucher; money in nano-units.

    Attributes:
        source: ``calls``, ``capacity`` (accrued and allocated in a month), or a voucher's code.
        kind: ``calls``, or the voucher's kind; of a reversal that of what it reverses.
        starts, ends: of what is charged for.
        corrects: it takes back what was booked in an earlier month.
        part: what the voucher touches: ``cost`` of calls, ``idle`` capacity, or the ``contract`` as a whole.
        project, model, provider: by name; empty where the charge is of none.
        region: where the deployment processes data; empty where that is unknown.
        contract_id: 0 where the charge is of none.
        calls, tokens: how many; 0 for a voucher.
        billed: what is owed to the provider for it.
        effective: what it adds to the cost of the organisation.
        listed: at the provider's list rates.
        unresolved: how much of `effective` nobody confirmed yet.
    """

    source: str
    kind: str
    starts: datetime
    ends: datetime
    corrects: bool
    part: Literal["cost", "idle", "contract"]
    project_id: int
    project: str
    model: str
    provider: str
    region: str
    contract_id: int
    contract: str
    text: str
    calls: int
    tokens: int
    billed: int
    effective: int
    listed: int
    unresolved: int


class Books(Protocol):
    """The books of one organisation in one moment: whatever is asked, the answers agree."""

    async def accounts(self) -> Sequence[Account]:
        """Every account, in the order of ids."""
        ...

    async def count(self, what: Literal["transactions", "calls"]) -> int:
        """How many of them fall into the period."""
        ...

    def transactions(self) -> AsyncIterator[Sequence[Transaction]]:
        """Calls, vouchers and fees of the period in the order of time, some at a time."""
        ...

    def calls(self) -> AsyncIterator[Sequence[Call]]:
        """Calls of the period in the order of time, some at a time."""
        ...

    def charges(self) -> AsyncIterator[Sequence[Charge]]:
        """What providers charge for the period, some at a time."""
        ...


class Exports(Protocol):
    """Opens books for an export."""

    def open(self, organisation_id: int, span: Span) -> AbstractAsyncContextManager[Books | None]:
        """The books as they are now, until the context ends; None while too many exports run already."""
        ...
