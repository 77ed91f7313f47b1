"""Matches a provider's bill with the books, day by day and model by model, and says why they differ.

For each day and model: bill = booked + settled + difference. Booked are posted calls and failed attempts, for
fees what was accrued. Settled is what calls of unknown cost are found to have cost; the rest is difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO, divide_half_even
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.bills import Bill, BillLine, Names, added, in_nano
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.prices import PriceList

Cause = Literal[
    "agrees",
    "settled",
    "rounding",
    "price",
    "cached-tokens",
    "used-elsewhere",
    "counted-less",
    "failed-not-billed",
    "half-price",
    "committed-discount",
    "day-boundary",
    "not-booked",
    "not-on-the-bill",
    "fee",
    "accrued",
    "tax",
    "unknown",
]

_CENT = NANO // 100


class Unresolved(msgspec.Struct, frozen=True):
    """A call that stands on the unresolved accounts; nano-units. `usage`: as counted; None: nobody did."""

    call: int
    organisation: int
    project: int
    contract: int
    cost: int
    price: int
    usage: Usage | None = None


class BookedDay(msgspec.Struct, frozen=True):
    """What the books have of a day, an upstream name and a contract.

    Attributes:
        posted, failed: costs in nano-units.
        usage: of posted calls, failed attempts and calls that were settled before.
        unresolved: calls to be settled.
        prices: what its calls are booked at, of the deployment that served the most.
        discount: the share that a commitment takes off; it is in the month's statement, not in its calls.
    """

    day: date
    upstream: str
    contract: int
    posted: int
    failed: int
    usage: Usage
    unresolved: tuple[Unresolved, ...] = ()
    prices: PriceList | None = None
    discount: Fraction = Fraction(0)

    @property
    def booked(self) -> int:
        """Everything but the unresolved calls."""
        return self.posted + self.failed


class Settled(msgspec.Struct, frozen=True):
    """What an unresolved call is found to have cost, and what it is charged; nano-units.

    Attributes:
        usage: what it is found to have used, so that tariffs count it; None: nothing tells.
        usage_from: ``bill``: its part of what the bill tells beyond the books; ``count``: as it was counted,
            in the proportion of its cost; ``mix``: as the day's other calls of the model, by cost.
    """

    call: Unresolved
    cost: int
    price: int
    usage: Usage | None = None
    usage_from: Literal["bill", "count", "mix", ""] = ""


class Row(msgspec.Struct, frozen=True):
    """A day and a model, matched; nano-units of the books' currency. Day and model are None and "" for fees.

    Attributes:
        until: the last day, where the bill tells several together.
        billed, booked: as they stand.
        open: what the unresolved calls are booked at, on their own accounts.
        settled: what those are found to have cost; billed = booked + settled + difference.
        cause, detail: why it differs, as far as can be seen.
        contract: on which the difference is booked.
    """

    day: date | None
    model: str
    contract: int
    billed: int
    booked: int
    open: int
    settled: int
    difference: int
    cause: Cause
    detail: str
    settlements: tuple[Settled, ...] = ()
    until: date | None = None


class _Cell:
    """What falls on one day and model, or on days that a line tells together, while it is put together."""

    def __init__(self) -> None:
        self.lines: list[BillLine] = []
        self.days: list[BookedDay] = []


def match(
    bill: Bill,
    names: Names,
    books: Sequence[BookedDay],
    period: Period,
    rate: Fraction = Fraction(1),
    accrued: Mapping[int, int] = MappingProxyType({}),
    home: int = 0,
) -> tuple[Row, ...]:
    """The rows of a bill against the books, by day and model; fees and tax last.

    A line of several days is matched with what the books have of all of them together.

    Days before the bill's first and after its last day of use are not looked at: it does not cover them.

    Args:
        bill: its lines must lie in the period.
        names: the provider's deployments.
        books: of the same provider and period.
        period: a month.
        rate: units of the books' currency for one of the bill's.
        accrued: contract -> nano-units accrued for the period and not billed yet; below zero what lowers it.
        home: the contract that takes what is billed where the books have nothing at all.

    Raises:
        RechenwerkError: a line outside of the period, or of a model that is bound to no deployment.
    """
    others: list[BillLine] = []
    used: dict[str, list[BillLine]] = defaultdict(list)
    for line in bill.lines:
        _check_days(line, period)
        if line.kind != "usage" or line.day is None:
            others.append(line)
            continue
        name = names.find(line.model)
        if name is None:
            raise RechenwerkError(
                f"{line.place}: the model {line.model!r} is bound to no deployment of this provider;"
                f" say which is meant with --map '{line.model}=NAME', or add a [[deployment]]"
            )
        used[name].append(line)
    cells = _cells(used)
    first, last = (
        min((at[0] for at in cells), default=date.max),
        max((at[2] for at in cells), default=date.min),
    )
    where = {
        (at[0] + timedelta(days=days), at[1]): at for at in cells for days in range((at[2] - at[0]).days + 1)
    }
    for day in books:
        if first <= day.day <= last:
            alone = (day.day, day.upstream, day.day)
            cells.setdefault(where.get((day.day, day.upstream), alone), _Cell()).days.append(day)
    main = max(books, key=lambda one: one.booked).contract if books else home
    rows = [_row(at, cells[at], rate, main) for at in sorted(cells)]
    left = dict(accrued)
    # What a commitment takes off is a part of what had accrued, and of no fee.
    taken: dict[int, int] = defaultdict(int)
    for row in rows:
        if row.cause == "committed-discount" and row.contract in left:
            taken[row.contract] += row.difference
            left[row.contract] -= row.difference
    fees = list(_others(others, main, rate, left))
    for contract, amount in taken.items():
        left[contract] += amount
    return (*_shifted(rows), *fees, *_accrued([*rows, *fees], left))


_Where = tuple[date, str, date]
"""The first day, the upstream name, the last day."""


def _check_days(line: BillLine, period: Period) -> None:
    for day in (line.day, line.last):
        if day is not None and not period.starts.date() <= day < period.ends.date():
            raise RechenwerkError(
                f"{line.place}: {day} is not in {period.name}; say --period, or split the file by month"
            )


def _cells(used: Mapping[str, Sequence[BillLine]]) -> dict[_Where, _Cell]:
    """Lines of a name by day; days that lines tell together, and what overlaps them, are one."""
    cells: dict[_Where, _Cell] = {}
    for name, lines in used.items():
        ordered = sorted(lines, key=lambda one: (one.day or date.max, one.last or date.max))
        first = until = date.min
        cell = _Cell()
        for line in ordered:
            assert line.day is not None
            assert line.last is not None
            if line.day > until:
                first, cell = line.day, _Cell()
            else:
                del cells[first, name, until]
            until = max(until, line.last)
            cell.lines.append(line)
            cells[first, name, until] = cell
    return cells


def _row(at: _Where, cell: _Cell, rate: Fraction, main: int) -> Row:
    day, name, until = at
    booked = sum(one.booked for one in cell.days)
    unresolved = [call for one in cell.days for call in one.unresolved]
    open_ = sum(call.cost for call in unresolved)
    billed = _billed(cell, rate)
    settled = min(max(billed - booked, 0), open_)
    difference = billed - booked - settled
    cause, detail = _cause(cell, billed, booked, settled, difference)
    contract = max(cell.days, key=lambda one: one.booked).contract if cell.days else main
    return Row(
        day,
        name,
        contract,
        billed,
        booked,
        open_,
        settled,
        difference,
        cause,
        detail,
        _settlements(cell, unresolved, settled),
        until if until > day else None,
    )


def _billed(cell: _Cell, rate: Fraction) -> int:
    """What the bill asks; where it tells usage alone, that usage at the price of the books."""
    amounts = [line.amount for line in cell.lines if line.amount is not None]
    if amounts:
        return in_nano(sum(amounts, Fraction(0)), rate)
    usage = _billed_usage(cell)
    prices = next((one.prices for one in cell.days if one.prices is not None), None)
    if usage is None or prices is None:
        return 0
    return prices.amount(usage)


def _billed_usage(cell: _Cell) -> Usage | None:
    known = [line.usage for line in cell.lines if line.usage is not None]
    return added(known) if known else None


def _settlements(cell: _Cell, calls: Sequence[Unresolved], settled: int) -> tuple[Settled, ...]:
    """Shares of what was found, by what the calls are booked at; the sum is exact.

    A call's price follows its cost: half of the highest cost is half of the highest price. Without a cost
    that could be compared the price stands.
    """
    costs = split(settled, [call.cost for call in calls])
    told = _told(cell, calls)
    return tuple(
        Settled(
            call,
            cost,
            divide_half_even(call.price * cost, call.cost) if call.cost else call.price,
            *((usage, "bill") if usage is not None else _found(cell, call, cost)),
        )
        for call, cost, usage in zip(calls, costs, told, strict=True)
    )


_TOKENS = BUCKETS[: BUCKETS.index("requests")]


def _told(cell: _Cell, calls: Sequence[Unresolved]) -> list[Usage | None]:
    """What the bill tells beyond what is booked, shared by what the calls are booked at."""
    billed, booked = _billed_usage(cell), added(one.usage for one in cell.days)
    left = {
        bucket: max(0, getattr(billed, bucket) - getattr(booked, bucket))
        for bucket in (_TOKENS if billed is not None else ())
    }
    if not any(left.values()):
        return [None for _ in calls]
    weights = [call.cost for call in calls]
    weights = weights if any(weights) else [1 for _ in calls]
    parts = {bucket: split(units, weights) for bucket, units in left.items()}
    return [Usage(**{bucket: parts[bucket][at] for bucket in _TOKENS}) for at in range(len(calls))]


def _found(cell: _Cell, call: Unresolved, cost: int) -> tuple[Usage | None, Literal["count", "mix", ""]]:
    """What a call used where the bill tells money alone."""
    if call.usage is not None:
        return (_part(call.usage, cost, call.cost) if call.cost else call.usage), "count"
    booked = sum(one.booked for one in cell.days)
    usage = added(one.usage for one in cell.days)
    if booked > 0 and any(getattr(usage, bucket) for bucket in _TOKENS):
        return _part(usage, cost, booked), "mix"
    return None, ""


def _part(usage: Usage, cost: int, whole: int) -> Usage:
    """Units in the proportion of a cost, each bucket rounded half-even; it is one request."""
    return Usage(**{bucket: divide_half_even(getattr(usage, bucket) * cost, whole) for bucket in _TOKENS})


def split(whole: int, weights: Sequence[int]) -> list[int]:
    """Shares of a whole by weight, by largest remainder: they add up exactly.

    All weights zero: everything falls on none, so `whole` must be zero.
    """
    total = sum(weights)
    if total == 0:
        return [0 for _ in weights]
    shares = [whole * weight // total for weight in weights]
    rests = sorted(range(len(weights)), key=lambda at: (-(whole * weights[at] % total), at))
    for at in rests[: whole - sum(shares)]:
        shares[at] += 1
    return shares


def _cause(cell: _Cell, billed: int, booked: int, settled: int, difference: int) -> tuple[Cause, str]:
    if difference == 0:
        calls = sum(len(one.unresolved) for one in cell.days)
        if calls:
            return "settled", f"{calls} calls whose usage was not known"
        return "agrees", ""
    if abs(difference) <= _CENT * max(len(cell.lines), 1) // 2:
        return "rounding", "less than half a cent a line"
    failed = sum(one.failed for one in cell.days)
    if failed and difference == -failed:
        return "failed-not-billed", "the provider did not charge failed attempts"
    if not cell.lines:
        return "not-on-the-bill", "billed late, free of charge, or under another name"
    if not cell.days or booked + settled == 0:
        return "not-booked", "used with this provider's key outside of the gateway, or under another name"
    discount = max(one.discount for one in cell.days)
    if discount and abs(billed - (booked + settled) * (1 - discount)) <= _CENT:
        return "committed-discount", f"{float(discount):.4g} off for the commitment, as the month has it"
    usage = _billed_usage(cell)
    if usage is not None:
        return _by_usage(cell, usage, billed)
    if billed and abs(2 * billed - booked) <= _CENT:
        return "half-price", "billed at half the price: batch or flex"
    return "unknown", _ratio(billed, booked + settled)


def _by_usage(cell: _Cell, billed: Usage, amount: int) -> tuple[Cause, str]:
    booked = added(one.usage for one in cell.days)
    there, here = _three(billed), _three(booked)
    if there == here:
        return "price", f"the same usage, {_ratio(amount, sum(one.booked for one in cell.days))}"
    if sum(there[:2]) == sum(here[:2]) and there[2] == here[2]:
        return "cached-tokens", f"{there[1]:,} of the input cached on the bill, {here[1]:,} in the books"
    more = sum(there) - sum(here)
    if more > 0:
        return "used-elsewhere", f"{more:,} tokens more than the gateway saw"
    if more < 0:
        return "counted-less", f"{-more:,} tokens less than the gateway saw"
    return "price", "input and output are divided otherwise"


def _three(usage: Usage) -> tuple[int, int, int]:
    """Fresh input, cached input, output: how providers report it."""
    return usage.input + usage.cache_write, usage.cached_input, usage.output + usage.reasoning


def _ratio(billed: int, booked: int) -> str:
    if not booked:
        return "nothing is booked"
    factor = Fraction(billed, booked)
    return f"billed is {float(factor):.4g} times what is booked"


def _shifted(rows: Iterable[Row]) -> list[Row]:
    """Differences of neighbouring days that undo each other: the provider's day begins at another hour."""
    kept = list(rows)
    at = {(row.day, row.model): place for place, row in enumerate(kept)}
    for place, row in enumerate(kept):
        if row.day is None or not row.difference or row.cause in {"rounding", "failed-not-billed"}:
            continue
        if row.until is not None:
            continue
        other = at.get((row.day + timedelta(days=1), row.model))
        if other is None or not kept[other].difference:
            continue
        if abs(row.difference + kept[other].difference) <= _CENT:
            for one in (place, other):
                kept[one] = msgspec.structs.replace(
                    kept[one], cause="day-boundary", detail="undone by the neighbouring day"
                )
    return kept


