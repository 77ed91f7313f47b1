"""What a contract costs in a period, apart from what is only paid in it, and how much of it use bears.

A statement says what is *due*. Of that, some was paid for later months (a credit that was bought, a part of a
term that is paid at its start, a shortfall that pays later charges); it becomes cost month by month, as it
is drawn, or expires:

    due = cost of the period + what was prepaid in it (below zero: prepaid before, used up now)

Every part of the cost says which share of it use bears; the rest is capacity that was paid and not used:

    use, discounts, tiers, overflow, energy for load    all of it
    fees of provisioned capacity, a group of blocks     the share of its throughput used, hour by hour
    depreciation, upkeep, energy switched on            the share of the machine's throughput, likewise
    shortfalls, credits and prepayments that expired    nothing
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from rechenwerk.base.money import NANO, format_money
from rechenwerk.contracts.bill import Billed
from rechenwerk.contracts.bill_capacity import names, per_minute, takes
from rechenwerk.contracts.bill_owned import FOR_LOAD
from rechenwerk.contracts.billing import lasts
from rechenwerk.contracts.periods import HOUR, Span, overlap, periods, runs, term, whole_period
from rechenwerk.contracts.ports import Line, Used
from rechenwerk.contracts.terms import (
    Block,
    Contract,
    Grant,
    Interval,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
)
from rechenwerk.contracts.weights import ZERO, Vector, counts, dot, nano_whole, weights
from rechenwerk.ledger.prices import PriceList

_ONE = Fraction(1)

_KeyName = Literal["weighted units", "spend at list rates", "tokens", "requests"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the cost of a period.

    Attributes:
        what: for people, as the line of the statement says.
        sort: as `Line.sort`.
        amount: nano-units; below zero for what is taken off.
        used: the share that use bears, 0 to 1; the rest was paid and not used.
        weigh: what a unit of usage counts when it is shared out; None: by spend at list rates.
    """

    what: str
    sort: str
    amount: int
    used: Fraction
    weigh: Vector | None = None

    @property
    def borne(self) -> int:
        """Nano-units that use bears, rounded half-even."""
        return round(self.amount * self.used)

    @property
    def idle(self) -> int:
        """Nano-units that were paid and not used."""
        return self.amount - self.borne


class Cost(msgspec.Struct, frozen=True):
    """What a contract costs in a piece of a month: `due` is `prepaid` and all parts.

    Attributes:
        lines: of the statement, memos left out; their sum is due.
        prepaid: nano-units paid for later; below zero: used up of what was paid before.
        by: names of the contracts whose use bears it: its own, those that it covers, those that spill to it.
    """

    contract: str
    starts: int
    ends: int
    lines: tuple[Line, ...]
    prepaid: int
    parts: tuple[Part, ...]
    by: tuple[str, ...]

    @property
    def due(self) -> int:
        """Nano-units that the statement says."""
        return sum(line.amount for line in self.lines)


def cost_of(billed: Billed, rates: Mapping[str, PriceList], spilling: Sequence[str] = ()) -> Cost:
    """Read a bill as cost.

    Args:
        billed: the bill.
        rates: list rates by deployment.
        spilling: names of contracts that spill to this one.
    """
    terms, statement = billed.piece.terms, billed.statement
    lines = tuple(line for line in statement.lines if not line.memo)
    inside = [at for at in billed.use if billed.piece.span[0] <= at.hour < billed.piece.span[1]]
    prepaid, parts = _READERS.get(type(terms), _plain)(_Read(terms, billed, lines, inside, rates))
    return Cost(
        contract=statement.contract,
        starts=statement.starts,
        ends=statement.ends,
        lines=lines,
        prepaid=prepaid,
        parts=tuple(part for part in parts if part.amount),
        by=tuple(dict.fromkeys((terms.name, *terms.covers, *spilling))),
    )


class _Read(msgspec.Struct, frozen=True):
    """What the readers read: `use` of the piece only."""

    terms: Any
    billed: Billed
    lines: tuple[Line, ...]
    use: list[Used]
    rates: Mapping[str, PriceList]


Read = tuple[int, list[Part]]
"""What was prepaid, and the parts of the cost."""


def _part(line: Line, used: Fraction = _ONE, weigh: Vector | None = None) -> Part:
    return Part(what=line.what, sort=line.sort, amount=line.amount, used=used, weigh=weigh)


def _plain(read: _Read) -> Read:
    """Everything is for use."""
    weigh = weights(read.terms.weights) if isinstance(read.terms, Grant) else None
    return 0, [_part(line, weigh=weigh) for line in read.lines]


