"""A month of own hardware and of grants."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from rechenwerk.base.money import NANO
from rechenwerk.contracts.billing import Job, lasts, line
from rechenwerk.contracts.periods import (
    HOUR,
    add_months,
    begins,
    day_of,
    ends_at,
    month_span,
    period_at,
    runs,
    term,
)
from rechenwerk.contracts.ports import Charge, Line, Statement
from rechenwerk.contracts.pricing import charges_of, lots, spread, use_lines
from rechenwerk.contracts.terms import Grant, OwnHardware
from rechenwerk.contracts.weights import ZERO, counts, dot, weights

_ONE = Fraction(1)
SWITCHED_ON, FOR_LOAD = "energy, switched on", "energy, for load"
"""What the lines of a machine's energy are called: what it draws idling, and what use draws on top."""


def hardware(contract: OwnHardware, job: Job) -> Statement:
    """The cost of a month: a part of the price, upkeep, energy."""
    lines = [*_written_off(contract, job)]
    months = lasts(contract, job.span, "month")
    if contract.upkeep and months:
        lines.append(line("upkeep", "upkeep", months, "month", Fraction(contract.upkeep)))
    lines += _energy(contract, job)
    due = sum(at.amount for at in lines)
    return Statement(
        contract=contract.name,
        starts=job.span[0],
        ends=job.span[1],
        lines=tuple(lines),
        charges=(Charge(max(job.span[0], term(contract)[0]), due),) if due else (),
    )


def _written_off(contract: OwnHardware, job: Job) -> Iterator[Line]:
    """Equal parts from the month of purchase on, each month whole; of a part of a month its part."""
    if contract.starts is None:
        return
    first = contract.starts.replace(day=1)
    last = begins(add_months(first, contract.months))
    end = ends_at(contract)
    if begins(first) <= job.span[0] < last and (end is None or job.span[0] < end):
        part = (Fraction(contract.purchase) - Fraction(contract.residual)) / contract.months
        month = month_span(day_of(job.span[0]))
        share = Fraction(job.span[1] - job.span[0], month[1] - month[0])
        yield line(f"1/{contract.months} of the price", "depreciation", share, "month", part)


def kw(contract: OwnHardware, load: Fraction) -> Fraction:
    """What the site draws for the machine at a load from 0 to 1."""
    idle = Fraction(contract.idle_kw)
    return (idle + (Fraction(contract.load_kw) - idle) * load) * Fraction(contract.pue)


def _energy(contract: OwnHardware, job: Job) -> Iterator[Line]:
    weigh = weights(contract.weights)
    used: dict[int, Fraction] = {}
    for at in job.use:
        used[at.hour] = used.get(at.hour, ZERO) + dot(weigh, counts(at.usage))
    full = Fraction(contract.throughput) * 60
    idle = busy = idle_cost = busy_cost = ZERO
    for hour in range(job.span[0], job.span[1], HOUR):
        if runs(contract, hour):
            price = Fraction(job.energy(hour)) if job.energy is not None else ZERO
            load = min(_ONE, used.get(hour, ZERO) / full) if full else ZERO
            rest = kw(contract, ZERO)
            more = kw(contract, load) - rest
            idle, busy = idle + rest, busy + more
            idle_cost, busy_cost = idle_cost + rest * price, busy_cost + more * price
    for what, energy, cost in ((SWITCHED_ON, idle, idle_cost), (FOR_LOAD, busy, busy_cost)):
        if energy:
            yield line(what, "energy", energy, "kWh", None, amount=cost * NANO)


def grant(contract: Grant, job: Job) -> Statement:
    """The cost of a month: what is drawn, at the grant's price; past the quota as the overflow rule says."""
    weigh = weights(contract.weights)
    left: dict[int, Fraction] = {}
    inside: dict[int, Fraction] = {}
    past = []
    for used in job.use:
        begin = period_at(contract, contract.per, used.hour)[0]
        room = left.get(begin)
        if room is None:
            room = Fraction(contract.quantity) + _carried(contract, left, begin)
        wanted = dot(weigh, counts(used.usage)) / Fraction(contract.usage_per_unit)
        fits = runs(contract, used.hour) and (wanted <= room or contract.overflow.rule == "refuse")
        left[begin] = max(ZERO, room - wanted) if fits else room
        if not job.inside(used.hour):
            continue
        if fits:
            inside[used.hour] = inside.get(used.hour, ZERO) + wanted
        else:
            past.append(used)
    drawn = sum(inside.values(), ZERO)
    lines = [line("drawn", "use", drawn, contract.unit, Fraction(contract.unit_price))]
    due = lines[0].amount
    spill = contract.overflow.to if contract.overflow.rule == "spill" else None
    priced = lots(contract, job.rates, [] if spill else past)
    lines += use_lines(priced, job.span)
    end = period_at(contract, contract.per, min(job.span[1], term(contract)[1]) - 1)[0]
    remains = left.get(end, Fraction(contract.quantity) + _carried(contract, left, end))
    lines.append(line("left", "balance", remains, contract.unit, None, memo=True))
    return Statement(
        contract=contract.name,
        starts=job.span[0],
        ends=job.span[1],
        lines=tuple(lines),
        charges=(
            *spread(inside, due),
            *charges_of(priced, job.span, sum(at.amount for at in lines[1:-1])),
        ),
        spilled=tuple(past) if spill else (),
    )


def _carried(contract: Grant, left: dict[int, Fraction], begin: int) -> Fraction:
    """What earlier intervals left, where it carries; intervals without use count whole."""
    if not contract.carries or contract.per == "term":
        return ZERO
    carried = ZERO
    at = term(contract)[0]
    while at < begin:
        end = period_at(contract, contract.per, at)[1]
        if at in left:
            carried = left[at]
        else:
            carried += Fraction(contract.quantity)
        at = end
    return carried
