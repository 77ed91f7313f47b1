"""A month of take-or-pay: charges, discounts, what a missed minimum costs and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.contracts.billing import Job, line
from rechenwerk.contracts.periods import (
    DAY,
    HOUR,
    begins,
    expires,
    overlap,
    period_at,
    periods,
    term,
    whole_period,
)
from rechenwerk.contracts.ports import Charge, Line, Statement
from rechenwerk.contracts.pricing import lots, repriced, spread, use_lines
from rechenwerk.contracts.terms import TakeOrPay
from rechenwerk.contracts.weights import ZERO, counts, dot, nano, weights

_ONE = Fraction(1)
_SHORT = frozenset({"minute", "hour", "day"})
"""Periods of these lengths stand alone: what was missed in one is not carried on to the next."""


class Flow(msgspec.Struct, frozen=True):
    """Charges in an hour.

    Attributes:
        paid: nano-units of money, before the committed discount and prepayments.
        counted: what counts towards the minimum, likewise: nano-units of money or of weighted usage.
        own: charged under this contract, not by one that it covers.
    """

    hour: int
    paid: Fraction
    counted: Fraction
    own: bool


class Due(msgspec.Struct, frozen=True):
    """A minimum in nano-units: what counts from `starts` on is compared with it at `at`."""

    starts: int
    at: int
    amount: Fraction


class Settled(msgspec.Struct, frozen=True):
    """How a minimum ended: missed by so much, and nano-units of money owed for that."""

    due: Due
    missed: Fraction
    owed: Fraction


class _Pool(msgspec.Struct):
    """A shortfall that was paid and pays later charges."""

    starts: int
    ends: int
    left: Fraction


class History(msgspec.Struct, frozen=True):
    """All that happened to the minimums so far.

    Attributes:
        prepaid: hour -> nano-units that earlier shortfalls paid.
        left: nano-units of prepayments that can still be used.
        expired: hour after which a prepayment was lost -> nano-units.
        counted: towards the minimum that is open now, nano-units; earlier shortfalls that were met by payment
            are in it.
        carried: what an earlier shortfall adds to it.
    """

    settled: tuple[Settled, ...]
    prepaid: dict[int, Fraction]
    left: Fraction
    expired: dict[int, Fraction]
    counted: Fraction
    carried: Fraction


def commitment(contract: TakeOrPay, job: Job) -> Statement:
    """The bill of a month."""
    use = _use_lines(contract, job)
    flows = flows_of(contract, job)
    discounts = (*_covered_discount(contract, job), *_committed_discount(contract, job, flows))
    history = settle(contract, flows, job.span[1], job.span[0])
    shortfalls = tuple(_shortfalls(contract, job, history))
    prepaid = tuple(_prepaid(job, history))
    hours: dict[int, Fraction] = {}
    for flow in flows:
        if flow.own and job.inside(flow.hour):
            hours[flow.hour] = hours.get(flow.hour, ZERO) + flow.paid
    later = sum(at.amount for at in (*discounts, *shortfalls, *prepaid) if not at.memo)
    return Statement(
        contract=contract.name,
        starts=job.span[0],
        ends=job.span[1],
        lines=(*use, *discounts, *shortfalls, *prepaid),
        charges=(
            *spread(hours, sum(at.amount for at in use)),
            *((Charge(job.span[1] - HOUR, later),) if later else ()),
        ),
    )


def _use_lines(contract: TakeOrPay, job: Job) -> tuple[Line, ...]:
    if contract.unit_price is None:
        priced = lots(contract, job.rates, job.use)
        return (*use_lines(priced, job.span), *repriced(contract, job.rates, job.use, job.span))
    weigh = weights(contract.weights)
    drawn = sum((dot(weigh, counts(at.usage)) for at in job.use if job.inside(at.hour)), ZERO)
    if not drawn:
        return ()
    return (line("drawn", "use", drawn, "weighted unit", Fraction(contract.unit_price)),)


def flows_of(contract: TakeOrPay, job: Job) -> list[Flow]:
    """Every charge that counts, in order of time."""
    flows = []
    if contract.unit_price is not None:
        weigh = weights(contract.weights)
        for used in job.use:
            drawn = dot(weigh, counts(used.usage)) * NANO
            flows.append(Flow(used.hour, drawn * Fraction(contract.unit_price), drawn, own=True))
    else:
        for lot in lots(contract, job.rates, job.use):
            counted = lot.amount if contract.counts == "paid" else lot.listed
            flows.append(Flow(lot.hour, lot.amount, counted, own=True))
    for charge in job.covered:
        paid = charge.amount * (1 - Fraction(contract.pricing.discount))
        listed = charge.amount if charge.listed is None else charge.listed
        flows.append(
            Flow(charge.hour, paid, paid if contract.counts == "paid" else Fraction(listed), own=False)
        )
    first, after = term(contract)
    return sorted((flow for flow in flows if first <= flow.hour < after), key=lambda flow: flow.hour)


def _covered_discount(contract: TakeOrPay, job: Job) -> Iterator[Line]:
    first, after = term(contract)
    inside = [at.amount for at in job.covered if job.inside(at.hour) and first <= at.hour < after]
    if inside and contract.pricing.discount:
        share = Fraction(contract.pricing.discount)
        what = f"{percent(share)} off what it covers"
        yield line(what, "discount", Fraction(sum(inside), NANO), "charged", -share)


def percent(share: Fraction) -> str:
    """A share as people read it."""
    return f"{float(share * 100):g} %"


def committed_off(contract: TakeOrPay, charged: Fraction, minimum: Fraction) -> Fraction:
    """What the committed discount takes off charges of a period; all in nano-units."""
    share = Fraction(contract.committed_discount)
    return share * min(charged, minimum / (1 - share)) if share else ZERO


def minimum_of(contract: TakeOrPay, second: int) -> tuple[int, int, Fraction]:
    """The period in which a second lies, and its minimum: of a period cut short the part that it runs."""
    interval = contract.period or "term"
    period = period_at(contract, interval, second)
    whole = whole_period(contract, interval, second)
    part = Fraction(overlap(period, whole), whole[1] - whole[0])
    return *period, nano(contract.minimum) * part


def _committed_discount(contract: TakeOrPay, job: Job, flows: Sequence[Flow]) -> Iterator[Line]:
    if not contract.committed_discount:
        return
    sums: dict[tuple[int, int, Fraction], list[Fraction]] = {}
    for flow in flows:
        if flow.hour < job.span[1]:
            upto = sums.setdefault(minimum_of(contract, flow.hour), [ZERO, ZERO])
            upto[1] += flow.paid
            if flow.hour < job.span[0]:
                upto[0] += flow.paid
    off = sum(
        (
            committed_off(contract, after, minimum) - committed_off(contract, before, minimum)
            for (_, _, minimum), (before, after) in sums.items()
        ),
        ZERO,
    )
    if off:
        what = f"{percent(Fraction(contract.committed_discount))} off up to the minimum"
        yield line(what, "discount", _ONE, "discount", None, amount=-off)


def due_at(contract: TakeOrPay, second: int) -> Due:
    """The minimum that is open at a time within the term."""
    first, after = term(contract)
    if not contract.milestones:
        begin, end, minimum = minimum_of(contract, second)
        return Due(begin, end, minimum)
    ends = [(begins(stone.by) + DAY, stone.amount) for stone in contract.milestones]
    at, amount = min(((at, amount) for at, amount in ends if at > second), default=(after, contract.minimum))
    return Due(first, at, nano(amount))


def matters_from(contract: TakeOrPay, second: int) -> int:
    """The first second that matters at a time: of the period if it stands alone, else of the term."""
    if contract.milestones or (contract.shortfall.rule != "pay" and contract.period not in _SHORT):
        return term(contract)[0]
    return minimum_of(contract, second)[0]


def dues(contract: TakeOrPay, since: int, until: int) -> Iterator[Due]:
    """The minimums that are compared between two times, in order."""
    first, after = term(contract)
    if contract.milestones:
        for stone in sorted(contract.milestones, key=lambda stone: stone.by):
            at = begins(stone.by) + DAY
            if at <= until and at < after:
                yield Due(first, at, nano(stone.amount))
        if after <= until:
            yield Due(first, after, nano(contract.minimum))
        return
    for begin, end in periods(contract, contract.period or "term", (since, until)):
        if end <= until:
            yield Due(begin, end, minimum_of(contract, begin)[2])


def settle(contract: TakeOrPay, flows: Sequence[Flow], until: int, since: int | None = None) -> History:
    """Play the minimums through, from the first time that matters: all flows, which end with `until`.

    Args:
        contract: the terms.
        flows: in order of time.
        until: epoch seconds.
        since: only minimums from then on are wanted; None: all.

    What an earlier shortfall pays does not count again: its money has met a minimum already.
    """
    worth = Fraction(contract.unit_price or 1)
    first, last = term(contract)
    since = first if since is None else max(first, matters_from(contract, min(since, last - 1)))
    flows = [flow for flow in flows if flow.hour >= since]
    settled: list[Settled] = []
    pools: list[_Pool] = []
    prepaid: dict[int, Fraction] = {}
    counted: dict[int, Fraction] = {}
    charged: dict[int, Fraction] = {}
    carried, index = ZERO, 0

    def play(to: int | None, starts: int) -> Fraction:
        """Let charges happen up to a time (None: all that are left); what counts then."""
        nonlocal index
        while index < len(flows) and (to is None or flows[index].hour < to):
            flow = flows[index]
            paid = _from_pools(pools, flow)
            if paid:
                prepaid[flow.hour] = prepaid.get(flow.hour, ZERO) + paid
            counted[starts] = counted.get(starts, ZERO) + flow.counted - paid
            charged[starts] = charged.get(starts, ZERO) + flow.paid
            index += 1
        return counted.get(starts, ZERO)

    def off(due: Due) -> Fraction:
        if contract.counts == "list" or contract.measure == "quantity":
            return ZERO
        return committed_off(contract, charged.get(due.starts, ZERO), due.amount)

    for due in dues(contract, since, until):
        missed = max(ZERO, due.amount + carried - play(due.at, due.starts) + off(due))
        carried = ZERO
        owed = missed * worth * Fraction(contract.shortfall.share)
        if contract.shortfall.rule == "carry" and due.at < last:
            carried, owed = missed, ZERO
        else:
            counted[due.starts] = counted.get(due.starts, ZERO) + missed
        if owed and contract.shortfall.rule == "prepayment":
            pools.append(_Pool(due.at, expires(contract.shortfall, due.at), owed))
        settled.append(Settled(due, missed, owed))
    now = due_at(contract, min(until, last - 1))
    return History(
        settled=tuple(settled),
        counted=play(None, now.starts) - off(now),
        carried=carried,
        prepaid=prepaid,
        left=sum((pool.left for pool in pools if pool.ends > until), ZERO),
        expired={pool.ends: pool.left for pool in pools if pool.ends <= until and pool.left},
    )


def _from_pools(pools: Sequence[_Pool], flow: Flow) -> Fraction:
    paid = ZERO
    for pool in pools:
        if pool.starts <= flow.hour < pool.ends:
            part = min(pool.left, max(ZERO, flow.paid - paid))
            pool.left -= part
            paid += part
    return paid


def _shortfalls(contract: TakeOrPay, job: Job, history: History) -> Iterator[Line]:
    now = [at for at in history.settled if at.missed and job.span[0] < at.due.at <= job.span[1]]
    owed = sum((at.owed for at in now), ZERO)
    if not now:
        return
    period = "milestone" if contract.milestones else contract.period or "term"
    missed = sum((at.missed for at in now), ZERO) / NANO
    what = f"minimum missed by {float(missed):,.2f}"
    if contract.shortfall.rule == "carry" and not owed:
        yield line(f"{what}, carried on", "shortfall", Fraction(len(now)), period, None, memo=True)
        return
    if contract.shortfall.rule == "prepayment":
        what += f"; pays charges of the next {contract.shortfall.months} months"
    yield line(what, "shortfall", Fraction(len(now)), period, None, amount=owed)


def _prepaid(job: Job, history: History) -> Iterator[Line]:
    paid = sum((part for hour, part in history.prepaid.items() if job.inside(hour)), ZERO)
    if paid:
        yield line("paid from a prepayment", "prepayment", _ONE, "prepayment", None, amount=-paid)
    lost = sum((part for end, part in history.expired.items() if job.span[0] < end <= job.span[1]), ZERO)
    if lost:
        yield line("prepayment expired", "expired", _ONE, "prepayment", None, amount=lost, memo=True)
    if history.left:
        what = "left of prepayments"
        yield line(what, "balance", _ONE, "prepayment", None, amount=history.left, memo=True)
