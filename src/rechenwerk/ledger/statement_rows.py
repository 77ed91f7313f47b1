"""Lines of a statement out of what was booked: by model and bucket, and whatever is not a call; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.money import NANO, divide_half_even, parse_money
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.prices import PriceList
from rechenwerk.ledger.statements import Row, RowKind, row

_PIECES = frozenset({"images", "seconds", "requests"})
_PLACES = 12
_KINDS: tuple[RowKind, ...] = ("adjustment", "discount", "settlement", "difference", "reversal", "allocation")


class Used(msgspec.Struct, frozen=True):
    """Calls of one model at one price list in a period.

    Attributes:
        prices: of a unit, as booked; None: they are not known, or differ from call to call.
        usage: bucket -> count.
        price: what they were booked at, nano-units.
    """

    model: str
    prices: PriceList | None
    calls: int
    usage: Mapping[str, int]
    price: int


class Entry(msgspec.Struct, frozen=True):
    """What is no call on a project's revenue: a voucher or a fee; `amount` below zero: given back.

    `model`: of a tariff's adjustment, whose month it is about.
    """

    kind: str
    reference: str
    text: str
    amount: int
    model: str = ""


def usage_rows(used: Sequence[Used]) -> list[Row]:
    """Lines of priced calls by model and bucket, and one for what rounding of single calls made.

    Where the calls of a model were not booked at these rates (costs plus a margin, minimums of a call),
    its buckets have counts only, and one line has what was booked.
    """
    rows: list[Row] = []
    rounding = 0
    for one in used:
        priced = _priced(one)
        if priced is None:
            rows += _counted(one)
            continue
        rows += priced
        rounding += one.price - sum(parse_money(line.exact) for line in priced)
    if rounding:
        rows.append(row("rounding", "", rounding))
    return rows


def _priced(used: Used) -> list[Row] | None:
    """The buckets at their unit prices; None when that is not what was booked."""
    if used.prices is None:
        return None
    prices = used.prices
    exact = Fraction(0)
    rows = []
    for bucket, numerator in zip(BUCKETS, prices.numerators, strict=True):
        count = used.usage[bucket]
        exact += Fraction(count * numerator, prices.denominator)
        if not count or (bucket == "requests" and not numerator):
            continue
        nano = divide_half_even(count * numerator, prices.denominator)
        per = 1 if bucket in _PIECES else 1_000_000
        price = _unit_price(Fraction(numerator * per, prices.denominator * NANO))
        more = {"bucket": bucket, "quantity": str(count), "unit_price": price}
        rows.append(row("usage", used.model, nano, per=per, **more))
    # Each call is rounded once, by half a nano-unit at most.
    return rows if abs(used.price - exact) * 2 <= used.calls else None


def _unit_price(price: Fraction) -> str:
    """As decimal text, exact to a thousandth of a nano-unit."""
    whole = divide_half_even(price.numerator * 10**_PLACES, price.denominator)
    text = f"{whole // 10**_PLACES}.{whole % 10**_PLACES:0{_PLACES}d}".rstrip("0")
    return text.rstrip(".")


def _counted(used: Used) -> list[Row]:
    rows = [
        row("usage", used.model, 0, bucket=bucket, quantity=str(used.usage[bucket]))
        for bucket in BUCKETS
        if used.usage[bucket] and bucket != "requests"
    ]
    return [*rows, row("calls", used.model, used.price, quantity=str(used.calls))]


def unresolved_rows(used: Sequence[Used]) -> list[Row]:
    """Calls whose usage nobody reported, at what they are booked at until a record or a bill settles them."""
    return [row("unresolved", one.model, one.price, quantity=str(one.calls)) for one in used]


def entry_rows(entries: Iterable[Entry]) -> list[Row]:
    """Lines of vouchers and fees, kind by kind."""
    found: list[Row] = []
    for entry in entries:
        kind: RowKind = "fee" if entry.kind == "fee" else "other"
        for known in _KINDS:
            if entry.kind == known:
                kind = known
        text, note = (entry.model, "tariff") if entry.model else (entry.text, "")
        found.append(row(kind, text, entry.amount, reference=entry.reference, note=note))
    order = ("adjustment", "discount", "settlement", "difference", "reversal", "other", "fee", "allocation")
    return sorted(found, key=lambda one: order.index(one.kind))


def summed(statements: Iterable[Sequence[Row]]) -> tuple[Row, ...]:
    """What several projects used, by kind, model, bucket and unit price; exact sums."""
    amounts: defaultdict[tuple[RowKind, str, str, int, str], list[int]] = defaultdict(lambda: [0, 0])
    for rows in statements:
        for one in rows:
            named = one.kind in {"usage", "calls", "unresolved"}
            key = (one.kind, one.text if named else "", one.bucket, one.per, one.unit_price)
            amounts[key][0] += int(one.quantity or 0)
            amounts[key][1] += parse_money(one.exact)
    return tuple(
        row(kind, text, nano, bucket=bucket, quantity=str(count or ""), per=per, unit_price=price)
        for (kind, text, bucket, per, price), (count, nano) in sorted(amounts.items(), key=_place)
    )


def _place(item: tuple[tuple[RowKind, str, str, int, str], list[int]]) -> tuple[int, str, int, str]:
    kind, text, bucket, _, price = item[0]
    kinds = ("usage", "calls")
    return (
        0 if kind in kinds else 1,
        text if kind in kinds else kind + text,
        BUCKETS.index(bucket) if bucket else len(BUCKETS),
        price,
    )