def _others(lines: Sequence[BillLine], contract: int, rate: Fraction, left: dict[int, int]) -> Iterator[Row]:
    """Fees and credits against what was accrued: the same amount if there is one, else the largest.

    Takes what it uses off `left`.
    """
    for line in lines:
        amount = in_nano(line.amount or Fraction(0), rate)
        cause: Cause = "tax" if line.kind == "tax" else "fee"
        chosen, booked = contract, 0
        alike = [one for one, rest in left.items() if rest * amount > 0] if cause == "fee" else []
        if alike:
            chosen = max(alike, key=lambda one: (left[one] == amount, abs(left[one])))
            booked = _common(amount, left[chosen])
            left[chosen] -= booked
        detail = line.description or f"{cause} of the bill"
        yield Row(line.day, "", chosen, amount, booked, 0, 0, amount - booked, cause, detail)


def _common(one: int, other: int) -> int:
    """The part that two amounts of the same sign share; 0 where their signs differ."""
    if one * other <= 0:
        return 0
    return min(one, other) if one > 0 else max(one, other)


def _accrued(rows: Sequence[Row], left: Mapping[int, int]) -> Iterator[Row]:
    """What is billed beside the calls' booked cost, as a month's tiers, discounts or credits have it."""
    over: dict[int, int] = defaultdict(int)
    for row in rows:
        over[row.contract] += row.difference
    for contract in sorted(over):
        found = _common(over[contract], left.get(contract, 0))
        if found:
            detail = "tiers, discounts and credits of the month, as they had accrued"
            yield Row(None, "", contract, 0, found, 0, 0, -found, "accrued", detail)


def totals(rows: Iterable[Row]) -> Mapping[str, int]:
    """Sums of all rows, by column."""
    kept = list(rows)
    return {
        name: sum(getattr(row, name) for row in kept)
        for name in ("billed", "booked", "open", "settled", "difference")
    }
