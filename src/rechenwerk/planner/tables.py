"""A plan as it is written: the tables of its file, with their fields and defaults."""

from __future__ import annotations

from typing import Literal

import msgspec

from rechenwerk.planner.case_tables import (
    BridgeTable,
    FitTable,
    HolderTable,
    OwnershipTable,
    RoundTable,
    WarrantTable,
)
from rechenwerk.planner.told import Number, Status, Told

Group = Literal["", "revenue", "cost", "operating", "research", "investment", "other"]

ShockKind = Literal[
    "",
    "provider-fails",
    "provider-reprices",
    "demand-short",
    "energy-price",
    "gpu-scarcity",
    "tranche-missing",
    "customer-defaults",
    "investor-defaults",
    "credit-withdrawn",
]


class DriverTable(Told, frozen=True, kw_only=True):
    """A ``[[driver]]``: a figure that is put in, with its course and its uncertainty.

    `value` at the start and `growth` a year, or `path` = values at some periods; between them `shape` leads.
    `books` names the series of an installation's books that it was made from, such as ``volume:big``.
    """

    name: str
    unit: str
    value: Number | None = None
    growth: Number = 0
    path: dict[str, Number] = msgspec.field(default_factory=dict)
    shape: Literal["growth", "linear", "steps"] = "growth"
    noise: Literal["none", "level", "growth", "walk", "each"] = "none"
    spread: Number = 0
    books: str = ""
    title: str = ""


class CorrelationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[correlation]]`` of the logarithms of two drivers."""

    between: tuple[str, str]
    value: Number


class LineTable(Told, frozen=True, kw_only=True):
    """A ``[[line]]``: a formula, and the statement's group that it adds to.

    `service` names what it belongs to, for unit economics; `life` in years is for investments.
    """

    name: str
    formula: str
    unit: str
    group: Group = ""
    service: str = ""
    life: Number = 5
    title: str = ""


class ContractTable(Told, frozen=True, kw_only=True):
    """A ``[[contract]]`` that serves the line `need`; contracts of one need serve it in the file's order.

    Which fields count depends on the kind; docs/plan.md has the table. After `stops` nothing is due any more.
    """

    name: str
    kind: Literal["take-or-pay", "prepaid", "provisioned", "owned", "on-demand"]
    need: str
    unit: str = ""
    provider: str = ""
    price: str = ""
    first: str = ""
    last: str = ""
    stops: str = ""
    total: Number | None = None
    ramp: tuple[Number, ...] = ()
    settled: Literal["period", "year"] = "year"
    most: str = ""
    units: str = ""
    fee: str = ""
    capacity: str = ""
    life: Number = 5
    energy: str = ""
    title: str = ""


class FundingTable(Told, frozen=True, kw_only=True):
    """A ``[[funding]]``: money that comes when its condition holds, and what becomes of it."""

    name: str
    kind: Literal["equity", "loan", "vendor", "shares", "guarantee"]
    amount: Number | None = None
    unit: str = ""
    when: str = ""
    condition: str = ""
    due: str = ""
    interest: Number = 0
    repaid: Literal["at the end", "evenly"] = "at the end"
    covenant: str = ""
    contract: str = ""
    part: Number = 0
    months: int = 12
    investor: str = ""
    title: str = ""


class OpeningTable(Told, frozen=True, kw_only=True):
    """The balance sheet before the first period; equity is what remains."""

    unit: str
    cash: Number = 0
    receivables: Number = 0
    payables: Number = 0
    fixed_assets: Number = 0
    debt: Number = 0
    losses_carried: Number = 0


class PolicyTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Taxes, working capital and interest, kept simple: one rate each.

    `discount` a year is for present values and the discounted payback.
    """

    tax: Number = 0
    loss_use: Number = 1
    receivable_days: Number = 0
    payable_days: Number = 0
    interest_on_cash: Number = 0
    interest_on_debt: Number = 0
    fixed_assets_life: Number = 5
    discount: Number = 0


class ShockTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[shock]]``: multiplies a driver, ends something, or is of a `kind` that hits `who`.

    `kind` is one of those that `shocks.KINDS` explains.
    """

    name: str
    kind: ShockKind = ""
    who: str = ""
    driver: str = ""
    factor: Number = 1
    ends: str = ""
    at: str = ""
    until: str = ""
    title: str = ""


class Said(Told, frozen=True, kw_only=True):
    """A ``[[figure.says]]``: what one source says of a figure."""

    name: str
    value: Number
    note: str = ""


class FigureTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[figure]]`` that is published; where several sources contradict each other, all of them.

    The first is used unless a scenario picks another.
    """

    name: str
    unit: str
    says: tuple[Said, ...] = ()
    title: str = ""
    period: str = ""


class Use(msgspec.Struct, frozen=True):
    """A field that a figure fills.

    Args:
        table, name, key: of the field; `point` is the period of a path.
        figure, said: its name, and which of its values.
        fixed: the field names the value itself; scenarios do not pick another.
        told: which of source, date and status come from the figure.
    """

    table: str
    name: str
    key: str
    point: str
    figure: str
    said: str
    fixed: bool
    told: tuple[str, ...]


class ScenarioTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[scenario]]``: statuses left out, drivers replaced, other figures picked, shocks that happen."""

    name: str
    title: str = ""
    without: tuple[Status, ...] = ()
    drop: tuple[str, ...] = ()
    driver: dict[str, dict[str, Number | str | dict[str, Number]]] = msgspec.field(default_factory=dict)
    figure: dict[str, str] = msgspec.field(default_factory=dict)
    shocks: tuple[str, ...] = ()
    note: str = ""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys before the first table."""

    title: str
    currency: str
    shown_in: str
    starts: str
    periods: int
    paths: int = 10_000
    seed: int = 1


class Written(msgspec.Struct, frozen=True):
    """A whole file as written, types checked; `happening` are the shocks of the scenario that it is in."""

    head: Head
    opening: OpeningTable
    policy: PolicyTable
    drivers: tuple[DriverTable, ...] = ()
    correlations: tuple[CorrelationTable, ...] = ()
    lines: tuple[LineTable, ...] = ()
    contracts: tuple[ContractTable, ...] = ()
    funding: tuple[FundingTable, ...] = ()
    shocks: tuple[ShockTable, ...] = ()
    scenarios: tuple[ScenarioTable, ...] = ()
    figures: tuple[FigureTable, ...] = ()
    uses: tuple[Use, ...] = ()
    fits: tuple[FitTable, ...] = ()
    bridges: tuple[BridgeTable, ...] = ()
    ownership: OwnershipTable = OwnershipTable()
    holders: tuple[HolderTable, ...] = ()
    rounds: tuple[RoundTable, ...] = ()
    warrants: tuple[WarrantTable, ...] = ()
    happening: tuple[ShockTable, ...] = ()
