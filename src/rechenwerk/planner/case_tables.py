"""Tables of a plan's file that say what it is compared with and who owns the firm."""

from __future__ import annotations

from typing import Literal

import msgspec

from rechenwerk.planner.told import Number, Told


class VaryTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[fit.vary]]``: points of a driver's path that are looked for.

    `path` is the first guess; `within` is how far, as a ratio, a point should lie from it: one standard
    deviation of its logarithm.
    """

    driver: str
    path: dict[str, Number]
    within: Number = "50%"
    source: str = ""


class FitTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[fit.target]]``: what a line should come to.

    `values` by year "2027", quarter, month, or span "2026..2030"; `within` is how near, in `unit`.
    """

    line: str
    unit: str
    values: dict[str, Number]
    within: Number
    source: str = ""
    title: str = ""


class FitTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[fit]]``: published figures that a scenario is calibrated to."""

    name: str
    scenario: str = ""
    vary: tuple[VaryTable, ...] = ()
    target: tuple[FitTarget, ...] = ()
    title: str = ""


class StepTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[bridge.step]]``: a part of a published figure, and the line that is ours instead.

    It adds with `sign` 1 and lowers with -1. A step without a line has nothing of ours.
    """

    title: str
    published: Number = 0
    line: str = ""
    sign: Literal[1, -1] = 1
    first: str = ""
    last: str = ""
    note: str = ""


class BridgeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[bridge]]`` from a published funding gap to the plan's own."""

    name: str
    unit: str
    starts: Number
    step: tuple[StepTable, ...] = ()
    scenario: str = ""
    title: str = ""
    source: str = ""


class OwnershipTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[ownership]`` before the first round: at the end of which period, and of how many shares.

    `shares` is needed where holders are given as parts.
    """

    as_of: str = ""
    shares: int = 0


class HolderTable(Told, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[holder]]`` before the first round: a whole number of shares, or a part of all.

    A holder that `keeps` a part is given shares whenever its part would fall below it.
    """

    name: str
    shares: int | None = None
    part: Number | None = None
    kind: Literal["", "foundation", "pool"] = ""
    keeps: Number = 0


class RoundTable(Told, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[round]]``: shares for money that ``[[funding]]`` brings, at one price.

    `pre_money` is what the firm was worth before it, options that the round adds included. `pool` is the part
    that the option pool has once all of the round has come. In an initial public offering holders may sell:
    `sold` says which part of their shares.
    """

    name: str
    when: str
    pre_money: Number
    unit: str
    funding: tuple[str, ...] = ()
    post_money: Number | None = None
    pool: Number = 0
    kind: Literal["round", "ipo"] = "round"
    sold: dict[str, Number] = msgspec.field(default_factory=dict)
    title: str = ""


class WarrantTable(Told, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[warrant]]``: shares that its holder takes at a price, once its condition holds.

    What is paid for them is a ``[[funding]]``; without one fewer shares are issued instead (net settlement).
    """

    name: str
    holder: str
    shares: int
    when: str
    strike: str = ""
    condition: str = ""
    funding: str = ""
    title: str = ""