def _credit(read: _Read) -> Read:
    """A credit is bought whole and becomes cost as it is drawn, at what was paid for it."""
    terms: PrepaidCredit = read.terms
    worth = nano_whole(terms.balance)
    price = worth if terms.paid is None else nano_whole(terms.paid)

    def value(left: int) -> int:
        return round(Fraction(price * left, worth)) if worth else 0

    drawn = -sum(line.amount for line in read.lines if line.sort == "credit" and line.amount < 0)
    (after,) = [line for line in read.billed.statement.lines if line.sort in {"expired", "balance"}]
    lost = value(after.amount) if after.sort == "expired" and not terms.rolls_over else 0
    span = read.billed.piece.span
    bought = terms.starts is not None and span[0] <= term(terms)[0] < span[1]
    before = 0 if bought else value(after.amount + drawn)
    held = value(after.amount) - lost
    parts = [_part(line) for line in read.lines if line.sort == "use"]
    cheaper = value(after.amount + drawn) - value(after.amount) - drawn
    what = f"{format_money(price)} was paid for {format_money(worth)}"
    parts.append(Part(what=what, sort="discount", amount=cheaper, used=_ONE))
    parts.append(Part(what=after.what, sort="expired", amount=lost, used=ZERO))
    return held - before, parts


def _commitment(read: _Read) -> Read:
    """A missed minimum is idle, unless it pays later charges: then what expires of that is."""
    terms: TakeOrPay = read.terms
    weigh = weights(terms.weights) if terms.unit_price is not None else None
    prepaid, parts = 0, []
    for line in read.lines:
        if line.sort == "prepayment" or (line.sort == "shortfall" and terms.shortfall.rule == "prepayment"):
            prepaid += line.amount
        else:
            parts.append(_part(line, ZERO if line.sort == "shortfall" else _ONE, weigh))
    for line in read.billed.statement.lines:
        if line.sort == "expired":
            prepaid -= line.amount
            parts.append(_part(line, ZERO))
    return prepaid, parts


def _capacity(read: _Read) -> Read:
    """Fees even over the time that they are for; what was used of them, hour by hour and block by block."""
    terms: Provisioned = read.terms
    paid = sum(line.amount for line in read.lines if line.sort == "fee")
    parts, earned = [], 0
    for name, blocks in names(terms).items():
        used = _used(terms, read, _filled(blocks, read))
        for block in blocks:
            fee = _earned(terms, block, read.billed.piece.span)
            earned += fee
            weigh = None if block.measure == "spend" else weights(block.weights)
            what = f"{block.units:f} {name}, used or not"
            parts.append(Part(what=what, sort="fee", amount=fee, used=used, weigh=weigh))
    first = terms.blocks[0]
    weigh = None if first.measure == "spend" else weights(first.weights)
    parts += [_part(line, weigh=weigh) for line in read.lines if line.sort == "use"]
    parts += [_part(line) for line in read.lines if line.sort not in {"fee", "use"}]
    return paid - earned, parts


def _earned(terms: Provisioned, block: Block, span: Span) -> int:
    """The fee of a block for a span, whenever it is paid."""
    quantity = Fraction(block.units) * _even(terms, span, block.per)
    return round(quantity * Fraction(block.hold_fee) * NANO)


def _even(terms: Contract, span: Span, per: Interval) -> Fraction:
    """How many intervals a span is, evenly by time; where one has no end, when it is due.

    Counted from the first day an interval is paid whole, though the contract may end within it.
    """
    if per in {"minute", "hour", "day"} or (per == "term" and terms.ends is None):
        return lasts(terms, span, per)
    first, after = term(terms)
    running = (max(span[0], first), min(span[1], after))
    count = ZERO
    for period in periods(terms, per, span):
        paid = period if terms.anchor == "starts" else whole_period(terms, per, period[0])
        count += Fraction(overlap(running, paid), paid[1] - paid[0])
    return count


def _filled(blocks: Sequence[Block], read: _Read) -> Callable[[Sequence[Used]], Fraction]:
    """The share of an hour's throughput that use took; where that is not told, all of it if it was used."""
    room = per_minute(blocks)

    def share(use: Sequence[Used]) -> Fraction:
        wanted = sum((takes(blocks[0], read.rates[at.deployment], at.usage) for at in use), ZERO)
        if not room:
            return _ONE if wanted else ZERO
        return min(_ONE, wanted / (60 * room))

    return share


def _used(terms: Contract, read: _Read, share: Callable[[Sequence[Used]], Fraction]) -> Fraction:
    """The mean share of the hours in which a contract runs."""
    span = read.billed.piece.span
    hours: dict[int, list[Used]] = {}
    for at in read.use:
        if runs(terms, at.hour):
            hours.setdefault(at.hour, []).append(at)
    first, after = term(terms)
    running = max(0, min(span[1], after) - max(span[0], first))
    return sum(map(share, hours.values()), ZERO) * HOUR / running if running else ZERO


def _hardware(read: _Read) -> Read:
    """Energy for load is use's; the rest by the share of the throughput that was used."""
    terms: OwnHardware = read.terms
    weigh = weights(terms.weights)
    full = Fraction(terms.throughput) * 60

    def share(use: Sequence[Used]) -> Fraction:
        wanted = sum((dot(weigh, counts(at.usage)) for at in use), ZERO)
        return min(_ONE, wanted / full) if full else ZERO

    used = _used(terms, read, share)
    return 0, [_part(line, _ONE if line.what == FOR_LOAD else used, weigh) for line in read.lines]


