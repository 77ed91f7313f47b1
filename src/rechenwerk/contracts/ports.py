"""What contracts are told and what they come to: deployments, use, charges; statements, positions, problems.

Amounts are whole nano-units: of the currency, or of the contract's own quantity (tokens, GPU-hours) where it
counts that. Times are whole seconds since 1970-01-01 UTC; a span ends before its last second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias

import msgspec

from rechenwerk.base.usage import Usage
from rechenwerk.contracts.terms import Contract, Interval, Measure, Site, Status
from rechenwerk.ledger.prices import PriceList

__all__ = [
    "SHARED",
    "STANDARD",
    "Alert",
    "Band",
    "Chance",
    "Charge",
    "Contract",
    "Deployed",
    "Drawn",
    "Energy",
    "HourDraw",
    "Interval",
    "Line",
    "Measure",
    "NextUnit",
    "Position",
    "Problem",
    "Site",
    "Statement",
    "Status",
    "Used",
    "Version",
]

STANDARD = "standard"
"""The service tier of a call that asks for none."""

SHARED = "shared"
"""The service tier of a call that the provider says ran past the bought capacity."""

Energy: TypeAlias = Callable[[int], Decimal]
"""Epoch seconds of an hour's start -> currency per kWh of a machine in that hour, the site's PUE included."""


class Chance(Protocol):
    """Where randomness comes from; `random.Random` is one."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment, as contracts see it.

    Attributes:
        id: as the database numbers it; 0 where there is none.
        name: unique, for people and as a key: ``model at provider``.
        contract: name of the contract that prices its calls.
        rates: list rates.
        service_tier: what its calls ask for.
    """

    name: str
    model: str
    provider: str
    contract: str
    rates: PriceList
    id: int = 0
    service_tier: str = STANDARD


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Usage of one deployment in one hour: summed, or of one call.

    Attributes:
        hour: when it began.
        deployment: its name.
        usage: `usage.requests` calls together. Rounding per call takes them as alike; to be exact there, give
            one `Used` for each call.
        service_tier: what the calls asked for: ``priority``, ``flex``, ``batch``; ``shared``: they ran past
            the bought capacity, the provider says.
        units: provisioned units that were in use in the hour; None: seen from the usage.
    """

    hour: int
    deployment: str
    usage: Usage
    service_tier: str = STANDARD
    units: Decimal | None = None


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What was drawn from a contract in an hour.

    Attributes:
        hour: when it began.
        amount: nano-units of the contract's measure; below zero for a correction.
        listed: the same at list rates, where that differs.
    """

    hour: int
    amount: int
    listed: int | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a statement.

    Attributes:
        what: for people.
        sort: what it is for programs.
        quantity: of `unit`.
        rate: currency units per unit; None where there is no one rate.
        amount: nano-units, rounded once, half-even.
        memo: told, but not part of what is due.
    """

    what: str
    sort: Literal[
        "use",
        "free",
        "discount",
        "fee",
        "shortfall",
        "overflow",
        "credit",
        "expired",
        "purchase",
        "depreciation",
        "upkeep",
        "energy",
        "spill",
        "balance",
        "prepayment",
    ]
    quantity: Fraction
    unit: str
    rate: Fraction | None
    amount: int
    memo: bool = False


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract costs in a month.

    Attributes:
        starts: first second.
        ends: first second after it.
        lines: in the order of the contract's terms.
        charges: what it adds, hour by hour, to contracts that cover it.
        spilled: use that another contract pays.
    """

    contract: str
    starts: int
    ends: int
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...] = ()
    spilled: tuple[Used, ...] = ()

    @property
    def due(self) -> int:
        """Nano-units to pay for the month; of own hardware, what it costs."""
        return sum(line.amount for line in self.lines if not line.memo)


class Band(msgspec.Struct, frozen=True, gc=False):
    """A forecast: one time in ten it is below `low`, as often above `high`."""

    low: int
    middle: int
    high: int


class Drawn(msgspec.Struct, frozen=True):
    """What was drawn from a contract since it began, hour by hour: what a position is made from.

    Attributes:
        hours: start of the hour -> nano-units.
    """

    hours: Mapping[int, int] = {}


class HourDraw(msgspec.Struct, frozen=True, gc=False):
    """Calls under one contract that began in the same hour.

    Attributes:
        contract: name of the one that they were booked under.
        hour: when it began, epoch seconds.
        usage: of all of them together.
        cost: nano-units that were booked for them.
        listed: the same at list rates.
        deployment: its id; 0: of several together.
    """

    contract: str
    hour: int
    usage: Usage
    cost: int
    listed: int
    deployment: int = 0


class Version(msgspec.Struct, frozen=True):
    """Terms and the moment (epoch seconds) from which they hold."""

    since: float
    terms: Contract


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a contract stands.

    Attributes:
        measure: what is counted.
        unit: of the quantity; empty for money.
        status: seen from the day and what was drawn.
        starts_at: of the current period.
        ends_at: of the current period; None: open.
        amount: minimum, balance, quota or capacity of the period; None: there is none.
        drawn: in the period.
        remaining: of the amount, not below zero.
        shortfall: what the minimum will be missed by if nothing changes (the middle of the forecast).
        unused: what will be left of a credit or quota at the end if nothing changes.
        expires_at: when what remains is lost; None: never.
        days_left: until `expires_at`, or the end of the period.
        forecast: drawn at the end of the period; None: it is open.
        reached_at: when the amount will have been drawn, early to late; a time at or past `ends_at`: not in
            this period. None: no amount.
        total: drawn since the contract began.
        last_drawn_at: the last hour in which anything was drawn.
    """

    contract: str
    kind: str
    measure: Measure
    unit: str
    status: Status
    starts_at: int
    ends_at: int | None
    amount: int | None
    drawn: int
    remaining: int | None
    shortfall: int = 0
    unused: int = 0
    expires_at: int | None = None
    days_left: float | None = None
    forecast: Band | None = None
    reached_at: Band | None = None
    total: int = 0
    last_drawn_at: int | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something to act on while there is time.

    Attributes:
        sort: what it is for programs.
        message: one line: what will happen, how much, and what can be done.
        at: when it happens.
        days: until then.
        amount: nano-units at stake.
        unit: of the amount.
    """

    contract: str
    sort: Literal["credit-expires", "minimum-missed", "cap-reached", "credit-empty", "notice", "idle", "ends"]
    message: str
    at: int
    days: float
    amount: int = 0
    unit: str = ""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a contract, where, and how to mend it.

    Attributes:
        field: path of the field within the contract, such as ``pricing.discount``; empty: the contract.
    """

    contract: str
    field: str
    message: str
    fix: str


class NextUnit(msgspec.Struct, frozen=True):
    """What the next unit costs under a contract.

    Attributes:
        rates: nano-units per unit, in the order of `base.usage.BUCKETS`.
        list_rates: what the list says, likewise.
        reason: in words, for whoever asks why a call went there.
    """

    rates: tuple[Fraction, ...]
    list_rates: tuple[Fraction, ...]
    reason: str

    def of(self, usage: Usage) -> Fraction:
        """Nano-units for one call."""
        return sum((rate * n for rate, n in zip(self.rates, usage.counts(), strict=True)), Fraction(0))
