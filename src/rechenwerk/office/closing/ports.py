"""What the close of periods needs from storage: protocols and the values that pass through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from rechenwerk.ledger.allocation import Key
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.statement_rows import Entry, Used
from rechenwerk.ledger.statements import Content
from rechenwerk.ledger.vouchers import Voucher


class Setting(msgspec.Struct, frozen=True):
    """How an organisation's statements are written.

    Attributes:
        prefix: of its numbers.
        issuer, recipient: lines of an address.
        vat_rate: percent, decimal text.
        reverse_charge: the recipient owes the tax.
        allocation: the key by which shared costs are allocated to projects.
        shares: project -> percent, of the key ``fixed``.
    """

    prefix: str = "RW"
    issuer: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()
    vat_rate: str = "0"
    reverse_charge: bool = False
    allocation: Key = "none"
    shares: Mapping[str, str] = {}


class PoolUse(msgspec.Struct, frozen=True):
    """Shared costs of a contract in a period, nano-units; `absorbed` is below zero."""

    contract: str
    fixed: int
    idle: int
    absorbed: int


class ProjectUse(msgspec.Struct, frozen=True):
    """What weighs a project when costs are allocated, and what was allocated to it already."""

    id: int
    name: str
    cost_centre: str
    price: int
    calls: int
    allocated: int


class Shared(msgspec.Struct, frozen=True):
    """Everything that an allocation is computed from."""

    setting: Setting
    pools: tuple[PoolUse, ...]
    projects: tuple[ProjectUse, ...]


class ProjectFacts(msgspec.Struct, frozen=True):
    """What a project's statement is made from.

    Attributes:
        used: calls at their prices; settled ones that had been unresolved apart.
        unresolved: calls that nobody has settled.
        entries: vouchers and fees on its revenue, without allocations.
        overrun: what calls were booked at beyond their holds, nano-units.
    """

    id: int
    name: str
    cost_centre: str
    used: tuple[Used, ...]
    unresolved: tuple[Used, ...]
    entries: tuple[Entry, ...]
    overrun: int


class Facts(msgspec.Struct, frozen=True):
    """What the documents of a period are made from.

    Attributes:
        taken: numbers that the year has given out.
        issued: documents of the period that stand already: corrections of earlier ones.
    """

    organisation: str
    currency: str
    taken: int
    shared: Shared
    projects: tuple[ProjectFacts, ...]
    issued: tuple[Content, ...]


class Correction(msgspec.Struct, frozen=True):
    """What a reversal and a correction are made from.

    Attributes:
        original: the document to be taken back.
        entries: vouchers of the open period that concern the original's period.
        booked_in: the open period.
        cost_centre: of the project now.
        reversed_by: number of the credit note that took the original back already; empty: none.
    """

    original: Content
    entries: tuple[Entry, ...]
    setting: Setting
    booked_in: Period
    cost_centre: str
    taken: int
    project_id: int
    reversed_by: str


class Draft(msgspec.Struct, frozen=True):
    """A document to be written; `vouchers` stand on it and on no statement."""

    project_id: int
    content: Content
    vouchers: tuple[int, ...] = ()


class Document(msgspec.Struct, frozen=True):
    """A document as it stands; `content` is the text that `sha256` is of."""

    number: str
    kind: str
    project: str | None
    period: str
    booked_in: str
    issued_at: datetime
    issued_by: str
    net: int
    vat: int
    gross: int
    reverses: str | None
    reversed_by: str | None
    sha256: str
    content: str = ""


class Closed(msgspec.Struct, frozen=True):
    """A period that was closed: when, by whom, into which documents."""

    closed_at: datetime
    closed_by: str
    with_unresolved: bool
    numbers: tuple[str, ...]


class PeriodRow(msgspec.Struct, frozen=True):
    """A period with something in it: its calls, what is on revenue (nano-units), whether it is closed."""

    period: Period
    calls: int
    revenue: int
    closed: Closed | None


class Standing(msgspec.Struct, frozen=True):
    """Where a period stands before its close.

    Attributes:
        due: the first moment that is not closed; None while nothing was ever booked.
        closed: of this period.
        holds: calls under way that began before its end.
        unresolved: calls of it that nobody has settled.
        unresolved_price: what they are booked at, nano-units.
    """

    due: datetime | None
    closed: Closed | None
    holds: int
    unresolved: int
    unresolved_price: int


class Closing(Protocol):
    """Periods, their close and their documents, of one organisation."""

    async def setting(self, organisation_id: int) -> Setting:
        """How its statements are written."""
        ...

    async def set(self, organisation_id: int, setting: Setting, shares: Mapping[int, str]) -> None:
        """From now on they are written so; `shares`: project's id -> percent."""
        ...

    async def cost_centres(self, organisation_id: int) -> list[tuple[str, str]]:
        """Projects and their cost centres, by name."""
        ...

    async def set_cost_centre(self, organisation_id: int, project_id: int, cost_centre: str) -> None:
        """From now on the project's statements name this cost centre."""
        ...

    async def periods(self, organisation_id: int) -> list[PeriodRow]:
        """Months in which something was booked, and closed ones, newest first."""
        ...

    async def standing(self, organisation_id: int, period: Period) -> Standing:
        """Where a period stands."""
        ...

    async def stop_calls(self, organisation_id: int, until: datetime) -> int:
        """Take no call any more that began before; how many are under way: then nothing has changed."""
        ...

    async def allocate(
        self, organisation_id: int, period: Period, share: Callable[[Shared], Voucher | None]
    ) -> int:
        """Book what an allocation still lacks; how many vouchers."""
        ...

    async def close(
        self,
        organisation_id: int,
        period: Period,
        closed: Closed,
        share: Callable[[Shared], Voucher | None],
        compose: Callable[[Facts], Sequence[Draft]],
    ) -> tuple[str, ...] | None:
        """Allocate, write the documents and close, in one transaction; the documents' numbers.

        None when it is not the next period to be closed any more, or calls became unresolved meanwhile that
        were not agreed to.
        """
        ...

    async def preview(
        self,
        organisation_id: int,
        period: Period,
        year: int,
        share: Callable[[Shared], Voucher | None],
        compose: Callable[[Facts], Sequence[Draft]],
    ) -> Sequence[Draft]:
        """What `close` would write in that year, with nothing written."""
        ...

    async def correct(
        self,
        organisation_id: int,
        number: str,
        at: datetime,
        compose: Callable[[Correction], Sequence[Draft]],
    ) -> tuple[str, ...] | None:
        """Take a document back and replace it, in one transaction; the new numbers.

        None when there is no such document. What `compose` raises changes nothing.
        """
        ...

    async def documents(self, organisation_id: int, period: Period | None) -> list[Document]:
        """Documents without their content, by number."""
        ...

    async def document(self, organisation_id: int, number: str) -> Document | None:
        """One document."""
        ...