_READERS: Mapping[type[Any], Callable[[_Read], Read]] = MappingProxyType(
    {
        PrepaidCredit: _credit,
        TakeOrPay: _commitment,
        Provisioned: _capacity,
        OwnHardware: _hardware,
    }
)


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one project, deployment and endpoint in a period, summed: who bears cost, and by what key.

    Attributes:
        organisation, project, deployment: their ids.
        contract: name of the one that the calls were booked under.
        usage: in the order of `base.usage.BUCKETS`.
        booked: nano-units that the calls were booked at where their usage is known.
        listed: the same at list rates.
    """

    organisation: int
    project: int
    deployment: int
    endpoint: str
    contract: str
    usage: tuple[int, ...]
    booked: int
    listed: int


class Shared(msgspec.Struct, frozen=True):
    """Cost shared out.

    Attributes:
        amounts: nano-units on top of what the calls were booked at, beside `served`; below zero: less.
        idle: nano-units that were paid and not used.
        key: what it was shared out by; empty where nobody used anything.
    """

    amounts: tuple[int, ...]
    idle: int
    key: str


def share_out(costs: Sequence[Cost], served: Sequence[Served]) -> Shared:
    """Share out what the pieces of a contract's month cost beside what its calls were booked at.

    What calls were booked at is part of what use bears, so that only the rest is shared out. Where nobody
    used anything all of it is idle. Whole nano-units that add up, in the order of `served`.

    Args:
        costs: pieces of a month of one contract.
        served: who used the contracts of `Cost.by` in it, in an order that stays.
    """
    parts = [part for cost in costs for part in cost.parts]
    names_of = {name for cost in costs for name in cost.by}
    own = costs[0].contract if costs else ""
    booked = sum(at.booked for at in served if at.contract == own)
    whole = sum(part.amount for part in parts)
    base = [at if at.contract in names_of else None for at in served]
    if not any(at is not None for at in base):
        return Shared((0,) * len(served), whole - booked, "")
    idle = sum(part.idle for part in parts)
    rest = whole - idle - booked
    key, numbers = _key(parts, base)
    return Shared(_spread(rest, numbers), idle, key)


def _key(parts: Sequence[Part], base: Sequence[Served | None]) -> tuple[str, list[Fraction]]:
    """Each part by its own key, and together as much as it weighs; what is taken off follows what is paid."""
    paid = [part for part in parts if part.borne > 0] or [part for part in parts if part.borne]
    together: dict[tuple[Vector | None], int] = {}
    for part in paid:
        together[part.weigh,] = together.get((part.weigh,), 0) + abs(part.borne)
    names: dict[str, None] = {}
    numbers = [ZERO for _ in base]
    for (weigh,), amount in (together or {(None,): 1}).items():
        name, own = _numbers(weigh, base)
        names[name] = None
        whole = sum(own, ZERO)
        numbers = [a + amount * b / whole for a, b in zip(numbers, own, strict=True)]
    return " and ".join(names), numbers


def _numbers(weigh: Vector | None, base: Sequence[Served | None]) -> tuple[_KeyName, list[Fraction]]:
    """What everybody counts; where the key says nothing of anybody, the next one."""
    by_list: _KeyName = "spend at list rates" if weigh is None else "weighted units"

    def number(name: _KeyName, at: Served) -> Fraction:
        if name == "tokens":
            return Fraction(sum(at.usage[:5]))
        return Fraction(at.listed) if weigh is None else dot(weigh, tuple(map(Fraction, at.usage)))

    names: tuple[_KeyName, ...] = (by_list, "tokens")
    for name in names:
        numbers = [ZERO if at is None else number(name, at) for at in base]
        if any(numbers):
            return name, numbers
    return "requests", [ZERO if at is None else Fraction(at.usage[-1] or 1) for at in base]


def _spread(total: int, numbers: Sequence[Fraction]) -> tuple[int, ...]:
    whole = sum(numbers, ZERO)
    seen, given, found = ZERO, 0, []
    for number in numbers:
        seen += number
        upto = round(total * seen / whole)
        found.append(upto - given)
        given = upto
    return tuple(found)


def pieces_of(versions: Sequence[tuple[int, Contract]], span: Span) -> Iterator[tuple[Span, Contract]]:
    """A span cut where other terms begin to hold.

    Args:
        versions: first second of each and its terms, ascending; the first holds for what came before, too.
        span: begins and ends with whole hours.
    """
    at, terms = span[0], versions[0][1]
    for since, later in versions[1:]:
        border = min(max(since // HOUR * HOUR, span[0]), span[1])
        if border > at:
            yield (at, border), terms
            at = border
        terms = later
    if at < span[1]:
        yield (at, span[1]), terms
