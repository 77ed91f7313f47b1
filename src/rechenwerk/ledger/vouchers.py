"""Vouchers: what is booked that is not a call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

VoucherKind = Literal[
    "settlement",
    "adjustment",
    "accrual",
    "allocation",
    "difference",
    "topup",
    "payment",
    "refund",
    "discount",
    "reversal",
    "write-off",
    "clearing",
]


class Side(msgspec.Struct, frozen=True):
    """An account by what it is for; 0 where it is of no project or no contract."""

    kind: str
    project: int = 0
    contract: int = 0


class VoucherLine(msgspec.Struct, frozen=True):
    """An amount above zero, in nano-units, from the credited account to the debited one."""

    debit: Side
    credit: Side
    amount: int


class Voucher(msgspec.Struct, frozen=True):
    """A voucher to be booked.

    Attributes:
        kind: what it is.
        at: a moment of the period that it belongs to.
        reason: why, for people.
        made_by: who booked it: a key's name, or the part of the office that did.
        lines: at least one.
        call: the call that it settles.
        details: what it was computed from.
    """

    kind: VoucherKind
    at: datetime
    reason: str
    made_by: str
    lines: tuple[VoucherLine, ...]
    call: int | None = None
    details: Mapping[str, Any] = {}


def signed(debit: Side, credit: Side, amount: int) -> tuple[VoucherLine, ...]:
    """The line of an amount that may be below zero, which goes the other way, or zero, which is none."""
    if amount == 0:
        return ()
    return (VoucherLine(debit, credit, amount) if amount > 0 else VoucherLine(credit, debit, -amount),)
