"""Documents of a closed period, as data: statements, their reversals and corrections; pure.

A document's content is one JSON text in which money stands as decimal text, in the order of the fields
here; a SHA-256 over it makes every rendering reproducible. Every row has its exact amount (nano-units) and
the same rounded to cents, once, half-even; sums are sums of cents, so they add up in print, and what
rounding made is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Literal

import msgspec

from rechenwerk.base.money import NANO, divide_half_even, parse_decimal, parse_money, plain_money

DocumentKind = Literal["statement", "reversal", "correction"]
RowKind = Literal[
    "usage",
    "calls",
    "rounding",
    "unresolved",
    "adjustment",
    "discount",
    "settlement",
    "difference",
    "reversal",
    "other",
    "fee",
    "allocation",
    "document",
]
_CENT = NANO // 100
_VERSION = 1


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a document.

    Attributes:
        kind: which part of the document it stands in.
        text: what it is about, as it is called in the books: model, reason, contract, project.
        exact: as booked, to the nano-unit.
        amount: the same, rounded to cents.
        bucket: of usage, as in `base.usage.BUCKETS`.
        quantity: whole number.
        per: how many units the price is for; 0 where there is none.
        unit_price: as the tariff writes it.
        reference: id of a voucher or fee, or number of a document.
        cost_centre: of the project.
        note: more that belongs to it: the kind of a document, the weight of a share, ``tariff`` where `text`
            is the model whose month a tariff adjusts.
        vat: of a document that is summed up here.
    """

    kind: RowKind
    text: str
    exact: str
    amount: str
    bucket: str = ""
    quantity: str = ""
    per: int = 0
    unit_price: str = ""
    reference: str = ""
    cost_centre: str = ""
    note: str = ""
    vat: str = ""


class Share(msgspec.Struct, frozen=True):
    """What one project bears of a cost pool: its weight under the key, and its part, exact."""

    project: str
    cost_centre: str
    weight: str
    amount: str


class Pool(msgspec.Struct, frozen=True):
    """Shared costs of a contract in the period and who bears them; amounts exact.

    Attributes:
        fixed: accrued: fees, depreciation, energy of own machines.
        idle: of it, capacity that was paid and not used.
        absorbed: what calls bear already, or was passed on.
        amount: what is left to share out.
    """

    contract: str
    fixed: str
    idle: str
    absorbed: str
    amount: str
    shares: tuple[Share, ...] = ()


class Open(msgspec.Struct, frozen=True):
    """Calls whose true usage was not known when the period was closed: how many, at which price."""

    calls: int
    exact: str


class Totals(msgspec.Struct, frozen=True):
    """Sums of a document, in cents; `exact` as booked, `rounding` what rounding of its lines made of it."""

    exact: str
    rounding: str
    net: str
    vat: str
    gross: str


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a document says. Field order is part of the format: it is what the SHA-256 is over.

    Attributes:
        scope: a project's, or the organisation's, which sums up its projects'.
        period: the month that it is about, such as ``2026-03``.
        booked_in: the month whose entries it shows: the same, but for what corrects an earlier one.
        issuer, recipient: lines of an address.
        vat_rate: percent.
        reverse_charge: the recipient owes the tax.
        key: by which shared costs were allocated.
        usage: what all projects used, by model and bucket, exact; of an organisation's document.
        reverses: number of the document that this one takes back or replaces.
        difference: of a correction: it less what it replaces.
    """

    version: int = _VERSION
    number: str
    kind: DocumentKind
    scope: Literal["project", "organisation"]
    organisation: str
    project: str
    cost_centre: str
    period: str
    starts: str
    ends: str
    booked_in: str
    issued_at: str
    issued_by: str
    currency: str
    issuer: tuple[str, ...]
    recipient: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: Totals
    vat_rate: str
    reverse_charge: bool
    key: str
    pools: tuple[Pool, ...] = ()
    usage: tuple[Row, ...] = ()
    unresolved: Open | None = None
    overrun: str = "0.00"
    reverses: str = ""
    reason: str = ""
    difference: Totals | None = None


def cents(nano: int) -> int:
    """Rounded half-even."""
    return divide_half_even(nano, _CENT)


def cents_text(amount: int) -> str:
    """Cents as decimal text."""
    return plain_money(amount * _CENT)


def cents_of(text: str) -> int:
    """Read what `cents_text` wrote."""
    return parse_money(text) // _CENT


def row(kind: RowKind, text: str, nano: int, **more: str | int) -> Row:
    """A line at a booked amount."""
    fields = {
        "kind": kind,
        "text": text,
        "exact": plain_money(nano),
        "amount": cents_text(cents(nano)),
        **more,
    }
    return msgspec.convert(fields, Row)


def sum_up(rows: Iterable[Row], vat_rate: str, *, reverse_charge: bool = False) -> Totals:
    """The sums of rows; tax on the sum, rounded once. Rows that carry a tax bring their own."""
    rows = tuple(rows)
    net = sum(cents_of(one.amount) for one in rows)
    booked = sum(parse_money(one.exact) for one in rows)
    if any(one.vat for one in rows):
        vat = sum(cents_of(one.vat or "0") for one in rows)
    elif reverse_charge:
        vat = 0
    else:
        tax: Fraction = net * parse_decimal(vat_rate) / 100
        vat = divide_half_even(tax.numerator, tax.denominator)
    return Totals(
        plain_money(booked),
        plain_money(net * _CENT - booked),
        cents_text(net),
        cents_text(vat),
        cents_text(net + vat),
    )


def less(new: Totals, old: Totals) -> Totals:
    """The difference between two documents' sums."""

    def gap(name: str) -> str:
        return plain_money(parse_money(getattr(new, name)) - parse_money(getattr(old, name)))

    return Totals(gap("exact"), gap("rounding"), gap("net"), gap("vat"), gap("gross"))


def _negative(text: str) -> str:
    if not text or not text.strip("-0."):
        return text
    return text[1:] if text.startswith("-") else f"-{text}"


def reversal(
    original: Content, number: str, issued_at: str, issued_by: str, booked_in: str, reason: str
) -> Content:
    """The credit note of a document: every line with the other sign."""
    rows = tuple(
        msgspec.structs.replace(
            one,
            exact=_negative(one.exact),
            amount=_negative(one.amount),
            quantity=_negative(one.quantity),
            vat=_negative(one.vat),
        )
        for one in original.rows
    )
    old = original.totals
    return msgspec.structs.replace(
        original,
        number=number,
        kind="reversal",
        issued_at=issued_at,
        issued_by=issued_by,
        booked_in=booked_in,
        rows=rows,
        totals=Totals(
            _negative(old.exact),
            _negative(old.rounding),
            _negative(old.net),
            _negative(old.vat),
            _negative(old.gross),
        ),
        pools=(),
        unresolved=None,
        overrun="0.00",
        reverses=original.number,
        reason=reason,
        difference=None,
    )


def encode(content: Content) -> str:
    """The text that is kept and signed for by its SHA-256."""
    return msgspec.json.encode(content).decode()


def decode(text: str | bytes) -> Content:
    """Read what `encode` wrote."""
    return msgspec.json.decode(text, type=Content)


def number(prefix: str, year: int, ordinal: int) -> str:
    """Such as ``RW-2026-000017``."""
    return f"{prefix}-{year}-{ordinal:06d}"


def numbers(prefix: str, at: datetime, taken: int, count: int) -> Sequence[str]:
    """The next `count` numbers of the year of `at` after `taken` ones."""
    return [number(prefix, at.year, taken + place) for place in range(1, count + 1)]
