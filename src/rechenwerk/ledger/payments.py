"""Payments without a wallet: what a customer paid or never will, and what a provider is paid. Pure.

A statement says what is owed with tax; the receivable has it without. So a payment of a statement is divided:
the net part off the receivable, the tax onto its own account, what rounding to cents made onto `difference`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import divide_half_even, plain_money
from rechenwerk.ledger.vouchers import Side, VoucherLine, signed


class OpenProject(msgspec.Struct, frozen=True):
    """What a project owes by the accounts; nano-units without tax.

    Attributes:
        overrun: what exceeded holds.
        unresolved: prices that nobody is sure of yet; on statements all the same.
    """

    id: int
    name: str
    receivable: int
    overrun: int
    unresolved: int

    @property
    def open(self) -> int:
        """What can be paid."""
        return self.receivable + self.overrun


class OpenDocument(msgspec.Struct, frozen=True):
    """A project's statement and what was paid of it; nano-units.

    Attributes:
        exact: as booked, without tax.
        net, gross: rounded to cents.
        paid: gross; with it what was written off.
        standing: it was not taken back.
    """

    number: str
    project: int
    exact: int
    net: int
    gross: int
    paid: int
    standing: bool = True

    @property
    def open(self) -> int:
        """What is still to be paid of it, with tax."""
        return max(0, self.gross - self.paid) if self.standing else 0


class Part(msgspec.Struct, frozen=True):
    """A part of a payment: what it takes off a project's receivable, and the rest of it; nano-units."""

    project: int
    owed: int
    vat: int = 0
    rounding: int = 0
    document: str = ""
    gross: int = 0


def of_documents(amount: int, documents: Sequence[OpenDocument], *, beyond: bool) -> list[Part]:
    """A payment on statements, in their order; what is beyond all of them on the last one.

    Raises:
        BookError: it is more than is open, and nobody said that it may be.
    """
    whole = sum(one.open for one in documents)
    if amount > whole and not beyond:
        names = ", ".join(one.number for one in documents)
        raise BookError(
            f"{plain_money(amount)} is more than the {plain_money(whole)} that are open of {names};"
            " pay no more, or say --beyond"
        )
    parts = []
    for at, one in enumerate(documents):
        part = min(amount, one.open) if at + 1 < len(documents) else amount
        amount -= part
        if part:
            parts.append(_of_document(one, part))
    return parts


def _of_document(one: OpenDocument, part: int) -> Part:
    """Cumulated, so that payments of a statement in parts are rounded to the whole of it."""
    if one.gross <= 0:
        return Part(one.project, part, document=one.number, gross=part)
    net, exact = (
        divide_half_even(whole * (one.paid + part), one.gross) - divide_half_even(whole * one.paid, one.gross)
        for whole in (one.net, one.exact)
    )
    return Part(one.project, exact, part - net, net - exact, one.number, part)


def of_projects(amount: int, projects: Sequence[OpenProject], *, beyond: bool) -> list[Part]:
    """A payment on what projects owe by the accounts, in their order.

    Raises:
        BookError: it is more than is open; with `beyond` it must be of one project.
    """
    whole = sum(max(0, one.open) for one in projects)
    if amount > whole and not (beyond and len(projects) == 1):
        more = "say --project with --beyond" if beyond else "pay no more, or say --beyond"
        names = ", ".join(one.name for one in projects) or "this organisation"
        raise BookError(
            f"{plain_money(amount)} is more than the {plain_money(whole)} that {names} owes; {more}"
        )
    if len(projects) == 1:
        return [Part(projects[0].id, amount)]
    parts = []
    for one in projects:
        part = min(amount, max(0, one.open))
        amount -= part
        if part:
            parts.append(Part(one.id, part))
    return parts


def check_owed(parts: Iterable[Part], projects: Mapping[int, OpenProject]) -> None:
    """That the accounts have what statements say is open: a wallet may have paid it.

    Raises:
        BookError: they have less.
    """
    for part in parts:
        one = projects[part.project]
        left = max(0, one.open + one.unresolved)
        if part.owed > left:
            raise BookError(
                f"{part.document or plain_money(part.owed)}: project {one.name!r} owes only"
                f" {plain_money(left)} any more, without tax: a wallet or another payment paid the rest;"
                " say --beyond to book it"
            )


def receipt(
    parts: Sequence[Part], projects: Mapping[int, OpenProject], debit: str
) -> tuple[VoucherLine, ...]:
    """The lines of a payment (`debit` is bank), or of a write-off: bad_debt, and no tax."""
    lines: list[VoucherLine] = []
    left = {one.id: [max(0, one.receivable), max(0, one.overrun)] for one in projects.values()}
    for part in parts:
        payer = Side("bank") if debit == "bank" else Side(debit, part.project)
        open_ = left[part.project]
        first = min(part.owed, open_[0])
        second = min(part.owed - first, open_[1])
        open_[0] -= first
        open_[1] -= second
        receivable = part.owed - second  # what is beyond all is a credit of the customer
        lines += signed(payer, Side("receivable", part.project), receivable)
        lines += signed(payer, Side("overrun", part.project), second)
        if debit == "bank":
            lines += signed(payer, Side("vat"), part.vat)
            lines += signed(payer, Side("difference", part.project), part.rounding)
    return tuple(lines)


class Owed(msgspec.Struct, frozen=True):
    """What an account of a contract owes in somebody's books; nano-units, below zero: owed to us."""

    organisation: int
    contract: int
    kind: str
    amount: int


def to_provider(amount: int, owed: Sequence[Owed], spare: Owed, *, beyond: bool) -> list[Owed]:
    """Which accounts a payment clears: all of them where it is the whole, else in their order.

    Args:
        amount: what was paid.
        owed: what stands, in order.
        spare: where what is paid beyond all goes; its amount does not count.
        beyond: whether that may be.

    Raises:
        BookError: it is more than is owed.
    """
    whole = sum(one.amount for one in owed)
    if amount > whole and not beyond:
        raise BookError(
            f"{plain_money(amount)} is more than the {plain_money(max(0, whole))} that are owed;"
            " pay that or say --beyond"
        )
    if amount >= whole:
        rest = amount - whole
        found = [one for one in owed if one.amount]
        return [*found, msgspec.structs.replace(spare, amount=rest)] if rest else found
    parts = []
    for one in owed:
        part = min(amount, max(0, one.amount))
        amount -= part
        if part:
            parts.append(msgspec.structs.replace(one, amount=part))
    return parts
